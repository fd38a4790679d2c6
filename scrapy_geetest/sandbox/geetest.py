"""A local GeeTest: registers and validates v3 challenges, validates v4 solutions, and (for the service) makes solutions.

The protocol of ``/register.php`` and ``/validate.php`` is that of GeeTest's own server SDK (PyPI ``geetest`` 3.2.1); that of
the v4 ``/validate`` is documented by GeeTest.
"""

from __future__ import annotations

import base64
import hmac
from hashlib import md5
from typing import TYPE_CHECKING

from attrs import define, field

from .captchas import CAPTCHAS, CONSTANT, V4_FIELDS, Captcha, sign_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from .books import Books, TaskEntry
    from .options import Options


@define
class _Issued:
    captcha: Captcha
    time: float
    used: bool = False


@define
class _Pass:
    captcha: Captcha
    values: Mapping[str, str]
    until: float
    entry: TaskEntry | None = None
    used: bool = False


@define
class GeeTest:
    """GeeTest's side: what was registered, and which solutions are good. Times are seconds of ``clock``.

    Attributes:
        captchas: Those that it knows, by their public ids: the sandbox's own, and those of saved pages.
    """

    options: Options
    books: Books
    clock: Callable[[], float]
    wall: Callable[[], float]
    random: Random
    captchas: dict[str, Captcha] = field(init=False)
    _issued: dict[str, _Issued] = field(factory=dict)
    _passes: dict[str, _Pass] = field(factory=dict)
    _registrations: int = 0

    def __attrs_post_init__(self) -> None:
        saved = [page.check.captcha for page in self.options.saved_pages() if page.check is not None]
        self.captchas = {captcha.id: captcha for captcha in (*saved, *CAPTCHAS.values())}

    def register(self, gt: str) -> str:
        """Answer ``/register.php``: 32 hexadecimal digits, or nothing where GeeTest is offline or the id is unknown.

        The site's SDK makes its challenge of it, ``md5(answer + private key)``, and GeeTest remembers that one.
        """
        captcha = self.captchas.get(gt)
        self._registrations += 1
        offline = self.options.offline == "always" or self._registrations <= int(self.options.offline)
        if captcha is None or offline:
            self.books.registers.append({"gt": gt, "challenge": "", "time": self.wall()})
            return ""
        bare = self._hex(32)
        challenge = md5((bare + captcha.key).encode()).hexdigest()
        self._issued[challenge] = _Issued(captcha, self.clock())
        self.books.registers.append({"gt": gt, "challenge": challenge, "time": self.wall()})
        return bare

    def take(self, captcha: Captcha, challenge: str) -> tuple[float | None, bool]:
        """Use up a challenge.

        Returns:
            Its age in seconds (``None``: never issued for this id), and whether it was unused and fresh.
        """
        if _is_constant(captcha, challenge):
            return None, True
        issued = self._issued.get(challenge)
        if issued is None or issued.captcha is not captcha:
            return None, False
        age = self.clock() - issued.time
        good = not issued.used and age <= self.options.challenge_seconds
        issued.used = True
        return age, good

    def solve_v3(
        self, captcha: Captcha, challenge: str, made: float, *, wrong: bool, entry: TaskEntry | None = None
    ) -> dict[str, str]:
        """A v3 solution. Its challenge has two more characters, as after a slide; a wrong one is unknown to GeeTest."""
        longer = challenge + self._hex(6 if _is_constant(captcha, challenge) else 2)
        validate = md5(f"{captcha.key}geetest{longer}".encode()).hexdigest()
        solution = {"challenge": longer, "validate": validate, "seccode": f"{validate}|jordan"}
        if not wrong:
            self._passes[longer] = _Pass(captcha, solution, made + self.options.solution_seconds, entry)
        return solution

    def solve_v4(self, captcha: Captcha, made: float, *, wrong: bool, entry: TaskEntry | None = None) -> dict[str, str]:
        """A v4 solution; a wrong one is unknown to GeeTest."""
        solution = {
            "lot_number": self._hex(32),
            "pass_token": self._hex(64),
            "gen_time": str(int(self.wall() - (self.clock() - made))),
            "captcha_output": base64.b64encode(self.random.randbytes(96)).decode(),
        }
        if not wrong:
            until = made + self.options.solution_seconds
            self._passes[solution["lot_number"]] = _Pass(captcha, solution, until, entry)
        return {"captcha_id": captcha.id, **solution}

    def solution(self, key: str) -> Mapping[str, str] | None:
        """The solution that was made under a challenge or a lot number."""
        found = self._passes.get(key)
        return None if found is None else found.values

    def validate_v3(self, challenge: str, seccode: str) -> bool:
        """Answer ``/validate.php``: is this the solution of that challenge, unused and young enough?"""
        found = self._passes.get(challenge)
        good = found is not None and found.values.get("seccode") == seccode and self._use(found)
        self._note(found.captcha.site if found else "unknown", passed=good)
        return good

    def validate_v4(self, captcha_id: str, fields: Mapping[str, str]) -> tuple[str, str]:
        """Answer the v4 ``/validate``: ``("success", "")``, or ``("fail", reason)``."""
        captcha = self.captchas.get(captcha_id)
        reason = self._judge(captcha, fields)
        result = "fail" if reason else "success"
        self._note(captcha.site if captcha else "unknown", passed=not reason)
        self.books.v4_validates.append({"captcha_id": captcha_id, **fields, "result": result, "reason": reason})
        return result, reason

    def _judge(self, captcha: Captcha | None, fields: Mapping[str, str]) -> str:
        if captcha is None or captcha.is_v3:
            return "captcha_id error"
        lot_number = fields.get("lot_number", "")
        if not hmac.compare_digest(sign_token(captcha, lot_number).encode(), fields.get("sign_token", "").encode()):
            return "sign_token error"
        found = self._passes.get(lot_number)
        if found is None or found.captcha is not captcha:
            return "lot_number error"
        if any(fields.get(name) != found.values[name] for name in V4_FIELDS):
            return "pass_token error"
        return "" if self._use(found) else "pass_token expire"

    def _use(self, found: _Pass) -> bool:
        good = not found.used and self.clock() <= found.until
        found.used = True
        if found.entry is not None:
            found.entry.used += 1
        return good

    def _note(self, site: str, *, passed: bool) -> None:
        self.books.validations[site]["passed" if passed else "failed"] += 1

    def _hex(self, digits: int) -> str:
        return f"{self.random.getrandbits(4 * digits):0{digits}x}"


def _is_constant(captcha: Captcha, challenge: str) -> bool:
    return captcha is CAPTCHAS["constant"] and challenge == CONSTANT

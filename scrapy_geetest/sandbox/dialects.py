"""How each solving service words the createTask protocol: tasks, ids, statuses, errors, as its documentation has it."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from .tasks import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Fields = dict[str, Any]


def _as_it_is(task: Fields) -> Fields:
    return task


@frozen(kw_only=True)
class Dialect:
    """What is particular about a service.

    Attributes:
        name: What it is called.
        api_key: The client key that it accepts, unless it is told another.
        plain: Turns a task into CapMonster Cloud's words, which are checked field by field; raises ``Refusal``.
        codes: Its codes for CapMonster Cloud's, where they differ, with the HTTP status that comes along.
        numbers: The ``errorId`` of a code; 1 for those that are not here.
        reports: Its calls for reports.
        uuid: Whether tasks are known by UUIDs.
        idle: Whether createTask tells a status, and a task is ``idle`` there and at its first poll.
        cost_as_text: Whether a cost is a string.
        costs: Whether it tells the cost at all.
        poll_floor: Least seconds between two polls of a task.
        keep_seconds: How long a finished task is kept.
    """

    name: str
    api_key: str
    plain: Callable[[Fields], Fields] = _as_it_is
    codes: Mapping[str, tuple[str, int]] = field(factory=dict)
    numbers: Mapping[str, int] = field(factory=dict)
    reports: tuple[str, ...] = ()
    uuid: bool = False
    idle: bool = False
    cost_as_text: bool = False
    costs: bool = True
    poll_floor: float = 2.0
    keep_seconds: float = 300.0

    def refusal(self, refusal: Refusal) -> Refusal:
        """A refusal in this service's words."""
        code, status = self.codes.get(refusal.code, (refusal.code, refusal.status))
        return Refusal(code, refusal.description, status)

    def error_id(self, code: str) -> int:
        """The number that goes with an error code."""
        return self.numbers.get(code, 1)


def _without_empty(task: Fields) -> Fields:
    return {name: value for name, value in task.items() if value not in ("", None, {})}


def _workers_task(task: Fields) -> Fields:
    """Version 3 need not be said."""
    plain = _without_empty(task)
    return {"version": 3, **plain}


def _two_captcha(task: Fields) -> Fields:
    plain = _workers_task(task)
    if plain["version"] != 4:  # noqa: PLR2004 - GeeTest's version
        return plain
    parameters = plain.pop("initParameters", None)
    if not isinstance(parameters, dict) or not parameters.get("captcha_id"):
        raise Refusal("ERROR_INVALID_TASK", "initParameters.captcha_id: missing")
    return {**plain, "gt": parameters["captcha_id"]}


def _anti_captcha(task: Fields) -> Fields:
    plain = _workers_task(task)
    if "proxyAddress" in plain:
        try:
            ip_address(str(plain["proxyAddress"]))
        except ValueError:
            raise Refusal("ERROR_INVALID_TASK", "proxyAddress: an IP address") from None
        if "userAgent" not in plain:
            raise Refusal("ERROR_INVALID_TASK", "userAgent: missing")
    return plain


def _cap_solver(task: Fields) -> Fields:
    plain = _without_empty(task)
    if str(plain.get("type")).lower() != "geetesttaskproxyless":
        raise Refusal("ERROR_TASK_NOT_SUPPORTED", "type")
    for name in ("gt", "version", "initParameters", "riskType"):
        if name in plain and (name != "gt" or "captchaId" in plain):
            raise Refusal("ERROR_INVALID_TASK", f"{name}: unknown")
    captcha_id = plain.pop("captchaId", None)
    own = {"version": 3} if captcha_id is None else {"version": 4, "gt": captcha_id}
    return {**plain, **own, "type": "GeeTestTaskProxyless"}


_NUMBERS = {
    "ERROR_KEY_DOES_NOT_EXIST": 1,
    "ERROR_NO_SLOT_AVAILABLE": 2,
    "ERROR_ZERO_BALANCE": 10,
    "ERROR_CAPTCHA_UNSOLVABLE": 12,
    "ERROR_NO_SUCH_METHOD": 14,
    "ERROR_NO_SUCH_CAPCHA_ID": 16,
    "ERROR_TASK_ABSENT": 22,
    "ERROR_TASK_NOT_SUPPORTED": 23,
}
_WORKERS_CODES = {
    "ERROR_KEY_DOES_NOT_EXIST": ("ERROR_KEY_DOES_NOT_EXIST", 200),
    "ERROR_ZERO_BALANCE": ("ERROR_ZERO_BALANCE", 200),
    "ERROR_INVALID_TASK": ("ERROR_BAD_PARAMETERS", 200),
}
_USED = {"ERROR_TOKEN_EXPIRED": ("ERROR_CAPTCHA_UNSOLVABLE", 200)}

CAPMONSTER = Dialect(
    name="capmonster", api_key="5a0db0c5e0f1a2b3c4d5e6f708192a3b", reports=("reportIncorrectTokenCaptcha",)
)
TWO_CAPTCHA = Dialect(
    name="2captcha",
    api_key="2c0db0c5e0f1a2b3c4d5e6f708192a3b",
    plain=_two_captcha,
    codes={**_WORKERS_CODES, **_USED},
    numbers=_NUMBERS,
    reports=("reportIncorrect", "reportCorrect"),
    cost_as_text=True,
)
DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        CAPMONSTER,
        TWO_CAPTCHA,
        Dialect(
            name="rucaptcha",
            api_key="3c0db0c5e0f1a2b3c4d5e6f708192a3b",
            plain=_two_captcha,
            codes={**_WORKERS_CODES, **_USED},
            numbers=_NUMBERS,
            reports=("reportIncorrect", "reportCorrect"),
            cost_as_text=True,
        ),
        Dialect(
            name="anticaptcha",
            api_key="4a0db0c5e0f1a2b3c4d5e6f708192a3b",
            plain=_anti_captcha,
            codes=_WORKERS_CODES,
            numbers=_NUMBERS,
            keep_seconds=60.0,
        ),
        Dialect(
            name="capsolver",
            api_key="CAP-6b0db0c5e0f1a2b3c4d5e6f708192a3b",
            plain=_cap_solver,
            codes={
                "ERROR_KEY_DOES_NOT_EXIST": ("ERROR_KEY_DENIED_ACCESS", 401),
                "ERROR_ZERO_BALANCE": ("ERROR_ZERO_BALANCE", 400),
                "ERROR_INVALID_TASK": ("ERROR_INVALID_TASK_DATA", 400),
                "ERROR_TASK_NOT_SUPPORTED": ("ERROR_INVALID_TASK_DATA", 400),
                "ERROR_TASK_ABSENT": ("ERROR_BAD_REQUEST", 400),
                "ERROR_NO_SUCH_CAPCHA_ID": ("ERROR_TASKID_INVALID", 400),
                "ERROR_TOO_MUCH_REQUESTS": ("ERROR_RATE_LIMIT", 429),
            },
            uuid=True,
            idle=True,
            costs=False,
        ),
    )
}
"""By name: CapMonster Cloud's is the service of the sandbox itself, the others are beside it."""

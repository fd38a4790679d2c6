"""What a site's register endpoint answers, or the page that a challenge is rendered into: a challenge to be solved."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import jmespath
from attrs import evolve, frozen
from jmespath.exceptions import JMESPathError

from scrapy_geetest._pages import loose_json
from scrapy_geetest._pages.hints import register_hints
from scrapy_geetest._pages.register_objects import AnswerObject, objects_of
from scrapy_geetest._pages.register_refusals import refuse_text, refuse_unneeded, refuse_unready
from scrapy_geetest._pages.values import is_challenge, is_site_id
from scrapy_geetest._pages.widget import Widget, find_widgets
from scrapy_geetest.challenge import Challenge, V3Challenge, V4Challenge

_CALLS = ("initGeetest", "initAlicom4")
_OLD_CHALLENGE = re.compile(r"(?:old|used|expired|illegal) challenge", re.IGNORECASE)
_EXCERPT = 120


class RegisterError(ValueError):
    """There is nothing in an answer that a solution could be bought for.

    Attributes:
        what: What is wrong with it.
        cure: What its owner can do; empty: nothing.
        transient: Whether asking again a little later may help.
    """

    def __init__(self, what: str, *, cure: str = "", transient: bool = False) -> None:
        super().__init__(f"{what}; {cure}" if cure else what)
        self.what = what
        self.cure = cure
        self.transient = transient


@frozen
class _Fixed:
    """What the site's declaration says; it counts for more than what the answer says."""

    version: int | None = None
    gt: str | None = None
    captcha_id: str | None = None
    risk_type: str | None = None
    api_server: str | None = None
    get_lib: str | None = None

    def v3(self, gt: Any, challenge: Any, api_server: str | None, extra: Mapping[str, str]) -> V3Challenge:
        gt = self.gt or gt
        if (gt is None or gt == "") and challenge == "":
            raise RegisterError(
                "gt and challenge are empty: the site does not ask for a CAPTCHA at the moment, or first wants something "
                "else from the request (a cookie, a parameter)"
            )
        if not (self.gt or is_site_id(gt)):
            raise RegisterError(
                f"gt is {_quote(gt)}, which is not a GeeTest id (usually 32 hexadecimal digits)",
                cure="set gt if you know it, or challenge_path if it is elsewhere",
            )
        if not is_challenge(challenge):
            raise RegisterError(
                f"challenge is {_quote(challenge)}, which is not a GeeTest challenge (32 to 40 digits and letters)",
                cure="set challenge_path if it is elsewhere",
            )
        return V3Challenge(
            gt=gt, challenge=challenge, api_server=self.api_server or api_server, get_lib=self.get_lib, extra=extra
        )

    def v4(
        self, captcha_id: Any, risk_type: str | None, api_server: str | None, extra: Mapping[str, str]
    ) -> V4Challenge:
        captcha_id = self.captcha_id or captcha_id
        if not (self.captcha_id or is_site_id(captcha_id)):
            raise RegisterError(
                f"captcha_id is {_quote(captcha_id)}, which is not a GeeTest id (usually 32 hexadecimal digits)",
                cure="set captcha_id if you know it, or challenge_path if it is elsewhere",
            )
        return V4Challenge(
            captcha_id=captcha_id,
            risk_type=self.risk_type or risk_type,
            api_server=self.api_server or api_server,
            get_lib=self.get_lib,
            extra=extra,
        )


def parse_register(  # noqa: PLR0913  # one for each attribute of a site that has a say
    text: str,
    *,
    path: str | Any = None,
    version: int | None = None,
    gt: str | None = None,
    captcha_id: str | None = None,
    risk_type: str | None = None,
    api_server: str | None = None,
    get_lib: str | None = None,
    widgets: Sequence[Widget] = (),
) -> Challenge:
    """Read a challenge out of *text*: JSON of any shape, JSONP, an HTML page, or a script.

    In JSON, the object with both ``gt`` and ``challenge`` counts, wherever it is; for v4 the one with a ``captcha_id``.
    Other single values beside and above it become the challenge's ``extra``. In a page or script, the literals of the
    widget count.

    Args:
        text: The body of the answer.
        path: A JMESPath expression, as text or compiled, that leads to the object.
        version: 3 or 4; ``None``: told by the answer.
        gt: Fixed value, instead of the answer's.
        captcha_id: Fixed value, instead of the answer's; with it the answer need not tell anything.
        risk_type: Fixed value, instead of the answer's.
        api_server: Fixed value, instead of the answer's.
        get_lib: Fixed value: JSON as text.
        widgets: Those of the page, where it was read before; empty: they are looked for.

    Raises:
        ChallengeNotNeeded: The answer says that no CAPTCHA is wanted.
        ChallengeNotReady: The answer says that there will be a challenge later.
        RegisterError: It holds no challenge that could be solved; ``transient`` says whether to ask again.
    """
    fixed = _Fixed(version, gt, captcha_id, risk_type, api_server, get_lib)
    data = loose_json.load(text)
    if data is not loose_json.ABSENT and not isinstance(data, str):
        return _from_json(data, path, fixed, text)
    bare = (data if isinstance(data, str) else text).strip()
    if gt and version != 4 and is_challenge(bare):  # noqa: PLR2004  # the versions of GeeTest
        return fixed.v3(gt, bare, None, {})
    if path is None and ("<" in text or any(call in text for call in _CALLS)):
        return _from_page(text, fixed, widgets)
    if captcha_id and version != 3:  # noqa: PLR2004  # the versions of GeeTest
        return fixed.v4(None, None, None, {})
    refuse_text(text)
    raise RegisterError(
        f"the answer is neither JSON nor a page with a GeeTest widget, but {_quote(text)}",
        cure="check challenge_url, and that the request is sent as the browser sends it",
    )


def _from_json(data: Any, path: str | Any, fixed: _Fixed, text: str) -> Challenge:
    objects = list(objects_of(_at(data, path, text)))
    if path is not None and objects:  # success and token may stand beside the path
        objects = [evolve(one, around=(*one.around, *_tops(data))) for one in objects]
    _refuse_errors(objects)
    v3 = _likeliest_v3(objects, fixed)
    v4 = _likeliest_v4(objects, fixed)
    told = next((version for one in (v3, v4) if one and (version := one.version())), None)
    if told == V4Challenge.version and v4 is None and v3 is not None and is_site_id(v3.gt()):
        v4 = v3
    version = _decided(told, v3, v4, fixed, text)
    if version == V3Challenge.version and v3 is not None:
        if v3.says_no_success():
            refuse_unready(objects)
        return _v3(v3, fixed)
    if version == V4Challenge.version and (v4 is not None or fixed.captcha_id):
        if v4 is None:
            refuse_unneeded(objects)
            v4 = objects[0] if objects else AnswerObject({})
        return fixed.v4(v4.captcha_id(by_gt=True), v4.risk_type(), v4.api_server(), v4.extra())
    refuse_unneeded(objects)
    refuse_unready(objects)
    raise _nothing_found(objects, fixed, text)


def _likeliest_v3(objects: Sequence[AnswerObject], fixed: _Fixed) -> AnswerObject | None:
    found = [one for one in objects if one.challenge() is not None]
    return min(
        found, key=lambda one: not (is_challenge(one.challenge()) and (fixed.gt or is_site_id(one.gt()))), default=None
    )


def _likeliest_v4(objects: Sequence[AnswerObject], fixed: _Fixed) -> AnswerObject | None:
    """The object with a ``captcha_id``, or with a ``gt`` that is said to be one."""
    found = [
        one
        for one in objects
        if one.captcha_id() is not None or (one.captcha_id(by_gt=True) is not None and _is_v4_gt(one, fixed))
    ]
    return min(
        found, key=lambda one: (not is_site_id(one.captcha_id(by_gt=True)), one.captcha_id() is None), default=None
    )


def _is_v4_gt(one: AnswerObject, fixed: _Fixed) -> bool:
    is_declared = fixed.version == V4Challenge.version and not is_challenge(one.challenge())
    return is_declared or one.version() == V4Challenge.version


def _decided(
    told: int | None, v3: AnswerObject | None, v4: AnswerObject | None, fixed: _Fixed, text: str
) -> int | None:
    """The version that an answer is of. What the site declares cannot make one version of the other.

    Raises:
        RegisterError: The answer is of the version that is not declared.
    """
    if told is None and v4 is not None and fixed.version == V4Challenge.version:
        told = V4Challenge.version  # the answer holds what either wants
    if told is None and v3 is not None and (v3.has_pair() or not (v4 or fixed.captcha_id) or fixed.gt):
        told = V3Challenge.version
    if told is None and v4 is not None:
        told = V4Challenge.version
    is_sure = told == V4Challenge.version or (v3 is not None and is_challenge(v3.challenge()))
    if told and fixed.version and told != fixed.version and is_sure:
        raise RegisterError(
            f"the answer is of GeeTest v{told}, but version = {fixed.version} is declared: {_quote(text)}",
            cure="leave version out if the site uses both: each answer shows which",
        )
    return fixed.version or told or (V4Challenge.version if fixed.captcha_id else None)


def _v3(one: AnswerObject, fixed: _Fixed) -> V3Challenge:
    if one.says_no_success():
        raise RegisterError(
            'the site could not reach GeeTest ("success": 0) and made up the challenge itself: no solution of it would '
            "be accepted, so none is bought; register again later",
            transient=True,
        )
    return fixed.v3(one.gt(), one.challenge(), one.api_server(), one.extra())


def _at(data: Any, path: str | Any, text: str) -> Any:
    if path is None:
        return data
    try:
        compiled = jmespath.compile(path) if isinstance(path, str) else path
        found = compiled.search(data)
    except (JMESPathError, RecursionError, TypeError, ValueError, ArithmeticError) as error:
        raise RegisterError(
            f"challenge_path cannot be applied to the answer: {_quote(str(error))}", cure="correct challenge_path"
        ) from error
    if not isinstance(found, Mapping | list | str) or not found:
        objects = list(objects_of(data))
        _refuse_errors(objects)
        refuse_unneeded(objects)
        refuse_unready(objects)
        raise RegisterError(
            f"challenge_path {_quote(compiled.expression)} leads to no object in the answer {_quote(text)}",
            cure="correct challenge_path, or leave it out: gt and challenge are found wherever they are",
        )
    return found


def _tops(data: Any) -> tuple[Mapping[str, Any], ...]:
    return (data,) if isinstance(data, Mapping) else ()


def _refuse_errors(objects: Sequence[AnswerObject]) -> None:
    """GeeTest's own error, as its ``get.php`` words it, is passed through by some sites."""
    for one in objects[:32]:
        error = one.values.get("error")
        if isinstance(error, str) and _OLD_CHALLENGE.search(error):
            raise RegisterError(
                f"GeeTest says {_quote(error)}: this challenge was used before; a fresh one is needed, so register again",
                transient=True,
            )
        if one.values.get("status") == "error" and "error_code" in one.values:
            raise RegisterError(
                f"GeeTest answered with an error: {_quote(error)} ({_quote(one.values['error_code'])}); register again",
                transient=True,
            )


def _nothing_found(objects: Sequence[AnswerObject], fixed: _Fixed, text: str) -> RegisterError:
    if any(is_site_id(one.values.get("gt")) for one in objects):
        is_open = fixed.version is None
        return RegisterError(
            f"the answer {_quote(text)} has a gt but no challenge",
            cure="set version = 4 if this gt is a v4 captcha_id"
            if is_open
            else "set challenge_path if it is elsewhere",
        )
    expected = {3: "gt and challenge", 4: "captcha_id"}.get(fixed.version or 0, "gt and challenge, or captcha_id")
    return RegisterError(
        f"the answer is JSON without {expected}: {_quote(text)}",
        cure="set challenge_path to the object that has them, or check challenge_url: the site may refuse the request",
    )


def _from_page(text: str, fixed: _Fixed, read: Sequence[Widget]) -> Challenge:
    is_script = not text.lstrip("\ufeff \t\r\n").startswith("<")
    found = read or find_widgets(text) or (find_widgets(f"<script>{text}") if is_script else ())
    widgets = [widget for widget in found if fixed.version in {None, widget.version}]
    if not widgets:
        _refuse_other_version(found, fixed)
        if fixed.captcha_id and fixed.version != V3Challenge.version:
            return fixed.v4(None, None, None, {})
        refuse_text(text)
        raise RegisterError(
            f"the answer is a page without a GeeTest{f' v{fixed.version}' if fixed.version else ''} widget: {_quote(text)}",
            cure="check challenge_url, and whether the request needs a cookie or a header",
        )
    told = [widget for widget in widgets if _tells_enough(widget, fixed)]
    widget = told[0] if told else widgets[0]
    if not told:
        raise _untold(widget, text)
    if widget.offline:
        raise RegisterError(
            "the site could not reach GeeTest when it made the page (offline: true): no solution of this challenge would "
            "be accepted, so none is bought; get the page again later",
            transient=True,
        )
    if widget.version == 4:  # noqa: PLR2004  # the versions of GeeTest
        return fixed.v4(widget.captcha_id, widget.risk_type, widget.api_server, {})
    return fixed.v3(widget.gt, widget.challenge, widget.api_server, {})


def _refuse_other_version(widgets: Sequence[Widget], fixed: _Fixed) -> None:
    if any(_tells_enough(widget, _Fixed()) for widget in widgets):
        raise RegisterError(
            f"the answer is a page with a GeeTest v{widgets[0].version} widget, but version = {fixed.version} is declared",
            cure="leave version out if the site uses both: each answer shows which",
        )


def _tells_enough(widget: Widget, fixed: _Fixed) -> bool:
    if widget.version == 4:  # noqa: PLR2004  # the versions of GeeTest
        return bool(fixed.captcha_id or widget.captcha_id)
    return bool((fixed.gt or widget.gt) and widget.challenge)


def _untold(widget: Widget, text: str) -> RegisterError:
    what = f" ({'; '.join(widget.unread)})" if widget.unread else ""
    if widget.version == 4:  # noqa: PLR2004  # the versions of GeeTest
        return RegisterError(
            f"the page has a v4 widget but does not show its captcha_id{what}",
            cure="set captcha_id, or challenge_url to where it is",
        )
    hint = widget.register_url or next(iter(register_hints(text, "https://site.invalid/")), "")
    hint = hint.removeprefix("https://site.invalid")
    advice = f", perhaps to {hint!r}" if hint else " to where its script gets them"
    return RegisterError(
        f"the page has a v3 widget but does not show its gt and challenge{what}", cure=f"set challenge_url{advice}"
    )


def _quote(value: Any) -> str:
    """*value* for a message: short, on one line, without what could garble a log."""
    text = value if isinstance(value, str) else repr(value)[: 2 * _EXCERPT]
    words = " ".join("".join(c if c.isprintable() else " " for c in text[: 2 * _EXCERPT]).split())
    return repr(words if len(words) <= _EXCERPT else words[: _EXCERPT - 1] + "…") if words else "empty"

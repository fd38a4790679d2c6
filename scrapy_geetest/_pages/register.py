"""What a site's register endpoint answers, or the page that a challenge is rendered into: a challenge to be solved."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jmespath
from attrs import evolve, field, frozen
from jmespath.exceptions import JMESPathError

from scrapy_geetest._pages import loose_json
from scrapy_geetest._pages.hints import register_hints
from scrapy_geetest._pages.values import host, is_challenge, is_site_id, word
from scrapy_geetest._pages.widget import Widget, find_widgets
from scrapy_geetest.challenge import Challenge, V3Challenge, V4Challenge

_GT_KEYS = ("gt", "geetest_gt", "gt_id", "geetest_id", "captcha_id", "captchaId")
_ID_KEYS = (
    "captcha_id",
    "captchaId",
    "captchaID",
    "captchaid",
    "geetest_captcha_id",
    "geetestCaptchaId",
    "geetest_id",
    "geetestId",
)
_CHALLENGE_KEYS = ("challenge", "geetest_challenge", "gt_challenge")
_RISK_KEYS = ("risk_type", "riskType")
_HOST_KEYS = ("api_server", "apiServer")
V3_KEYS = frozenset({"gt", "geetest_gt", "gt_id", *_CHALLENGE_KEYS, "success", "new_captcha"})
"""What a register answer calls the values that GeeTest's own SDK puts into it."""
_NO_EXTRA = frozenset({*_GT_KEYS, *_ID_KEYS, *V3_KEYS})
_CALLS = ("initGeetest", "initAlicom4")
_NO = (0, "0", False, "false", "False", "fail", "error")
_OLD_CHALLENGE = re.compile(r"(?:old|used|expired|illegal) challenge", re.IGNORECASE)
_MAX_OBJECTS = 5_000
_MAX_DEPTH = 16
_MAX_NESTED_TEXTS = 8  # JSON in a string of JSON
_MAX_EXTRA, _MAX_EXTRA_KEY, _MAX_EXTRA_VALUE = 32, 64, 4096
_EXCERPT = 120


class RegisterError(ValueError):
    """There is nothing in an answer that a solution could be bought for.

    Attributes:
        transient: Whether asking again a little later may help.
    """

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
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
                "gt and challenge are empty: the site does not ask for a CAPTCHA at the moment, or wants something else "
                "of the request first (a cookie, a parameter)"
            )
        if not (self.gt or is_site_id(gt)):
            raise RegisterError(
                f"gt is {_quote(gt)}, which is no GeeTest id (32 hexadecimal digits, as a rule); set gt if you know it, or "
                "challenge_path if it stands elsewhere"
            )
        if not is_challenge(challenge):
            raise RegisterError(
                f"challenge is {_quote(challenge)}, which is no GeeTest challenge (32 to 40 digits and letters); set "
                "challenge_path if it stands elsewhere"
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
                f"captcha_id is {_quote(captcha_id)}, which is no GeeTest id (32 hexadecimal digits, as a rule); set "
                "captcha_id if you know it, or challenge_path if it stands elsewhere"
            )
        return V4Challenge(
            captcha_id=captcha_id,
            risk_type=self.risk_type or risk_type,
            api_server=self.api_server or api_server,
            get_lib=self.get_lib,
            extra=extra,
        )


@frozen
class _Object:
    """An object of an answer, with those around it, the nearest first."""

    values: Mapping[str, Any]
    around: tuple[Mapping[str, Any], ...] = field(default=())

    def get(self, keys: Sequence[str]) -> Any:
        return next((self.values[key] for key in keys if key in self.values), None)

    def nearest(self, key: str) -> Any:
        return next((values[key] for values in (self.values, *self.around) if values.get(key) is not None), None)

    def nearest_word(self, keys: Sequence[str]) -> str | None:
        return next((text for key in keys if (text := word(self.nearest(key)))), None)

    def nearest_host(self) -> str | None:
        return next((name for key in _HOST_KEYS if (name := host(self.nearest(key)))), None)

    def gt(self) -> Any:
        """``gt``, by its name or as the only other value that looks like one: its name may be anything."""
        if (named := self.get(_GT_KEYS)) is not None:
            return named
        challenge = self.get(_CHALLENGE_KEYS)
        alike = [
            value for value in self.values.values() if value != challenge and re.fullmatch(r"[0-9a-f]{32}", str(value))
        ]
        return alike[0] if len(alike) == 1 else None

    def extra(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for values in (self.values, *self.around):
            for key, value in values.items():
                text = _text(value)
                if key in _NO_EXTRA or key in found or text is None or len(key) > _MAX_EXTRA_KEY:
                    continue
                if len(found) < _MAX_EXTRA:
                    found[key] = text
        return found


def parse_register(
    text: str,
    *,
    path: str | Any = None,
    version: int | None = None,
    gt: str | None = None,
    captcha_id: str | None = None,
    risk_type: str | None = None,
    api_server: str | None = None,
    get_lib: str | None = None,
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

    Raises:
        RegisterError: There is no challenge in it that a solution could be bought for; the message says why, and its
            ``transient`` whether to ask again.
    """
    fixed = _Fixed(version, gt, captcha_id, risk_type, api_server, get_lib)
    data = loose_json.load(text)
    if data is not loose_json.ABSENT and not isinstance(data, str):
        return _from_json(data, path, fixed, text)
    bare = (data if isinstance(data, str) else text).strip()
    if gt and version != 4 and is_challenge(bare):  # noqa: PLR2004  # the versions of GeeTest
        return fixed.v3(gt, bare, None, {})
    if path is None and ("<" in text or any(call in text for call in _CALLS)):
        return _from_page(text, fixed)
    if captcha_id and version != 3:  # noqa: PLR2004  # the versions of GeeTest
        return fixed.v4(None, None, None, {})
    raise RegisterError(
        f"the answer is neither JSON nor a page with a GeeTest widget, but {_quote(text)}; "
        "check challenge_url, and that the request is sent as the browser sends it"
    )


def _from_json(data: Any, path: str | Any, fixed: _Fixed, text: str) -> Challenge:
    objects = list(_objects(_at(data, path, text)))
    if path is not None and objects:  # success and token may stand beside the path
        objects = [evolve(one, around=(*one.around, *_tops(data))) for one in objects]
    _refuse_errors(objects)
    if fixed.version != 4:  # noqa: PLR2004  # the versions of GeeTest
        candidates = [one for one in objects if one.get(_CHALLENGE_KEYS) is not None]
        candidates.sort(
            key=lambda one: not (is_challenge(one.get(_CHALLENGE_KEYS)) and (fixed.gt or is_site_id(one.gt())))
        )
        if candidates:
            return _v3(candidates[0], fixed)
    if fixed.version != 3:  # noqa: PLR2004  # the versions of GeeTest
        keys = (*_ID_KEYS, "gt") if fixed.version == 4 else _ID_KEYS  # noqa: PLR2004  # the versions of GeeTest
        named = [one for one in objects if one.get(keys) is not None]
        named.sort(key=lambda one: not is_site_id(one.get(keys)))
        if named or fixed.captcha_id:
            one = named[0] if named else objects[0] if objects else _Object({})
            return fixed.v4(one.get(keys), one.nearest_word(_RISK_KEYS), one.nearest_host(), one.extra())
    raise RegisterError(_nothing_found(objects, fixed, text))


def _v3(one: _Object, fixed: _Fixed) -> V3Challenge:
    success = one.nearest("success")
    if any(type(success) is type(no) and success == no for no in _NO) or one.nearest("offline") is True:
        raise RegisterError(
            'the site could not reach GeeTest ("success": 0) and made the challenge up itself: no solution of it would '
            "ever be accepted, so none is bought; register again later",
            transient=True,
        )
    return fixed.v3(one.gt(), one.get(_CHALLENGE_KEYS), one.nearest_host(), one.extra())


def _at(data: Any, path: str | Any, text: str) -> Any:
    if path is None:
        return data
    try:
        compiled = jmespath.compile(path) if isinstance(path, str) else path
        found = compiled.search(data)
    except (JMESPathError, RecursionError, TypeError, ValueError, ArithmeticError) as error:
        raise RegisterError(f"challenge_path cannot be applied to the answer: {_quote(str(error))}") from error
    if not isinstance(found, Mapping | list | str) or not found:
        _refuse_errors(list(_objects(data)))
        raise RegisterError(
            f"challenge_path {_quote(compiled.expression)} leads to no object in the answer {_quote(text)}; "
            "correct it, or leave it out: gt and challenge are found wherever they are"
        )
    return found


def _tops(data: Any) -> tuple[Mapping[str, Any], ...]:
    return (data,) if isinstance(data, Mapping) else ()


def _objects(data: Any) -> Iterator[_Object]:
    """The objects in *data*, from the outside in, in no more steps than bounded."""
    waiting: list[tuple[Any, tuple[Mapping[str, Any], ...]]] = [(data, ())]
    nested_texts = 0
    for count, (value, around) in enumerate(waiting):
        if count >= _MAX_OBJECTS:
            return
        if isinstance(value, str) and value[:1] == "{" and nested_texts < _MAX_NESTED_TEXTS:
            nested_texts += 1
            value = loose_json.load(value)  # noqa: PLW2901  # from here on it is what the text says
        if isinstance(value, Mapping):
            yield _Object(value, around)
        inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
        around_inner = (value, *around) if isinstance(value, Mapping) else around
        if len(around_inner) > _MAX_DEPTH:
            continue
        for one in inner:
            if len(waiting) >= _MAX_OBJECTS:
                break
            if isinstance(one, Mapping | list) or (isinstance(one, str) and one[:1] == "{"):
                waiting.append((one, around_inner))


def _refuse_errors(objects: Sequence[_Object]) -> None:
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


def _nothing_found(objects: Sequence[_Object], fixed: _Fixed, text: str) -> str:
    if any(is_site_id(one.values.get("gt")) for one in objects):
        if fixed.version is None:
            return f"the answer {_quote(text)} has a gt but no challenge; set version = 4 if this gt is a v4 captcha_id"
        return f"the answer {_quote(text)} has a gt but no challenge; set challenge_path if it stands elsewhere"
    expected = {3: "gt and challenge", 4: "captcha_id"}.get(fixed.version or 0, "gt and challenge, or captcha_id")
    return (
        f"the answer is JSON without {expected}: {_quote(text)}; set challenge_path to the object that has them, or check "
        "challenge_url: the site may refuse the request"
    )


def _from_page(text: str, fixed: _Fixed) -> Challenge:
    is_script = not text.lstrip("\ufeff \t\r\n").startswith("<")
    found = find_widgets(text) or (find_widgets(f"<script>{text}") if is_script else ())
    widgets = [widget for widget in found if fixed.version in {None, widget.version}]
    if not widgets and fixed.captcha_id and fixed.version != 3:  # noqa: PLR2004  # the versions of GeeTest
        return fixed.v4(None, None, None, {})
    if not widgets:
        raise RegisterError(
            f"the answer is a page without a GeeTest{f' v{fixed.version}' if fixed.version else ''} widget: {_quote(text)}; "
            "check challenge_url, and whether the request needs a cookie or a header"
        )
    told = [widget for widget in widgets if _tells_enough(widget, fixed)]
    widget = told[0] if told else widgets[0]
    if not told:
        raise RegisterError(_untold(widget, text))
    if widget.offline:
        raise RegisterError(
            "the site could not reach GeeTest when it made the page (offline: true): no solution of this challenge would "
            "ever be accepted, so none is bought; get the page again later",
            transient=True,
        )
    if widget.version == 4:  # noqa: PLR2004  # the versions of GeeTest
        return fixed.v4(widget.captcha_id, widget.risk_type, widget.api_server, {})
    return fixed.v3(widget.gt, widget.challenge, widget.api_server, {})


def _tells_enough(widget: Widget, fixed: _Fixed) -> bool:
    if widget.version == 4:  # noqa: PLR2004  # the versions of GeeTest
        return bool(fixed.captcha_id or widget.captcha_id)
    return bool((fixed.gt or widget.gt) and widget.challenge)


def _untold(widget: Widget, text: str) -> str:
    what = f" ({'; '.join(widget.unread)})" if widget.unread else ""
    if widget.version == 4:  # noqa: PLR2004  # the versions of GeeTest
        return f"the page has a v4 widget but does not show its captcha_id{what}; set captcha_id, or challenge_url to where it is"
    hint = widget.register_url or next(iter(register_hints(text, "https://site.invalid/")), "")
    hint = hint.removeprefix("https://site.invalid")
    advice = f", perhaps to {hint!r}" if hint else " to where its script gets them"
    return f"the page has a v3 widget but does not show its gt and challenge{what}; set challenge_url{advice}"


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        value = repr(value) if abs(value) < 1e300 else ""  # noqa: PLR2004  # JSON knows no infinity
    return value if isinstance(value, str) and 0 < len(value) <= _MAX_EXTRA_VALUE else None


def _quote(value: Any) -> str:
    """*value* for a message: short, on one line, without what could garble a log."""
    text = value if isinstance(value, str) else repr(value)[: 2 * _EXCERPT]
    words = " ".join("".join(c if c.isprintable() else " " for c in text[: 2 * _EXCERPT]).split())
    return repr(words if len(words) <= _EXCERPT else words[: _EXCERPT - 1] + "…") if words else "empty"

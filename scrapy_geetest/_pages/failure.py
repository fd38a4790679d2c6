"""Does an answer read like a failure? Real sites say so in JSON, in a bare word, or on a page with hardly any text.

Measured on 24 servers that use GeeTest: 22 answer a refused solution with such a thing, and never with the widget.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from scrapy.http import TextResponse

from scrapy_geetest._pages import loose_json
from scrapy_geetest._pages.failure_words import CAPTCHA, FAILURE, SUCCESS, WANTED
from scrapy_geetest._pages.visible_text import visible_text

if TYPE_CHECKING:
    from scrapy.http import Response

SHORT = 300  # characters of a page that says no more than how it went
_MAX_ALERTING = 20_000  # bytes of a page that does no more than alert
_MAX_VALUES = 200
_MAX_OBJECTS = 8  # how it went is said near the top
_BARE = re.compile(
    r"(?:login|verify|verification|captcha|validate|check)?[\s_-]*(?:fail(?:ed|ure)?|error|false|null|none|undefined|no|0|-1)[.!]*",
    re.IGNORECASE,
)
_FLAG = re.compile(
    r"(?:is|has|was)?(?:succe\w*|ok|valid\w*|verif\w*|pass|passed|human|check(?:ed|result)?|flag|result|res|state|rs)|captcha(?:ok|valid|passed|result)"
)
_CODES = frozenset(
    {"code", "errcode", "errno", "errorcode", "retcode", "ret", "errorid", "rescode", "statuscode", "rc"}
)
_ERRORS = frozenset({"error", "errors", "err", "errormessage", "errormsg", "errmsg", "fail", "failure"})
_MESSAGES = frozenset({"msg", "message", "info", "detail", "reason", "tip", "tips", "desc", "description"})
_GOOD_CODES = frozenset({0, 1, 200, 201, 10000, 20000})
_NO_FLAGS = frozenset({"0", "n", "f", "-1"})
_NO = frozenset(
    {"fail", "failed", "failure", "error", "false", "forbidden", "denied", "refused", "invalid", "no", "ng"}
)
_GOOD_WORDS = frozenset({"", "0", "ok", "none", "null", "no error", "success", "200"})
_YES = frozenset({"success", "succeed", "succeeded", "ok", "true", "pass", "passed", "yes", "verified"})
_ALERT = re.compile(r"\balert\s*\(\s*(\"[^\"\n]{1,300}\"|'[^'\n]{1,300}')")


def reads_like_failure(response: Response) -> str:
    """What in *response* reads like a failure, quoted; empty where nothing does."""
    if not isinstance(response, TextResponse):
        return ""
    data = loose_json.load(response.text)
    if data is not loose_json.ABSENT and not isinstance(data, str):
        return next(_failures(data), "")
    text = " ".join((data if isinstance(data, str) else _shown(response)).split())
    if _BARE.fullmatch(text) or (len(text) <= SHORT and _tells_failure(text)):
        return _quoted(text)
    return ""


def says_success(data: Any) -> bool:
    """Whether JSON that tells of no failure says that something went well."""
    return any(_is_success(re.sub(r"[^a-z]", "", name.lower()), value) for name, value in _named_values(data))


def _is_success(key: str, value: Any) -> bool:
    if not (_FLAG.fullmatch(key) or key in _CODES or key in {"status", "msg", "message"}):
        return False
    if isinstance(value, str):
        return value.strip().lower() in _YES
    return value is True or (type(value) is int and value in _GOOD_CODES)


def _tells_failure(text: str) -> bool:
    is_asked_for = CAPTCHA.search(text) and WANTED.search(text) and not SUCCESS.search(text)
    return bool(FAILURE.search(text) or is_asked_for)


def _shown(response: TextResponse) -> str:
    """What a person sees of a page: its text, or, where it has hardly any, what its script alerts as well."""
    text = visible_text(response)
    if len(text) > SHORT or len(response.body) > _MAX_ALERTING:
        return text
    return " ".join((text, *(words[1:-1] for words in _ALERT.findall(response.text))))


def _failures(data: Any) -> Iterator[str]:
    if data is False or data is None or (type(data) is int and data < 0):
        yield _quoted(data)
    for name, value in _named_values(data):
        key = re.sub(r"[^a-z]", "", name.lower())
        if _is_failure(key, value):
            yield f"{name}: {_quoted(value)}"


def _is_failure(key: str, value: Any) -> bool:
    if isinstance(value, str) and value.strip().lower() in _NO:
        return True
    if key == "status":
        number = _whole(value)
        return value is False or (number is not None and (number < 0 or number >= 400))  # noqa: PLR2004  # HTTP's errors
    if _FLAG.fullmatch(key):
        is_no = isinstance(value, str) and value.strip().lower() in _NO_FLAGS
        return is_no or value is False or (type(value) in {int, float} and value <= 0)
    if key in _CODES:
        return _is_bad_code(value)
    if key in _ERRORS:
        return bool(value) and str(value).strip().lower() not in _GOOD_WORDS
    return (
        key in _MESSAGES and isinstance(value, str) and bool(FAILURE.search(value)) and "no error" not in value.lower()
    )


def _is_bad_code(value: Any) -> bool:
    number = _whole(value)
    if number is not None:
        return number not in _GOOD_CODES
    return isinstance(value, str) and bool(FAILURE.search(value.replace("_", " ")))


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value.strip()):
        return int(value)
    return value if type(value) is int else None


def _named_values(data: Any) -> Iterator[tuple[str, Any]]:
    """The single values of an answer and of the objects in it, the outer ones first; lists of several are content."""
    waiting = data if isinstance(data, list) and len(data) == 1 else [data]
    seen = 0
    for values in waiting:
        if not isinstance(values, Mapping):
            continue
        for name, value in values.items():
            seen += 1
            if seen > _MAX_VALUES:
                return
            if isinstance(value, Mapping) and len(waiting) < _MAX_OBJECTS:
                waiting.append(value)
            if not isinstance(value, Mapping | list) or str(name).lower() in _ERRORS:
                yield str(name), value


def _quoted(value: Any) -> str:
    words = " ".join(str(value).split())
    return repr(words if len(words) <= 120 else words[:119] + "…")  # noqa: PLR2004  # a line

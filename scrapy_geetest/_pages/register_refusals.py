"""What a register answer without a challenge says: not needed, not ready, or one of GeeTest's own errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from scrapy_geetest._pages.register_objects import AnswerObject, plain, says_yes
from scrapy_geetest.exceptions import ChallengeNotNeeded, ChallengeNotReady

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_SUBJECT = r"(?:captcha|geetest|gee|gt|mmt|slide|slider|verify|verification|validate|challenge|robot)"
_NEED_KEY = re.compile(
    rf"(?:is|should)?(?:need|needs|needed|require|requires|required|enable|enabled|open|show|use|want|has|must){_SUBJECT}(?:code|check)?"
    rf"|{_SUBJECT}(?:code)?(?:needed|need|required|require|enabled|enable|open|opened|on|switch|wanted)"
    r"|need|needed|required|(?:is)?(?:enable|enabled|open|opened)|switch"
)
_TYPE_KEY = re.compile(r"(?:captcha|geetest|gee|gt|mmt|verify|verification)(?:type|mode|kind|way)")
_CAPTCHA_KEY = re.compile(r"(?:is)?(?:captcha|geetest)|isgt")
_SKIP_KEY = re.compile(rf"(?:skip|bypass|no|without|disable|exempt){_SUBJECT}(?:check)?")
_NO_TYPE = frozenset({"none", "no", "off", "null", "pass", "free", "disabled"})
_WIDGET = r"(?:captcha|geetest|verification|challenge|slider)s?(?: code| check)?"
_NOT_NEEDED = re.compile(
    rf"\bno {_WIDGET}(?: \w+){{0,2}}? (?:needed|required|wanted|necessary)\b"
    rf"|\b{_WIDGET} (?:is |was )?(?:not|never|no longer) (?:currently )?(?:needed|required|wanted|necessary|enabled|active)\b"
    rf"|\b{_WIDGET} (?:isn't|wasn't) (?:currently )?(?:needed|required|wanted|necessary|enabled|active)\b"
    rf"|\b{_WIDGET} (?:is |was |has been )?(?:disabled|turned off|switched off|unnecessary|skipped)\b"
    rf"|\b(?:do not|does not|don't|doesn't|no|not|needn't|need not) (?:need|require|want|have to pass|pass)"
    rf"(?: for| of| to \w+)?(?: an?| the| any)? {_WIDGET}\b"
    r"|(?:无需|不需要|不用|无须|免)(?:进行|通过|完成)?(?:滑动|行为|人机|极验)?(?:验证|校验)|未(?:开启|启用)(?:极验)?验证",
    re.IGNORECASE,
)
_LATER = re.compile(
    r"(?<![a-z])too (?:often|many|fast|quick(?:ly)?|frequent(?:ly)?|soon)\b"
    r"|\bfrequent(?:ly)? (?:operation|request|visit|access)|\b(?:operation|request|visit|access)(?:e?s)? (?:is |are )?frequent"
    r"|\brate limit|\blater\b|\bthrottl|\bslow down\b|\bplease wait\b|\bwait (?:for |an? |\d)|\btry again in\b"
    r"|\b(?:server|system|service)s? (?:is |are )?busy|\bcool(?:ing)? ?down\b|\bnot (?:yet )?ready\b"
    r"|频繁|稍[后候等]|请等待|[过太][快多]|繁忙|秒后",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"(?<=[a-z])(?=[A-Z])|[_-]|\s+")
_PERIOD = re.compile(
    r"(\d{1,6}(?:\.\d{1,3})?)\s{0,2}(ms\b|milliseconds?|s\b|secs?\b|seconds?|m\b|mins?\b|minutes?|h\b|hours?|秒|分|小时)",
    re.IGNORECASE,
)
_WAIT_KEY = re.compile(
    r"(?:retry|try)(?:again)?(?:after|in|delay|interval|seconds?|secs?|time|ms)+"
    r"|(?:wait|cooldown|cooling)(?:seconds?|secs?|s|ms|millis|milliseconds|time|for)*"
    r"|(?:remain|remaining|next|block|lock|limit)(?:seconds?|secs?|ms|time)+"
)
_MESSAGES = re.compile(
    r"(?:err(?:or)?|ret|return|user|result|status)?"
    r"(?:msg|message|info|desc|description|reason|error|text|tip|detail|title|hint|note)s?"
    r"|(?:err|error|ret|status)?code|status|result|data|type|action"
)
_STATUS_KEYS = frozenset({"code", "status", "statuscode", "errcode", "errorcode", "errno", "retcode", "ret"})
_FAILED = (0, "0", False, "false", "fail", "failed", "error")
_TOO_MANY_REQUESTS = ("429", "-429", "too_many_requests")
_LONGEST_MESSAGE = 400
_LONGEST_PAGE = 4_000  # of one whose visible words are a message
_LONGEST_WAIT = 86_400.0
_MAX_OBJECTS = 32
_UNITS = (("ms", 0.001), ("milli", 0.001), ("m", 60), ("分", 60), ("h", 3600), ("小时", 3600), ("", 1))
_TAG = re.compile(r"<(?:script|style)\b[^<]{0,2000}</|<[^<>]{0,400}>")


def refuse_unneeded(objects: Iterable[AnswerObject]) -> None:
    """Leave an answer alone that says in so many words that no CAPTCHA is wanted.

    Raises:
        ChallengeNotNeeded: It does.
    """
    values = [one.values for one in list(objects)[:_MAX_OBJECTS]]
    for one in values if not any(map(_has_failed, values)) else ():
        for key, value in one.items():
            if _is_unneeded(plain(key), value):
                raise ChallengeNotNeeded(f"the site wants no CAPTCHA this time ({key}: {value!r})")
    for text in _messages(values):
        _refuse_unneeded_text(text)


def refuse_unready(objects: Iterable[AnswerObject]) -> None:
    """Leave an answer alone that says that there will be a challenge later.

    Raises:
        ChallengeNotReady: It does.
    """
    values = [one.values for one in list(objects)[:_MAX_OBJECTS]]
    retry_after = _retry_after(values)
    for text in _messages(values):
        _refuse_unready_text(text, retry_after)
    if any(
        plain(key) in _STATUS_KEYS and str(value).lower() in _TOO_MANY_REQUESTS
        for one in values
        for key, value in one.items()
    ):
        raise ChallengeNotReady("the site says that it was asked too often (429)", retry_after=retry_after)
    if retry_after is not None:
        raise ChallengeNotReady("the site says how long to wait", retry_after=retry_after)


def refuse_text(text: str) -> None:
    """The same for the words of an answer that is no JSON: a short text, or a page that shows little else.

    Raises:
        ChallengeNotNeeded: It says that no CAPTCHA is wanted.
        ChallengeNotReady: It says that there will be a challenge later.
    """
    if len(text) > _LONGEST_PAGE:
        return
    words = " ".join(_TAG.sub(" ", text).split())
    if len(words) <= _LONGEST_MESSAGE:
        _refuse_unneeded_text(words)
        _refuse_unready_text(words, None)


def _refuse_unneeded_text(text: str) -> None:
    if _NOT_NEEDED.search(_spaced(text)):
        raise ChallengeNotNeeded(f"the site wants no CAPTCHA this time: {text[:120]!r}")


def _refuse_unready_text(text: str, retry_after: float | None) -> None:
    if _LATER.search(_spaced(text)):
        raise ChallengeNotReady(
            f"the site has no challenge at the moment: {text[:120]!r}", retry_after=retry_after or _period(text)
        )


def _spaced(text: str) -> str:
    """``CAPTCHA_NOT_NEEDED`` and ``TooManyRequests`` as words."""
    return _SEPARATOR.sub(" ", text.replace("\u2019", "'"))


def _has_failed(values: Mapping[str, Any]) -> bool:
    """Whether an answer says that it is a failure: what it says of a CAPTCHA then is a default."""
    told = [value for key, value in values.items() if plain(key) in {"success", "ok"}]
    is_error = isinstance(status := values.get("status"), str) and status in _FAILED
    return is_error or any(type(value) is type(no) and value == no for value in told for no in _FAILED)


def _is_unneeded(name: str, value: Any) -> bool:
    is_no = value is False or (type(value) is int and value == 0) or value in ("0", "false", "False", "no", "N")
    if _NEED_KEY.fullmatch(name):
        return is_no
    if _TYPE_KEY.fullmatch(name):
        return is_no or (isinstance(value, str) and value.lower() in _NO_TYPE)
    if _CAPTCHA_KEY.fullmatch(name):
        return value is False
    return bool(_SKIP_KEY.fullmatch(name)) and says_yes(value)


def _messages(values: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for one in values:
        for key, value in one.items():
            if isinstance(value, str) and len(value) <= _LONGEST_MESSAGE and _MESSAGES.fullmatch(plain(key)):
                yield value


def _retry_after(values: Iterable[Mapping[str, Any]]) -> float | None:
    for one in values:
        for key, value in one.items():
            name = plain(key)
            if not _WAIT_KEY.fullmatch(name):
                continue
            if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
                if period := _period(value):
                    return period
                continue
            if isinstance(value, bool) or not isinstance(value, int | float | str):
                continue
            seconds = float(value) * (0.001 if name.endswith(("ms", "millis", "milliseconds")) else 1)
            if 0 < seconds <= _LONGEST_WAIT:
                return seconds
    return None


def _period(text: str) -> float | None:
    found = _PERIOD.search(text)
    if found is None:
        return None
    unit = found[2].lower()
    factor = next(factor for start, factor in _UNITS if unit.startswith(start))
    seconds = float(found[1]) * factor
    return seconds if 0 < seconds <= _LONGEST_WAIT else None

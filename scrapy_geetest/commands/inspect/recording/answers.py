"""What the answer to a submission says: taken, refused, or neither; and rules that tell the two apart."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from parsel import Selector
from scrapy.http import HtmlResponse, JsonResponse, TextResponse

from scrapy_geetest._pages import loose_json
from scrapy_geetest._pages.failure import reads_like_failure
from scrapy_geetest._pages.rules import Rules, widgets_of
from scrapy_geetest.commands.inspect.candidates import css_candidate, jmespath_candidate
from scrapy_geetest.commands.inspect.paths import jmespath_of

if TYPE_CHECKING:
    from scrapy_geetest.commands.inspect.har import Exchange

_BAD_STATUS = 400
_SUCCESS_KEYS = ("success", "ok", "valid", "is_valid", "isvalid", "passed", "verified", "pass")
_WORD_KEYS = ("status", "result", "state", "login", "verify")
_CODE_KEYS = (
    "code",
    "errno",
    "errcode",
    "err_code",
    "error_code",
    "errorcode",
    "retcode",
    "ret",
    "statuscode",
    "status_code",
)
_MESSAGE_KEYS = ("msg", "message", "info", "reason", "error", "errmsg")
_GOOD_WORDS = frozenset(
    ["success", "succeeded", "successful", "succeed", "ok", "pass", "passed", "true", "yes", "0", "1", "200"]
)
_BAD_WORDS = frozenset(
    ["fail", "failed", "failure", "error", "false", "no", "forbidden", "denied", "refused", "invalid"]
)
_NOTHING = ("", None, 0, "0", False)
_SHORT = 10  # characters of a word like "success", or of a number
_FEW_WORDS = 60  # characters of a title that a rule is made of


class Reading(Enum):
    """What an answer says of the solution."""

    TAKEN = "accepted"
    REFUSED = "refused"
    UNCLEAR = "unclear"


def as_response(exchange: Exchange) -> TextResponse:
    """An answer as Scrapy would hand it to the rules."""
    kind = HtmlResponse if exchange.is_page else JsonResponse if "json" in exchange.media_type else TextResponse
    return kind(
        exchange.url, status=exchange.status or 200, body=exchange.text.encode("utf-8", "replace"), encoding="utf-8"
    )


def json_of(exchange: Exchange) -> Any:
    """The decoded JSON of an answer; ``None``: it is none."""
    if exchange.is_page or not exchange.text:
        return None
    data = loose_json.load(exchange.text)
    return None if data is loose_json.ABSENT else data


def is_withheld(exchange: Exchange) -> bool:
    """Whether an answer is a page with a widget, or JSON that asks for a CAPTCHA."""
    response = as_response(exchange)
    return bool(widgets_of(response)) or (json_of(exchange) is not None and jmespath_candidate(response) is not None)


def read_answer(exchange: Exchange) -> Reading:
    """What the answer to a submission says, by its status and its own words."""
    if exchange.status >= _BAD_STATUS:
        return Reading.REFUSED
    data = json_of(exchange)
    if isinstance(data, Mapping):
        told = [_says(key, value) for key, value in _entries(data).items()]
        if False in told:
            return Reading.REFUSED
        if True in told:
            return Reading.TAKEN
    if is_withheld(exchange) or reads_like_failure(as_response(exchange)):
        return Reading.REFUSED
    return Reading.UNCLEAR if isinstance(data, Mapping) else Reading.TAKEN


def _entries(data: Mapping[str, Any]) -> dict[tuple[str, ...], Any]:
    """The values at the top, and one level below it."""
    top: dict[tuple[str, ...], Any] = {(key,): value for key, value in data.items()}
    inner = {
        (key, name): one for key, value in data.items() if isinstance(value, Mapping) for name, one in value.items()
    }
    return {**top, **{keys: value for keys, value in inner.items() if keys[-1].lower() in _SUCCESS_KEYS}}


def _says(keys: tuple[str, ...], value: Any) -> bool | None:
    """Whether a value says success or failure; ``None``: neither."""
    key = keys[-1].lower()
    if isinstance(value, str) and key in (*_SUCCESS_KEYS, *_WORD_KEYS, *_CODE_KEYS):
        word = value.strip().lower()
        return True if word in _GOOD_WORDS else False if word in _BAD_WORDS else None
    if key in (*_SUCCESS_KEYS, *_WORD_KEYS) and isinstance(value, bool):
        return value
    if key in _SUCCESS_KEYS and isinstance(value, int):
        return bool(value)
    if key in _CODE_KEYS and isinstance(value, int):
        return (
            True if value in {0, 200} else None if value == 1 else False if value < 0 or value >= _BAD_STATUS else None
        )
    return False if key == "error" and value not in _NOTHING else None


def describe(exchange: Exchange) -> str:
    """An answer in a few words, without values that could be secret: ``"200, code 0, results"``, ``"302 to /account"``."""
    if exchange.is_redirect and exchange.location:
        return f"{exchange.status} to {_path(exchange.location)}"
    data = json_of(exchange)
    if isinstance(data, Mapping):
        return ", ".join([str(exchange.status), *(_shown(key, value) for key, value in list(data.items())[:8])])
    if exchange.is_page:
        return f"{exchange.status}, a page"
    return f"{exchange.status or 'no answer'}"


def _path(location: str) -> str:
    path = re.sub(r"^https?://[^/?#]*", "", location).partition("?")[0].partition("#")[0]
    return path or "/"


def _shown(key: str, value: Any) -> str:
    is_told = _says((key,), value) is not None or key.lower() in _CODE_KEYS
    is_short = isinstance(value, bool | int | str) and len(str(value)) <= _SHORT
    is_word = not isinstance(value, str) or value.strip().lower() in _GOOD_WORDS | _BAD_WORDS or value.isdecimal()
    return f"{key} {json.dumps(value)}".replace('"', "") if is_told and is_short and is_word else key


@frozen(kw_only=True)
class Verdicts:
    """Rules of a site that tell what the answers to a submission show.

    Attributes:
        accepted: Attribute -> selector: ``{"accepted_jmespath": "code == `0`"}``.
        refused: The same for refusals.
    """

    accepted: Mapping[str, str] = field(factory=dict)
    refused: Mapping[str, str] = field(factory=dict)


def find_verdicts(
    taken: Exchange, refused: Iterable[Exchange], others: Iterable[Exchange], private: frozenset[str]
) -> Verdicts:
    """Make rules from the recorded answers, and try them on these.

    Args:
        taken: What answered the accepted solution, redirects followed.
        refused: Answers to solutions that were refused.
        others: Answers that show neither: pages that withhold, pages with the widget.
        private: Values that no rule may show.
    """
    no, rest = list(refused), list(others)
    for attribute, selector in _candidates(taken, private):
        if matches(attribute, selector, taken) and not any(matches(attribute, selector, one) for one in (*no, *rest)):
            return Verdicts(accepted={f"accepted_{attribute}": selector}, refused=_refused(no, taken, private))
    return Verdicts(refused=_refused(no, taken, private))


def matches(attribute: str, selector: str, exchange: Exchange) -> bool:
    """Whether a selector matches an answer."""
    rules = Rules.compile(**{attribute: selector}, source="inspected: ")  # type: ignore[arg-type]
    return rules.match(as_response(exchange)) is not None


def detection(withheld: Exchange, others: Iterable[Exchange]) -> dict[str, str]:
    """The attribute and selector by which a withheld answer is told from *others*; empty: none is sure."""
    response, data, rest = as_response(withheld), json_of(withheld), list(others)
    found = [("jmespath", jmespath_candidate(response)), ("css", css_candidate(response))]
    if isinstance(data, Mapping):
        found += [
            ("jmespath", _equals(keys, value)) for keys, value in _entries(data).items() if _says(keys, value) is False
        ]
    for attribute, selector in found:
        if not selector or not matches(attribute, selector, withheld):
            continue
        if not any(matches(attribute, selector, one) for one in rest):
            return {f"detect_{attribute}": selector}
    return {}


def _candidates(taken: Exchange, private: frozenset[str]) -> Iterator[tuple[str, str]]:
    data = json_of(taken)
    if isinstance(data, Mapping):
        entries = _entries(data)
        yield from (("jmespath", _equals(keys, value)) for keys, value in entries.items() if _says(keys, value))
        for key, value in data.items():
            if isinstance(value, Mapping | list) and value:
                yield "jmespath", f"{jmespath_of((key,))} != `null`"
    elif taken.is_page:
        yield from _page_candidates(taken, private)


def _page_candidates(taken: Exchange, private: frozenset[str]) -> Iterator[tuple[str, str]]:
    page = Selector(text=taken.text, type="html")  # a response would want a base address that is well-formed
    for word in ("logout", "log-out", "signout", "sign-out", "logoff"):
        if page.css(f"a[href*={word} i]"):
            yield "css", f"a[href*={word} i]"
    title = " ".join((page.css("title::text").get() or "").split())
    if title and len(title) <= _FEW_WORDS and not _shows(title, private) and "'" not in title:
        yield "xpath", f"//title[normalize-space() = '{title}']"


def _shows(text: str, private: frozenset[str]) -> bool:
    return any(value.lower() in text.lower() for value in private if value)


def _equals(keys: tuple[str, ...], value: Any) -> str:
    path = jmespath_of(keys)
    if isinstance(value, str) and not set(value) & {"'", "\\"}:
        return f"{path} == '{value}'"
    literal = json.dumps(value).replace("`", "\\`")
    return f"{path} == `{literal}`"


def _refused(refused: list[Exchange], taken: Exchange, private: frozenset[str]) -> dict[str, str]:
    """A rule only where the answer says more than that something failed: a password could be wrong next time."""
    for exchange in refused:
        data = json_of(exchange)
        if not isinstance(data, Mapping):
            continue
        telling = [
            _equals((key,), value)
            for key, value in data.items()
            if (key.lower() in _CODE_KEYS and isinstance(value, int | str) and not isinstance(value, bool))
            or (key.lower() in _MESSAGE_KEYS and isinstance(value, str) and value and not _shows(value, private))
        ]
        if telling and (selector := " && ".join(telling)) and not matches("jmespath", selector, taken):
            return {"refused_jmespath": selector}
    return {}

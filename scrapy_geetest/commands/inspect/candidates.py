"""Selectors by which a page could be told for a challenge page: candidates, for a human to choose from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from parsel import Selector
from scrapy.http import HtmlResponse, TextResponse

from scrapy_geetest._pages import loose_json
from scrapy_geetest._pages.register_objects import V3_KEYS, plain
from scrapy_geetest._pages.withholding import ERROR_STATUS
from scrapy_geetest.commands.inspect.paths import jmespath_of

if TYPE_CHECKING:
    from scrapy.http import Response

_CODE_KEYS = frozenset({"code", "retcode", "errno", "errcode", "error_code", "status_code", "status"})
_WORDS = ("captcha", "geetest")
_PLACES = (
    "//body//*[not(self::script or self::link or self::style or self::img or self::input or self::button or self::a)]"
    "[contains(translate(@{0}, 'CAPTHGES', 'capthges'), 'captcha') or "
    "contains(translate(@{0}, 'CAPTHGES', 'capthges'), 'geetest')]/@{0}"
)


def css_candidate(response: Response) -> str | None:
    """A selector of the element that a widget is put into, told by its id or class; ``None``: no such element."""
    if not isinstance(response, HtmlResponse):
        return None
    page = Selector(text=response.text, type="html")  # the response's own wants a base address that is well-formed
    for attribute, mark in (("id", "#"), ("class", ".")):
        for names in page.xpath(_PLACES.format(attribute)).getall():
            name = next(filter(_is_telling, names.split()), None)
            if name and page.css(mark + name):
                return mark + name
    return None


def xpath_candidate(response: Response) -> str | None:
    """The same as an XPath expression, for a page of several documents, of which CSS reaches the first only."""
    if not isinstance(response, HtmlResponse):
        return None
    page = Selector(text=response.text, type="html")
    for attribute in ("id", "class"):
        for names in page.xpath(_PLACES.format(attribute)).getall():
            path = f"//*[@{attribute}='{names}']"
            if any(map(_is_telling, names.split())) and "'" not in names and page.xpath(path):
                return path
    return None


def _is_telling(name: str) -> bool:
    plain = name.replace("-", "").replace("_", "")
    is_identifier = name.isascii() and plain.isalnum() and name[0].isalpha()
    return is_identifier and any(word in name.lower() for word in _WORDS)


def jmespath_candidate(response: Response) -> str | None:
    """The path of the first true value in a JSON answer whose key speaks of a captcha; ``None``: no such key.

    Keys of a register answer do not count: ``new_captcha`` says nothing of what the site withholds.
    """
    text = response.text if isinstance(response, TextResponse) else ""
    if text.lstrip()[:1] != "{":
        return None
    data = loose_json.load(text)
    keys = _telling_key(data) or (_telling_object(data) if is_refusal(response, data) else None)
    return jmespath_of(keys) if keys else None


def is_refusal(response: Response, data: Any) -> bool:
    """Whether a JSON answer refuses what was asked for, by its status or by its own code."""
    if response.status >= ERROR_STATUS:
        return True
    codes = [value for key, value in data.items() if key in _CODE_KEYS] if isinstance(data, Mapping) else []
    numbers = [code for code in codes if isinstance(code, int) and not isinstance(code, bool)]
    return any(code < 0 or (str(code)[:1] in "45" and len(str(code)) in {3, 5}) for code in numbers)


def _telling_object(data: Any, depth: int = 3) -> tuple[str, ...] | None:
    """The keys of the first object whose key speaks of a captcha: an answer that refuses has it for nothing else."""
    if not isinstance(data, Mapping):
        return None
    for key, value in data.items():
        if value and isinstance(value, Mapping) and _speaks_of_a_captcha(key):
            return (key,)
    for key, value in data.items() if depth else ():
        if inner := _telling_object(value, depth - 1):
            return (key, *inner)
    return None


def _telling_key(data: Any, depth: int = 2) -> tuple[str, ...] | None:
    """The keys that lead to the first true value whose key speaks of a captcha."""
    if not isinstance(data, Mapping):
        return None
    for key, value in data.items():
        if value and isinstance(value, bool | int | str) and _speaks_of_a_captcha(key):
            return (key,)
    if depth:
        for key, value in data.items():
            if inner := _telling_key(value, depth - 1):
                return (key, *inner)
    return None


def _speaks_of_a_captcha(key: str) -> bool:
    return plain(key) not in V3_KEYS and any(word in key.lower() for word in _WORDS)

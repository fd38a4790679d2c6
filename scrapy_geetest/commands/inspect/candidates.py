"""Selectors by which a page could be told for a challenge page: candidates, for a human to choose from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from parsel import Selector
from scrapy.http import HtmlResponse, TextResponse

from scrapy_geetest._pages import loose_json
from scrapy_geetest._pages.register_objects import V3_KEYS, plain
from scrapy_geetest.commands.inspect.paths import jmespath_of

if TYPE_CHECKING:
    from scrapy.http import Response

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
            if name := next(filter(_is_telling, names.split()), None):
                return mark + name
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
    keys = _telling_key(loose_json.load(text)) if text.lstrip()[:1] == "{" else None
    return jmespath_of(keys) if keys else None


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

"""Can an answer be the page that was withheld? The address alone does not show it.

A form is often sent to the address of its page. What comes from there is the page, or a line about how it went: JSON, a
script that alerts and goes back, nothing at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scrapy.http import TextResponse

from scrapy_geetest._pages import loose_json
from scrapy_geetest._pages.failure import SHORT, says_success
from scrapy_geetest._pages.tree import is_markup, page_root
from scrapy_geetest._pages.visible_text import visible_text

if TYPE_CHECKING:
    from scrapy.http import Request, Response

_SUCCESSES = range(200, 300)
_WITHOUT_CONTENT = frozenset({204, 205})
_LEADS_AWAY = re.compile(
    r"\b(?:alert\s*\(|history\s*\.\s*(?:back|go)\b|location\b\s*(?:\.\s*(?:href|replace|reload|assign)\b|=))"
)
_DRAWN = (
    *("img", "svg", "canvas", "video", "audio", "iframe", "frame", "object", "embed"),
    *("input", "select", "textarea", "button"),
)
_MAX_SCRIPT = 10_000  # characters; a longer one is an application, which makes its page itself
_MAX_SCRIPTS = 50


def lacks_content(request: Request, page: Response, answer: Response, *, is_page_form: bool) -> str:
    """What shows that *answer* is not the page that was withheld, in words; empty where nothing does.

    Args:
        request: What the spider asked for.
        page: That was withheld; its body may be gone.
        answer: From its address, and not withheld.
        is_page_form: Whether it answers a form of the page, rather than the spider's own request, which may ask for data.
    """
    if answer.status not in _SUCCESSES or answer.status in _WITHOUT_CONTENT:
        return f"the status {answer.status} brings no page"
    if not answer.body.strip():
        return "the answer is empty"
    if not isinstance(answer, TextResponse) or b"json" in (request.headers.get(b"Accept") or b"").lower():
        return ""
    data = loose_json.load(answer.text)
    if data is loose_json.ABSENT and is_markup(answer):
        return _of_markup(answer)
    if not is_page_form or not _was_markup(page):
        return ""
    if data is loose_json.ABSENT:
        is_line = len(answer.text) <= SHORT and b"text/" in (answer.headers.get(b"Content-Type") or b"text/").lower()
        return "a line of text came where a page was withheld" if is_line else ""
    return "" if says_success(data) or _has_content(data) else "JSON came where a page was withheld"


def asks_for_password(page: Response) -> bool:
    """Whether a page is one to log in on."""
    root = page_root(page) if isinstance(page, TextResponse) else None
    controls = () if root is None else root.iter("input")
    return any((control.get("type") or "").strip().lower() == "password" for control in controls)


def _was_markup(page: Response) -> bool:
    return isinstance(page, TextResponse) and b"json" not in (page.headers.get(b"Content-Type") or b"").lower()


def _of_markup(answer: TextResponse) -> str:
    root = page_root(answer)
    if root is None or visible_text(answer).strip():
        return ""
    scripts = [element.text or "" for element, _ in zip(root.iter("script"), range(_MAX_SCRIPTS), strict=False)]
    if any(len(script) <= _MAX_SCRIPT and _LEADS_AWAY.search(script) for script in scripts):
        return "nothing is visible, and its script leads elsewhere"
    return "" if _draws(root) or any(scripts) else "nothing is visible in it"


def _draws(root: Any) -> bool:
    """Whether something else than text makes a page of it."""
    is_drawn = next(root.iter(*_DRAWN), None) is not None
    return is_drawn or any(element.get("src") for element in root.iter("script"))


def _has_content(data: Any) -> bool:
    """Whether JSON holds more than how something went: objects in a list, or more text than that takes."""
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    if isinstance(data, Mapping):
        return len(str(dict(data))) > SHORT or any(map(_holds_objects, data.values()))
    return _holds_objects(data)


def _holds_objects(data: Any) -> bool:
    return isinstance(data, list) and any(isinstance(item, Mapping) for item in data)

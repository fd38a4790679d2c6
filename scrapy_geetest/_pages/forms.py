"""The forms of a page: which one its widget belongs to, and whether they leave a person something to type."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from attrs import frozen
from lxml import etree
from scrapy.http import TextResponse

from scrapy_geetest._pages.tree import page_root

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scrapy.http import Response

_NOT_TYPED = frozenset({"hidden", "submit", "button", "image", "reset", "checkbox", "radio", "range", "color"})
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_ANSWER_FIELDS = frozenset(
    {
        *("challenge", "validate", "seccode"),
        *("captcha_id", "lot_number", "captcha_output", "pass_token", "gen_time"),
    }
)
_MARKS = ("geetest", "captcha", "gt-box", "gtbox")
_WIDGET_PLACE = re.compile(
    r"""(?:appendTo|bindForm)\s*\(\s*(?:\$\s*\(\s*|jQuery\s*\(\s*|document\.querySelector\s*\(\s*
        |(?P<by_id>document\.getElementById\s*\(\s*))?["'](?P<selector>[^"'\\\n]{1,100})["']""",
    re.VERBOSE,
)
_MAX_SCRIPT = 200_000
_MAX_FORMS = 50
_MAX_ELEMENTS = 5_000  # of a form
_MAX_TYPED = 100
_SHOWN = 5


@frozen
class WidgetForm:
    """The form that a widget belongs to.

    Attributes:
        element: An lxml element; ``None`` where there is none that the plugin may send.
        problem: Why there is none.
    """

    element: Any
    problem: str = ""


def widget_form(page: TextResponse) -> WidgetForm:
    """Find the form that the widget of *page* belongs to, if it leaves a person nothing to type.

    By the page's own script (``appendTo``, ``bindForm``), else by what stands inside the form, else the only one.
    """
    root = page_root(page)
    forms = [] if root is None else list(islice(root.iter("form"), _MAX_FORMS))
    if not forms:
        return WidgetForm(None, "its page holds no form")
    own = _named_by_script(root, forms) or [form for form in forms if _speaks_of_captcha(form)]
    if not own and len(forms) > 1:
        return WidgetForm(None, f"its page holds {len(forms)} forms, and none of them is the widget's for sure")
    own = own or forms
    sendable = [form for form in own if not typed_controls(form)]
    if not sendable:
        typed = ", ".join(list(dict.fromkeys(typed_controls(own[0])))[:_SHOWN])
        return WidgetForm(None, f"the form of its page asks a person to fill in {typed}")
    if len(sendable) > 1:
        sendable = [form for form in sendable if (form.get("method") or "").lower() == "post"] or sendable
    if len(sendable) > 1:
        return WidgetForm(None, f"its page holds {len(sendable)} forms that may be the widget's")
    return WidgetForm(sendable[0])


def form_request(page: Response) -> str:
    """Which request the form of *page* sends, in words: the widget's, or else the first that posts."""
    form = likely_form(page)
    if form is None:
        return "the one that its script sends"
    return f"{(form.get('method') or 'get').upper()} {(form.get('action') or page.url)[:200]}"


def likely_form(page: Response) -> Any:
    """The form of *page* that most likely carries the answer, an lxml element: the widget's, or else the first that posts."""
    root = page_root(page) if isinstance(page, TextResponse) else None
    forms = [] if root is None else list(islice(root.iter("form"), _MAX_FORMS))
    if not forms:
        return None
    own = _named_by_script(root, forms) or [form for form in forms if _speaks_of_captcha(form)] or forms
    posts = [form for form in own if (form.get("method") or "").lower() == "post"] or own
    return posts[0]


def typed_controls(scope: Any) -> list[str]:
    """The names of the first controls in *scope*, an lxml element, that wait for a person to type."""
    root = scope.getroottree().getroot()
    typed = (_name(control) for control in islice(_controls(scope, root), _MAX_ELEMENTS) if _is_typed(control))
    return list(islice(typed, _MAX_TYPED))


def is_hidden(element: Any) -> bool:
    """Whether an element hides itself by an attribute or its own style; style sheets are not read."""
    return element.get("hidden") is not None or bool(_HIDDEN_STYLE.search(element.get("style") or ""))


def _controls(scope: Any, root: Any) -> Iterator[Any]:
    identifier = scope.get("id") if scope.tag == "form" else None
    for control in scope.iter("input", "textarea"):
        if control.get("form") in (None, identifier) or scope.tag != "form":
            yield control
    if identifier:
        outside = root.xpath("//input[@form=$id]|//textarea[@form=$id]", id=identifier)
        yield from (control for control in outside if not any(parent is scope for parent in control.iterancestors()))


def _is_typed(control: Any) -> bool:
    if control.tag == "input" and (control.get("type") or "text").strip().lower() in _NOT_TYPED:
        return False
    if control.get("disabled") is not None or control.get("readonly") is not None:
        return False
    name = (control.get("name") or control.get("id") or "").lower()
    if "geetest" in name or name in _ANSWER_FIELDS:
        return False
    return not (is_hidden(control) or any(is_hidden(parent) for parent in control.iterancestors()))


def _name(control: Any) -> str:
    return repr(control.get("name") or control.get("id") or control.get("placeholder") or control.tag)


def _named_by_script(root: Any, forms: list[Any]) -> list[Any]:
    places: list[Any] = []
    for script in root.iter("script"):
        for match in _WIDGET_PLACE.finditer((script.text or "")[:_MAX_SCRIPT]):
            selector = f"#{match['selector']}" if match["by_id"] else match["selector"]
            places.extend(_selected(root, selector))
    return [form for form in forms if any(place is form or _is_inside(place, form) for place in places)]


def _selected(root: Any, selector: str) -> Iterable[Any]:
    try:
        found: Iterable[Any] = root.cssselect(selector)
    except (SyntaxError, RuntimeError, ValueError, TypeError):  # as cssselect's errors are
        return ()
    return found


def _is_inside(element: Any, form: Any) -> bool:
    return any(parent is form for parent in element.iterancestors())


def _speaks_of_captcha(form: Any) -> bool:
    for element in islice(form.iter(etree.Element), _MAX_ELEMENTS):
        if element.tag == "script" and "initgeetest" in (element.text or "")[:_MAX_SCRIPT].lower():
            return True
        told = " ".join(element.get(name) or "" for name in ("id", "class", "name")).lower()
        if any(mark in told for mark in _MARKS) or (element.get("name") or "").lower() in _ANSWER_FIELDS:
            return True
    return False

"""The form of a recorded page that a recorded request sent, and which of its controls a person fills in."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urljoin

from attrs import frozen
from parsel import Selector

from scrapy_geetest.commands.inspect.recording.origins import css_word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy_geetest.commands.inspect.har import Exchange

_CONTROLS = ".//*[self::input or self::select or self::textarea or self::button]"
_BUTTONS = frozenset({"submit", "image", "button", "reset"})


@frozen(kw_only=True)
class PageForm:
    """A form.

    Attributes:
        css: A selector of it.
        action: Where it goes, absolute.
        hidden: Names of its hidden inputs.
        visible: Names of the controls that a person sees, with their kinds (``"text"``, ``"checkbox"``, ``"select"``).
        checked: Names of those that are ticked from the start.
        preset: Name -> the text that a control has from the start.
        buttons: Names of its submit buttons.
    """

    css: str
    action: str
    hidden: frozenset[str]
    visible: Mapping[str, str]
    checked: frozenset[str]
    preset: Mapping[str, str]
    buttons: frozenset[str]

    @property
    def names(self) -> frozenset[str]:
        """Of all that it may send."""
        return self.hidden | self.visible.keys() | self.buttons


def find_form(page: Exchange, url: str, names: frozenset[str]) -> PageForm | None:
    """The form of *page* that a request to *url* with the fields *names* sent; ``None``: none."""
    forms = [_read(one, page.url) for one in Selector(text=page.text, type="html").css("form")]
    target = url.partition("?")[0]
    fitting = [one for one in forms if one.action.partition("?")[0] == target and one.hidden <= names]
    return max(fitting, key=lambda one: len(names & one.names), default=None)


def visible_controls(page: Exchange) -> dict[str, str]:
    """All controls of a page that a person sees, inside forms and out, by name and by id, with their kinds."""
    found: dict[str, str] = {}
    for control in Selector(text=page.text, type="html").xpath(_CONTROLS):
        kind = _kind(control)
        if kind != "hidden" and kind not in _BUTTONS:
            found.update((control.attrib[key], kind) for key in ("id", "name") if control.attrib.get(key))
    return found


def _read(form: Selector, page_url: str) -> PageForm:
    controls = [(one.attrib["name"], _kind(one), one) for one in form.xpath(_CONTROLS) if one.attrib.get("name")]
    return PageForm(
        css=_css(form),
        action=_joined(page_url, form.attrib.get("action", "")),
        hidden=frozenset(name for name, kind, _ in controls if kind == "hidden"),
        visible={name: kind for name, kind, _ in controls if kind != "hidden" and kind not in _BUTTONS},
        preset={name: control.attrib["value"] for name, _, control in controls if control.attrib.get("value")},
        checked=frozenset(name for name, _, control in controls if "checked" in control.attrib),
        buttons=frozenset(name for name, kind, _ in controls if kind == "submit"),
    )


def _joined(page_url: str, action: str) -> str:
    try:
        return urljoin(page_url, action)
    except ValueError:  # such an address leads nowhere
        return ""


def _css(form: Selector) -> str:
    attributes = form.attrib
    if attributes.get("id", "").isidentifier():
        return f"form#{attributes['id']}"
    for key in ("name", "action"):
        if (value := attributes.get(key)) and not set(value) & set("\"'\\\n?"):
            return f"form[{key}={css_word(value)}]"
    return "form"


def _kind(control: Selector) -> str:
    tag = str(control.root.tag)
    usual = "submit" if tag == "button" else "text"
    return tag if tag in {"select", "textarea"} else control.attrib.get("type", usual).lower()

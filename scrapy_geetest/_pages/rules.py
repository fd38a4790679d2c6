"""Is a response a challenge page? By the selectors that were named, or by the widget that it carries."""

from __future__ import annotations

import re as regular_expressions
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

import jmespath
from attrs import field, frozen
from jmespath.exceptions import JMESPathError
from parsel import Selector
from scrapy.http import TextResponse

from scrapy_geetest._pages import loose_json
from scrapy_geetest._pages.suspect import has_place
from scrapy_geetest._pages.tree import is_markup, selector_of
from scrapy_geetest._pages.widget import Widget, find_widgets, may_carry
from scrapy_geetest._pages.withholding import ERROR_STATUS, withholds

if TYPE_CHECKING:
    from scrapy.http import Response

REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""Statuses that stand for the page that a redirect leads to, whether it is followed or kept."""
_OK = 200
MAX_SEARCHED = 1_048_576  # characters of a body that a regular expression is applied to

_T = TypeVar("_T")
_READ: WeakKeyDictionary[Response, tuple[Widget, ...]] = WeakKeyDictionary()  # what a response shows never changes
_ASCII_COMPATIBLE = frozenset({"utf-8", "utf8", "ascii", "cp1252", "latin-1", "latin1", "iso8859-1", "windows-1252"})
_EXAMPLES: Mapping[str, str] = {
    "css": "a CSS selector like 'div#captcha' or '.error::text'",
    "xpath": "an XPath expression like '//div[@id=\"captcha\"]'",
    "re": "a regular expression like 'initGeetest4?'",
    "jmespath": "a JMESPath expression like 'data.need_captcha'",
}


@frozen
class Finding:
    """What one rule said of a response.

    Attributes:
        rule: The rule, in words.
        matched: Whether it matched; ``None``: it does not apply to such a response.
        seen: What it found, or why it did not.
    """

    rule: str
    matched: bool | None
    seen: str


@frozen
class Rules:
    """What makes a response a challenge page: any of the selectors, or a GeeTest widget where none is named.

    A widget is looked for in the first four million bytes of the page.

    Attributes:
        css: CSS selectors, for HTML and XML.
        xpath: XPath expressions, for HTML and XML; a ``false``, ``0`` or empty string does not match.
        re: Regular expressions, searched for in the first million characters of the text.
        jmespath: JMESPath expressions, for JSON however it is served; a true result is a match.
        status: Only responses with these statuses are looked at; empty means any status. A redirect's stands for 200, too:
            for the page that it leads to.
        named: Whether any selector is named, so that the built-in detection has no say.
    """

    css: tuple[str, ...] = ()
    xpath: tuple[str, ...] = ()
    re: tuple[regular_expressions.Pattern[str], ...] = ()
    jmespath: tuple[Any, ...] = field(default=(), eq=lambda compiled: tuple(one.expression for one in compiled))
    status: frozenset[int] = frozenset()
    named: bool = field(init=False, eq=False, repr=False)

    @named.default
    def _is_any_named(self) -> bool:
        return bool(self.css or self.xpath or self.re or self.jmespath)

    @classmethod
    def compile(
        cls,
        *,
        css: str | Sequence[str] = (),
        xpath: str | Sequence[str] = (),
        re: str | Sequence[str] = (),
        jmespath: str | Sequence[str] = (),
        status: int | Sequence[int] = (),
        source: str = "",
    ) -> Rules:
        """Check and compile selectors.

        Args:
            css: One, or several.
            xpath: One, or several.
            re: One, or several.
            jmespath: One, or several.
            status: One HTTP status, or several.
            source: What the attributes or settings are called, up to the kind: ``"GEETEST_DETECT_"``.

        Raises:
            ValueError: One of them is none; the message names it, its value, and what it should be.
        """
        return cls(
            css=_compiled("css", css, source, _check_css),
            xpath=_compiled("xpath", xpath, source, _check_xpath),
            re=_compiled("re", re, source, regular_expressions.compile),
            jmespath=_compiled("jmespath", jmespath, source, _compile_jmespath),
            status=_statuses(status, source),
        )

    def match(self, response: Response) -> str | None:
        """The first rule that *response* matches, in words, or ``None``. Never raises, whatever the response is."""
        if not (self.status or self.named or widgets_of(response)):
            return None
        return next((finding.rule for finding in self._findings(response) if finding.matched), None)

    def explain(self, response: Response) -> tuple[Finding, ...]:
        """Every rule and what it says of *response*."""
        return tuple(self._findings(response))

    def _findings(self, response: Response) -> Iterator[Finding]:
        if self.status:
            is_among = response.status in self.status or (response.status == _OK and bool(self.status & REDIRECTS))
            seen = f"the status is {response.status}, which is {'' if is_among else 'not '}among them"
            outcome = None if is_among else False
            yield Finding(f"status {', '.join(map(str, sorted(self.status)))}", outcome, seen)
            if not is_among:
                return
        if not isinstance(response, TextResponse):
            yield Finding("any", matched=False, seen=f"the response is not text ({type(response).__name__})")
        elif not self.named:
            yield _built_in(response)
        else:
            yield from self._selected(response)

    def _selected(self, response: TextResponse) -> Iterator[Finding]:
        if self.css or self.xpath:
            page = selector_of(response)
            yield from (_select(f"css {css!r}", page, Selector.css, css) for css in self.css)
            yield from (_select(f"xpath {path!r}", page, Selector.xpath, path) for path in self.xpath)
        for pattern in self.re:
            found = pattern.search(response.text[:MAX_SEARCHED])
            seen = f"found {_short(found[0])}" if found else "not found in the text"
            yield Finding(f"re {pattern.pattern!r}", found is not None, seen)
        if self.jmespath:
            data = loose_json.load(response.text)
            yield from (_query(expression, data) for expression in self.jmespath)


def may_have_widgets(response: Response) -> bool:
    """Whether it is worth reading a response for :func:`widgets_of`: a few searches for fixed bytes, no more."""
    return isinstance(response, TextResponse) and may_carry(response.body)


def widgets_of(response: Response) -> tuple[Widget, ...]:
    """The GeeTest widgets that a response carries; none if it is no page. A response is read once, as long as it lives."""
    if not isinstance(response, TextResponse):
        return ()
    found = _READ.get(response)
    if found is None:
        found = _READ[response] = _read(response)
    return found


def note_widgets(response: Response, widgets: tuple[Widget, ...]) -> None:
    """Note the widgets of a response that was looked at elsewhere: in a browser their scripts have run."""
    _READ[response] = widgets


def forget(response: Response) -> None:
    """Forget what was read of a response: its body is let go."""
    _READ.pop(response, None)


def _read(response: TextResponse) -> tuple[Widget, ...]:
    if not (may_have_widgets(response) and is_markup(response)):
        return ()
    # In other encodings a byte that looks like ASCII may be half of a character.
    return find_widgets(response.body if response.encoding.lower() in _ASCII_COMPATIBLE else response.text)


def _built_in(response: TextResponse) -> Finding:
    widgets = widgets_of(response)
    if not widgets:
        return Finding("built-in detection", matched=False, seen="no GeeTest widget in the page")
    told = "; ".join(f"{widget.brand} v{widget.version}: {widget.evidence}" for widget in widgets)
    matched, why = withholds(response)
    if (
        matched
        and response.status < ERROR_STATUS
        and not any(one.is_called for one in widgets)
        and not has_place(response)
    ):
        matched, why = False, "it links the loader, as layouts do on every page; nothing in it is a place for a widget"
    rule = f"built-in detection: a {widgets[0].brand} v{widgets[0].version} widget"
    return Finding(rule, matched, f"{told}; {why}")


def _select(
    rule: str, page: Selector | None, select: Callable[[Selector, str], Sequence[Selector]], query: str
) -> Finding:
    if page is None:
        return Finding(rule, None, "the response is neither HTML nor XML")
    try:
        found = [one for one in select(page, query) if _is_true(one.root)]
    except (ValueError, regular_expressions.error) as error:  # the latter from XPath's re:test
        return Finding(rule, matched=False, seen=f"it cannot be applied: {_short(str(error))}")
    return Finding(
        rule, bool(found), f"{len(found)} found, the first {_short(found[0].get())}" if found else "none found"
    )


def _is_true(root: Any) -> bool:
    return bool(root) if isinstance(root, bool | float | int | str) else True


def _query(expression: Any, data: Any) -> Finding:
    rule = f"jmespath {expression.expression!r}"
    if data is loose_json.ABSENT:
        return Finding(rule, None, "the response is not JSON")
    try:
        result = expression.search(data)
    except (JMESPathError, RecursionError, TypeError, ValueError, ArithmeticError) as error:
        return Finding(rule, matched=False, seen=f"it cannot be applied: {_short(str(error))}")
    return Finding(rule, bool(result), f"it gives {_short(repr(result))}")


def _short(text: str | None, limit: int = 100) -> str:
    words = " ".join((text or "")[: 4 * limit].split())
    return words if len(words) <= limit else words[: limit - 1] + "…"


def _name(source: str, kind: str) -> str:
    return source + (kind.upper() if source.isupper() else kind)


def _compiled(kind: str, value: Any, source: str, make: Callable[[str], _T]) -> tuple[_T, ...]:
    name = _name(source, kind)
    selectors = (value,) if isinstance(value, str) else value
    rule = f"write {_EXAMPLES[kind]}, or a list of them"
    if not isinstance(selectors, Sequence | set | frozenset) or isinstance(selectors, bytes):
        raise ValueError(f"{name} = {value!r} is invalid: {rule}.")
    made = []
    for selector in selectors:
        if not isinstance(selector, str) or not selector.strip():
            raise ValueError(f"{name} = {selector!r} is invalid: it must be a non-empty string; {rule}.")
        try:
            made.append(make(selector))
        except (ValueError, OverflowError, RecursionError, regular_expressions.error, JMESPathError) as error:
            raise ValueError(f"{name} = {selector!r} is invalid: {_short(str(error))}; {rule}.") from error
    return tuple(made)


def _check_css(selector: str) -> str:
    try:
        Selector(text="<p/>", type="html").css(selector)
    except (SyntaxError, RuntimeError, TypeError) as error:  # as cssselect's errors are
        raise ValueError(str(error) or type(error).__name__) from error
    return selector


def _check_xpath(expression: str) -> str:
    Selector(text="<p/>", type="html").xpath(expression)
    return expression


def _compile_jmespath(expression: str) -> Any:
    return jmespath.compile(expression)


def _statuses(value: Any, source: str) -> frozenset[int]:
    statuses = (value,) if isinstance(value, int) else value
    is_list = isinstance(statuses, Sequence | set | frozenset) and not isinstance(statuses, str | bytes)
    if not is_list or not all(type(status) is int and 100 <= status < 600 for status in statuses):  # noqa: PLR2004  # RFC 9110
        raise ValueError(
            f"{_name(source, 'status')} = {value!r} is invalid: write a list of HTTP statuses (100 to 599), like [403, 429]."
        )
    return frozenset(statuses)

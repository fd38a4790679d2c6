"""What a site class for a page could look like: Python text, ready to paste."""

from __future__ import annotations

import json
import re
import textwrap
from keyword import iskeyword
from typing import TYPE_CHECKING
from urllib.parse import urldefrag, urlsplit

from attrs import frozen

from scrapy_geetest._url_pattern import UrlPattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scrapy_geetest._pages.widget import Widget

_LONGEST_COMMENT = 300
_WIDTH = 105  # of what to mind, so that its lines fit into 120 characters
_OK = 200


@frozen(kw_only=True)
class Seen:
    """What a declaration is made of.

    Attributes:
        url: Where the page is from.
        status: Its HTTP status.
        widgets: Those that it carries, if any.
        register_urls: Candidates for the register endpoint, the likeliest first.
        css: A selector of the element that the widget is put into, if one is named after it.
        jmespath: The key by which a JSON answer says that it withholds something, if there is one.
        captcha_id: What such an answer tells of v4.
        sent_to: Where the spider or the page's script sends the answer, if it is elsewhere than the plugin would.
        sent_in_query: Whether that is a GET request of the spider's.
        only_carries: Whether the page only carries the widget, and withholds nothing.
        shows_acceptance: Whether the answer to a solution shows by itself that it was accepted.
        remarks: What to mind, in sentences.
    """

    url: str
    status: int = _OK
    widgets: Sequence[Widget] = ()
    register_urls: Sequence[str] = ()
    css: str | None = None
    jmespath: str | None = None
    captcha_id: str | None = None
    sent_to: str | None = None
    sent_in_query: bool = False
    only_carries: bool = False
    shows_acceptance: bool = True
    remarks: Sequence[str] = ()


def declare(seen: Seen) -> str:
    """The text of a module with one subclass of ``GeetestSite``."""
    lines = [f"    {line}" for line in _attributes(seen)]
    return "\n".join(
        ("from scrapy_geetest import GeetestSite", "", "", f"class {class_name(seen.url)}(GeetestSite):", *lines, "")
    )


def class_name(url: str) -> str:
    """A class's name made from a URL's host."""
    host = urlsplit(url).hostname or "site"
    words = re.findall(r"[A-Za-z0-9]+", host.removeprefix("www."))
    name = "".join(word[:1].upper() + word[1:] for word in words) or "Site"
    return f"Site{name}" if name[0].isdigit() or iskeyword(name) else name


def _attributes(seen: Seen) -> Iterator[str]:
    for remark in seen.remarks:
        yield from map(comment, textwrap.wrap(remark, _WIDTH))
    yield from _addresses(seen)
    yield from _detection(seen)
    yield from _answer(seen)
    if not seen.widgets:
        if seen.captcha_id:
            yield f"captcha_id = {literal(seen.captcha_id)}"
        return
    widget = seen.widgets[0]
    yield from _v3(seen, widget) if widget.version == 3 else _v4(seen, widget)  # noqa: PLR2004  # the versions of GeeTest
    if widget.api_server:
        yield f"api_server = {literal(widget.api_server)}"
    for other in seen.widgets[1:]:
        yield comment(f"another widget of the page: v{other.version}, {describe(other)}")


def _addresses(seen: Seen) -> Iterator[str]:
    urls = [_pattern(seen.url)]
    if seen.sent_to and _is_another_page_of(seen.url, seen.sent_to):
        urls.append(_pattern(seen.sent_to))
    yield f"urls = ({', '.join(map(literal, urls))}{',' * (len(urls) == 1)})"
    if (
        seen.sent_to and seen.sent_to.partition("?")[0] != seen.url.partition("?")[0]
    ):  # so that the service is told of the page with the widget, whatever the spider sends
        yield f"website_url = {literal(urldefrag(seen.url).url)}"


def _is_another_page_of(page_url: str, url: str) -> bool:
    """Whether *url* is of the page's host, but not of what is declared for the page."""
    return relative(url, page_url) != url and not UrlPattern.parse(_pattern(page_url), "inspected").matches(url)


def _detection(seen: Seen) -> Iterator[str]:
    if seen.status != _OK:
        yield f"detect_status = ({seen.status},)"
    if seen.jmespath:
        yield f"detect_jmespath = {literal(seen.jmespath)}"
    elif seen.only_carries:
        yield "# No detect_...: a page that only carries the widget, like this one, is left alone."
    elif seen.css:
        yield "# Any page with this is taken for a challenge page: name what pages with content do not have."
        yield f"detect_css = {literal(seen.css)}"
    elif seen.widgets:
        yield "# No detect_...: a page with a widget that withholds its content is taken for a challenge page."
    else:
        yield "# What do only challenge pages have? Name it, or a page with a widget that withholds its content is taken for one."
        yield '# detect_css = "#..."'


def _answer(seen: Seen) -> Iterator[str]:
    if seen.sent_in_query:
        yield 'submit_as = "query"'
    if not seen.shows_acceptance:
        yield "# What does the site's answer show only if it took the solution? Name it, or solutions count as unverified."
        yield '# accepted_css = "..."  # or accepted_jmespath, for JSON; likewise refused_...'


def _v3(seen: Seen, widget: Widget) -> Iterator[str]:
    if widget.challenge and (widget.gt or not seen.register_urls):
        yield "# The page itself shows a fresh challenge in every view: no challenge_url."
    elif seen.register_urls:
        yield f"challenge_url = {literal(relative(seen.register_urls[0], seen.url))}"
        for url in seen.register_urls[1:]:
            yield comment(f"or: challenge_url = {literal(relative(url, seen.url))}")
    else:
        yield comment(f"Where does the page's script get gt and challenge?{_unread(widget)}")
        yield '# challenge_url = "/...?t={timestamp}"'


def _v4(seen: Seen, widget: Widget) -> Iterator[str]:
    if widget.captcha_id:
        yield f"captcha_id = {literal(widget.captcha_id)}"
        if widget.risk_type:
            yield f"risk_type = {literal(widget.risk_type)}"
        return
    yield "version = 4"
    if seen.register_urls:
        yield comment(f"The answer of this holds the captcha_id, as it seems.{_unread(widget)}")
        yield f"challenge_url = {literal(relative(seen.register_urls[0], seen.url))}"
        return
    yield comment(f"The page does not show its captcha_id: a linked script or a request of it does.{_unread(widget)}")
    yield '# captcha_id = "..."'


def describe(widget: Widget) -> str:
    """A widget's place, in words."""
    return widget.captcha_id or widget.gt or widget.register_url or "; ".join(widget.unread) or widget.evidence


def _unread(widget: Widget) -> str:
    return f" ({'; '.join(widget.unread)})" if widget.unread else ""


def _pattern(url: str) -> str:
    parts = urlsplit(url)
    netloc = parts.netloc.rpartition("@")[2].lower()
    pattern = netloc + parts.path.rstrip("/")
    try:
        UrlPattern.parse(pattern, "inspected")
    except ValueError:
        return netloc
    return pattern


def relative(url: str, page_url: str) -> str:
    """*url* without scheme and host, where they are the page's."""
    parts, page = urlsplit(url), urlsplit(page_url)
    if (parts.scheme, parts.netloc) != (page.scheme, page.netloc):
        return url
    return parts._replace(scheme="", netloc="").geturl()


def literal(text: str) -> str:
    """*text* as a Python string literal in one line."""
    return json.dumps(text, ensure_ascii=False) if text.isprintable() else repr(text)


def comment(text: str) -> str:
    """*text* as a Python comment in one line."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return f"# {printable[:_LONGEST_COMMENT]}"

"""What a site class for a page could look like: Python text, ready to paste."""

from __future__ import annotations

import json
import re
from keyword import iskeyword
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urlencode, urlsplit

from attrs import field, frozen

from scrapy_geetest._pages.other_fields import OtherFields
from scrapy_geetest._url_pattern import UrlPattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scrapy_geetest._pages.widget import Widget

_LONGEST_COMMENT = 300
_OK = 200
_CONTENT_TYPES = {"form": "application/x-www-form-urlencoded", "json": "application/json"}


@frozen(kw_only=True)
class Seen:
    """What a declaration is made of.

    Attributes:
        url: Where the page is from.
        status: Its HTTP status.
        widgets: Those that it carries, if any.
        register_urls: Candidates for the register endpoint, the likeliest first.
        jsonp: The parameter that names the callback, where the likeliest of these answers JSONP.
        css: A selector of the element that the widget is put into, if one is named after it.
        xpath: The same as an XPath expression, where CSS does not reach it.
        jmespath: The key by which a JSON answer says that it withholds something, if there is one.
        captcha_id: What such an answer tells of v4.
        by: Who sends the answer: ``"form"``, ``"script"`` or ``"site"``; ``None``: unknown.
        sent_to: Where to, if that is known.
        method: By which method.
        way: As what: ``"form"``, ``"json"``, ``"query"``, ``"multipart"``.
        fields: Names that the values get, each with its key in the answer.
        beside: What a script sends beside them.
        accepted: JMESPath of a reply that means success.
        refused: The same of failure.
        is_withheld: Whether the page withholds its content.
        is_seen_in_crawls: Whether the page itself shows the widget, rather than a linked script.
        shows_acceptance: Whether the answer to a solution shows by itself that it was accepted.
        returns: Whether the form names the page that it opens.
        remarks: What is wrong with the class, in short sentences.
    """

    url: str
    status: int = _OK
    widgets: Sequence[Widget] = ()
    register_urls: Sequence[str] = ()
    jsonp: str = ""
    css: str | None = None
    xpath: str | None = None
    jmespath: str | None = None
    captcha_id: str | None = None
    by: str | None = None
    sent_to: str | None = None
    method: str = ""
    way: str | None = None
    fields: Sequence[tuple[str, str]] = ()
    beside: OtherFields = field(factory=OtherFields)
    accepted: str | None = None
    refused: str | None = None
    is_withheld: bool = False
    is_seen_in_crawls: bool = True
    returns: bool = False
    shows_acceptance: bool = True
    remarks: Sequence[str] = ()


def declare(seen: Seen) -> str:
    """The text of a module with one subclass of ``GeetestSite``."""
    hook = list(_hook(seen))
    attributes = [f"    {line}" for line in _attributes(seen)]
    head = ("from scrapy_geetest import GeetestSite", "", "", f"class {class_name(seen.url)}(GeetestSite):")
    return "\n".join((*head, *attributes, *hook, ""))


def class_name(url: str) -> str:
    """A class's name made from a URL's host."""
    host = urlsplit(url).hostname or "site"
    words = re.findall(r"[A-Za-z0-9]+", host.removeprefix("www."))
    name = "".join(word[:1].upper() + word[1:] for word in words) or "Site"
    return f"Site{name}" if name[0].isdigit() or iskeyword(name) else name


def _attributes(seen: Seen) -> Iterator[str]:
    for remark in seen.remarks:
        yield comment(remark)
    yield from _addresses(seen)
    yield from _detection(seen)
    if not seen.widgets:
        if seen.captcha_id:
            yield f"captcha_id = {literal(seen.captcha_id)}"
        if seen.jmespath:
            yield "# As which keys, and where, does the request take the answer? This answer does not tell: ask the page's script,"
            yield "# or a recorded visit (a HAR file), and name them in field_names, like {'lot_number': 'captcha.lot_number'}."
        return
    widget = seen.widgets[0]
    yield from _v3(seen, widget) if widget.version == 3 else _v4(seen, widget)  # noqa: PLR2004  # the versions of GeeTest
    if widget.api_server:
        yield f"api_server = {literal(widget.api_server)}"
    yield from _answer(seen, widget)
    for other in seen.widgets[1:]:
        yield comment(f"another widget of the page: v{other.version}, {describe(other)}")


def _answer(seen: Seen, widget: Widget) -> Iterator[str]:
    """How the answer is sent, as far as it is other than by default."""
    if seen.returns and seen.by == "form":
        yield "# The form names the page that it opens: one solution opens the session, as it seems."
        yield 'mode = "gate"'
    is_sent_by_request = seen.by == "script" or not seen.is_withheld
    if is_sent_by_request and seen.way in {"query", "headers"}:
        yield f"submit_as = {literal(seen.way)}"
    prefix = "geetest_" if widget.version == 3 else ""  # noqa: PLR2004  # the versions of GeeTest
    names = {key.removeprefix(prefix): name for name, key in seen.fields if key and key != name}
    names |= {key: name for name, key in seen.beside.posted_back}
    if names:
        inner = ", ".join(f"{literal(key)}: {literal(name)}" for key, name in names.items())
        yield f"field_names = {{{inner}}}"
    for name, key in seen.fields:
        if not key:
            yield comment(f"The field {name} gets all of the answer as JSON: override submit_request.")
    if seen.by == "script" and seen.is_withheld and seen.beside.untold:
        yield comment(
            f"The script sends this, too, which is not in the page: {', '.join(seen.beside.untold)}. The site may refuse an "
            "answer without it."
        )
    is_gate = seen.returns and seen.by == "form"  # there the page that was withheld is the evidence
    if not (seen.accepted or seen.refused or seen.shows_acceptance or is_gate):
        yield "# What does the site's answer show only if it took the solution? Name it, or solutions count as unverified."
        yield '# accepted_css = "..."  # or accepted_jmespath, for JSON; likewise refused_...'
    if seen.accepted:
        yield f"accepted_jmespath = {literal(seen.accepted)}"
    if seen.refused:
        yield f"refused_jmespath = {literal(seen.refused)}"


def sends_itself(seen: Seen) -> bool:
    """Whether the class sends what the page's script does: by a hook, or in the request for the page itself."""
    return _is_the_page(seen) or any(_hook(seen))


def _is_the_page(seen: Seen) -> bool:
    is_there = (seen.sent_to or "").partition("?")[0] == seen.url.partition("?")[0]
    return seen.by == "script" and seen.way in {"query", "headers"} and is_there


def _hook(seen: Seen) -> Iterator[str]:
    """``submit_request`` for a page that is withheld and whose script sends the answer."""
    is_known = bool(seen.fields) and all(key for _, key in seen.fields) and not seen.beside.untold
    if not (seen.is_withheld and seen.by == "script" and seen.sent_to and is_known) or _is_the_page(seen):
        return
    content_type = _CONTENT_TYPES.get(seen.way or "")
    if content_type is None and seen.way not in {"query", "headers"}:
        return
    yield ""
    yield "    def submit_request(self, request, response, solution):"
    constants = dict(seen.beside.constants)
    pairs = urlencode(
        {name: json.dumps(value) if isinstance(value, bool) else value for name, value in constants.items()}
    )
    query = f"?{pairs}" if constants and seen.way == "query" else ""
    yield f"        url = {literal(seen.sent_to + query)}"
    if content_type:
        yield f'        headers = {{**request.headers, "Content-Type": {literal(content_type)}}}'
        text = json.dumps(_nested(constants)) if seen.way == "json" else pairs
        body = f", body={text.encode()!r}" if text else ""
        yield f"        sent = request.replace(url=url, method={literal(seen.method)}, headers=headers{body})"
    else:
        yield "        sent = request.replace(url=url)"
    yield "        return super().submit_request(sent, None, solution)"


def _nested(constants: Mapping[str, str | int | bool]) -> dict[str, Any]:
    """Names with dots as keys of objects within objects."""
    found: dict[str, Any] = {}
    for name, value in constants.items():
        *path, last = name.split(".")
        place = found
        for key in path:
            place = place.setdefault(key, {})
        place[last] = value
    return found


def _addresses(seen: Seen) -> Iterator[str]:
    urls = [_pattern(seen.url)]
    if seen.returns and seen.by == "form" and seen.sent_to:
        urls = [_common_pattern(seen.url, seen.sent_to)]
    elif seen.sent_to and _is_another_page_of(seen.url, seen.sent_to):
        urls.append(_pattern(seen.sent_to))
    yield f"urls = ({', '.join(map(literal, urls))}{',' * (len(urls) == 1)})"
    is_sent_by_spider = seen.by == "script" or not seen.is_withheld
    if (
        seen.sent_to and is_sent_by_spider and seen.sent_to != seen.url
    ):  # so that the service is told of the page with the widget
        yield f"website_url = {literal(urldefrag(seen.url).url)}"


def _is_another_page_of(page_url: str, url: str) -> bool:
    """Whether *url* is of the page's host, but not of what is declared for the page."""
    return relative(url, page_url) != url and not UrlPattern.parse(_pattern(page_url), "inspected").matches(url)


def _detection(seen: Seen) -> Iterator[str]:
    if seen.status != _OK:
        yield f"detect_status = ({seen.status},)"
    if seen.jmespath:
        yield f"detect_jmespath = {literal(seen.jmespath)}"
    elif seen.widgets and not seen.is_withheld and seen.is_seen_in_crawls:
        yield "# No detect_...: a page that only carries the widget, like this one, is left alone."
    elif seen.css:
        yield "# Any page with this is treated as a challenge page: name what pages with content do not have."
        yield f"detect_css = {literal(seen.css)}"
    elif seen.xpath:
        yield "# Any page with this is treated as a challenge page: name what pages with content do not have."
        yield f"detect_xpath = {literal(seen.xpath)}"
    elif seen.widgets:
        yield "# No detect_...: a page with a widget that leaves nothing to type and shows hardly any text counts."
    else:
        yield "# What do only challenge pages have? Name it:"
        yield '# detect_css = "#..."'


def _v3(seen: Seen, widget: Widget) -> Iterator[str]:
    if widget.challenge and (widget.gt or not seen.register_urls):
        yield "# The page itself shows a fresh challenge in every view: no challenge_url."
    elif seen.register_urls:
        url = relative(seen.register_urls[0], seen.url)
        callback = f"{'&' if '?' in url else '?'}{seen.jsonp}=callback" if seen.jsonp else ""
        yield f"challenge_url = {literal(url + callback)}"
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


def public(url: str) -> str:
    """*url* without a user and a password in it."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _common_pattern(url: str, other: str) -> str:
    """What both addresses begin with: the part of the site that a gate guards, as far as one page shows it."""
    common = []
    for segment, another in zip(urlsplit(url).path.split("/"), urlsplit(other).path.split("/"), strict=False):
        if segment != another:
            break
        common.append(segment)
    parts = urlsplit(url)
    return _pattern(parts._replace(path="/".join(common), query="").geturl())


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

"""Which requests of a page's scripts look like the one that registers a challenge, and like the one that sends the result."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from scrapy_geetest._pages.calls import MAX_CALLS, Call, find_calls
from scrapy_geetest._pages.javascript import TEXT, Budget, Code
from scrapy_geetest._pages.markup import Markup, read_markup
from scrapy_geetest._pages.prefilter import excerpt
from scrapy_geetest._pages.requests import ReadScript, ScriptRequest, has_answer, read_url
from scrapy_geetest._pages.script_values import Fields, named_entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MAX_HINTS = 8
_MAX_URL = 2048
_MAX_NEAR = 32  # requests before a call of the widget that are looked at
_REACH = 16_384  # bytes between a request and the call that it is for
_MAX_SPELLED_OUT = 100
_PUNCTUATION = re.compile(rb"[{}\[\]();]")
_TELLING = re.compile(r"geetest|gee[-_]?test|captcha|challenge|slider|\bgt\b|[-_/]gt[-_/]|preprocess", re.IGNORECASE)
_OTHER_STEP = re.compile(r"validat|verif|check|log-?in|submit|sign-?in|\.js\b", re.IGNORECASE)
_REGISTER = re.compile(rb"[rR]egister|[sS]tart[cC]aptcha|[pP]re[pP]rocess")
_TELLING_BYTES = re.compile(rb"geetest|captcha|challenge|slider|gt|preprocess", re.IGNORECASE)
_STRING = re.compile(rb"[\"'`]\x01+[\"'`]")
_URL = re.compile(r"[^\s\"'<>\\^`|{}$=]+")
_JOINED_BEFORE = re.compile(rb"\+\s*$")
_JOINED_BEHIND = re.compile(rb"\s*\+")


def register_request(call: Call, script: ReadScript) -> str | None:
    """The URL of the request that a call of the widget waits for, as it stands in the script, or ``None``.

    That is the nearest request before it whose callback the call is in, or else whose block it is in. Where its URL
    cannot be known, none farther away is taken instead.
    """
    for url in _urls_of_options(call, script):
        return url
    start = max(0, call.position - _REACH)
    near = [one for one in script.requests if start <= one.position < call.position and not has_answer(one.data)]
    nearness = [(_relation(request, call), request) for request in reversed(near[-_MAX_NEAR:])]
    for wanted in (2, 1):
        for relation, request in nearness:
            if relation == wanted:
                return request.url
    return None


def _urls_of_options(call: Call, script: ReadScript) -> Iterator[str | None]:
    """Of the options of a request, wherever they stand, whose callback the call is in."""
    syntax = script.evaluator.syntax
    for opening in syntax.around(call.position):
        if call.code.masked[opening : opening + 1] != b"{" or syntax.function(opening) or opening == call.argument[0]:
            continue
        options = script.evaluator.value((opening, syntax.closes.get(opening, opening) + 1))
        entries = named_entries(options.entries) if isinstance(options, Fields) else {}
        if "url" in entries:
            yield read_url(entries["url"], is_known=True)[0]


def _relation(request: ScriptRequest, call: Call) -> int:
    """2: the call is inside the request's arguments or chained to it; 1: behind it in the same block; 0: neither."""
    depth, relation = 0, 2
    for mark in _PUNCTUATION.finditer(call.code.masked, request.position, call.position):
        token = mark[0]
        depth += (token in b"{[(") - (token in b"}])")
        if depth < 0 and token == b")":  # the end of what the request is an argument of
            depth, relation = 0, 1
        if depth < 0:
            return 0
        if depth == 0 and token == b";":
            relation = 1
    return relation if relation == 1 or depth > 0 else 1


def register_hints(body: bytes | str, base_url: str) -> tuple[str, ...]:
    """Candidates for the site's register endpoint, the likeliest first; at most eight.

    Only what literals tell is read: an address that ends in ``?t=`` with the clock added to it gets ``{timestamp}``, as
    ``challenge_url`` wants it; one whose end or host is computed is none. Nothing is fetched.

    Args:
        body: The page.
        base_url: Where it is from; a ``<base>`` in the page is honoured.
    """
    markup, scripts = _read(body)
    return absolute(register_urls(scripts), base_url, markup.base)


def _read(body: bytes | str) -> tuple[Markup, list[ReadScript]]:
    markup = read_markup(excerpt(body.encode("utf-8", "replace") if isinstance(body, str) else body))
    budget = Budget()
    scripts = (script.code for script in markup.scripts if script.code and not script.is_json)
    return markup, [ReadScript(Code.of(code, budget)) for code in scripts]


def absolute(urls: Iterable[str], page_url: str, base: str) -> tuple[str, ...]:
    """*urls* of a page as absolute ones, each once."""
    found: dict[str, None] = {}
    for url in urls:
        try:
            joined = urljoin(urljoin(page_url, base), url)
            scheme = urlsplit(joined).scheme
        except ValueError:
            continue
        if scheme in {"http", "https"} and len(joined) <= _MAX_URL:
            found[joined] = None
        if len(found) == MAX_HINTS:
            break
    return tuple(found)


def register_urls(scripts: Sequence[ReadScript]) -> Iterator[str]:
    """Candidates as they stand in the scripts, the likeliest first."""
    calls = ((call, script) for script in scripts for call in find_calls(script.code))
    for call, script in islice(calls, MAX_CALLS):
        if url := register_request(call, script):
            yield url
    for script in scripts:
        if not _TELLING_BYTES.search(script.code.text):
            continue
        yield from (
            request.url
            for request in script.requests
            if request.url
            and not has_answer(request.data)
            and _TELLING.search(request.url)
            and not _OTHER_STEP.search(request.url)
        )
    for script in scripts:
        yield from _spelled_out(script.code)


def jsonp_parameter(scripts: Sequence[ReadScript], url: str, page_url: str, base: str) -> str:
    """The parameter in which a page's request to *url* names the callback of a JSONP answer; empty: it is no JSONP."""
    for script in scripts:
        for request in script.requests:
            if request.callback and request.url and absolute((request.url,), page_url, base) == (url,):
                return request.callback
    return ""


def _spelled_out(code: Code) -> Iterator[str]:
    """Literals that name a register endpoint of GeeTest, wherever they stand, whole."""
    for match in islice(_REGISTER.finditer(code.text), _MAX_SPELLED_OUT):
        if code.masked[match.start()] != TEXT:
            continue
        start = _start_of_string(code.masked, match.start())
        string = _STRING.match(code.masked, start) if start is not None else None
        if string is None or _JOINED_BEFORE.search(code.masked, max(0, string.start() - 40), string.start()):
            continue
        if _JOINED_BEHIND.match(code.masked, string.end()):
            continue
        url = code.literal(string.span()) or ""
        if "/" in url and _URL.fullmatch(url) and _TELLING.search(url) and not _OTHER_STEP.search(url):
            yield url


def _start_of_string(masked: bytes, position: int) -> int | None:
    for at in range(position, max(-1, position - 200), -1):
        if masked[at] != TEXT:
            return at
    return None

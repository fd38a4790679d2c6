"""Which requests of a page's scripts look like the one that registers a challenge, and like the one that sends the result."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from attrs import frozen

from scrapy_geetest._pages.calls import MAX_CALLS, Call, find_calls
from scrapy_geetest._pages.javascript import SPACE, TEXT, Budget, Code
from scrapy_geetest._pages.markup import Markup, read_markup
from scrapy_geetest._pages.prefilter import excerpt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_HINTS = 8
_MAX_URL = 2048
_MAX_REQUESTS = 200  # of one script that are looked at
_MAX_NEAR = 32  # requests before a call of the widget that are looked at
_REACH = 16_384  # bytes between a request and the call that it is for
_OPTIONS = 4_096  # bytes of a request's options in which its url is looked for
_JUST_BEFORE = 600  # bytes before a request in which a result is taken for it
_REQUEST = re.compile(rb"(?<![\w$])(?:get|post|getJSON|ajax|fetch|open|request|axios|jsonp)\s{0,8}\(\s*")
_PUNCTUATION = re.compile(rb"[{}\[\]();]")
_STRING = re.compile(rb"[\"'`](\x01+)(?:[\"'`]|(?=\$\{))")
_COMMA = re.compile(rb"\s{0,8},\s*")
_NEXT = re.compile(rb"\s{0,40}(\+|\$\{)")
_CLOCK = re.compile(rb"Date|getTime|now\(|random|time", re.IGNORECASE)
_CLOCK_KEY = re.compile(r"[?&](?:t|_|ts|time|timestamp|r|rand|random|v)=$", re.IGNORECASE)
_TELLING = re.compile(r"geetest|gee[-_]?test|captcha|challenge|slider|\bgt\b|[-_/]gt[-_/]|preprocess", re.IGNORECASE)
_OTHER_STEP = re.compile(r"validat|verif|check|log-?in|submit|sign-?in|\.js\b", re.IGNORECASE)
_REGISTER = re.compile(rb"[rR]egister|[sS]tart[cC]aptcha|[pP]re[pP]rocess")
_TAKEN = re.compile(rb"getValidate\s{0,8}\(")
_RESULT = re.compile(
    rb"getValidate\s{0,8}\(|geetest_(?:challenge|validate|seccode)|lot_number|captcha_output|pass_token"
)
_URL = re.compile(r"(?:https?://|//|\.{0,2}/)?[^\s\"'<>\\^`|]+")


@frozen
class _Request:
    code: Code
    position: int
    url: str


def register_request(call: Call) -> str | None:
    """The URL of the request that a call of the widget waits for, as it stands in the script, or ``None``.

    That is the nearest request before it whose callback the call is in, or else whose block it is in.
    """
    near = list(_requests(call.code, max(0, call.position - _REACH), call.position))[-_MAX_NEAR:]
    nearness = [(_relation(request, call), request) for request in reversed(near)]
    for wanted in (2, 1):
        for relation, request in nearness:
            if relation == wanted:
                return request.url
    return None


def _relation(request: _Request, call: Call) -> int:
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


def submit_hints(body: bytes | str, base_url: str) -> tuple[str, ...]:
    """Where a page's scripts send the widget's result, as far as literals tell; at most eight.

    Args:
        body: The page.
        base_url: Where it is from; a ``<base>`` in the page is honoured.
    """
    markup, scripts = _read(body)
    urls = (request.url for code in scripts for request in _requests(code) if _carries_result(request))
    return _joined(urls, base_url, markup.base)


def _carries_result(request: _Request) -> bool:
    """Whether the widget's result is among the request's arguments, or was taken just before."""
    code, depth, end = request.code, 0, request.position + _OPTIONS
    for mark in _PUNCTUATION.finditer(code.masked, request.position, end):
        depth += (mark[0] in b"{[(") - (mark[0] in b"}])")
        if depth <= 0 and mark[0] in b"}])":
            end = mark.end()
            break
    named = any(code.masked[match.start()] != SPACE for match in _RESULT.finditer(code.text, request.position, end))
    return named or _TAKEN.search(code.masked, max(0, request.position - _JUST_BEFORE), request.position) is not None


def register_hints(body: bytes | str, base_url: str) -> tuple[str, ...]:
    """Candidates for the site's register endpoint, the likeliest first; at most eight.

    Only string literals are read: a literal that ends in ``?t=`` with the clock added to it gets ``{timestamp}``, as
    ``challenge_url`` wants it. Nothing is fetched.

    Args:
        body: The page.
        base_url: Where it is from; a ``<base>`` in the page is honoured.
    """
    markup, scripts = _read(body)
    return _joined(_candidates(scripts), base_url, markup.base)


def _read(body: bytes | str) -> tuple[Markup, list[Code]]:
    markup = read_markup(excerpt(body.encode("utf-8", "replace") if isinstance(body, str) else body))
    budget = Budget()
    return markup, [Code.of(script.code, budget) for script in markup.scripts if script.code and not script.is_json]


def _joined(urls: Iterable[str], page_url: str, base: str) -> tuple[str, ...]:
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


def _candidates(scripts: list[Code]) -> Iterator[str]:
    calls = 0
    for code in scripts:
        for call in find_calls(code):
            calls += 1
            if calls > MAX_CALLS:
                break
            if url := register_request(call):
                yield url
    for code in scripts:
        yield from (
            request.url
            for request in _requests(code)
            if _TELLING.search(request.url) and not _OTHER_STEP.search(request.url)
        )
    for code in scripts:
        yield from _spelled_out(code)


def _requests(code: Code, start: int = 0, end: int | None = None) -> Iterator[_Request]:
    for count, match in enumerate(_REQUEST.finditer(code.masked, start, len(code.masked) if end is None else end)):
        if count == _MAX_REQUESTS:
            return
        at = match.end()
        if code.masked[at : at + 1] == b"{":
            span = code.entries(at, _OPTIONS)[0].get("url")
            at = span[0] + _leading(code.masked[slice(*span)]) if span else -1
        elif match[0].startswith(b"open") and (method := _STRING.match(code.masked, at)):
            comma = _COMMA.match(code.masked, method.end())
            at = comma.end() if comma else -1
        if at >= 0 and (url := _url(code, at)):
            yield _Request(code, match.start(), url)


def _leading(text: bytes) -> int:
    return len(text) - len(text.lstrip())


def _url(code: Code, at: int) -> str | None:
    """The URL that the literal at *at* begins, with ``{timestamp}`` where the clock is added to it."""
    match = _STRING.match(code.masked, at)
    if match is None:
        return None
    raw = code.text[slice(*match.span(1))].decode("utf-8", "replace")
    url = re.sub(r"\\(?:x3[dD]|u003[dD])", "=", raw).replace("\\/", "/")
    if not _URL.fullmatch(url) or not re.search(r"[/?.]", url):
        return None
    more = _NEXT.match(code.masked, match.end())
    if more and url.endswith("="):
        expression = code.masked[more.end() : more.end() + 80]
        if _CLOCK_KEY.search(url) or _CLOCK.search(re.split(rb"[,;}]", expression)[0]):
            url += "{timestamp}"
    return url


def _spelled_out(code: Code) -> Iterator[str]:
    """Literals that name a register endpoint of GeeTest, wherever they stand."""
    for count, match in enumerate(_REGISTER.finditer(code.text)):
        if count == _MAX_REQUESTS:
            return
        if code.masked[match.start()] != TEXT:
            continue
        start = _start_of_string(code.masked, match.start())
        url = _url(code, start) if start is not None else None
        if url and "/" in url and _TELLING.search(url) and not _OTHER_STEP.search(url):
            yield url


def _start_of_string(masked: bytes, position: int) -> int | None:
    for at in range(position, max(-1, position - 200), -1):
        if masked[at] != TEXT:
            return at
    return None

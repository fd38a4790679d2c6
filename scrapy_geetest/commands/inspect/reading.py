"""A response as ``inspect`` reads it: as a page, with the scripts that it links, as a script, or as JSON."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from attrs import evolve, field, frozen
from scrapy.http import HtmlResponse, Response, TextResponse
from scrapy.responsetypes import responsetypes
from scrapy.utils.response import get_base_url

from scrapy_geetest._pages import loose_json
from scrapy_geetest._pages.hints import absolute, jsonp_parameter, register_urls
from scrapy_geetest._pages.page_answer import PageAnswer, page_answer
from scrapy_geetest._pages.register import RegisterError, parse_register
from scrapy_geetest._pages.rules import widgets_of
from scrapy_geetest._pages.tree import is_markup, page_root
from scrapy_geetest._pages.widget import PageReading, Signs, Widget
from scrapy_geetest.challenge import V3Challenge
from scrapy_geetest.commands.inspect.declaration import public
from scrapy_geetest.exceptions import ChallengeNotNeeded, ChallengeNotReady

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scrapy_geetest.challenge import Challenge

MAX_LINKED = 8
"""Linked scripts of the site that are fetched for one page."""
MAX_LINKED_BYTES = 1_048_576

_SCRIPT_SUFFIXES = (".js", ".mjs", ".cjs", ".ts", ".jsx", ".tsx")
_SCRIPT_TYPE = b"text/javascript"
_SPEAKS = re.compile(rb"aptcha|eetest|gt4?\.js", re.IGNORECASE)
_TAG = re.compile(rb"<(?:!doctype|[a-z][a-z0-9]*[\s/>])", re.IGNORECASE)
_LIBRARIES = re.compile(
    r"(?:^|[/._-])(?:jquery|bootstrap|vue|react(?:-dom)?|angular|lodash|moment|polyfills?|swiper|layui|layer|echarts|axios"
    r"|popper|modernizr|analytics|gtag|gtm|hm|adsbygoogle|sentry|element-ui|fontawesome|highlight|zepto)(?:[._/-]|$)",
    re.IGNORECASE,
)


@frozen(kw_only=True)
class Reading:
    """What a response says of GeeTest.

    Attributes:
        widgets: Those that it carries, or that a linked script makes, or whose parameters its JSON tells.
        own_widgets: Those that the detection of a crawl sees.
        signs: Signs of GeeTest, whether it counts or not.
        register_urls: Candidates for the register endpoint, the likeliest first.
        jsonp: The parameter that names the callback, where the likeliest of these answers JSONP; else empty.
        answer: Where it sends the widget's answer.
        linked: The linked scripts that were read.
        is_json: Whether it is JSON.
    """

    widgets: tuple[Widget, ...] = ()
    own_widgets: tuple[Widget, ...] = ()
    signs: Signs = field(factory=Signs)
    register_urls: tuple[str, ...] = ()
    jsonp: str = ""
    answer: PageAnswer = field(factory=PageAnswer)
    linked: tuple[str, ...] = ()
    is_json: bool = False

    @property
    def version(self) -> int | None:
        """The version that all its widgets have."""
        versions = {widget.version for widget in self.widgets}
        return versions.pop() if len(versions) == 1 else None


def response_of_file(name: str, url: str, body: bytes) -> Response:
    """A saved page as it would have come from *url*: a template is a page, a script is none.

    Args:
        name: Of the file.
        url: Where it is from.
        body: Its content.
    """
    if name.lower().endswith(_SCRIPT_SUFFIXES):
        return TextResponse(url, body=body, headers={b"Content-Type": _SCRIPT_TYPE}, encoding="utf-8")
    kind = responsetypes.from_args(filename=name, body=body)
    if kind in {TextResponse, Response} and _TAG.search(body[:65_536]) and b"\0" not in body[:1024]:
        kind = HtmlResponse
    return kind(url, body=body)


def read(response: Response, linked: Mapping[str, bytes] | None = None) -> Reading:
    """Read *response*.

    Args:
        response: What was downloaded.
        linked: The scripts that it links, by their addresses, where they were fetched.
    """
    if not isinstance(response, TextResponse):
        return Reading()
    script = is_script(response)
    if not script and loose_json.load(response.text) is not loose_json.ABSENT:
        return _read_json(response)
    if not script and not is_markup(response):
        return Reading(signs=PageReading.of(response.text).signs(response.body))
    page = PageReading.of(response.text, is_script=script, linked=tuple((linked or {}).values()))
    own = page.widgets() if script else widgets_of(response)
    widgets = _linked_first(page.widgets(), own) if linked else own
    found = Reading(widgets=widgets, own_widgets=own, signs=page.signs(response.body), linked=tuple(linked or ()))
    if not widgets:
        return found
    url = public(response.url)
    base = url if script else public(_base_url(response))
    registers = absolute(register_urls(page.read_scripts), url, page.markup.base)
    return evolve(
        found,
        register_urls=registers,
        jsonp=jsonp_parameter(page.read_scripts, registers[0], url, page.markup.base) if registers else "",
        answer=page_answer(page.read_scripts, None if script else page_root(response), base, url, widgets),
    )


def _linked_first(all_widgets: tuple[Widget, ...], own: tuple[Widget, ...]) -> tuple[Widget, ...]:
    """Those that linked scripts make, where the page itself shows no more than a loader."""
    called = tuple(widget for widget in all_widgets if widget.is_called)
    return called or own or all_widgets


def _base_url(response: TextResponse) -> str:
    try:
        return get_base_url(response)
    except ValueError:  # the address in its <base> is none
        return response.url


def _read_json(response: TextResponse) -> Reading:
    try:
        challenge = parse_register(response.text)
    except (RegisterError, ChallengeNotNeeded, ChallengeNotReady):
        return Reading(is_json=True)
    widgets = (_of_challenge(challenge),)
    return Reading(widgets=widgets, is_json=True)


def _of_challenge(challenge: Challenge) -> Widget:
    evidence = "the answer's JSON"
    if isinstance(challenge, V3Challenge):
        return Widget(
            version=3,
            gt=challenge.gt,
            challenge=challenge.challenge,
            api_server=challenge.api_server,
            evidence=evidence,
        )
    return Widget(
        version=4,
        captcha_id=challenge.captcha_id,
        risk_type=challenge.risk_type,
        api_server=challenge.api_server,
        evidence=evidence,
    )


def is_script(response: Response) -> bool:
    """Whether a response is a script, as pages link them."""
    content_type = (response.headers.get(b"Content-Type") or b"").lower()
    return b"javascript" in content_type and not isinstance(response, HtmlResponse)


def linked_scripts(response: Response) -> tuple[str, ...]:
    """Addresses of the scripts of the same site that a page links, the likeliest first.

    None where the page itself tells everything, or nothing speaks of a captcha.
    """
    if not isinstance(response, TextResponse) or not is_markup(response):
        return ()
    page, found = PageReading.of(response.text), read(response)
    is_called = any(widget.is_called for widget in found.widgets)
    if (is_called and found.answer.by) or not (found.widgets or _SPEAKS.search(response.body)):
        return ()
    base, host = _base_url(response), site_of(response.url)
    urls = [urljoin(base, src) for src in page.sources if not _LIBRARIES.search(urlsplit(src).path)]
    own = [url for url in dict.fromkeys(urls) if urlsplit(url).scheme in {"http", "https"} and site_of(url) == host]
    # Pages link what the whole site needs first, and what is their own last.
    return tuple(own[::-1][:MAX_LINKED])


def scripts_beside(path: Path, response: Response) -> dict[str, bytes]:
    """The linked scripts of a saved page that were saved with it."""
    found: dict[str, bytes] = {}
    page_folder = urljoin(response.url, ".")
    for url in linked_scripts(response):
        place = url.removeprefix(page_folder) if url.startswith(page_folder) else urlsplit(url).path.lstrip("/")
        for file in (path.parent / urlsplit(place).path, path.parent / urlsplit(url).path.lstrip("/")):
            with suppress(OSError, ValueError):
                if file.resolve().is_relative_to(path.parent.resolve()):
                    found.setdefault(url, file.read_bytes()[:MAX_LINKED_BYTES])
    return found


def site_of(url: str) -> str:
    """What the hosts of one site have in common: the last two labels of a name, or the whole address."""
    host = urlsplit(url).hostname or ""
    return host if host.replace(".", "").isdigit() else ".".join(host.split(".")[-2:])

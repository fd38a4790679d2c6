"""Who a request is to a site: its cookies, its proxy, its headers, its download handler."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from attrs import field, frozen
from scrapy.http.headers import Headers

from scrapy_geetest._services.task import Proxy
from scrapy_geetest._submission.target import Origin, origin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scrapy import Request

KEPT_META = (
    *("cookiejar", "dont_merge_cookies", "proxy", "bindaddress", "_auth_proxy", "_scheme_proxy"),
    *("impersonate", "impersonate_args", "playwright", "playwright_context", "playwright_context_kwargs"),
)
"""Meta keys that make up a visitor. Of rotating proxies the proxy itself is kept, so that it does not rotate."""

# Headers that say how one request is made, not who makes it.
_OF_ONE_REQUEST = frozenset(
    {
        *(b"Content-Type", b"Content-Length", b"Content-Encoding", b"Content-Language", b"Content-Location"),
        *(b"Referer", b"Origin", b"Host", b"Connection", b"Range", b"Cookie"),
        *(b"If-Match", b"If-None-Match", b"If-Modified-Since", b"If-Unmodified-Since", b"If-Range"),
    }
)
# What is no credential, so that another origin may get it, too.
_FOR_ANYBODY = frozenset(
    {
        *(b"User-Agent", b"Accept", b"Accept-Language", b"Accept-Encoding", b"Proxy-Authorization"),
        *(b"Content-Type", b"Content-Length", b"Referer", b"Origin", b"Dnt", b"Upgrade-Insecure-Requests"),
    }
)
_PINNED = (b"User-Agent", b"Accept-Language")
_PINNED_META = ("cookiejar", "proxy", "bindaddress", "impersonate", "impersonate_args")
_ADOPTED_META = {"proxy": ("proxy", "_auth_proxy", "_scheme_proxy"), "impersonate": ("impersonate",)}


def may_go_to_anybody(header: bytes) -> bool:
    """Whether a header is no credential: what a request set itself, beyond these, is for its own origin."""
    return header in _FOR_ANYBODY or header.startswith(b"Sec-")


@frozen(eq=False)
class Made:
    """What a request was made with, before any middleware: its headers, and of its meta what makes up a visitor."""

    headers: Headers
    meta: dict[str, Any]

    @classmethod
    def of(cls, request: Request) -> Made:
        """Remember it."""
        return cls(request.headers.copy(), {key: request.meta[key] for key in _PINNED_META if key in request.meta})


_TIED_HEADERS = ("User-Agent", "Proxy-Authorization")
_TIED_META = ("proxy", "_auth_proxy", "_scheme_proxy", "impersonate")


@frozen
class Identity:
    """Who opened a session, as far as a site may tie it to that: plain data, for other requests and other processes."""

    headers: Mapping[str, str] = field(factory=dict, repr=False)
    meta: Mapping[str, Any] = field(factory=dict, repr=False)

    @classmethod
    def of(cls, visitor: Visitor | Request) -> Identity:
        """That of a visitor, or of a request as it is now."""
        found = {name: visitor.headers.get(name) for name in _TIED_HEADERS}
        headers = {name: value.decode("latin-1") for name, value in found.items() if value is not None}
        meta = {key: visitor.meta[key] for key in _TIED_META if isinstance(visitor.meta.get(key), str | bool)}
        return cls(headers, meta)

    def put_on(self, request: Request) -> None:
        """Make *request* one of the same visitor."""
        for name in _TIED_HEADERS:
            request.headers.pop(name, None)
        for key in _TIED_META:
            request.meta.pop(key, None)
        for name, value in self.headers.items():
            request.headers[name] = value.encode("latin-1")
        request.meta.update(self.meta)


class Visitor:
    """Who the requests of one attempt are. It is read off when it is first asked for: most pages are not withheld.

    Args:
        sent: The request as the middlewares made it so far.
        asked: The request as its spider made it.
        keep_meta: Further meta keys (``GEETEST_KEEP_META``).
        keeps_cookies: Whether Scrapy keeps a cookie jar, so that the ``Cookie`` header is made anew each time.
    """

    def __init__(
        self, sent: Request, asked: Request, *, keep_meta: Sequence[str] = (), keeps_cookies: bool = True
    ) -> None:
        self._sent = sent
        self._asked = asked
        self._keep_meta = keep_meta
        self._keeps_cookies = keeps_cookies

    @cached_property
    def origin(self) -> Origin:
        """Of the request as its spider made it; its credentials go nowhere else."""
        return origin(self._asked.url)

    @cached_property
    def headers(self) -> Headers:
        """Its own, those of a single request left out."""
        sent, asked = self._sent, self._asked
        headers = Headers({name: sent.headers.getlist(name) for name in sent.headers if name not in _OF_ONE_REQUEST})
        for name in asked.headers:  # a redirect takes credentials off
            if name not in _OF_ONE_REQUEST:
                headers.setlist(name, asked.headers.getlist(name))
        is_own_cookie = not self._keeps_cookies or sent.meta.get("dont_merge_cookies")
        if is_own_cookie and b"Cookie" in asked.headers:
            headers.setlist(b"Cookie", asked.headers.getlist(b"Cookie"))
        return headers

    @cached_property
    def meta(self) -> dict[str, Any]:
        """What of its meta makes up the visitor."""
        return {key: self._sent.meta[key] for key in (*KEPT_META, *self._keep_meta) if key in self._sent.meta}

    def become(self, identity: Identity) -> None:
        """Be another one from here on, since the session belongs to that one."""
        identity.put_on(self._sent)
        if self._asked is not self._sent:
            identity.put_on(self._asked)
        for name in ("headers", "meta"):  # read off anew
            self.__dict__.pop(name, None)

    def headers_for(self, url: str, own: Headers) -> Headers:
        """The headers of a request to *url* that has its *own*, which count for more; credentials for the own origin only."""
        headers = own.copy()
        is_own_origin = origin(url) == self.origin
        for name in self.headers:
            if name not in headers and (is_own_origin or may_go_to_anybody(name)):
                headers.setlist(name, self.headers.getlist(name))
        if not is_own_origin:
            for name in [name for name in headers if not may_go_to_anybody(name)]:
                if headers.getlist(name) == self.headers.getlist(name):
                    del headers[name]
        return headers

    @staticmethod
    def pin(request: Request, made: Made) -> None:
        """Put back what a middleware before us has changed of *request*, which was *made* so."""
        for name in _PINNED:
            if name in made.headers:
                request.headers.setlist(name, made.headers.getlist(name))
        request.meta.update(made.meta)
        if "proxy" in made.meta:
            request.meta.pop("_rotating_proxy", None)

    def strip_credentials(self, request: Request) -> None:
        """Take the credentials off a request that a redirect has led to another origin."""
        if origin(request.url) != self.origin:
            for name in [name for name in request.headers if not may_go_to_anybody(name)]:
                if name in self.headers:
                    del request.headers[name]

    def changes(self, sent: Request, made: Made) -> list[str]:
        """What the middlewares behind us have changed of a request that was *made* so, by name.

        What they chose first becomes the visitor's own.
        """
        own = made.headers
        changed = [name.decode() for name in _PINNED if name in own and sent.headers.getlist(name) != own.getlist(name)]
        for name in _PINNED:
            if name not in self.headers and name in sent.headers:
                self.headers.setlist(name, sent.headers.getlist(name))
        for key, adopted in _ADOPTED_META.items():
            if key not in self.meta:
                self.meta |= {name: sent.meta[name] for name in adopted if name in sent.meta}
            elif key in made.meta and sent.meta.get(key) != made.meta[key]:
                changed.append(key)
        return changed


def proxy_key(request: Request) -> str | None:
    """Proxy and login, the same before and after HttpProxyMiddleware has moved the login into a header."""
    url = request.meta.get("proxy")
    if not url:
        return None
    scheme, _, rest = url.rpartition("://")
    userinfo, _, host = rest.rpartition("@")
    header = request.headers.get(b"Proxy-Authorization")
    if not userinfo and header:
        userinfo = _userinfo(header)
    return f"{scheme or 'http'}://{unquote(userinfo.partition(':')[0])}@{host}"


def proxy_of(request: Request) -> Proxy | None:
    """The proxy that a request goes through, credentials included.

    Scrapy's HttpProxyMiddleware has moved them from ``meta["proxy"]`` into a header by the time a response is there.

    Raises:
        ValueError: It is none that the service could use; the message does not name the credentials.
    """
    url = request.meta.get("proxy")
    if not url:
        return None
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
    except ValueError:  # whose words may quote credentials
        raise ValueError("the URL of the proxy is malformed") from None
    header = request.headers.get(b"Proxy-Authorization")
    if header and "@" not in parts.netloc:
        parts = parts._replace(netloc=f"{_userinfo(header)}@{parts.netloc}")
    return Proxy.from_url(parts.geturl())


def cookie_key(request: Request, *, keeps_cookies: bool) -> str:
    """A digest of the ``Cookie`` header that a request set itself; empty where a cookie jar counts.

    Args:
        request: Before or after it was sent.
        keeps_cookies: Whether Scrapy keeps cookie jars: it then drops the header, unless ``dont_merge_cookies`` is set.
    """
    own = request.headers.get(b"Cookie") if request.meta.get("dont_merge_cookies") or not keeps_cookies else None
    return f" {sha256(own).hexdigest()[:16]}" if own else ""


def browser_key(request: Request) -> str:
    """The name of the browser context that a request is made in (scrapy-playwright); empty where it is in none."""
    return f" {request.meta.get('playwright_context') or 'default'!r}" if request.meta.get("playwright") else ""


def _userinfo(header: bytes) -> str:
    try:
        login, _, password = b64decode(header.partition(b" ")[2]).decode("latin-1").partition(":")
    except Base64Error:
        raise ValueError("the Proxy-Authorization header of the request cannot be read") from None
    return f"{quote(login, safe='')}:{quote(password, safe='')}"

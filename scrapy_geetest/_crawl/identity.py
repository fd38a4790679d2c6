"""Who a request is to a site: its cookie jar, its proxy, its User-Agent."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from scrapy_geetest._services.task import Proxy

if TYPE_CHECKING:
    from scrapy import Request

# The rest of a request's meta is Scrapy's bookkeeping or the spider's own.
META = ("cookiejar", "proxy", "bindaddress", "dont_merge_cookies", "_auth_proxy")
HEADERS = (b"User-Agent", b"Accept-Language", b"Proxy-Authorization")


def meta_of(request: Request) -> dict[str, Any]:
    """What of a request's meta makes up its identity."""
    return {key: request.meta[key] for key in META if key in request.meta}


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


def _userinfo(header: bytes) -> str:
    try:
        login, _, password = b64decode(header.partition(b" ")[2]).decode("latin-1").partition(":")
    except Base64Error:
        raise ValueError("the Proxy-Authorization header of the request cannot be read") from None
    return f"{quote(login, safe='')}:{quote(password, safe='')}"

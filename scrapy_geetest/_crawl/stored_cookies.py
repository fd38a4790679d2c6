"""Cookies as plain data, so that another process can go on with a session."""

from __future__ import annotations

from http.cookiejar import Cookie
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scrapy_geetest.site import GeetestSite

_KEPT = ("name", "value", "domain", "domain_specified", "path", "secure", "expires")


def cookies_of_site(cookies: Iterable[Cookie], site: GeetestSite, url: str) -> list[Cookie]:
    """Of the cookies in a jar, those that are sent to the hosts of *site*, or to that of *url*."""
    host = urlsplit(url).hostname or ""
    kept = []
    for cookie in cookies:
        # http.cookiejar calls a host without a dot "host.local".
        domain = cookie.domain.lstrip(".").removesuffix(".local")
        is_of_site = host == domain or host.endswith(f".{domain}") or site.has_host(f"https://{domain}/")
        if is_of_site and not cookie.is_expired():
            kept.append(cookie)
    return kept


def as_data(cookies: Iterable[Cookie]) -> list[dict[str, Any]]:
    """Cookies as they can be written down."""
    return [{name: getattr(cookie, name) for name in _KEPT} for cookie in cookies]


def from_data(data: Sequence[dict[str, Any]]) -> list[Cookie]:
    """The cookies that were written down.

    Raises:
        KeyError: They were not written by this plugin.
        TypeError: Likewise.
    """
    return [_cookie(**{name: one[name] for name in _KEPT}) for one in data]


def _cookie(*, domain: str, path: str, expires: int | None, **kept: Any) -> Cookie:
    return Cookie(
        version=0,
        port=None,
        port_specified=False,
        domain=domain,
        domain_initial_dot=domain.startswith("."),
        path=path,
        path_specified=True,
        expires=expires,
        discard=expires is None,
        comment=None,
        comment_url=None,
        rest={},
        **kept,
    )

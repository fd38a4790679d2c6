"""Where a solution may go: the addresses of forms as browsers read them, and the hosts that count as the site's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urljoin, urlsplit

from scrapy_geetest._hooks import resolve
from scrapy_geetest._submission.types import NoWayError

if TYPE_CHECKING:
    from scrapy_geetest._hooks import Settle
    from scrapy_geetest.site import GeetestSite

Origin: TypeAlias = tuple[str, str | None, int | None]

_PORTS = {"http": 80, "https": 443}
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):(.*)", re.IGNORECASE | re.DOTALL)
_EDGES = "".join(map(chr, range(33)))  # C0 controls and the space, which the URL standard strips
_REMOVED = dict.fromkeys(map(ord, "\t\n\r"))
_SHOWN = 200
_BY_SCRIPT = "send the request of the page's script with geetest=True in its meta, or override submit_request"


def origin(url: str) -> Origin:
    """Scheme, host and port of *url*; ``("", None, None)`` where it has none that can be read."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return "", None, None


def resolve_action(base: str, action: str) -> str:
    """The address that a browser sends a form to.

    Browsers drop tabs and line breaks, read a backslash as a slash, and take ``///host`` for ``//host`` (the URL
    standard, "special" schemes); ``urllib`` does none of that, so that both would judge different addresses.

    Args:
        base: The address that relative ones refer to.
        action: The form's ``action``, or a button's ``formaction``.

    Raises:
        ValueError: It is no http or https address with a host; the message quotes it.
    """
    shown = repr(action[:_SHOWN])
    written = action.strip(_EDGES).translate(_REMOVED).partition("#")[0]
    base_parts = urlsplit(base)
    scheme, rest = base_parts.scheme, written
    if match := _SCHEME.fullmatch(written):
        scheme, rest = match[1].lower(), match[2]
    if scheme not in _PORTS:
        raise NoWayError(f"the form leads to {shown}, which is not an http or https address", cure=_BY_SCRIPT)
    path, mark, query = rest.partition("?")
    rest = path.replace("\\", "/") + mark + query
    if rest.startswith("//") or (match and (rest.startswith("/") or scheme != base_parts.scheme)):
        url = f"{scheme}://{rest.lstrip('/')}"
    else:
        url = urljoin(base, rest)
    check_readable(url, shown)
    return url


def check_readable(url: str, shown: str) -> None:
    """Refuse an address that a browser, Scrapy and a server may read differently.

    Raises:
        ValueError: It is such a one, or leads nowhere.
    """
    try:
        parts = urlsplit(url)
        known = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        known = False
    if not known or parts.scheme not in _PORTS:
        raise NoWayError(f"the form leads to {shown}, which is not an address that can be requested", cure=_BY_SCRIPT)
    if "@" in parts.netloc or "\\" in parts.netloc:
        raise NoWayError(
            f"the form leads to {shown}, which holds a user name or a backslash before the host", cure=_BY_SCRIPT
        )


async def check_target(url: str, asked: str, page: str, site: GeetestSite, settle: Settle = resolve) -> None:
    """A solution goes to the site that asked for it: to the origin of its request, or to a host of the site's ``urls``.

    A page that the site redirected to is not the site, unless its urls say so.

    Args:
        url: As it would be sent.
        asked: The address of the request, as the spider made it.
        page: The address of the page, the same where nothing was downloaded.
        site: The declared site.
        settle: Awaits what its ``matches`` returned.

    Raises:
        ValueError: *url* is elsewhere; the message says what to do if that is right.
    """
    check_readable(url, repr(url[:_SHOWN]))
    if urlsplit(url).scheme == "http" and {urlsplit(asked).scheme, urlsplit(page).scheme} != {"http"}:
        raise NoWayError(
            f"the solution would go to {url[:_SHOWN]!r} unencrypted, though the page came over https",
            cure="override submit_request, and send the solution to the https address",
        )
    if origin(url) == origin(asked) or site.has_host(url) or await settle(site.matches(url)):
        return
    raise NoWayError(
        f"the solution would go to {url[:_SHOWN]!r}, which does not belong to site {site.name}",
        cure="add its host to the site's urls if you know that it is the site's",
    )

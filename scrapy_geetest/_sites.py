"""The declared sites of a crawl: made from ``GEETEST_SITES``, and found by URL."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from scrapy.utils.misc import load_object

from scrapy_geetest._hooks import resolve
from scrapy_geetest.site import GeetestSite, refuse_unknown

if TYPE_CHECKING:
    from scrapy_geetest._pages.rules import Rules

logger = logging.getLogger(__name__)


def load_sites(declared: Any, default_rules: Rules, *, keeps_cookies: bool = True) -> tuple[GeetestSite, ...]:
    """Make the sites of ``GEETEST_SITES``: subclasses, their import paths, dicts of their attributes, or instances.

    Raises:
        ValueError: An entry is none of these, or two sites have one name.
    """
    if isinstance(declared, str | Mapping) or not isinstance(declared, Sequence):
        raise ValueError(f"GEETEST_SITES must be a list of sites, not {declared!r}.")
    try:
        sites = tuple(_load_site(entry) for entry in declared)
    except ValueError as error:
        raise ValueError(f"GEETEST_SITES: {error}") from error
    for site in sites:
        site.use_settings(default_rules, keeps_cookies=keeps_cookies)
    names = [site.name for site in sites]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"GEETEST_SITES: several sites are called {twice[0]!r}; give each a name of its own.")
    return sites


def _first_url(urls: Any) -> str:
    """What a site that was declared as a dict is called without a name of its own."""
    listed = [urls] if isinstance(urls, str) else urls if isinstance(urls, Iterable) else ()
    return next((url for url in listed if isinstance(url, str)), "")


def _load_site(entry: Any) -> GeetestSite:
    if isinstance(entry, Mapping):
        refuse_unknown(entry)
        return GeetestSite(**{"name": _first_url(entry.get("urls")), **entry})
    if isinstance(entry, str):
        try:
            entry = load_object(entry)
        except (ImportError, NameError, ValueError) as error:
            raise ValueError(f"{entry!r} cannot be imported: {error}") from error
    if isinstance(entry, type) and issubclass(entry, GeetestSite):
        return entry()
    if isinstance(entry, GeetestSite):
        return copy(entry)  # which gets the selectors of this crawl's settings; another crawl may have others
    raise ValueError(
        f"{entry!r} is not a site: it takes GeetestSite subclasses, their import paths, or dicts of their attributes."
    )


async def find_site(sites: Sequence[GeetestSite], url: str) -> GeetestSite | None:
    """The first of *sites* that *url* belongs to."""
    for site in sites:
        if await belongs(url, site):
            return site
    return None


async def belongs(url: str, site: GeetestSite, settle: Callable[[Any], Awaitable[Any]] = resolve) -> bool:
    """Whether *url* belongs to *site*; where its ``matches`` fails, it does not.

    Args:
        url: Of a request or response.
        site: A declared one.
        settle: Awaits what the hook returned.
    """
    try:
        return bool(await settle(site.matches(url)))
    except Exception:
        logger.exception("GeeTest: matches of site %s failed on %s; it is taken for no", site.name, url[:200])
        return False

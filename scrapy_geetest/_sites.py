"""The declared sites of a crawl: made from ``GEETEST_SITES``, and found by URL."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from difflib import get_close_matches
from importlib import import_module
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from scrapy.utils.misc import load_object

from scrapy_geetest._hooks import resolve
from scrapy_geetest._url_pattern import UrlPattern, host_of
from scrapy_geetest.site import GeetestSite, refuse_unknown

if TYPE_CHECKING:
    from scrapy_geetest._hooks import Settle
    from scrapy_geetest._pages.rules import Rules

logger = logging.getLogger(__name__)

MAX_HOSTS = 10_000  # of which it is remembered which sites they may belong to
_BEFORE_HOST = len("https://")  # no host begins later

_Candidate: TypeAlias = "tuple[GeetestSite, UrlPattern | None]"  # no pattern: a site that is asked


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
    names = Counter(site.name for site in sites)
    if twice := sorted(name for name, count in names.items() if count > 1):
        raise ValueError(f"GEETEST_SITES: several sites are called {twice[0]!r}; give each a name of its own.")
    return sites


def is_built_in(site: GeetestSite) -> bool:
    """Whether nothing but the built-in detection tells a site's challenge pages."""
    return not site.rules.named and type(site).is_challenge is GeetestSite.is_challenge


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
            raise ValueError(f"{_meant(entry)}{entry!r} cannot be imported: {error}") from error
    if isinstance(entry, type) and issubclass(entry, GeetestSite):
        return entry()
    if isinstance(entry, GeetestSite):
        return copy(entry)  # which gets the selectors of this crawl's settings; another crawl may have others
    raise ValueError(
        f"{entry!r} is not a site: it takes GeetestSite subclasses, their import paths, or dicts of their attributes."
    )


def _meant(path: str) -> str:
    """The site that a wrong import path is nearest to: one of the module that it names."""
    module, _, name = path.rpartition(".")
    for source in (path, module):
        names: Mapping[str, Any] = {}
        with suppress(Exception):  # what cannot be imported is told already
            names = vars(import_module(source))
        sites = [one for one, value in names.items() if _is_own_site(value, source)]
        close = sites if source == path else get_close_matches(name, sites, 1)
        if close:
            return f"did you mean {f'{source}.{close[0]}'!r}? "
    return ""


def _is_own_site(value: Any, module: str) -> bool:
    return isinstance(value, type) and issubclass(value, GeetestSite) and value.__module__ == module


class SiteIndex:
    """Finds the site of a URL: the first declared one that it belongs to, at a cost that does not grow with their number.

    A site with a ``matches`` of its own may take any URL, so that it is asked about each.

    Attributes:
        has_hooks: Whether there is such a site.
        are_built_in: Whether nothing but the built-in detection tells the challenge pages of any.
    """

    def __init__(self, sites: Sequence[GeetestSite], settle: Settle = resolve) -> None:
        self._sites = sites
        self._settle = settle
        self._failed: set[str] = set()  # names of those whose ``matches`` failed
        self._by_host: dict[str, list[tuple[int, UrlPattern]]] = {}  # with the place in the order of declaration
        self._always: list[int] = []
        self._seen = _Starts(self._look_up)
        for place, site in enumerate(sites):
            if type(site).matches is not GeetestSite.matches or "matches" in vars(site):
                self._always.append(place)
                continue
            for url in site.urls:
                pattern = UrlPattern.parse(url, site.name)
                self._by_host.setdefault(pattern.host, []).append((place, pattern))
        self.has_hooks = bool(self._always)
        self.are_built_in = all(is_built_in(site) for site in sites)

    async def find(self, url: str) -> GeetestSite | None:
        """The site that *url* belongs to."""
        if not self.has_hooks:
            return self.at_once(url)
        for site, pattern in self._seen[_start(url)]:
            if pattern is None:
                if await belongs(url, site, self._settle, self._failed):
                    return site
            elif pattern.matches_path(urlsplit(url).path):
                return site
        return None

    def at_once(self, url: str) -> GeetestSite | None:
        """What :meth:`find` finds where no site has a ``matches`` of its own: each request of a crawl asks once or twice."""
        end = url.find("/", _BEFORE_HOST)  # as in _start, whose call would cost as much as the rest
        for site, pattern in self._seen[url[:end] if end > 0 else url]:
            if pattern is not None and (not pattern.path or pattern.matches_path(urlsplit(url).path)):
                return site
        return None

    def _look_up(self, start: str) -> Sequence[_Candidate]:
        patterns = [entry for host in _with_parents(start) for entry in self._by_host.get(host, ())]
        found: list[tuple[int, UrlPattern | None]] = [entry for entry in patterns if entry[1].matches_host(start)]
        found += [(place, None) for place in self._always]
        return [(self._sites[place], pattern) for place, pattern in sorted(found, key=itemgetter(0))]


class _Starts(dict[str, "Sequence[_Candidate]"]):
    """The candidates for all URLs that start alike, looked up when there is one for the first time."""

    def __init__(self, look_up: Callable[[str], Sequence[_Candidate]]) -> None:
        super().__init__()
        self._look_up = look_up

    def __missing__(self, start: str) -> Sequence[_Candidate]:
        if len(self) >= MAX_HOSTS:
            self.clear()
        self[start] = candidates = self._look_up(start)
        return candidates


def _start(url: str) -> str:
    """Scheme, host and port: what stands before the third slash."""
    end = url.find("/", _BEFORE_HOST)
    return url[:end] if end > 0 else url


def _with_parents(url: str) -> Iterator[str]:
    """The host of *url* and the domains above it; none where it cannot be read."""
    try:
        host = host_of(urlsplit(url))
    except ValueError:
        return
    while host:
        yield host
        host = host.partition(".")[2]


async def belongs(
    url: str, site: GeetestSite, settle: Callable[[Any], Awaitable[Any]] = resolve, failed: set[str] | None = None
) -> bool:
    """Whether *url* belongs to *site*; where its ``matches`` fails, it does not.

    Args:
        url: Of a request or response.
        site: A declared one.
        settle: Awaits what the hook returned.
        failed: Names of sites whose failure is in the log, and needs no second line.
    """
    try:
        return bool(await settle(site.matches(url)))
    except Exception:
        level = logging.DEBUG if failed is not None and site.name in failed else logging.ERROR
        if failed is not None:
            failed.add(site.name)
        text = "GeeTest: correct matches of site %s: it failed on %s, which is treated as no match"
        logger.log(level, text, site.name, url[:200], exc_info=True)
        return False

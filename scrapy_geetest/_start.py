"""What has to be in place before a crawl starts, beside values of settings: each mistake stops it with one plain line."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from scrapy.downloadermiddlewares.cookies import CookiesMiddleware
from scrapy.downloadermiddlewares.httpcompression import HttpCompressionMiddleware
from scrapy.downloadermiddlewares.redirect import MetaRefreshMiddleware, RedirectMiddleware
from scrapy.downloadermiddlewares.retry import RetryMiddleware
from scrapy.exceptions import NotConfigured
from scrapy.utils.conf import build_component_list
from scrapy.utils.misc import load_object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scrapy.settings import BaseSettings

    from scrapy_geetest.settings import Config

logger = logging.getLogger(__name__)

ORDER = 585
"""Bodies are decompressed (590), redirects followed (600), cookies merged (700); MetaRefresh (580) and Retry (550) have not acted."""

_BEFORE = (RetryMiddleware, MetaRefreshMiddleware)
_BEHIND = (HttpCompressionMiddleware, RedirectMiddleware, CookiesMiddleware)
# Middlewares of other packages that must not stand behind this one, as their own documentation has it; each with the order
# that suits it, and the reason. Their packages are not imported for it.
_NOT_BEHIND = {
    "rotating_proxies.middlewares.RotatingProxyMiddleware": (
        560,
        "it chooses the proxy too late for this plugin to tell whose session a request belongs to",
    ),
    "rotating_proxies.middlewares.BanDetectionMiddleware": (
        570,
        "it may mistake a challenge page with an error status for a ban, which costs several proxies before it is solved",
    ),
    "scrapy_impersonate.middleware.RandomBrowserMiddleware": (
        400,
        "it gives every request of one attempt another browser, so that the site sees several visitors",
    ),
}
_ELSEWHERE = ("ADDONS", "SPIDER_MIDDLEWARES", "EXTENSIONS", "ITEM_PIPELINES")


def check_start(config: Config, settings: BaseSettings, middleware: type) -> None:
    """Check that a crawl can be helped.

    Args:
        config: The plugin's settings.
        settings: All settings of the crawl.
        middleware: The plugin's middleware.

    Raises:
        NotConfigured: The plugin is turned off, or no site is declared, so that there is nothing to do.
        ValueError: Something is missing or in the wrong place; the message says what to do.
    """
    if not config.enabled:
        raise NotConfigured
    for setting in _ELSEWHERE:
        if any(_is_component(key, middleware) for key in settings.getdict(setting)):
            raise ValueError(
                f"Take {middleware.__name__} out of {setting}: it is a downloader middleware. Write ADDONS = "
                f'{{"scrapy_geetest.Addon": 500}}, or DOWNLOADER_MIDDLEWARES = {{"scrapy_geetest.{middleware.__name__}": {ORDER}}}.'
            )
    if not config.sites:
        raise NotConfigured("scrapy-geetest has nothing to do: declare the sites that it is for in GEETEST_SITES")
    off = "or turn the plugin off with GEETEST_ENABLED = False"
    if not settings.getbool("TWISTED_REACTOR_ENABLED", default=True):
        raise ValueError(f"Set TWISTED_REACTOR_ENABLED = True: scrapy-geetest needs a Twisted reactor; {off}.")
    for one in config.services:
        if one.lacks_key:
            raise ValueError(
                f"Set {one.key_names}: scrapy-geetest has no key for the solving service {one.name}; {off}."
            )
    _check_order(settings, middleware)


def _check_order(settings: BaseSettings, middleware: type) -> None:
    """Look where the middleware stands in the crawl's own list."""
    # The later name came after Scrapy 2.14.
    read: Any = getattr(settings, "get_component_priority_dict_with_base", None) or settings.getwithbase
    components = build_component_list(read("DOWNLOADER_MIDDLEWARES"))
    loaded = [load_object(component) for component in components]
    own = next((at for at, component in enumerate(loaded) if _is_subclass(component, middleware)), None)
    if own is None:
        return  # made by hand, as tests do
    _warn_of_those_behind(loaded[own + 1 :], middleware)
    for at, component in enumerate(loaded):
        is_wrong = (at > own and _is_subclass(component, _BEFORE)) or (at < own and _is_subclass(component, _BEHIND))
        if is_wrong:
            side = "before" if at < own else "after"
            raise ValueError(
                f"Set the order of {middleware.__name__} to {ORDER} in DOWNLOADER_MIDDLEWARES: {component.__name__} comes {side} "
                "it there, so it would see compressed, redirected or already retried responses."
            )


def _warn_of_those_behind(components: Sequence[Any], middleware: type) -> None:
    """The crawl goes on with them, at a higher price."""
    for component in components:
        for base in getattr(component, "__mro__", ()):
            order, reason = _NOT_BEHIND.get(f"{base.__module__}.{base.__qualname__}", (0, ""))
            if reason:
                logger.warning(
                    "GeeTest: give %s an order below that of %s in DOWNLOADER_MIDDLEWARES, like %d: where it is, %s",
                    *(component.__name__, middleware.__name__, order, reason),
                )


def _is_component(key: Any, middleware: type) -> bool:
    if isinstance(key, str):
        package, _, name = key.rpartition(".")
        return name == middleware.__name__ and package.partition(".")[0] == __name__.partition(".")[0]
    return _is_subclass(key, middleware)


def _is_subclass(component: Any, parents: Any) -> bool:
    return isinstance(component, type) and issubclass(component, parents)

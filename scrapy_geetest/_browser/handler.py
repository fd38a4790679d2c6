"""scrapy-playwright's download handler, where a crawl has one, and what it says of a request."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from scrapy.utils.httpobj import urlparse_cached

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

DEFAULT_CONTEXT = "default"  # scrapy-playwright's name for the context of a request that names none


def context_of(request: Request) -> str:
    """The name of the browser context that a request belongs to."""
    return str(request.meta.get("playwright_context") or DEFAULT_CONTEXT)


class Handlers:
    """Finds the handler of a request."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._has_told = False
        self._context_kwargs: dict[str, Any] = {}  # of contexts that requests describe: the first one counts

    def find(self, request: Request) -> Any | None:
        """The handler that will download *request* in a browser; ``None``: it is downloaded in another way."""
        if not request.meta.get("playwright"):
            return None  # nearly all requests of a crawl
        module = sys.modules.get("scrapy_playwright.handler")
        if module is None:
            return None
        engine = self._crawler.engine
        handlers = getattr(engine and engine.downloader, "handlers", None)
        get_handler = getattr(handlers, "_get_handler", None)
        handler = get_handler and get_handler(urlparse_cached(request).scheme)
        if not isinstance(handler, module.ScrapyPlaywrightDownloadHandler):
            return None
        if handler.config.use_threaded_loop:
            self._tell()
            return None
        if kwargs := request.meta.get("playwright_context_kwargs"):
            self._context_kwargs.setdefault(context_of(request), kwargs)
        return handler

    def proxy_of(self, handler: Any, request: Request) -> str | None:
        """The URL of the proxy that the pages of a request's context go through, credentials included."""
        name = context_of(request)
        started = handler.config.startup_context_kwargs
        kwargs = started[name] if name in started else self._context_kwargs.get(name)
        proxy = (kwargs or {}).get("proxy") or handler.config.launch_options.get("proxy")
        return proxy_url(proxy) if proxy else None

    def _tell(self) -> None:
        if not self._has_told:
            self._has_told = True
            logger.warning(
                "GeeTest: scrapy-playwright runs its browser in a thread of its own here, as it does on Windows; the plugin "
                "does not work inside its pages, and treats them like pages without a browser"
            )


def proxy_url(proxy: Any) -> str:
    """Playwright's description of a proxy as a URL."""
    server = str(proxy.get("server", ""))
    scheme, _, address = server.rpartition("://")
    login, password = proxy.get("username"), proxy.get("password")
    userinfo = f"{quote(str(login), safe='')}:{quote(str(password or ''), safe='')}@" if login else ""
    return f"{scheme or 'http'}://{userinfo}{address}"

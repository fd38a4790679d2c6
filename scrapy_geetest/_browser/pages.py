"""The pages of a crawl that the plugin works in: prepared before they are loaded, found again when they have come."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from scrapy.utils.misc import load_object

from scrapy_geetest._browser.handler import Handlers
from scrapy_geetest._browser.page import OpenPage, own_address
from scrapy_geetest._crawl.browser_pages import PAGE
from scrapy_geetest._crawl.identity import may_go_to_anybody
from scrapy_geetest._crawl.marks import give_meta_back, note_taken
from scrapy_geetest._submission.target import origin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scrapy import Request
    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

INIT, INCLUDE, METHODS = "playwright_page_init_callback", "playwright_include_page", "playwright_page_methods"

COOKIES = "dont_merge_cookies"


class Preparation:
    """What scrapy-playwright calls with a page before it is loaded: the spider's own callback, then the plugin's.

    A queue that stores the request stores the spider's own callback.
    """

    def __init__(self, own: Any, install: Callable[[Any, Request], Any]) -> None:
        self._own = own
        self._install = install

    async def __call__(self, page: Any, request: Request) -> None:
        try:
            if self._own:
                await load_object(self._own)(page, request)  # scrapy-playwright logs what it raises
        finally:
            await self._install(page, request)

    def __reduce__(self) -> tuple[Any, ...]:
        return _itself, (self._own,)


def _itself(own: Any) -> Any:
    return own


class BrowserPages:
    """All of them.

    Attributes:
        handlers: Finds the download handler of a request.
        bought: The requests whose page was given a solution.
    """

    def __init__(self, crawler: Crawler, has_host: Callable[[str], bool]) -> None:
        self.handlers = Handlers(crawler)
        self.bought: WeakSet[Request] = WeakSet()
        self._crawler = crawler
        self._has_host = has_host
        self._stats = crawler.stats
        self._open: dict[Any, OpenPage] = {}  # by Playwright's page, as long as it is open
        self._mended: set[int] = set()  # handlers whose headers are mended
        self._has_told = False

    def prepare(self, request: Request, *, is_again: bool = False) -> None:
        """Have the page of *request*, which is about to be downloaded, opened for the plugin to work in.

        The page has to stay open when the handler returns it. Its methods are run by the plugin, since the handler would hold
        a place in the download slot meanwhile.

        Args:
            request: Nothing is done if no browser downloads it.
            is_again: Whether its page is loaded once more: Scrapy's cookie jar knows nothing of what the page's scripts were
                given since, and the browser does.
        """
        handler = self.handlers.find(request)
        if handler is None:
            return
        self._mend_headers(handler)
        note_taken(request, (INIT, INCLUDE, METHODS, *([COOKIES] if is_again else [])))
        own = request.meta.get(INIT)
        request.meta.pop(METHODS, None)
        request.meta.update({INCLUDE: True, INIT: Preparation(own, self._install)})
        if is_again:
            request.meta[COOKIES] = True

    def arrived(self, request: Request) -> bool:
        """The handler is through with *request*: give its meta back; says whether its page was prepared."""
        return give_meta_back(request)

    def of(self, request: Request) -> OpenPage | None:
        """The open page of *request* that the plugin works in."""
        return self._open.get(request.meta.get(PAGE))

    async def leave(self, request: Request) -> None:
        """The response of *request* is about to be handed to the spider, and its page if the spider wants it."""
        opened = self.of(request)
        if opened is None:
            return
        if request.meta.get(INCLUDE) and not opened.is_gone:
            opened.hand_over()
            return
        request.meta.pop(PAGE, None)
        if not opened.page.is_closed():
            await opened.page.close()
            if self._stats is not None:
                self._stats.inc_value("playwright/page_count/closed")  # as scrapy-playwright counts

    async def run_method(self, opened: OpenPage, request: Request, method: Any) -> None:
        """Run one of the page methods of *request*, as scrapy-playwright runs it."""
        handler = self.handlers.find(request)
        assert handler is not None  # noqa: S101  # it has opened the page
        one = request.replace(meta={**request.meta, METHODS: [method]})
        await handler._apply_page_methods(opened.page, one, self._crawler.spider)  # noqa: SLF001  # so that nothing differs

    async def _install(self, page: Any, request: Request) -> None:
        is_own = own_address(request, self._has_host)
        opened = self._open.get(page)
        if opened is None:
            opened = OpenPage(page, is_own)
            opened.on_late = self._tell_of_late
            await opened.install()
            self._open[page] = opened
            page.on("close", lambda *_: self._open.pop(page, None))
        await opened.begin(is_own)

    def _tell_of_late(self, url: str) -> None:
        if not self._has_told:
            self._has_told = True
            logger.warning(
                "GeeTest: let a PageMethod do what brings up the widget of %s: the page asks for a solution after it was handed "
                "to the spider (playwright_include_page), and gets none",
                url,
            )

    def _mend_headers(self, handler: Any) -> None:
        """scrapy-playwright's default gives every navigation the headers of the spider's request and no others.

        A form that a page sends would lose its Content-Type.
        """
        from scrapy_playwright.headers import use_scrapy_headers

        if id(handler) in self._mended:
            return
        self._mended.add(id(handler))
        if handler.process_request_headers is use_scrapy_headers:
            handler.process_request_headers = self._headers

    async def _headers(
        self, *, browser_type_name: str, playwright_request: Any, scrapy_request_data: Mapping[str, Any]
    ) -> dict[str, str]:
        from scrapy_playwright.headers import use_scrapy_headers

        opened = self._page_of(playwright_request)
        is_later = (
            opened is not None
            and playwright_request.is_navigation_request()
            and not opened.is_first_navigation(playwright_request)
        )
        if not is_later:
            headers: dict[str, str] = await use_scrapy_headers(
                browser_type_name=browser_type_name,
                playwright_request=playwright_request,
                scrapy_request_data=dict(scrapy_request_data),
            )
            return headers
        return _as_the_browser(await playwright_request.all_headers(), playwright_request.url, scrapy_request_data)

    def _page_of(self, playwright_request: Any) -> OpenPage | None:
        try:
            return self._open.get(playwright_request.frame.page)
        except Exception:  # noqa: BLE001  # Playwright's error: a service worker's request has no frame
            return None


def _as_the_browser(headers: Mapping[str, str], url: str, scrapy_request: Mapping[str, Any]) -> dict[str, str]:
    """The browser's own headers, with the crawl's User-Agent, and with the spider's credentials for its own origin."""
    own = {name.lower(): value for name, value in scrapy_request["headers"].to_unicode_dict().items()}
    made = dict(headers)
    if own.get("user-agent"):
        made["user-agent"] = own["user-agent"]
    if origin(url) == origin(scrapy_request["url"]):
        for name, value in own.items():
            if name != "cookie" and not may_go_to_anybody(name.title().encode()):
                made.setdefault(name, value)
    return made

"""Downloads in place: the plugin's own requests, through the crawl's own downloader and all of its middlewares.

They never see the scheduler. Offsite, HttpCache and the dupefilter have no say; robots.txt, delays, cookies, proxies,
Retry and Redirect hold as for all requests of the crawl.
"""

from __future__ import annotations

import time
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus, urljoin, urlsplit

from attrs import define, field
from scrapy import signals
from scrapy.exceptions import IgnoreRequest
from scrapy.http.request import NO_CALLBACK
from scrapy.utils.defer import deferred_from_coro
from w3lib.url import safe_url_string

from scrapy_geetest._crawl.admission import PATIENCE
from scrapy_geetest._crawl.browser_pages import close_page, keep_page
from scrapy_geetest._crawl.dispatch import DeliveryError, Dispatch, too_old
from scrapy_geetest._crawl.identity import Made
from scrapy_geetest._crawl.listener import Listener
from scrapy_geetest._crawl.marks import (
    FOR_CHALLENGE,
    FOR_PAGE,
    SAFE_METHODS,
    mark_own,
    meta_for,
    own_number,
    slot_for,
)
from scrapy_geetest._pages.rules import REDIRECTS
from scrapy_geetest._submission.target import origin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from scrapy import Request
    from scrapy.core.engine import ExecutionEngine
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from twisted.internet.defer import Deferred

    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._crawl.admission import Admission
    from scrapy_geetest._crawl.other_middlewares import OtherMiddlewares
    from scrapy_geetest._crawl.slots import Slots
    from scrapy_geetest.site import GeetestSite

_MAX_KEPTREDIRECTS = 3
MAX_BYTES = 8_388_608  # of an answer to a request for a challenge: it is read, searched and thrown away
NO_PAGE = {"autothrottle_dont_adjust_delay": True}
"""Meta of what answers in another time than pages do: AutoThrottle would take it for the pace that the pages need."""


@define(eq=False, kw_only=True)
class Downloads:
    """Downloads on behalf of a request that is held up, as the same visitor.

    Args:
        crawler: The crawl.
        admission: Says when there is a place for a download.
        others: Its other middlewares.
        wait: Awaits a Deferred unless the crawl begins to end.
        is_challenge: Whether a response of a site withholds its content; such a one is not for Scrapy's Retry.
        find_site: The declared site that a URL belongs to.
        render: The page as it is at rest, where it is open in a browser.
        on_change: Called with a context and the names of what another middleware changed of its visitor.
        slots: Where requests wait before they leave.
        reactor: The Twisted reactor.
    """

    _crawler: Crawler
    _admission: Admission
    _others: OtherMiddlewares
    _wait: Callable[[Deferred[Response]], Awaitable[Response]]
    _is_challenge: Callable[[Context, Response], Awaitable[bool]]
    _find_site: Callable[[str], Awaitable[GeetestSite | None]]
    _render: Callable[[Context, Response], Awaitable[Response]]
    _on_change: Callable[[Context, Sequence[str]], None]
    _slots: Slots
    _reactor: Any
    _numbers: count[int] = field(init=False, factory=lambda: count(1))
    _under_way: dict[int, Dispatch] = field(init=False, factory=dict)
    _listener: Listener = field(init=False)
    _timeout: float = field(init=False)
    _max_bytes: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        settings = self._crawler.settings
        self._timeout = settings.getfloat("DOWNLOAD_TIMEOUT")
        self._listener = Listener(
            self._crawler,
            signals.request_reached_downloader,
            self._reached,
            is_needed=lambda: bool(self._under_way),
            reactor=self._reactor,
        )
        self._max_bytes = min(settings.getint("DOWNLOAD_MAXSIZE") or MAX_BYTES, MAX_BYTES)

    async def for_challenge(self, query: Request, context: Context, *, timeout: float) -> Response:
        """Download what a hook asked for. Answers longer than ``MAX_BYTES`` or ``DOWNLOAD_MAXSIZE`` are cut off.

        Args:
            query: What the hook asked for; a ``download_maxsize`` or ``download_timeout`` in its meta counts.
            context: For whom.
            timeout: Seconds, where that is less than ``DOWNLOAD_TIMEOUT``.

        Raises:
            Stopping: The crawl began to end meanwhile.
            Exception: Whatever Scrapy's downloader and its middlewares raise.
        """
        limits = {"download_maxsize": self._max_bytes, "download_timeout": min(timeout, self._timeout), **NO_PAGE}
        request = self._as_visitor(query, context, {**limits, **context.visitor.meta, **query.meta})
        self._add_origin(request, context, always=False)
        return await self._cancellable(request, Dispatch(context, FOR_CHALLENGE))

    async def again(
        self, context: Context, *, is_final: bool = False, is_urgent: bool = False, can_wait: bool = False
    ) -> Response:
        """Download the request as its spider made it.

        Args:
            context: For whom.
            is_final: Whether the callback gets the answer, a challenge page as well.
            is_urgent: Whether it goes before others: its session was paid for just now.
            can_wait: Whether nothing is lost when others go first.

        Raises:
            Stopping: The crawl began to end meanwhile.
            Exception: Whatever Scrapy's downloader and its middlewares raise.
        """
        dispatch = Dispatch(context, FOR_PAGE, is_final=is_final, is_urgent=is_urgent, can_wait=can_wait)
        response = await self._download(context.request, dispatch)
        if context.is_in_browser:
            return await self._render(context, response)
        return await self.behind_redirect(context, response)

    async def behind_redirect(self, context: Context, response: Response) -> Response:
        """The captcha page that a redirect leads to, where the spider keeps redirects (``dont_redirect``).

        It is looked for where the site names the redirect's status, or its hook says that the redirect itself withholds.

        Args:
            context: For whom.
            response: What came.

        Returns:
            *response*, if it is no such redirect, or leads to no captcha page.

        Raises:
            Stopping: The crawl began to end meanwhile.
            Exception: Whatever Scrapy's downloader and its middlewares raise.
        """
        page = response
        for _ in range(_MAX_KEPTREDIRECTS):
            target = kept_target(page)
            if target is None or not await self._is_declared(context, page) or await self._find_site(target) is None:
                return response
            page = await self._download(
                context.request.replace(url=target, method="GET", body=b""), Dispatch(context, FOR_PAGE)
            )
            if kept_target(page) is None:
                return page if await self._is_challenge(context, page) else response
        return response

    async def submit(self, query: Request, dispatch: Dispatch, cookies: Mapping[str, str] | None = None) -> Response:
        """Send a request with a solution in it. The end of the crawl does not cancel it: it is paid for.

        Args:
            query: As the plan or the site's hook made it.
            dispatch: Made by :func:`answer_of`; it says afterwards how the solution went out, however this ends.
            cookies: Further ones, for the jar of the session.

        Raises:
            DeliveryError: There was no answer.
        """
        context = dispatch.context
        request = self._own(query, context)
        if cookies:
            request = request.replace(cookies=dict(cookies))
        if context.page is not None and context.page.url != query.url:
            self._others.add_referer(request, context.page)
        self._add_origin(request, context, always=request.method not in SAFE_METHODS)
        try:
            return await self._run(request, dispatch)
        except Exception as error:
            raise DeliveryError(error) from error

    async def before(self, request: Request) -> None:
        """Called before one of these requests goes on to the downloader, again after each redirect and retry.

        Raises:
            IgnoreRequest: A redirect leads to somebody else, or the solution became too old.
        """
        dispatch = self._under_way.get(own_number(request))
        if dispatch is None:
            raise IgnoreRequest("the attempt that this request belongs to is over")
        visitor = dispatch.context.visitor
        await self._check_redirect(request, dispatch)
        visitor.strip_credentials(request)
        if dispatch.made is not None:
            visitor.pin(request, dispatch.made)
        dispatch.departures += 1
        dispatch.stop_timer()
        if request.meta.get("redirect_urls"):
            dispatch.deadline = None  # the site has the solution
        if dispatch.deadline is not None:
            self._set_timer(own_number(request), dispatch, dispatch.deadline)

    def is_held_up(self, outer: Request | None) -> bool:
        """Whether a download for *outer* does not get past the crawl's middlewares: one may wait for another request first."""
        latest = self._reactor.seconds() - PATIENCE
        own = (one for one in self._under_way.values() if one.context.outer is outer)
        return any(one.held_since is not None and one.held_since < latest for one in own)

    async def after(self, request: Request, response: Response) -> None:
        """Called with the answer: a challenge page is an answer, whatever its status, and no error to be retried."""
        dispatch = self._under_way.get(own_number(request))
        if (
            dispatch is not None
            and dispatch.purpose != FOR_CHALLENGE
            and await self._is_challenge(dispatch.context, response)
        ):
            request.meta["dont_retry"] = True
            if not (dispatch.is_final or dispatch.context.is_in_browser):
                await close_page(request)

    @property
    def _engine(self) -> ExecutionEngine:
        engine = self._crawler.engine
        assert engine is not None  # noqa: S101  # it runs as long as there are requests
        return engine

    def _own(self, query: Request, context: Context) -> Request:
        """A request in the spider's place: all of its meta and headers go with it."""
        meta = {**meta_for(query, query.url), **context.visitor.meta}
        return self._as_visitor(query.replace(cookies=None), context, meta)

    def _as_visitor(self, query: Request, context: Context, meta: Mapping[str, Any]) -> Request:
        # Once the spider's request was sent, its own cookies are in the jar, and would overwrite a fresh session there.
        is_first = not context.was_sent and origin(query.url) == context.visitor.origin
        return query.replace(
            callback=NO_CALLBACK,
            errback=None,
            cookies=query.cookies or (context.request.cookies if is_first else None),
            headers=context.visitor.headers_for(query.url, query.headers),
            meta={**slot_for(context.request, query.url), **meta, "allow_offsite": True, "dont_cache": True},
        )

    def _add_origin(self, request: Request, context: Context, *, always: bool) -> None:
        """As browsers do: with every POST, and with a script's request to another origin."""
        page_url = context.page_url
        if always or origin(page_url) != origin(request.url):
            parts = urlsplit(page_url)
            request.headers.setdefault(b"Origin", f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")
        if b"Referer" not in request.headers and context.page is not None:
            self._others.add_referer(request, context.page)

    async def _is_declared(self, context: Context, redirect: Response) -> bool:
        return redirect.status in context.site.rules.status or await self._is_challenge(context, redirect)

    async def _download(self, query: Request, dispatch: Dispatch) -> Response:
        return await self._cancellable(self._own(query, dispatch.context), dispatch)

    async def _cancellable(self, request: Request, dispatch: Dispatch) -> Response:
        return await self._wait(deferred_from_coro(self._run(request, dispatch)))

    async def _run(self, request: Request, dispatch: Dispatch) -> Response:
        outer = dispatch.context.outer
        # One that was not sent may be for a page that the spider wants to be used; a browser loads its page anew.
        if dispatch.context.was_sent and not dispatch.context.is_in_browser:
            await close_page(outer)
        number = next(self._numbers)
        made = dispatch.made = Made.of(request)
        self._begin(number, dispatch)
        try:
            await self._admission.admit(request, is_urgent=dispatch.is_urgent, can_wait=dispatch.can_wait)
            dispatch.held_since = self._reactor.seconds()
            response = await self._engine.download_async(mark_own(request, number, dispatch.purpose))
        except BaseException:
            await close_page(request)
            raise
        finally:
            self._end(number, dispatch)
        await keep_page(response.request or request, outer)
        if response.request is not None:
            changed = dispatch.context.visitor.changes(response.request, made)
            if changed:
                self._on_change(dispatch.context, changed)
        return response

    def _begin(self, number: int, dispatch: Dispatch) -> None:
        self._under_way[number] = dispatch
        self._listener.begin()

    def _end(self, number: int, dispatch: Dispatch) -> None:
        del self._under_way[number]
        dispatch.stop_timer()
        if not self._under_way:
            self._listener.end()

    def _reached(self, request: Request) -> None:
        """A request of the crawl is about to join the queue of its download slot."""
        number = own_number(request)
        dispatch = self._under_way.get(number) if number else None
        if dispatch is None:
            return
        dispatch.held_since = None
        if dispatch.is_urgent:
            self._reactor.callLater(0, self._hasten, number, dispatch)

    def _set_timer(self, number: int, dispatch: Dispatch, deadline: float) -> None:
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            dispatch.departures -= 1
            raise too_old()
        dispatch.timer = self._reactor.callLater(seconds, self._withdraw, number, dispatch)

    def _hasten(self, number: int, dispatch: Dispatch) -> None:
        """What is paid for grows old: it goes before what is not urgent."""
        if dispatch.deadline is not None and time.monotonic() > dispatch.deadline:
            dispatch.was_too_old = not self._withdraw(number, dispatch)
        else:
            urgent = {other for other, one in self._under_way.items() if one.is_urgent}
            self._slots.hasten(number, urgent)

    def _withdraw(self, number: int, dispatch: Dispatch) -> bool:
        was_waiting = self._slots.withdraw(number, too_old())
        dispatch.departures -= was_waiting
        return was_waiting

    async def _check_redirect(self, request: Request, dispatch: Dispatch) -> None:
        """No redirect takes the plugin, or a solution, to an undeclared host.

        A 307 or 308 keeps a body with a solution in it, every redirect keeps headers. After its form was sent a site may
        lead anywhere, as with any form.
        """
        came_from = request.meta.get("redirect_urls")
        if not came_from or origin(came_from[-1]) == origin(request.url):
            return
        if dispatch.solution and not _carries(request, dispatch.solution):
            return
        if await self._find_site(request.url) is None:
            raise IgnoreRequest(
                f"a redirect would lead to {request.url[:200]!r}, which belongs to no declared site; if that is right, add "
                "its host to the site's urls"
            )


def kept_target(response: Response) -> str | None:
    """Where a redirect leads that was not followed."""
    if response.status not in REDIRECTS:
        return None
    location = response.headers.get(b"Location")
    if not location:
        return None
    target = urljoin(response.url, safe_url_string(location))
    return target if urlsplit(target).scheme in {"http", "https"} else None


def _carries(request: Request, solution: Collection[str]) -> bool:
    headers = b" ".join(value for name in request.headers for value in request.headers.getlist(name)).decode("latin-1")
    return bool(request.body) or any(value in headers or value in unquote_plus(request.url) for value in solution)

"""Downloads in place: the plugin's own requests, through the crawl's own downloader and all of its middlewares.

They never see the scheduler. Offsite, HttpCache and the dupefilter have no say; robots.txt, delays, cookies, proxies,
Retry and Redirect hold as for all requests of the crawl.
"""

from __future__ import annotations

import time
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus, urljoin, urlsplit

from attrs import define
from scrapy.exceptions import IgnoreRequest
from scrapy.http.request import NO_CALLBACK
from scrapy.utils.defer import deferred_from_coro
from w3lib.url import safe_url_string

from scrapy_geetest._crawl.marks import SAFE_METHODS, mark_own, meta_for, own_number
from scrapy_geetest._pages.rules import REDIRECTS
from scrapy_geetest._submission.target import origin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from scrapy import Request
    from scrapy.core.engine import ExecutionEngine
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from scrapy.http.headers import Headers
    from twisted.internet.defer import Deferred

    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._crawl.other_middlewares import OtherMiddlewares
    from scrapy_geetest.site import GeetestSite

_MAX_KEPTREDIRECTS = 3
MAX_BYTES = 8_388_608  # of an answer to a request for a challenge: it is read, searched and thrown away


class SolutionTooOldError(IgnoreRequest):
    """A solution that is not handed to the downloader, since it became too old (``GEETEST_SOLUTION_MAX_AGE``)."""


@define(eq=False)
class Dispatch:
    """A download in place.

    Attributes:
        context: For whom.
        deadline: Until when it may be handed to the downloader, in monotonic seconds: of a solution. ``None``: always.
        own_headers: What the request set when it was made, the visitor's headers included.
        departures: How often it was handed to the downloader: more than once where Scrapy's Retry sent it again.
        is_page: Whether a challenge page may be the answer.
        solution: The values of the solution that it carries; empty: none, so that all that it carries stays here.
    """

    context: Context
    deadline: float | None = None
    own_headers: Headers | None = None
    departures: int = 0
    is_page: bool = True
    solution: Collection[str] = ()


class Downloads:
    """Downloads on behalf of a request that is held up, as the same visitor.

    Args:
        crawler: The crawl.
        others: Its other middlewares.
        wait: Awaits a Deferred unless the crawl begins to end.
        is_challenge: Whether a response of a site withholds its content; such a one is not for Scrapy's Retry.
        find_site: The declared site that a URL belongs to.
        on_change: Called with a context and the names of what another middleware changed of its visitor.
    """

    def __init__(
        self,
        crawler: Crawler,
        *,
        others: OtherMiddlewares,
        wait: Callable[[Deferred[Response]], Awaitable[Response]],
        is_challenge: Callable[[Context, Response], Awaitable[bool]],
        find_site: Callable[[str], Awaitable[GeetestSite | None]],
        on_change: Callable[[Context, Sequence[str]], None],
    ) -> None:
        self._crawler = crawler
        self._others = others
        self._wait = wait
        self._is_challenge = is_challenge
        self._find_site = find_site
        self._on_change = on_change
        self._numbers = count(1)
        self._under_way: dict[int, Dispatch] = {}
        self._timeout = crawler.settings.getfloat("DOWNLOAD_TIMEOUT")
        self._max_bytes = min(crawler.settings.getint("DOWNLOAD_MAXSIZE") or MAX_BYTES, MAX_BYTES)

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
        limits = {"download_maxsize": self._max_bytes, "download_timeout": min(timeout, self._timeout)}
        request = self._as_visitor(query, context, {**limits, **context.visitor.meta, **query.meta})
        self._add_origin(request, context, always=False)
        return await self._cancellable(request, Dispatch(context, is_page=False))

    async def again(self, context: Context) -> Response:
        """Download the request as its spider made it.

        Raises:
            Stopping: The crawl began to end meanwhile.
            Exception: Whatever Scrapy's downloader and its middlewares raise.
        """
        return await self.behind_redirect(context, await self._download(context.request, context))

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
            page = await self._download(context.request.replace(url=target, method="GET", body=b""), context)
            if kept_target(page) is None:
                return page if await self._is_challenge(context, page) else response
        return response

    async def submit(
        self,
        query: Request,
        context: Context,
        *,
        deadline: float | None,
        solution: Collection[str],
        cookies: Mapping[str, str] | None = None,
    ) -> tuple[Response, int]:
        """Send a request with a solution in it. The end of the crawl does not cancel it: it is paid for.

        Args:
            query: As the plan or the site's hook made it.
            context: For whom.
            deadline: Until when it may be handed to the downloader, in monotonic seconds.
            solution: The values of the solution.
            cookies: Further ones, for the jar of the session.

        Returns:
            The answer, and how often the solution went out (more than once: Scrapy's Retry).

        Raises:
            DeliveryError: There was no answer.
        """
        request = self._own(query, context)
        if cookies:
            request = request.replace(cookies=dict(cookies))
        if context.page is not None and context.page.url != query.url:
            self._others.add_referer(request, context.page)
        self._add_origin(request, context, always=request.method not in SAFE_METHODS)
        dispatch = Dispatch(context, deadline=deadline, solution=solution)
        try:
            return await self._run(request, dispatch), dispatch.departures
        except Exception as error:
            raise DeliveryError(error, dispatch.departures) from error

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
        visitor.pin(request, dispatch.own_headers or request.headers)
        if (
            dispatch.deadline is not None
            and time.monotonic() > dispatch.deadline
            and not request.meta.get("redirect_urls")
        ):
            raise SolutionTooOldError("the solution has become too old to be sent")
        dispatch.departures += 1

    async def after(self, request: Request, response: Response) -> None:
        """Called with the answer: a challenge page is an answer, whatever its status, and no error to be retried."""
        dispatch = self._under_way.get(own_number(request))
        if dispatch is not None and dispatch.is_page and await self._is_challenge(dispatch.context, response):
            request.meta["dont_retry"] = True

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
            meta={**meta, "allow_offsite": True, "dont_cache": True},
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

    async def _download(self, query: Request, context: Context) -> Response:
        return await self._cancellable(self._own(query, context), Dispatch(context))

    async def _cancellable(self, request: Request, dispatch: Dispatch) -> Response:
        return await self._wait(deferred_from_coro(self._run(request, dispatch)))

    async def _run(self, request: Request, dispatch: Dispatch) -> Response:
        number = next(self._numbers)
        dispatch.own_headers = request.headers.copy()
        self._under_way[number] = dispatch
        try:
            response = await self._engine.download_async(mark_own(request, number))
        finally:
            del self._under_way[number]
        if response.request is not None:
            changed = dispatch.context.visitor.changes(response.request, dispatch.own_headers)
            if changed:
                self._on_change(dispatch.context, changed)
        return response

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
                f"a redirect would lead to {request.url[:200]!r}, which is of no declared site; if that is right, add "
                "its host to the site's urls"
            )


def kept_target(response: Response) -> str | None:
    """Where a redirect leads that was not followed."""
    location = response.headers.get(b"Location")
    if response.status not in REDIRECTS or not location:
        return None
    target = urljoin(response.url, safe_url_string(location))
    return target if urlsplit(target).scheme in {"http", "https"} else None


def _carries(request: Request, solution: Collection[str]) -> bool:
    headers = b" ".join(value for name in request.headers for value in request.headers.getlist(name)).decode("latin-1")
    return bool(request.body) or any(value in headers or value in unquote_plus(request.url) for value in solution)


class DeliveryError(Exception):
    """A submission that got no answer.

    Attributes:
        error: Why.
        departures: How often it was handed to the downloader; 0: the solution was never sent.
    """

    def __init__(self, error: Exception, departures: int) -> None:
        super().__init__(str(error))
        self.error = error
        self.departures = departures

"""A request that goes out once more: what has to be different about it, where it may go, and by which way."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from attrs import evolve
from scrapy import Request
from scrapy.exceptions import IgnoreRequest

from scrapy_geetest._attempt.state import NO_CACHE, RequestState, is_inner, mark_submitted, original, with_state
from scrapy_geetest._hooks import resolve
from scrapy_geetest._submission import plan
from scrapy_geetest.exceptions import SubmissionError
from scrapy_geetest.site import GeetestSite, find_site

if TYPE_CHECKING:
    from scrapy.http import Response

    from scrapy_geetest._attempt.context import Visit
    from scrapy_geetest._attempt.purchase import Solved
    from scrapy_geetest._crawl.downloads import InnerDownloader
    from scrapy_geetest._crawl.scrapy_middlewares import Neighbours
    from scrapy_geetest.settings import Config


class Resender:
    """Makes the request that carries a solution, and sends requests again."""

    def __init__(self, config: Config, inner: InnerDownloader, neighbours: Neighbours) -> None:
        self._sites = {site.name: site for site in config.sites}
        self._priority_adjust = config.priority_adjust
        self._inline = config.retry_mode == "inline"
        self._inner = inner
        self._neighbours = neighbours

    async def check(self, visit: Visit) -> None:
        """Find out before anything is paid whether and where a solution could be sent.

        A site that overrides ``submit_request`` answers for itself.

        Raises:
            SubmissionError: It could not, or only to somebody else.
        """
        if type(visit.site).submit_request is not GeetestSite.submit_request:
            return
        try:
            target = plan(visit.request, visit.response, visit.site.submit_as).url
            await _check_target(visit, target)
            await self._neighbours.check_robots(visit.request.replace(url=target))
        except (IgnoreRequest, ValueError) as error:
            raise SubmissionError(f"Nothing was bought for {visit}: {error}", **visit.parts) from error

    async def submission(self, visit: Visit, solved: Solved) -> Request:
        """The request with the solution in it, ready to be sent.

        Raises:
            SubmissionError: The site's hook failed, or leads elsewhere.
        """
        try:
            request = await resolve(visit.site.submit_request(visit.request, visit.response, solved.solution))
            if not isinstance(request, Request):
                raise TypeError(f"submit_request returned {type(request).__name__}, not a Request")  # noqa: TRY301
            await _check_target(visit, request.url)
        except Exception as error:
            raise SubmissionError(
                f"The solution of task {solved.task_id} could not be sent for {visit}: {type(error).__name__}: {error}",
                **visit.parts,
            ) from error
        seen = visit.response is not None
        request = once_more(request, seen=seen, priority_adjust=self._priority_adjust, cached=False)
        self._neighbours.add_referer(_forget_slot(request, visit.request.url), visit.response)
        state = RequestState(
            attempts=solved.attempts, site=visit.site.name, task_id=solved.task_id, solved_ms=solved.solved_ms
        )
        return mark_submitted(visit.request, request, state)

    async def check_redirect(self, request: Request) -> None:
        """Where a redirect may take what the plugin asked for or sent: within the declared sites.

        A 307 or 308 keeps a body with a solution in it, every redirect keeps headers.

        Raises:
            IgnoreRequest: It leads elsewhere.
        """
        came_from = request.meta.get("redirect_urls")
        site = self._sites.get(RequestState.of(request).site)
        carries = is_inner(request) or request.body or (site is not None and site.submit_as == "headers")
        if not came_from or not carries or _origin(came_from[-1]) == _origin(request.url):
            return
        if await find_site(tuple(self._sites.values()), request.url) is None:
            raise IgnoreRequest(
                f"a redirect would lead to {request.url[:200]!r}, which is of no declared site; if that is right, add "
                "its host to the site's urls"
            )

    async def resend(self, request: Request, held: Request) -> Request | Response:
        """Back to the scheduler or, in ``"inline"`` mode, downloaded at once, in place.

        Args:
            request: What is to go out.
            held: The request whose place it takes. What comes of *request* in place has been judged, and retried where
                need be, so nothing of that is to be done a second time on the way of *held*.
        """
        if not self._inline:
            return request
        with_state(request, evolve(RequestState.of(request), in_place=True))
        response = await self._inner.engine.download_async(request)
        with_state(held, RequestState(settled=True))
        held.meta["dont_retry"] = True
        return response


def once_more(request: Request, *, seen: bool = True, priority_adjust: int = 0, cached: bool = True) -> Request:
    """*request*, ready to be handed to the scheduler a second time.

    The dupefilter would drop it without a word, its own cookies would overwrite a fresh session, and a start request
    would queue behind all the others.

    Args:
        request: What is to go out.
        seen: Whether this crawl has sent it before, so that the cookie jar holds its own cookies already.
        priority_adjust: Added to its priority.
        cached: Whether an answer may come from Scrapy's HTTP cache.
    """
    meta = {key: value for key, value in request.meta.items() if key != "is_start_request"}
    if not cached:
        meta.setdefault("dont_cache", NO_CACHE)
    return request.replace(
        dont_filter=True,
        cookies=None if seen else request.cookies,
        meta=meta,
        priority=request.priority + priority_adjust,
    )


def _forget_slot(request: Request, url: str) -> Request:
    """Drop the download slot that Scrapy derived from *url*, where *request* now goes to another host."""
    host = urlsplit(url).hostname
    if request.meta.get("download_slot") == host != urlsplit(request.url).hostname:
        del request.meta["download_slot"]
    return request


async def _check_target(visit: Visit, url: str) -> None:
    """A solution goes to the site that asked for it: to the origin of its request, or where the site's urls say.

    A page that the site redirected to is not the site, unless its urls say so.

    Raises:
        ValueError: *url* is elsewhere.
    """
    asked = original(visit.sent).url
    if _origin(url) == _origin(asked) and await resolve(visit.site.matches(asked)):
        return
    downgraded = url.startswith("http:") and asked.startswith("https:")
    if downgraded or not await resolve(visit.site.matches(url)):
        raise ValueError(
            f"the solution would go to {url[:200]!r}, which is not of the site {visit.site.name}; "
            "if that is right, add its host to the site's urls"
        )


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)

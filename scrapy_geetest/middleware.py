"""The way of a request that meets a GeeTest CAPTCHA.

::

    response ─▶ site for its URL? ─▶ challenge page? ─▶ park ─▶ solution ─▶ request with it ─▶ accepted?
                no: untouched        no: untouched                                             no: again, if allowed
"""

from __future__ import annotations

import logging
import time
from secrets import token_hex
from typing import TYPE_CHECKING, TypeVar

from attrs import evolve
from scrapy import Request
from scrapy import signals as scrapy_signals
from scrapy.exceptions import IgnoreRequest, NotConfigured
from scrapy.http.request import NO_CALLBACK

from scrapy_geetest._attempt.assembly import assemble
from scrapy_geetest._attempt.context import Visit
from scrapy_geetest._attempt.outcome import stopped
from scrapy_geetest._attempt.sending import once_more
from scrapy_geetest._attempt.state import META_KEY, RequestState, clear, is_inner, original, with_state
from scrapy_geetest._attempt.verdict import judge
from scrapy_geetest._crawl.downloads import is_left_alone
from scrapy_geetest._crawl.parking import Stopping
from scrapy_geetest.exceptions import GeetestError, SubmissionError
from scrapy_geetest.settings import API_KEY_VARIABLE, Config
from scrapy_geetest.site import find_site

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from decimal import Decimal

    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from typing_extensions import Self

    from scrapy_geetest.challenge import Solution
    from scrapy_geetest.site import GeetestSite

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

NO_VERDICT = frozenset({408, 429, *range(500, 600)})  # statuses that tell nothing of a solution


class GeetestMiddleware:
    """Downloader middleware (order 585): what a CAPTCHA withholds is solved and asked for again."""

    def __init__(self, crawler: Crawler, config: Config) -> None:
        parts = assemble(crawler, config)
        self._config = config
        self._sites = {site.name: site for site in config.sites}
        self._has_gates = any(site.mode == "gate" for site in config.sites)
        self._bulletin = parts.bulletin
        self._client = parts.client
        self._gatekeeper = parts.gatekeeper
        self._neighbours = parts.neighbours
        self._outcomes = parts.outcomes
        self._parking = parts.parking
        self._resender = parts.resender
        self._solver = parts.solver
        self._stats = parts.stats
        self._undeclared = parts.undeclared
        self._verdicts = parts.verdicts
        self._run = token_hex(4)  # tells this run from the one before, of whose queue a request may come

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Read the settings and get ready.

        Raises:
            NotConfigured: Turned off, without a key, or without a reactor.
            ValueError: A setting or a site breaks a rule.
        """
        config = Config.from_settings(crawler.settings)
        if not config.enabled:
            raise NotConfigured
        if not crawler.settings.getbool("TWISTED_REACTOR_ENABLED", default=True):
            raise NotConfigured("scrapy-geetest needs a Twisted reactor: leave TWISTED_REACTOR_ENABLED at True")
        if not config.api_key:
            raise NotConfigured(
                f"scrapy-geetest has no key for the solving service: set GEETEST_API_KEY, or {API_KEY_VARIABLE} in the "
                "environment"
            )
        middleware = cls(crawler, config)
        crawler.signals.connect(middleware.spider_opened, scrapy_signals.spider_opened)
        crawler.signals.connect(middleware.spider_closed, scrapy_signals.spider_closed)
        return middleware

    def spider_opened(self) -> None:
        self._stats.open()

    async def spider_closed(self) -> None:
        self._bulletin.close()
        await self._client.close()

    async def solve(self, page: Response | Request) -> Solution:
        """A solution for a spider that needs the answer itself, with the same budget, freshness and statistics.

        ``solution = await crawler.get_downloader_middleware(GeetestMiddleware).solve(response)``

        Args:
            page: The challenge page; or a request, where the site's attributes tell where a challenge is to be had.

        Raises:
            GeetestError: There is none to be had; counted and logged as always.
            ValueError: The URL belongs to no declared site.
        """
        request = page if isinstance(page, Request) else page.request
        site = None if request is None else await find_site(self._config.sites, request.url)
        if site is None or request is None:
            raise ValueError(f"{page} belongs to no site in GEETEST_SITES")
        visit = Visit(site, request, None if isinstance(page, Request) else page, sent=request)
        try:
            with self._parking.place(site.name, lend=False):
                return (await self._solver.solve(visit, attempts=0)).solution
        except Stopping:
            error: GeetestError = stopped(visit)
        except GeetestError as refusal:
            error = refusal
        await self._outcomes.tell(visit, error)
        raise error

    async def balance(self) -> Decimal:
        """The account's balance, in the service's currency.

        Raises:
            ServiceError: The service did not say.
        """
        return await self._client.balance()

    async def process_request(self, request: Request) -> Request | Response | None:
        if not (self._has_gates or META_KEY in request.meta or "geetest" in request.meta):
            return None  # nearly all requests of a crawl
        state = RequestState.of(request)
        if is_inner(request) or state.submitted:
            await self._stay(request, state)
        if is_left_alone(request):
            return None
        if state.foreign(request):
            state = clear(request)
        if state.undelivered(request) or state.site not in ("", *self._sites):
            return self._departing(request, state)
        return None if state.submitted or state.unsolved else await self._before(request, state)

    async def _before(self, request: Request, state: RequestState) -> Request | Response | None:
        """Before a request is sent as the spider made it: does it need a solution, or an open gate, first?"""
        solve_first = request.meta.get("geetest") is True
        if not (solve_first or self._has_gates):
            return None
        site = await find_site(self._config.sites, request.url)
        if site is None:
            self._undeclared.asked_for(request, solve_first=solve_first)
            return None
        if state.site not in ("", site.name):  # a redirect from one declared site to another
            state = clear(request)
        visit = Visit(site, original(request), None, sent=request)
        if site.mode == "gate":
            return await self._outcome(visit, self._admit(visit, state))
        return await self._outcome(visit, self._solve(visit, state)) if solve_first else None

    async def process_exception(self, request: Request, exception: Exception) -> None:
        """A solution that was not delivered, however often Scrapy tried."""
        state = RequestState.of(request)
        if is_left_alone(request) or not state.submitted or isinstance(exception, IgnoreRequest | Stopping):
            return
        if self._neighbours.is_retried(request, exception):
            return
        visit = Visit(self._sites[state.site], original(request), None, sent=request)
        error = SubmissionError(
            f"The solution of task {state.task_id} was sent for {visit}, and no answer came: "
            f"{type(exception).__name__}: {exception}",
            **visit.parts,
        )
        self._verdicts.undecided(visit)
        await self._outcomes.tell(visit, error)
        raise error from exception

    async def _stay(self, request: Request, state: RequestState) -> None:
        """Refuse a redirect that would take a solution to somebody else."""
        try:
            await self._resender.check_redirect(request)
        except IgnoreRequest as refusal:
            if is_inner(request) or state.site not in self._sites:
                raise  # whoever asked for it tells why
            visit = Visit(self._sites[state.site], original(request), None, sent=request)
            error = SubmissionError(
                f"The solution of task {state.task_id} was not sent on for {visit}: {refusal}", **visit.parts
            )
            await self._outcomes.tell(visit, error)
            raise error from refusal

    async def process_response(self, request: Request, response: Response) -> Request | Response:
        if is_left_alone(request):
            return response
        state = RequestState.of(request)
        if state.settled:
            return response
        site = await self._site(request, state)
        if site is None:
            self._undeclared.look(request, response)
            return response
        visit = Visit(site, original(request), response, sent=request)
        return await self._outcome(visit, self._look(visit, state)) or response

    async def _site(self, request: Request, state: RequestState) -> GeetestSite | None:
        """Whose answer it is: a solution may go, and a redirect lead, to a URL that does not tell."""
        marked = self._sites.get(state.site)
        if marked is not None and state.submitted:
            return marked
        return await find_site(self._config.sites, request.url) or marked

    async def _look(self, visit: Visit, state: RequestState) -> Request | Response:
        """Is it a challenge page, or the site's answer to a solution, or what the spider asked for?"""
        assert visit.response is not None  # noqa: S101  # there is one to look at
        if state.submitted:
            if await judge(visit.site.is_accepted, visit):
                return await self._accepted(visit, state)
            return await self._solve(visit, state)
        if not await judge(visit.site.is_challenge, visit):
            return await self._let_through(visit, state)
        if state.unsolved:
            return self._outcomes.passed(visit)
        if "cached" in visit.response.flags:  # a replay tells nothing of the site as it is now
            return once_more(visit.request, cached=False)
        await self._outcomes.detected(visit)
        visit.slim()
        if visit.site.mode == "gate":
            with self._parking.place(visit.site.name):
                again = await self._gatekeeper.readmit(visit, state)
                again = once_more(again, priority_adjust=self._config.priority_adjust, cached=False)
                return await self._resender.resend(again, visit.sent)
        return await self._solve(visit, state)

    async def _let_through(self, visit: Visit, state: RequestState) -> Response:
        """What the spider asked for, or what leads there: a gate may send to its captcha page by the page's markup."""
        assert visit.response is not None  # noqa: S101  # it was looked at
        self._undeclared.let_through(visit)
        if state.gates and self._neighbours.is_refreshed(visit.sent, visit.response):
            return visit.response
        await self._gatekeeper.let_through(visit, state)
        clear(visit.sent)
        return visit.response

    async def _admit(self, visit: Visit, state: RequestState) -> Request | Response | None:
        """Past a gate, before it is sent: at once, or when the gate has been opened."""
        instead = await self._gatekeeper.admit(visit, state)
        if instead is None:
            return None
        instead = once_more(instead, priority_adjust=self._config.priority_adjust)
        return await self._resender.resend(instead, visit.sent)

    async def _solve(self, visit: Visit, state: RequestState) -> Request | Response:
        """From a challenge page, or the knowledge that there would be one, to the request with a solution in it."""
        with self._parking.place(visit.site.name):
            if state.submitted:
                await self._verdicts.rejected(visit, state)
            await self._resender.check(visit)
            visit.slim()
            solved = await self._solver.solve(visit, state.attempts)
            return await self._resender.resend(await self._resender.submission(visit, solved), visit.sent)

    async def _outcome(self, visit: Visit, way: Awaitable[_T]) -> _T | Request | Response | None:
        """The one outcome that a request has, however its way ends."""
        try:
            return await way
        except Stopping:
            state = RequestState.of(visit.sent)
            if state.in_place:
                raise  # whoever downloads it in place takes its own request back
            # What was returned in this run before, and came here again, was awaited by somebody and not put in a queue.
            if visit.request.callback is NO_CALLBACK or state.returned == self._run:
                return await self._outcomes.gave_up(visit, stopped(visit))
            kept = RequestState(attempts=state.attempts, returned=self._run)
            return with_state(once_more(visit.request, seen=False), kept)  # the next run has another cookie jar
        except GeetestError as error:
            return await self._outcomes.gave_up(visit, error)

    def _departing(self, request: Request, state: RequestState) -> Request | None:
        """A solution is about to be sent, unless it has become too old on the way, or its site has another name by now."""
        if state.site in self._sites and state.age(int(time.time() * 1000)) <= self._config.solution_max_age:
            with_state(request, evolve(state, sent=state.sent + 1))
            return None
        logger.info("GeeTest: the solution for %s has become too old to be sent; a new one is due", request)
        fresh = once_more(original(request), seen=state.sent > 0)
        return with_state(fresh, RequestState(attempts=state.attempts))

    async def _accepted(self, visit: Visit, state: RequestState) -> Response:
        assert visit.response is not None  # noqa: S101  # it was judged
        if self._neighbours.is_retried(visit.sent, visit.response):
            return visit.response  # no verdict yet: the same solution is sent again
        clear(visit.sent)
        if visit.response.status in NO_VERDICT:
            self._verdicts.undecided(visit)
            return visit.response
        visit.sent.meta.pop("geetest", None)  # spent: a follow-up that takes over this meta must not buy another
        await self._verdicts.accepted(visit, state)
        return visit.response

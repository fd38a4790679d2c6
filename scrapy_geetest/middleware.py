"""The way of a request that meets a GeeTest CAPTCHA."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, TypeVar

from attrs import evolve
from scrapy import Request
from scrapy import signals as scrapy_signals
from scrapy.exceptions import NotConfigured
from scrapy.http.request import NO_CALLBACK
from scrapy.utils.defer import deferred_from_coro, maybe_deferred_to_future

from scrapy_geetest import signals
from scrapy_geetest.budget import Breaker, Budget
from scrapy_geetest.config import API_KEY_VARIABLE, Config
from scrapy_geetest.exceptions import GeetestError, SolveError, StoppedError
from scrapy_geetest.gate import Gates
from scrapy_geetest.gatekeeper import GateKeeper
from scrapy_geetest.inner import InnerDownloader, is_robots_txt
from scrapy_geetest.parking import Parking, Stopping
from scrapy_geetest.resending import Resender, once_more
from scrapy_geetest.service.client import ServiceClient
from scrapy_geetest.service.pacing import Pacing
from scrapy_geetest.service.transport import Transport
from scrapy_geetest.site import find_site
from scrapy_geetest.solver import Solver
from scrapy_geetest.state import RequestState, clear, is_inner, original, with_state
from scrapy_geetest.stats import Stats
from scrapy_geetest.telling import Teller
from scrapy_geetest.undeclared import UndeclaredPages
from scrapy_geetest.verdict import Verdicts, judge
from scrapy_geetest.visit import Visit

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from typing_extensions import Self


logger = logging.getLogger(__name__)

_T = TypeVar("_T")

UNSOLVED = "geetest-unsolved"


class GeetestMiddleware:
    """Downloader middleware (order 585): what a CAPTCHA withholds is solved and asked for again."""

    def __init__(self, crawler: Crawler, config: Config) -> None:
        from twisted.internet import reactor

        self._crawler = crawler
        self._config = config
        self._sites = {site.name: site for site in config.sites}
        self._stats = Stats(crawler.stats)
        self._teller = Teller(crawler)
        self._inner = InnerDownloader(crawler)
        self._parking = Parking(crawler, limit=config.max_parked, stats=self._stats, reactor=reactor)
        self._client = ServiceClient(
            api_key=config.api_key,
            transport=Transport(
                base_url=config.api_url,
                timeout=config.request_timeout,
                settle=maybe_deferred_to_future,
                reactor=reactor,
            ),
            pacing=Pacing(first_poll=config.first_poll, interval=config.poll_interval),
            sleep=self._parking.sleep,
            clock=time.monotonic,
            solve_timeout=config.solve_timeout,
            on_poll=lambda: self._stats.count("polls"),
        )
        breaker = Breaker(failures=config.breaker_failures, seconds=config.breaker_seconds, stats=self._stats)
        self._solver = Solver(
            breaker=breaker,
            budget=Budget(config, parking=self._parking, stats=self._stats),
            config=config,
            client=self._client,
            inner=self._inner,
            parking=self._parking,
            stats=self._stats,
            teller=self._teller,
        )
        self._verdicts = Verdicts(
            breaker=breaker, config=config, client=self._client, stats=self._stats, teller=self._teller
        )
        self._resender = Resender(config, self._inner)
        self._gatekeeper = GateKeeper(
            config=config,
            gates=Gates(time.monotonic),
            inner=self._inner,
            parking=self._parking,
            resender=self._resender,
            solver=self._solver,
            stats=self._stats,
            verdicts=self._verdicts,
        )
        self._undeclared = UndeclaredPages(self._stats)
        self._cookies_enabled = crawler.settings.getbool("COOKIES_ENABLED")
        self._warned_sites: set[str] = set()
        self._has_gates = any(site.mode == "gate" for site in config.sites)
        self._retried_statuses = {int(status) for status in crawler.settings.getlist("RETRY_HTTP_CODES")}

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
        await self._client.close()

    async def process_request(self, request: Request) -> Request | Response | None:
        if is_inner(request) or is_robots_txt(request) or request.meta.get("geetest") is False:
            return None
        state = RequestState.of(request)
        if state.foreign(request):
            state = clear(request)
        if state.undelivered(request):
            return self._departing(request, state)
        solve_first = request.meta.get("geetest") is True
        if state.submitted or state.unsolved or not (solve_first or self._has_gates):
            return None
        site = await find_site(self._config.sites, request.url)
        if site is None:
            self._undeclared.asked_for(request, solve_first=solve_first)
            return None
        visit = Visit(site, request, None, sent=request)
        if site.mode == "gate":
            return await self._outcome(visit, self._admit(visit, state))
        return await self._outcome(visit, self._solve(visit, state)) if solve_first else None

    async def process_response(self, request: Request, response: Response) -> Request | Response:
        if is_inner(request) or is_robots_txt(request) or request.meta.get("geetest") is False:
            return response
        state = RequestState.of(request)
        if state.unsolved:
            return _flagged(request, response)
        site = self._sites.get(state.site) or await find_site(self._config.sites, request.url)
        if site is None:
            self._undeclared.look(request, response)
            return response
        visit = Visit(site, original(request), response, sent=request)
        return await self._outcome(visit, self._look(visit, state)) or response

    async def _look(self, visit: Visit, state: RequestState) -> Request | Response:
        """Is it a challenge page, or the site's answer to a solution, or what the spider asked for?"""
        assert visit.response is not None  # noqa: S101  # there is one to look at
        if state.submitted:
            if await judge(visit.site.is_accepted, visit):
                return await self._accepted(visit, state)
            return await self._solve(visit, state)
        if not await judge(visit.site.is_challenge, visit):
            clear(visit.sent)
            return visit.response
        if "cached" in visit.response.flags:  # a replay tells nothing of the site as it is now
            return once_more(visit.request, dont_cache=True)
        await self._detected(visit)
        if visit.site.mode == "gate":
            with self._parking.place():
                return await self._resender.resend(
                    once_more(await self._gatekeeper.readmit(visit, state), dont_cache=True)
                )
        return await self._solve(visit, state)

    async def _admit(self, visit: Visit, state: RequestState) -> Request | Response | None:
        """Past a gate, before it is sent: at once, or when the gate has been opened."""
        instead = await self._gatekeeper.admit(visit, state)
        return None if instead is None else await self._resender.resend(once_more(instead))

    async def _solve(self, visit: Visit, state: RequestState) -> Request | Response:
        """From a challenge page, or the knowledge that there would be one, to the request with a solution in it."""
        with self._parking.place():
            if state.submitted:
                await self._verdicts.rejected(visit, state)
            await self._resender.check(visit)
            solved = await self._solver.solve(visit, state.attempts)
            return await self._resender.resend(await self._resender.submission(visit, solved))

    async def _outcome(self, visit: Visit, way: Awaitable[_T]) -> _T | Request | Response | None:
        """The one outcome that a request has, however its way ends."""
        try:
            return await way
        except Stopping:
            if RequestState.of(visit.sent).in_place:
                raise  # whoever downloads it in place takes its own request back
            if visit.request.callback is not NO_CALLBACK:
                return once_more(visit.request)
            error: GeetestError = StoppedError(f"The crawl ended before the CAPTCHA was solved: {visit}", **visit.parts)
            return await self._gave_up(visit, error)
        except GeetestError as error:
            if error.told:
                raise
            return await self._gave_up(visit, error)

    def _departing(self, request: Request, state: RequestState) -> Request | None:
        """A solution is about to be sent, unless it has become too old on the way."""
        if state.age(int(time.time() * 1000)) <= self._config.solution_max_age:
            with_state(request, evolve(state, sent=state.sent + 1))
            return None
        logger.info("GeeTest: the solution for %s has become too old to be sent; a new one is due", request)
        fresh = once_more(original(request))
        return with_state(fresh, RequestState(attempts=max(0, state.attempts - 1)))

    async def _detected(self, visit: Visit) -> None:
        version = visit.site.page_version(visit.response)
        self._stats.count("detected")
        if version is not None:
            self._stats.count(f"detected/v{version}")
        logger.debug("GeeTest: challenge page %s", visit)
        self._warn_of_lost_session(visit)
        await self._teller.tell(signals.challenge_detected, visit, version=version)

    def _warn_of_lost_session(self, visit: Visit) -> None:
        kept = self._cookies_enabled and not visit.sent.meta.get("dont_merge_cookies")
        if not kept and visit.site.name not in self._warned_sites:
            self._warned_sites.add(visit.site.name)
            logger.warning(
                "GeeTest: %s is sent without Scrapy's cookies (dont_merge_cookies, or COOKIES_ENABLED = False). Most "
                "sites tie challenge and answer together by a session cookie, and will refuse what is paid for.",
                visit,
            )

    async def _accepted(self, visit: Visit, state: RequestState) -> Response:
        assert visit.response is not None  # noqa: S101  # it was judged
        if visit.response.status in self._retried_statuses or visit.response.status >= 500:  # noqa: PLR2004  # HTTP's
            return visit.response  # no verdict: whoever retries it sends the same solution again
        clear(visit.sent)
        visit.sent.meta.pop("geetest", None)  # spent: a follow-up that takes over this meta must not buy another
        await self._verdicts.accepted(visit, state)
        return visit.response

    async def _gave_up(self, visit: Visit, error: GeetestError) -> Response | None:
        error.told = True
        self._stats.count_with("gave_up", error.reason)
        logger.error("GeeTest: gave up: %s", error)
        await self._teller.tell(signals.solve_failed, visit, error=error)
        if isinstance(error, SolveError) and error.close_reason and self._config.close_on_fatal:
            self._close_spider(error.close_reason)
        clear(visit.sent)
        if self._config.on_failure == "raise":
            raise error
        if visit.response is not None:
            return _flagged(visit.sent, visit.response)
        with_state(visit.sent, RequestState(unsolved=True))
        return None

    def _close_spider(self, reason: str) -> None:
        # Not awaited: the spider closes once its requests are done, and ours is one of them.
        closing = deferred_from_coro(self._inner.engine.close_spider_async(reason=reason))
        closing.addErrback(lambda failure: logger.error("GeeTest: the spider could not be closed: %s", failure.value))


def _flagged(request: Request, response: Response) -> Response:
    clear(request)
    return response.replace(flags=[*response.flags, UNSOLVED])

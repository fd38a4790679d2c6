"""Scrapy's hooks: the way of a request that meets a GeeTest CAPTCHA.

::

    response ─▶ site for its URL? ─▶ withheld? ─▶ park ─▶ ATTEMPT ─▶ verdict ─▶ response to the spider
                no: untouched        no: untouched

The attempt is :mod:`scrapy_geetest._attempt.loop`.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any

from attrs import evolve
from scrapy import Request
from scrapy import signals as scrapy_signals

from scrapy_geetest._assembly import assemble
from scrapy_geetest._attempt.context import Context
from scrapy_geetest._attempt.loop import UNVERIFIED
from scrapy_geetest._attempt.outcomes import stopped
from scrapy_geetest._attempt.verdict import is_withheld
from scrapy_geetest._crawl.browser_pages import close_page
from scrapy_geetest._crawl.downloads import kept_target
from scrapy_geetest._crawl.identity import Visitor
from scrapy_geetest._crawl.marks import (
    META_KEY,
    is_fenced,
    is_left_alone,
    is_usual,
    lift,
    loses_nothing,
    note_departure,
    note_leaving,
    original,
    own_number,
)
from scrapy_geetest._crawl.parking import Stopping
from scrapy_geetest._crawl.waiting_requests import Waiting
from scrapy_geetest._pages.rules import REDIRECTS, may_have_widgets
from scrapy_geetest._sites import is_built_in
from scrapy_geetest._start import check_start
from scrapy_geetest.exceptions import ChallengeError, GeetestError
from scrapy_geetest.settings import Config
from scrapy_geetest.site import GeetestSite

if TYPE_CHECKING:
    from decimal import Decimal

    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from typing_extensions import Self

    from scrapy_geetest._attempt.forms import Forms
    from scrapy_geetest._attempt.gates import Gates
    from scrapy_geetest.challenge import Solution

logger = logging.getLogger(__name__)


class GeetestMiddleware:
    """Downloader middleware (order 585): a page that a CAPTCHA withholds becomes a slow page."""

    def __init__(self, crawler: Crawler, config: Config) -> None:
        parts = assemble(crawler, config, type(self))
        common = parts.common
        self._config = config
        self._admission = parts.admission
        self._has_gates = any(site.mode == "gate" for site in config.sites)
        self._keeps_cookies = crawler.settings.getbool("COOKIES_ENABLED")
        self._bulletin = common.bulletin
        self._books = common.books
        self._browser_pages = common.browser_pages
        self._downloads = parts.downloads
        self._endings = parts.endings
        self._findings = common.findings
        self._forms = parts.forms
        self._gates = parts.gates
        self._intercepted = parts.intercepted
        self._others = common.others
        self._outcomes = common.outcomes
        self._page_places = parts.page_places
        self._parking = common.parking
        self._received = parts.received
        self._redirects = parts.redirects
        self._services = common.services
        self._sites = common.sites
        self._recovery = parts.recovery
        self._stats = common.stats
        self._storage = common.storage
        self._undeclared = parts.undeclared
        self._visits = parts.visits
        self._waiting_requests = parts.waiting_requests
        self._numbers = count(1)  # of requests in log lines

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Read the settings and get ready.

        Raises:
            NotConfigured: Turned off, or no site is declared.
            ValueError: A setting or a site breaks a rule, or something that the plugin needs is missing.
        """
        try:
            config = Config.from_settings(crawler.settings)
            check_start(config, crawler.settings, cls)
        except ValueError as error:
            raise ValueError(str(error)) from None  # one plain line, without those that led to it
        middleware = cls(crawler, config)
        crawler.signals.connect(middleware.spider_opened, scrapy_signals.spider_opened)
        crawler.signals.connect(middleware.request_dropped, scrapy_signals.request_dropped)
        crawler.signals.connect(middleware.spider_closed, scrapy_signals.spider_closed)
        return middleware

    async def spider_opened(self) -> None:
        self._stats.open()
        self._findings.open()
        self._redirects.open()
        self._intercepted.open()
        await self._recovery.open()

    def request_dropped(self, request: Request) -> None:
        self._redirects.arrived(request)

    async def spider_closed(self) -> None:
        self._bulletin.close()
        await self._intercepted.look(at_end=True)
        await self._findings.close()
        await self._services.close()
        await self._recovery.close()
        await self._storage.entries.close()

    async def solve(self, page: Response | Request) -> Solution:
        """A solution for a spider that needs the answer itself, with the same budget, freshness and statistics.

        ``solution = await crawler.get_downloader_middleware(GeetestMiddleware).solve(response)``

        Args:
            page: The challenge page; or a request, where the site's attributes tell where a challenge can be fetched.

        Raises:
            GeetestError: There is none; counted and logged as always.
            ValueError: The URL belongs to no declared site.
        """
        request = page if isinstance(page, Request) else page.request
        site = None if request is None else await self._sites.find(request.url)
        if site is None or request is None:
            raise ValueError(f"{page} belongs to no site in GEETEST_SITES")
        context = self._context(site, request, None if isinstance(page, Request) else page)
        context = evolve(context, is_page_shared=True)
        try:
            with self._parking.place(site.name, lend=False):
                purchase = await self._forms.only_buy(context)
        except Stopping:
            error: GeetestError = stopped(context)
        except GeetestError as refusal:
            error = refusal
        else:
            self._books.handed_out(purchase)
            return purchase.solution
        await self._outcomes.tell(context, error)
        raise error

    @property
    def services(self) -> tuple[str, ...]:
        """The names of the services, in order of preference."""
        return tuple(member.name for member in self._services.members)

    async def balance(self, service: str | None = None) -> Decimal:
        """The account's balance, in the service's currency.

        Args:
            service: The name of a service; ``None``: the first one.

        Raises:
            ServiceError: The service gave none.
        """
        return await self._services.balance(service or self.services[0])

    async def process_request(self, request: Request) -> Request | Response | None:
        if self._intercepted.waiting:
            await self._intercepted.look()
        meta = request.meta
        is_noted = META_KEY in meta
        is_unusual = is_noted or not is_usual(meta)
        if is_unusual:
            if is_noted and own_number(request):
                await self._downloads.before(request)
                self._browser_pages.prepare(request, is_again=True)
                return None
            if (handler := self._browser_pages.handlers.find(request)) is not None:
                return await self._before_browser(request, handler)
            if is_noted:
                note_leaving(request)
            self._redirects.sent(request)
        needs_nothing = not self._has_gates and "geetest" not in meta and loses_nothing(request)
        if needs_nothing or (is_unusual and is_left_alone(request)):
            return None  # nearly all requests of a crawl
        site = await self._sites.find(request.url) if self._sites.has_hooks else self._sites.at_once(request.url)
        if site is None:
            self._undeclared.asked_for(request)
            return None
        if site.mode == "gate":
            if not await self._gates.leave(site, request):
                return None
            context = self._context(site, request, None)
            return await self._endings.of(context, self._before_gate(context))
        note_departure(request)
        context = self._context(site, request, None)
        return await self._endings.of(context, self._solve_first(context)) if self._forms.acts_before(context) else None

    async def process_response(self, request: Request, response: Response) -> Request | Response:
        if self._intercepted.waiting:
            self._intercepted.arrived(request)
        meta = request.meta
        has_note, is_as_usual = META_KEY in meta, is_usual(meta)
        has_copy = response.request not in (None, request)  # made by a download handler, with what was noted
        site: GeetestSite | None = None
        if is_as_usual and not has_copy:
            is_redirect = response.status in REDIRECTS
            if is_redirect or not self._sites.are_built_in:
                site = (
                    await self._sites.find(request.url) if self._sites.has_hooks else self._sites.at_once(request.url)
                )
            is_told_by_widget = site is None or (is_built_in(site) and not is_redirect)
            if is_told_by_widget and not may_have_widgets(response):
                meta.pop(META_KEY, None)
                if self._undeclared.suspects.is_due(request, response):
                    self._undeclared.suspects.tell(request, response, await self._sites.find(request.url))
                return response  # nearly all pages of a crawl
        self._admission.answered(request)
        is_noted = has_note and not is_as_usual
        is_in_browser = is_noted and self._browser_pages.arrived(request)
        if is_noted and own_number(request):
            await self._downloads.after(request, response)
            return response
        if is_in_browser:
            answer = await self._from_browser(request, response)
        else:
            self._page_places.give_back(request)
            answer = await self._answer(request, response, site, is_noted=is_noted)
        if META_KEY in meta or (has_note and has_copy):
            self._received.expect(request)
        return answer

    async def process_exception(self, request: Request, exception: Exception) -> None:  # noqa: ARG002  # Scrapy's signature
        """Take out what was noted: an errback may send the request again."""
        if self._browser_pages.arrived(request):
            await self._browser_pages.leave(request)
        if not own_number(request):
            self._page_places.give_back(request)
            self._redirects.arrived(request)
            lift(request)

    async def _answer(
        self, request: Request, response: Response, site: GeetestSite | None, *, is_noted: bool
    ) -> Request | Response:
        is_over = is_left_alone(request) or (is_noted and is_fenced(request))
        if site is None and not is_over:
            site = await self._site(request)
        if site is None:
            if is_noted:
                self._redirects.arrived(request)
            if not is_over:
                self._undeclared.look(request, response)
            return response
        if not is_noted and _is_ordinary(site, response) and "geetest" not in request.meta:
            request.meta.pop(META_KEY, None)
            self._undeclared.let_through(site, request, response)
            return response
        context = self._context(site, request, response)
        return await self._endings.of(context, self._look(context, response)) or response

    def _context(self, site: GeetestSite, outer: Request, page: Response | None) -> Context:
        # A browser follows redirects itself, so that the request is still the spider's.
        asked = outer if outer.meta.get("playwright") and self._browser_pages.handlers.find(outer) else original(outer)
        visitor = Visitor(outer, asked, keep_meta=self._config.keep_meta, keeps_cookies=self._keeps_cookies)
        was_sent, number = page is not None, next(self._numbers)
        return Context(site, asked, page, visitor, outer, was_sent, number=number, settle=self._parking.hook)

    async def _site(self, request: Request) -> GeetestSite | None:
        """Whose answer it is: a site may redirect to a captcha page whose address tells nothing."""
        for url in (request.url, *reversed(request.meta.get("redirect_urls", ()))):
            site = await self._sites.find(url)
            if site is not None:
                return site
        return None

    async def _before_browser(self, request: Request, handler: Any) -> Request | Response | None:
        """A request that scrapy-playwright downloads: its page is one of those that the plugin works in, if its site is declared."""
        lift(request)
        site = None if is_left_alone(request) else await self._sites.find(request.url)
        if site is None:
            self._undeclared.asked_for(request)
            with suppress(Stopping):  # it goes on as without the plugin
                await self._page_places.take(request, handler)
            return None
        context = evolve(self._context(site, request, None), is_in_browser=True)
        returned = await self._endings.of(context, self._until_page_is_free(context, handler))
        if returned is None:
            self._browser_pages.prepare(request)
        return returned

    async def _until_page_is_free(self, context: Context, handler: Any) -> None:
        if context.site.mode == "gate" and await self._gates.leave(context.site, context.outer):
            await self._before_gate(context)
        await self._page_places.take(context.outer, handler)

    async def _from_browser(self, request: Request, response: Response) -> Request | Response:
        """The page of a request as scrapy-playwright has loaded it."""
        try:
            site = await self._sites.find(request.url)
            assert site is not None  # noqa: S101  # its page was prepared for that
            context = evolve(self._context(site, request, response), is_in_browser=True)
            return await self._endings.of(context, self._visited(context)) or response
        finally:
            self._page_places.give_back(request)

    async def _visited(self, context: Context) -> Request | Response:
        answer = await self._visits.visit(context)
        if isinstance(answer, Request):
            return answer
        is_in_place = context.outer in self._browser_pages.bought or answer.request is not context.outer
        return self._endings.deliver(context, answer) if is_in_place else answer

    async def _before_gate(self, context: Context) -> Response | None:
        async with self._waits(context):
            response = await self._gates.before(context)
            if response is None:
                await self._admission.admit(context.outer, can_wait=True, wait=self._parking.wait)
        return None if response is None else self._endings.deliver(context, response)

    async def _solve_first(self, context: Context) -> Response:
        async with self._waits(context):
            response = await self._forms.react(context)
        return self._endings.deliver(context, response)

    async def _look(self, context: Context, response: Response) -> Response:
        """Does it withhold its content, or is it what the spider asked for?"""
        page = response if kept_target(response) is None else await self._behind_redirect(context, response)
        if page is not response:
            context = context.on(page)
        if not await self._is_met(context, page):
            if context.site.mode == "gate" and self._redirects.led_to_captcha_page(context.outer):
                async with self._waits(context):
                    response = await self._gates.opened_meanwhile(context)
                return self._endings.deliver(context, response)
            self._undeclared.let_through(context.site, context.outer, page)
            self._redirects.kept(context, page)
            self._gates.let_through(context.outer)
            return response
        await self._outcomes.detected(context)
        if self._others.is_offline(response):
            raise ChallengeError(
                f"HttpCache holds only a challenge page for {context}, and HTTPCACHE_IGNORE_MISSING allows no download",
                **context.parts,
            )
        context.slim()
        await close_page(context.outer)
        policy: Gates | Forms = self._gates if context.site.mode == "gate" else self._forms
        async with self._waits(context):
            answer = await policy.react(context)
        if UNVERIFIED not in answer.flags:
            self._others.store_in_cache(context.request, answer)
        return self._endings.deliver(context, answer)

    async def _behind_redirect(self, context: Context, response: Response) -> Response:
        try:
            with self._parking.place(
                context.site.name
            ):  # what is fetched would wait for the place of this very request
                return await self._downloads.behind_redirect(context, response)
        except (Stopping, GeetestError):
            raise
        except Exception as error:
            raise ChallengeError(
                f"The page that {response} leads to could not be fetched for {context}: {type(error).__name__}: {error}",
                **context.parts,
            ) from error

    async def _is_met(self, context: Context, response: Response) -> bool:
        is_met = await is_withheld(context, response) or self._forms.is_asked_for(context)
        self._redirects.judged(context.outer, is_challenge=is_met)
        return is_met

    def _waits(self, context: Context) -> Waiting:
        return Waiting(self._parking.place(context.site.name), self._waiting_requests, context.request)


def _is_ordinary(site: GeetestSite, response: Response) -> bool:
    """Whether nothing is to be done about *response*, as far as can be told at once."""
    has_own_hook = type(site).is_challenge is not GeetestSite.is_challenge
    return not has_own_hook and kept_target(response) is None and site.rules.match(response) is None

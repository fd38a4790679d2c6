"""How an attempt's answer is sent: planned and checked before the purchase, sent by that same plan after it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from attrs import field, frozen
from scrapy import Request
from scrapy.exceptions import IgnoreRequest

from scrapy_geetest._attempt.verdict import Outcome, Verdict
from scrapy_geetest._crawl.delivery import without_values
from scrapy_geetest._crawl.dispatch import DeliveryError, SolutionTooOldError, answer_of
from scrapy_geetest._crawl.downloads import NO_PAGE
from scrapy_geetest._crawl.parking import Stopping
from scrapy_geetest._crawl.shortened import shortened
from scrapy_geetest._pages.rules import widgets_of
from scrapy_geetest._submission.plan import plan_submission
from scrapy_geetest._submission.target import check_target
from scrapy_geetest._submission.types import NoWayError
from scrapy_geetest._submission.verified import cookies_of, plan_verified, read_verified
from scrapy_geetest._words import sentence
from scrapy_geetest.challenge import solution_values
from scrapy_geetest.exceptions import SubmissionError
from scrapy_geetest.site import GeetestSite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scrapy.http import Response

    from scrapy_geetest._attempt.books import Books
    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._attempt.purchase import Purchase
    from scrapy_geetest._crawl.downloads import Downloads
    from scrapy_geetest._crawl.other_middlewares import OtherMiddlewares
    from scrapy_geetest._submission.types import Plan
    from scrapy_geetest.settings import Config

logger = logging.getLogger(__name__)


@frozen
class Way:
    """How the answer of one context is sent.

    Attributes:
        context: With the page that the plan was made from.
        plan: ``None``: the site's own ``submit_request`` makes the request.
    """

    context: Context
    plan: Plan | None

    @property
    def is_page_form(self) -> bool:
        """Whether the form of the page is sent, rather than the spider's own request."""
        return self.plan is not None and self.plan.is_page_form

    @property
    def form_address(self) -> str:
        """Where the form of the page is sent; empty: something else is sent."""
        return self.plan.url if self.plan is not None and self.plan.is_page_form else ""


@frozen
class Sent:
    """What came of sending a solution.

    Attributes:
        answer: Of the site.
        verdict: Where a verification has spoken already.
        values: What a verification gave, by the names that requests have for it.
    """

    answer: Response
    verdict: Verdict | None = None
    values: Mapping[str, str] = field(factory=dict)


class Submissions:
    """Plans and sends."""

    def __init__(self, config: Config, *, books: Books, downloads: Downloads, others: OtherMiddlewares) -> None:
        self._max_age = config.solution_max_age
        self._books = books
        self._downloads = downloads
        self._others = others

    async def way(self, context: Context) -> Way:
        """Find out whether and where a solution could be sent, before anything is paid.

        A site that overrides ``submit_request`` answers for itself.

        Raises:
            SubmissionError: It could not, or only to somebody else.
        """
        site = context.site
        if type(site).submit_request is not GeetestSite.submit_request and not site.is_two_step:
            return Way(context, None)
        try:
            if site.verify_url:
                await self._check(context, urljoin(context.page_address, site.verify_url))
            if site.is_two_step:
                plan = plan_verified(context.request, context.page, site.submit_as, site.verified_fields)
            else:
                plan = plan_submission(context.request, context.page, site.submit_as)
            await self._check(context, plan.url)
        except NoWayError as error:
            cure = f"{_narrower(context)}{error.cure}"
            raise SubmissionError(
                f"{sentence(cure)}. Nothing was bought for {context}: {error.what}", **context.parts
            ) from error
        except (IgnoreRequest, ValueError) as error:
            raise SubmissionError(f"Nothing was bought for {context}: {error}", **context.parts) from error
        return Way(context, plan)

    async def send(self, way: Way, purchase: Purchase) -> Sent:
        """Send the solution.

        Raises:
            SolutionTooOldError: It was too old to be sent.
            SubmissionError: It could not be sent, or there was no answer.
        """
        if not way.context.site.is_two_step:
            return Sent(await self._deliver(way.context, await self._filled(way, purchase), purchase))
        answer = await self._deliver(way.context, await self._verification(way, purchase), purchase)
        values = read_verified(answer, way.context.site.verified_fields)
        if values is None or way.plan is None:
            missing = ", ".join(way.context.site.verified_fields)
            return Sent(answer, Verdict(Outcome.REFUSED, f"the verification gave no {missing}", is_site_rule=True))
        return Sent(await self.with_values(way, values), values=values)

    async def with_values(self, way: Way, values: Mapping[str, str], *, can_wait: bool = False) -> Response:
        """Send the request with what a verification gave.

        Args:
            way: Of the request.
            values: By the names that the request has for them.
            can_wait: Whether nothing is lost when others go first.

        Raises:
            SubmissionError: There was no answer.
        """
        assert way.plan is not None  # noqa: S101  # a two-step site has one
        try:
            answer = await self._downloads.submit(
                way.plan.fill(values),
                answer_of(way.context, solution=values.values(), can_wait=can_wait),
                cookies_of(values),
            )
        except DeliveryError as failure:
            raise SubmissionError(
                f"No answer came for {way.context}, which was sent as verified: {failure.error}", **way.context.parts
            ) from failure.error
        return without_values(answer, values.values())

    async def _deliver(self, context: Context, request: Request, purchase: Purchase) -> Response:
        purchase.request = request
        deadline = purchase.made_at + self._max_age
        place = f"{request.method} {shortened(request.url.partition('?')[0])}"
        logger.debug("GeeTest: #%d sends the solution of task %s: %s", context.number, purchase.task, place)
        dispatch = answer_of(context, solution=solution_values(purchase.solution).values(), deadline=deadline)
        try:
            return await self._downloads.submit(request, dispatch)
        except DeliveryError as failure:
            if isinstance(failure.error, SolutionTooOldError) and not dispatch.departures:
                raise failure.error from None
            if dispatch.departures:
                await self._books.unanswered(context, purchase)
            words = f"{type(failure.error).__name__}: {failure.error}"
            sent = "was sent" if dispatch.departures else "was not sent"
            raise SubmissionError(
                f"The solution of task {purchase.task} {sent} for {context}, and no answer came: {words}",
                **context.parts,
            ) from failure.error
        finally:  # a spider that awaits the page may be out of patience
            purchase.departures, purchase.was_too_old = dispatch.departures, dispatch.was_too_old

    async def _check(self, context: Context, url: str) -> None:
        await check_target(url, context.request.url, context.page_address, context.site, context.settle)
        await self._others.check_robots(context.request.replace(url=url))

    async def send_unsolved(self, way: Way) -> Response:
        """Send the request as it is: the site wants no CAPTCHA this time.

        Raises:
            SubmissionError: There was no answer.
        """
        context = way.context
        request = context.request if way.plan is None else way.plan.fill({})
        try:
            answer = await self._downloads.submit(request, answer_of(context, solution=()))
        except DeliveryError as failure:
            raise SubmissionError(
                f"No answer came for {context}, for which no CAPTCHA was wanted: {failure.error}", **context.parts
            ) from failure.error
        return answer

    async def _filled(self, way: Way, purchase: Purchase) -> Request:
        site = way.context.site
        if way.plan is not None:
            return way.plan.fill(site.fields(purchase.solution))
        return await self._by_hook(way, purchase, site.submit_request)

    async def _verification(self, way: Way, purchase: Purchase) -> Request:
        request = await self._by_hook(way, purchase, way.context.site.verify_request)
        return request.replace(meta={**NO_PAGE, **request.meta})

    async def _by_hook(self, way: Way, purchase: Purchase, hook: Callable[..., Any]) -> Request:
        context = way.context
        try:
            request = await context.settle(hook(context.request, context.page, purchase.solution))
            if not isinstance(request, Request):
                raise TypeError(f"{hook.__name__} returned {type(request).__name__}, not a Request")  # noqa: TRY301
            await check_target(request.url, context.request.url, context.page_address, context.site, context.settle)
        except Stopping:
            raise
        except Exception as error:
            self._books.spoilt(context)
            raise SubmissionError(
                f"The solution of task {purchase.task} could not be sent for {context}: {type(error).__name__}: {error}",
                **context.parts,
            ) from error
        return request


def _narrower(context: Context) -> str:
    """What comes first where a rule of the site has matched a page that carries no widget: it may match any page."""
    rules, page = context.site.rules, context.page
    is_own = type(context.site).is_challenge is not GeetestSite.is_challenge
    if page is None or is_own or not rules.named or not (rule := rules.match(page)) or widgets_of(page):
        return ""
    return (
        f"narrow detect_{rule} of site {context.site.name} if this page is the one wanted: it carries no widget; else "
    )

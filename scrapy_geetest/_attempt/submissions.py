"""How an attempt's answer is sent: planned and checked before the purchase, sent by that same plan after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen
from scrapy import Request
from scrapy.exceptions import IgnoreRequest

from scrapy_geetest._crawl.downloads import DeliveryError, SolutionTooOldError
from scrapy_geetest._hooks import resolve
from scrapy_geetest._submission.plan import plan_submission
from scrapy_geetest._submission.target import check_target
from scrapy_geetest.challenge import solution_values
from scrapy_geetest.exceptions import SubmissionError
from scrapy_geetest.site import GeetestSite

if TYPE_CHECKING:
    from scrapy.http import Response

    from scrapy_geetest._attempt.books import Books
    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._attempt.purchases import Purchase
    from scrapy_geetest._crawl.downloads import Downloads
    from scrapy_geetest._crawl.other_middlewares import OtherMiddlewares
    from scrapy_geetest._submission.types import Plan
    from scrapy_geetest.settings import Config


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
        if type(context.site).submit_request is not GeetestSite.submit_request:
            return Way(context, None)
        try:
            plan = plan_submission(context.request, context.page, context.site.submit_as)
            await check_target(plan.url, context.request.url, context.page_address, context.site)
            await self._others.check_robots(context.request.replace(url=plan.url))
        except (IgnoreRequest, ValueError) as error:
            raise SubmissionError(f"Nothing was bought for {context}: {error}", **context.parts) from error
        return Way(context, plan)

    async def send(self, way: Way, purchase: Purchase) -> Response:
        """Send the solution.

        Raises:
            SolutionTooOldError: It was too old to be sent.
            SubmissionError: It could not be sent, or there was no answer.
        """
        context = way.context
        request = await self._filled(way, purchase)
        try:
            answer, purchase.departures = await self._downloads.submit(
                request,
                context,
                deadline=purchase.made_at + self._max_age,
                solution=solution_values(purchase.solution).values(),
            )
        except DeliveryError as failure:
            purchase.departures = failure.departures
            if isinstance(failure.error, SolutionTooOldError) and not failure.departures:
                raise failure.error from None
            if failure.departures:
                await self._books.unanswered(context, purchase)
            words = f"{type(failure.error).__name__}: {failure.error}"
            sent = "was sent" if failure.departures else "was not sent"
            raise SubmissionError(
                f"The solution of task {purchase.task_id} {sent} for {context}, and no answer came: {words}",
                **context.parts,
            ) from failure.error
        return answer

    async def send_unsolved(self, way: Way) -> Response:
        """Send the request as it is: the site wants no CAPTCHA this time.

        Raises:
            SubmissionError: There was no answer.
        """
        context = way.context
        request = context.request if way.plan is None else way.plan.fill({})
        try:
            answer, _ = await self._downloads.submit(request, context, deadline=None, solution=())
        except DeliveryError as failure:
            raise SubmissionError(
                f"No answer came for {context}, for which no CAPTCHA was wanted: {failure.error}", **context.parts
            ) from failure.error
        return answer

    async def _filled(self, way: Way, purchase: Purchase) -> Request:
        context, site = way.context, way.context.site
        try:
            if way.plan is not None:
                return way.plan.fill(site.fields(purchase.solution))
            request = await resolve(site.submit_request(context.request, context.page, purchase.solution))
            if not isinstance(request, Request):
                raise TypeError(f"submit_request returned {type(request).__name__}, not a Request")  # noqa: TRY301
            await check_target(request.url, context.request.url, context.page_address, site)
        except Exception as error:
            self._books.spoilt(context)
            raise SubmissionError(
                f"The solution of task {purchase.task_id} could not be sent for {context}: {type(error).__name__}: {error}",
                **context.parts,
            ) from error
        return request

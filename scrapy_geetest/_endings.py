"""The one outcome that a request has, however its way ends: a response, an error, or its return to the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from weakref import WeakSet

from attrs import define, field
from scrapy.http.request import NO_CALLBACK

from scrapy_geetest._attempt.outcomes import passed, stopped
from scrapy_geetest._attempt.verdict import is_withheld
from scrapy_geetest._crawl.browser_pages import close_page, hand_over_page
from scrapy_geetest._crawl.delivery import as_answer_to
from scrapy_geetest._crawl.marks import forget_redirects, lift, raise_fences
from scrapy_geetest._crawl.parking import Stopping
from scrapy_geetest.exceptions import ChallengeError, GeetestError, StoppedError, SubmissionError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from scrapy import Request
    from scrapy.http import Response

    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._attempt.outcomes import Outcomes
    from scrapy_geetest._browser.pages import BrowserPages
    from scrapy_geetest._crawl.downloads import Downloads
    from scrapy_geetest._crawl.parking import Parking

_T = TypeVar("_T")


@define(eq=False, kw_only=True)
class Endings:
    """Ends the ways of requests."""

    _browser_pages: BrowserPages
    _downloads: Downloads
    _outcomes: Outcomes
    _parking: Parking
    _returned: WeakSet[Request] = field(init=False, factory=WeakSet)  # to the queue, because the crawl is ending

    async def of(self, context: Context, way: Awaitable[_T]) -> _T | Request | Response | None:
        """Go a way to its end.

        Returns:
            What it comes to; or what the request gets instead, where the crawl ends, or ``GEETEST_ON_FAILURE`` says so.

        Raises:
            GeetestError: The CAPTCHA of the request could not be passed.
        """
        try:
            return await way
        except Stopping:
            error: GeetestError = stopped(context)
        except GeetestError as refusal:
            error = refusal
        await close_page(context.outer)
        is_of_the_end = self._parking.stopping and isinstance(error, StoppedError | ChallengeError | SubmissionError)
        # What was returned before, and came here again, was awaited by somebody and not put in a queue.
        if is_of_the_end and context.request.callback is not NO_CALLBACK and context.outer not in self._returned:
            return self._give_back(context)
        if context.is_page_gone:
            context = context.on(error.response)  # the page that was fetched after the waiting, if any
        page = await self._outcomes.gave_up(context, error)
        return self.deliver(context, page or await self._unsolved(context, error))

    def deliver(self, context: Context, response: Response) -> Response:
        """*response* as the answer to what the spider asked for."""
        lift(context.request)
        hand_over_page(context.outer, context.request)
        answer = as_answer_to(context.request, response)
        raise_fences(context.outer)
        return answer

    async def _unsolved(self, context: Context, error: GeetestError) -> Response:
        """What a request gets that is sent as it is, once more if its page was let go; *error* where nothing comes."""
        try:
            with self._parking.place(context.site.name):
                page = await self._downloads.again(context, is_final=True)
        except Exception:  # noqa: BLE001  # whatever it was, the request was given up for another reason
            raise error from None
        if context.is_in_browser:
            await self._browser_pages.leave(context.outer)
        return passed(page) if await is_withheld(context, page) else page

    def _give_back(self, context: Context) -> Request:
        """The request as the spider made it, for the queue; the next run has another cookie jar."""
        lift(context.request)
        again = context.request.replace(dont_filter=True)
        if context.is_in_browser:
            forget_redirects(again)
        self._returned.add(again)
        return again

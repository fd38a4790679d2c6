"""A request whose page was opened in a browser: is there anything to be done in it, and what does its spider get?"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from attrs import define, field

from scrapy_geetest._attempt.loop import UNVERIFIED
from scrapy_geetest._attempt.verdict import is_withheld
from scrapy_geetest._browser.attempt import at_rest
from scrapy_geetest._browser.pages import METHODS
from scrapy_geetest._browser.rendered import why_not_bought
from scrapy_geetest._crawl.parking import Stopping
from scrapy_geetest.exceptions import GeetestError

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response

    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._attempt.forms import Forms
    from scrapy_geetest._attempt.gates import Gates
    from scrapy_geetest._browser.pages import BrowserPages
    from scrapy_geetest._crawl.downloads import Downloads
    from scrapy_geetest._crawl.other_middlewares import OtherMiddlewares
    from scrapy_geetest._crawl.parking import Parking
    from scrapy_geetest._crawl.undeclared import UndeclaredPages

logger = logging.getLogger(__name__)


@define(eq=False, kw_only=True)
class Visits:
    """Looks at the pages that scrapy-playwright returns."""

    _downloads: Downloads
    _forms: Forms
    _gates: Gates
    _others: OtherMiddlewares
    _pages: BrowserPages
    _parking: Parking
    _undeclared: UndeclaredPages
    _told: set[str] = field(factory=set)  # names of sites

    async def visit(self, context: Context) -> Request | Response:
        """From the page as it was loaded to what the middleware returns; then the page is closed, or the spider's.

        Raises:
            GeetestError: Its CAPTCHA could not be passed.
            Stopping: The crawl is ending.
            Exception: What a page method raised, if Retry does not take it.
        """
        try:
            answer = await self._look(context)
        except (Stopping, GeetestError):
            raise
        except Exception as error:  # of a page method: as if the download handler had raised it
            await self._pages.leave(context.outer)
            again = self._others.retry(context.outer, error)
            if again is None:
                raise
            return again
        self._tell_of_nothing(context)
        await self._pages.leave(context.outer)
        if answer is not context.page and UNVERIFIED not in answer.flags:
            self._others.store_in_cache(context.request, answer)
        return answer

    def _tell_of_nothing(self, context: Context) -> None:
        """A page whose spider knows that it needs a solution, and which called for none; once a site."""
        opened, site = self._pages.of(context.outer), context.site
        is_expected = context.asks_to_solve and site.mode != "gate" and context.outer not in self._pages.bought
        if opened is not None and is_expected and site.name not in self._told:
            self._told.add(site.name)
            cure, why = why_not_bought(opened)
            first = f"{cure}: " if cure else ""
            logger.warning("GeeTest: %snothing was bought for %s, in spite of geetest=True: %s", first, context, why)

    async def _look(self, context: Context) -> Response:
        """What the spider gets: the very same response if nothing was to be done."""
        loaded = context.page
        assert loaded is not None  # noqa: S101  # it was downloaded
        if self._pages.of(context.outer) is None:
            return await self._look_at_stored(context, loaded)
        page = await at_rest(self._pages, context, loaded)
        context = context.on(page)
        is_met = await is_withheld(context, page)
        if not (is_met or self._calls_for_solution(context)):
            self._undeclared.let_through(context.site, context.outer, page)
            self._gates.let_through(context.outer)
            if not context.outer.meta.get(METHODS):
                return loaded
        elif is_met and context.site.mode == "gate":
            with self._parking.place(context.site.name):
                context = context.on(await self._gates.react(context))
        return await self._forms.react(context)

    def _calls_for_solution(self, context: Context) -> bool:
        opened = self._pages.of(context.outer)
        rounds = [] if opened is None else opened.open_rounds
        return any(one.is_wanted or context.asks_to_solve for one in rounds)

    async def _look_at_stored(self, context: Context, stored: Response) -> Response:
        """A response from HttpCache: it is no page in which anything could be done."""
        if not await is_withheld(context, stored):
            return stored
        with self._parking.place(context.site.name):
            page = await self._downloads.again(context)
        return page if self._pages.of(context.outer) is None else await self._look(context.on(page))

"""The attempt at a page that is open in a browser: its script hands over the challenge and sends the answer.

::

    widget needed? ─▶ turn ─▶ buy ─▶ into the page ─▶ its script sends ─▶ verdict ─▶ the page that is shown
                       ▲                                                   │
                       └────── refused, failed: the page is loaded again ◀─┘

Turns, budget, purchases, verdicts and books are those of :mod:`scrapy_geetest._attempt.loop`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from attrs import define

from scrapy_geetest._attempt.challenges import NotYetError
from scrapy_geetest._attempt.verdict import is_withheld
from scrapy_geetest._browser.judgement import Judgement
from scrapy_geetest._browser.rendered import PageGoneError, render, show_widgets
from scrapy_geetest._browser.stages import QUIET, Stages
from scrapy_geetest._browser.supply import LoadAgainError, Supply
from scrapy_geetest._crawl.browser_pages import close_page
from scrapy_geetest._pages.rules import widgets_of
from scrapy_geetest.exceptions import ChallengeError

if TYPE_CHECKING:
    from scrapy.http import Response

    from scrapy_geetest._attempt.books import Books
    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._attempt.fresh_pages import FreshPages
    from scrapy_geetest._attempt.loop import Policy
    from scrapy_geetest._attempt.outcomes import Outcomes
    from scrapy_geetest._attempt.purchases import Purchases
    from scrapy_geetest._attempt.tries import Tries
    from scrapy_geetest._browser.page import OpenPage
    from scrapy_geetest._browser.pages import BrowserPages
    from scrapy_geetest._crawl.parking import Parking
    from scrapy_geetest._spending.turns import Turns
    from scrapy_geetest.settings import Config

logger = logging.getLogger(__name__)

MAX_CRASHES = 3
_LOADING = 10.0  # seconds that a page is given to come to rest after it was loaded
_ORDINARY = 2.0  # … where nothing speaks of GeeTest: some pages keep a connection open for ever


@define(eq=False, kw_only=True)
class InBrowser:
    """Gets requests past their CAPTCHA whose page is open in a browser."""

    _books: Books
    _config: Config
    _fresh_pages: FreshPages
    _outcomes: Outcomes
    _pages: BrowserPages
    _parking: Parking
    _purchases: Purchases
    _turns: Turns

    async def run(self, context: Context, policy: Policy, tries: Tries) -> Response:
        """One request, from its page as it was loaded to the page that its spider gets.

        Args:
            context: Whose.
            policy: Form or gate.
            tries: What was tried for this request before.

        Raises:
            GeetestError: Its CAPTCHA could not be passed.
            Stopping: The crawl is ending.
        """
        supply = Supply(
            books=self._books,
            config=self._config,
            outcomes=self._outcomes,
            parking=self._parking,
            proxy=self._proxy(context),
            purchases=self._purchases,
            tries=tries,
            turns=self._turns,
            is_parked=policy.opens_session,
        )
        try:
            return await self._until_shown(context, policy, supply)
        finally:
            if supply.has_given:
                self._pages.bought.add(context.outer)
            await supply.close(context)

    async def _until_shown(self, context: Context, policy: Policy, supply: Supply) -> Response:
        crashes = 0
        while True:
            opened = self._pages.of(context.outer)
            try:
                if not context.is_page_gone:
                    return await self._stages(context, opened, policy, supply).run()
            except LoadAgainError as again:
                logger.info("GeeTest: the page is loaded again for %s: %s", context, again)
            except NotYetError as later:
                logger.info("GeeTest: no fresh challenge yet for %s: %s", context, later)
                await supply.tries.pause(context, later, self._parking.sleep)
            except PageGoneError as gone:
                crashes += 1
                logger.warning("GeeTest: the browser page of %s is lost: %s", context, gone)
                await close_page(context.outer)
                if crashes > MAX_CRASHES:
                    raise ChallengeError(
                        f"The browser page of {context} was lost {crashes} times: {gone}", **context.parts
                    ) from gone
            await supply.page_is_lost(context)
            context = await self._fresh_pages.again(context)

    def _stages(self, context: Context, opened: OpenPage | None, policy: Policy, supply: Supply) -> Stages:
        if opened is None or opened.is_gone:
            raise PageGoneError("the page crashed or was closed")
        judgement = Judgement(
            books=self._books,
            config=self._config,
            context=context,
            opened=opened,
            policy=policy,
            tries=supply.tries,
        )
        return Stages(
            check_running=self._parking.check,
            context=context,
            judgement=judgement,
            opened=opened,
            pages=self._pages,
            policy=policy,
            supply=supply,
        )

    def _proxy(self, context: Context) -> str | None:
        if not self._config.pass_proxy:
            return None
        handler = self._pages.handlers.find(context.outer)
        return None if handler is None else self._pages.handlers.proxy_of(handler, context.outer)


async def at_rest(pages: BrowserPages, context: Context, response: Response) -> Response:
    """*response*, as which scrapy-playwright has returned a page, when its scripts have made their widgets.

    A page without any is left as it came.
    """
    opened = pages.of(context.outer)
    if opened is None:
        return response
    await opened.rest(QUIET, _ORDINARY)
    if opened.is_busy and (opened.has_asked_geetest or widgets_of(response) or await is_withheld(context, response)):
        await opened.rest(QUIET, _LOADING - _ORDINARY)
    if not opened.rounds:
        return response
    try:
        shown = await render(opened, response)
    except PageGoneError:
        return response  # whoever works in it sees that it is gone
    show_widgets(shown, opened.open_rounds)
    return shown

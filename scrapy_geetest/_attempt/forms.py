"""The policy of form sites: every form request needs a solution of its own, and gets the site's answer to it."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from twisted.internet.defer import DeferredLock

from scrapy_geetest._attempt.sessions import session_of
from scrapy_geetest._attempt.verdict import Outcome, Verdict, is_at_own_address
from scrapy_geetest._crawl.marks import SAFE_METHODS
from scrapy_geetest._pages.rules import widgets_of
from scrapy_geetest.site import GeetestSite

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from scrapy.http import Response

    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._attempt.loop import Attempts
    from scrapy_geetest._attempt.purchase import Purchase
    from scrapy_geetest._attempt.verdict import Verdict
    from scrapy_geetest._crawl.parking import Parking

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

_TOLD_AT = 2  # solutions; a crawl that needs one alone has nothing to save


class Forms:
    """Gets requests to form sites past their CAPTCHA."""

    opens_session: ClassVar[bool] = False

    def __init__(self, *, attempts: Attempts, parking: Parking) -> None:
        self._attempts = attempts
        self._parking = parking
        self._locks: dict[tuple[str, str], DeferredLock] = {}
        self._reopened: Counter[str] = Counter()  # by site

    def acts_before(self, context: Context) -> bool:
        """Whether a request that nobody has sent yet is to be solved first.

        One without a body needs a page whose form can be sent: it goes out, and its page is looked at.
        """
        if not context.asks_to_solve:
            return False
        site, request = context.site, context.request
        has_own_hook = type(site).submit_request is not GeetestSite.submit_request
        needs_page = not request.body and request.method in SAFE_METHODS and site.submit_as in {"auto", "form"}
        return has_own_hook or not needs_page

    def react(self, context: Context) -> Coroutine[Any, Any, Response]:
        """From a challenge page, or the knowledge that there would be one, to the site's answer.

        Raises:
            GeetestError: Its CAPTCHA could not be passed.
            Stopping: The crawl is ending.
        """
        return self._in_turn(context, lambda: self._attempts.run(context, self))

    def is_asked_for(self, context: Context) -> bool:
        """Whether a page that only carries a widget is to be solved, because its spider says so."""
        return context.asks_to_solve and context.page is not None and bool(widgets_of(context.page))

    def only_buy(self, context: Context) -> Coroutine[Any, Any, Purchase]:
        """A solution for a spider that sends it itself.

        Raises:
            GeetestError: There is none.
            Stopping: The crawl is ending.
        """
        return self._in_turn(context, lambda: self._attempts.buy(context))

    async def behind(
        self, context: Context, verdict: Verdict, answer: Response, *, sent_to: str = ""
    ) -> tuple[Verdict, Response]:
        """The answer is what the spider asked for, whatever it shows."""
        if (
            verdict.outcome is Outcome.ACCEPTED
            and sent_to not in {"", answer.url}
            and is_at_own_address(context, answer)
        ):
            self._note_gate(context.site.name)
        return verdict, answer

    def _note_gate(self, site: str) -> None:
        """A form elsewhere has led back to the page, whose plain address was opened by it: said once a site."""
        self._reopened[site] += 1
        if self._reopened[site] == _TOLD_AT:
            logger.warning(
                'GeeTest: set mode = "gate" for the site %s, if one solution opens its other pages as well: its form leads back '
                "to the page that was withheld, as at a gate, and each request pays for a solution of its own",
                site,
            )

    def _in_turn(self, context: Context, attempt: Callable[[], Coroutine[Any, Any, _T]]) -> Coroutine[Any, Any, _T]:
        """Where the site keeps one challenge a session, attempts of one session wait for each other."""
        return self._one_at_a_time(context, attempt) if context.site.one_at_a_time else attempt()

    async def _one_at_a_time(self, context: Context, attempt: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        key = context.site.name, await session_of(context, context.outer)
        lock = self._locks.setdefault(key, DeferredLock())
        if lock.locked:
            context.let_page_go()
        await self._parking.wait(lock.acquire())
        try:
            return await attempt()
        finally:
            lock.release()
            if not lock.locked and not lock.waiting:
                self._locks.pop(key, None)

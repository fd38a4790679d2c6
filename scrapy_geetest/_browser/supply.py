"""Solutions for the widgets of one request's page: bought once, however often the page has to be loaded."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field, frozen

from scrapy_geetest._attempt.challenges import NotYetError
from scrapy_geetest._attempt.context import Handed
from scrapy_geetest._attempt.loop import claim
from scrapy_geetest._attempt.tries import Tries
from scrapy_geetest.challenge import V3Challenge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy_geetest._attempt.books import Books
    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._attempt.outcomes import Outcomes
    from scrapy_geetest._attempt.purchase import Purchase
    from scrapy_geetest._attempt.purchases import Purchases
    from scrapy_geetest._browser.messages import Asked
    from scrapy_geetest._browser.rounds import Round
    from scrapy_geetest._crawl.parking import Parking
    from scrapy_geetest._spending.turns import Turns
    from scrapy_geetest.challenge import Challenge
    from scrapy_geetest.settings import Config

_MAX_WAIT = 240.0  # seconds that a v3 challenge, which lives 600, may wait for its turn


class LoadAgainError(Exception):
    """The page in hand is of no more use: another one has a fresh challenge."""


@frozen(eq=False)
class _Bought:
    """A purchase that is under way, or done."""

    challenge: Challenge
    task: asyncio.Task[Purchase]


@define(eq=False, kw_only=True)
class Supply:
    """Buys for one request.

    Attributes:
        tries: Those of its first widget.
        given: The rounds that were given a solution.
    """

    _books: Books
    _config: Config
    _outcomes: Outcomes
    _parking: Parking
    _proxy: str | None
    _purchases: Purchases
    tries: Tries
    _turns: Turns
    _is_parked: bool
    given: list[Round] = field(factory=list)
    _bought: dict[Round, _Bought] = field(factory=dict)
    _others: list[Tries] = field(factory=list)  # of the second widget, the third, …
    _waiting: int = 0
    _place: Any = None
    _is_detected: bool = False
    _all: list[_Bought] = field(factory=list)
    _spare: list[_Bought] = field(factory=list)  # whose page was lost before it was given them

    def tries_of(self, number: int) -> Tries:
        """The tries of the *number*-th widget that needs a solution."""
        while len(self._others) < number:
            self._others.append(Tries(self._config))
        return self._others[number - 1] if number else self.tries

    async def solve(self, one: Round, context: Context, number: int) -> None:
        """Buy a solution for *one*, and hand it to its page.

        Raises:
            GeetestError: There is none.
            LoadAgainError: There may be one for a fresh challenge.
            NotYetError: The site has no challenge at the moment.
            Stopping: The crawl is ending.
        """
        if one.asked.is_offline:
            raise NotYetError("the page says that GeeTest cannot be reached (offline: true)")
        challenge = one.asked.to_challenge(context)
        context = evolve(context, handed=Handed(challenge, self._proxy))
        await self._detected(context, one.asked)
        if not context.site.challenge_is_reusable and (twin := self._twin(one, challenge)) is not None:
            with self._parked(context):
                purchase = await asyncio.shield(twin.task)
            if not one.is_over:
                one.give(purchase)
            return
        bought = self._find(challenge)
        if bought is None:
            bought = _Bought(challenge, asyncio.ensure_future(self._buy(context, self.tries_of(number))))
            self._all.append(bought)
        try:
            with self._parked(context):
                purchase = await asyncio.shield(bought.task)
        except asyncio.CancelledError:  # the page was lost
            self._spare.append(bought)
            raise
        if one.is_over:
            self._spare.append(bought)
            return
        self.given.append(one)
        self._bought[one] = bought
        one.give(purchase)

    async def page_is_lost(self, context: Context) -> None:
        """The page is about to be loaded again: what it has not sent may be of use there."""
        for one in [one for one in self.given if not one.is_judged]:
            assert one.purchase is not None  # noqa: S101  # it was given one
            if one.sendings:
                await self._books.unanswered(context, one.purchase, "its page was lost before the verdict")
            else:
                self.given.remove(one)
                self._spare.append(self._bought[one])

    async def close(self, context: Context) -> None:
        """The request is done: what is left over is in the books as such."""
        for bought in self._spare:
            bought.task.cancel()
        ended = await asyncio.gather(*(bought.task for bought in self._spare), return_exceptions=True)
        for purchase in ended:
            if not isinstance(purchase, BaseException):
                self._books.unused(purchase, "the page that it was for is gone")
        for one in self.given:
            assert one.purchase is not None  # noqa: S101  # it was given one
            if one.sendings:
                await self._books.unanswered(context, one.purchase, "the verdict was not reached")
            self._books.unused(one.purchase, "the page did not send it")

    @property
    def has_given(self) -> bool:
        """Whether any page was given a solution."""
        return bool(self._bought)

    def _find(self, challenge: Challenge) -> _Bought | None:
        """What was bought for this challenge already."""
        for bought in self._spare:
            if bought.challenge == challenge and not self._is_spoilt(bought.task):
                self._spare.remove(bought)
                return bought
        return None

    def _twin(self, one: Round, challenge: Challenge) -> _Bought | None:
        """What is bought for another widget of the page with the same v3 challenge: a component may make its widget twice.

        A second solution of a challenge is worthless, and the page sends the first one once, whichever widget it asks.
        """
        if not isinstance(challenge, V3Challenge):
            return None
        for bought in self._all:
            if bought.challenge != challenge or bought in self._spare or self._is_spoilt(bought.task):
                continue
            its = [other for other, what in self._bought.items() if what is bought]
            if not any(other.widget == one.widget or other.sendings or other.is_judged for other in its):
                return bought
        return None

    def _is_spoilt(self, task: asyncio.Task[Purchase]) -> bool:
        if not task.done():
            return False
        if task.cancelled() or task.exception() is not None:
            return True
        return time.monotonic() > task.result().made_at + self._config.solution_max_age

    async def _detected(self, context: Context, asked: Asked) -> None:
        if not self._is_detected:
            self._is_detected = True
            await self._outcomes.detected(context, asked.version)

    async def _buy(self, context: Context, tries: Tries) -> Purchase:
        asked_at = time.monotonic()
        is_v3 = context.handed is not None and isinstance(context.handed.challenge, V3Challenge)
        while True:
            async with (
                self._turns.ask(claim(context, tries)) as turn,
                self._purchases.place(context, tries, turn) as place,
            ):
                if is_v3 and time.monotonic() - asked_at > _MAX_WAIT:
                    raise LoadAgainError("its challenge has grown old")
                purchase = await self._purchases.buy(context, tries, turn, place)
            if purchase is not None:
                return purchase
            if is_v3:
                raise LoadAgainError("its challenge was used up")

    @contextmanager
    def _parked(self, context: Context) -> Iterator[None]:
        """One place for the request, however many of its widgets wait."""
        if not self._waiting:
            self._place = nullcontext() if self._is_parked else self._parking.place(context.site.name)
            self._place.__enter__()
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._place.__exit__(None, None, None)

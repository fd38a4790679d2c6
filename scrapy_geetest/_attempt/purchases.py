"""The purchase of an attempt: budget, a fresh challenge, at once its task, then the wait for the solution."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from attrs import define
from scrapy.utils.defer import deferred_from_coro

from scrapy_geetest._attempt.challenges import NotYetError
from scrapy_geetest._attempt.sessions import session_of
from scrapy_geetest._crawl.identity import proxy_of
from scrapy_geetest._services.errors import ANSWER_LOST, CHALLENGE_TOO_OLD, Reaction, ServiceError
from scrapy_geetest._services.task import Proxy, Task
from scrapy_geetest.challenge import V3Challenge
from scrapy_geetest.exceptions import (
    BudgetExhausted,
    ChallengeError,
    ChallengeNotReady,
    SolveError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from scrapy_geetest._attempt.books import Books
    from scrapy_geetest._attempt.challenges import Challenges
    from scrapy_geetest._attempt.collecting import Collector
    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._attempt.purchase import Purchase
    from scrapy_geetest._attempt.tries import Tries
    from scrapy_geetest._crawl.parking import Parking
    from scrapy_geetest._services.choice import Services
    from scrapy_geetest._services.places import Place, TakenTask
    from scrapy_geetest._spending.breaker import Breaker
    from scrapy_geetest._spending.budget import Budget
    from scrapy_geetest._spending.findings import Findings
    from scrapy_geetest._spending.ledger import Ledger
    from scrapy_geetest._spending.turns import Turn
    from scrapy_geetest.challenge import Challenge
    from scrapy_geetest.settings import Config

logger = logging.getLogger(__name__)

_SHOWN = 8  # characters of a challenge


@define(eq=False, kw_only=True)
class Purchases:
    """Buys solutions, one at a time for each request."""

    _books: Books
    _breaker: Breaker
    _budget: Budget
    _challenges: Challenges
    _collector: Collector
    _config: Config
    _ledger: Ledger
    _findings: Findings
    _parking: Parking
    _services: Services

    @asynccontextmanager
    async def place(self, context: Context, tries: Tries, turn: Turn) -> AsyncIterator[Place]:
        """Keep a place at a service that takes tasks, and wait until the budgets can be asked.

        A challenge that is fetched before would grow old.

        Raises:
            BudgetExhausted: The storage of the budgets was away for too long.
            SolveError: No service takes any.
            Stopping: The crawl is ending.
        """
        has_waited = await self._findings.refresh()
        with self._services.place(context.site.name, context.site.services, tries.failed_at) as place:
            place.has_waited = has_waited
            try:
                if not self._services.is_kept_at_once(place):
                    with turn.aside():
                        await self._services.ready(place)
            except ServiceError as error:
                tries.failures += (error,)
                raise self._solve_error(context, tries) from error
            place.has_waited |= not tries.is_counted and await self._budget.ready(context)
            yield place

    async def buy(self, context: Context, tries: Tries, turn: Turn, place: Place) -> Purchase | None:
        """Buy a solution for *context*, whose page is fresh and whose *turn* it is.

        Args:
            context: Whose.
            tries: What was tried for it before.
            turn: Of this request.
            place: Where its task goes, unless another service is better by then.

        Returns:
            ``None``: the service gave none, or the page has grown old meanwhile; another fresh challenge may be tried.

        Raises:
            BudgetExhausted: Nothing more may be spent.
            ChallengeError: The site gave no challenge to solve.
            ChallengeNotNeeded: The site wants no CAPTCHA this time.
            CircuitOpen: Too much was wasted on this site.
            NotYetError: The site gives no challenge now.
            SolutionRejected: As many as are allowed were bought.
            SolveError: The service would never give a solution.
            Stopping: The crawl is ending.
        """
        tries.check(context)
        try:
            return await self._buy(context, tries, turn, place)
        except ChallengeError:
            self._breaker.failed(context)
            raise
        except ServiceError as error:
            self._findings.note_services()
            self._note(context, error, tries)
            tries.failures += (error,)
            goes_on = error.moves_on or error.reaction is Reaction.FRESH_CHALLENGE
            if not goes_on or not tries.are_left:
                raise self._solve_error(context, tries) from error
            costs_nothing = error.moves_on and error.took_nothing and error.task_id is None
            level = logging.INFO if costs_nothing else logging.WARNING
            kind = f"tries again with a fresh challenge, after {error.code} (site {context.site.name})"
            logger.log(
                self._books.repeated.level(level, kind),
                "GeeTest: %s (%s); trying again with a fresh challenge for %s",
                *(self._told(error), error.bill, context),
            )
            return None

    async def _buy(self, context: Context, tries: Tries, turn: Turn, place: Place) -> Purchase | None:
        proxy = self._proxy(context)
        self._parking.check()
        self._services.check(place, proxy)
        self._breaker.check(context)
        fresh: Challenge | None = None
        if await self._ledger.has_left(context.site.name):
            fresh = await self._challenges.fresh(context)
            paid = await self._ledger.claim(context, await session_of(context, context.outer), fresh)
            if paid is not None:
                return await self._collector.left(context, fresh, paid, place, turn, tries.bought + 1)
        if not await self._may_spend(context, tries, fresh):
            return None
        challenge = await self._challenge(context, turn, fresh)
        task = Task(challenge, context.page_url, proxy=proxy, user_agent=self._config.user_agent)
        taken = await self._create(context, task, tries, place)
        self._books.created(context, taken, tries.bought, is_second_choice=place.is_second_choice)
        purchase = await self._collector.bought(context, challenge, taken, place, tries.bought)
        tries.is_taken_over = purchase is None
        self._findings.note_services()
        return purchase

    async def _may_spend(self, context: Context, tries: Tries, fresh: Challenge | None) -> bool:
        """Count one task; no: the page has grown old meanwhile."""
        may_spend = False
        try:
            may_spend = not await self._budget.spend(context, is_counted=tries.is_counted)
            tries.is_counted = True
            if not may_spend:
                self._budget.give_back()
        finally:
            if fresh is not None and not may_spend:
                self._challenges.give_back(fresh)
        return may_spend

    async def _challenge(self, context: Context, turn: Turn, fresh: Challenge | None) -> Challenge:
        try:
            challenge = fresh or await self._challenges.fresh(context)
            logger.debug("GeeTest: #%d %s", context.number, _shown(challenge))
            await self._offer(context, challenge)
            await turn.reach_service()
            self._parking.check()
        except BaseException:  # a spider that awaits the page may be out of patience
            self._budget.give_back()
            raise
        return challenge

    async def _offer(self, context: Context, challenge: Challenge) -> None:
        """Tell whoever wants to know what is about to be bought, and hear objections."""
        objection = await self._parking.wait(deferred_from_coro(self._books.object_to(context, challenge)))
        if objection is None:
            return
        self._challenges.give_back(challenge)
        if isinstance(objection, ChallengeNotReady):
            raise NotYetError(
                f"a handler of challenge_fetched wants another one: {objection}", retry_after=objection.retry_after
            )
        raise BudgetExhausted(f"Nothing was bought for {context}: {objection}", **context.parts)

    async def _create(self, context: Context, task: Task, tries: Tries, place: Place) -> TakenTask:
        tries.bought += 1
        tries.is_counted = False
        try:
            return await self._services.create_task(place, task)
        except ValueError as error:
            self._budget.give_back()
            raise ChallengeError(
                f"No task can be made from the challenge for {context}: {error}", **context.parts
            ) from error
        except ServiceError as error:
            if error.sent:
                self._books.refused(error)
            elif error.code != CHALLENGE_TOO_OLD:
                self._challenges.give_back(task.challenge)
            if not error.sent or (error.moves_on and error.took_nothing):
                # No task came of what was counted, and nothing was paid.
                tries.bought -= 1
                tries.is_counted = True
                self._budget.give_back()
            raise

    def _note(self, context: Context, error: ServiceError, tries: Tries) -> None:
        """Tell the breaker, except of what says something about the service alone."""
        is_of_site = error.reaction is Reaction.STOP_SITE
        if error.moves_on and (is_of_site or tries.are_left):
            return  # another service may solve it, which would show that the site is not at fault
        if is_of_site:
            self._breaker.block(context, f"the service solves nothing for it ({error.code})")
        elif not error.is_the_services_fault:
            self._breaker.failed(context)

    def _proxy(self, context: Context) -> Proxy | None:
        if not self._config.pass_proxy:
            return None
        try:
            if context.handed is not None:
                return Proxy.from_url(context.handed.proxy) if context.handed.proxy else None
            return proxy_of(context.outer)
        except ValueError as error:
            reason = str(error)
        raise SolveError(  # apart from the error, whose frames hold the password
            f"Use another proxy, or turn GEETEST_PASS_PROXY off: the proxy of {context} cannot be passed to the service: {reason}",
            code="ERROR_PROXY_CREDENTIALS_INVALID_CHARACTER" if "%" in reason else "ERROR_PROXY_MISSING",
            description=reason,
            task_id=None,
            **context.parts,
        )

    def _told(self, error: ServiceError) -> str:
        return f"{error.service}: {error}" if self._services.are_several and error.service else str(error)

    def _solve_error(self, context: Context, tries: Tries) -> SolveError:
        error = tries.failures[-1]
        times = f"{tries.bought} attempt{'s' * (tries.bought != 1)}"
        return SolveError(
            f"{error.advice} No solution for {context} after {times}: {self._told(error).rstrip('.')}.{_cost(tries.failures)}",
            code=error.code,
            description=error.description,
            task_id=error.task_id,
            service=error.service,
            close_reason=error.close_reason if self._services.are_over else None,
            **context.parts,
        )


def _shown(challenge: Challenge) -> str:
    if isinstance(challenge, V3Challenge):
        return f"a v3 challenge: {challenge.challenge[:_SHOWN]}…"
    return f"a v4 challenge: captcha_id {challenge.captcha_id[:_SHOWN]}…"


def _cost(failures: Sequence[ServiceError]) -> str:
    """What came to nothing, in words that can be compared with a bill."""
    created = ", ".join(str(error.task_id) for error in failures if error.task_id is not None)
    billed = sum(error.billed for error in failures)
    unsure = sum(error.code == ANSWER_LOST and error.task_id is None for error in failures)
    if not (created or unsure):
        return ""
    return (
        f" Tasks that came to nothing: {created or 'none'}"
        + f", of which {billed} billed like a solution" * bool(billed)
        + f"; {unsure} more may have been created and charged, the answer was lost" * bool(unsure)
        + "."
    )

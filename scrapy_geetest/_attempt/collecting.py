"""Collecting a solution: of a task that was bought just now, or of one that a process which is gone has paid for."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from attrs import define

from scrapy_geetest import signals
from scrapy_geetest._attempt.purchase import Purchase
from scrapy_geetest._attempt.sessions import session_of
from scrapy_geetest._crawl.parking import Stopping
from scrapy_geetest._services.answers import read_solution
from scrapy_geetest._services.errors import Reaction, ServiceError
from scrapy_geetest._services.polling import Result
from scrapy_geetest._services.secret import Secret

if TYPE_CHECKING:
    from scrapy_geetest._attempt.books import Books
    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._services.choice import Services
    from scrapy_geetest._services.places import Place, TakenTask
    from scrapy_geetest._spending.ledger import Ledger, PaidTask
    from scrapy_geetest._spending.turns import Turn
    from scrapy_geetest.challenge import Challenge

logger = logging.getLogger(__name__)


@define(eq=False, kw_only=True)
class Collector:
    """Waits for solutions that are paid for."""

    _books: Books
    _ledger: Ledger
    _services: Services

    async def bought(
        self, context: Context, challenge: Challenge, task: TakenTask, place: Place, attempt: int
    ) -> Purchase | None:
        """The solution of a task that a service took just now.

        Returns:
            ``None``: another process has it.

        Raises:
            ServiceError: There is none.
            Stopping: The crawl is ending.
        """
        started = time.monotonic()
        try:
            if self._ledger.is_kept:
                await self._ledger.write(task, context, await session_of(context, context.outer), challenge)
            facts = {"task_id": task.id, "service": task.service}
            await self._books.tell(signals.task_created, context, challenge=challenge, **facts)
            result = await self._services.result(place, task, challenge)
        except Stopping as error:
            self._ended(task, error)
            await self._ledger.leave(
                task
            )  # before its request goes back to the queue, and somebody takes it from there
            raise
        except BaseException as error:
            self._ended(task, error)
            raise
        purchase = Purchase(result.solution, task, attempt, time.monotonic())
        is_own = await self._arrived(context, challenge, purchase, result, time.monotonic() - started)
        return purchase if is_own else None

    async def left(
        self, context: Context, challenge: Challenge, paid: PaidTask, place: Place, turn: Turn, attempt: int
    ) -> Purchase | None:
        """The solution of a task that a process which is gone has paid for.

        Returns:
            ``None``: it has come to nothing, or another process has it.

        Raises:
            ServiceError: No call can be made any more.
            Stopping: The crawl is ending.
        """
        task, started = self._services.recall(paid.service, paid.id), time.monotonic()
        self._books.recovered(task)
        try:
            if paid.solution is None:
                await turn.reach_service()
                result = await self._services.result(place, task, challenge, max(paid.age, 0.001))
            else:
                result = Result(read_solution({"solution": paid.solution}, challenge, Secret("")), 0, 0, paid.age)
        except ServiceError as error:
            self._ended(task, error)
            if error.reaction is Reaction.STOP_CRAWL or not error.sent:
                raise
            logger.warning("GeeTest: task %s, which an earlier run paid for, came to nothing: %s", task, error)
            return None
        except Stopping as error:
            self._ended(task, error)
            await self._ledger.leave(task)
            raise
        except BaseException as error:
            self._ended(task, error)
            raise
        made_at = time.monotonic() - result.oldest
        purchase = Purchase(result.solution, task, attempt, made_at, was_left=paid.solution is not None)
        is_own = await self._arrived(context, challenge, purchase, result, time.monotonic() - started)
        return purchase if is_own else None

    def _ended(self, task: TakenTask, error: BaseException) -> None:
        if isinstance(error, ServiceError) and error.sent:
            self._books.failed(task, error)
        elif isinstance(error, ServiceError):
            self._books.abandoned(task, f"the service is not called any more ({error.code})")
        else:
            why = "the crawl is ending" if isinstance(error, Stopping) else f"of {type(error).__name__}"
            self._books.abandoned(task, why)

    async def _arrived(
        self, context: Context, challenge: Challenge, purchase: Purchase, result: Result, seconds: float
    ) -> bool:
        """A solution is there. False: it is another process's, and in the books of that one."""
        is_counted = False
        try:
            if not await self._ledger.solved(purchase.task, result, challenge):
                self._books.abandoned(
                    purchase.task, "another process has taken it over, since this one stood still for a while"
                )
                return False
            is_counted = True
            self._books.solved(context, purchase, result)
            await self._books.tell(
                signals.challenge_solved,
                context,
                challenge=challenge,
                solution=result.solution,
                task_id=purchase.task.id,
                service=purchase.task.service,
                seconds=seconds,
            )
        except BaseException as error:  # whoever waits for it was cancelled, or a handler was
            if not is_counted:
                self._books.solved(context, purchase, result)
            self._books.unused(purchase, f"of {type(error).__name__}")
            raise
        return True

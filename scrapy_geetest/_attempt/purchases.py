"""The purchase of an attempt: budget, a fresh challenge, at once its task, then the wait for the solution."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from attrs import define

from scrapy_geetest import signals
from scrapy_geetest._attempt.challenges import NotYetError
from scrapy_geetest._crawl.identity import proxy_of
from scrapy_geetest._crawl.parking import Stopping
from scrapy_geetest._services.errors import ANSWER_LOST, CHALLENGE_TOO_OLD, Reaction, ServiceError
from scrapy_geetest._services.task import Task
from scrapy_geetest.exceptions import ChallengeError, ChallengeNotNeeded, SolveError

if TYPE_CHECKING:
    from scrapy_geetest._attempt.books import Books
    from scrapy_geetest._attempt.challenges import Challenges
    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._attempt.tries import Tries
    from scrapy_geetest._crawl.parking import Parking
    from scrapy_geetest._services.client import Result, ServiceClient
    from scrapy_geetest._services.task import Proxy
    from scrapy_geetest._spending.breaker import Breaker
    from scrapy_geetest._spending.budget import Budget
    from scrapy_geetest.challenge import Challenge, Solution
    from scrapy_geetest.settings import Config

logger = logging.getLogger(__name__)


@define(eq=False)
class Purchase:
    """A paid solution, until a verdict is in the books.

    Attributes:
        solution: What goes into the request.
        task_id: Its task at the service.
        attempt: Which solution for its request it is.
        made_at: When it came, in monotonic seconds.
        departures: How often it was handed to the downloader.
        is_settled: Whether a verdict on it is in the books.
    """

    solution: Solution
    task_id: int | str
    attempt: int
    made_at: float
    departures: int = 0
    is_settled: bool = False


@define(eq=False, kw_only=True)
class Purchases:
    """Buys solutions, one at a time for each request."""

    _books: Books
    _breaker: Breaker
    _budget: Budget
    _challenges: Challenges
    _client: ServiceClient
    _config: Config
    _parking: Parking

    async def ready(self, context: Context, tries: Tries) -> bool:
        """Wait until the service takes tasks: called before a page is fetched whose challenge would grow old otherwise.

        Returns:
            Whether it took any waiting.

        Raises:
            SolveError: The service takes none.
            Stopping: The crawl is ending.
        """
        try:
            return await self._client.ready()
        except ServiceError as error:
            tries.failures.append(error)
            raise _solve_error(context, tries) from error

    async def buy(self, context: Context, tries: Tries) -> Purchase | None:
        """Buy a solution for *context*, whose page is fresh.

        Returns:
            ``None``: the service gave none, and another fresh challenge may be tried.

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
            return await self._buy(context, tries)
        except ChallengeError:
            self._breaker.failed(context)
            raise
        except ServiceError as error:
            self._note(context, error)
            tries.failures.append(error)
            if error.reaction is not Reaction.FRESH_CHALLENGE or not tries.are_left:
                raise _solve_error(context, tries) from error
            logger.warning("GeeTest: %s (%s); trying again with a fresh challenge for %s", error, error.bill, context)
            return None

    async def _buy(self, context: Context, tries: Tries) -> Purchase:
        proxy = self._proxy(context)
        self._parking.check()
        self._client.check(proxy)
        self._breaker.check(context)
        await self._budget.spend(context, is_counted=tries.is_counted)
        tries.is_counted = True
        challenge = await self._challenge(context)
        task = Task(
            challenge, context.page_url, type=self._config.task_type, proxy=proxy, user_agent=self._config.user_agent
        )
        started = time.monotonic()
        task_id = await self._create(context, task, tries)
        self._books.created()
        result = await self._result(task_id, challenge)
        purchase = Purchase(result.solution, task_id, tries.bought, time.monotonic())
        self._books.solved(purchase, result)
        await self._books.tell(
            signals.challenge_solved,
            context,
            challenge=challenge,
            solution=result.solution,
            task_id=task_id,
            seconds=time.monotonic() - started,
        )
        return purchase

    async def _challenge(self, context: Context) -> Challenge:
        try:
            challenge = await self._challenges.fresh(context)
            self._parking.check()
        except (ChallengeNotNeeded, NotYetError, ChallengeError, Stopping):
            self._budget.give_back()
            raise
        return challenge

    async def _create(self, context: Context, task: Task, tries: Tries) -> int | str:
        tries.bought += 1
        tries.is_counted = False
        try:
            return await self._client.create_task(task)
        except ValueError as error:
            self._budget.give_back()
            raise ChallengeError(
                f"No task can be made of the challenge for {context}: {error}", **context.parts
            ) from error
        except ServiceError as error:
            if error.sent:
                self._books.refused(error)
            else:
                # The service got nothing: no task came of what was counted.
                tries.bought -= 1
                tries.is_counted = True
                self._budget.give_back()
                if error.code != CHALLENGE_TOO_OLD:
                    self._challenges.give_back(task.challenge)
            raise

    async def _result(self, task_id: int | str, challenge: Challenge) -> Result:
        try:
            return await self._client.result(task_id, challenge)
        except ServiceError as error:
            if error.sent:
                self._books.failed(error)
            else:
                self._books.abandoned(task_id, f"the service is asked nothing more ({error.code})")
            raise
        except BaseException as error:
            why = "the crawl is ending" if isinstance(error, Stopping) else f"of {type(error).__name__}"
            self._books.abandoned(task_id, why)
            raise

    def _note(self, context: Context, error: ServiceError) -> None:
        """Tell the breaker, except of what says something about the service alone."""
        if error.reaction is Reaction.STOP_SITE:
            self._breaker.block(context, f"the service solves nothing for it ({error.code})")
        elif not error.is_the_services_fault:
            self._breaker.failed(context)

    def _proxy(self, context: Context) -> Proxy | None:
        if not self._config.pass_proxy:
            return None
        try:
            return proxy_of(context.outer)
        except ValueError as error:
            reason = str(error)
        raise SolveError(  # apart from the error, whose frames hold the password
            f"The proxy of {context} cannot be passed to the service (GEETEST_PASS_PROXY): {reason}",
            code="ERROR_PROXY_CREDENTIALS_INVALID_CHARACTER" if "%" in reason else "ERROR_PROXY_MISSING",
            description=reason,
            task_id=None,
            **context.parts,
        )


def _solve_error(context: Context, tries: Tries) -> SolveError:
    error = tries.failures[-1]
    times = f"{tries.bought} attempt{'s' * (tries.bought != 1)}"
    return SolveError(
        f"No solution for {context} after {times}: {error}. {_cost(tries.failures)}. {error.advice}",
        code=error.code,
        description=error.description,
        task_id=error.task_id,
        close_reason=error.close_reason,
        **context.parts,
    )


def _cost(failures: list[ServiceError]) -> str:
    """What came to nothing, in words that can be compared with a bill."""
    created = ", ".join(str(error.task_id) for error in failures if error.task_id is not None)
    billed = sum(error.billed for error in failures)
    unsure = sum(error.code == ANSWER_LOST and error.task_id is None for error in failures)
    return (
        f"Tasks that came to nothing: {created or 'none'}"
        + f", of which {billed} billed like a solution" * bool(billed)
        + f"; {unsure} more may have been created and charged, the answer was lost" * bool(unsure)
    )

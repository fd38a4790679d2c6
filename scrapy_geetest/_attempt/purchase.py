"""One solution for one request: a permit, then a fresh challenge, then at once its task, then the wait."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from attrs import frozen
from scrapy import Request
from scrapy.exceptions import IgnoreRequest
from twisted.internet.defer import DeferredSemaphore

from scrapy_geetest import signals
from scrapy_geetest._crawl.identity import proxy_of
from scrapy_geetest._crawl.parking import Stopping
from scrapy_geetest._hooks import resolve
from scrapy_geetest._pages.register import RegisterError
from scrapy_geetest._services.errors import ANSWER_LOST, Reaction, ServiceError
from scrapy_geetest._services.task import Task
from scrapy_geetest.challenge import V3Challenge, V4Challenge
from scrapy_geetest.exceptions import ChallengeError, SolutionRejected, SolveError

if TYPE_CHECKING:
    from scrapy.http import Response

    from scrapy_geetest._attempt.context import Visit
    from scrapy_geetest._attempt.signal_sender import Teller
    from scrapy_geetest._crawl.downloads import InnerDownloader
    from scrapy_geetest._crawl.parking import Parking
    from scrapy_geetest._services.client import Result, ServiceClient
    from scrapy_geetest._services.task import Proxy
    from scrapy_geetest._spending.breaker import Breaker
    from scrapy_geetest._spending.budget import Budget
    from scrapy_geetest.challenge import Challenge, Solution
    from scrapy_geetest.settings import Config
    from scrapy_geetest.stats import Stats

logger = logging.getLogger(__name__)

CHALLENGE_TRIES = 3  # of a register endpoint that says it will be better later; costs requests, no money
CHALLENGE_PAUSE = 2.0  # seconds between them


@frozen
class Solved:
    """A paid solution.

    Attributes:
        solution: What goes into the form.
        task_id: Its task at the service.
        attempts: How many solutions have been asked for, for this request, this one included.
        solved_ms: When it was made, in milliseconds since the epoch.
    """

    solution: Solution
    task_id: int | str
    attempts: int
    solved_ms: int


class Solver:
    """Buys solutions, one at a time for each request and ``GEETEST_MAX_CONCURRENT_SOLVES`` at a time in all."""

    def __init__(
        self,
        *,
        config: Config,
        client: ServiceClient,
        breaker: Breaker,
        budget: Budget,
        inner: InnerDownloader,
        parking: Parking,
        stats: Stats,
        teller: Teller,
    ) -> None:
        self._config = config
        self._client = client
        self._breaker = breaker
        self._budget = budget
        self._inner = inner
        self._parking = parking
        self._stats = stats
        self._teller = teller
        self._permits = DeferredSemaphore(config.max_concurrent_solves)

    async def solve(self, visit: Visit, attempts: int) -> Solved:
        """Get a solution for *visit*.

        Args:
            visit: Who needs it; parked by the caller.
            attempts: Solutions asked for so far.

        Raises:
            BudgetExhausted: Nothing more may be spent.
            ChallengeError: The site gave no challenge to solve.
            CircuitOpen: Too much was wasted on this site.
            SolutionRejected: As many as are allowed became too old to be sent.
            SolveError: The service gave no solution, or would never give one.
            Stopping: The crawl is ending.
        """
        failures: list[ServiceError] = []
        while True:
            if attempts >= self._config.max_attempts:
                raise SolutionRejected(
                    f"{attempts} solutions were bought for {visit} (GEETEST_MAX_ATTEMPTS), and none could be used: they "
                    "became too old before they were sent (GEETEST_SOLUTION_MAX_AGE)",
                    **visit.parts,
                )
            attempts += 1
            try:
                return await self._attempt(visit, attempts)
            except ChallengeError:
                self._breaker.failed(visit)
                raise
            except ServiceError as error:
                if error.sent:  # what was refused before it was sent says nothing new
                    self._stats.count_with("tasks_failed", error.code)
                    self._stats.count("cost_millionths", error.cost_millionths)
                self._note(visit, error)
                failures.append(error)
                if error.reaction is not Reaction.FRESH_CHALLENGE or attempts >= self._config.max_attempts:
                    raise _solve_error(visit, failures, attempts) from error
                logger.warning(
                    "GeeTest: %s (%s); trying again with a fresh challenge for %s",
                    error,
                    "billed" if error.billed else "not billed, as documented",
                    visit,
                )

    def _note(self, visit: Visit, error: ServiceError) -> None:
        """Tell the breaker, except of what says something about the service alone: no balance, no connection, no slot."""
        if error.reaction is Reaction.STOP_SITE:
            self._breaker.block(visit, f"the service solves nothing for it ({error.code})")
        elif error.reaction not in (Reaction.STOP_CRAWL, Reaction.SAME_CALL_LATER):
            self._breaker.failed(visit)

    async def _attempt(self, visit: Visit, attempts: int) -> Solved:
        # The permit comes before the challenge, so that the challenge is milliseconds old when its task is created.
        await self._parking.wait(self._permits.acquire())
        try:
            return await self._buy(visit, attempts)
        finally:
            self._permits.release()

    async def _buy(self, visit: Visit, attempts: int) -> Solved:
        proxy, user_agent = self._proxy(visit), self._config.user_agent
        self._parking.check()
        self._client.check(proxy)
        self._breaker.check(visit)
        await self._budget.spend(visit)
        challenge = await self._fresh_challenge(visit)
        self._parking.check()
        task = Task(challenge, visit.page_url, type=self._config.task_type, proxy=proxy, user_agent=user_agent)
        started = time.monotonic()
        try:
            task_id = await self._client.create_task(task)
        except ValueError as error:
            raise ChallengeError(f"No task can be made of the challenge for {visit}: {error}", **visit.parts) from error
        self._stats.count("tasks_created")
        result = await self._result(task_id, challenge)
        self._book(result)
        await self._teller.tell(
            signals.challenge_solved,
            visit,
            challenge=challenge,
            solution=result.solution,
            task_id=task_id,
            seconds=time.monotonic() - started,
        )
        return Solved(result.solution, task_id, attempts, int(time.time() * 1000))

    async def _result(self, task_id: int | str, challenge: Challenge) -> Result:
        try:
            return await self._client.result(task_id, challenge)
        except Stopping:
            self._abandon(task_id, "the crawl is ending")
            raise
        except ServiceError as error:
            if not error.sent:
                self._abandon(task_id, f"the service is asked nothing more ({error.code})")
            raise

    def _abandon(self, task_id: int | str, why: str) -> None:
        self._stats.count("tasks_abandoned")
        logger.warning("GeeTest: task %s was paid for and is abandoned, because %s", task_id, why)

    def _book(self, result: Result) -> None:
        self._stats.count("tasks_solved")
        self._stats.count("solve_ms", result.waited_ms)
        self._stats.maximum("solve_ms_max", result.waited_ms)
        self._stats.count("cost_millionths", result.cost_millionths)

    async def _fresh_challenge(self, visit: Visit) -> Challenge:
        for attempt in range(1, CHALLENGE_TRIES + 1):
            try:
                answer = await self._challenge_answer(visit)
                challenge = await self._parse_challenge(visit, answer)
            except RegisterError as error:
                if not error.transient or attempt == CHALLENGE_TRIES:
                    raise ChallengeError(f"No fresh challenge for {visit}: {error}", **visit.parts) from error
                logger.info("GeeTest: no fresh challenge yet for %s: %s", visit, error)
                await self._parking.sleep(CHALLENGE_PAUSE)
            else:
                break
        if unfilled := visit.site.unfilled(challenge):
            raise ChallengeError(
                f"No fresh challenge for {visit}: the site's answer has no {', '.join(unfilled)}, which field_names names",
                **visit.parts,
            )
        self._stats.count("challenges_fetched")
        return challenge

    async def _challenge_answer(self, visit: Visit) -> Response | None:
        query = await self._challenge_query(visit)
        if query is None:
            return visit.response
        try:
            return await self._inner.download(
                query, visit.request, visit.response, timeout=self._config.request_timeout
            )
        except Stopping:
            raise
        except IgnoreRequest as error:
            raise ChallengeError(
                f"No fresh challenge for {visit}: {query} was refused by this crawl: {error}. If robots.txt forbids it and "
                "you may fetch it all the same, set dont_obey_robotstxt in the meta of the request that "
                "challenge_request returns",
                **visit.parts,
            ) from error
        except Exception as error:
            raise ChallengeError(
                f"No fresh challenge for {visit}: {query} failed: {_words(error)}; check the site's challenge_url",
                **visit.parts,
            ) from error

    async def _challenge_query(self, visit: Visit) -> Request | None:
        try:
            query = await resolve(visit.site.challenge_request(visit.request, visit.response))
            if not isinstance(query, Request | None):
                raise TypeError(f"it returned {type(query).__name__}")  # noqa: TRY301
        except (Stopping, RegisterError):
            raise
        except Exception as error:
            raise ChallengeError(
                f"No fresh challenge for {visit}: challenge_request failed: {_words(error)}", **visit.parts
            ) from error
        return query

    async def _parse_challenge(self, visit: Visit, answer: Response | None) -> Challenge:
        if answer is None:
            return visit.site.known_challenge()
        try:
            challenge = await resolve(visit.site.parse_challenge(answer))
            if not isinstance(challenge, V3Challenge | V4Challenge):
                raise TypeError(f"it returned {type(challenge).__name__}")  # noqa: TRY301
        except RegisterError as error:
            # A status alone condemns nothing: pages that withhold come with 403, 412 or 429, challenge and all.
            raise RegisterError(f"{answer}: {error}", transient=error.transient) from error
        except Exception as error:
            raise RegisterError(f"{answer}: parse_challenge failed: {_words(error)}", transient=False) from error
        return challenge

    def _proxy(self, visit: Visit) -> Proxy | None:
        if not self._config.pass_proxy:
            return None
        try:
            return proxy_of(visit.request)
        except ValueError as error:
            reason = str(error)
        raise SolveError(  # apart from the error, whose frames hold the password
            f"The proxy of {visit} cannot be passed to the service (GEETEST_PASS_PROXY): {reason}",
            code="ERROR_PROXY_CREDENTIALS_INVALID_CHARACTER" if "%" in reason else "ERROR_PROXY_MISSING",
            description=reason,
            task_id=None,
            **visit.parts,
        )


def _solve_error(visit: Visit, failures: list[ServiceError], attempts: int) -> SolveError:
    error = failures[-1]
    times = f"{attempts} attempt{'s' * (attempts != 1)}"
    return SolveError(
        f"No solution for {visit} after {times}: {error}. {_cost(failures)}. {error.advice}",
        code=error.code,
        description=error.description,
        task_id=error.task_id,
        close_reason=error.close_reason,
        **visit.parts,
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


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"

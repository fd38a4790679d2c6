"""One engine for each service that is configured: what speaks to it, whether it is asked over HTTP or solves by itself."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Protocol

from attrs import field, frozen

from scrapy_geetest._services.answers import read_solution
from scrapy_geetest._services.availability import Step
from scrapy_geetest._services.background import start
from scrapy_geetest._services.client import ServiceClient
from scrapy_geetest._services.errors import (
    NO_BALANCE,
    NO_SUCH_METHOD,
    SOLVE_TIMEOUT,
    UNKNOWN,
    ServiceError,
    clean_text,
)
from scrapy_geetest._services.pacing import Pacing
from scrapy_geetest._services.polling import Result
from scrapy_geetest._services.secret import Secret
from scrapy_geetest._services.solve_times import LearntTimes
from scrapy_geetest._services.transport import Transport
from scrapy_geetest.challenge import V3Solution, V4Solution, solution_values

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from decimal import Decimal

    from twisted.internet.defer import Deferred

    from scrapy_geetest._services.connections import HttpProxy
    from scrapy_geetest._services.service import SolvingService
    from scrapy_geetest._services.task import Proxy, Task
    from scrapy_geetest.challenge import Challenge, Solution

_LOOK = 0.1  # seconds between two looks at whether a service of one's own is done
_ADVICE = "Correct its class: solve(task) has to return a V3Solution or V4Solution with all values."


@frozen(kw_only=True)
class EngineOptions:
    """What the settings say of the calls. Durations are seconds.

    ``looks_again``: whether an account without a balance is looked at now and then, so that purchases go on.
    """

    request_timeout: float = 20.0
    solve_timeout: float = 120.0
    first_poll: float | None = None
    poll_interval: float | None = None
    max_connections: int = 100
    proxy: HttpProxy | None = None
    looks_again: bool = False


@frozen(kw_only=True)
class Surroundings:
    """What an engine needs of who runs it.

    Attributes:
        settle: Turns a Deferred into what the caller's coroutines can await.
        sleep: Waits for some seconds. What it raises ends the call that waits.
        clock: Monotonic seconds.
        on_poll: Called for each getTaskResult that was sent.
    """

    settle: Callable[[Deferred[Any]], Awaitable[Any]]
    sleep: Callable[[float], Awaitable[None]]
    clock: Callable[[], float]
    on_poll: Callable[[], None]


class Engine(Protocol):
    """What speaks to one service: a ``ServiceClient``, or an ``OwnSolver``."""

    @property
    def trouble(self) -> str:
        """What calls wait for, in words for a progress line; empty if they do not wait."""

    def verdict(self) -> ServiceError | None:
        """Why no task can be created for the rest of the crawl."""

    def next_step(self) -> Step | float:
        """Whether a task can be created now, or seconds after which to ask again."""

    def check(self, proxy: Proxy | None = None) -> None:
        """Raise a ``ServiceError`` where an earlier answer forbids all tasks, or those with this proxy."""

    def stop(self, error: ServiceError) -> None:
        """End all calls, or purchases alone, as an answer of the service to another process says."""

    @property
    def solve_times(self) -> LearntTimes:
        """How long solving takes, as far as is known."""

    async def ready(self) -> bool:
        """Wait until a task can be created; says whether it took any waiting."""

    async def create_task(self, task: Task, *, is_patient: bool = True) -> int | str:
        """Have a task solved."""

    async def result(self, task_id: int | str, challenge: Challenge, age: float = 0.0) -> Result:
        """Wait until a task is solved; *age*: seconds since another process created it."""

    async def balance(self) -> Decimal:
        """The account's balance."""

    async def report_incorrect(self, task_id: int | str) -> None:
        """Tell of a solution that a site refused."""

    async def close(self) -> None:
        """End all calls."""


def make_engine(
    service: SolvingService,
    options: EngineOptions,
    surroundings: Surroundings,
    *,
    api_key: str | Secret = "",
    api_url: str | None = None,
) -> Engine:
    """The engine of a service.

    Args:
        service: Which.
        options: What the settings say.
        surroundings: Who runs it.
        api_key: Its client key; a service of one's own needs none.
        api_url: Another address than the service's own.

    Raises:
        ValueError: There is no key, or the address is not acceptable.
    """
    if service.solves_itself():
        return OwnSolver(service, options.solve_timeout, surroundings)
    client = ServiceClient(
        service=service,
        api_key=api_key,
        transport=Transport(
            base_url=api_url or service.base_url,
            timeout=options.request_timeout,
            settle=surroundings.settle,
            max_connections=options.max_connections,
            proxy=options.proxy,
        ),
        pacing=Pacing(
            first_poll=options.first_poll,
            interval=options.poll_interval,
            floor=service.poll_floor,
            clock=surroundings.clock,
        ),
        sleep=surroundings.sleep,
        clock=surroundings.clock,
        solve_timeout=options.solve_timeout,
        on_poll=surroundings.on_poll,
    )
    if options.looks_again:
        client.look_again()
    return client


@frozen
class OwnSolver:
    """A service of one's own behind the face of a ``ServiceClient``."""

    _service: SolvingService
    _timeout: float
    _surroundings: Surroundings
    _numbers: Any = field(factory=lambda: itertools.count(1), init=False)
    _tasks: dict[int | str, Task] = field(factory=dict, init=False, repr=False)

    @property
    def trouble(self) -> str:
        """None is known of."""
        return ""

    def verdict(self) -> None:
        """Nothing stops it."""

    def stop(self, error: ServiceError) -> None:
        """Nothing stops it."""

    @property
    def solve_times(self) -> LearntTimes:
        """None are learnt: it is not polled."""
        return LearntTimes()

    def next_step(self) -> Step:
        """It takes any task at any time."""
        return Step.GO

    def check(self, proxy: Proxy | None = None) -> None:
        """Nothing stops it."""

    async def ready(self) -> bool:
        """It is always ready, without waiting."""
        return False

    async def create_task(self, task: Task, *, is_patient: bool = True) -> int | str:
        """Keep the task for ``result``, which has it solved."""
        del is_patient
        task_id = f"{self._service.name}-{next(self._numbers)}"
        self._tasks[task_id] = task
        return task_id

    async def result(self, task_id: int | str, challenge: Challenge, age: float = 0.0) -> Result:
        """Have a task solved.

        Raises:
            ServiceError: It was not solved, or not in time.
        """
        del age  # no other process knows its tasks
        began = self._surroundings.clock()
        solving = start(self._service.solve(self._tasks.pop(task_id)))
        try:
            while not solving.done:
                if self._surroundings.clock() - began > self._timeout:
                    raise ServiceError(SOLVE_TIMEOUT, f"not solved within {self._timeout:g} s", task_id=task_id)
                await self._surroundings.sleep(_LOOK)
        finally:
            solving.cancel()
        if isinstance(solving.value, ServiceError):
            raise solving.value
        try:
            solution = _read(solving.value, challenge)
        except ValueError as error:
            told = f"{self._service.name}.solve {error}"
            raise ServiceError(UNKNOWN, told, task_id=task_id, advice=_ADVICE) from None
        return Result(solution, 0, round((self._surroundings.clock() - began) * 1000))

    async def balance(self) -> Decimal:
        """There is none."""
        raise ServiceError(NO_SUCH_METHOD, "a service of your own has no balance", sent=False, advice=NO_BALANCE)

    async def report_incorrect(self, task_id: int | str) -> None:
        """It takes no reports."""
        raise ServiceError(NO_SUCH_METHOD, "the service accepts no reports", task_id=task_id, sent=False)

    async def close(self) -> None:
        """What it does is ended by who waits for it."""


def _read(value: Any, challenge: Challenge) -> Solution:
    """What ``solve`` has returned, checked and completed like any other service's solution.

    Raises:
        ValueError: It raised something, or returned no solution, or one that cannot be submitted.
    """
    if isinstance(value, BaseException):
        raise ValueError(clean_text(f"failed: {type(value).__name__}: {value}", Secret("")))
    if not isinstance(value, V3Solution | V4Solution):
        raise ValueError(f"returned {type(value).__name__}, not a V3Solution or V4Solution")
    try:
        return read_solution({"solution": solution_values(value)}, challenge, Secret(""))
    except (ServiceError, TypeError) as error:
        why = error.description if isinstance(error, ServiceError) else str(error)
        raise ValueError(f"returned a solution that cannot be submitted: {why}") from None

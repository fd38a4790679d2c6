"""Waiting for one task: when it is asked for, what is learnt from it, when it is given up."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from scrapy_geetest._services.answers import is_ready, read_cost, read_solution
from scrapy_geetest._services.errors import (
    ANSWER_LOST,
    NO_SUCH_TASK,
    NOT_READY,
    SLOW_DOWN,
    SOLVE_TIMEOUT,
    Reaction,
    ServiceError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from scrapy_geetest._services.pacing import Pacing, TaskPace
    from scrapy_geetest._services.secret import Secret
    from scrapy_geetest.challenge import Challenge, Solution

_LAST_ANSWER = 1.5  # seconds for the answer of the last poll


@frozen
class Result:
    """A solved task.

    Attributes:
        solution: What to submit.
        cost_millionths: Its price in millionths of the service's currency; 0 where the service does not say.
        waited_ms: Milliseconds from the call of ``result`` to the answer that held it.
        oldest: Seconds that the solution may be old already, where it was ready before this process asked.
    """

    solution: Solution
    cost_millionths: int
    waited_ms: int
    oldest: float = 0.0


@frozen(repr=False)
class Poller:
    """Polls tasks.

    Args:
        admitted: Waits until the service can be asked.
        poll: Makes one getTaskResult: the task's id, and the seconds left for it.
        pacing: Tells when.
        sleep: Waits for some seconds.
        clock: Monotonic seconds.
        timeout: Seconds for one task.
        most: Most polls of one task.
        secret: The client key, which no error may hold.
    """

    admitted: Callable[[], Awaitable[bool]]
    poll: Callable[[int | str, float], Awaitable[dict[str, Any]]]
    pacing: Pacing
    sleep: Callable[[float], Awaitable[None]]
    clock: Callable[[], float]
    timeout: float
    most: int
    secret: Secret

    async def result(self, task_id: int | str, challenge: Challenge, age: float = 0.0) -> Result:
        """Wait until a task is solved.

        Args:
            task_id: As the service knows it.
            challenge: What was sent.
            age: Seconds since another process created it, and asked for it; 0: this one did, just now.

        Raises:
            ServiceError: It has failed, or ``SOLVE_TIMEOUT``.
        """
        waiting = _Waiting(self, task_id, challenge, self.pacing.begin(challenge.version), age, was_lost=age > 0)
        return await waiting.result()


@define(repr=False)
class _Waiting:
    """A task that is waited for.

    Attributes:
        task_id: As the service knows it.
        challenge: What was sent.
        pace: Tells when to poll.
        age: Seconds that it was old when this process began to ask for it.
        was_lost: Whether the latest poll told nothing of it, so that it may have been ready since any time.
        trouble: What the latest poll that failed came to, for the error.
    """

    poller: Poller
    task_id: int | str
    challenge: Challenge
    pace: TaskPace
    age: float = 0.0
    was_lost: bool = False
    trouble: str = ""
    _away: float = 0.0
    _since: float = field(init=False)
    _most: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._since = self.poller.clock() - self.age
        polled = ceil(self.age / self.poller.pacing.floor) if self.age else 0
        self._most = max(1, self.poller.most - polled)

    @property
    def elapsed(self) -> float:
        """Seconds since the task was created."""
        return self.poller.clock() - self._since

    @property
    def left(self) -> float:
        """Seconds left for it. The time that it waited for a service that was away does not count."""
        return self.poller.timeout + self._away + self.age - self.elapsed

    async def result(self) -> Result:
        timeout, floor = self.poller.timeout, self.poller.pacing.floor
        # The time after the last poll is for its answer.
        answering = min(_LAST_ANSWER, 0.2 * timeout)
        # However long the first wait that was learnt or set: it leaves time for another poll, unless there is hardly any.
        delay = min(self.pace.first(), 0.8 * timeout)
        if self.age:  # another process has asked since then, and at this moment perhaps
            delay = max(floor, delay - self.age)
        for polls in range(self._most):
            await self.poller.sleep(self._fitted(delay, self.left - answering, self._most - polls))
            data = await self._ask()
            if data is not None:
                return self._solved(data)
            if self.left - answering < floor:
                break
            delay = self.pace.next(self.elapsed)
        raise ServiceError(SOLVE_TIMEOUT, f"not solved within {timeout:g} s{self.trouble}", may_be_charged=True)

    async def _ask(self) -> dict[str, Any] | None:
        """Poll once.

        Returns:
            The answer of a task that is ready; ``None``: to be asked again.
        """
        asked = self.elapsed
        try:
            await self.poller.admitted()
            self._away += self.elapsed - asked
            asked = self.elapsed
            data = await self.poller.poll(self.task_id, self.left)
        except ServiceError as error:
            if error.code != NOT_READY:
                self._note_trouble(error)
                return None
            data = {}
        if is_ready(data, self.poller.secret):
            return data
        self.was_lost = False
        self.pace.unsolved(asked)
        return None

    def _note_trouble(self, error: ServiceError) -> None:
        """Go on after a poll that failed, unless it tells of the task's own end."""
        other = _other_form(self.task_id) if error.code in NO_SUCH_TASK else None
        if not other:
            is_lost = error.code == ANSWER_LOST and error.reaction is not Reaction.FAILED
            if not is_lost and error.reaction is not Reaction.SAME_CALL_LATER:
                raise error
            if error.code in SLOW_DOWN:
                self.poller.pacing.slow_down()
            self.was_lost = True
        self.task_id = other or self.task_id
        self.trouble = f"; last trouble: {error}"

    def _fitted(self, delay: float, left: float, polls_left: int) -> float:
        """The wait before a poll, made to fit.

        Half of the polls are made at the pace that was chosen; the other half lasts until the last one is due, however far
        that is. None is made that would leave the last one no room: its task may be ready by then, and is paid for.

        Args:
            delay: Seconds that were chosen.
            left: Seconds until the last poll is due.
            polls_left: How many may still be made, this one included.
        """
        if polls_left <= self._most // 2:
            delay = max(delay, left / polls_left)
        return left if left < delay + self.poller.pacing.floor else delay

    def _solved(self, data: dict[str, Any]) -> Result:
        elapsed = self.elapsed
        if not self.was_lost:
            self.pace.solved(elapsed)
        solution = read_solution(data, self.challenge, self.poller.secret)
        oldest = elapsed if self.age and not self.pace.asked else 0.0
        return Result(solution, read_cost(data), round((elapsed - self.age) * 1000), oldest)


def _other_form(task_id: int | str) -> int | None:
    """The number that a text stands for: a service may give its ids as texts, and know them as numbers only."""
    return int(task_id) if isinstance(task_id, str) and task_id.isdecimal() else None

"""The solving service: create a task, wait for its result, read the balance, report a refused solution."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import define, frozen

from scrapy_geetest._services.answers import (
    is_ready,
    read_answer,
    read_balance,
    read_cost,
    read_solution,
    read_task_id,
    tells_error,
)
from scrapy_geetest._services.errors import (
    ANSWER_LOST,
    CREATE_LOST_ADVICE,
    NO_SUCH_METHOD,
    NO_SUCH_TASK,
    NOT_READY,
    NOT_SENT,
    PROXY_BANNED,
    SLOW_DOWN,
    SOLVE_TIMEOUT,
    Reaction,
    ServiceError,
    clean_text,
)
from scrapy_geetest._services.pacing import FLOOR
from scrapy_geetest._services.redaction import discreet
from scrapy_geetest._services.transport import NotSentError, TransportError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from decimal import Decimal

    from scrapy_geetest._services.pacing import Pacing
    from scrapy_geetest._services.task import Proxy, Task
    from scrapy_geetest._services.transport import Answer, Transport
    from scrapy_geetest.challenge import Challenge, Solution

logger = logging.getLogger(__name__)

MAX_POLLS = 120
"""getTaskResult calls for one task, at most: more may lock the account (the service's documentation)."""

_MAX_CREATE_CALLS = 5
_UNSENT_BACKOFF = 1.0
_BUSY_BACKOFF = 5.0
_CREATE_ROOM = 5.0  # seconds that a repeated createTask needs for its answer: a task whose id comes too late is lost
_LAST_ANSWER = 1.5  # seconds for the answer of the last poll


@frozen
class Result:
    """A solved task.

    Attributes:
        solution: What to submit.
        cost_millionths: Its price in millionths of the service's currency; 0 where the service does not say.
        waited_ms: Milliseconds from the call of ``result`` to the answer that held it.
    """

    solution: Solution
    cost_millionths: int
    waited_ms: int


@define
class _Waiting:
    """A task that is waited for.

    Attributes:
        task_id: As the service knows it.
        challenge: What was sent.
        since: When the wait began.
        unsolved_at: When a poll was last answered that it is not solved yet.
        was_lost: Whether the latest poll told nothing of it, so that it may have been ready since any time.
        trouble: What the latest poll that failed came to, for the error.
    """

    task_id: int | str
    challenge: Challenge
    since: float
    unsolved_at: float | None = None
    was_lost: bool = False
    trouble: str = ""


class ServiceClient:
    """Speaks the service's protocol, keeps its limits, and never pays twice for one challenge.

    After an answer that stops the crawl (a bad key, no balance, a blocked address), it sends nothing more: every call,
    also one that waits for its turn at that moment, ends with that error.

    Args:
        api_key: The client key. It is in the bodies of the calls, and in nothing that an exception leads to.
        transport: Makes one call.
        pacing: Tells when to poll.
        sleep: Waits for some seconds. What it raises ends the call that waits.
        clock: Monotonic seconds.
        solve_timeout: Seconds for ``result``, and for all repetitions of a createTask.
        on_poll: Called for each getTaskResult that was sent.

    Raises:
        ValueError: There is no key.
    """

    def __init__(
        self,
        *,
        api_key: str,
        transport: Transport,
        pacing: Pacing,
        sleep: Callable[[float], Awaitable[None]],
        clock: Callable[[], float],
        solve_timeout: float,
        on_poll: Callable[[], None],
    ) -> None:
        if not api_key:
            raise ValueError("the service's client key is empty")
        self._api_key = api_key
        self._transport = transport
        self._pacing = pacing
        self._sleep = sleep
        self._clock = clock
        self._solve_timeout = solve_timeout
        self._on_poll = on_poll
        self._fatal: ServiceError | None = None
        self._closed = False
        self._can_report = True
        self._proxies: dict[int | str, Proxy] = {}
        self._banned_proxies: set[Proxy] = set()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._transport.base_url}>"

    def check(self, proxy: Proxy | None = None) -> None:
        """Called before anything is done for the sake of a task.

        Args:
            proxy: That of the task.

        Raises:
            ServiceError: An earlier answer has stopped all calls, or those with this proxy.
        """
        self._refuse_after_fatal()
        if proxy in self._banned_proxies:
            raise ServiceError(PROXY_BANNED, "the service has refused this proxy before", sent=False)

    @discreet
    async def create_task(self, task: Task) -> int | str:
        """Have a task solved; from here on it may cost money.

        The same call is made again only if the service got nothing of it, or says that it did not take it.

        Returns:
            The task's id.

        Raises:
            ServiceError: ``ANSWER_LOST`` if the task may exist all the same: its challenge must not be used again.
            ValueError: The task is not one that can be sent.
        """
        self.check(task.proxy)
        try:
            data = await self._create({"task": task.to_json()})
        except ServiceError as error:
            self._note_banned(error, task.proxy)
            raise
        task_id = read_task_id(data, self._api_key)
        if task.proxy is not None:
            self._proxies[task_id] = task.proxy
        return task_id

    @discreet
    async def result(self, task_id: int | str, challenge: Challenge) -> Result:
        """Wait until a task is solved.

        Args:
            task_id: What ``create_task`` returned just now.
            challenge: What was sent.

        Raises:
            ServiceError: It has failed, or ``SOLVE_TIMEOUT``; or, not ``sent``, it is abandoned, since no call may be made.
        """
        proxy = self._proxies.pop(task_id, None)
        try:
            return await self._wait(task_id, challenge)
        except ServiceError as error:
            self._note_banned(error, proxy)
            failure = error if error.sent else _abandoned(error)
            failure.task_id = task_id
            raise failure from None

    @discreet
    async def balance(self) -> Decimal:
        """The account's balance, in the service's currency.

        Raises:
            ServiceError: The call failed. That a service knows no such call stops no other call.
        """
        return read_balance(await self._call("getBalance", {}, optional=True))

    @discreet
    async def report_incorrect(self, task_id: int | str) -> None:
        """Tell the service that a site refused a solution. No refund is promised.

        Raises:
            ServiceError: The call failed. That a service knows no such call stops no other call.
        """
        if not self._can_report:
            raise ServiceError(NO_SUCH_METHOD, "the service takes no reports", task_id=task_id, sent=False)
        try:
            await self._call("reportIncorrectTokenCaptcha", {"taskId": task_id}, optional=True)
        except ServiceError as error:
            error.task_id = task_id
            # Only ever turned off: another report that is under way at the same time may end otherwise.
            if error.code == NO_SUCH_METHOD:
                self._can_report = False
            raise

    async def close(self) -> None:
        """End all calls and close all connections."""
        self._closed = True
        await self._transport.close()

    async def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        deadline = self._clock() + self._solve_timeout
        room = min(self._transport.timeout, _CREATE_ROOM, 0.4 * self._solve_timeout)
        calls = 0
        while True:
            calls += 1
            try:
                return await self._call("createTask", body, within=deadline - self._clock())
            except ServiceError as error:
                refusal = _as_create_error(error)
            backoff = (_UNSENT_BACKOFF if refusal.code == NOT_SENT else _BUSY_BACKOFF) * 2 ** (calls - 1)
            too_late = calls == _MAX_CREATE_CALLS or self._clock() + backoff + room > deadline
            if refusal.reaction is not Reaction.SAME_CALL_LATER or too_late or self._closed:
                raise refusal
            self._heed(refusal)
            logger.info("createTask was not taken, and is repeated in %g s: %s", backoff, refusal)
            await self._sleep(backoff)

    async def _wait(self, task_id: int | str, challenge: Challenge) -> Result:
        waiting = _Waiting(task_id, challenge, self._clock())
        deadline = waiting.since + self._solve_timeout
        # When the last poll is due: the time after it is for its answer.
        last = deadline - min(_LAST_ANSWER, 0.2 * self._solve_timeout)
        # However long the first wait that was learnt or set: it leaves time for another poll, unless there is hardly any.
        delay = min(self._pacing.first(challenge.version), 0.8 * self._solve_timeout)
        for polls in range(MAX_POLLS):
            await self._sleep(_fitted(delay, last - self._clock(), MAX_POLLS - polls))
            data = await self._ask(waiting, deadline - self._clock())
            if data is not None:
                return self._solved(waiting, data)
            if last - self._clock() < FLOOR:
                break
            delay = self._pacing.next(challenge.version, self._clock() - waiting.since)
        raise ServiceError(SOLVE_TIMEOUT, f"not solved within {self._solve_timeout:g} s{waiting.trouble}")

    async def _ask(self, waiting: _Waiting, within: float) -> dict[str, Any] | None:
        """Poll once.

        Returns:
            The answer of a task that is ready; ``None``: to be asked again.
        """
        try:
            data = await self._poll(waiting.task_id, within)
        except ServiceError as error:
            if error.code != NOT_READY:
                self._note_trouble(waiting, error)
                return None
            data = {}
        if is_ready(data, self._api_key):
            return data
        waiting.was_lost, waiting.unsolved_at = False, self._clock()
        return None

    def _note_trouble(self, waiting: _Waiting, error: ServiceError) -> None:
        """Go on after a poll that failed, unless it tells of the task's own end."""
        other = _other_form(waiting.task_id) if error.code in NO_SUCH_TASK else None
        if not other:
            is_lost = error.code == ANSWER_LOST or error.reaction is Reaction.SAME_CALL_LATER
            if self._closed or not is_lost:
                raise error
            self._heed(error)
            waiting.was_lost = True
        waiting.task_id = other or waiting.task_id
        waiting.trouble = f"; last trouble: {error}"

    def _solved(self, waiting: _Waiting, data: dict[str, Any]) -> Result:
        waited = self._clock() - waiting.since
        self._learn(waiting, waited)
        solution = read_solution(data, waiting.challenge, self._api_key)
        return Result(solution, read_cost(data), round(waited * 1000))

    def _learn(self, waiting: _Waiting, waited: float) -> None:
        """Take the wait for the time of the solving as far as an answered poll before it says that it was unsolved then."""
        version = waiting.challenge.version
        if waiting.was_lost:
            return
        if waiting.unsolved_at is None:
            self._pacing.learn(version, waited, at_first=True)
        else:
            self._pacing.learn(version, min(waited, waiting.unsolved_at - waiting.since + 2 * FLOOR))

    async def _poll(self, task_id: int | str, within: float) -> dict[str, Any]:
        try:
            data = await self._call("getTaskResult", {"taskId": task_id}, within=within)
        except ServiceError as error:
            if error.sent:
                self._on_poll()
            raise
        self._on_poll()
        return data

    def _heed(self, error: ServiceError) -> None:
        if error.code in SLOW_DOWN:
            self._pacing.slow_down()

    async def _call(
        self, method: str, body: dict[str, Any], *, within: float | None = None, optional: bool = False
    ) -> dict[str, Any]:
        self._refuse_after_fatal()
        payload = {"clientKey": self._api_key, **body}
        try:
            return await self._transport.call(method, payload, partial(self._read, optional=optional), within=within)
        except TransportError as error:
            unsent = isinstance(error, NotSentError)
            if unsent:
                self._refuse_after_fatal()
            description = clean_text(str(error), self._api_key)
            raise ServiceError(NOT_SENT if unsent else ANSWER_LOST, description, sent=not unsent) from None

    def _read(self, answer: Answer, *, optional: bool) -> dict[str, Any]:
        try:
            return read_answer(answer, self._api_key)
        except ServiceError as error:
            # A call that solving does without stops the others by the service's own word about the account only: the call
            # may be unknown, or withheld by something before the service.
            is_own_word = tells_error(answer) and error.code != NO_SUCH_METHOD
            if error.reaction is Reaction.STOP_CRAWL and (is_own_word or not optional):
                self._stop(error)
            raise

    def _stop(self, error: ServiceError) -> None:
        self._fatal = self._fatal or error
        self._transport.refuse(f"the service has answered {error.code} before")

    def _refuse_after_fatal(self) -> None:
        if self._fatal is not None:
            raise ServiceError(self._fatal.code, self._fatal.description, sent=False)

    def _note_banned(self, error: ServiceError, proxy: Proxy | None) -> None:
        if proxy is not None and error.code == PROXY_BANNED:
            self._banned_proxies.add(proxy)


def _fitted(delay: float, left: float, polls_left: int) -> float:
    """The wait before a poll, made to fit.

    Half of the polls are made at the pace that was chosen; the other half lasts until the last one is due, however far
    that is. None is made that would leave the last one no room: its task may be ready by then, and is paid for.

    Args:
        delay: Seconds that were chosen.
        left: Seconds until the last poll is due.
        polls_left: How many may still be made, this one included.
    """
    if polls_left <= MAX_POLLS // 2:
        delay = max(delay, left / polls_left)
    return left if left < delay + FLOOR else delay


def _other_form(task_id: int | str) -> int | None:
    """The number that a text stands for: a service may give its ids as texts, and know them as numbers only."""
    return int(task_id) if isinstance(task_id, str) and task_id.isdecimal() else None


def _as_create_error(error: ServiceError) -> ServiceError:
    """A server that broke down over a createTask may have created the task: its answer counts as lost."""
    if error.code.startswith("HTTP_5"):
        description = f"{error.code.replace('_', ' ')}, {error.description}"
        return ServiceError(ANSWER_LOST, description, advice=CREATE_LOST_ADVICE)
    if error.code == ANSWER_LOST:
        error.advice = CREATE_LOST_ADVICE
    return error


def _abandoned(error: ServiceError) -> ServiceError:
    """The error of a call that was not made any more for a task that was created: it says so, for whoever reads the bill."""
    told = "; ".join(filter(None, (error.description, "its task was paid for and is abandoned")))
    return ServiceError(error.code, told, sent=False)

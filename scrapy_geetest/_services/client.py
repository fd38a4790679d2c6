"""The solving service: create a task, wait for its result, read the balance, report a refused solution."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from scrapy_geetest._services.answers import read_answer, read_balance, read_task_id, tells_error
from scrapy_geetest._services.availability import CREATE, POLL, Availability, Step
from scrapy_geetest._services.errors import (
    ANSWER_LOST,
    BUSY,
    CHALLENGE_TOO_OLD,
    CREATE_LOST_ADVICE,
    NO_SUCH_METHOD,
    NOT_SENT,
    PROXY_BANNED,
    SLOW_DOWN,
    Reaction,
    ServiceError,
    clean_text,
)
from scrapy_geetest._services.polling import MAX_POLLS, Poller, Result
from scrapy_geetest._services.secret import Sealed, Secret
from scrapy_geetest._services.transport import NotSentError, TransportError
from scrapy_geetest.challenge import V3Challenge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from decimal import Decimal

    from scrapy_geetest._services.pacing import Pacing
    from scrapy_geetest._services.task import Proxy, Task
    from scrapy_geetest._services.transport import Answer, Transport
    from scrapy_geetest.challenge import Challenge

__all__ = ["MAX_POLLS", "Result", "ServiceClient"]

_OUTAGE = 3.0
"""How many times the time for one solution an outage may last before it is final."""

_TOO_OLD = 300.0  # seconds that a v3 challenge, which lives ten minutes, may wait for the service
_PROBE_SECONDS = 10.0


class ServiceClient:
    """Speaks the service's protocol, keeps its limits, and never pays twice for one challenge.

    After an answer that stops the crawl (a bad key, no balance, a blocked address), it sends nothing more: every call,
    also one that waits for its turn at that moment, ends with that error. While the service cannot be reached, or takes no
    tasks, calls wait: see ``Availability``.

    Args:
        api_key: The client key. It is in the bodies of the calls, and in nothing that an exception leads to.
        transport: Makes one call.
        pacing: Tells when to poll.
        sleep: Waits for some seconds. What it raises ends the call that waits.
        clock: Monotonic seconds.
        solve_timeout: Seconds for ``result``; trouble with the service that lasts three times as long is final.
        on_poll: Called for each getTaskResult that was sent.

    Raises:
        ValueError: There is no key.
    """

    def __init__(
        self,
        *,
        api_key: str | Secret,
        transport: Transport,
        pacing: Pacing,
        sleep: Callable[[float], Awaitable[None]],
        clock: Callable[[], float],
        solve_timeout: float,
        on_poll: Callable[[], None],
    ) -> None:
        if not api_key:
            raise ValueError("the service's client key is empty")
        self._api_key = Secret(api_key)
        self._transport = transport
        self._sleep = sleep
        self._clock = clock
        self._limit = _OUTAGE * solve_timeout
        self._on_poll = on_poll
        self._pacing = pacing
        self._availability = Availability(self._limit, clock, pacing.uniform)
        self._solve_timeout = solve_timeout
        self._fatal: ServiceError | None = None
        self._closed = False
        self._can_report = True
        self._proxies: dict[int | str, Proxy] = {}
        self._banned_proxies: set[Proxy] = set()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._transport.base_url}>"

    @property
    def trouble(self) -> str:
        """What calls wait for, in words for a progress line; empty if they do not wait."""
        return self._availability.trouble

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

    async def ready(self) -> bool:
        """Wait until a task can be created: called before a challenge is fetched, which would grow old otherwise.

        Returns:
            Whether it took any waiting.

        Raises:
            ServiceError: An earlier answer has stopped all calls, or the trouble lasts too long.
        """
        return await self._admitted(CREATE)

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
        body = Sealed(task=Sealed(task.to_json()))
        try:
            task_id = await self._create(body, task.challenge)
        except ServiceError as error:
            self._note_banned(error, task.proxy)
            raise
        if task.proxy is not None:
            self._proxies[task_id] = task.proxy
        return task_id

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
            return await self._poller.result(task_id, challenge)
        except ServiceError as error:
            self._note_banned(error, proxy)
            failure = error if error.sent else _abandoned(error)
            failure.task_id = task_id
            raise failure from None

    async def balance(self) -> Decimal:
        """The account's balance, in the service's currency.

        Raises:
            ServiceError: The call failed. That a service knows no such call stops no other call.
        """
        return read_balance(await self._call("getBalance", Sealed(), optional=True))

    async def report_incorrect(self, task_id: int | str) -> None:
        """Tell the service that a site refused a solution. No refund is promised.

        Raises:
            ServiceError: The call failed. That a service knows no such call stops no other call.
        """
        if not self._can_report:
            raise ServiceError(NO_SUCH_METHOD, "the service takes no reports", task_id=task_id, sent=False)
        try:
            await self._call("reportIncorrectTokenCaptcha", Sealed(taskId=task_id), optional=True)
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

    @property
    def _poller(self) -> Poller:
        return Poller(
            admitted=partial(self._admitted, POLL),
            poll=self._poll,
            pacing=self._pacing,
            sleep=self._sleep,
            clock=self._clock,
            timeout=self._solve_timeout,
            secret=self._api_key,
        )

    async def _create(self, body: Sealed, challenge: Challenge) -> int | str:
        began, calls = self._clock(), 0
        latest: ServiceError | None = None
        while True:
            try:
                await self._admitted(CREATE)
            except ServiceError as error:
                is_final = error.reaction is Reaction.SAME_CALL_LATER
                raise (latest if latest is not None and is_final else error) from None
            if isinstance(challenge, V3Challenge) and self._clock() - began > _TOO_OLD:
                raise ServiceError(CHALLENGE_TOO_OLD, "the service took no task in time", sent=False)
            calls += 1
            try:
                task_id: int | str = await self._watched(CREATE, body, self._transport.timeout)
            except ServiceError as error:
                if (
                    error.reaction is not Reaction.SAME_CALL_LATER
                    or self._closed
                    or self._clock() - began > self._limit
                ):
                    raise
                latest = error
                if error.code in SLOW_DOWN:
                    self._pacing.slow_down()
            else:
                return task_id
            if calls > 1:  # others go first
                await self._sleep(min(8.0, 0.5 * 2.0 ** min(calls, 8)))

    async def _poll(self, task_id: int | str, within: float) -> dict[str, Any]:
        try:
            data: dict[str, Any] = await self._watched(POLL, Sealed(taskId=task_id), max(within, 1.0))
        except ServiceError as error:
            if error.sent:
                self._on_poll()
            if self._closed:  # nothing is asked again
                error.reaction = Reaction.FAILED
            raise
        self._on_poll()
        return data

    async def _watched(self, method: str, body: Sealed, within: float) -> Any:
        """Make a call whose outcome tells how the service is; of createTask, the task's id."""
        began = self._availability.begin(method)
        try:
            data: Any = await self._call(method, body, within=within)
            if method == CREATE:
                data = read_task_id(data, self._api_key)
        except ServiceError as error:
            told = _as_create_error(error) if method == CREATE else error
            if self._closed:
                raise told from None
            if told.code == ANSWER_LOST or told.reaction is Reaction.SAME_CALL_LATER:
                self._availability.failed(method, told, began)
            else:
                self._availability.succeeded(method)  # the service itself has answered
            raise told from None
        finally:
            self._availability.end(method)
        self._availability.succeeded(method)
        return data

    async def _admitted(self, method: str) -> bool:
        """Wait until a call may be made; says whether it took any waiting. One call at a time probes, for all that wait."""
        has_waited = False
        while True:
            self._refuse_after_fatal()
            step = Step.GO if self._closed else self._availability.next_step(method)
            if step is Step.GO:
                return has_waited
            has_waited = True
            if step is Step.PROBE:
                await self._probe()
            else:
                await self._sleep(step)

    async def _probe(self) -> None:
        began = self._clock()
        try:
            await self._call("getBalance", Sealed(), within=_PROBE_SECONDS, optional=True)
        except ServiceError as error:
            is_away = error.code == ANSWER_LOST or error.reaction is Reaction.SAME_CALL_LATER
            self._availability.probed(error if is_away and error.code not in BUSY else None, began)
        except BaseException:
            self._availability.give_up_probe()
            raise
        else:
            self._availability.probed(None, began)

    async def _call(
        self, method: str, body: Sealed, *, within: float | None = None, optional: bool = False
    ) -> dict[str, Any]:
        self._refuse_after_fatal()
        payload = Sealed(clientKey=self._api_key, **body)
        read = partial(self._read, optional=optional)
        try:
            return await self._transport.call(method, payload, read, within=within, urgent=method == CREATE)
        except TransportError as error:
            unsent = isinstance(error, NotSentError)
            if unsent:
                self._refuse_after_fatal()
            description = clean_text(str(error), self._api_key)
            failure = ServiceError(NOT_SENT if unsent else ANSWER_LOST, description, sent=not unsent)
        raise failure

    def _read(self, answer: Answer, *, optional: bool) -> dict[str, Any]:
        try:
            return read_answer(answer, self._api_key)
        except ServiceError as error:
            # A call that solving does without stops the others by the service's own word about the account only: the call
            # may be unknown.
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


def _as_create_error(error: ServiceError) -> ServiceError:
    """A server that broke down over a createTask may have created the task: its answer counts as lost."""
    lost = error.code.startswith("HTTP_5")
    if not lost and error.code != ANSWER_LOST:
        return error
    description = f"{error.code.replace('_', ' ')}, {error.description}" if lost else error.description
    return ServiceError(ANSWER_LOST, description, may_be_charged=True, advice=CREATE_LOST_ADVICE)


def _abandoned(error: ServiceError) -> ServiceError:
    """The error of a call that was not made any more for a task that was created: it says so, for whoever reads the bill."""
    told = "; ".join(filter(None, (error.description, "its task was paid for and is abandoned")))
    return ServiceError(error.code, told, sent=False, may_be_charged=True)

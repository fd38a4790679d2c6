"""The solving service: create a task, wait for its result, read the balance, report a refused solution."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from scrapy_geetest._services.account import Account
from scrapy_geetest._services.adapters.capmonster import CapMonster
from scrapy_geetest._services.answers import is_ready, read_answer, read_balance, read_task_id
from scrapy_geetest._services.availability import CREATE, POLL, Availability, Step
from scrapy_geetest._services.background import start
from scrapy_geetest._services.creating import UNKNOWN_TYPE, Creator, as_create_error
from scrapy_geetest._services.errors import (
    ANSWER_LOST,
    BUSY,
    NO_BALANCE,
    NO_SUCH_METHOD,
    NOT_SENT,
    PROXY_BANNED,
    Reaction,
    ServiceError,
    clean_text,
)
from scrapy_geetest._services.polling import Poller, Result
from scrapy_geetest._services.secret import Sealed, Secret
from scrapy_geetest._services.transport import NotSentError, TransportError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from decimal import Decimal

    from scrapy_geetest._services.pacing import Pacing
    from scrapy_geetest._services.service import ServiceCall, SolvingService
    from scrapy_geetest._services.task import Proxy, Task
    from scrapy_geetest._services.transport import Answer, Transport
    from scrapy_geetest.challenge import Challenge

logger = logging.getLogger(__name__)

__all__ = ["Result", "ServiceClient"]

_OUTAGE = 3.0
"""How many times the time for one solution an outage may last before it is final."""

_PROBE_SECONDS = 10.0
_LOOK_AGAIN = 0.25
_OPTIONAL = frozenset({NO_SUCH_METHOD})  # not fatal after an optional call


class ServiceClient:
    """Speaks the service's protocol, keeps its limits, and never pays twice for one challenge.

    After an answer that stops the crawl (a bad key, a blocked address), it sends nothing more: every call, also one that
    waits for its turn at that moment, ends with that error. Without a balance, it creates no more tasks. While the service
    cannot be reached, or takes no tasks, calls wait: see ``Availability``.

    Args:
        service: Which service's calls and answers these are; CapMonster Cloud's by default.
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
        service: SolvingService | None = None,
    ) -> None:
        if not api_key:
            raise ValueError("the service's client key is empty")
        self._api_key = Secret(api_key)
        self._service = service or CapMonster()
        self._transport = transport
        self._sleep = sleep
        self._clock = clock
        self._limit = _OUTAGE * solve_timeout
        self._on_poll = on_poll
        self._pacing = pacing
        self.solve_times = pacing.times
        self._availability = Availability(
            self._limit, clock, pacing.uniform, f"the solving service {self._service.name}"
        )
        self._solve_timeout = solve_timeout
        self._account = Account(self._service.name, clock)
        self._closed = False
        self._can_report = True
        self._solved_at_once: dict[int | str, dict[str, Any]] = {}
        self._creator = Creator(
            service=self._service,
            admitted=partial(self._admitted, CREATE),
            send=self._send,
            pacing=pacing,
            sleep=self._wait,
            clock=clock,
            limit=self._limit,
            is_closed=lambda: self._closed,
        )
        self._proxies: dict[int | str, Proxy] = {}
        self._banned_proxies: set[Proxy] = set()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._transport.base_url}>"

    @property
    def trouble(self) -> str:
        """What calls wait for, in words for a progress line; empty if they do not wait."""
        return self._availability.trouble

    def look_again(self) -> None:
        """Let an account without a balance be looked at now and then, so that purchases go on."""
        self._account.looks_again = True

    def verdict(self) -> ServiceError | None:
        """Why no task can be created for the rest of the crawl; ``None``: nothing forbids it.

        The balance of an empty account is looked at in the background where that is due.
        """
        if self._account.wants_look() and not self._closed:
            start(self._look())
        return self._account.verdict

    def stop(self, error: ServiceError) -> None:
        """End all calls, or purchases alone: the service has answered *error*, to this process or to another one."""
        ends_purchases_alone = self._account.stop(error)
        self._transport.refuse(f"the service has answered {error.code} before", only_urgent=ends_purchases_alone)

    def next_step(self) -> Step | float:
        """``Step.GO``, or seconds after which to ask again whether a task can be created; a probe runs in the background.

        Raises:
            ServiceError: The trouble lasts too long.
        """
        step = Step.GO if self._closed else self._availability.next_step(CREATE)
        if step is Step.PROBE:
            start(self._probe())
            return _LOOK_AGAIN
        return step

    def check(self, proxy: Proxy | None = None) -> None:
        """Called before anything is done for the sake of a task.

        Args:
            proxy: That of the task.

        Raises:
            ServiceError: An earlier answer has stopped all calls, or those with this proxy.
        """
        self.verdict()
        self._account.check(is_purchase=True)
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

    async def create_task(self, task: Task, *, is_patient: bool = True) -> int | str:
        """Have a task solved; from here on it may cost money.

        The same call is made again only if the service got nothing of it, or says that it did not take it.

        Args:
            task: What to solve.
            is_patient: Whether it is made again at all; another service may do otherwise.

        Returns:
            The task's id.

        Raises:
            ServiceError: ``ANSWER_LOST`` if the task may exist all the same: its challenge must not be used again.
            ValueError: The task is not one that can be sent.
        """
        self.check(task.proxy)
        try:
            task_id = await self._creator.create(task, is_patient=is_patient)
        except ServiceError as error:
            self._note_banned(error, task.proxy)
            raise
        if task.proxy is not None:
            self._proxies[task_id] = task.proxy
        return task_id

    async def result(self, task_id: int | str, challenge: Challenge, age: float = 0.0) -> Result:
        """Wait until a task is solved.

        Args:
            task_id: What ``create_task`` returned.
            challenge: What was sent.
            age: Seconds since another process created it; 0: this one did, just now.

        Raises:
            ServiceError: It has failed, or ``SOLVE_TIMEOUT``; or, not ``sent``, it is abandoned, since no call may be made.
        """
        proxy = self._proxies.pop(task_id, None)
        try:
            return await self._poller.result(task_id, challenge, age)
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
        call = self._service.balance()
        if call is None:
            raise ServiceError(NO_SUCH_METHOD, "the service reports no balance", sent=False, advice=NO_BALANCE)
        return read_balance(await self._call(call, harmless=_OPTIONAL))

    async def report_incorrect(self, task_id: int | str) -> None:
        """Tell the service that a site refused a solution. No refund is promised.

        Raises:
            ServiceError: The call failed. That a service knows no such call stops no other call.
        """
        call = self._service.report(task_id)
        if call is None or not self._can_report:
            raise ServiceError(NO_SUCH_METHOD, "the service accepts no reports", task_id=task_id, sent=False)
        try:
            await self._call(call, harmless=_OPTIONAL)
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

    async def _wait(self, seconds: float) -> None:
        await self._sleep(seconds)

    @property
    def _poller(self) -> Poller:
        return Poller(
            admitted=partial(self._admitted, POLL),
            poll=self._poll,
            pacing=self._pacing,
            sleep=self._sleep,
            clock=self._clock,
            timeout=self._solve_timeout,
            most=self._service.max_polls,
            secret=self._api_key,
        )

    async def _send(self, call: ServiceCall, has_other: bool) -> int | str:  # noqa: FBT001 - a callback
        task_id: int | str = await self._watched(CREATE, call, self._transport.timeout, spare=has_other)
        return task_id

    async def _poll(self, task_id: int | str, within: float) -> dict[str, Any]:
        if task_id in self._solved_at_once:
            return self._solved_at_once.pop(task_id)
        try:
            data: dict[str, Any] = await self._watched(POLL, self._service.result(task_id), max(within, 1.0))
        except ServiceError as error:
            if error.sent:
                self._on_poll()
            if self._closed:  # nothing is asked again
                error.reaction = Reaction.FAILED
            raise
        self._on_poll()
        return data

    async def _watched(self, method: str, call: ServiceCall, within: float, *, spare: bool = False) -> Any:
        """Make a call whose outcome tells how the service is; of createTask, the task's id."""
        began = self._availability.begin(method)
        try:
            data: Any = await self._call(
                call, within=within, urgent=method == CREATE, harmless=UNKNOWN_TYPE if spare else frozenset()
            )
            if method == CREATE:
                data = self._created(data)
        except ServiceError as error:
            told = as_create_error(error) if method == CREATE else error
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

    def _created(self, data: dict[str, Any]) -> int | str:
        task_id = read_task_id(data, self._api_key)
        if data.get("solution") and is_ready(data, self._api_key):  # some tasks are solved at once
            self._solved_at_once[task_id] = data
        self._account.bought()
        return task_id

    async def _admitted(self, method: str) -> bool:
        """Wait until a call may be made; says whether it took any waiting. One call at a time probes, for all that wait."""

        def is_exempt() -> bool:
            self._account.check(is_purchase=method == CREATE)
            return self._closed

        return await self._availability.admit(method, probe=self._probe, sleep=self._sleep, is_exempt=is_exempt)

    async def _probe(self) -> None:
        began, call = self._clock(), self._service.balance()
        try:
            if call is not None:
                await self._call(call, within=_PROBE_SECONDS, harmless=_OPTIONAL)
        except ServiceError as error:
            is_away = error.code == ANSWER_LOST or error.reaction is Reaction.SAME_CALL_LATER
            self._availability.probed(error if is_away and error.code not in BUSY else None, began)
        except BaseException:
            self._availability.give_up_probe()
            raise
        else:
            self._availability.probed(None, began)

    async def _look(self) -> None:
        """Whether the account has a balance again."""
        try:
            balance = await self.balance()
        except ServiceError as error:
            logger.info("GeeTest: the balance of %s could not be fetched: %s", self._service.name, error)
        else:
            if self._account.looked(balance):
                self._transport.accept()

    async def _call(
        self,
        call: ServiceCall,
        *,
        within: float | None = None,
        harmless: frozenset[str] = frozenset(),
        urgent: bool = False,
    ) -> dict[str, Any]:
        self._account.check(is_purchase=urgent)
        payload = Sealed({self._service.key_field: self._api_key, **call.fields})
        read = partial(self._read, harmless=harmless)
        try:
            return await self._transport.call(call.method, payload, read, within=within, urgent=urgent)
        except TransportError as error:
            unsent = isinstance(error, NotSentError)
            if unsent:
                self._account.check(is_purchase=urgent)
            description = clean_text(str(error), self._api_key)
            failure = ServiceError(NOT_SENT if unsent else ANSWER_LOST, description, sent=not unsent)
        raise failure

    def _read(self, answer: Answer, *, harmless: frozenset[str]) -> dict[str, Any]:
        try:
            return read_answer(answer, self._api_key, self._service)
        except ServiceError as error:
            if error.reaction is Reaction.STOP_CRAWL and error.code not in harmless:
                self.stop(error)
            raise

    def _note_banned(self, error: ServiceError, proxy: Proxy | None) -> None:
        if proxy is not None and error.code == PROXY_BANNED:
            self._banned_proxies.add(proxy)


def _abandoned(error: ServiceError) -> ServiceError:
    """The error of a call that was not made any more for a task that was created: it says so, for whoever reads the bill."""
    told = "; ".join(filter(None, (error.description, "its task was paid for and is abandoned")))
    return ServiceError(error.code, told, sent=False, may_be_charged=True)

"""Creating one task: by a name that the service knows, and again as long as it surely took nothing."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from attrs import define, field

from scrapy_geetest._services.errors import (
    ANSWER_LOST,
    CHALLENGE_TOO_OLD,
    CREATE_LOST_ADVICE,
    SLOW_DOWN,
    Reaction,
    ServiceError,
)
from scrapy_geetest.challenge import V3Challenge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from scrapy_geetest._services.pacing import Pacing
    from scrapy_geetest._services.service import ServiceCall, SolvingService
    from scrapy_geetest._services.task import Task
    from scrapy_geetest.challenge import Challenge

logger = logging.getLogger(__name__)

UNKNOWN_TYPE = frozenset({"ERROR_TASK_NOT_SUPPORTED", "ERROR_TASK_ABSENT"})
TOO_OLD = 300.0  # seconds that a v3 challenge, which lives ten minutes, may wait for the service


@define(repr=False)
class Creator:
    """Creates tasks.

    Args:
        service: Makes the calls.
        admitted: Waits until the service can be asked.
        send: Makes one createTask; told whether there is another name for the task, should this one be unknown.
        pacing: Is told where calls come too fast.
        sleep: Waits for some seconds.
        clock: Monotonic seconds.
        limit: Seconds of trouble after which it is final.
        is_closed: Whether nothing is sent any more.
    """

    service: SolvingService
    admitted: Callable[[], Awaitable[bool]]
    send: Callable[[ServiceCall, bool], Awaitable[int | str]]
    pacing: Pacing
    sleep: Callable[[float], Awaitable[None]]
    clock: Callable[[], float]
    limit: float
    is_closed: Callable[[], bool]
    _unknown_types: set[str] = field(factory=set)

    async def create(self, task: Task, *, is_patient: bool) -> int | str:
        """Create a task by the first of its names that the service knows.

        Args:
            task: What to solve.
            is_patient: Whether a call that the service did not take is made again.

        Raises:
            ServiceError: There is no task, or its id was lost.
            ValueError: The service documents no such task.
        """
        types = (task.type,) if task.type else self.service.task_types(task)
        known = [name for name in types if name not in self._unknown_types] or list(types[-1:])
        is_seen = False
        for name in known[:-1]:
            try:
                call = self.service.create(task, name)
                return await self._create(call, task.challenge, is_patient=is_patient, has_other=True)
            except ServiceError as error:
                if error.code not in UNKNOWN_TYPE:
                    raise
                self._unknown_types.add(name)
                is_seen = True
                logger.info("GeeTest: the service knows no task of type %s; %s is sent from now on", name, known[-1])
        call = self.service.create(task, known[-1])
        return await self._create(call, task.challenge, is_patient=is_patient, is_seen=is_seen)

    async def _create(
        self,
        call: ServiceCall,
        challenge: Challenge,
        *,
        is_patient: bool,
        has_other: bool = False,
        is_seen: bool = False,
    ) -> int | str:
        """Make the call until it is taken. Once the service has seen the challenge, no error says that nothing was sent."""
        began, calls = self.clock(), 0
        latest: ServiceError | None = None
        while True:
            try:
                await self.admitted()
            except ServiceError as error:
                is_final = error.reaction is Reaction.SAME_CALL_LATER
                error.sent |= is_seen
                raise (latest if latest is not None and is_final else error) from None
            if isinstance(challenge, V3Challenge) and self.clock() - began > TOO_OLD:
                raise ServiceError(CHALLENGE_TOO_OLD, "the service took no task in time", sent=False)
            calls += 1
            try:
                task_id = await self.send(call, has_other)
            except ServiceError as error:
                is_seen = error.sent = is_seen or error.sent
                if error.code in SLOW_DOWN:
                    self.pacing.slow_down()
                is_over = not is_patient or self.is_closed() or self.clock() - began > self.limit
                if error.reaction is not Reaction.SAME_CALL_LATER or is_over:
                    raise
                latest = error
            else:
                return task_id
            if calls > 1:  # others go first
                await self.sleep(min(8.0, 0.5 * 2.0 ** min(calls, 8)))


def as_create_error(error: ServiceError) -> ServiceError:
    """A server that broke down over a createTask may have created the task: its answer counts as lost."""
    lost = error.code.startswith("HTTP_5")
    if not lost and error.code != ANSWER_LOST:
        return error
    description = f"{error.code.replace('_', ' ')}, {error.description}" if lost else error.description
    return ServiceError(ANSWER_LOST, description, may_be_charged=True, advice=CREATE_LOST_ADVICE)

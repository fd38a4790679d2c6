"""The ledger of paid tasks: what a process that is killed has paid for is collected by the next one, or by another.

A task is written down before its answer is waited for, its solution before it is sent, and both are struck off with the
verdict. What is left of a process that is gone belongs to whoever needs such a solution first: a v4 solution serves any
request of its site, captcha id and session; a v3 one the request whose site hands out its challenge again.
"""

from __future__ import annotations

import json
import logging
import time
from collections import defaultdict
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from attrs import asdict, evolve, field, frozen
from scrapy.utils.defer import deferred_from_coro

from scrapy_geetest._storage.protocol import StorageFailedError
from scrapy_geetest._storage.work import Work
from scrapy_geetest.challenge import V3Challenge, solution_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._services.choice import Services
    from scrapy_geetest._services.places import TakenTask
    from scrapy_geetest._services.polling import Result
    from scrapy_geetest._storage.records import Left, Records
    from scrapy_geetest.challenge import Challenge

logger = logging.getLogger(__name__)

_SAFE = 0.9  # of the time for which a service keeps a task: asking for one that it has forgotten is an offence
_PATIENCE = 15.0  # seconds that a purchase waits for a look: what is found costs nothing, and a storage may be slow


@frozen(kw_only=True)
class PaidTask:
    """A paid task as it is written down.

    Attributes:
        service: Where.
        id: What the service calls it.
        account: What tells accounts apart.
        site: The name of the site.
        subject: A digest of what its solution is good for.
        challenge: The challenge, or the captcha id.
        created: Seconds since the epoch.
        solution: Its values, once they are there.
        solved: When they came, in seconds since the epoch.
        age: Of the solution, or of the task while there is none, in seconds.
    """

    service: str
    id: int | str
    account: str
    site: str
    subject: str
    challenge: str
    created: float
    solution: Mapping[str, str] | None = field(default=None, repr=False)
    solved: float = 0.0
    age: float = 0.0

    @classmethod
    def read(cls, text: str) -> PaidTask | None:
        """What another process wrote; ``None``: nothing that can be read."""
        try:
            task = cls(**json.loads(text))
            is_right = isinstance(task.id, int | str) and task.created + task.solved + task.age > 0
        except (TypeError, ValueError):
            return None
        return task if is_right else None

    def write(self) -> str:
        """The same as text."""
        return json.dumps(asdict(self))

    def __str__(self) -> str:
        return f"{self.id} of {self.service} for {self.site}"


class Ledger:
    """Where paid tasks are written down. Without a storage that others see, nothing is.

    Args:
        records: Those of paid tasks; ``None``: nobody else would see them.
        services: Whose tasks they are.
        max_age: Seconds that a solution may be old when it is sent.
        is_ending: Whether the crawl is ending.
        reactor: The Twisted reactor.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        records: Records | None,
        *,
        services: Services,
        max_age: float,
        is_ending: Callable[[], bool],
        reactor: Any,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._records = records
        self._services = services
        self._max_age = max_age
        self._is_ending = is_ending
        self._clock = clock
        self._looking = Work(self._look, reactor)
        self._own: dict[TakenTask, PaidTask] = {}
        self._left: dict[str, list[tuple[PaidTask, Left]]] = {}  # -> by subject, those whose solutions are there first

    @property
    def is_kept(self) -> bool:
        """Whether anything is written down."""
        return self._records is not None

    @property
    def are_left(self) -> bool:
        """Whether tasks of this process are in the storage."""
        return self._records is not None and self._records.are_left

    async def has_left(self, site: str) -> bool:
        """Whether there may be a paid task for *site* that nobody waits for."""
        if self._records is None:
            return False
        await (
            self.look()
        )  # each time: a worker that stops leaves its task just before its request is in the queue again
        return any(paid.site == site for tasks in self._left.values() for paid, _ in tasks)

    def keeps(self, task: TakenTask) -> bool:
        """Whether another process may collect a task when this one waits for it no more."""
        return task in self._own

    async def look(self) -> None:
        """See what processes that are gone have left; what cannot be used any more is logged, once."""
        self._looking.start()
        await self._looking.wait(_PATIENCE)

    async def _look(self) -> None:
        if self._records is None:
            return
        try:
            left = await self._records.left()
        except StorageFailedError:
            return  # the next look tries again
        await self._sort(left)
        self._records.retry()

    async def _sort(self, found: Iterable[Left]) -> None:
        left: defaultdict[str, list[tuple[PaidTask, Left]]] = defaultdict(list)
        over: list[tuple[PaidTask, Left]] = []
        for one in found:
            paid = PaidTask.read(one.content)
            if paid is None or not paid.account or self._services.account(paid.service) != paid.account:
                continue
            if self._is_over(paid):
                over.append((paid, one))
            else:
                left[paid.subject].append((paid, one))
        for tasks in left.values():
            tasks.sort(key=lambda pair: (pair[0].solution is None, pair[0].created))
        self._left = dict(left)
        await self._strike_lost(over)

    async def write(self, task: TakenTask, context: Context, session: str, challenge: Challenge) -> None:
        """Write down a task before its answer is waited for."""
        account = self._services.account(task.service)
        if self._records is None or not account:
            return
        paid = PaidTask(
            service=task.service,
            id=task.id,
            account=account,
            site=context.site.name,
            subject=_subject(context, session, challenge),
            challenge=_names(challenge)[-1],
            created=self._clock(),
        )
        self._own[task] = paid
        await self._records.keep(_name(paid), paid.write())

    async def solved(self, task: TakenTask, result: Result, challenge: Challenge) -> bool:
        """Write down a solution before it is sent, without what belongs to the page whose challenge it was.

        Returns:
            Whether it is this process's: one that stood still for longer than its lease was taken for dead.
        """
        paid = self._own.get(task)
        if self._records is None or paid is None:
            return True
        values = {
            key: value for key, value in solution_values(result.solution).items() if challenge.extra.get(key) != value
        }
        if paid.solution is None:
            paid = self._own[task] = evolve(paid, solution=values, solved=self._clock() - result.oldest)
            await self._records.keep(_name(paid), paid.write())
        if not self._records.is_taken(_name(paid)):
            return True
        self.strike(task)
        return False

    def strike(self, task: TakenTask) -> None:
        """Nobody needs it any more."""
        paid = self._own.pop(task, None)
        if self._records is not None and paid is not None:
            self._records.begin_drop(_name(paid))

    def unused(self, task: TakenTask) -> None:
        """Its solution was not sent: at the end of the crawl it is left to the next one."""
        if not self._is_ending():
            self.strike(task)
        elif self._records is not None and task in self._own:
            deferred_from_coro(self.leave(task))

    async def leave(self, task: TakenTask) -> None:
        """Leave a task to whoever needs it."""
        paid = self._own.get(task)
        if self._records is not None and paid is not None:
            await self._records.release(_name(paid), paid.write())

    async def claim(self, context: Context, session: str, challenge: Challenge) -> PaidTask | None:
        """Take a paid task whose solution *context* can use; from here on it is this process's.

        Args:
            context: Whose page is fresh.
            session: Of its site.
            challenge: From that page.
        """
        tasks = self._left.get(_subject(context, session, challenge), [])
        while self._records is not None and tasks:
            paid, left = tasks.pop(0)
            allowed = context.site.services
            if self._is_over(paid) or (allowed is not None and paid.service not in allowed):
                continue
            try:
                is_taken = await self._records.take(left, _name(paid))
            except StorageFailedError:
                return None
            if is_taken:
                self._own[self._services.recall(paid.service, paid.id)] = paid
                return evolve(paid, age=self._clock() - (paid.solved or paid.created))
        return None

    async def settle(self) -> None:
        """Wait until all is written, at the end."""
        if self._records is not None:
            await self._records.settle()

    def _is_over(self, paid: PaidTask) -> bool:
        """Whether the service has forgotten the task, or its solution is too old."""
        if paid.solution is not None:
            return self._clock() > paid.solved + self._max_age
        return self._clock() > paid.created + _SAFE * self._services.keep_seconds(paid.service)

    async def _strike_lost(self, over: Iterable[tuple[PaidTask, Left]]) -> None:
        lost: list[PaidTask] = []
        for paid, left in over:
            with suppress(StorageFailedError):
                if self._records is not None and await self._records.take(left, _name(paid)):
                    self._records.begin_drop(_name(paid))
                    lost.append(paid)
        if lost:
            logger.warning(
                "GeeTest: %d task(s) that an earlier run paid for cannot be collected any more: %s",
                *(len(lost), ", ".join(map(str, lost))),
            )


def _name(paid: PaidTask) -> str:
    return f"{paid.service}:{paid.id}"


def _names(challenge: Challenge) -> tuple[str, ...]:
    """What tells challenges apart that cannot be solved with one solution."""
    if isinstance(challenge, V3Challenge):
        return "3", challenge.gt, challenge.api_server or "", challenge.challenge
    return "4", challenge.risk_type or "", challenge.api_server or "", challenge.captcha_id


def _subject(context: Context, session: str, challenge: Challenge) -> str:
    parts = [context.site.shared_name, session, *_names(challenge)]
    return sha256(json.dumps(parts).encode()).hexdigest()[:32]

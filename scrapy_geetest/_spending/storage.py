"""Questions to a storage on another machine: in threads, and patiently while it cannot be reached."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from twisted.internet.defer import DeferredSemaphore
from twisted.internet.threads import deferToThread

from scrapy_geetest._services.availability import CREATE, Availability, Step
from scrapy_geetest._services.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy_geetest._crawl.parking import Parking

T = TypeVar("T")

AT_ONCE = 5  # questions: half of the reactor's threads, which resolve names as well
_NAME = "the storage of the budgets (GEETEST_STORAGE_URI)"
_ADVICE = "Check that it runs, and the network"


class StorageFailedError(Exception):
    """The storage could not be asked for longer than anybody waits."""


class Storage:
    """Asks questions. While the storage cannot be reached, all of them wait, and one look at a time tries it.

    Args:
        check: Whether it can be reached; called in a thread, as the questions are.
        limit: Seconds of trouble after which it is final for those who wait.
        parking: Waits.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        *,
        check: Callable[[], bool],
        limit: float,
        parking: Parking,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._check = check
        self._parking = parking
        self._clock = clock
        self._availability = Availability(limit, clock, name=_NAME)
        self._permits = DeferredSemaphore(AT_ONCE)
        self._errors = _storage_errors()

    @property
    def trouble(self) -> str:
        """What questions wait for, in words for a progress line; empty if they do not wait."""
        return self._availability.trouble

    async def ready(self) -> bool:
        """Wait until a question can be asked.

        Returns:
            Whether it took any waiting.

        Raises:
            StorageFailedError: The trouble lasts too long.
            Stopping: The crawl is ending.
        """
        has_waited = False
        while True:
            try:
                step = self._availability.next_step(CREATE)
            except ServiceError as error:
                raise StorageFailedError(str(error)) from error
            if step is Step.GO:
                return has_waited
            has_waited = True
            if step is Step.PROBE:
                await self._probe()
            else:
                await self._parking.sleep(step)

    async def ask(self, question: Callable[[], T]) -> tuple[T, bool]:
        """Ask; again when the storage was away, so the question has to know what of it may have been done.

        Returns:
            The answer, and whether it took any waiting.

        Raises:
            StorageFailedError: The trouble lasts too long.
            Stopping: The crawl is ending.
        """
        has_waited = False
        while True:
            has_waited |= await self.ready()
            began = self._availability.begin(CREATE)
            try:
                answer = await self._in_thread(question)
            except self._errors as error:
                self._availability.failed(CREATE, _as_failure(type(error).__name__), began)
                has_waited = True
            else:
                self._availability.succeeded(CREATE)
                return answer, has_waited
            finally:
                self._availability.end(CREATE)

    async def _probe(self) -> None:
        began = self._clock()
        try:
            is_there = await self._in_thread(self._check)
        except BaseException:
            self._availability.give_up_probe()
            raise
        self._availability.probed(None if is_there else _as_failure("no answer"), began)

    async def _in_thread(self, question: Callable[[], T]) -> T:
        asking = self._permits.run(deferToThread, question)
        return await self._parking.wait(asking)


def _as_failure(words: str) -> ServiceError:
    return ServiceError(words, sent=False, advice=_ADVICE)


def _storage_errors() -> tuple[type[Exception], ...]:
    from limits.errors import StorageError

    errors: list[type[Exception]] = [StorageError, OSError]
    try:
        from redis.exceptions import RedisError
    except ImportError:
        return tuple(errors)
    return (*errors, RedisError)

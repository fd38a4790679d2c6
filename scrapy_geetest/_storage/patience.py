"""Questions to a storage outside this process: in threads, and patiently while it cannot be reached."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from scrapy.utils.defer import maybe_deferred_to_future
from twisted.internet.defer import DeferredSemaphore
from twisted.internet.threads import deferToThread

from scrapy_geetest._services.availability import CREATE, Availability
from scrapy_geetest._services.errors import ServiceError
from scrapy_geetest._storage.protocol import StorageFailedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred

T = TypeVar("T")

AT_ONCE = 5  # questions: half of the reactor's threads, which resolve names as well
_NAME = "the storage (GEETEST_STORAGE_URI)"
_ADVICE = "Check that it runs, and the network"


class Waiting(Protocol):
    """Waits without holding up the end of a crawl: what it raises at that end ends the question."""

    @property
    def stopping(self) -> bool:
        """Whether the crawl is ending."""
        ...

    async def wait(self, deferred: Deferred[T]) -> T:
        """Wait for *deferred*."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait *seconds*."""
        ...


class Patience:
    """Asks questions. While the storage cannot be reached, all of them wait, and one look at a time tries it.

    Args:
        check: Whether it can be reached; called in a thread, as the questions are.
        errors: What questions raise where it cannot.
        limit: Seconds of trouble after which it is final for those who wait.
        waiting: Waits.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        *,
        check: Callable[[], bool],
        errors: tuple[type[Exception], ...],
        limit: float,
        waiting: Waiting,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._check = check
        self._errors = errors
        self._waiting = waiting
        self._clock = clock
        self._availability = Availability(limit, clock, name=_NAME)
        self._permits = DeferredSemaphore(AT_ONCE)
        self._is_over = False  # a question at the end of the crawl was in vain

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
        try:
            return await self._availability.admit(CREATE, probe=self._probe, sleep=self._waiting.sleep)
        except ServiceError as error:
            raise StorageFailedError(str(error)) from error

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
                answer = await self._waiting.wait(self._in_thread(question))
            except self._errors as error:
                self._availability.failed(CREATE, _as_failure(type(error).__name__), began)
                has_waited = True
            else:
                self._availability.succeeded(CREATE)
                self._is_over = False
                return answer, has_waited
            finally:
                self._availability.end(CREATE)

    async def ask_in_any_case(self, question: Callable[[], T]) -> T:
        """Ask; the end of the crawl does not cancel it, but then it is tried without patience.

        Args:
            question: What can be asked twice: its first answer may come to nobody.

        Raises:
            StorageFailedError: The trouble lasts too long.
        """
        if not self._waiting.stopping:
            try:
                return (await self.ask(question))[0]
            except StorageFailedError:
                raise
            except Exception:
                if not self._waiting.stopping:
                    raise
        return await self.ask_once(question)

    async def ask_once(self, question: Callable[[], T]) -> T:
        """Ask without patience, whatever is known of the storage.

        Raises:
            StorageFailedError: It cannot be asked.
        """
        try:
            return await maybe_deferred_to_future(self._in_thread(partial(self._once, question)))
        except self._errors as error:
            raise StorageFailedError(type(error).__name__) from error

    def _once(self, question: Callable[[], T]) -> T:
        if self._is_over:  # hundreds may wait behind the first that failed, each of which would take its time
            raise ConnectionAbortedError
        try:
            return question()
        except self._errors:
            self._is_over = True
            raise

    async def _probe(self) -> None:
        began = self._clock()
        try:
            is_there = await self._waiting.wait(self._in_thread(self._check))
        except BaseException:
            self._availability.give_up_probe()
            raise
        self._availability.probed(None if is_there else _as_failure("no answer"), began)

    def _in_thread(self, question: Callable[[], T]) -> Deferred[T]:
        return self._permits.run(deferToThread, question)


def _as_failure(words: str) -> ServiceError:
    return ServiceError(words, sent=False, advice=_ADVICE)

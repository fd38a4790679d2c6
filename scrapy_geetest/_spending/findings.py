"""What one process finds out for all: a site that refuses, an account that is out, how long solving takes."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from attrs import define, field
from scrapy.utils.defer import deferred_from_coro, maybe_deferred_to_future
from twisted.internet.defer import Deferred, DeferredLock

from scrapy_geetest._storage.protocol import StorageFailedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from scrapy_geetest._spending.shared_circuits import SharedCircuits
    from scrapy_geetest._spending.shared_services import SharedServices

logger = logging.getLogger(__name__)

_FRESH = 1.0  # seconds for which what was read counts
_LONG = 2.0  # seconds of reading after which a page in hand is no longer fresh


@define(eq=False)
class Findings:
    """Reads what others found before anything is bought, and writes down what this process finds.

    Args:
        circuits: Of the sites.
        services: Accounts that are out, and solve times.
        are_shared: Whether another process sees what is written; else nothing is done at all.
        clock: Monotonic seconds.
    """

    _circuits: SharedCircuits
    _services: SharedServices
    _are_shared: bool
    _clock: Callable[[], float] = time.monotonic
    _read_at: float = field(init=False, default=float("-inf"))
    _turn: DeferredLock = field(init=False, factory=DeferredLock)  # of those who write, since each reads before

    def open(self) -> None:
        """Learn the solve times of before, in the background."""
        if self._are_shared:
            self._circuits.watch(lambda site, change: self._write(lambda: self._circuits.write(site, change)))
            self._write(self._services.learn)

    async def refresh(self) -> bool:
        """Read what other processes found; called before anything is done for the sake of a purchase.

        Returns:
            Whether it took so long that what was fetched before has grown old.
        """
        began = self._clock()
        if not self._are_shared or began - self._read_at < _FRESH:
            return False
        self._read_at = began
        try:
            await self._services.read()
            if not (self._turn.locked or self._turn.waiting):  # else this process knows more than what is written
                await self._circuits.read()
        except StorageFailedError as error:
            logger.debug("GeeTest: what other processes found cannot be read: %s", error)
        return self._clock() - began > _LONG

    def note_services(self) -> None:
        """A call of a service has failed, or a task was solved: write down what that shows, in the background."""
        if self._are_shared and self._services.has_news:
            self._write(self._services.write)

    async def close(self) -> None:
        """Write down the rest."""
        if self._are_shared:
            self._write(self._services.write_all)
            await maybe_deferred_to_future(self._turn.run(lambda: None))

    def _write(self, writing: Callable[[], Awaitable[None]]) -> None:
        def begin() -> Deferred[Any]:
            return deferred_from_coro(self._written(writing))

        self._turn.run(begin)

    @staticmethod
    async def _written(writing: Callable[[], Awaitable[None]]) -> None:
        try:
            await writing()
        except StorageFailedError as error:
            logger.debug("GeeTest: what was found cannot be written down for other processes: %s", error)

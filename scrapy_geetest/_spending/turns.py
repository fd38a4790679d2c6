"""Turns at the solving service: no more tasks at once than ``GEETEST_MAX_CONCURRENT_SOLVES``."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import DeferredSemaphore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from twisted.internet.defer import Deferred


class Turns:
    """Hands out turns, first come, first served.

    Args:
        limit: How many at a time.
        wait: Awaits a Deferred unless the crawl begins to end.
    """

    def __init__(self, limit: int, wait: Callable[[Deferred[Any]], Awaitable[Any]]) -> None:
        self._semaphore = DeferredSemaphore(limit)
        self._wait = wait

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[bool]:
        """Wait for a turn and hold it; says whether it was free at once.

        Raises:
            Stopping: The crawl is ending.
        """
        acquired = self._semaphore.acquire()
        at_once = bool(acquired.called)
        await self._wait(acquired)
        try:
            yield at_once
        finally:
            self._semaphore.release()

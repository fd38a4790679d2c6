"""Work in the background that others may wait for, though never for long: what it asks may be away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy.utils.defer import deferred_from_coro, maybe_deferred_to_future
from twisted.internet.defer import Deferred

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class Work:
    """A coroutine that runs once at a time.

    Args:
        coroutine: Makes it.
        reactor: The Twisted reactor, or a clock in tests.
    """

    __slots__ = ("_coroutine", "_reactor", "_waiters", "is_under_way")

    def __init__(self, coroutine: Callable[[], Coroutine[Any, Any, None]], reactor: Any) -> None:
        self._coroutine = coroutine
        self._reactor = reactor
        self._waiters: list[Deferred[None]] = []
        self.is_under_way = False

    def start(self) -> None:
        """Begin, unless it is under way."""
        if not self.is_under_way:
            self.is_under_way = True
            deferred_from_coro(self._run())

    async def wait(self, seconds: float) -> None:
        """Wait for its end, or for so long."""
        if not self.is_under_way:
            return
        waiter: Deferred[None] = Deferred()
        self._waiters.append(waiter)
        timer = self._reactor.callLater(seconds, _end, waiter)
        try:
            await maybe_deferred_to_future(waiter)
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            if timer.active():
                timer.cancel()

    async def _run(self) -> None:
        try:
            await self._coroutine()
        finally:
            self.is_under_way = False
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                _end(waiter)


def _end(waiter: Deferred[None]) -> None:
    """Let go on who waits: the end and the time may come at one moment, before either is seen."""
    if not waiter.called:
        waiter.callback(None)

"""The one reactor of a test session: asyncio's, driven from the tests' side, one coroutine at a time."""

from __future__ import annotations

import asyncio
import atexit
import sys
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine

    from twisted.internet.defer import Deferred

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T], timeout: float = 120.0) -> T:
    """Run a coroutine to its end on the session's reactor, which is installed and started at the first call.

    Args:
        coroutine: What to run; Deferreds in it are awaited through ``settle``, or Scrapy's ``maybe_deferred_to_future``.
        timeout: Seconds until it has failed.
    """
    loop = _event_loop()
    return loop.run_until_complete(asyncio.wait_for(coroutine, timeout))


def ready() -> None:
    """Install and start the session's reactor, for fixtures that listen before a coroutine runs."""
    _event_loop()


def settle(deferred: Deferred[T]) -> Awaitable[T]:
    """A Deferred as something that a coroutine under ``run`` can await."""
    return deferred.asFuture(asyncio.get_running_loop())


async def turns(number: int = 3) -> None:
    """Let the reactor do what is due."""
    for _ in range(number):
        await asyncio.sleep(0)


def _event_loop() -> asyncio.AbstractEventLoop:
    if "twisted.internet.reactor" not in sys.modules:
        from twisted.internet import asyncioreactor

        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        asyncioreactor.install(loop)  # type: ignore[no-untyped-call]  # Twisted's
    from twisted.internet import reactor

    running: Any = reactor
    if not running.running:
        running.startRunning(installSignalHandlers=False)
        # A thread that still resolves a name must not hold up the end of the session.
        running.getThreadPool().threadFactory = partial(Thread, daemon=True)
        atexit.register(_shut_down, running)
    return running._asyncioEventloop  # type: ignore[no-any-return]  # it has no type, and is what Scrapy takes, too


def _shut_down(reactor: Any) -> None:
    reactor.fireSystemEvent("shutdown")
    reactor.disconnectAll()
    reactor._asyncioEventloop.close()

"""Coroutines that nobody awaits: started, looked at, cancelled."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred

if TYPE_CHECKING:
    from collections.abc import Coroutine


class Running:
    """A coroutine on its way.

    Attributes:
        done: Whether it has ended.
        value: What it returned or raised.
        running: What can be cancelled.
        ended: Fires when it has ended, however it did.
    """

    def __init__(self) -> None:
        self.done = False
        self.value: Any = None
        self.running: Any = None
        self.ended: Deferred[None] = Deferred()

    def cancel(self) -> None:
        """End it."""
        if not self.done:
            self.running.cancel()

    def finish(self, value: Any) -> None:
        """It has ended."""
        self.done, self.value = True, value
        self.ended.callback(None)


def start(coroutine: Coroutine[Any, Any, Any]) -> Running:
    """Start a coroutine: as a task where an asyncio loop runs, since it may await what asyncio has."""
    started = Running()
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        started.running = running = Deferred.fromCoroutine(coroutine)
        running.addCallbacks(started.finish, lambda failure: started.finish(failure.value))
    else:
        started.running = task = asyncio.ensure_future(coroutine)
        task.add_done_callback(lambda ended: started.finish(_outcome(ended)))
    return started


def _outcome(ended: asyncio.Future[Any]) -> Any:
    return CancelledError() if ended.cancelled() else ended.exception() or ended.result()

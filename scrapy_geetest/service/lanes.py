"""How many calls are made at once: one after the other, unless that makes them wait."""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.defer import Deferred

_PATIENCE = 0.1


class Lanes:
    """Lets calls through one by one, and one more at once for each tenth of a second that one has waited.

    A pool opens a connection for every call that finds none idle. A burst of short calls through one lane needs one
    connection; a slow or hanging call does not hold up the others for longer than that tenth.

    Args:
        reactor: For the clock.
        most: The most calls at once.
    """

    def __init__(self, reactor: Any, *, most: int) -> None:
        self._reactor = reactor
        self._most = most
        self._open = 1
        self._busy = 0
        self._waiting: deque[tuple[float, Deferred[None]]] = deque()
        self._timer: Any = None

    async def enter(self) -> None:
        """Wait for a lane. Every call that came through must ``leave``."""
        if self._busy < self._open:
            self._busy += 1
            return
        turn: tuple[float, Deferred[None]] = self._reactor.seconds(), Deferred()
        self._waiting.append(turn)
        self._watch(_PATIENCE)
        try:
            await turn[1]
        except BaseException:
            self._waiting.remove(turn)
            raise
        finally:
            self._unwatch()

    def leave(self) -> None:
        """Hand the lane on to the one that has waited longest."""
        self._busy -= 1
        self._admit()
        if not self._busy:
            self._open = 1

    def _watch(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = self._reactor.callLater(seconds, self._look)

    def _unwatch(self) -> None:
        if self._timer is not None and not self._waiting:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """Open a lane if one has waited long enough by now; else look again when it will have."""
        self._timer = None
        patience = self._waiting[0][0] + _PATIENCE - self._reactor.seconds()
        if patience <= 0:
            self._open = min(self._most, self._open + 1)
            self._admit()
        if self._waiting and self._open < self._most:
            self._watch(patience if patience > 0 else _PATIENCE)

    def _admit(self) -> None:
        while self._waiting and self._busy < self._open:
            self._busy += 1
            self._waiting.popleft()[1].callback(None)

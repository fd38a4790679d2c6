"""How many calls are made at once: one after the other, unless that makes them wait."""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.defer import Deferred

_PATIENCE = 0.1


class Lanes:
    """Lets calls through one by one, and more of them at once only when one has waited for a tenth of a second.

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
        self._waiting: deque[Deferred[None]] = deque()

    async def enter(self) -> None:
        """Wait for a lane. Every call that came through must ``leave``."""
        if self._busy < self._open:
            self._busy += 1
            return
        turn: Deferred[None] = Deferred()
        self._waiting.append(turn)
        timer = self._reactor.callLater(_PATIENCE, self._widen)
        try:
            await turn
        except BaseException:
            self._waiting.remove(turn)
            raise
        finally:
            if timer.active():
                timer.cancel()

    def leave(self) -> None:
        """Hand the lane on to the one that has waited longest."""
        self._busy -= 1
        self._admit()
        if not self._busy:
            self._open = 1

    def _widen(self) -> None:
        self._open = min(self._most, self._open + 1)
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._busy < self._open:
            self._busy += 1
            self._waiting.popleft().callback(None)

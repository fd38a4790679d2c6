"""How many calls are made at once: one after the other, unless that makes them wait."""

from __future__ import annotations

from collections import deque
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred

PATIENCE = 0.1
"""Seconds that a call may have to wait for its turn, as far as more lanes can help it."""

_OWN = 0.01  # seconds of a call that are this machine's own work, or the service's: no other lane saves them
_ENOUGH, _RECENT = 4, 8  # calls whose pace is looked at


@define(eq=False)
class Turn:
    """One call's: it waits until ``come`` fires, and is on its way from ``since`` on."""

    come: Deferred[None] = field(factory=Deferred)
    since: float = 0.0
    hanging: Any = None  # the timer that tells when it has been on its way for too long


class Lanes:
    """Lets calls through one after the other, on one connection, for as long as that is fast enough.

    A pool opens a connection for every call that finds none idle. A service that is near answers some hundred calls a
    second on one; where it is far, a burst would take too long, and gets as many lanes as bring its last call through
    within ``PATIENCE``. A call that takes longer than that holds up nobody: the next one gets a lane of its own.

    Args:
        reactor: For the clock.
        most: The most calls at once.
    """

    def __init__(self, reactor: Any, *, most: int) -> None:
        self._reactor = reactor
        self._most = most
        self._open = 1
        self._busy = 0
        self._hanging = 0
        self._waiting: deque[Turn] = deque()
        self._recent: deque[float] = deque(maxlen=_RECENT)

    async def enter(self) -> Turn:
        """Wait for a lane.

        Returns:
            What to ``leave`` with; every call that came through must.
        """
        turn = Turn()
        self._waiting.append(turn)
        self._admit()
        try:
            await turn.come
        except BaseException:
            self._waiting.remove(turn)
            raise
        return turn

    def leave(self, turn: Turn) -> None:
        """Hand the lane on to the one that has waited longest."""
        self._recent.append(self._reactor.seconds() - turn.since)
        self._busy -= 1
        if turn.hanging.active():
            turn.hanging.cancel()
        else:
            self._hanging -= 1
        self._admit()
        if not self._busy:
            self._open = 1

    def _admit(self) -> None:
        self._open = max(self._open, round(len(self._waiting) * self._distance() / PATIENCE))
        while self._waiting and self._busy < min(self._most, self._open + self._hanging):
            turn = self._waiting.popleft()
            self._busy += 1
            turn.since = self._reactor.seconds()
            turn.hanging = self._reactor.callLater(PATIENCE, self._hangs)
            turn.come.callback(None)

    def _hangs(self) -> None:
        self._hanging += 1
        self._admit()

    def _distance(self) -> float:
        """Seconds that a call waits for the network; the fastest tells, since others made their connection or hung."""
        return max(0.0, min(self._recent) - _OWN) if len(self._recent) >= _ENOUGH else 0.0

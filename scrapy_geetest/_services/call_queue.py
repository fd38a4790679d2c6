"""How many calls are on their way at once, and which of those that wait is next."""

from __future__ import annotations

from collections import deque

from attrs import define, field
from twisted.internet.defer import Deferred


@define
class CallQueue:
    """Lets as many calls through as there may be connections; of those that wait, the urgent ones first.

    Args:
        most: The most calls at once.
    """

    most: int
    _running: int = 0
    _urgent: deque[Deferred[None]] = field(factory=deque)
    _others: deque[Deferred[None]] = field(factory=deque)

    async def enter(self, *, urgent: bool) -> None:
        """Wait for a place. Every call that came through has to ``leave``."""
        if self._running < self.most:
            self._running += 1
            return
        turn: Deferred[None] = Deferred()
        waiting = self._urgent if urgent else self._others
        waiting.append(turn)
        try:
            await turn
        except BaseException:
            waiting.remove(turn)
            raise

    def leave(self) -> None:
        """Hand the place on to the one that is next."""
        waiting = self._urgent or self._others
        if waiting:
            waiting.popleft().callback(None)
        else:
            self._running -= 1

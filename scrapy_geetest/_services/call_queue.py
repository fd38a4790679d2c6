"""How many calls are on their way at once, and which of those that wait is next."""

from __future__ import annotations

from collections import deque
from math import ceil
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred

LONGEST_WAIT = 0.02
"""Seconds within which all that wait are to be on their way, as far as it is the network that takes the time of a call."""

PATIENCE = 1.0
"""Seconds for which some may wait all the time, whatever takes the time of a call."""

HANGING = 0.1
"""Seconds without any call coming back, after which those that wait are held up no longer; the longer, the more go at once."""

_OWN = 0.02  # seconds of a call that are this machine's own work, or the service's: no other connection saves them
_ENOUGH, _RECENT = 3, 8  # calls whose pace is looked at


@define(eq=False)
class CallQueue:
    """Lets calls through one after the other, on one connection, for as long as that is fast enough.

    A pool opens a connection for every call that finds none idle, and each costs a TLS handshake and some 50 KB. A service that
    is near answers some hundred calls a second on one. Where it is far, as many calls go at once as bring those that wait on
    their way within ``LONGEST_WAIT``; where calls hang, twice as many each time; where some have waited for ``PATIENCE`` without
    a break, two more. It is one again when nothing is on its way.

    Args:
        clock: The reactor.
        most: The most calls at once.
    """

    _clock: Any
    most: int
    _at_once: int = 1
    _running: int = 0
    _urgent: deque[Deferred[float]] = field(factory=deque)
    _others: deque[Deferred[float]] = field(factory=deque)
    _recent: deque[float] = field(factory=lambda: deque(maxlen=_RECENT))
    _timer: Any = None  # runs as long as calls wait
    _began: float = 0.0  # when they began to, or more began to go at once for that
    _is_admitting: bool = False

    async def enter(self, *, urgent: bool) -> float:
        """Wait for a place; the urgent ones get one first.

        Returns:
            What to ``leave`` with, as every call that came through has to: since when it is on its way.
        """
        turn: Deferred[float] = Deferred()
        waiting = self._urgent if urgent else self._others
        waiting.append(turn)
        self._admit()
        try:
            return await turn
        except BaseException:
            waiting.remove(turn)
            self._watch()
            raise

    def leave(self, since: float, *, is_answered: bool) -> None:
        """Hand the place on to the one that is next.

        Args:
            since: What ``enter`` has returned.
            is_answered: Whether an answer came, so that the time until now tells how far the service is.
        """
        if is_answered:
            self._recent.append(self._clock.seconds() - since)
        self._running -= 1
        if self._timer is not None:
            self._timer.reset(self._longest_silence)
        self._admit()

    def _admit(self) -> None:
        if self._is_admitting:
            return  # whoever is let in goes on at once, and may leave: the loop below sees it
        self._is_admitting = True
        try:
            while (waiting := self._urgent or self._others) and self._running < self._grown():
                self._running += 1
                waiting.popleft().callback(self._clock.seconds())
        finally:
            self._is_admitting = False
        if not self._running:
            self._at_once = 1
        self._watch()

    def _grown(self) -> int:
        """How many calls may go at once by now."""
        now, needed = self._clock.seconds(), 1
        if len(self._recent) >= _ENOUGH:
            # The fastest tells the distance: others made their connection, or hung.
            needed = ceil(self._waiting() * max(0.0, min(self._recent) - _OWN) / LONGEST_WAIT)
        if self._timer is not None and now - self._began >= PATIENCE:
            needed, self._began = max(needed, self._at_once + 2), now
        self._at_once = min(self.most, max(self._at_once, needed))
        return self._at_once

    def _watch(self) -> None:
        if self._timer is None and self._waiting():
            self._began, self._timer = self._clock.seconds(), self._clock.callLater(self._longest_silence, self._hang)
        elif self._timer is not None and not self._waiting():
            self._timer.cancel()
            self._timer = None

    def _hang(self) -> None:
        self._at_once *= 2
        self._timer = self._clock.callLater(self._longest_silence, self._hang)
        self._admit()

    @property
    def _longest_silence(self) -> float:
        """A service that pauses for a second gets 16 connections then; one that hangs gets a hundred within 3 s."""
        return HANGING * self._at_once.bit_length()

    def _waiting(self) -> int:
        return len(self._urgent) + len(self._others)

"""When to ask for a result: not before it can pay, never faster than allowed, and not all tasks at once."""

from __future__ import annotations

import random
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FLOOR = 2.0
"""Seconds that the service wants between two polls of one task."""

_WINDOW = 32
_ENOUGH = 8
_EARLY = 1.5
# The service says that a solution takes 10 to 30 s: until this one's own times are known, the polls before are sparser.
_SOONEST = 7.0
_UNHURRIED = 2.0
_HASTE = 0.8
_STEEPEST = 8.0
_HALF_LIFE = 10.0


class Pacing:
    """Decides how long to wait before each poll of a task.

    The first poll comes a little before the earliest of the recent tasks was ready (the second earliest of the last 32,
    so that one oddity does not count). A task that is ready at its first poll was ready before by an unknown time, so it
    counts as faster than it was seen to be: the first poll moves down quickly when the service gets faster.

    Args:
        first_poll: Seconds before the first poll; ``None``: learnt.
        interval: Seconds between two polls of a task, at least 2.
        uniform: ``random.uniform``, or what stands in for it.
        clock: Monotonic seconds.

    Raises:
        ValueError: ``interval`` is below what the service allows, or ``first_poll`` is negative.
    """

    def __init__(
        self,
        *,
        first_poll: float | None,
        interval: float,
        uniform: Callable[[float, float], float] = random.uniform,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if interval < FLOOR:
            raise ValueError(f"the interval between two polls must be at least {FLOOR:g} s, not {interval:g}")
        if first_poll is not None and first_poll < 0:
            raise ValueError(f"the wait before the first poll must not be negative, as {first_poll:g} is")
        self._first_poll = first_poll
        self._interval = interval
        self._uniform = uniform
        self._clock = clock
        self._seen: dict[int, deque[float]] = {}
        self._slowness = 1.0
        self._slowed_at = clock()

    def first(self, version: int) -> float:
        """Seconds between the answer of createTask and the first poll.

        Args:
            version: The challenge's GeeTest version; the solve times of each are learnt for themselves.
        """
        if self._first_poll is not None:
            return self._first_poll
        seen = self._seen.get(version, ())
        if len(seen) < _ENOUGH:
            return FLOOR + self._uniform(0.0, self._interval / 4)
        earliest = sorted(seen)[1] - _EARLY
        return max(FLOOR, earliest + self._uniform(-self._interval / 4, self._interval / 4))

    def next(self, version: int, elapsed: float) -> float:
        """Seconds between an answer (or the lack of one) and the next poll of the same task.

        Args:
            version: The challenge's GeeTest version.
            elapsed: Seconds since the answer of createTask.
        """
        pace = self._current_slowness()
        if self._first_poll is None and elapsed < _SOONEST and len(self._seen.get(version, ())) < _ENOUGH:
            pace *= _UNHURRIED
        return self._interval * pace + self._uniform(0.0, self._interval / 40)

    def learn(self, version: int, seconds: float, *, at_first: bool = False) -> None:
        """Take note of a solved task.

        Args:
            version: The challenge's GeeTest version.
            seconds: From the answer of createTask to the poll that found the task ready.
            at_first: It was the first poll, so the task may have been ready long before.
        """
        estimate = seconds * _HASTE if at_first else seconds
        self._seen.setdefault(version, deque(maxlen=_WINDOW)).append(estimate)

    def slow_down(self) -> None:
        """The service says that calls come too fast: double the interval, and come back to it within a minute.

        Many tasks may be told so at the same time; that counts once.
        """
        now = self._clock()
        if self._slowness > 1.0 and now - self._slowed_at < self._interval:
            return
        self._slowness = min(_STEEPEST, 2 * self._current_slowness())
        self._slowed_at = now

    def _current_slowness(self) -> float:
        elapsed = self._clock() - self._slowed_at
        remaining: float = 0.5 ** (elapsed / _HALF_LIFE)
        return 1.0 + (self._slowness - 1.0) * remaining

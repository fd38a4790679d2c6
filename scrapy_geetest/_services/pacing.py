"""When to ask for a result: where solutions come, never faster than allowed, and never much later than they are there."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from attrs import define, field

from scrapy_geetest._services.solve_times import CAREFUL, LearntTimes

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy_geetest._services.solve_times import SolveTimes

FLOOR = 2.0
"""Seconds that CapMonster Cloud wants between two polls of one task."""

_ENOUGH = 8  # tasks before what was learnt is used
_SETTLED = 40  # tasks after which few polls are spent on learning
_CURIOUS, _CONTENT = 0.5, 1 / 24
# The service says that a solution takes 10 to 30 s: until its own times are known, the polls before are sparser.
_SOONEST = 9.0
_STEEPEST = 8.0
_HALF_LIFE = 10.0


class Pacing:
    """Decides how long to wait before each poll of a task.

    Polls begin where solutions begin to come, and are placed so that solutions wait as little as possible: where solve times
    hardly vary, the poll comes when the solution does. No poll is so late that a solution faster than all before would wait
    for long. A few tasks are polled a little earlier than it seems best, since only a poll before the solution bounds its
    time from below.

    Args:
        first_poll: Seconds before the first poll; ``None``: learnt.
        interval: Seconds between two polls of a task; ``None``, or less than *floor*: the floor.
        floor: Seconds that the service wants between two polls of a task.
        uniform: ``random.uniform``, or what stands in for it.
        clock: Monotonic seconds.

    Raises:
        ValueError: ``first_poll`` is negative.
    """

    def __init__(
        self,
        *,
        first_poll: float | None = None,
        interval: float | None = None,
        floor: float | None = None,
        uniform: Callable[[float, float], float] = random.uniform,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if first_poll is not None and first_poll < 0:
            raise ValueError(f"the wait before the first poll must not be negative, as {first_poll:g} is")
        self.floor = FLOOR if floor is None else floor
        self.first_poll = first_poll
        self.interval = max(self.floor, interval or 0.0)
        self.uniform = uniform
        self._clock = clock
        self.times = LearntTimes()
        self._slowness = 1.0
        self._slowed_at = clock()

    def begin(self, version: int) -> TaskPace:
        """The pace of one task, created at this moment.

        Args:
            version: The challenge's GeeTest version; the solve times of each are learnt apart.
        """
        times = self.times.of(version)
        curiosity = _CURIOUS if times.count < _SETTLED else _CONTENT
        return TaskPace(self, version, times, curious=self.uniform(0.0, 1.0) < curiosity)

    def slow_down(self) -> None:
        """The service says that calls come too fast: double the interval, and come back to it within a minute.

        Many tasks may be told so at the same time; that counts once.
        """
        now = self._clock()
        if self._slowness > 1.0 and now - self._slowed_at < self.interval:
            return
        self._slowness = min(_STEEPEST, 2 * self.slowness)
        self._slowed_at = now

    @property
    def slowness(self) -> float:
        """By how much intervals are longer than usual at this moment."""
        elapsed = self._clock() - self._slowed_at
        remaining: float = 0.5 ** (elapsed / _HALF_LIFE)
        return 1.0 + (self._slowness - 1.0) * remaining


@define
class TaskPace:
    """When one task is polled. All times are seconds since its createTask was answered.

    Attributes:
        asked: When the latest poll that told something was sent; 0 before the first.
    """

    _pacing: Pacing
    _version: int
    _times: SolveTimes
    _curious: bool
    asked: float = field(default=0.0, init=False)

    def first(self) -> float:
        """When to poll for the first time."""
        pacing = self._pacing
        if pacing.first_poll is not None:
            return pacing.first_poll
        if self._times.count < _ENOUGH:
            return pacing.floor + pacing.uniform(0.0, pacing.floor)
        return self._aim(pacing.floor)

    def next(self, elapsed: float) -> float:
        """Seconds from now to the next poll.

        Args:
            elapsed: When the latest poll was answered, or given up: that is now.
        """
        gap = self._pacing.interval * self._pacing.slowness
        if self._pacing.first_poll is not None:
            return gap
        if self._times.count < _ENOUGH:
            return max(gap, min(2 * gap, CAREFUL)) if elapsed < _SOONEST else gap
        return max(gap, self._aim(gap) - elapsed)

    def unsolved(self, asked: float) -> None:
        """A poll sent at *asked* was answered that the task is not solved."""
        self.asked = asked

    def solved(self, elapsed: float) -> None:
        """Learn from a task whose solution has come; not to be called if the polls before told nothing."""
        self._pacing.times.solved(self._version, self.asked, elapsed)

    def _aim(self, gap: float) -> float:
        target, is_likely = self._times.next_poll(self.asked, gap)
        free = target - self.asked - gap
        if free <= 0:
            return target
        if self._curious:
            part = self._pacing.uniform(-0.5, 1.0)
            earliest = target - min(free, gap)
            return self._times.divide(earliest, target, part) if part > 0 else self._pacing.uniform(earliest, target)
        if is_likely:
            blur = min(self._times.blur, free)
            return target + self._pacing.uniform(-blur, blur)
        # Tasks that were created together are not polled together, where it does not matter when.
        return target - self._pacing.uniform(0.0, min(free, gap / 2))

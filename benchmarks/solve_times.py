"""Tasks of known solve times, polled in virtual time as the plugin's client polls them."""

from __future__ import annotations

import heapq
import math
import random
from typing import TYPE_CHECKING

from attrs import field, frozen

from scrapy_geetest._services.pacing import Pacing

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy_geetest._services.pacing import TaskPace

ROUND_TRIP = 0.05
AT_ONCE = 32
LEARNING = 40  # tasks after which what hardly varies is known


@frozen
class Distribution:
    """How long tasks take.

    Attributes:
        name: For the table.
        draw: Seconds for one task.
        mean_at_most: Seconds from ready to fetched that are allowed on average.
        most_at_most: Seconds from ready to fetched that are allowed for any task.
        skip: Tasks that are not looked at, from the first on.
    """

    name: str
    draw: Callable[[random.Random], float]
    mean_at_most: float = math.inf
    most_at_most: float = math.inf
    skip: int = 0


DISTRIBUTIONS = (
    Distribution("10 to 30 s", lambda chance: chance.uniform(10, 30), 1.1),
    Distribution("always 20 s", lambda _: 20.0, 0.3, skip=LEARNING),
    Distribution("20 s, deviation 0.5 s", lambda chance: chance.gauss(20, 0.5), 1.0, skip=LEARNING),
    Distribution(
        "1 of 10: 2 to 5 s, else 18 to 26 s",
        lambda chance: chance.uniform(2, 5) if chance.random() < 0.1 else chance.uniform(18, 26),
        most_at_most=4.5,
    ),
    Distribution("2 to 5 s", lambda chance: chance.uniform(2, 5), 1.3),
    Distribution("always 60 s", lambda _: 60.0, 0.3, skip=LEARNING),
)


@frozen
class Measured:
    """What came of it.

    Attributes:
        delays: Seconds from ready to fetched, task by task.
        polls: All polls, as a share of those of a client that polls every second from the first on.
        closest: Least seconds between two polls of a task.
        earliest: Least seconds before the first poll of a task.
    """

    delays: list[float] = field(repr=False)
    polls: float
    closest: float
    earliest: float

    @property
    def delay(self) -> float:
        """The mean delay."""
        return sum(self.delays) / len(self.delays)

    @property
    def longest(self) -> float:
        """The longest delay."""
        return max(self.delays)


class _Run:
    def __init__(self, solve_time: Callable[[int], float], tasks: int, seed: int) -> None:
        self.now = 0.0
        self.pacing = Pacing(uniform=random.Random(seed).uniform, clock=lambda: self.now)
        self.solve_time, self.tasks = solve_time, tasks
        self.delays = [0.0] * tasks
        self.polls = self.official = self.started = 0
        self.closest = self.earliest = math.inf
        self._due: list[tuple[float, int, float, TaskPace]] = []  # when, which task, when it was created, its pace
        self._created: dict[int, tuple[float, float]] = {}  # task -> solve time, latest poll

    def create(self, at: float) -> None:
        number, self.started, self.now = self.started, self.started + 1, at
        pace = self.pacing.begin(4)
        self._created[number] = self.solve_time(number), -math.inf
        first = pace.first()
        self.earliest = min(self.earliest, first)
        heapq.heappush(self._due, (at + first, number, at, pace))

    def run(self) -> None:
        while self._due:
            at, number, created, pace = heapq.heappop(self._due)
            ready, before = self._created.pop(number)
            self.now, elapsed, answered = at, at - created, at + ROUND_TRIP
            self.polls += 1
            self.closest = min(self.closest, at - before)
            if elapsed + ROUND_TRIP / 2 < ready:
                pace.unsolved(elapsed)
                self._created[number] = ready, at
                heapq.heappush(self._due, (answered + pace.next(answered - created), number, created, pace))
                continue
            pace.solved(answered - created)
            self.delays[number] = answered - created - ready
            self.official += math.floor(ready) + 1
            if self.started < self.tasks:
                self.create(answered + ROUND_TRIP)


def measure(wanted: Distribution | Callable[[int], float], tasks: int, seed: int = 1) -> Measured:
    """Solve so many tasks, 32 at once.

    Args:
        wanted: A distribution, or the seconds that the task of a number takes.
        tasks: How many.
        seed: For what is drawn.
    """
    chance = random.Random(seed)
    is_fixed = isinstance(wanted, Distribution)
    draw = (lambda _: wanted.draw(chance)) if isinstance(wanted, Distribution) else wanted
    run = _Run(draw, tasks, seed)
    for _ in range(min(AT_ONCE, tasks)):
        run.create(chance.uniform(0, 2))
    run.run()
    skip = wanted.skip if is_fixed and isinstance(wanted, Distribution) else 0
    return Measured(run.delays[skip:], run.polls / run.official, run.closest, run.earliest)

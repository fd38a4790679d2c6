"""How long a service takes to solve a task, learnt from polls, and which moments to poll follow from it.

A solved task tells no time, only two bounds: it was unsolved at one poll and solved at the next. Each such interval adds
weight to a histogram, more where earlier intervals put theirs, so that intervals with different bounds narrow the time down.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from itertools import accumulate

from attrs import define, field

BIN = 0.1
"""Seconds: the resolution of the histogram and of the moments to poll."""

CAREFUL = 4.3
"""Seconds between two polls, at most, as long as little is known: a solution that comes early does not wait longer."""

_SURE = 8.0  # seconds between two polls where many tasks have shown that nothing comes in between
_LONGEST = 150.0
_BINS = round(_LONGEST / BIN)
_EVIDENCE, _WINDOW = 128, 256  # tasks that make sure, and those looked back at
_PRICE = 0.04  # seconds of delay that one poll less is worth
# What was that likely tells nothing new; so many at least, and so many of those that told something, are remembered.
_FORESEEN, _LEAST, _MEMORY = 0.95, 32, 128
_ROUNDS = 24
_SURPRISE, _SURPRISES, _KEPT = 0.02, 3, 12  # so many unlikely ones among so many: the service has changed
_SPREAD, _BLUR, _MOST_BLUR = 0.2, 1.0, 0.4
_RECALCULATE = 16


@define
class SolveTimes:
    """The solve times of one kind of task at one service.

    Attributes:
        count: How many tasks were learnt from.
    """

    count: int = 0
    _recent: deque[tuple[int, int]] = field(factory=deque)
    _telling: deque[tuple[int, int]] = field(factory=lambda: deque(maxlen=_MEMORY))
    _surprises: deque[bool] = field(factory=lambda: deque(maxlen=_KEPT))
    _covered: list[int] = field(factory=lambda: [0] * (int(_LONGEST) + 1))
    _policy: list[int] = field(factory=list)
    _shares: list[float] = field(factory=list)
    _gap: float = 0.0
    _deviation: float = 0.0
    _stale: int = 0

    def learn(self, low: float, high: float) -> None:
        """Take note of a task that was solved after *low* and up to *high* seconds."""
        self.count += 1
        first = min(_BINS - 1, max(0, int(low / BIN)))
        last = min(_BINS, max(first + 1, math.ceil(high / BIN)))
        self._stale += 1
        share = self._share(first, last)
        self._remember(first, last)
        if share > _FORESEEN and len(self._telling) >= _LEAST:
            return
        self._telling.append((first, last))
        self._surprises.append(share < _SURPRISE)
        if sum(self._surprises) >= _SURPRISES:
            while len(self._telling) > _KEPT:
                self._telling.popleft()
            self._surprises.clear()

    def next_poll(self, after: float, gap: float) -> tuple[float, bool]:
        """The best moment of the next poll of a task that was unsolved at *after*.

        Args:
            after: Seconds since the task was created.
            gap: Least seconds between two polls.

        Returns:
            Seconds since the task was created, and whether a solution is likely about then.
        """
        if gap != self._gap or self._stale >= min(_RECALCULATE, 1 + self.count // 8):
            self._gap, self._stale = gap, 0
            self._calculate(max(1, round(gap / BIN)))
        at = round(after / BIN)
        if at >= len(self._policy):
            return after + gap, True
        target = self._policy[at]
        near = round(1.0 / BIN)
        around = self._shares[min(target + near, len(self._shares) - 1)] - self._shares[max(at, target - near)]
        return target * BIN, around > 0.01  # noqa: PLR2004 - one task in a hundred

    def divide(self, low: float, high: float, part: float) -> float:
        """The moment between two, before which comes so much of what is solved between them."""
        first, last = (min(round(at / BIN), len(self._shares) - 1) for at in (low, high))
        wanted = self._shares[first] + part * (self._shares[last] - self._shares[first])
        return min(high, bisect_left(self._shares, wanted, first, last) * BIN)

    @property
    def blur(self) -> float:
        """Seconds within which the best moment cannot be told: none where all tasks take the same time."""
        return min(_BLUR * self._deviation, _MOST_BLUR)

    def _share(self, first: int, last: int) -> float:
        end = len(self._shares) - 1
        return self._shares[min(last, end)] - self._shares[min(first, end)] if end > 0 else 1.0

    def _remember(self, first: int, last: int) -> None:
        self._recent.append((first, last))
        self._cover(first, last, 1)
        if len(self._recent) > _WINDOW:
            self._cover(*self._recent.popleft(), -1)

    def _cover(self, first: int, last: int, times: int) -> None:
        for second in range(int(first * BIN), min(int(_LONGEST), int(last * BIN)) + 1):
            self._covered[second] += times

    def _likely(self) -> list[float]:
        """The probability of each bin: a few rounds of expectation and maximisation over the intervals."""
        end = max(last for _, last in self._telling)
        bins = [1.0 / end] * end
        for _ in range(_ROUNDS):
            sums = [0.0, *accumulate(bins)]
            steps = [0.0] * (end + 1)
            for first, last in self._telling:
                gain = 1.0 / (len(self._telling) * max(1e-12, sums[last] - sums[first]))
                steps[first] += gain
                steps[last] -= gain
            bins = [one * gain for one, gain in zip(bins, accumulate(steps), strict=False)]
        mean = sum(number * share for number, share in enumerate(bins))
        variance = sum((number - mean) ** 2 * share for number, share in enumerate(bins))
        self._deviation = BIN * math.sqrt(max(0.0, variance))
        return _smooth(bins, round(min(_SPREAD * self._deviation, 1.0) / BIN))

    def _calculate(self, gap: int) -> None:
        """For each moment at which a task was unsolved, the next poll with the least delay and polls to be expected."""
        likely = self._likely()
        end = len(likely)
        while end > 1 and likely[end - 1] < 1e-6:  # noqa: PLR2004 - nothing
            end -= 1
        longest = max(gap, round(_SURE / BIN))
        padded = likely[:end] + [0.0] * (longest + 1)
        shares = [0.0, *accumulate(padded)]
        moments = [0.0, *accumulate(number * share for number, share in enumerate(padded))]
        costs = [0.0] * (end + longest + 1)
        policy = [0] * end
        for at in range(end - 1, -1, -1):
            # The delay of what comes between the polls at i and s is the sum of (s - bin) over the bins between them.
            share, moment = shares[at], moments[at]
            best, target = math.inf, at + gap
            for poll in range(at + gap, at + max(gap, self._patience(at)) + 1):
                cost = (poll - 0.5) * (shares[poll] - share) - moments[poll] + costs[poll]
                if cost < best:
                    best, target = cost, poll
            costs[at] = best + moment + _PRICE / BIN * (shares[end] - share)
            policy[at] = target
        self._policy, self._shares = policy, shares

    def _patience(self, at: int) -> int:
        """Bins until a poll at the latest, so that a task which is solved sooner than any before is found in time."""
        patience = round(CAREFUL / BIN)
        if len(self._recent) < _EVIDENCE:
            return patience
        second = int(at * BIN) + 1
        empty = 0.0
        while second < len(self._covered) and not self._covered[second] and empty < _SURE:
            second, empty = second + 1, second + 1 - at * BIN
        return max(patience, min(round(empty / BIN), round(_SURE / BIN)))


@define
class LearntTimes:
    """The solve times of each version of GeeTest at one service, and which of them nobody else knows yet."""

    _by_version: dict[int, SolveTimes] = field(factory=dict)
    _news: deque[tuple[int, float, float]] = field(factory=lambda: deque(maxlen=_MEMORY))

    def of(self, version: int) -> SolveTimes:
        """Those of one version."""
        return self._by_version.setdefault(version, SolveTimes())

    def solved(self, version: int, low: float, high: float) -> None:
        """Learn from a task of this process."""
        self.learn(version, low, high)
        self._news.append((version, low, high))

    def learn(self, version: int, low: float, high: float) -> None:
        """Learn from a task of another process."""
        self.of(version).learn(low, high)

    @property
    def news(self) -> int:
        """How many tasks nobody else knows of."""
        return len(self._news)

    def take_news(self) -> dict[int, list[tuple[float, float]]]:
        """What those tasks took, by version; they are no news any more."""
        taken: dict[int, list[tuple[float, float]]] = {}
        while self._news:
            version, low, high = self._news.popleft()
            taken.setdefault(version, []).append((low, high))
        return taken


def _smooth(bins: list[float], reach: int) -> list[float]:
    """Spread each bin as far as so few tasks leave open; by nothing where solve times hardly vary."""
    sums = [0.0] * (reach + 1) + [*accumulate(bins)] + [sum(bins)] * reach
    return [(sums[at + 2 * reach + 1] - sums[at]) / (2 * reach + 1) for at in range(len(bins))]

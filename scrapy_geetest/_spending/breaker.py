"""Pauses purchases for a site after too many failures in a row."""

from __future__ import annotations

import logging
import time
from enum import Enum
from math import inf, isfinite
from typing import TYPE_CHECKING

from attrs import define

from scrapy_geetest._words import sentence
from scrapy_geetest.exceptions import CircuitOpen

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy import Request

    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest.stats import Stats

logger = logging.getLogger(__name__)

_CURE = "see the failures that were logged before"
_OVER = float("-inf")  # a time that is over: one purchase finds out how things are


class Change(Enum):
    """What has become of a circuit."""

    FAILED = "one more failure in a row"
    TRIED = "its time is over, and one purchase finds out how things are"
    OVER = "its row of failures is over"


@define
class _Circuit:
    """What the breaker knows of one site."""

    failures: int = 0
    open_until: float = 0.0
    reason: str = ""
    cure: str = _CURE
    is_hopeless: bool = False  # known here alone: no other process has counted that many failures
    probe: Request | None = None  # whose purchase is let through to see, as often as the site says "later" to it

    @property
    def is_blocked(self) -> bool:
        """Whether it is open for the rest of the crawl."""
        return self.open_until == inf


class Breaker:
    """Buys nothing for a site after too many failures in a row.

    When its time is over, one purchase is let through to see whether the site is well again; the others still wait.

    Args:
        failures: How many failures in a row open the circuit; 0: it never opens.
        seconds: For how long.
        stats: Where refusals are counted.
        clock: Monotonic seconds.

    Attributes:
        on_change: Called with the name of a site and what has become of its circuit.
    """

    def __init__(
        self, *, failures: int, seconds: float, stats: Stats, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = failures
        self._seconds = seconds
        self._stats = stats
        self._clock = clock
        self._circuits: dict[str, _Circuit] = {}
        self._proven: set[str] = set()  # sites that have accepted a solution
        self.on_change: Callable[[str, Change], None] = lambda _site, _change: None

    def check(self, context: Context) -> None:
        """Called before anything is bought.

        Raises:
            CircuitOpen: Nothing is bought for this site at present.
        """
        circuit = self._of(context)
        if circuit.probe is context.request:
            return
        left = circuit.open_until - self._clock()
        if left > 0:
            self._stats.count("budget_refused")
            again = f"the next try is in {left:.0f} s" if isfinite(left) else "there will be no other try in this crawl"
            raise CircuitOpen(
                f"{sentence(circuit.cure)}. No solution is bought for {context}: {circuit.reason}; {again}",
                **context.parts,
            )
        if circuit.open_until:
            circuit.probe = context.request
            circuit.open_until = self._clock() + self._seconds  # for the others: this one finds out how things are
            self.on_change(context.site.name, Change.TRIED)

    def succeeded(self, context: Context, *, is_sure: bool = True) -> None:
        """The site accepted a solution.

        Args:
            context: Whose.
            is_sure: Whether its answer shows that, rather than no refusal: this ends a row of failures, but what was bought
                before the circuit opened does not close it.
        """
        circuit = self._of(context)
        self._proven.add(context.site.name)
        is_open = circuit.open_until > self._clock() and circuit.probe is not context.request
        if not circuit.is_blocked and (is_sure or not is_open):
            del self._circuits[context.site.name]
            if circuit.failures:
                self.on_change(context.site.name, Change.OVER)

    def failed(self, context: Context, *, cure: str = _CURE, is_certain: bool = False) -> None:
        """What was bought for the site, or what was to be bought, came to nothing.

        Args:
            context: Whose.
            cure: What the project can do about it.
            is_certain: Whether the next purchase would fail in the same way: a site that has accepted nothing yet gets no other.
        """
        circuit = self._of(context)
        if circuit.is_blocked:
            return
        circuit.failures += 1
        circuit.cure = cure
        circuit.is_hopeless |= is_certain and self._limit > 0 and context.site.name not in self._proven
        if self.is_too_many(circuit.failures):
            self._open(context.site.name, circuit, _row(circuit.failures), self._seconds)
        elif circuit.is_hopeless:
            self._open(context.site.name, circuit, "it would refuse the next solution as well", self._seconds)
        self.on_change(context.site.name, Change.FAILED)

    def block(self, context: Context, reason: str) -> None:
        """Buy nothing more for the site in this crawl."""
        self._open(context.site.name, self._of(context), reason, inf)

    def is_too_many(self, failures: int) -> bool:
        """Whether so many failures in a row open a circuit."""
        return 0 < self._limit <= failures

    def adopt(self, site: str, *, failures: int, seconds: float) -> None:
        """Take over what all processes together have found of a site; not while this one finds out how things are.

        Args:
            site: Its name.
            failures: In a row.
            seconds: For how long its circuit is open; 0 and less: its time is over, or it is closed.
        """
        circuit = self._circuits.setdefault(site, _Circuit())
        is_known_here = circuit.is_hopeless and circuit.open_until > self._clock()
        if circuit.is_blocked or is_known_here or circuit.probe is not None:
            return
        circuit.failures = failures
        if seconds > 0 and circuit.open_until <= self._clock():
            self._open(site, circuit, f"{_row(failures)}, of several processes together", seconds)
        elif not self.is_too_many(failures):
            circuit.open_until = 0.0
        elif not circuit.open_until:
            circuit.open_until = _OVER

    def left(self, site: str) -> float:
        """Seconds for which the circuit of a site is open; 0: it is not."""
        circuit = self._circuits.get(site)
        return 0.0 if circuit is None or circuit.is_blocked else max(0.0, circuit.open_until - self._clock())

    @property
    def seconds(self) -> float:
        """For how long a circuit opens."""
        return self._seconds

    def _open(self, site: str, circuit: _Circuit, reason: str, seconds: float) -> None:
        is_news = circuit.open_until <= self._clock()
        circuit.probe = None
        circuit.open_until = self._clock() + seconds
        circuit.reason = f"site {site}: {reason}"
        if is_news:
            duration = f"for {seconds:g} s" if isfinite(seconds) else "for the rest of the crawl"
            logger.warning("GeeTest: %s: purchases are paused %s: %s", circuit.cure, duration, circuit.reason)

    def _of(self, context: Context) -> _Circuit:
        return self._circuits.setdefault(context.site.name, _Circuit())


def _row(failures: int) -> str:
    return f"{failures} failures in a row (GEETEST_BREAKER_FAILURES)"

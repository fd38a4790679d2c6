"""Pauses purchases for a site after too many failures in a row."""

from __future__ import annotations

import logging
import time
from math import inf, isfinite
from typing import TYPE_CHECKING

from attrs import define

from scrapy_geetest.exceptions import CircuitOpen

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy import Request

    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest.stats import Stats

logger = logging.getLogger(__name__)


@define
class _Circuit:
    """What the breaker knows of one site."""

    failures: int = 0
    open_until: float = 0.0
    reason: str = ""
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
    """

    def __init__(
        self, *, failures: int, seconds: float, stats: Stats, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = failures
        self._seconds = seconds
        self._stats = stats
        self._clock = clock
        self._circuits: dict[str, _Circuit] = {}

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
            raise CircuitOpen(f"No solution is bought for {context}: {circuit.reason}; {again}", **context.parts)
        if circuit.open_until:
            circuit.probe = context.request
            circuit.open_until = self._clock() + self._seconds  # for the others: this one finds out how things are

    def succeeded(self, context: Context, *, is_sure: bool = True) -> None:
        """The site accepted a solution.

        Args:
            context: Whose.
            is_sure: Whether its answer shows that, rather than no refusal: this ends a row of failures, but what was bought
                before the circuit opened does not close it.
        """
        circuit = self._of(context)
        is_open = circuit.open_until > self._clock() and circuit.probe is not context.request
        if not circuit.is_blocked and (is_sure or not is_open):
            del self._circuits[context.site.name]

    def failed(self, context: Context) -> None:
        """What was bought for the site, or what was to be bought, came to nothing."""
        circuit = self._of(context)
        if circuit.is_blocked:
            return
        circuit.failures += 1
        if 0 < self._limit <= circuit.failures:
            self._open(
                context, circuit, f"{circuit.failures} failures in a row (GEETEST_BREAKER_FAILURES)", self._seconds
            )

    def block(self, context: Context, reason: str) -> None:
        """Buy nothing more for the site in this crawl."""
        self._open(context, self._of(context), reason, inf)

    def _open(self, context: Context, circuit: _Circuit, reason: str, seconds: float) -> None:
        is_news = circuit.open_until <= self._clock()
        circuit.probe = None
        circuit.open_until = self._clock() + seconds
        circuit.reason = f"site {context.site.name}: {reason}"
        if is_news:
            duration = f"for {seconds:g} s" if isfinite(seconds) else "for the rest of the crawl"
            logger.warning("GeeTest: purchases are paused %s: %s", duration, circuit.reason)

    def _of(self, context: Context) -> _Circuit:
        return self._circuits.setdefault(context.site.name, _Circuit())

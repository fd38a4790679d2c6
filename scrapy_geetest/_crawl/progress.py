"""What a person who watches the log is told: how it goes while requests wait, and what it came to in the end."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scrapy_geetest._crawl.parking import Parking
    from scrapy_geetest._crawl.repeated_lines import RepeatedLines
    from scrapy_geetest.stats import Stats

logger = logging.getLogger(__name__)

INTERVAL = 60.0  # seconds between two lines
SITES = 5  # named in a line


class Bulletin:
    """Lines for people, made of the statistics.

    Args:
        stats: Where the figures come from.
        repeated: Lines that were not logged, but counted.
        currencies: Of the services by their names, if there are several.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        stats: Stats,
        repeated: RepeatedLines,
        currencies: Mapping[str, str] = {},
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stats = stats
        self._repeated = repeated
        self._currencies = currencies
        self._clock = clock
        self._last = clock()

    def progress(self, parking: Parking, trouble: str = "") -> None:
        """Called often while requests wait: one INFO line a minute says how many, for which sites, since when.

        Args:
            parking: Where they wait.
            trouble: What they wait for if it is not solutions: the service, or a storage, does not answer.
        """
        if self._clock() - self._last < INTERVAL or parking.longest < 1:
            return
        self._last = self._clock()
        self._repeated.tell()
        sites = parking.parked
        named = [f"{site} ({number})" for site, number in sites.most_common(SITES)]
        if len(sites) > SITES:
            named.append(f"{len(sites) - SITES} more sites")
        logger.info(
            "GeeTest: %d request(s) wait for solutions, the first for %.0f s: %s; so far %s",
            sum(sites.values()),
            parking.longest,
            ", ".join(named),
            self._so_far() + (f"; {trouble}" if trouble else ""),
        )

    def close(self) -> None:
        """The summary of a crawl."""
        self._repeated.tell()
        value = self._stats.value
        logger.info(
            "GeeTest: %s, %d given up, %d abandoned; %.1f s waited for solutions",
            self._so_far(),
            value("gave_up"),
            value("tasks_abandoned"),
            value("solve_ms") / 1000,
        )
        for service, currency in self._currencies.items():
            self._close_service(service, currency)

    def _close_service(self, service: str, currency: str) -> None:
        def value(name: str) -> int:
            return self._stats.value(f"{name}/service/{service}")

        logger.info(
            "GeeTest: %s: %d task(s), %d solved in %.1f s on average, %d failed, %d abandoned, cost %.4f %s",
            service,
            value("tasks_created"),
            value("tasks_solved"),
            value("solve_ms") / 1000 / max(1, value("tasks_solved")),
            value("tasks_failed"),
            value("tasks_abandoned"),
            value("cost_millionths") / 1e6,
            currency,
        )

    def _so_far(self) -> str:
        value = self._stats.value
        return (
            f"{value('tasks_created')} task(s), {value('accepted')} accepted, {value('rejected')} refused, "
            f"{value('unverified')} unverified, {value('unused')} unused, cost {value('cost_millionths') / 1e6:.4f}"
        )

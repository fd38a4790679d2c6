"""The statistics of a crawl: integers only, so that any statistics backend can take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scrapy.statscollectors import StatsCollector

PREFIX = "geetest/"

NAMES = (
    "detected",
    "detected/v3",
    "detected/v4",
    "undeclared",
    "challenges_fetched",
    "challenges_repeated",
    "not_needed",
    "tasks_created",
    "tasks_solved",
    "tasks_refused",
    "tasks_failed",
    "tasks_abandoned",
    "tasks_recovered",
    "polls",
    "solve_ms",
    "solve_ms_max",
    "cost_millionths",
    "accepted",
    "rejected",
    "unverified",
    "unused",
    "reported",
    "shared",
    "parked_max",
    "budget_refused",
    "gave_up",
    "failover",
)

OF_A_SERVICE = (
    *("tasks_created", "tasks_recovered", "tasks_solved", "tasks_failed", "tasks_abandoned"),
    *("solve_ms", "cost_millionths"),
)
"""With several services, these have a part ``…/service/<name>`` for each."""


class Stats:
    """The ``geetest/…`` statistics of one crawl.

    Args:
        collector: Of the crawl.
        services: The names of its services, if there are several: some statistics are kept for each.
    """

    def __init__(self, collector: StatsCollector, services: Sequence[str] = ()) -> None:
        self._collector = collector
        self._services = services

    def open(self) -> None:
        """Make every statistic present, at 0, so that a monitor need not tell "none" from "not installed"."""
        parts = [f"{name}/service/{service}" for name in OF_A_SERVICE for service in self._services]
        for name in (*NAMES, *parts):
            self._collector.inc_value(PREFIX + name, 0)

    def value(self, name: str) -> int:
        """What a statistic is at this moment."""
        return int(self._collector.get_value(PREFIX + name, 0))

    def count(self, name: str, amount: int = 1) -> None:
        """Add *amount* to a statistic."""
        self._collector.inc_value(PREFIX + name, amount)

    def count_at(self, service: str, name: str, amount: int = 1) -> None:
        """Add *amount* to a statistic and, where there are several services, to the part of one."""
        self.count(name, amount)
        if service in self._services:
            self.count(f"{name}/service/{service}", amount)

    def count_with(self, name: str, detail: str) -> None:
        """Add one to a statistic and one to its part ``name/detail``."""
        self.count(name)
        self.count(f"{name}/{detail}")

    def maximum(self, name: str, value: int) -> None:
        """Keep the largest value seen."""
        self._collector.max_value(PREFIX + name, value)

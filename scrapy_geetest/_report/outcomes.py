"""What became of the tasks that were bought: in words, and each figure once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from scrapy_geetest._report.tallies import Tally
from scrapy_geetest._report.words import money

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy_geetest._report.history import History

UNDER_WAY = "pending"

WORDS = {
    "accepted": ("Accepted", "The site took the solution, and something in its answer shows it."),
    "refused": ("Refused", "The site did not take the solution."),
    "unverified": ("Unverified", "The solution was sent, and nothing shows what became of it."),
    "unused": ("Unused", "A solution came and was never sent."),
    "failed": ("No solution", "The service took the task and gave no solution."),
    "abandoned": ("Abandoned", "The crawl stopped waiting for the solution. The task is paid for."),
    UNDER_WAY: ("Under way", "Being solved or sent when this page was written."),
}
"""Of each outcome: its name, and what it means."""

_STATS = {
    "created": "tasks_created",
    "solved": "tasks_solved",
    "accepted": "accepted",
    "refused": "rejected",
    "unverified": "unverified",
    "unused": "unused",
    "failed": "tasks_failed",
    "abandoned": "tasks_abandoned",
    "cost": "cost_millionths",
}


@frozen
class Totals:
    """The figures of a crawl, as its statistics have them.

    Attributes:
        tally: Of all sites and services.
        recovered: Tasks of an earlier run, or of another process, whose solutions came.
        figures: All statistics.
    """

    tally: Tally
    recovered: int
    figures: Mapping[str, int]

    @classmethod
    def of(cls, history: History) -> Totals:
        """Those of all runs."""
        figures = history.figures
        tally = Tally(**{name: figures.get(stat, 0) for name, stat in _STATS.items()})
        return cls(tally, figures.get("tasks_recovered", 0), figures)

    def value(self, name: str) -> int:
        """A statistic; 0 where it is missing."""
        return self.figures.get(name, 0)

    @property
    def bought(self) -> int:
        """All tasks that this crawl had to do with."""
        return self.tally.created + self.recovered

    @property
    def sent(self) -> int:
        """Solutions that went to a site."""
        return self.tally.accepted + self.tally.refused + self.tally.unverified

    @property
    def outcomes(self) -> list[tuple[str, int]]:
        """How many tasks came to what; together they are those that were bought."""
        named = [(name, getattr(self.tally, name)) for name in WORDS if name != UNDER_WAY]
        return [*named, (UNDER_WAY, max(0, self.bought - sum(count for _, count in named)))]


def cost_of(history: History, totals: Totals) -> str:
    """What all of it cost: one sum for each currency."""
    currencies = history.currencies
    if len(set(currencies.values())) <= 1:
        return money(totals.tally.cost, next(iter(currencies.values()), ""))
    sums: dict[str, int] = {}
    for service, currency in currencies.items():
        sums[currency] = sums.get(currency, 0) + totals.value(f"cost_millionths/service/{service}")
    return " + ".join(money(cost, currency) for currency, cost in sums.items() if cost) or money(0, "")

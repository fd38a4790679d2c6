"""What is known of a crawl, over all of its runs: what the page is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import asdict, define, evolve, field

from scrapy_geetest._report.attempts import Attempts
from scrapy_geetest._report.causes import Causes
from scrapy_geetest._report.distribution import Distribution
from scrapy_geetest._report.tallies import Tallies
from scrapy_geetest._report.timeline import Timeline
from scrapy_geetest.stats import PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1
"""Of the plain data; what another version wrote is not read."""
RUNS = 50
"""Runs that are told apart; those before them count as one."""

_LARGEST = ("solve_ms_max", "parked_max")  # figures that do not add up
_BALANCE = "balance_millionths"


@define
class Run:
    """One run of a crawl.

    Attributes:
        started: In seconds since 1970.
        ended: When it ended, or when it was last seen.
        reason: What the spider was closed with; empty: it runs, or nobody saw its end.
        figures: The statistics, without the plugin's prefix.
        pages: That came for the spider.
        waited: Seconds of waiting, summed over the requests that waited.
        idle: Seconds in which requests waited and nothing else was to be downloaded.
        runs: How many this one stands for.
    """

    started: float
    ended: float
    reason: str = ""
    figures: dict[str, int] = field(factory=dict)
    pages: int = 0
    waited: float = 0.0
    idle: float = 0.0
    runs: int = 1

    @property
    def seconds(self) -> float:
        """How long it took."""
        return max(0.0, self.ended - self.started)

    def read(self, stats: Mapping[str, Any]) -> None:
        """Take over the statistics of a crawl."""
        self.figures = {
            name.removeprefix(PREFIX): value
            for name, value in stats.items()
            if name.startswith(PREFIX) and isinstance(value, int)
        }


@define(eq=False)
class History:
    """All runs of a crawl.

    Attributes:
        spider: Its name.
        currencies: Of the services, by their names.
        runs: The last one goes on, or was the last.
        tallies: What was bought.
        attempts: What was refused, or is unverified.
        causes: What went wrong.
        times: Solve times by service.
        timeline: Of the last run.
    """

    spider: str
    currencies: Mapping[str, str]
    runs: list[Run]
    tallies: Tallies = field(factory=Tallies)
    attempts: Attempts = field(factory=Attempts)
    causes: Causes = field(factory=Causes)
    times: dict[str, Distribution] = field(factory=dict)
    timeline: Timeline = field(factory=Timeline)

    @property
    def run(self) -> Run:
        """The last one."""
        return self.runs[-1]

    @property
    def figures(self) -> dict[str, int]:
        """The statistics of all runs together."""
        together: dict[str, int] = {}
        for run in self.runs:
            add_figures(together, run.figures)
        return together

    def solved(self, service: str, milliseconds: int) -> None:
        """A task was solved."""
        self.times.setdefault(service, Distribution()).add(milliseconds)

    def begin(self, now: float) -> None:
        """A run begins; those before the last fifty become one."""
        while len(self.runs) >= RUNS:
            first, second = self.runs[:2]
            self.runs[:2] = [_joined(first, second)]
        self.runs.append(Run(now, now))
        self.timeline = Timeline()

    def copy(self) -> History:
        """As it is at this moment, for a thread that makes a page of it."""
        return History(
            self.spider,
            self.currencies,
            [evolve(run, figures=dict(run.figures)) for run in self.runs],
            self.tallies.copy(),
            self.attempts.copy(),
            self.causes.copy(),
            {service: times.copy() for service, times in self.times.items()},
            self.timeline.copy(),
        )

    def to_json(self) -> dict[str, Any]:
        """As plain data, for the next run."""
        return {
            "version": VERSION,
            "runs": [asdict(run) for run in self.runs],
            "tallies": self.tallies.to_json(),
            "attempts": self.attempts.to_json(),
            "causes": self.causes.to_json(),
            "times": {service: times.to_json() for service, times in self.times.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], spider: str, currencies: Mapping[str, str]) -> History:
        """Read what :meth:`to_json` made.

        Raises:
            ValueError: Another version made it.
        """
        if data["version"] != VERSION:
            raise ValueError(f"version {data['version']}, not {VERSION}")
        return cls(
            spider,
            currencies,
            [Run(**run) for run in data["runs"]],
            Tallies.from_json(data["tallies"]),
            Attempts.from_json(data["attempts"]),
            Causes.from_json(data["causes"]),
            {service: Distribution.from_json(times) for service, times in data["times"].items()},
        )


def add_figures(together: dict[str, int], figures: Mapping[str, int]) -> None:
    """Add the statistics of one more run: sums, but for the largest of something, and for a balance, which is the last."""
    for name, value in figures.items():
        if name.startswith(_BALANCE):
            together[name] = value
        elif name.startswith(_LARGEST):
            together[name] = max(value, together.get(name, 0))
        else:
            together[name] = together.get(name, 0) + value


def _joined(first: Run, second: Run) -> Run:
    figures = dict(first.figures)
    add_figures(figures, second.figures)
    return Run(
        first.started,
        second.ended,
        second.reason,
        figures,
        first.pages + second.pages,
        first.waited + second.waited,
        first.idle + second.idle,
        first.runs + second.runs,
    )

"""Runs the cells of the fault matrix as whole crawls, and says what is wrong with them."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from contextlib import contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from attrs import field, frozen
from fault_matrix import ATTEMPTS, PAGE, Cell
from sandbox_crawl import (
    crawl_sandbox,
    search_site,
    searches,
)
from twisted.logger import LogLevel, globalLogPublisher

from scrapy_geetest import SolveError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from crawl import Crawl

    from scrapy_geetest.sandbox import Sandbox

REQUEST_SECONDS = 1.5
SOLVE_SECONDS = 4.0
DOWNLOAD_SECONDS = 1.5
DOWNLOADS = 2  # the first try, and RETRY_TIMES
SLACK_SECONDS = 5.0  # for the rest of a crawl, on a loaded machine
SETTINGS: dict[str, Any] = {
    # Less than what is huge, and more than what an endless body comes to before its time-out.
    "DOWNLOAD_MAXSIZE": 50_000_000,
    "DOWNLOAD_TIMEOUT": DOWNLOAD_SECONDS,
    "GEETEST_FIRST_POLL": 0.1,
    "GEETEST_MAX_ATTEMPTS": ATTEMPTS,
    "GEETEST_REQUEST_TIMEOUT": REQUEST_SECONDS,
    "GEETEST_SOLVE_TIMEOUT": SOLVE_SECONDS,
    "HTTPERROR_ALLOW_ALL": True,  # every page that there is, to the callback
    "LOG_LEVEL": "DEBUG",
    "RETRY_TIMES": DOWNLOADS - 1,
}
OPTIONS: dict[str, Any] = {"solve_seconds": 0.05, "poll_floor": 0.2, "drip_seconds": 0.5}
LONGEST = SLACK_SECONDS + ATTEMPTS * (
    2 * DOWNLOADS * DOWNLOAD_SECONDS + max(SOLVE_SECONDS, REQUEST_SECONDS) + REQUEST_SECONDS
)
"""Seconds that no crawl of the matrix may take, whatever hangs: the sum of its time-outs."""
_TROUBLE = ("Traceback (most recent call last)", "was never awaited", "never retrieved", "Unhandled")


@frozen
class Run:
    """What became of a cell.

    Attributes:
        cell: Which.
        crawl: What the spider saw.
        books: What the sandbox saw.
        ends: In the words of ``Expected.ends``; several if the request ended more than once.
        seconds: How long the crawl took.
        key: The client key that it used.
    """

    cell: Cell
    crawl: Crawl
    books: dict[str, Any]
    ends: str
    seconds: float
    key: str

    @property
    def tasks(self) -> int:
        """Tasks that the service created."""
        return int(self.books["created"]["total"])

    @property
    def failures(self) -> str:
        """Where a fault of this call is counted."""
        return "tasks_refused" if self.cell.call == "createTask" else "tasks_failed"

    @property
    def failed(self) -> dict[str, int]:
        """The statistics ``geetest/tasks_failed/<code>``, or ``tasks_refused`` of a task that was never made."""
        prefix = f"{self.failures}/"
        return {name[len(prefix) :]: count for name, count in self.crawl.stats.items() if name.startswith(prefix)}

    def problems(self) -> list[str]:
        """What is not as expected, one line each."""
        expected, stats = self.cell.expected, self.crawl.stats
        checks: list[tuple[str, Any, Any]] = [
            ("ends", self.ends, expected.ends),
            ("tasks", self.tasks, expected.tasks),
            ("closed with", self.crawl.reason, expected.close),
            ("tasks_created", stats["tasks_created"], expected.tasks - expected.lost),
            ("failures", stats[self.failures], sum(expected.failed.values())),
            ("failures/…", self.failed, dict(expected.failed)),
            ("created", stats["tasks_created"], _sum(stats, "tasks_solved", "tasks_failed", "tasks_abandoned")),
            ("solved", stats["tasks_solved"], _sum(stats, "accepted", "rejected", "unverified", "unused")),
            ("rejected", stats["rejected"], expected.rejected),
            ("gave_up", stats["gave_up"], int("Error" in expected.ends)),
            # The sandbox tells of a cost with every solution, those that get lost on the way included.
            ("cost", stats["cost_millionths"], self.books["cost_millionths"] * bool(stats["tasks_solved"])),
            ("polls too early", self.books["floor_violations"], 0),
            ("defects of the sandbox", self.books["errors"], []),
            ("longer than", self.seconds > LONGEST and self.seconds, False),
            ("statistics that are no integers", [name for name in stats if type(stats[name]) is not int], []),
        ]
        lines = [f"{what}: {found!r}, not {wanted!r}" for what, found, wanted in checks if found != wanted]
        told = repr(self.crawl.all_stats) + "".join(map(_everything, self.crawl.errors))
        return lines + ["the key is in a statistic or an exception"] * (self.key in told)


@frozen
class Outcome:
    """The runs of some cells at once, and all that was logged meanwhile."""

    runs: list[Run] = field(factory=list)
    log: list[str] = field(factory=list)

    def problems(self) -> list[str]:
        """What is not as expected, one line each."""
        text = "\n".join(self.log)
        lines = [f"{run.cell}: {line}" for run in self.runs for line in run.problems()]
        lines += [f"{run.cell}: the key is in the log" for run in self.runs if run.key in text]
        return lines + [f"in the log: {line}" for line in self.log if any(word in line for word in _TROUBLE)]


async def run_cells(cells: Iterable[Cell], sandboxes: Sequence[Sandbox]) -> Outcome:
    """Run cells, as many at once as there are sandboxes."""
    outcome = Outcome()
    waiting = iter(cells)

    async def work(sandbox: Sandbox) -> None:
        for cell in waiting:
            outcome.runs.append(await _run(cell, sandbox))

    with _everything_logged(outcome.log), quick():
        await asyncio.gather(*map(work, sandboxes))
        gc.collect()  # a failure that nobody looked at is logged when it is collected
    return outcome


async def _run(cell: Cell, sandbox: Sandbox) -> Run:
    key = f"{token_hex(8)}Key{token_hex(8)}"
    sandbox.reset(**OPTIONS, faults=cell.faults, api_key=key)
    started = time.monotonic()
    outcome = await crawl_sandbox(
        sandbox, searches(sandbox, "rope"), search_site(sandbox), **{**SETTINGS, "GEETEST_API_KEY": key}
    )
    seconds = time.monotonic() - started
    return Run(cell, outcome, sandbox.books(), _ends(outcome), seconds, key)


@contextmanager
def quick() -> Iterator[None]:
    """The waits that the service's documentation asks for, shortened: the sandbox's service is told as much."""
    names = {
        "_services.pacing.FLOOR": 0.2,
        "_services.availability._FIRST": 0.05,
        "_attempt.tries.CHALLENGE_PAUSE": 0.05,
    }
    patches = [patch(f"scrapy_geetest.{name}", seconds) for name, seconds in names.items()]
    for one in patches:
        one.start()
    try:
        yield
    finally:
        for one in patches:
            one.stop()


@contextmanager
def _everything_logged(lines: list[str]) -> Iterator[None]:
    """All that is logged, at DEBUG, Twisted's failures included, into *lines*."""
    handler = logging.Handler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    handler.emit = lambda record: lines.append(handler.format(record))  # type: ignore[method-assign]  # that is the handler

    def observe(event: Any) -> None:
        if event.get("log_level") is LogLevel.critical:
            lines.append(f"Unhandled: {event.get('log_format')} {event.get('log_failure')}")

    observer: Any = observe
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(handler)
    globalLogPublisher.addObserver(observer)
    try:
        yield
    finally:
        globalLogPublisher.removeObserver(observer)
        root.removeHandler(handler)
        root.setLevel(level)


def _sum(stats: dict[str, Any], *names: str) -> int:
    return sum(int(stats[name]) for name in names)


def _ends(outcome: Crawl) -> str:
    pages = [PAGE if page.status == 200 else f"{PAGE} {page.status}" for page in outcome.pages]
    return " and ".join(pages + [_name(error) for error in outcome.errors])


def _name(error: BaseException) -> str:
    if isinstance(error, SolveError):
        return f"SolveError {error.code}"
    return type(error).__name__


def _everything(error: BaseException) -> str:
    """An exception and all that it carries, causes included."""
    told = ""
    links: BaseException | None = error
    while links is not None:
        told += f"{links!r} {links} {links.args} {vars(links)}"
        links = links.__cause__ or links.__context__
    return told

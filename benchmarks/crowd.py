"""Does everything else go on while thousands of requests wait?"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from attrs import frozen

from benchmarks.crawl import FORMS, crawl_virtually
from benchmarks.report import Ratio, Table
from benchmarks.spiders import Pages

if TYPE_CHECKING:
    from benchmarks.crawl import Outcome

METHOD = """\
{count:,} withheld pages of one host and {count:,} clean ones of another, asked for in turn, in virtual time: {turns} turns, {solve:g} s
a solution, 50 ms a page and a call, all other settings at their defaults; then the same with `GEETEST_MAX_PARKED = {few}`, where a
request that waits beyond the limit holds its place until a solution comes. The rate of the clean host is compared with that of
a crawl in which the other host withholds nothing. A gap is the time between two clean pages, or before the first one. The ideal
time is that in which all turns have a task all the time."""
SETTINGS = {"GEETEST_SITES": FORMS}


@frozen
class Scale:
    """How large.

    Attributes:
        count: Pages of each host.
        turns: Tasks at once.
        solve: Seconds that the service takes for a task.
        few: Places that are lent in the second crawl.
    """

    count: int = 3000
    turns: int = 32
    solve: float = 20.0
    few: int = 64


def measure() -> Table:
    """Measure at full size."""
    return compare(Scale())


def compare(scale: Scale) -> Table:
    """Crawl with nothing withheld, with the defaults, and with few places."""
    free, default = _crawl(scale, "page"), _crawl(scale, "form")
    few = _crawl(scale, "form", GEETEST_MAX_PARKED=scale.few)
    rates = [outcome.tallies["clean"].rate for outcome in (free, default, few)]
    rows = (
        ("clean pages/s with nothing withheld", f"{rates[0]:.1f}", f"{rates[0]:.1f}"),
        ("clean pages/s", f"{rates[1]:.1f}", f"{rates[2]:.1f}"),
        ("pages of both hosts", *(f"{outcome.pages} of {2 * scale.count}" for outcome in (default, few))),
        ("most tasks at once", *(str(outcome.details["most"]) for outcome in (default, few))),
        (
            "oldest challenge when its task came, s",
            *(f"{max(outcome.details['ages']):.2f}" for outcome in (default, few)),
        ),
    )
    clean = Ratio("defaults: clean pages/s ÷ the same with nothing withheld", rates[1] / rates[0], at_least=0.95)
    return Table(
        "crowd",
        "Thousands of requests that wait",
        METHOD.format(count=scale.count, turns=scale.turns, solve=scale.solve, few=scale.few),
        rows,
        (clean, *_ratios(scale, "defaults", default, 3.0), *_ratios(scale, "few places", few, scale.solve + 3)),
        columns=("defaults", f"`MAX_PARKED = {scale.few}`"),
    )


def _ratios(scale: Scale, name: str, outcome: Outcome, longest_gap: float) -> tuple[Ratio, ...]:
    clean, withheld = outcome.details["times"]["clean"], outcome.details["times"]["withheld"]
    ideal = scale.count / scale.turns * scale.solve
    gap = max(after - before for before, after in pairwise([0.0, *clean]))
    return (
        Ratio(f"{name}: tasks bought ÷ withheld pages", outcome.details["created"] / scale.count, at_most=1),
        Ratio(f"{name}: share of the pages that came", outcome.pages / (2 * scale.count), at_least=1),
        Ratio(f"{name}: longest gap between clean pages, s", gap, at_most=longest_gap),
        Ratio(f"{name}: first solved page, s", withheld[0], at_most=scale.solve + 3),
        Ratio(f"{name}: total time ÷ ideal", max(withheld[-1], clean[-1]) / ideal, at_most=1.1),
    )


def _crawl(scale: Scale, kind: str, **settings: Any) -> Outcome:
    pages = [
        Pages("withheld", f"http://forms.example/{kind}/{{}}", scale.count),
        Pages("clean", "http://clean.example/page/{}", scale.count),
    ]
    turns = {"GEETEST_MAX_CONCURRENT_SOLVES": scale.turns}
    return crawl_virtually(pages, {**SETTINGS, **turns, **settings}, solve=scale.solve)

"""How much of what the turns allow does a crawl get?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from benchmarks.crawl import FORMS, crawl_virtually
from benchmarks.report import Ratio, Table
from benchmarks.spiders import Pages

if TYPE_CHECKING:
    from collections.abc import Sequence

METHOD = """\
Withheld pages of one host, each behind a form of its own, in virtual time; {solve:g} s a solution, 50 ms a page,
`CONCURRENT_REQUESTS_PER_DOMAIN = CONCURRENT_REQUESTS = 64`. So many turns, and a service that is so far away; {rounds} pages a
turn. The rate is taken from the last page of the first round to the last page of all, so that the ramp is left out; it is
divided by turns ÷ {solve:g} s. Known in advance: {known} form requests with `geetest=True`, 32 turns, {known_solve:g} s a solution, from the
start of the crawl to its last page, divided into {known} ÷ 32 rounds of {known_solve:g} s."""
SETTINGS: dict[str, Any] = {
    "CONCURRENT_REQUESTS": 64,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 64,
    "GEETEST_SITES": FORMS,
}


@frozen
class Case:
    """One crawl.

    Attributes:
        turns: Tasks at once.
        latency: Seconds from a call to the service to its answer.
        at_least: Share of what the turns allow that it is held to.
    """

    turns: int
    latency: float
    at_least: float


@frozen
class Scale:
    """How large.

    Attributes:
        cases: The crawls.
        rounds: Pages for each turn.
        solve: Seconds that the service takes for a task.
        known: Requests that are known to need a solution.
        known_solve: Seconds that the service takes for a task of these.
    """

    cases: Sequence[Case] = (Case(32, 0.05, 0.9), Case(200, 0.3, 0.88), Case(1000, 0.3, 0.88))
    rounds: int = 4
    solve: float = 20.0
    known: int = 500
    known_solve: float = 15.0


def measure() -> Table:
    """Measure at full size."""
    return compare(Scale())


def compare(scale: Scale) -> Table:
    """Crawl with few and with many turns, with a service nearby and far away."""
    rows: list[tuple[str, ...]] = []
    ratios: list[Ratio] = []
    for case in scale.cases:
        name = f"{case.turns:,} turns, {case.latency:g} s"
        count = scale.rounds * case.turns
        pages = Pages("withheld", "http://forms.example/form/{}", count)
        times, most = _crawl(pages, case.turns, solve=scale.solve, service_latency=case.latency)
        seconds = times[-1] - times[case.turns - 1]
        rate = (len(times) - case.turns) / seconds
        rows += [(f"{name}: pages/s", f"{rate:.2f}"), (f"{name}: most tasks at once", str(most))]
        ratios.append(Ratio(f"{name}: share of turns ÷ T", rate * scale.solve / case.turns, at_least=case.at_least))
        ratios.append(Ratio(f"{name}: share of the pages that came", len(times) / count, at_least=1))
    known = Pages("known", "http://forms.example/form/{}", scale.known, is_known=True)
    times, _ = _crawl(known, 32, solve=scale.known_solve)
    ideal = scale.known / 32 * scale.known_solve
    rows.append(("known in advance: seconds", f"{times[-1]:.1f}"))
    ratios.append(Ratio("known in advance: share of the ideal", ideal / times[-1], at_least=0.92))
    method = METHOD.format(solve=scale.solve, rounds=scale.rounds, known=scale.known, known_solve=scale.known_solve)
    return Table(
        "throughput", "Pages a second by turns", method, tuple(rows), tuple(ratios), columns=("plugin", "otherwise")
    )


def _crawl(pages: Pages, turns: int, **world: float) -> tuple[list[float], int]:
    """When each page came, and how many tasks there were at once at most."""
    world_and_more: dict[str, Any] = dict(world)
    details = crawl_virtually([pages], {**SETTINGS, "GEETEST_MAX_CONCURRENT_SOLVES": turns}, **world_and_more).details
    return details["times"][pages.label], details["most"]

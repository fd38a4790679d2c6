"""How long does the first page of everyone else take behind hundreds of forms of one site?"""

from __future__ import annotations

from attrs import frozen

from benchmarks.crawl import crawl_virtually
from benchmarks.report import Ratio, Table
from benchmarks.spiders import Pages

METHOD = """\
{forms} forms of site a wait for {turns} turns, {solve:g} s a solution, in virtual time. {after:g} s later the crawl asks for {few} forms
of site b, {few} pages behind the gate of site c, and one form of site a with priority 1000. Slow: {slow} forms of a site with a
`DOWNLOAD_DELAY` of {delay:g} s are asked for, and {few} forms of another site as soon as they wait; {slow_turns} turns, {quick:g} s a solution.
First come, first served: when it would have been the turn of the first of them if all that came before had a task first."""
SITES = [
    {"name": "a", "urls": ["a.example"], "challenge_url": "/register"},
    {"name": "b", "urls": ["b.example"], "challenge_url": "/register"},
    {"name": "c", "urls": ["c.example"], "challenge_url": "/register", "mode": "gate"},
    {"name": "slow", "urls": ["slow.example"], "challenge_url": "/register"},
]
PATIENCE = 45.0


@frozen
class Scale:
    """How large.

    Attributes:
        forms: Of site a.
        turns: Tasks at once.
        solve: Seconds that the service takes for a task.
        few: Pages of the others.
        after: Seconds after which the others come.
        slow: Forms of the slow site.
        delay: Seconds between two requests to it.
        slow_turns: Tasks at once beside the slow site.
        quick: Seconds that a task takes beside the slow site.
    """

    forms: int = 400
    turns: int = 32
    solve: float = 20.0
    few: int = 20
    after: float = 5.0
    slow: int = 12
    delay: float = 2.0
    slow_turns: int = 4
    quick: float = 2.0


def measure() -> Table:
    """Measure at full size."""
    return compare(Scale())


def compare(scale: Scale) -> Table:
    """Crawl behind many forms, and beside a slow site."""
    behind, beside = _behind(scale), _beside(scale)
    first_come = (scale.forms // scale.turns + 1) * scale.solve
    asked = {"b": "site b", "gate": "the gate of site c", "urgent": "the request of priority 1000"}
    ratios = [
        Ratio(f"first page of {who}, s", behind[label][0] - scale.after, first_come, at_most=PATIENCE)
        for label, who in asked.items()
    ]
    ratios.append(Ratio("first page beside the slow site, s", beside["quick"][0] - 1, at_most=5))
    ideal = scale.few / scale.slow_turns * scale.quick
    ratios.append(Ratio("last page beside the slow site ÷ ideal", (beside["quick"][-1] - 1) / ideal, at_most=2))
    rows = tuple((f"pages of {label}", str(len(times))) for label, times in {**behind, **beside}.items())
    return Table(
        "fair",
        "Turns behind hundreds of forms",
        METHOD.format(
            forms=scale.forms,
            turns=scale.turns,
            solve=scale.solve,
            after=scale.after,
            few=scale.few,
            slow=scale.slow,
            delay=scale.delay,
            slow_turns=scale.slow_turns,
            quick=scale.quick,
        ),
        rows,
        tuple(ratios),
        columns=("plugin", "first come, first served"),
    )


def _behind(scale: Scale) -> dict[str, list[float]]:
    pages = [
        Pages("a", "http://a.example/form/{}", scale.forms),
        Pages("b", "http://b.example/form/{}", scale.few, after=scale.after),
        Pages("gate", "http://c.example/gate/{}", scale.few, after=scale.after),
        Pages("urgent", "http://a.example/form/urgent{}", 1, priority=1000, after=scale.after),
    ]
    settings = {"GEETEST_SITES": SITES, "GEETEST_MAX_CONCURRENT_SOLVES": scale.turns}
    return dict(crawl_virtually(pages, settings, solve=scale.solve).details["times"])


def _beside(scale: Scale) -> dict[str, list[float]]:
    pages = [
        Pages("slow", "http://slow.example/form/{}", scale.slow),
        Pages("quick", "http://b.example/form/quick{}", scale.few, after=1.0),
    ]
    settings = {
        "GEETEST_SITES": SITES,
        "GEETEST_MAX_CONCURRENT_SOLVES": scale.slow_turns,
        "DOWNLOAD_SLOTS": {"slow.example": {"concurrency": 8, "delay": scale.delay, "randomize_delay": False}},
    }
    return dict(crawl_virtually(pages, settings, solve=scale.quick).details["times"])

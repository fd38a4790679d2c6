"""Does a host without CAPTCHAs go on being crawled while pages of another one wait for solutions?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from benchmarks.crawl import FORMS, VIRTUAL, crawl_virtually
from benchmarks.report import Ratio, Table
from benchmarks.spiders import Pages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.crawl import Outcome

METHOD = """\
Two hosts with {count:,} pages each, asked for in turn, 50 ms a page, in virtual time, so that no processor is the limit;
`CONCURRENT_REQUESTS = 16`, all other settings at their defaults. {share:.0%} of the other host's pages are forms behind GeeTest
v3, {solve:g} s a solution. The rate of the clean host is the number of its pages divided by the time from its first page to its
last one: the solutions that the other host still waits for after that do not count."""


@frozen
class Scale:
    """How large.

    Attributes:
        count: Pages of each host.
        share: Of the other host's pages that are withheld.
        solve: Seconds that the service takes for a task.
    """

    count: int = 3000
    share: float = 0.2
    solve: float = 5.0


def measure() -> Table:
    """Measure at full size."""
    return compare(Scale())


def compare(scale: Scale) -> Table:
    """Crawl with and without withheld pages."""
    plugin = {"GEETEST_SITES": FORMS}
    free, both = _crawl(scale, plugin, 0.0), _crawl(scale, plugin, scale.share)
    plain = _crawl(scale, {"ADDONS": {}, **VIRTUAL.peer(register="/register")}, scale.share)
    outcomes, pages = (both, plain), 2 * scale.count
    return Table(
        name="stall",
        title="Pages of other hosts while solutions are waited for",
        method=METHOD.format(count=scale.count, share=scale.share, solve=scale.solve),
        rows=(
            ("clean host, nothing withheld: pages/s", *[f"{_rate(free):.1f}"] * 2),
            ("clean host, other host waits: pages/s", *(f"{_rate(outcome):.1f}" for outcome in outcomes)),
            ("pages of both hosts", *(f"{outcome.pages:,} of {pages:,}" for outcome in outcomes)),
            ("solutions bought", *(f"{outcome.details['created']:,}" for outcome in outcomes)),
        ),
        ratios=(
            Ratio(
                "clean host's pages/s ÷ the same with nothing withheld",
                *(_rate(outcome) / _rate(free) for outcome in outcomes),
                at_least=0.95,
            ),
            Ratio("share of the pages that came", *(outcome.pages / pages for outcome in outcomes), at_least=1),
        ),
    )


def _crawl(scale: Scale, settings: Mapping[str, Any], share: float) -> Outcome:
    withheld = round(share * scale.count)
    pages = [
        Pages("clean", "http://clean.example/page/{}", scale.count),
        Pages("open", "http://forms.example/page/{}", scale.count - withheld),
        Pages("withheld", "http://forms.example/form/{}", withheld),
    ]
    return crawl_virtually(pages, {"CONCURRENT_REQUESTS": 16, **settings}, solve=scale.solve)


def _rate(outcome: Outcome) -> float:
    return outcome.tallies["clean"].rate

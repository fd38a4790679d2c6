"""Does a host without CAPTCHAs go on being crawled while pages of another one wait for solutions?"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from attrs import frozen

from benchmarks.crawl import Addresses, Outcome, crawl
from benchmarks.report import Ratio, Table
from benchmarks.spiders import Pages
from scrapy_geetest.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Mapping

SETTINGS = {"CONCURRENT_REQUESTS": 16}
METHOD = """\
Two hosts with {count} pages each, asked for in turn, {latency:g} ms a page, `CONCURRENT_REQUESTS = 16`. {share:.0%} of the
other host's pages are forms behind GeeTest v4, {solve:g} s a solution. The rate of the clean host is the number of its pages
divided by the time from its first page to its last one: the solutions that the other host still waits for after that do not
count. Plugin: medians of {repeats} pairs of crawls, with and without withheld pages, in turn, the ratio being that of each
pair; plain await: one crawl, against the median of the crawls without."""


REGISTER = "/v3/gt/register-slide"


@frozen
class Scale:
    """How large.

    Attributes:
        count: Pages of each host.
        share: Of the other host's pages that are withheld.
        solve: Seconds that the service takes for a task.
        latency: Seconds that each page takes.
        repeats: Pairs of crawls.
        settings: More settings of all crawls.
    """

    count: int = 1000
    share: float = 0.2
    solve: float = 5.0
    latency: float = 0.05
    repeats: int = 3
    settings: Mapping[str, Any] = SETTINGS


def measure() -> Table:
    """Measure at full size."""
    with Sandbox() as sandbox:
        return compare(sandbox, Scale())


def compare(sandbox: Sandbox, scale: Scale) -> Table:
    """Crawl with and without withheld pages."""
    sandbox.reset(latency=scale.latency, solve_seconds=scale.solve)
    site = Addresses.of(sandbox)
    plugin = {**scale.settings, **site.plugin(challenge_url=REGISTER)}
    pairs = [
        (_crawl(sandbox, scale, plugin, 0.0), _crawl(sandbox, scale, plugin, scale.share)) for _ in range(scale.repeats)
    ]
    free = median(_rate(without) for without, _ in pairs)
    plain = _crawl(sandbox, scale, {**scale.settings, **site.peer(register=REGISTER)}, scale.share)
    pages = min(both.pages for _, both in pairs)
    return Table(
        name="stall",
        title="Pages of other hosts while solutions are waited for",
        method=METHOD.format(
            count=scale.count,
            latency=1000 * scale.latency,
            share=scale.share,
            solve=scale.solve,
            repeats=scale.repeats,
        ),
        rows=(
            ("clean host, nothing withheld: pages/s", f"{free:.1f}", f"{free:.1f}"),
            (
                "clean host, other host waits: pages/s",
                f"{median(_rate(both) for _, both in pairs):.1f}",
                f"{_rate(plain):.1f}",
            ),
            ("pages of both hosts", f"{pages} of {2 * scale.count}", f"{plain.pages} of {2 * scale.count}"),
        ),
        ratios=(
            Ratio(
                "clean host's pages/s ÷ the same with nothing withheld",
                median(_rate(both) / _rate(without) for without, both in pairs),
                _rate(plain) / free,
                at_least=0.95,
            ),
            Ratio(
                "share of the pages that came", pages / (2 * scale.count), plain.pages / (2 * scale.count), at_least=1
            ),
        ),
    )


def _crawl(sandbox: Sandbox, scale: Scale, settings: Mapping[str, Any], share: float) -> Outcome:
    withheld = round(share * scale.count)
    clean_host = sandbox.other_url.replace("127.0.0.1", "localhost")  # Scrapy tells hosts apart by their names
    return crawl(
        [
            Pages("clean", f"{clean_host}/plain/{{}}", scale.count),
            Pages("open", f"{sandbox.url}/plain/{{}}", scale.count - withheld),
            Pages("withheld", f"{sandbox.url}/v3/search?q={{}}", withheld),
        ],
        settings,
    )


def _rate(outcome: Outcome) -> float:
    return outcome.tallies["clean"].rate

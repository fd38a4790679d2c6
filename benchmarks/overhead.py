"""What does a crawl that meets no CAPTCHA pay for the plugin?"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from attrs import frozen

from benchmarks.crawl import Addresses, Outcome, take_turns
from benchmarks.report import Ratio, Table
from benchmarks.spiders import Pages
from scrapy_geetest.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence

METHOD = """\
{count} ordinary pages of about 1 KB, half of them of a declared site, half of another host, fetched in turn by a spider
that does nothing else. {pairs} pairs of crawls, one with the plugin and one without, in the order off, on, on, off, in one
process, after a pair that does not count; from the first request to the last page. A bare crawl is bound by its processor time; requests a second are therefore
requests for each second of its process's processor time, which other work on the machine hardly touches. The ratio is the
median of those of the pairs."""


@frozen
class Scale:
    """How large.

    Attributes:
        count: Pages of each kind.
        pairs: Of crawls, an even number.
    """

    count: int = 250
    pairs: int = 60


def measure() -> Table:
    """Measure at full size."""
    with Sandbox() as sandbox:
        return compare(sandbox, Scale())


def compare(sandbox: Sandbox, scale: Scale) -> Table:
    """Crawl with and without the plugin."""
    sandbox.reset()
    site = Addresses.of(sandbox)
    other_host = sandbox.other_url.replace("127.0.0.1", "localhost")  # Scrapy tells hosts apart by their names
    pages = [
        Pages("declared", f"{sandbox.url}/plain/{{}}", scale.count),
        Pages("undeclared", f"{other_host}/plain/{{}}", scale.count),
    ]
    off: dict[str, object] = {}
    on = site.plugin()
    outcomes = take_turns(pages, [off, on, *[off, on, on, off] * (scale.pairs // 2)])[2:]
    without = [outcome for place, outcome in enumerate(outcomes) if place % 4 in (0, 3)]
    with_plugin = [outcome for place, outcome in enumerate(outcomes) if place % 4 in (1, 2)]
    fetched = min(outcome.pages for outcome in outcomes)
    return Table(
        name="overhead",
        title="Crawls without CAPTCHAs",
        method=METHOD.format(count=2 * scale.count, pairs=scale.pairs),
        columns=("plugin on", "plugin off"),
        rows=(
            ("requests/s of processor time", f"{_per_cpu(with_plugin):.0f}", f"{_per_cpu(without):.0f}"),
            ("requests/s of the clock", f"{_per_second(with_plugin):.0f}", f"{_per_second(without):.0f}"),
            ("pages of each crawl, at least", str(fetched), str(min(outcome.pages for outcome in without))),
        ),
        ratios=(
            Ratio(
                "requests/s, on ÷ off",
                median(fast.cpu / slow.cpu for fast, slow in zip(without, with_plugin, strict=True)),
                at_least=0.98,
                digits=3,
            ),
        ),
    )


def _per_cpu(outcomes: Sequence[Outcome]) -> float:
    return median(outcome.pages / outcome.cpu for outcome in outcomes)


def _per_second(outcomes: Sequence[Outcome]) -> float:
    return median(outcome.rate for outcome in outcomes)

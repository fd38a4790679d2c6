"""What does a crawl that meets no CAPTCHA pay for the plugin?"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from attrs import frozen

from benchmarks.crawl import Addresses, Outcome, take_turns
from benchmarks.report import Ratio, Table
from benchmarks.spiders import Pages
from scrapy_geetest.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

METHOD = """\
{count} ordinary pages of about 1 KB, half of them of a declared site, half of another host, fetched in turn by a spider
that does nothing else. The site is a form site, or a gate site whose gate was opened before; the crawl without the plugin has
a cookie of the gate's, too, since Scrapy's cookie jar takes longer with one in it. {pairs} pairs of crawls each, one
with the plugin and one without, in the order off, on, on, off, in one process, after a pair that does not count; from the
first request to the last page. A bare crawl is bound by its processor time; requests a second are therefore requests for each
second of its process's processor time. The ratios are the medians of those of the pairs; where the machine's speed changes
within seconds, they have been seen to differ by 0.02 from run to run."""
GATE = "/gate/page/0"
COOKIES = ({"name": "gate_pass", "value": "none", "path": "/gate"},)


@frozen
class Scale:
    """How large.

    Attributes:
        count: Pages of each kind.
        pairs: Of crawls of each kind, an even number.
    """

    count: int = 250
    pairs: int = 50


def measure() -> Table:
    """Measure at full size."""
    with Sandbox() as sandbox:
        return compare(sandbox, Scale())


def compare(sandbox: Sandbox, scale: Scale) -> Table:
    """Crawl with and without the plugin."""
    sandbox.reset(solve_seconds=0.1)
    site = Addresses.of(sandbox)
    form, no_form = _crawl(sandbox, scale, site.plugin())
    soon = {"GEETEST_FIRST_POLL": 0.3}
    gate, no_gate = _crawl(
        sandbox, scale, {**site.plugin(mode="gate"), **soon}, first=sandbox.url + GATE, cookies=COOKIES
    )
    kinds = (("form site", form, no_form), ("gate site", gate, no_gate))
    return Table(
        name="overhead",
        title="Crawls without CAPTCHAs",
        method=METHOD.format(count=2 * scale.count, pairs=scale.pairs),
        columns=("plugin on", "plugin off"),
        rows=tuple(row for kind, on, off in kinds for row in _rows(kind, on, off)),
        ratios=tuple(
            Ratio(
                f"{kind}: requests/s, on ÷ off",
                median(slow.cpu / fast.cpu for fast, slow in zip(on, off, strict=True)),
                at_least=0.98,
                digits=3,
            )
            for kind, on, off in kinds
        ),
    )


def _crawl(
    sandbox: Sandbox, scale: Scale, on: Mapping[str, object], **arguments: Any
) -> tuple[list[Outcome], list[Outcome]]:
    """Crawls with the plugin, and the same number without."""
    other_host = sandbox.other_url.replace("127.0.0.1", "localhost")  # Scrapy tells hosts apart by their names
    pages = [
        Pages("declared", f"{sandbox.url}/plain/{{}}", scale.count),
        Pages("undeclared", f"{other_host}/plain/{{}}", scale.count),
    ]
    off: dict[str, object] = {}
    outcomes = take_turns(pages, [off, on, *[off, on, on, off] * (scale.pairs // 2)], **arguments)[2:]
    without = [outcome for place, outcome in enumerate(outcomes) if place % 4 in (0, 3)]
    return [outcome for place, outcome in enumerate(outcomes) if place % 4 in (1, 2)], without


def _rows(kind: str, on: Sequence[Outcome], off: Sequence[Outcome]) -> Iterator[tuple[str, str, str]]:
    yield f"{kind}: requests/s of processor time", f"{_per_cpu(on):.0f}", f"{_per_cpu(off):.0f}"
    yield f"{kind}: requests/s of the clock", f"{_per_second(on):.0f}", f"{_per_second(off):.0f}"
    fewest = [str(min(outcome.pages for outcome in outcomes)) for outcomes in (on, off)]
    yield f"{kind}: pages of each crawl, at least", fewest[0], fewest[1]


def _per_cpu(outcomes: Sequence[Outcome]) -> float:
    return median(outcome.pages / outcome.cpu for outcome in outcomes)


def _per_second(outcomes: Sequence[Outcome]) -> float:
    return median(outcome.rate for outcome in outcomes)

"""What does a crawl that meets no CAPTCHA pay for the plugin?"""

from __future__ import annotations

from statistics import mean
from typing import TYPE_CHECKING, Any

from attrs import frozen

from benchmarks.crawl import Addresses, Outcome, side_by_side
from benchmarks.report import Ratio, Table
from benchmarks.spiders import Pages
from scrapy_geetest.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

METHOD = """\
Ordinary pages of about 1 KB by a spider that does nothing else: a crawl with the plugin and one without run in one process
and take turns, in the order off, on, on, off. In each of its {turns} turns a crawl fetches two pages, one of a declared site
and one of another host. The site is a form site, or a gate site whose gate was opened before; the crawl without the plugin
has a cookie of the gate's, too, since Scrapy's cookie jar takes longer with one in it. A bare crawl is bound by its processor
time; requests a second are therefore requests for each second of processor time. The first tenth of the turns does not count;
nor do, of either crawl, the tenth that took longest and the tenth that took shortest, in which the machine did something
else. Two crawls without the plugin have a ratio of 1.001 in this way, and one run differs from another by 0.002."""
PAGES_A_TURN = 2
GATE = "/gate/page/0"
COOKIES = ({"name": "gate_pass", "value": "none", "path": "/gate"},)


@frozen
class Scale:
    """How large.

    Attributes:
        turns: Of each crawl.
    """

    turns: int = 8000


def measure() -> Table:
    """Measure at full size."""
    with Sandbox() as sandbox:
        return compare(sandbox, Scale())


def compare(sandbox: Sandbox, scale: Scale) -> Table:
    """Crawl with and without the plugin."""
    sandbox.reset(solve_seconds=0.1)
    site = Addresses.of(sandbox)
    soon = {"GEETEST_FIRST_POLL": 0.3}
    form = _crawl(sandbox, scale, site.plugin())
    gate = _crawl(sandbox, scale, {**site.plugin(mode="gate"), **soon}, first=sandbox.url + GATE, cookies=COOKIES)
    kinds = {"form site": form, "gate site": gate}
    return Table(
        name="overhead",
        title="Crawls without CAPTCHAs",
        method=METHOD.format(turns=scale.turns),
        columns=("plugin on", "plugin off"),
        rows=tuple(row for kind, outcomes in kinds.items() for row in _rows(kind, outcomes)),
        ratios=tuple(
            Ratio(f"{kind}: requests/s, on ÷ off", _rate(on) / _rate(off), at_least=0.98, digits=3)
            for kind, (on, off) in kinds.items()
        ),
    )


def _crawl(sandbox: Sandbox, scale: Scale, on: Mapping[str, object], **arguments: Any) -> tuple[Outcome, Outcome]:
    """A crawl with the plugin, and one without."""
    other_host = sandbox.other_url.replace("127.0.0.1", "localhost")  # Scrapy tells hosts apart by their names
    pages = [
        Pages("declared", f"{sandbox.url}/plain/{{}}", scale.turns),
        Pages("undeclared", f"{other_host}/plain/{{}}", scale.turns),
    ]
    without, with_plugin = side_by_side(pages, [{}, on], **arguments)
    return with_plugin, without


def _rows(kind: str, outcomes: Sequence[Outcome]) -> Iterator[tuple[str, ...]]:
    yield (f"{kind}: requests/s of processor time", *(f"{_rate(outcome):.0f}" for outcome in outcomes))
    yield (f"{kind}: pages", *(str(outcome.pages) for outcome in outcomes))


def _rate(outcome: Outcome) -> float:
    """Requests for each second of processor time, without what is not typical."""
    seconds: list[float] = outcome.details["seconds"]
    typical = sorted(seconds[len(seconds) // 10 :])
    tenth = len(typical) // 10
    return PAGES_A_TURN / mean(typical[tenth : len(typical) - tenth])

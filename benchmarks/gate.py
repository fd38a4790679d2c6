"""How many solutions are bought for the concurrent requests of one session?"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from attrs import frozen

from benchmarks.crawl import Addresses, crawl, take_turns
from benchmarks.gate_openings import WAITING
from benchmarks.report import Ratio, Table
from benchmarks.spiders import Pages
from scrapy_geetest.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Mapping

METHOD = """\
{count} pages behind one GeeTest v4 gate, one cookie jar, all asked for at the same time (`CONCURRENT_REQUESTS = {count}`;
each answer takes {latency:g} s, so that all requests are under way when the first one turns out to be withheld); {solve:g} s a
solution. Tasks are counted by the service. Openings: {few:,} and {many:,} sessions meet a gate with {waiting} requests each, and all
gates are opened at the same moment, without a site and a service: what counts is the plugin's own processor time without
garbage collection, the median of {repeats} rounds, in one process."""


@frozen
class Scale:
    """How large.

    Attributes:
        count: Pages.
        solve: Seconds that the service takes for a task.
        latency: Seconds that each page takes.
        few: Sessions whose gates are opened at once.
        many: The same, more of them.
        repeats: Rounds of openings.
        settings: More settings of all crawls.
    """

    count: int = 200
    solve: float = 2.0
    latency: float = 1.0
    few: int = 1_000
    many: int = 10_000
    repeats: int = 5
    settings: Mapping[str, Any] = {}


def measure() -> Table:
    """Measure at full size."""
    with Sandbox() as sandbox:
        return compare(sandbox, Scale())


def compare(sandbox: Sandbox, scale: Scale) -> Table:
    """Crawl once with each middleware."""
    site = Addresses.of(sandbox)
    plugin, tasks = _crawl(sandbox, scale, site.plugin("/gate", mode="gate"))
    plain, plain_tasks = _crawl(sandbox, scale, site.peer())
    rounds = _openings(site, scale)
    return Table(
        name="gate",
        title="One session, many requests",
        method=METHOD.format(
            count=scale.count,
            latency=scale.latency,
            solve=scale.solve,
            few=scale.few,
            many=scale.many,
            waiting=WAITING,
            repeats=scale.repeats,
        ),
        rows=(
            ("pages", str(plugin), str(plain)),
            ("tasks bought", str(tasks), str(plain_tasks)),
            (f"{scale.few:,} openings, ms each", f"{median(few for few, _ in rounds) / scale.few * 1000:.3f}", ""),
            (f"{scale.many:,} openings, ms each", f"{median(many for _, many in rounds) / scale.many * 1000:.3f}", ""),
        ),
        ratios=(
            Ratio("tasks bought for the session", tasks, plain_tasks, at_most=1),
            Ratio("share of the pages that came", plugin / scale.count, plain / scale.count, at_least=1),
            Ratio(f"{scale.many:,} openings ÷ {scale.few:,}", median(many / few for few, many in rounds), at_most=12),
        ),
    )


def _crawl(sandbox: Sandbox, scale: Scale, settings: Mapping[str, Any]) -> tuple[int, int]:
    """Pages that came, and tasks that were bought."""
    sandbox.reset(latency=scale.latency, solve_seconds=scale.solve)
    at_once = {"CONCURRENT_REQUESTS": scale.count, "CONCURRENT_REQUESTS_PER_DOMAIN": scale.count}
    outcome = crawl(
        [Pages("gate", f"{sandbox.url}/gate/page/{{}}", scale.count)], {**at_once, **scale.settings, **settings}
    )
    return outcome.pages, sandbox.books()["created"]["total"]


def _openings(site: Addresses, scale: Scale) -> list[tuple[float, float]]:
    """Seconds of processor time of the few and of the many, round by round."""
    sizes = [scale.few, scale.many] * (scale.repeats + 1)
    spider = "benchmarks.gate_openings.OpeningSpider"
    [outcome] = take_turns([], [site.plugin(mode="gate")], spider, sizes=sizes)
    seconds = outcome.details["seconds"][2:]  # the first round warms up
    return list(zip(seconds[::2], seconds[1::2], strict=True))

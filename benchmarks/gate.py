"""How many solutions are bought for the concurrent requests of one session?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from benchmarks.crawl import Addresses, crawl
from benchmarks.report import Ratio, Table
from benchmarks.spiders import Pages
from scrapy_geetest.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Mapping

METHOD = """\
{count} pages behind one GeeTest v4 gate, one cookie jar, all asked for at the same time (`CONCURRENT_REQUESTS = {count}`;
each answer takes {latency:g} s, so that all requests are under way when the first one turns out to be withheld); {solve:g} s a
solution. Tasks are counted by the service."""


@frozen
class Scale:
    """How large.

    Attributes:
        count: Pages.
        solve: Seconds that the service takes for a task.
        latency: Seconds that each page takes.
        settings: More settings of all crawls.
    """

    count: int = 200
    solve: float = 2.0
    latency: float = 1.0
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
    return Table(
        name="gate",
        title="One session, many requests",
        method=METHOD.format(count=scale.count, latency=scale.latency, solve=scale.solve),
        rows=(("pages", str(plugin), str(plain)), ("tasks bought", str(tasks), str(plain_tasks))),
        ratios=(
            Ratio("tasks bought for the session", tasks, plain_tasks, at_most=1),
            Ratio("share of the pages that came", plugin / scale.count, plain / scale.count, at_least=1),
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

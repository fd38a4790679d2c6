"""What does a page cost where many sites are declared?"""

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

    from scrapy.settings import BaseSettings

METHOD = """\
{count} ordinary pages of about 1 KB, half of them of the site that is declared last, half of another host. {rounds} rounds of
three crawls, in one process, forth and back: without the plugin, with one declared site, with {sites:,}. What counts is the
processor time for a page, from the first request to the last page; the ratios are the medians of those of the rounds."""


class ManySites:
    """An add-on that declares further sites before the crawl's own (``BENCHMARK_SITES`` in all)."""

    def update_settings(self, settings: BaseSettings) -> None:
        """Declare them."""
        names = range(1, settings.getint("BENCHMARK_SITES"))
        others = [{"name": f"site {number}", "urls": [f"{number}.example.com"]} for number in names]
        settings.set("GEETEST_SITES", [*others, *settings["GEETEST_SITES"]], "cmdline")


@frozen
class Scale:
    """How large.

    Attributes:
        count: Pages of each kind.
        rounds: Of crawls, an even number.
        sites: Declared, in the largest of the three.
    """

    count: int = 250
    rounds: int = 20
    sites: int = 1000


def measure() -> Table:
    """Measure at full size."""
    with Sandbox() as sandbox:
        return compare(sandbox, Scale())


def compare(sandbox: Sandbox, scale: Scale) -> Table:
    """Crawl without the plugin, with one site, and with many."""
    sandbox.reset()
    other_host = sandbox.other_url.replace("127.0.0.1", "localhost")  # Scrapy tells hosts apart by their names
    pages = [
        Pages("declared", f"{sandbox.url}/plain/{{}}", scale.count),
        Pages("undeclared", f"{other_host}/plain/{{}}", scale.count),
    ]
    one = Addresses.of(sandbox).plugin()
    addons = {**one["ADDONS"], "benchmarks.sites.ManySites": 400}
    many = {**one, "ADDONS": addons, "BENCHMARK_SITES": scale.sites}
    forth: list[dict[str, object]] = [{}, one, many]
    outcomes = take_turns(pages, [*forth, *[*forth, *reversed(forth)] * (scale.rounds // 2)])[3:]
    rounds = [outcomes[start : start + 3] for start in range(0, len(outcomes), 3)]
    rounds = [round_ if place % 2 == 0 else round_[::-1] for place, round_ in enumerate(rounds)]
    off, with_one, with_many = ([round_[place] for round_ in rounds] for place in range(3))
    return Table(
        name="sites",
        title="Many declared sites",
        method=METHOD.format(count=2 * scale.count, rounds=scale.rounds, sites=scale.sites),
        columns=(f"{scale.sites:,} sites", "one site", "plugin off"),
        rows=(
            ("ms of processor time a page", *(f"{_per_page(kind):.3f}" for kind in (with_many, with_one, off))),
            (
                "pages of each crawl, at least",
                *(str(min(one.pages for one in kind)) for kind in (with_many, with_one, off)),
            ),
        ),
        ratios=(
            Ratio(
                f"a page at {scale.sites:,} sites ÷ at one",
                median(many.cpu / one.cpu for many, one in zip(with_many, with_one, strict=True)),
                at_most=1.3,
            ),
        ),
    )


def _per_page(outcomes: Sequence[Outcome]) -> float:
    return median(1000 * outcome.cpu / outcome.pages for outcome in outcomes)

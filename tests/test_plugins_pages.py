"""Whole crawls with packages that decide what is fetched, or what a callback gets: scrapy-deltafetch, scrapy-poet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sandbox_crawl import crawl_sandbox, gate_pages, gate_site, search_site, searches
from scrapy import Request, Spider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from pathlib import Path

    from crawl import Crawl
    from scrapy.http import Response

    from scrapy_geetest.sandbox import Sandbox

pytestmark = [pytest.mark.plugins, pytest.mark.filterwarnings("ignore")]  # warnings of others are theirs


class Scraping(Spider):
    """Follows from a plain page to what is wanted, and scrapes it."""

    name = "scraping"
    crawl: Crawl
    wanted: Callable[[Spider], Iterable[Request]]

    async def start(self) -> AsyncIterator[Any]:
        for request in self.wanted(self):
            yield Request(request.url, self.links, meta=request.meta, dont_filter=True)

    def links(self, response: Any) -> Any:
        for request in response.meta["then"]:
            yield request.replace(callback=self.item)

    def item(self, response: Any) -> Any:
        self.crawl.pages.append(response)
        yield {"url": response.url}


def _delta_fetch() -> type:
    """As released, with the asynchronous twin of its method that Scrapy wants."""
    released: Any = pytest.importorskip("scrapy_deltafetch").DeltaFetch

    async def process_spider_output_async(
        self: Any, response: Response, result: AsyncIterator[Any]
    ) -> AsyncIterator[Any]:
        async for one in result:
            for kept in self.process_spider_output(response, [one], None):
                yield kept

    return type("DeltaFetch", (released,), {"process_spider_output_async": process_spider_output_async})


@pytest.mark.parametrize("kind", ["form", "gate", "gater"])
async def test_scrapy_deltafetch_skips_what_was_scraped_before_anything_is_bought(
    sandbox: Sandbox, tmp_path: Path, kind: str
) -> None:
    """What it remembers is the fingerprint of the spider's own request; the second run meets the new page only."""
    wanted, new, site = {
        "form": (searches(sandbox, "rope", "oar"), searches(sandbox, "barrel"), search_site(sandbox)),
        "gate": (gate_pages(sandbox, range(3)), gate_pages(sandbox, [7]), gate_site(sandbox)),
        "gater": (
            gate_pages(sandbox, range(3), "gater"),
            gate_pages(sandbox, [7], "gater"),
            gate_site(sandbox, "gater"),
        ),
    }[kind]
    settings: dict[str, Any] = {
        "SPIDER_MIDDLEWARES": {_delta_fetch(): 100},
        "DELTAFETCH_ENABLED": True,
        "DELTAFETCH_DIR": str(tmp_path),
    }
    runs = []
    for pages in (wanted, [*wanted, *new], [*wanted, *new]):
        start = Request(f"{sandbox.url}/plain/1", meta={"then": pages})
        runs.append(await crawl_sandbox(sandbox, [start], site, spider=Scraping, **settings))
    assert [len(run.pages) for run in runs] == [len(wanted), 1, 0]
    tasks = [len(wanted), 1, 0] if kind == "form" else [1, 1, 0]
    assert [run.stats["tasks_created"] for run in runs] == tasks
    skipped = [run.all_stats.get("deltafetch/skipped", 0) for run in runs]
    assert skipped == [0, len(wanted), len(wanted) + 1]


POET: dict[str, Any] = {"ADDONS": {"scrapy_geetest.Addon": 500, "scrapy_poet.Addon": 300}}


@pytest.mark.parametrize("kind", ["form", "gate"])
async def test_page_objects_of_scrapy_poet_are_made_of_the_page_that_a_solution_led_to(
    sandbox: Sandbox, kind: str
) -> None:
    """For the spider's own requests, and for those that a page object makes."""
    pytest.importorskip("scrapy_poet")
    from poet_pages import PoetSpider

    if kind == "form":
        wanted, expected = searches(sandbox, "rope", "oar"), [{"title": "oar"}, {"title": "rope"}]
    else:
        wanted = [*gate_pages(sandbox, [1], meta={"long": True}), *gate_pages(sandbox, [2, 3])]
        expected = [{"title": "Page 1", "rest": "Page 7"}, {"title": "Page 2"}, {"title": "Page 3"}]
    sites = search_site(sandbox), gate_site(sandbox)
    outcome = await crawl_sandbox(sandbox, wanted, *sites, spider=PoetSpider, **POET)
    assert outcome.errors == []
    assert sorted(outcome.kwargs, key=str) == sorted(expected, key=str)
    assert outcome.stats["tasks_created"] == (2 if kind == "form" else 1)
    assert "log_count/ERROR" not in outcome.all_stats

"""Whole crawls with what Scrapy itself brings along: spiders that follow links, pipelines, throttling, slots."""

from __future__ import annotations

import gzip
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from sandbox_crawl import crawl_sandbox, gate_pages, gate_site, requests, search_site, searches
from scrapy import Request, Spider, signals
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.linkextractors import LinkExtractor
from scrapy.spiders import CrawlSpider, Rule, SitemapSpider
from scrapy.utils.defer import maybe_deferred_to_future
from small_world import Answer, challenge_page, page
from twisted.internet.defer import Deferred

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from pathlib import Path

    from crawl import Crawl, RecordingSpider
    from scrapy.http import Response
    from small_world import Asked, SmallWorld

    from scrapy_geetest.sandbox import Sandbox


class Following(CrawlSpider):
    """Follows the links to the next page."""

    name = "following"
    rules = (Rule(LinkExtractor(restrict_css=".next"), callback="record", follow=True, cb_kwargs={"mine": 1}),)
    crawl: Crawl
    wanted: Callable[[Spider], Iterable[Request]]

    async def start(self) -> AsyncIterator[Any]:
        for request in self.wanted(self):
            yield request

    def record(self, response: Any, **kwargs: Any) -> None:
        self.crawl.pages.append(response)
        self.crawl.kwargs.append(kwargs)


@pytest.mark.parametrize("gate", ["gate", "gater"])
async def test_rules_follow_the_links_of_the_page_behind_a_gate(sandbox: Sandbox, gate: str) -> None:
    """Depth, Referer, rule and arguments of the callback are as without a gate, with robots.txt and Offsite at work."""
    outcome = await crawl_sandbox(
        sandbox,
        gate_pages(sandbox, [1], gate),
        gate_site(sandbox, gate),
        spider=Following,
        allowed_domains=["127.0.0.1"],
        DEPTH_LIMIT=3,
        DEPTH_STATS_VERBOSE=True,
        ROBOTSTXT_OBEY=True,
    )
    assert outcome.texts("h1.title::text") == ["Page 2", "Page 3", "Page 4"]
    assert outcome.stats["tasks_created"] == 1
    assert outcome.kwargs == [{"mine": 1}] * 3
    assert [one.meta["depth"] for one in outcome.pages] == [1, 2, 3]
    before = [f"{sandbox.url}/{gate}/page/{number}".encode() for number in (1, 2, 3)]
    assert [one.request.headers["Referer"] for one in outcome.pages if one.request] == before
    assert outcome.all_stats["request_depth_max"] == 3


async def test_rules_follow_the_links_of_the_answer_to_a_form(world: SmallWorld) -> None:
    """They are relative to the address that the form led to, as in a browser; each page is solved once."""

    @world.route("/shop/")
    def shop(asked: Asked) -> Answer:
        number = int(asked.path.rpartition("/")[2])
        if world.geetest.takes(asked.fields):
            return page(f'<h1>{number}</h1><a class="next" href="{number + 1}?from=link">next</a>')
        return challenge_page(action=f"/shop/{number}")

    outcome = await world.crawl([f"{world.site.url}/shop/1"], {"accepted_css": "h1"}, spider=Following, DEPTH_LIMIT=2)
    assert outcome.texts("h1::text") == ["2", "3"]
    assert len(world.tasks) == outcome.stats["accepted"] == 3
    assert [one.request.url for one in outcome.pages if one.request] == [
        f"{world.site.url}/shop/{number}?from=link" for number in (2, 3)
    ]


class Mapped(SitemapSpider):
    """Reads sitemaps, from robots.txt on."""

    name = "mapped"
    crawl: Crawl
    wanted: Callable[[Spider], Iterable[Request]]

    async def start(self) -> AsyncIterator[Any]:
        self.sitemap_urls = [request.url for request in self.wanted(self)]
        async for request in super().start():
            yield request

    def parse(self, response: Any, **_: Any) -> None:
        self.crawl.pages.append(response)


@pytest.mark.parametrize("mode", ["form", "gate"])
async def test_sitemaps_are_read_though_they_are_withheld(world: SmallWorld, mode: str) -> None:
    """robots.txt names an index, which names a compressed sitemap, which names the pages."""
    url = world.site.url

    def xml(tag: str, *paths: str) -> str:
        inner = "".join(f"<{tag}><loc>{url}{path}</loc></{tag}>" for path in paths)
        return f'<?xml version="1.0"?><x xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{inner}</x>'

    index = xml("sitemap", "/map.xml.gz").replace("<x ", "<sitemapindex ").replace("</x>", "</sitemapindex>")
    urls = xml("url", "/p/1", "/p/2").replace("<x ", "<urlset ").replace("</x>", "</urlset>")
    behind = {
        "/robots.txt": Answer(f"User-agent: *\nSitemap: {url}/index.xml\n", type="text/plain"),
        "/index.xml": Answer(index, type="application/xml"),
        "/map.xml.gz": Answer(gzip.compress(urls.encode()), type="application/gzip"),
        "/p/1": page("<h1>1</h1>"),
        "/p/2": page("<h1>2</h1>"),
    }

    @world.route("/")
    def answer(asked: Asked) -> Answer:
        if asked.path == "/open":
            return page("thanks", Set_Cookie="pass=1; Path=/") if world.geetest.takes(asked.fields) else page("no", 403)
        is_open = world.geetest.takes(asked.fields) if mode == "form" else asked.cookies.get("pass") == "1"
        return behind[asked.path] if is_open else challenge_page(action="/open" if mode == "gate" else asked.path)

    outcome = await world.crawl([f"{url}/robots.txt"], {"mode": mode}, spider=Mapped)
    assert sorted(outcome.texts("h1::text")) == ["1", "2"]
    assert len(world.tasks) == outcome.stats["tasks_created"] == (5 if mode == "form" else 1)


async def test_files_behind_a_gate_are_downloaded(sandbox: Sandbox, tmp_path: Path) -> None:
    """The requests of a media pipeline wait for the gate and are solved like others."""
    found: list[Any] = []

    def prepare(crawler: Any) -> None:
        def scraped(item: Any) -> None:
            found.append(item)

        crawler.signals.connect(scraped, signals.item_scraped, weak=False)

    def wanted(_: RecordingSpider) -> Iterable[Request]:
        def parse(_: Response) -> Any:
            yield {"file_urls": [f"{sandbox.url}/gate/page/{number}" for number in range(3)]}

        yield Request(f"{sandbox.url}/plain/1", parse)

    outcome = await crawl_sandbox(
        sandbox,
        wanted,
        gate_site(sandbox),
        prepare=prepare,
        ITEM_PIPELINES={"scrapy.pipelines.files.FilesPipeline": 1},
        FILES_STORE=str(tmp_path),
    )
    [item] = found
    texts = [(tmp_path / file["path"]).read_text("utf-8") for file in item["files"]]
    assert [f"Page {number}</h1>" in text for number, text in enumerate(texts)] == [True] * 3
    assert outcome.stats["tasks_created"] == 1
    assert outcome.all_stats["file_status_count/downloaded"] == 3


async def test_autothrottle_does_not_count_the_time_that_a_request_waits(sandbox: Sandbox) -> None:
    """It measures downloads; with the seconds of a solution among them the crawl would slow down for good."""
    sandbox.reset(solve_seconds=1.0)
    delays: list[float] = []

    def prepare(crawler: Any) -> None:
        def remember() -> None:
            delays.extend(slot.delay for slot in crawler.engine.downloader.slots.values())

        crawler.signals.connect(remember, signals.response_received, weak=False)

    outcome = await crawl_sandbox(
        sandbox,
        searches(sandbox, *"abcdef"),
        search_site(sandbox),
        prepare=prepare,
        AUTOTHROTTLE_ENABLED=True,
        AUTOTHROTTLE_START_DELAY=0.1,
        AUTOTHROTTLE_TARGET_CONCURRENCY=4.0,
    )
    assert len(outcome.pages) == outcome.stats["tasks_created"] == 6
    assert 0 < max(delays) < 0.5


@pytest.mark.parametrize("slot", ["127.0.0.1", "slow"])
async def test_download_slots_hold_for_the_requests_of_the_plugin(world: SmallWorld, slot: str) -> None:
    """One at a time, with a delay: of the host, or of a slot that the spider names; a waiting request holds none."""
    times: list[float] = []

    @world.route("/")
    def answer(asked: Asked) -> Answer:
        times.append(time.monotonic())
        if asked.path == "/register":
            return world.geetest.register()
        if world.geetest.takes(asked.fields):
            return page("<h1>content</h1>")
        return challenge_page(action="/page", register="/register")

    meta = {} if slot == "127.0.0.1" else {"download_slot": slot}
    outcome = await world.crawl(
        [Request(f"{world.site.url}/page?n={number}", meta=meta) for number in range(3)],
        {"challenge_url": "/register"},
        DOWNLOAD_SLOTS={slot: {"concurrency": 1, "delay": 0.2}},
    )
    assert outcome.texts("h1::text") == ["content"] * 3
    assert len(world.tasks) == 3
    assert min(after - before for before, after in pairwise(times)) > 0.09  # Scrapy halves a delay at most
    assert {one.meta["download_slot"] for one in outcome.pages} == {slot}


async def test_the_requests_of_the_plugin_cost_no_depth(sandbox: Sandbox) -> None:
    """``DEPTH_LIMIT = 1`` lets the links of a solved page through; their Referer is where the form led, as in a browser."""

    def wanted(spider: RecordingSpider) -> Iterable[Request]:
        def parse(response: Response) -> Any:
            assert "depth" in response.meta
            yield response.follow("/v3/search?q=oar", spider.parse, errback=spider.failed)

        yield from (one.replace(callback=parse) for one in requests(sandbox, "/v3/search?q=rope"))

    outcome = await crawl_sandbox(sandbox, wanted, search_site(sandbox), DEPTH_LIMIT=1)
    assert outcome.texts(".query::text") == ["oar"]
    [last] = outcome.pages
    assert last.request is not None
    assert (last.meta["depth"], last.request.headers["Referer"]) == (1, f"{sandbox.url}/v3/search/verify".encode())


class CopyingHandler(HTTP11DownloadHandler):
    """Gives its response a copy of the request, as the handler of scrapy-impersonate does."""

    async def download_request(self, request: Request, *arguments: Any) -> Response:
        given: Any = super().download_request(request, *arguments)
        response: Response = await (maybe_deferred_to_future(given) if isinstance(given, Deferred) else given)
        response.request = request.copy()
        return response


async def test_a_handler_that_copies_requests_at_an_open_gate(sandbox: Sandbox) -> None:
    """How the gate stood when they were sent is noted in the copies as well, and the callback sees nothing of it."""
    outcome = await crawl_sandbox(
        sandbox,
        gate_pages(sandbox, [1]),
        gate_site(sandbox),
        spider=Following,
        DEPTH_LIMIT=3,
        REFERER_ENABLED=False,  # nothing but the gate is noted then
        DOWNLOAD_HANDLERS={"http": CopyingHandler},
    )
    assert (len(outcome.pages), outcome.stats["tasks_created"]) == (3, 1)
    assert [page.meta for page in outcome.pages if "_geetest" in page.meta] == []

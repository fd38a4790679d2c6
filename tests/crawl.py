"""Whole crawls, over real sockets, in this process: what a spider sees, and what the plugin did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field
from scrapy import Spider, signals
from scrapy.crawler import AsyncCrawlerRunner
from scrapy.http import TextResponse
from scrapy.statscollectors import MemoryStatsCollector

from scrapy_geetest.stats import NAMES, PREFIX

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from scrapy import Request
    from scrapy.http import Response
    from twisted.python.failure import Failure

SETTINGS: dict[str, Any] = {
    "ADDONS": {"scrapy_geetest.Addon": 500},
    "GEETEST_FIRST_POLL": 0.3,  # the sandbox of the tests solves faster than any real service
    "RETRY_TIMES": 1,
    "TELNETCONSOLE_ENABLED": False,
}


@define
class Crawl:
    """What became of a crawl.

    Attributes:
        pages: Responses that reached the callback, in order.
        kwargs: What their callback got besides.
        errors: Exceptions that reached the errback.
        stats: The ``geetest/…`` statistics, without that prefix.
        all_stats: All statistics.
        reason: What the spider was closed with.
    """

    pages: list[TextResponse] = field(factory=list)
    kwargs: list[dict[str, Any]] = field(factory=list)
    errors: list[BaseException] = field(factory=list)
    stats: dict[str, Any] = field(factory=dict)
    all_stats: dict[str, Any] = field(factory=dict)
    reason: str = ""

    def texts(self, css: str) -> list[str]:
        """Texts that a selector finds in all pages."""
        return [text for page in self.pages for text in page.css(css).getall()]


class RecordingSpider(Spider):
    """Sends the requests that it is given, and records what comes of them."""

    name = "recording"
    crawl: Crawl
    wanted: Callable[[RecordingSpider], Iterable[Request]]

    async def start(self) -> AsyncIterator[Any]:
        for request in self.wanted(self):
            yield request if request.callback else request.replace(callback=self.parse, errback=self.failed)

    def parse(self, response: Response, **kwargs: Any) -> None:
        assert isinstance(response, TextResponse)
        self.crawl.pages.append(response)
        self.crawl.kwargs.append(kwargs)

    def failed(self, failure: Failure) -> None:
        assert failure.value is not None
        self.crawl.errors.append(failure.value)

    @staticmethod
    def close(spider: Spider, reason: str) -> None:
        assert isinstance(spider, RecordingSpider)
        spider.crawl.reason = reason


async def crawl(
    wanted: Callable[[RecordingSpider], Iterable[Request]],
    prepare: Callable[[Any], None] | None = None,
    allowed_domains: list[str] | None = None,
    spider: type[Spider] = RecordingSpider,
    **settings: Any,
) -> Crawl:
    """Run one crawl to its end.

    Args:
        wanted: The start requests, made from the spider; those without a callback get the recording ones.
        prepare: Called with the crawler before it starts, to connect signals.
        allowed_domains: Of the spider.
        spider: Its class, if it is not the recording one; it is given ``crawl`` and ``wanted``.
        settings: In addition to those of all tests.
    """
    outcome = Crawl()
    runner = AsyncCrawlerRunner({**SETTINGS, **settings})
    crawler = runner.create_crawler(spider)
    if prepare is not None:
        prepare(crawler)
    await runner.crawl(crawler, crawl=outcome, wanted=wanted, allowed_domains=allowed_domains)
    assert crawler.stats is not None
    outcome.all_stats = crawler.stats.get_stats()
    outcome.stats = {
        name.removeprefix(PREFIX): value for name, value in outcome.all_stats.items() if name.startswith(PREFIX)
    }
    return outcome


async def items_of(spider: type[Spider], arguments: Any = None, **settings: Any) -> list[Any]:
    """What a spider of a project's scrapes.

    Args:
        spider: Its class.
        arguments: What the command line would give it with ``-a``.
        settings: In addition to those of all tests.
    """
    items: list[Any] = []
    runner = AsyncCrawlerRunner({**SETTINGS, **settings})
    crawler = runner.create_crawler(spider)

    def scraped(item: Any) -> None:
        items.append(item)

    crawler.signals.connect(scraped, signals.item_scraped)
    await runner.crawl(crawler, **(arguments or {}))
    return items


def collected() -> MemoryStatsCollector:
    """A statistics collector without a crawl."""
    return MemoryStatsCollector(AsyncCrawlerRunner({"STATS_DUMP": False}).create_crawler(RecordingSpider))


def all_stats(**expected: int) -> dict[str, int]:
    """The whole of the plugin's statistics: 0, but for those named (``__`` stands for ``/``)."""
    return {**dict.fromkeys(NAMES, 0), **{name.replace("__", "/"): value for name, value in expected.items()}}


def without_times(outcome: Crawl) -> dict[str, int]:
    """The statistics, times checked and set to 0: they differ from run to run."""
    stats = dict(outcome.stats)
    total, longest = stats.pop("solve_ms"), stats.pop("solve_ms_max")
    assert 0 <= longest <= total or total == longest == 0
    assert (total > 0) == (stats["tasks_solved"] > 0)
    return {**stats, "solve_ms": 0, "solve_ms_max": 0}

"""The process of a benchmark's crawls: ``python -m benchmarks.child``, started by :mod:`benchmarks.crawl`."""

from __future__ import annotations

import gc
import json
import sys
from typing import TYPE_CHECKING, Any

from scrapy import signals
from scrapy.crawler import AsyncCrawlerRunner
from scrapy.utils.defer import deferred_from_coro
from scrapy.utils.log import configure_logging
from scrapy.utils.misc import load_object
from scrapy.utils.reactor import install_reactor

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from benchmarks.spiders import PagesSpider


async def take_turns(plan: Mapping[str, Any]) -> None:
    """Run one crawl after the other, and tell the outcomes.

    Args:
        plan: ``spider``, its ``arguments``, and the settings of each crawl (``turns``).
    """
    outcomes: list[dict[str, Any]] = []

    def note(spider: PagesSpider) -> None:
        outcomes.append(spider.outcome())

    for settings in plan["turns"]:
        runner = AsyncCrawlerRunner(settings)
        crawler = runner.create_crawler(load_object(plan["spider"]))
        crawler.signals.connect(note, signals.spider_closed)
        gc.collect()
        await runner.crawl(crawler, **plan["arguments"])
    tell(outcomes)


def tell(outcomes: list[dict[str, Any]]) -> None:
    """Tell the outcomes of all crawls to the process that waits for them."""
    sys.stdout.write(json.dumps(outcomes) + "\n")
    sys.stdout.flush()


def main(
    plan: Mapping[str, Any],
    crawl: Callable[[Mapping[str, Any]], Coroutine[Any, Any, None]] = take_turns,
    *,
    event_loop: str | None = None,
) -> None:
    """Run the crawls that the other process wants, on an event loop of their own or that of this import path."""
    configure_logging(plan["turns"][0])
    install_reactor("twisted.internet.asyncioreactor.AsyncioSelectorReactor", event_loop)
    from twisted.internet.task import react

    react(lambda _: deferred_from_coro(crawl(plan)))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

"""The process of crawls that take turns page by page: ``python -m benchmarks.side_by_side``, started by :mod:`benchmarks.crawl`.

A machine whose speed changes from second to second tells nothing of two crawls one after the other. It is the same machine
for two pages one after the other.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from typing import TYPE_CHECKING, Any

from scrapy.crawler import AsyncCrawlerRunner

from benchmarks import child
from benchmarks.spiders import Pages, PagesSpider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from scrapy.http import Response
    from twisted.python.failure import Failure


class Turns:
    """Says which of several crawls fetches its next pages: from the first to the last, then back again.

    Args:
        crawls: How many there are.
        rounds: How many turns each of them has.
    """

    def __init__(self, crawls: int, rounds: int) -> None:
        forth = range(crawls)
        self._order = iter([crawl for number in range(rounds) for crawl in (forth, forth[::-1])[number % 2]])
        self._may_go = [asyncio.Event() for _ in forth]
        self._missing = crawls

    def joined(self) -> None:
        """One more crawl is ready; the first turn begins when all are."""
        self._missing -= 1
        if not self._missing:
            self.next()

    async def wait(self, crawl: int) -> None:
        """Wait for the next turn of a crawl."""
        await self._may_go[crawl].wait()
        self._may_go[crawl].clear()

    def next(self) -> None:
        """A turn is over."""
        crawl = next(self._order, None)
        if crawl is not None:
            self._may_go[crawl].set()


class TurnsSpider(PagesSpider):
    """Fetches a page of each kind in each of its turns.

    Attributes:
        turns: Says when.
        place: Which of the crawls it is.
    """

    turns: Turns
    place: int

    async def start(self) -> AsyncIterator[Any]:
        """The requests for all pages."""
        await self.fetch_first()
        kinds = [Pages(**kind) for kind in self.pages]
        seconds: list[float] = []
        self._under_way, self._all_came = 0, asyncio.Event()
        self.turns.joined()
        for number in range(kinds[0].count):
            await self.turns.wait(self.place)
            began = time.process_time()
            self._under_way = len(kinds)
            self._all_came.clear()
            for kind in kinds:
                yield self.request(kind.label, kind.url.format(number))
            await self._all_came.wait()
            seconds.append(time.process_time() - began)
            self.turns.next()
        self.details["seconds"] = seconds

    def parse(self, response: Response, label: str) -> None:
        """Count a page."""
        super().parse(response, label)
        self._came()

    def failed(self, failure: Failure) -> None:
        """Count a page that was lost."""
        super().failed(failure)
        self._came()

    def _came(self) -> None:
        self._under_way -= 1
        if not self._under_way:
            self._all_came.set()


async def crawl(plan: Mapping[str, Any]) -> None:
    """Run the crawls at once, and tell the outcomes in the order of their settings.

    Args:
        plan: The ``arguments`` of the spiders, and the settings of each crawl (``turns``).
    """
    arguments = plan["arguments"]
    turns = Turns(len(plan["turns"]), arguments["pages"][0]["count"])
    runners = [AsyncCrawlerRunner(settings) for settings in plan["turns"]]
    crawlers = [runner.create_crawler(TurnsSpider) for runner in runners]
    gc.collect()
    await asyncio.gather(
        *(
            runner.crawl(crawler, turns=turns, place=place, **arguments)
            for place, (runner, crawler) in enumerate(zip(runners, crawlers, strict=True))
        )
    )
    spiders: list[Any] = [crawler.spider for crawler in crawlers]
    child.tell([spider.outcome() for spider in spiders])


if __name__ == "__main__":
    child.main(json.loads(sys.argv[1]), crawl)

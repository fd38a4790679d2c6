"""A crawl in a process of its own, to be stopped with a signal and resumed.

Usage: ``python stoppable.py '{"url": …, "pages": 60, "out": "items.txt", "settings": {…}}'``; ``path`` and ``meta`` of the
requests are optional.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrapy import Request, Spider
from scrapy.crawler import AsyncCrawlerProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scrapy.http import Response


class Stoppable(Spider):
    """Asks for pages that each need a solution of their own, and appends what it gets to a file."""

    name = "stoppable"
    plan: dict[str, Any]

    async def start(self) -> AsyncIterator[Any]:
        for number in range(self.plan["pages"]):
            path = self.plan.get("path", "/v3/search?q=word{}").format(number)
            meta = self.plan.get("meta", {})
            yield Request(self.plan["url"] + path, meta=dict(meta), cb_kwargs={"number": number})

    def parse(self, response: Response, number: int) -> None:
        """One line a page, written at once."""
        query = response.css(".query::text").get()
        with Path(self.plan["out"]).open("a") as out:
            out.write(f"{number} {query}\n")


def main() -> None:
    """Crawl, then write the ``geetest/…`` statistics."""
    plan = json.loads(sys.argv[1])
    process = AsyncCrawlerProcess(plan["settings"])
    crawler = process.create_crawler(Stoppable)
    process.crawl(crawler, plan=plan)
    process.start()
    stats = crawler.stats.get_stats() if crawler.stats else {}
    with Path(plan["out"] + ".stats").open("a") as out:
        out.write(json.dumps({k: v for k, v in stats.items() if isinstance(v, int | str)}) + "\n")


if __name__ == "__main__":
    main()

"""A crawl whose pages each cost one v4 task, in a process of its own, to be killed.

Usage: ``python paid_pages.py '{"url": …, "pages": 80, "out": "items.txt", "settings": {…}}'``

A page that is in ``out`` already is not asked for again.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrapy import Request, Spider
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.http import TextResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scrapy.http import Response


class PaidPages(Spider):
    """Asks for pages, and appends the number of each that comes to a file."""

    name = "paid"
    plan: dict[str, Any]

    async def start(self) -> AsyncIterator[Any]:
        for number in range(self.plan["pages"]):
            if str(number) not in self.plan["done"]:
                yield Request(f"{self.plan['url']}/headers/data/{number}")

    def parse(self, response: Response) -> None:
        """One line a page, written at once."""
        assert isinstance(response, TextResponse)
        with Path(self.plan["out"]).open("a") as out:
            out.write(f"{response.json()['id']}\n")


def main() -> None:
    """Crawl, then write the statistics."""
    plan = json.loads(sys.argv[1])
    out = Path(plan["out"])
    plan["done"] = set(out.read_text().split()) if out.exists() else set()
    process = AsyncCrawlerProcess(plan["settings"])
    crawler = process.create_crawler(PaidPages)
    process.crawl(crawler, plan=plan)
    process.start()
    stats = crawler.stats.get_stats() if crawler.stats else {}
    with Path(plan["stats"]).open("a") as file:
        file.write(json.dumps({key: value for key, value in stats.items() if isinstance(value, int | str)}) + "\n")


if __name__ == "__main__":
    main()

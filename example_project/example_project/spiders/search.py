"""Searches a shop that shows its results only to those who pass GeeTest v3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import scrapy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from scrapy.http import Response


class SearchSpider(scrapy.Spider):
    """``scrapy crawl search``."""

    name = "search"

    async def start(self) -> AsyncIterator[Any]:
        # Nothing about GeeTest: each search is withheld, and the plugin sends the form of the page with a solution in it.
        for query in ("rope", "lantern"):
            yield scrapy.Request(f"{self.settings['SHOP_URL']}/v3/search?q={query}")

    def parse(self, response: Response) -> Iterator[dict[str, Any]]:
        """The results."""
        for result in response.css("li.result"):
            yield {
                "search": response.css(".query::text").get(),
                "name": result.css(".name::text").get(),
                "price": result.css(".price::text").get(),
            }

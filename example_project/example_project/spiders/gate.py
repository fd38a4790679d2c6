"""Crawls pages behind a gate: one solution opens the session for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import scrapy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from scrapy.http import Response


class GateSpider(scrapy.Spider):
    """``scrapy crawl gate``."""

    name = "gate"

    async def start(self) -> AsyncIterator[Any]:
        # Nothing about GeeTest: the first page that is withheld opens the gate, and the others wait for it.
        for number in range(1, 41):
            yield scrapy.Request(f"{self.settings['SHOP_URL']}/gate/page/{number}")

    def parse(self, response: Response) -> Iterator[dict[str, Any]]:
        """A page behind the gate."""
        yield {"page": response.css("h1.title::text").get(), "items": response.css("li.item .name::text").getall()}

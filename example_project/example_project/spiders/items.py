"""Reads a JSON API that GeeTest v4 protects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import scrapy
from scrapy.http import JsonRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


class ItemsSpider(scrapy.Spider):
    """``scrapy crawl items``."""

    name = "items"

    async def start(self) -> AsyncIterator[Any]:
        # Nothing about GeeTest: the API answers that it wants a solution, and the plugin does the rest.
        for page in (1, 2, 3):
            yield JsonRequest(
                f"{self.settings['SHOP_URL']}/v4/api/items", data={"page": page}, cb_kwargs={"page": page}
            )

    def parse(self, response: Any, page: int) -> Iterator[dict[str, Any]]:
        """The API's answer, with what the spider handed along."""
        for item in response.json()["items"]:
            yield {"page": page, **item}

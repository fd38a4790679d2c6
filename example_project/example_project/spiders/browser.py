"""Reads pages in a browser: their own scripts ask GeeTest, and send the answer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import scrapy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from scrapy.http import Response

HANDLER = "scrapy_playwright.handler.ScrapyPlaywrightDownloadHandler"


class BrowserSpider(scrapy.Spider):
    """``scrapy crawl browser``."""

    name = "browser"
    # The set-up of scrapy-playwright, as without any CAPTCHA. CHROMIUM: where the system's browser is used.
    custom_settings = {  # noqa: RUF012  # read only
        "DOWNLOAD_HANDLERS": {"http": HANDLER, "https": HANDLER},
        "PLAYWRIGHT_LAUNCH_OPTIONS": {
            **({"executable_path": os.environ["CHROMIUM"]} if "CHROMIUM" in os.environ else {}),
            "args": ["--headless", "--no-sandbox"],  # the demonstration may run as root
        },
    }

    async def start(self) -> AsyncIterator[Any]:
        # Imported here: the other spiders of this project do without scrapy-playwright.
        from scrapy_playwright.page import PageMethod

        shop = f"{self.settings['SHOP_URL']}/browser"
        # A script of the page verifies, posts JSON, and shows what comes.
        yield scrapy.Request(f"{shop}/bind", meta={"playwright": True})
        # Here a click brings up the widget: the page method waits for what is behind it.
        methods = [PageMethod("click", "#enter"), PageMethod("wait_for_selector", "li.item")]
        yield scrapy.Request(f"{shop}/formdata", meta={"playwright": True, "playwright_page_methods": methods})

    def parse(self, response: Response) -> Iterator[dict[str, Any]]:
        """The page as it is once its script has sent the answer."""
        for item in response.css("li.item::text").getall():
            yield {"page": response.url.rpartition("/")[2], "item": item}

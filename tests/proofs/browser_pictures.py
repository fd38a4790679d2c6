"""The screenshots of the tutorial for pages in a browser: a crawl of the sandbox's login page in Chromium takes them.

Usage: ``python tests/proofs/browser_pictures.py [FOLDER]``; without a folder they go into ``docs/_static``. It exits with 1 if the page
was not passed, or if a picture is larger than 60 kB.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import scrapy
from har_recorder import ARGUMENTS, CHROMIUM
from scrapy.crawler import CrawlerProcess
from scrapy_playwright.page import PageMethod

from scrapy_geetest.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Page
    from scrapy.http import Response

STATIC = Path(__file__).parents[2] / "docs" / "_static"
BEFORE, WAITING, AFTER = NAMES = ("browser-before.png", "browser-waiting.png", "browser-after.png")
LARGEST = 60_000
_HANDLER = "scrapy_playwright.handler.ScrapyPlaywrightDownloadHandler"
_VIEW = {"viewport": {"width": 480, "height": 400}, "color_scheme": "light"}


class PicturesSpider(scrapy.Spider):
    """Logs in as the tutorial does."""

    name = "pictures"
    url: str
    folder: Path

    async def start(self) -> AsyncIterator[Any]:
        methods = [
            PageMethod("fill", "#user", "ann"),
            PageMethod("fill", "#password", "sandbox"),
            PageMethod("click", ".geetest_holder"),
            PageMethod("click", "#enter:enabled"),
            PageMethod("wait_for_selector", ".user"),
        ]
        meta = {
            "playwright": True,
            "playwright_include_page": True,
            "playwright_page_init_callback": self.watch,
            "playwright_page_methods": methods,
        }
        yield scrapy.Request(f"{self.url}/browser/password", meta=meta)

    async def watch(self, page: Page, request: scrapy.Request) -> None:
        """Take pictures while the page goes its way."""
        del request
        self.task = asyncio.ensure_future(self._take(page))

    async def _take(self, page: Page) -> None:
        await page.wait_for_selector(".geetest_holder")
        await page.screenshot(path=self.folder / BEFORE)
        await page.wait_for_selector(".geetest_radar_click_wait")
        await page.screenshot(path=self.folder / WAITING)

    async def parse(self, response: Response) -> None:
        """The page behind."""
        await self.task
        page = response.meta["playwright_page"]
        await page.screenshot(path=self.folder / AFTER)
        await page.close()


def main(arguments: list[str]) -> int:
    """Take them."""
    folder = Path(arguments[0]) if arguments else STATIC
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        (folder / name).unlink(missing_ok=True)
    with Sandbox(solve_seconds=3) as sandbox:
        process = CrawlerProcess(
            {
                "ADDONS": {"scrapy_geetest.Addon": 500},
                "DOWNLOAD_HANDLERS": {"http": _HANDLER},
                "GEETEST_API_KEY": sandbox.api_key,
                "GEETEST_API_URL": sandbox.service_url,
                "GEETEST_SITES": [{"name": "login", "urls": [sandbox.url.partition("://")[2]]}],
                "LOG_LEVEL": "WARNING",
                "PLAYWRIGHT_CONTEXTS": {"default": _VIEW},
                "PLAYWRIGHT_LAUNCH_OPTIONS": {"executable_path": CHROMIUM, "args": list(ARGUMENTS)},
            }
        )
        process.crawl(PicturesSpider, url=sandbox.url, folder=folder)
        process.start()
    sizes = {name: (folder / name).stat().st_size if (folder / name).exists() else 0 for name in NAMES}
    for name, size in sizes.items():
        print(f"{name}: {size} bytes")
    return int(not all(0 < size <= LARGEST for size in sizes.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

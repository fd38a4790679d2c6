"""One line in ``ADDONS`` turns everything on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_geetest._start import ORDER
from scrapy_geetest.middleware import GeetestMiddleware

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings
    from typing_extensions import Self


class Addon:
    """``ADDONS = {"scrapy_geetest.Addon": 500}``: the downloader middleware at its place, unless the project placed it."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Make it where Scrapy makes its add-ons.

        Raises:
            ValueError: It stands in another setting, where it would do nothing.
        """
        for setting in ("DOWNLOADER_MIDDLEWARES", "SPIDER_MIDDLEWARES", "EXTENSIONS"):
            if any(key is cls or key == f"scrapy_geetest.{cls.__name__}" for key in crawler.settings.getdict(setting)):
                raise ValueError(
                    f'Take scrapy_geetest.{cls.__name__} out of {setting}: write ADDONS = {{"scrapy_geetest.{cls.__name__}": 500}}.'
                )
        return cls()

    def update_settings(self, settings: BaseSettings) -> None:
        settings.setdefault_in_component_priority_dict("DOWNLOADER_MIDDLEWARES", GeetestMiddleware, ORDER)

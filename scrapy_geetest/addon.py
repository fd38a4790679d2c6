"""One line in ``ADDONS`` turns everything on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_geetest.middleware import GeetestMiddleware

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

# Bodies are decompressed (590), redirects followed (600), cookies merged (700); MetaRefresh (580) and Retry (550) have not acted.
ORDER = 585


class Addon:
    """``ADDONS = {"scrapy_geetest.Addon": 500}``: the downloader middleware at its place, unless the project placed it."""

    def update_settings(self, settings: BaseSettings) -> None:
        settings.setdefault_in_component_priority_dict("DOWNLOADER_MIDDLEWARES", GeetestMiddleware, ORDER)

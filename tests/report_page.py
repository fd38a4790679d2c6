"""A report as somebody reads it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from attrs import frozen
from parsel import Selector

from scrapy_geetest.stats import PREFIX

if TYPE_CHECKING:
    from pathlib import Path


@frozen(slots=False)
class ReportPage:
    """A report that was written."""

    text: str

    @classmethod
    def at(cls, path: Path) -> ReportPage:
        """Read it."""
        return cls(path.read_text(encoding="utf-8"))

    @cached_property
    def page(self) -> Selector:
        """To be searched."""
        return Selector(self.text)

    @property
    def figures(self) -> dict[str, int]:
        """The statistics that it shows, without the prefix."""
        rows = self.page.css(".figures tbody tr")
        return {
            str(row.css("th code::text").get()).removeprefix(PREFIX): int(str(row.css("td::text").get()))
            for row in rows
        }

    @property
    def tiles(self) -> dict[str, str]:
        """The figures at its top."""
        return {
            str(tile.css("dt::text").get()): str(tile.css("dd::text").get()) for tile in self.page.css(".tiles > div")
        }

    @property
    def attempts(self) -> list[dict[str, str]]:
        """What it says of each attempt."""
        return [
            {
                str(name.xpath("string()").get()): str(name.xpath("string(following-sibling::dd[1])").get())
                for name in attempt.css("dl > dt")
            }
            for attempt in self.page.css(".group details")
        ]

    def rows(self, caption: str) -> dict[str, dict[str, str]]:
        """The rows of a table by their names, each by its columns."""
        table = self.page.xpath(f'//table[caption = "{caption}"]')
        return {
            str(row.xpath("string(th)").get()): {
                str(cell.attrib["data-label"]): str(cell.xpath("string()").get()) for cell in row.css("td")
            }
            for row in table.css("tbody tr")
        }

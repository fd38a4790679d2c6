"""What became of a crawl in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PREFIX = "geetest/"


@frozen(kw_only=True)
class CrawlError:
    """An exception that a crawl saw.

    Attributes:
        kind: Name of its class, and of those that it is derived from.
        message: What it says.
        where: The URL of the request, or what the log said of the place.
    """

    kind: tuple[str, ...]
    message: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.kind[0]}: {self.message}"


@frozen(kw_only=True, repr=False)
class Crawl:
    """What became of a crawl.

    Attributes:
        items: The items that passed the pipelines, as dicts.
        errors: Errors of requests that the plugin gave up, and whatever else was logged with a traceback.
        stats: The plugin's statistics without the prefix ``geetest/``: ``stats["tasks_created"]``.
        all_stats: All statistics of the crawl.
        reason: What the spider was closed with: ``"finished"``.
        log: All that the process wrote.
        books: What the sandbox saw since it was started or reset: see :meth:`scrapy_geetest.sandbox.Sandbox.books`.
    """

    items: Sequence[Mapping[str, Any]]
    errors: Sequence[CrawlError]
    all_stats: Mapping[str, Any]
    reason: str
    log: str
    books: Mapping[str, Any]
    stats: Mapping[str, int] = field(init=False)

    @stats.default
    def _plugin_stats(self) -> Mapping[str, int]:
        return {name.removeprefix(PREFIX): value for name, value in self.all_stats.items() if name.startswith(PREFIX)}

    def __repr__(self) -> str:
        tasks = self.stats.get("tasks_created", 0)
        return f"<crawl: {len(self.items)} items, {len(self.errors)} errors, {tasks} tasks, {self.reason}>"

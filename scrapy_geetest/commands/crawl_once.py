"""A crawl of one request, started by a command with the project's own settings."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from scrapy.crawler import AsyncCrawlerProcess, CrawlerProcess
from twisted.internet.defer import Deferred

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scrapy import Spider
    from scrapy.settings import Settings
    from twisted.python.failure import Failure

    from scrapy_geetest.site import GeetestSite

NO_TRACES: Mapping[str, Any] = {
    # No queue that is kept or shared, no exports; no session that another process has opened, which would show no CAPTCHA.
    "SCHEDULER": "scrapy.core.scheduler.Scheduler",
    "DUPEFILTER_CLASS": "scrapy.dupefilters.BaseDupeFilter",
    "JOBDIR": None,
    "GEETEST_STORAGE_URI": "memory://",
    "FEEDS": {},
    "ITEM_PIPELINES": {},
    "TELNETCONSOLE_ENABLED": False,
}
_ASYNCIO = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"


def named_site(sites: Sequence[GeetestSite], name: str | None) -> GeetestSite | None:
    """The site that ``--site`` names.

    Raises:
        ValueError: There is none of that name.
    """
    if name is None:
        return None
    for site in sites:
        if site.name == name:
            return site
    names = ", ".join(site.name for site in sites) or "none"
    raise ValueError(f"GEETEST_SITES has no site called {name!r}; it has: {names}")


def crawl_once(settings: Settings, spider: type[Spider], **arguments: Any) -> BaseException | None:
    """Run the reactor for one crawl that leaves no traces.

    Args:
        settings: Of the project, with what the command changes.
        spider: Its class.
        arguments: Of the spider.

    Returns:
        Why it could not be started; ``None``: it ran.
    """
    own = settings.copy()
    own.setdict(NO_TRACES, priority="cmdline")
    is_asyncio = own["TWISTED_REACTOR"] == _ASYNCIO or not own.getbool("TWISTED_REACTOR_ENABLED", default=True)
    process = (AsyncCrawlerProcess if is_asyncio else CrawlerProcess)(own)
    errors: list[BaseException | None] = []

    def failed(failure: Failure) -> None:
        errors.append(failure.value)

    crawl = process.crawl(spider, **arguments)
    if isinstance(crawl, Deferred):
        crawl.addErrback(failed)
    process.start()
    if isinstance(crawl, asyncio.Task) and crawl.done() and not crawl.cancelled():
        errors.append(crawl.exception())
    return errors[0] if errors else None

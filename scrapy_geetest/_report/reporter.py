"""Writes the report of a crawl, as the crawl goes on."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from scrapy import signals
from scrapy.utils.defer import deferred_from_coro, maybe_deferred_to_future
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThread

from scrapy_geetest._crawl.marks import is_robots_txt, own_number
from scrapy_geetest._report.files import Files
from scrapy_geetest._report.history import History

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from twisted.internet.defer import Deferred

    from scrapy_geetest._crawl.parking import Parking
    from scrapy_geetest.settings import Config

logger = logging.getLogger(__name__)

LOOK = 1.0  # seconds between two looks at what waits
EVERY = 10.0  # seconds between two reports, at least
_SHARE = 50  # times as long as the last report took to be made


class Reporter:
    """Looks at a crawl every second, and writes its report every ten seconds and at its end.

    The page is made and written in a thread, from a copy: the reactor only waits for the copy.

    Args:
        crawler: The crawl.
        config: The plugin's settings.
        parking: Where requests wait.

    Attributes:
        history: What the report shows.

    Raises:
        ValueError: The report cannot be written.
    """

    def __init__(self, crawler: Crawler, config: Config, parking: Parking) -> None:
        assert config.report is not None  # noqa: S101  # else nobody makes one
        self._crawler = crawler
        self._parking = parking
        now, spider = time.time(), crawler.spider.name if crawler.spider is not None else crawler.spidercls.name
        jobdir = crawler.settings.get("JOBDIR")
        self._files = Files.prepare(
            config.report, jobdir=jobdir, storage_uri=config.storage_uri, spider=spider, now=now
        )
        self.history = self._loaded(spider, {one.name: one.service.currency for one in config.services})
        self.history.begin(now)
        self._pages = 0
        self._writing: Deferred[None] | None = None
        self._due = 0.0
        self._began = time.monotonic()
        self._is_told = False
        self._watch = LoopingCall(self._look)
        crawler.signals.connect(self.opened, signals.spider_opened)
        crawler.signals.connect(self.received, signals.response_received)
        crawler.signals.connect(self.closed, signals.spider_closed)

    def opened(self) -> None:
        """Write the first one: a crawl that is killed early has one, too."""
        self._watch.start(LOOK)

    def received(self, request: Request) -> None:
        """A page came for the spider."""
        self._pages += not own_number(request) and not is_robots_txt(request)

    async def closed(self, reason: str) -> None:
        """Write the last one."""
        if self._watch.running:
            self._watch.stop()
        self._see()
        self.history.run.reason = reason
        if self._writing is not None:
            await maybe_deferred_to_future(self._writing)
        await self._write()
        if not self._is_told:
            logger.info("GeeTest: the report of this crawl is %s", self._files.page.absolute())

    def _loaded(self, spider: str, currencies: dict[str, str]) -> History:
        data = self._files.load()
        if data is not None:
            try:
                return History.from_json(data, spider, currencies)
            except (KeyError, TypeError, ValueError) as error:
                self._files.ignore(error)
        return History(spider, currencies, [])

    def _look(self) -> None:
        self._see()
        if time.monotonic() >= self._due and self._writing is None:
            self._writing = deferred_from_coro(self._write())

    def _see(self) -> None:
        """Note what is to be seen at this moment."""
        run, waiting = self.history.run, self._parking.parked.total()
        run.ended = time.time()
        if self._crawler.stats is not None:
            run.read(self._crawler.stats.get_stats())
        self.history.timeline.add(
            time.monotonic() - self._began,
            pages=self._pages,
            waiting=waiting,
            is_idle=bool(waiting) and self._has_nothing_else(),
        )
        self._pages = 0
        total = self.history.timeline.total()
        run.pages, run.waited, run.idle = total.pages, total.waited, total.idle

    def _has_nothing_else(self) -> bool:
        slot = getattr(self._crawler.engine, "_slot", None)
        return self._parking.under_way <= 0 and not (slot is not None and slot.scheduler.has_pending_requests())

    async def _write(self) -> None:
        history, began = self.history.copy(), time.monotonic()
        try:
            await maybe_deferred_to_future(deferToThread(self._files.write, history, time.time()))
        except Exception as error:  # noqa: BLE001  # a report is not worth a crawl
            if not self._is_told:
                self._is_told = True
                logger.warning("GeeTest: the report could not be written: %s: %s", type(error).__name__, error)
        finally:
            self._due = time.monotonic() + max(EVERY, _SHARE * (time.monotonic() - began))
            self._writing = None

"""The plugin's own part in opening the gates of many sessions at the same time: no site, no service."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import TYPE_CHECKING, Any

from attrs import frozen
from scrapy import Request
from scrapy.http import HtmlResponse

from benchmarks.spiders import PagesSpider
from scrapy_geetest import GeetestSite
from scrapy_geetest._attempt.context import Context
from scrapy_geetest._attempt.gate import GateRegistry
from scrapy_geetest._attempt.gate_sessions import GateSessions
from scrapy_geetest._attempt.gate_visitors import GateVisitors
from scrapy_geetest._attempt.gates import Gates
from scrapy_geetest._attempt.session_pools import SessionPools
from scrapy_geetest._attempt.stored_sessions import StoredSessions
from scrapy_geetest._crawl.cookies import SessionCookies
from scrapy_geetest._crawl.identity import Visitor
from scrapy_geetest._crawl.other_middlewares import OtherMiddlewares
from scrapy_geetest._crawl.parking import Parking
from scrapy_geetest._storage.memory import MemoryStorage
from scrapy_geetest.settings import Config
from scrapy_geetest.stats import Stats

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from scrapy.http import Response

WAITING = 3  # requests of each session, the one that opens its gate included


@frozen
class Site:
    """In the place of all that takes time: attempts and downloads.

    Attributes:
        solved: Done when all solutions come.
    """

    solved: asyncio.Future[None]

    async def run(self, context: Context, *_: Any) -> Response:
        """An attempt."""
        await self.solved
        return await self.again(context)

    async def again(self, context: Context, **_: Any) -> Response:
        """A download."""
        return HtmlResponse(context.request.url, body=b"<p>content</p>")


class OpeningSpider(PagesSpider):
    """Opens gates.

    Attributes:
        sizes: How many sessions each time, one time after the other.
    """

    name = "opening"
    sizes: Sequence[int]

    async def start(self) -> AsyncIterator[Any]:
        """Measure; there is nothing to be fetched."""
        self.details["seconds"] = [await self._open(size) for size in self.sizes]
        return
        yield  # what makes it a generator

    async def _open(self, sessions: int) -> float:
        """Seconds of processor time."""
        from twisted.internet import reactor

        crawler = self.crawler
        config, stats = Config.from_settings(crawler.settings), Stats(crawler.stats)
        parking = Parking(crawler, limit=WAITING * sessions, stats=stats, reactor=reactor, on_tick=lambda _: None)
        site: Any = Site(asyncio.get_running_loop().create_future())
        unused: Any = None
        cookies, registry = SessionCookies(crawler), GateRegistry(time.monotonic)
        gates = Gates(
            config=config,
            attempts=site,
            breaker=unused,
            cookies=cookies,
            downloads=site,
            others=OtherMiddlewares(crawler),
            parking=parking,
            pools=SessionPools(registry, cookies),
            registry=registry,
            sessions=GateSessions(cookies, StoredSessions(MemoryStorage(), parking.sleep, reactor)),
            stats=stats,
            submissions=unused,
            visitors=GateVisitors(),
        )
        contexts = [_context(f"{sessions} {number}") for number in range(sessions) for _ in range(WAITING)]
        gc.collect()
        gc.disable()
        began = time.process_time()
        tasks = [asyncio.ensure_future(_react(gates, parking, context)) for context in contexts]
        await asyncio.sleep(0)
        site.solved.set_result(None)
        pages = await asyncio.gather(*tasks)
        assert len(pages) == len(contexts)  # none was lost
        seconds = time.process_time() - began
        gc.enable()
        return seconds


async def _react(gates: Gates, parking: Parking, context: Context) -> Response:
    with parking.place(context.site.name):
        return await gates.react(context)


SITE = GeetestSite(urls="gate.example", mode="gate", detect_re="captcha")


def _context(session: str) -> Context:
    request = Request("https://gate.example/", meta={"cookiejar": session})
    page = HtmlResponse(request.url, body=b'<div id="captcha"></div>', request=request)
    return Context(SITE, request, page, Visitor(request, request), request, was_sent=True)

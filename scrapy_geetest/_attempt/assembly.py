"""The parts of the plugin, put together for one crawl."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from attrs import frozen
from scrapy.utils.defer import maybe_deferred_to_future

from scrapy_geetest._attempt.gate import Gates
from scrapy_geetest._attempt.gatekeeper import GateKeeper
from scrapy_geetest._attempt.outcome import Outcomes
from scrapy_geetest._attempt.purchase import Solver
from scrapy_geetest._attempt.sending import Resender
from scrapy_geetest._attempt.signal_sender import Teller
from scrapy_geetest._attempt.verdict import Verdicts
from scrapy_geetest._crawl.downloads import InnerDownloader
from scrapy_geetest._crawl.parking import Parking
from scrapy_geetest._crawl.progress import Bulletin
from scrapy_geetest._crawl.scrapy_middlewares import Neighbours
from scrapy_geetest._crawl.undeclared import UndeclaredPages
from scrapy_geetest._services.client import ServiceClient
from scrapy_geetest._services.pacing import Pacing
from scrapy_geetest._services.transport import Transport
from scrapy_geetest._spending.breaker import Breaker
from scrapy_geetest._spending.budget import Budget
from scrapy_geetest.stats import Stats

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

    from scrapy_geetest.settings import Config


@frozen
class Parts:
    """What the middleware uses."""

    bulletin: Bulletin
    client: ServiceClient
    gatekeeper: GateKeeper
    neighbours: Neighbours
    outcomes: Outcomes
    parking: Parking
    resender: Resender
    solver: Solver
    stats: Stats
    undeclared: UndeclaredPages
    verdicts: Verdicts


def assemble(crawler: Crawler, config: Config) -> Parts:
    """Make the parts; each is handed what it needs, and nothing is global.

    Raises:
        ValueError: The storage of the budgets cannot be reached.
    """
    from twisted.internet import reactor

    stats, teller = Stats(crawler.stats), Teller(crawler)
    bulletin = Bulletin(stats)
    parking = Parking(crawler, limit=config.max_parked, stats=stats, reactor=reactor, on_tick=bulletin.progress)
    neighbours = Neighbours(crawler)
    inner = InnerDownloader(crawler, neighbours=neighbours, wait=parking.wait)
    client = _client(config, parking, stats)
    breaker = Breaker(failures=config.breaker_failures, seconds=config.breaker_seconds, stats=stats)
    verdicts = Verdicts(breaker=breaker, config=config, client=client, stats=stats, teller=teller)
    resender = Resender(config, inner, neighbours)
    solver = Solver(
        breaker=breaker,
        budget=Budget(config, parking=parking, stats=stats),
        config=config,
        client=client,
        inner=inner,
        parking=parking,
        stats=stats,
        teller=teller,
    )
    gatekeeper = GateKeeper(
        config=config,
        gates=Gates(time.monotonic),
        inner=inner,
        parking=parking,
        resender=resender,
        solver=solver,
        stats=stats,
        verdicts=verdicts,
    )
    return Parts(
        bulletin=bulletin,
        client=client,
        gatekeeper=gatekeeper,
        neighbours=neighbours,
        outcomes=Outcomes(crawler, config=config, neighbours=neighbours, stats=stats, teller=teller),
        parking=parking,
        resender=resender,
        solver=solver,
        stats=stats,
        undeclared=UndeclaredPages(stats),
        verdicts=verdicts,
    )


def _client(config: Config, parking: Parking, stats: Stats) -> ServiceClient:
    from twisted.internet import reactor

    return ServiceClient(
        api_key=config.api_key,
        transport=Transport(
            base_url=config.api_url, timeout=config.request_timeout, settle=maybe_deferred_to_future, reactor=reactor
        ),
        pacing=Pacing(first_poll=config.first_poll, interval=config.poll_interval),
        sleep=parking.sleep,
        clock=time.monotonic,
        solve_timeout=config.solve_timeout,
        on_poll=lambda: stats.count("polls"),
    )

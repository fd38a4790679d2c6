"""The parts of the plugin, put together for one crawl."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from attrs import frozen
from scrapy.utils.defer import maybe_deferred_to_future

from scrapy_geetest._attempt.books import Books
from scrapy_geetest._attempt.challenges import Challenges
from scrapy_geetest._attempt.forms import Forms
from scrapy_geetest._attempt.fresh_pages import FreshPages
from scrapy_geetest._attempt.gate import GateRegistry
from scrapy_geetest._attempt.gate_visitors import GateVisitors
from scrapy_geetest._attempt.gates import Gates
from scrapy_geetest._attempt.loop import Attempts
from scrapy_geetest._attempt.outcomes import Outcomes
from scrapy_geetest._attempt.purchases import Purchases
from scrapy_geetest._attempt.submissions import Submissions
from scrapy_geetest._attempt.verdict import is_withheld
from scrapy_geetest._crawl.admission import Admission
from scrapy_geetest._crawl.cookies import SessionCookies
from scrapy_geetest._crawl.downloads import Downloads
from scrapy_geetest._crawl.intercepted import InterceptedResponses
from scrapy_geetest._crawl.other_middlewares import OtherMiddlewares
from scrapy_geetest._crawl.parking import Parking
from scrapy_geetest._crawl.progress import Bulletin
from scrapy_geetest._crawl.redirects import CaptchaRedirects
from scrapy_geetest._crawl.slots import Slots
from scrapy_geetest._crawl.undeclared import UndeclaredPages
from scrapy_geetest._service_settings import make_services
from scrapy_geetest._sites import SiteIndex
from scrapy_geetest._spending.bought import BoughtChallenges
from scrapy_geetest._spending.breaker import Breaker
from scrapy_geetest._spending.budget import Budget
from scrapy_geetest._spending.turns import Turns
from scrapy_geetest.stats import Stats

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

    from scrapy_geetest._services.choice import Services
    from scrapy_geetest.settings import Config


@frozen
class Parts:
    """What the middleware uses."""

    admission: Admission
    books: Books
    bulletin: Bulletin
    downloads: Downloads
    forms: Forms
    gates: Gates
    intercepted: InterceptedResponses
    others: OtherMiddlewares
    outcomes: Outcomes
    parking: Parking
    redirects: CaptchaRedirects
    services: Services
    sites: SiteIndex
    stats: Stats
    undeclared: UndeclaredPages


def assemble(crawler: Crawler, config: Config, middleware: type) -> Parts:
    """Make the parts; each is handed what it needs, and nothing is global.

    Raises:
        ValueError: The storage of the budgets cannot be reached.
    """
    from twisted.internet import reactor

    are_several = len(config.services) > 1
    stats = Stats(crawler.stats, [one.name for one in config.services] if are_several else [])
    bulletin = Bulletin(stats, {one.name: one.service.currency for one in config.services} if are_several else {})
    parking = Parking(
        crawler,
        limit=config.max_parked,
        stats=stats,
        reactor=reactor,
        on_tick=lambda parking: bulletin.progress(parking, "; ".join(filter(None, (services.trouble, budget.trouble)))),
    )
    services = make_services(
        config, sleep=parking.sleep, settle=maybe_deferred_to_future, on_poll=lambda: stats.count("polls")
    )
    budget = Budget(config, parking=parking, stats=stats)
    breaker = Breaker(failures=config.breaker_failures, seconds=config.breaker_seconds, stats=stats)
    books = Books(crawler, breaker=breaker, config=config, services=services, stats=stats)
    outcomes = Outcomes(crawler, books=books, config=config, stats=stats)
    others, cookies, sites = OtherMiddlewares(crawler), SessionCookies(crawler), SiteIndex(config.sites)
    admission = Admission(crawler, parking=parking, reactor=reactor)
    slots = Slots(crawler, max_age=config.solution_max_age, wait=parking.wait)
    downloads = Downloads(
        crawler=crawler,
        admission=admission,
        others=others,
        wait=parking.wait,
        is_challenge=is_withheld,
        find_site=sites.find,
        on_change=outcomes.visitor_changed,
        slots=slots,
        reactor=reactor,
    )
    submissions = Submissions(config, books=books, downloads=downloads, others=others)
    attempts = Attempts(
        config=config,
        books=books,
        cookies=cookies,
        fresh_pages=FreshPages(cookies, downloads),
        parking=parking,
        purchases=_purchases(config, books, breaker, budget, downloads, parking, services, stats),
        slots=slots,
        stats=stats,
        submissions=submissions,
        turns=Turns(config.max_concurrent_solves, parking.wait, reactor),
    )
    gates = Gates(
        config=config,
        attempts=attempts,
        breaker=breaker,
        cookies=cookies,
        downloads=downloads,
        others=others,
        parking=parking,
        registry=GateRegistry(time.monotonic),
        stats=stats,
        submissions=submissions,
        visitors=GateVisitors(),
    )
    return Parts(
        admission=admission,
        books=books,
        bulletin=bulletin,
        downloads=downloads,
        forms=Forms(attempts=attempts, parking=parking),
        gates=gates,
        intercepted=InterceptedResponses(crawler, find_site=sites.find, middleware=middleware),
        others=others,
        outcomes=outcomes,
        parking=parking,
        redirects=CaptchaRedirects(crawler, config.sites),
        services=services,
        sites=sites,
        stats=stats,
        undeclared=UndeclaredPages(stats),
    )


def _purchases(
    config: Config,
    books: Books,
    breaker: Breaker,
    budget: Budget,
    downloads: Downloads,
    parking: Parking,
    services: Services,
    stats: Stats,
) -> Purchases:
    return Purchases(
        books=books,
        breaker=breaker,
        budget=budget,
        challenges=Challenges(bought=BoughtChallenges(), config=config, downloads=downloads, stats=stats),
        config=config,
        parking=parking,
        services=services,
    )

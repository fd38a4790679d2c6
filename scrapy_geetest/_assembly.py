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


@frozen
class _Common:
    """What most other parts are handed."""

    books: Books
    breaker: Breaker
    budget: Budget
    bulletin: Bulletin
    cookies: SessionCookies
    others: OtherMiddlewares
    outcomes: Outcomes
    parking: Parking
    services: Services
    sites: SiteIndex
    stats: Stats


def assemble(crawler: Crawler, config: Config, middleware: type) -> Parts:
    """Make the parts; each is handed what it needs, and nothing is global.

    Raises:
        ValueError: The storage of the budgets cannot be reached.
    """
    from twisted.internet import reactor

    common = _common(crawler, config)
    parking, sites = common.parking, common.sites
    admission = Admission(crawler, parking=parking, reactor=reactor)
    slots = Slots(crawler, max_age=config.solution_max_age, wait=parking.wait)
    downloads = Downloads(
        crawler=crawler,
        admission=admission,
        others=common.others,
        wait=parking.wait,
        is_challenge=is_withheld,
        find_site=sites.find,
        on_change=common.outcomes.visitor_changed,
        slots=slots,
        reactor=reactor,
    )
    submissions = Submissions(config, books=common.books, downloads=downloads, others=common.others)
    attempts = _attempts(config, common, downloads, slots, submissions)
    return Parts(
        admission=admission,
        books=common.books,
        bulletin=common.bulletin,
        downloads=downloads,
        forms=Forms(attempts=attempts, parking=parking),
        gates=_gates(config, common, attempts, downloads, submissions),
        intercepted=InterceptedResponses(crawler, find_site=sites.find, middleware=middleware),
        others=common.others,
        outcomes=common.outcomes,
        parking=parking,
        redirects=CaptchaRedirects(crawler, config.sites),
        services=common.services,
        sites=sites,
        stats=common.stats,
        undeclared=UndeclaredPages(common.stats),
    )


def _common(crawler: Crawler, config: Config) -> _Common:
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
    books = _books(crawler, config, breaker=breaker, parking=parking, services=services, stats=stats)
    return _Common(
        books=books,
        breaker=breaker,
        budget=budget,
        bulletin=bulletin,
        cookies=SessionCookies(crawler),
        others=OtherMiddlewares(crawler),
        outcomes=Outcomes(crawler, books=books, config=config, stats=stats),
        parking=parking,
        services=services,
        sites=SiteIndex(config.sites),
        stats=stats,
    )


def _books(
    crawler: Crawler, config: Config, *, breaker: Breaker, parking: Parking, services: Services, stats: Stats
) -> Books:
    if config.report is None:
        return Books(crawler, breaker=breaker, config=config, services=services, stats=stats)
    # Only a crawl that writes a report loads what makes one.
    from scrapy_geetest._report.books import ReportedBooks
    from scrapy_geetest._report.reporter import Reporter

    reporter = Reporter(crawler, config, parking)
    return ReportedBooks(crawler, breaker=breaker, config=config, services=services, stats=stats, reporter=reporter)


def _attempts(
    config: Config, common: _Common, downloads: Downloads, slots: Slots, submissions: Submissions
) -> Attempts:
    from twisted.internet import reactor

    purchases = Purchases(
        books=common.books,
        breaker=common.breaker,
        budget=common.budget,
        challenges=Challenges(
            bought=BoughtChallenges(),
            config=config,
            downloads=downloads,
            on_fetched=common.books.fetched,
            stats=common.stats,
        ),
        config=config,
        parking=common.parking,
        services=common.services,
    )
    return Attempts(
        config=config,
        books=common.books,
        cookies=common.cookies,
        fresh_pages=FreshPages(common.cookies, downloads),
        parking=common.parking,
        purchases=purchases,
        slots=slots,
        stats=common.stats,
        submissions=submissions,
        turns=Turns(config.max_concurrent_solves, common.parking.wait, reactor),
    )


def _gates(
    config: Config, common: _Common, attempts: Attempts, downloads: Downloads, submissions: Submissions
) -> Gates:
    return Gates(
        config=config,
        attempts=attempts,
        breaker=common.breaker,
        cookies=common.cookies,
        downloads=downloads,
        others=common.others,
        parking=common.parking,
        registry=GateRegistry(time.monotonic),
        stats=common.stats,
        submissions=submissions,
        visitors=GateVisitors(),
    )

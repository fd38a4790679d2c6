"""The parts of the plugin, put together for one crawl."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import frozen
from scrapy.utils.defer import maybe_deferred_to_future

from scrapy_geetest._attempt.books import Books
from scrapy_geetest._attempt.challenges import Challenges
from scrapy_geetest._attempt.collecting import Collector
from scrapy_geetest._attempt.forms import Forms
from scrapy_geetest._attempt.fresh_pages import FreshPages
from scrapy_geetest._attempt.gate import GateRegistry
from scrapy_geetest._attempt.gate_sessions import GateSessions
from scrapy_geetest._attempt.gate_visitors import GateVisitors
from scrapy_geetest._attempt.gates import Gates
from scrapy_geetest._attempt.loop import Attempts
from scrapy_geetest._attempt.outcomes import Outcomes
from scrapy_geetest._attempt.purchases import Purchases
from scrapy_geetest._attempt.session_pools import SessionPools
from scrapy_geetest._attempt.stored_sessions import StoredSessions
from scrapy_geetest._attempt.submissions import Submissions
from scrapy_geetest._attempt.verdict import is_withheld
from scrapy_geetest._browser.attempt import InBrowser, at_rest
from scrapy_geetest._browser.pages import BrowserPages
from scrapy_geetest._browser.places import PagePlaces
from scrapy_geetest._browser.visits import Visits
from scrapy_geetest._crawl.admission import Admission
from scrapy_geetest._crawl.cookies import SessionCookies
from scrapy_geetest._crawl.downloads import Downloads
from scrapy_geetest._crawl.intercepted import InterceptedResponses
from scrapy_geetest._crawl.other_middlewares import OtherMiddlewares
from scrapy_geetest._crawl.parking import Parking, Stopping
from scrapy_geetest._crawl.progress import Bulletin
from scrapy_geetest._crawl.received import ReceivedResponses
from scrapy_geetest._crawl.redirects import CaptchaRedirects
from scrapy_geetest._crawl.repeated_lines import RepeatedLines
from scrapy_geetest._crawl.slots import Slots
from scrapy_geetest._crawl.undeclared import UndeclaredPages
from scrapy_geetest._crawl.waiting_requests import WaitingRequests
from scrapy_geetest._endings import Endings
from scrapy_geetest._recovery import Recovery
from scrapy_geetest._service_settings import make_services
from scrapy_geetest._sites import SiteIndex
from scrapy_geetest._spending.bought import BoughtChallenges
from scrapy_geetest._spending.breaker import Breaker
from scrapy_geetest._spending.budget import Budget
from scrapy_geetest._spending.findings import Findings
from scrapy_geetest._spending.ledger import Ledger
from scrapy_geetest._spending.shared_circuits import SharedCircuits
from scrapy_geetest._spending.shared_services import SharedServices
from scrapy_geetest._spending.turns import Turns
from scrapy_geetest._storage.opening import open_storage
from scrapy_geetest._storage.records import Records
from scrapy_geetest._storage.workers import Workers
from scrapy_geetest.stats import Stats

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy.crawler import Crawler

    from scrapy_geetest._services.choice import Services
    from scrapy_geetest._storage.opening import Opened
    from scrapy_geetest._storage.protocol import Storage
    from scrapy_geetest.settings import Config


@frozen
class Common:
    """What most other parts are handed."""

    books: Books
    breaker: Breaker
    browser_pages: BrowserPages
    budget: Budget
    bulletin: Bulletin
    cookies: SessionCookies
    ledger: Ledger
    findings: Findings
    others: OtherMiddlewares
    outcomes: Outcomes
    parking: Parking
    services: Services
    sites: SiteIndex
    stats: Stats
    storage: Opened
    workers: Workers | None


@frozen
class Parts:
    """What the middleware uses.

    Attributes:
        common: What other parts use, too.
    """

    common: Common
    admission: Admission
    downloads: Downloads
    endings: Endings
    forms: Forms
    gates: Gates
    intercepted: InterceptedResponses
    page_places: PagePlaces
    received: ReceivedResponses
    recovery: Recovery
    redirects: CaptchaRedirects
    undeclared: UndeclaredPages
    visits: Visits
    waiting_requests: WaitingRequests


def assemble(crawler: Crawler, config: Config, middleware: type) -> Parts:
    """Make the parts; each is handed what it needs, and nothing is global.

    Raises:
        ValueError: The storage cannot be used.
    """
    from twisted.internet import reactor

    common = _common(crawler, config)
    parking, sites = common.parking, common.sites
    admission = Admission(crawler, parking=parking, reactor=reactor)
    slots = Slots(crawler, max_age=config.solution_max_age, wait=parking.wait)
    downloads = _downloads(crawler, common, admission, slots)
    submissions = Submissions(config, books=common.books, downloads=downloads, others=common.others)
    attempts = _attempts(config, common, downloads, slots, submissions)
    shared = common.storage.entries if common.workers is not None else None
    waiting = WaitingRequests(crawler, storage=shared, workers=common.workers, reactor=reactor)
    forms = Forms(attempts=attempts, parking=parking)
    gates = _gates(config, common, attempts, downloads, submissions)
    undeclared = UndeclaredPages(common.stats)
    return Parts(
        common=common,
        admission=admission,
        downloads=downloads,
        endings=Endings(
            browser_pages=common.browser_pages,
            downloads=downloads,
            outcomes=common.outcomes,
            parking=parking,
        ),
        forms=forms,
        gates=gates,
        intercepted=InterceptedResponses(crawler, find_site=sites.find, middleware=middleware),
        page_places=PagePlaces(crawler, parking),
        received=ReceivedResponses(crawler, reactor=reactor),
        recovery=Recovery(ledger=common.ledger, waiting=waiting, workers=common.workers, reactor=reactor),
        redirects=CaptchaRedirects(crawler, config.sites),
        undeclared=undeclared,
        visits=Visits(
            downloads=downloads,
            forms=forms,
            gates=gates,
            others=common.others,
            pages=common.browser_pages,
            parking=parking,
            undeclared=undeclared,
        ),
        waiting_requests=waiting,
    )


def _downloads(crawler: Crawler, common: Common, admission: Admission, slots: Slots) -> Downloads:
    from twisted.internet import reactor

    return Downloads(
        crawler=crawler,
        admission=admission,
        others=common.others,
        wait=common.parking.wait,
        is_challenge=is_withheld,
        render=partial(at_rest, common.browser_pages),
        find_site=common.sites.find,
        on_change=common.outcomes.visitor_changed,
        slots=slots,
        reactor=reactor,
    )


def _common(crawler: Crawler, config: Config) -> Common:
    from twisted.internet import reactor

    are_several = len(config.services) > 1
    stats = Stats(crawler.stats, [one.name for one in config.services] if are_several else [])
    repeated = RepeatedLines()
    bulletin = Bulletin(
        stats, repeated, {one.name: one.service.currency for one in config.services} if are_several else {}
    )
    parking = Parking(
        crawler,
        limit=config.max_parked,
        stats=stats,
        reactor=reactor,
        on_tick=lambda parking: bulletin.progress(
            parking, "; ".join(filter(None, (services.trouble, storage.trouble)))
        ),
    )
    storage = open_storage(config.storage_uri, solve_timeout=config.solve_timeout, waiting=parking)
    services = make_services(
        config, sleep=parking.sleep, settle=maybe_deferred_to_future, on_poll=lambda: stats.count("polls")
    )
    budget = Budget(config, storage=storage, stats=stats)
    breaker = Breaker(failures=config.breaker_failures, seconds=config.breaker_seconds, stats=stats)
    workers = Workers(storage=storage.entries, reactor=reactor) if storage.entries.is_shared else None
    ledger = _ledger(config, parking, services, storage.entries, workers)
    counted = {"breaker": breaker, "ledger": ledger, "repeated": repeated, "services": services, "stats": stats}
    books = _books(crawler, config, parking, **counted)
    return Common(
        books=books,
        breaker=breaker,
        browser_pages=BrowserPages(crawler, lambda url: any(site.has_host(url) for site in config.sites)),
        budget=budget,
        bulletin=bulletin,
        cookies=SessionCookies(crawler),
        ledger=ledger,
        findings=_findings(storage.entries, breaker, services, {site.name: site.shared_name for site in config.sites}),
        others=OtherMiddlewares(crawler),
        outcomes=Outcomes(crawler, books=books, config=config, stats=stats),
        parking=parking,
        services=services,
        sites=SiteIndex(config.sites, partial(_answer_of_matches, parking)),
        stats=stats,
        storage=storage,
        workers=workers,
    )


async def _answer_of_matches(parking: Parking, outcome: Any) -> Any:
    """What a ``matches`` comes to; a request that it has no answer for when the crawl ends goes on as one of no site."""
    with suppress(Stopping):
        return await parking.hook(outcome)
    return False


def _ledger(config: Config, parking: Parking, services: Services, storage: Storage, workers: Workers | None) -> Ledger:
    from twisted.internet import reactor

    return Ledger(
        None if workers is None else Records(storage, workers, "task", reactor=reactor),
        services=services,
        max_age=config.solution_max_age,
        is_ending=lambda: parking.stopping,
        reactor=reactor,
    )


def _findings(storage: Storage, breaker: Breaker, services: Services, names: Mapping[str, str]) -> Findings:
    circuits = SharedCircuits(breaker, storage, names)
    return Findings(circuits, SharedServices(services.members, storage), storage.is_shared)


def _books(crawler: Crawler, config: Config, parking: Parking, **parts: Any) -> Books:
    if config.report is None:
        return Books(crawler, config=config, **parts)
    # Only a crawl that writes a report loads what makes one.
    from scrapy_geetest._report.books import ReportedBooks
    from scrapy_geetest._report.reporter import Reporter

    return ReportedBooks(crawler, config=config, reporter=Reporter(crawler, config, parking), **parts)


def _attempts(config: Config, common: Common, downloads: Downloads, slots: Slots, submissions: Submissions) -> Attempts:
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
        collector=Collector(books=common.books, ledger=common.ledger, services=common.services),
        config=config,
        ledger=common.ledger,
        findings=common.findings,
        parking=common.parking,
        services=common.services,
    )
    fresh_pages = FreshPages(common.cookies, downloads)
    turns = Turns(config.max_concurrent_solves, common.parking.wait, reactor)
    in_browser = InBrowser(
        books=common.books,
        config=config,
        fresh_pages=fresh_pages,
        outcomes=common.outcomes,
        pages=common.browser_pages,
        parking=common.parking,
        purchases=purchases,
        turns=turns,
    )
    return Attempts(
        config=config,
        books=common.books,
        cookies=common.cookies,
        fresh_pages=fresh_pages,
        in_browser=in_browser,
        parking=common.parking,
        purchases=purchases,
        slots=slots,
        stats=common.stats,
        submissions=submissions,
        turns=turns,
    )


def _gates(config: Config, common: Common, attempts: Attempts, downloads: Downloads, submissions: Submissions) -> Gates:
    from twisted.internet import reactor

    registry = GateRegistry(time.monotonic)
    stored = StoredSessions(common.storage.entries, common.parking.sleep, reactor)
    return Gates(
        config=config,
        attempts=attempts,
        breaker=common.breaker,
        cookies=common.cookies,
        downloads=downloads,
        others=common.others,
        parking=common.parking,
        pools=SessionPools(registry, common.cookies),
        registry=registry,
        sessions=GateSessions(common.cookies, stored),
        stats=common.stats,
        submissions=submissions,
        visitors=GateVisitors(),
    )

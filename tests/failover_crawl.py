"""A crawl with three services, of which the preferred one is killed, comes back and runs out of money, while another is busy."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

from attrs import frozen
from sandbox_crawl import PRICE, crawl_sandbox, search_site, searches, several
from service_relay import Relay

from scrapy_geetest import signals

if TYPE_CHECKING:
    from crawl import Crawl

    from scrapy_geetest.sandbox import Sandbox

NAMES = ("capmonster", "2captcha", "anticaptcha")
AT_ONCE: dict[str, Any] = {"solve_seconds": 0.05, "poll_floor": 0.2}
"""Of the sandbox, for crawls with the shortened waits of ``fault_crawl.quick``."""
_BUSY = "ERROR_NO_SLOT_AVAILABLE"
_BUSY_SHARE = 0.08  # of as many calls as there are pages


@frozen
class Run:
    """What became of it.

    Attributes:
        pages: How many were wanted.
        money: For how many tasks the first service had a balance.
        crawl: What the spider saw.
        books: What each service saw.
        relays: What was on the way to each.
    """

    pages: int
    money: int
    crawl: Crawl
    books: dict[str, dict[str, Any]]
    relays: dict[str, Relay]

    def problems(self) -> list[str]:
        """What is not as it has to be, one line each."""
        stats = self.crawl.stats
        created, cost = of_services(self.crawl, "tasks_created"), of_services(self.crawl, "cost_millionths")
        lost = {name: len(relay.lost) for name, relay in self.relays.items()}
        seen = Counter(challenge for relay in self.relays.values() for challenge in relay.challenges)
        checks: list[tuple[str, Any, Any]] = [
            ("pages", len(self.crawl.pages), self.pages),
            ("errors", self.crawl.errors, []),
            ("closed with", self.crawl.reason, "finished"),
            ("challenges that were seen twice", [one for one, times in seen.items() if times > 1], []),
            ("tasks of the first service", self.books["capmonster"]["created"]["total"], self.money),
            ("failover", stats["failover"], created["2captcha"] + created["anticaptcha"]),
            ("lost answers", stats.get("tasks_refused/ANSWER_LOST", 0) >= sum(lost.values()), True),
            ("money left", self.books["capmonster"]["balance"] < PRICE / 1e6, True),
            ("busy", list(self.books["2captcha"]["faults"]), [f"createTask:{_BUSY}"]),
        ]
        for name in NAMES:
            books = self.books[name]
            checks += [
                (f"tasks of {name}", created[name] + lost[name], books["created"]["total"]),
                (f"no task of {name}", created[name] > 0, True),
                (f"cost of {name}", cost[name], books["cost_millionths"]),
                (f"polls too early of {name}", books["floor_violations"], 0),
                (f"defects of {name}", books["errors"], []),
            ]
        return unbalanced(self.crawl) + [
            f"{what}: {found!r}, not {wanted!r}" for what, found, wanted in checks if found != wanted
        ]


def books_of(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """The books of all services, by name."""
    books = sandbox.books()
    return {"capmonster": books, **books["services"]}


def of_services(outcome: Crawl, statistic: str, names: tuple[str, ...] = NAMES) -> dict[str, int]:
    """A statistic of each service."""
    return {name: outcome.stats[f"{statistic}/service/{name}"] for name in names}


def unbalanced(outcome: Crawl) -> list[str]:
    """What does not add up: both equations, in all and at each service, and the parts to the whole."""
    stats = outcome.stats
    names = tuple(name.rpartition("/")[2] for name in stats if name.startswith("tasks_created/service/"))
    ends = ("tasks_solved", "tasks_failed", "tasks_abandoned")
    sums = [
        ("created", stats["tasks_created"], sum(stats[end] for end in ends)),
        ("solved", stats["tasks_solved"], sum(stats[end] for end in ("accepted", "rejected", "unverified", "unused"))),
    ]
    sums += [
        (statistic, stats[statistic], sum(of_services(outcome, statistic, names).values()))
        for statistic in ("tasks_created", *ends, "cost_millionths")
    ]
    for name in names:
        mine = sum(stats[f"{end}/service/{name}"] for end in ends)
        sums.append((name, stats[f"tasks_created/service/{name}"], mine))
    return [f"{what} does not add up: {whole}, {parts}" for what, whole, parts in sums if whole != parts]


async def run_failover(sandbox: Sandbox, pages: int) -> Run:
    """Crawl that many pages."""
    money = round(0.45 * pages)
    busy = {"createTask": ["ok"] * round(0.05 * pages) + [_BUSY] * round(_BUSY_SHARE * pages)}
    second, third = {"balance": 10, "faults": busy}, {"balance": 10, "price": 0.0007}
    services = {"2captcha": second, "anticaptcha": third}
    sandbox.reset(**AT_ONCE, balance=money * PRICE / 1e6, services=services)
    upstream = {one["service"]: one["api_url"] for one in several(sandbox, *NAMES)}
    relays = {name: await Relay(url).start() for name, url in upstream.items()}
    solved, starting = [0], []

    async def on_solved() -> None:
        solved[0] += 1
        if solved[0] == round(0.2 * pages):
            await relays["capmonster"].kill()
        if solved[0] == round(0.4 * pages):
            starting.append(asyncio.ensure_future(relays["capmonster"].start()))

    outcome = await crawl_sandbox(
        sandbox,
        searches(sandbox, *(f"word{number}" for number in range(pages))),
        search_site(sandbox),
        prepare=lambda crawler: crawler.signals.connect(on_solved, signals.challenge_solved, weak=False),
        GEETEST_SERVICES=several(sandbox, *NAMES, **{name: relay.url for name, relay in relays.items()}),
        GEETEST_MAX_ATTEMPTS=5,
        GEETEST_MAX_CONCURRENT_SOLVES=max(4, pages // 8),
        CONCURRENT_REQUESTS=64,
        CONCURRENT_REQUESTS_PER_DOMAIN=64,
    )
    for relay in relays.values():
        await relay.stop()
    return Run(pages, money, outcome, books_of(sandbox), relays)

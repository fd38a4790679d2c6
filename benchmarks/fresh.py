"""How old is a challenge when its task is created?"""

from __future__ import annotations

from contextlib import ExitStack
from statistics import quantiles
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from benchmarks.crawl import Addresses, crawl
from benchmarks.distance import distant
from benchmarks.report import Ratio, Table
from benchmarks.spiders import Pages
from scrapy_geetest.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Mapping

REGISTER = "/v3/gt/register-slide"
METHOD = """\
{count} searches, each behind a GeeTest v3 form of its own, all asked for at once (`CONCURRENT_REQUESTS = {count}`), with
{permits} permits, from a service whose challenges expire after {expiry:g} s. Site and service are {away:g} ms away in either
direction (a relay holds back every byte for so long), as real ones are. The age is taken by the service, from the making of
the challenge to the arrival of createTask. The idle crawl fetches {idle} such searches one after the other
(`CONCURRENT_REQUESTS = 1`, `GEETEST_MAX_PARKED = 0`), so that nothing else goes on while a challenge is fetched; the first
one, during which connections are made and modules loaded, is left out of both. A task takes {low:g} to {high:g} s and is first
asked for after 1 s, so that the permits come free {permits} at a time: the worst case. The plain await has a semaphore of
{permits}, which it takes when it has the challenge."""


@frozen
class Scale:
    """How large.

    Attributes:
        count: Pages at once.
        idle: Pages one after the other.
        permits: Solutions asked for at once.
        solve: Seconds that the service takes for a task, from and to.
        expiry: Seconds that a challenge can be used.
        away: Seconds that a byte takes to the site, to the service, or back.
        settings: More settings of all crawls.
    """

    count: int = 500
    idle: int = 30
    permits: int = 32
    solve: tuple[float, float] = (0.2, 0.9)
    expiry: float = 2.0
    away: float = 0.025
    settings: Mapping[str, Any] = {"GEETEST_FIRST_POLL": 1.0}


@frozen
class Ages:
    """Of the challenges of a crawl.

    Attributes:
        p50: Median, in milliseconds.
        p99: In milliseconds.
        pages: Pages that came.
        expired: Tasks that failed with ``ERROR_TOKEN_EXPIRED``.
        tasks: Tasks that were created.
    """

    p50: float
    p99: float
    pages: int
    expired: int
    tasks: int

    @classmethod
    def of(cls, books: Mapping[str, Any], pages: int) -> Ages:
        """Read the books of the sandbox."""
        percentiles = quantiles(books["challenge_age_ms"][1:], n=100, method="inclusive")
        expired = books["outcomes"].get("expired", 0)
        return cls(percentiles[49], percentiles[98], pages, expired, books["created"]["total"])


def measure() -> Table:
    """Measure at full size."""
    with Sandbox() as sandbox:
        return compare(sandbox, Scale())


def compare(sandbox: Sandbox, scale: Scale) -> Table:
    """Crawl one after the other, at once, and at once with the other middleware."""
    with ExitStack() as stack:
        url = stack.enter_context(distant(sandbox.url, scale.away))
        service_url = stack.enter_context(distant(sandbox.service_url, scale.away))
        site = evolve(Addresses.of(sandbox), url=url, service_url=service_url)
        idle, busy, plain = _crawls(sandbox, scale, site)
    return _table(scale, idle, busy, plain)


def _crawls(sandbox: Sandbox, scale: Scale, site: Addresses) -> tuple[Ages, Ages, Ages]:
    plugin = {
        **scale.settings,
        **site.plugin("/v3/search", challenge_url=REGISTER),
        "GEETEST_MAX_CONCURRENT_SOLVES": scale.permits,
    }
    alone = {"CONCURRENT_REQUESTS": 1, "GEETEST_MAX_PARKED": 0}
    at_once = {"CONCURRENT_REQUESTS": scale.count, "CONCURRENT_REQUESTS_PER_DOMAIN": scale.count}
    plain = {**scale.settings, **site.peer(REGISTER, scale.permits)}

    def ages(settings: Mapping[str, Any], count: int) -> Ages:
        sandbox.reset(solve_seconds=scale.solve, challenge_seconds=scale.expiry)
        outcome = crawl([Pages("search", f"{site.url}/v3/search?q={{}}", count)], settings)
        return Ages.of(sandbox.books(), outcome.pages)

    return (
        ages({**plugin, **alone}, scale.idle),
        ages({**plugin, **at_once}, scale.count),
        ages({**plain, **at_once}, scale.count),
    )


def _table(scale: Scale, idle: Ages, busy: Ages, plain: Ages) -> Table:
    return Table(
        name="fresh",
        title="Age of a challenge when its task is created",
        method=METHOD.format(
            count=scale.count,
            idle=scale.idle,
            permits=scale.permits,
            expiry=scale.expiry,
            away=1000 * scale.away,
            low=scale.solve[0],
            high=scale.solve[1],
        ),
        rows=(
            ("idle, p50 / p99: ms", f"{idle.p50:.1f} / {idle.p99:.1f}", ""),
            ("all at once, p50 / p99: ms", f"{busy.p50:.1f} / {busy.p99:.1f}", f"{plain.p50:.0f} / {plain.p99:.0f}"),
            ("tasks paid for", str(busy.tasks), str(plain.tasks)),
            ("of these `ERROR_TOKEN_EXPIRED`", str(busy.expired), str(plain.expired)),
            ("pages", f"{busy.pages} of {scale.count}", f"{plain.pages} of {scale.count}"),
        ),
        ratios=(
            Ratio("p99 of the age ÷ p99 of an idle crawl", busy.p99 / idle.p99, plain.p99 / idle.p99, at_most=10),
            Ratio(
                "share of the tasks that had expired", busy.expired / busy.tasks, plain.expired / plain.tasks, at_most=0
            ),
            Ratio("share of the pages that came", busy.pages / scale.count, plain.pages / scale.count, at_least=1),
        ),
    )

"""How old is a challenge when its task is created?"""

from __future__ import annotations

from statistics import quantiles
from typing import TYPE_CHECKING, Any

from attrs import frozen

from benchmarks.crawl import FORMS, VIRTUAL, crawl_virtually
from benchmarks.report import Ratio, Table
from benchmarks.spiders import Pages

if TYPE_CHECKING:
    from collections.abc import Mapping

METHOD = """\
{count} pages, each behind a GeeTest v3 form of its own, all asked for at once (`CONCURRENT_REQUESTS = {count}`) in {sessions}
sessions, with {permits} permits, in virtual time: {low:g} to {high:g} s a solution, challenges that expire after {expiry:g} s, 50 ms
a page and a call. The age is taken by the service, from the making of the challenge to the arrival of createTask. The idle crawl
fetches {idle} such pages one after the other (`CONCURRENT_REQUESTS = 1`, `GEETEST_MAX_PARKED = 0`), so that nothing else goes on
while a challenge is fetched. The plain await takes the lock of its session and one of {permits} permits before it fetches the
challenge, as who knows GeeTest would write it; the hasty one fetches the challenge first."""


@frozen
class Scale:
    """How large.

    Attributes:
        count: Pages at once.
        idle: Pages one after the other.
        permits: Solutions asked for at once.
        sessions: Cookie jars.
        solve: Seconds that the service takes for a task, from and to.
        expiry: Seconds that a challenge can be used.
    """

    count: int = 1500
    idle: int = 30
    permits: int = 32
    sessions: int = 64
    solve: tuple[float, float] = (10.0, 30.0)
    expiry: float = 600.0


@frozen
class Ages:
    """Of the challenges of a crawl.

    Attributes:
        p50: Median, in milliseconds.
        p99: In milliseconds.
        pages: Pages that came.
        expired: Tasks that failed with ``ERROR_TOKEN_EXPIRED``.
        tasks: Tasks that were created.
        seconds: Until the last page came.
    """

    p50: float
    p99: float
    pages: int
    expired: int
    tasks: int
    seconds: float


def measure() -> Table:
    """Measure at full size."""
    return compare(Scale())


def compare(scale: Scale) -> Table:
    """Crawl one after the other, at once, and at once with the other middlewares."""
    plugin = {"GEETEST_SITES": FORMS, "GEETEST_MAX_CONCURRENT_SOLVES": scale.permits}
    alone = {"CONCURRENT_REQUESTS": 1, "GEETEST_MAX_PARKED": 0}
    plain = {"ADDONS": {}, **VIRTUAL.peer("/register", scale.permits)}
    idle, busy = _crawl(scale, scale.idle, {**plugin, **alone}), _crawl(scale, scale.count, plugin)
    careful = _crawl(scale, scale.count, {**plain, "PEER_IS_CAREFUL": True})
    hasty = _crawl(scale, scale.count, plain)
    return _table(scale, idle, (busy, careful, hasty))


def _crawl(scale: Scale, count: int, settings: Mapping[str, Any]) -> Ages:
    low, high = scale.solve
    pages = [Pages("form", "http://forms.example/form/{}", count, sessions=scale.sessions)]
    at_once = {"CONCURRENT_REQUESTS": scale.count, "CONCURRENT_REQUESTS_PER_DOMAIN": scale.count}
    outcome = crawl_virtually(pages, {**at_once, **settings}, solve=low, solve_more=high - low, expiry=scale.expiry)
    details = outcome.details
    percentiles = quantiles([1000 * age for age in details["ages"]], n=100, method="inclusive")
    last = max(details["times"]["form"], default=0.0)
    return Ages(percentiles[49], percentiles[98], outcome.pages, details["expired"], details["created"], last)


def _table(scale: Scale, idle: Ages, all_at_once: tuple[Ages, Ages, Ages]) -> Table:
    busy, careful, _ = all_at_once
    return Table(
        name="fresh",
        title="Age of a challenge when its task is created",
        method=METHOD.format(
            count=scale.count,
            idle=scale.idle,
            permits=scale.permits,
            sessions=scale.sessions,
            expiry=scale.expiry,
            low=scale.solve[0],
            high=scale.solve[1],
        ),
        columns=("plugin", "plain await", "hasty await"),
        rows=(
            ("idle, p50 / p99: ms", f"{idle.p50:.1f} / {idle.p99:.1f}"),
            ("all at once, p50 / p99: ms", *(f"{one.p50:,.1f} / {one.p99:,.1f}" for one in all_at_once)),
            ("tasks paid for", *(f"{one.tasks:,}" for one in all_at_once)),
            ("of these `ERROR_TOKEN_EXPIRED`", *(f"{one.expired:,}" for one in all_at_once)),
            ("pages", *(f"{one.pages:,} of {scale.count:,}" for one in all_at_once)),
            ("last page, s", *(f"{one.seconds:,.0f}" for one in all_at_once)),
        ),
        ratios=(
            Ratio("p99 of the age ÷ p99 of an idle crawl", busy.p99 / idle.p99, careful.p99 / idle.p99, at_most=10),
            Ratio(
                "share of the tasks that had expired",
                busy.expired / busy.tasks,
                careful.expired / careful.tasks,
                at_most=0,
            ),
            Ratio("share of the pages that came", busy.pages / scale.count, careful.pages / scale.count, at_least=1),
        ),
    )

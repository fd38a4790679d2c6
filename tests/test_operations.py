"""What people who run crawls see of it: progress, a summary, monitors; and the answer for spiders that need it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from contextlib import suppress
from importlib.util import find_spec
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from crawl import RecordingSpider, collected, crawl
from sandbox_crawl import (
    crawl_sandbox,
    host,
    requests,
    service,
    several,
)
from scrapy import Request

from scrapy_geetest import ChallengeError, GeetestMiddleware, StoppedError, V3Solution, V4Solution, signals
from scrapy_geetest._crawl.progress import Bulletin
from scrapy_geetest._crawl.repeated_lines import RepeatedLines
from scrapy_geetest.stats import Stats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from decimal import Decimal

    from scrapy.http import Response

    from scrapy_geetest.sandbox import Sandbox

SEARCH = "/v3/search?q=rope"


def spidermon(test: Callable[..., Any]) -> Any:
    """A test of the monitors."""
    missing = pytest.mark.skipif(find_spec("spidermon") is None, reason="the extra [spidermon] is not installed")
    own = "ignore:Spider.log:scrapy.exceptions.ScrapyDeprecationWarning"
    return missing(pytest.mark.filterwarnings(own)(test))


def _sites(sandbox: Sandbox) -> list[dict[str, Any]]:
    at = host(sandbox)
    return [
        {
            "name": "search",
            "urls": [f"{at}/v3"],
            "challenge_url": "/v3/gt/register-slide",
            "accepted_css": ".query, .user",
        },
        {"name": "api", "urls": [f"{at}/v4/api"], "captcha_id": sandbox.captchas["v4-api"]},
    ]


def _settings(sandbox: Sandbox) -> dict[str, Any]:
    return {
        "GEETEST_SITES": _sites(sandbox),
        **service(sandbox),
    }


def test_progress_is_one_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """How many wait, for which sites, since when, and what was spent so far."""
    caplog.set_level(logging.INFO)
    now = [0.0]
    stats = Stats(collected())
    stats.count("tasks_created", 5)
    stats.count("cost_millionths", 2_400)
    bulletin = Bulletin(stats, RepeatedLines(), clock=lambda: now[0])
    parking: Any = SimpleNamespace(parked=Counter({f"s{n}": n for n in range(1, 8)}), longest=42.4)
    for second in range(130):
        now[0] = float(second)
        bulletin.progress(parking)
    assert [record.getMessage() for record in caplog.records] == 2 * [
        (
            "GeeTest: 28 request(s) wait for solutions, the first for 42 s: s7 (7), s6 (6), s5 (5), s4 (4), s3 (3), "
            "2 more sites; so far 5 task(s), 0 accepted, 0 refused, 0 unverified, 0 unused, cost 0.0024"
        )
    ]


async def test_summary_at_the_end(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Tasks, accepted, refused, cost, given up, abandoned, time waited."""
    caplog.set_level(logging.INFO)
    await crawl_sandbox(sandbox, requests(sandbox, SEARCH), **_settings(sandbox))
    assert (
        "GeeTest: 1 task(s), 1 accepted, 0 refused, 0 unverified, 0 unused, cost 0.0006, 0 given up, 0 abandoned; 0."
        in caplog.text
    )


async def _solved(sandbox: Sandbox, path: str, *, page: bool, **settings: Any) -> list[Any]:
    got: list[Any] = []

    def wanted(spider: RecordingSpider) -> Iterable[Request]:
        async def parse(response: Response) -> None:
            middleware = spider.crawler.get_downloader_middleware(GeetestMiddleware)
            assert middleware is not None
            try:
                got.append(await middleware.solve(response if page else Request(sandbox.url + path)))
            except (ValueError, ChallengeError, StoppedError) as error:
                got.append(error)
            got.append(spider.crawler.engine)

        meta = {"geetest": False, "handle_httpstatus_list": [403]}
        yield Request(sandbox.url + path, parse, meta=meta)

    outcome = await crawl(wanted, **{**_settings(sandbox), **settings})
    assert got.pop().downloader.total_concurrency == 16
    return [*got, outcome.stats]


async def test_a_spider_can_have_the_answer_itself(sandbox: Sandbox) -> None:
    """Of a response, or of a request; counted like any other."""
    solution, stats = await _solved(sandbox, "/v3/search?q=rope", page=True)
    assert isinstance(solution, V3Solution)
    assert (stats["tasks_created"], stats["tasks_solved"], stats["challenges_fetched"]) == (1, 1, 1)
    solution, _ = await _solved(sandbox, "/v4/api/config", page=False)
    assert isinstance(solution, V4Solution)


async def test_a_spider_may_lose_patience(sandbox: Sandbox) -> None:
    """Also while a handler looks at the solution that came: it is in the books, as one that was not used."""

    async def look(spider: RecordingSpider) -> None:  # noqa: ARG001  # Scrapy's signature
        await asyncio.sleep(60)

    def wanted(spider: RecordingSpider) -> Iterable[Request]:
        spider.crawler.signals.connect(look, signals.challenge_solved, weak=False)

        async def parse(response: Response) -> None:
            middleware = spider.crawler.get_downloader_middleware(GeetestMiddleware)
            assert middleware is not None
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(middleware.solve(response), 1.0)

        yield Request(sandbox.url + SEARCH, parse, meta={"geetest": False, "handle_httpstatus_list": [403]})

    sandbox.reset(solve_seconds=0, poll_floor=0)
    outcome = await crawl(wanted, **_settings(sandbox), GEETEST_FIRST_POLL=0)
    assert (outcome.stats["tasks_created"], outcome.stats["tasks_solved"], outcome.stats["unused"]) == (1, 1, 1)


async def test_a_spider_is_told_why_there_is_no_answer(sandbox: Sandbox) -> None:
    """A site that is not declared, and a site without a challenge."""
    error, _ = await _solved(sandbox, "/plain/1", page=True)
    assert "belongs to no site" in str(error)
    sandbox.reset(faults={"register": ["http-500", "..."]})
    error, stats = await _solved(sandbox, "/v3/search?q=rope", page=True, RETRY_TIMES=0)
    assert isinstance(error, ChallengeError)
    assert stats["gave_up"] == 1


async def test_a_spider_that_waits_is_told_that_the_crawl_ends(sandbox: Sandbox) -> None:
    """CloseSpider does not wait for a solution."""
    sandbox.reset(solve_seconds=60.0)
    error, stats = await _solved(sandbox, "/v3/search?q=rope", page=True, CLOSESPIDER_TIMEOUT=1)
    assert isinstance(error, StoppedError)
    assert stats["tasks_abandoned"] == 1


@spidermon
@pytest.mark.parametrize(
    ("limits", "failed"),
    [
        ({}, []),
        ({"MAX_REJECTED_SHARE": 0.6, "MAX_UNVERIFIED_SHARE": 0, "MAX_GAVE_UP": 0, "MAX_COST": 0.01, "MIN_BALANCE": 5}, []),
        ({"MAX_REJECTED_SHARE": 0.4, "MAX_UNVERIFIED_SHARE": -1, "MAX_GAVE_UP": -1, "MAX_COST": 0.001, "MIN_BALANCE": 50}, ["refused", "unverified", "given up", "cost", "left"]),
    ],
)  # fmt: skip
async def test_monitors(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture, limits: dict[str, Any], failed: list[str]
) -> None:
    """Each compares a figure with its setting, and is skipped without one."""
    sandbox.reset(solve_seconds=0.1, wrong=1)
    told = await _monitored(sandbox, caplog, **{f"GEETEST_MONITOR_{name}": value for name, value in limits.items()})
    assert told.count("... FAIL") == len(failed)
    assert told.count("... SKIPPED") == (0 if limits else 5)
    for words in failed:
        assert words in told


async def _monitored(sandbox: Sandbox, caplog: pytest.LogCaptureFixture, path: str = SEARCH, **settings: Any) -> str:
    """What the monitors say of a crawl."""
    caplog.set_level(logging.INFO)
    outcome = await crawl(
        lambda _: [Request(f"{sandbox.url}{path}")],
        **{**_settings(sandbox), **settings},
        SPIDERMON_ENABLED=True,
        SPIDERMON_SPIDER_CLOSE_MONITORS=["scrapy_geetest.monitors.GeetestMonitorSuite"],
        EXTENSIONS={
            "spidermon.contrib.scrapy.extensions.Spidermon": 500,
            "scrapy_geetest.monitors.BalanceStat": 500,
        },
    )
    assert len(outcome.pages) == 1
    told = [record.getMessage() for record in caplog.records if "[Spidermon]" in record.getMessage()]
    assert sum("5 monitors in" in line for line in told) == 1
    return "\n".join(told)


@spidermon
@pytest.mark.parametrize(
    ("cost", "balance", "failed"),
    [
        (0.01, 5, []),
        ({"2captcha": 0.01}, {"capmonster": 12}, []),
        ('{"2captcha": 0.0001, "capmonster": 0}', 13, ["cost 0.0006 at 2captcha", "left on the account at capmonster"]),
        ({"2captcha": 0.0006, "capmonster": 0}, {"2captcha": 9.9995}, ["9.9994 is left on the account at 2captcha"]),
    ],
)
async def test_monitors_of_several_services(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture, cost: Any, balance: Any, failed: list[str]
) -> None:
    """A number is for all together, or for each account; a dict is for those that it names. So is the summary."""
    faults = {"createTask": ["ERROR_ZERO_BALANCE"]}
    sandbox.reset(solve_seconds=0.1, balance=12.0, faults=faults, services={"2captcha": {"balance": 10}})
    told = await _monitored(
        *(sandbox, caplog),
        GEETEST_SERVICES=several(sandbox, "capmonster", "2captcha"),
        GEETEST_MONITOR_MAX_COST=cost,
        GEETEST_MONITOR_MIN_BALANCE=balance,
    )
    assert told.count("... FAIL") == len(failed)
    for words in failed:
        assert words in told
    summary = [record.getMessage() for record in caplog.records if "on average" in record.getMessage()]
    assert (
        summary[0]
        == "GeeTest: capmonster: 0 task(s), 0 solved in 0.0 s on average, 0 failed, 0 abandoned, cost 0.0000 USD"
    )
    assert summary[1].startswith("GeeTest: 2captcha: 1 task(s), 1 solved in ")
    assert summary[1].endswith(" s on average, 0 failed, 0 abandoned, cost 0.0006 USD")


LIMITS = {
    f"GEETEST_MONITOR_{name}": 5
    for name in ("MAX_REJECTED_SHARE", "MAX_UNVERIFIED_SHARE", "MAX_GAVE_UP", "MAX_COST", "MIN_BALANCE")
}


@spidermon
async def test_monitors_of_a_crawl_without_the_plugin(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """A deployment that turned it off fails its monitors, in words, not in a dump of all statistics."""
    told = await _monitored(sandbox, caplog, "/plain/1", GEETEST_ENABLED=False, **LIMITS)
    assert told.count("... FAIL") == 5
    assert "geetest/cost_millionths is missing: the plugin was not active in this crawl; is there a key?" in told
    assert "downloader/request_count" not in told


@spidermon
async def test_the_balance_holds_up_no_crawl(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages come before the service answers; the figure is there for the monitors all the same."""
    came = asyncio.Event()
    balance, received = GeetestMiddleware.balance, RecordingSpider.parse

    async def late(middleware: GeetestMiddleware, service: str | None = None) -> Decimal:
        await asyncio.wait_for(came.wait(), 30.0)
        await asyncio.sleep(0.5)  # longer than the crawl still takes
        return await balance(middleware, service)

    def parse(spider: RecordingSpider, response: Response) -> None:
        came.set()
        received(spider, response)

    monkeypatch.setattr(GeetestMiddleware, "balance", late)
    monkeypatch.setattr(RecordingSpider, "parse", parse)
    assert "... FAIL" not in await _monitored(sandbox, caplog, "/plain/1", **LIMITS)


@spidermon
async def test_a_balance_that_is_not_had_is_told_of(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Its monitor fails, in words; the others judge as ever."""
    sandbox.reset(faults={"getBalance": ["http-503"]})
    told = await _monitored(sandbox, caplog, "/plain/1", **LIMITS)
    assert told.count("... FAIL") == 1
    assert "geetest/balance_millionths is missing: enable the extension BalanceStat, or see in the log" in told
    assert "downloader/request_count" not in told


@spidermon
async def test_a_crawl_that_is_closed_leaves_the_balance(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Its call ends with the client: the crawl does not wait for the time-out."""
    sandbox.reset(faults={"getBalance": ["hang"]})
    started = time.monotonic()
    told = await _monitored(
        sandbox, caplog, "/plain/1", GEETEST_REQUEST_TIMEOUT=60.0, CLOSESPIDER_PAGECOUNT=1, **LIMITS
    )
    assert time.monotonic() - started < 30
    assert told.count("... FAIL") == 1
    assert "the balance of capmonster could not be fetched: ANSWER_LOST: the client is closed" in caplog.text

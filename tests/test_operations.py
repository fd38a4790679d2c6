"""What people who run crawls see of it: progress, a summary, monitors; and the answer for spiders that need it."""

from __future__ import annotations

import logging
from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from crawl import RecordingSpider, collected, crawl
from scrapy import Request

from scrapy_geetest import ChallengeError, GeetestMiddleware, StoppedError, V3Solution, V4Solution
from scrapy_geetest.bulletin import Bulletin
from scrapy_geetest.stats import Stats

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scrapy.http import Response

    from scrapy_geetest.sandbox import Sandbox


def _sites(sandbox: Sandbox) -> list[dict[str, Any]]:
    host = sandbox.url.partition("://")[2]
    return [
        {"name": "search", "urls": [f"{host}/v3"], "challenge_url": "/v3/gt/register-slide"},
        {"name": "api", "urls": [f"{host}/v4/api"], "captcha_id": sandbox.captchas["v4-api"]},
    ]


def _settings(sandbox: Sandbox) -> dict[str, Any]:
    return {
        "GEETEST_SITES": _sites(sandbox),
        "GEETEST_API_KEY": sandbox.api_key,
        "GEETEST_API_URL": sandbox.service_url,
    }


def test_progress_is_one_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """How many wait, for which sites, since when, and what was spent so far."""
    caplog.set_level(logging.INFO)
    now = [0.0]
    stats = Stats(collected())
    stats.count("tasks_created", 5)
    stats.count("cost_millionths", 2_400)
    bulletin = Bulletin(stats, clock=lambda: now[0])
    parking: Any = SimpleNamespace(parked=Counter({f"s{n}": n for n in range(1, 8)}), longest=42.4)
    for second in range(130):
        now[0] = float(second)
        bulletin.progress(parking)
    assert [record.getMessage() for record in caplog.records] == 2 * [
        (
            "GeeTest: 28 request(s) wait for solutions, the first for 42 s: s7 (7), s6 (6), s5 (5), s4 (4), s3 (3), "
            "2 more sites; so far 5 task(s), 0 accepted, 0 refused, cost 0.0024"
        )
    ]


async def test_summary_at_the_end(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Tasks, accepted, refused, cost, given up, abandoned, time waited."""
    caplog.set_level(logging.INFO)
    await crawl(lambda _: [Request(f"{sandbox.url}/v3/search?q=rope")], **_settings(sandbox))
    assert "GeeTest: 1 task(s), 1 accepted, 0 refused, cost 0.0006, 0 given up, 0 abandoned; 0." in caplog.text


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


@pytest.mark.filterwarnings("ignore:Spider.log:scrapy.exceptions.ScrapyDeprecationWarning")  # Spidermon's own
@pytest.mark.parametrize(
    ("limits", "failed"),
    [
        ({}, []),
        ({"MAX_REJECTED_SHARE": 0.6, "MAX_GAVE_UP": 0, "MAX_COST": 0.01, "MIN_BALANCE": 5}, []),
        ({"MAX_REJECTED_SHARE": 0.4, "MAX_GAVE_UP": -1, "MAX_COST": 0.001, "MIN_BALANCE": 50}, ["refused", "given up", "cost", "left"]),
    ],
)  # fmt: skip
async def test_monitors(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture, limits: dict[str, Any], failed: list[str]
) -> None:
    """Each compares a figure with its setting, and is skipped without one."""
    pytest.importorskip("spidermon", reason="the extra [spidermon] is not installed")
    caplog.set_level(logging.INFO)
    sandbox.reset(solve_seconds=0.1, wrong=1)
    await crawl(
        lambda _: [Request(f"{sandbox.url}/v3/search?q=rope")],
        **_settings(sandbox),
        SPIDERMON_ENABLED=True,
        SPIDERMON_SPIDER_CLOSE_MONITORS=["scrapy_geetest.monitors.GeetestMonitorSuite"],
        EXTENSIONS={
            "spidermon.contrib.scrapy.extensions.Spidermon": 500,
            "scrapy_geetest.monitors.BalanceStat": 500,
        },
        **{f"GEETEST_MONITOR_{name}": value for name, value in limits.items()},
    )
    told = [record.getMessage() for record in caplog.records if "[Spidermon]" in record.getMessage()]
    assert sum("4 monitors in" in line for line in told) == 1
    text = "\n".join(told)
    assert text.count("... FAIL") == len(failed)
    assert text.count("... SKIPPED") == (0 if limits else 4)
    for words in failed:
        assert words in text

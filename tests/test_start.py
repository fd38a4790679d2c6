"""How a crawl starts: turned on in one line, and a plain reason where it cannot work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from crawl import RecordingSpider, all_stats, crawl
from sandbox_crawl import (
    crawl_sandbox,
    search_site,
    searches,
)
from scrapy import Request
from scrapy.crawler import AsyncCrawlerRunner
from scrapy.exceptions import NotConfigured
from scrapy.settings import Settings

from scrapy_geetest import Addon, GeetestMiddleware
from scrapy_geetest._start import check_start
from scrapy_geetest.settings import Config

if TYPE_CHECKING:
    from scrapy_geetest.sandbox import Sandbox

KEY: dict[str, Any] = {"GEETEST_API_KEY": "k" * 32}


def _crawler(**settings: Any) -> Any:
    return AsyncCrawlerRunner(settings).create_crawler(RecordingSpider)


def test_the_addon_places_the_middleware() -> None:
    """At 585, unless the project placed it."""
    settings = Settings()
    Addon().update_settings(settings)
    assert settings.getdict("DOWNLOADER_MIDDLEWARES") == {GeetestMiddleware: 585}
    placed = Settings({"DOWNLOADER_MIDDLEWARES": {"scrapy_geetest.GeetestMiddleware": 570}})
    Addon().update_settings(placed)
    assert placed.getdict("DOWNLOADER_MIDDLEWARES") == {"scrapy_geetest.GeetestMiddleware": 570}


SITE: dict[str, Any] = {**KEY, "GEETEST_SITES": [{"urls": ["shop.test"]}]}


@pytest.mark.parametrize("settings", [{**SITE, "GEETEST_ENABLED": False}, KEY])
def test_nothing_to_do_is_not_configured(settings: dict[str, Any]) -> None:
    """Turned off, or without a declared site."""
    with pytest.raises(NotConfigured):
        GeetestMiddleware.from_crawler(_crawler(**settings))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({**SITE, "GEETEST_API_KEY": None}, "^Set GEETEST_API_KEY, or CAPMONSTER_API_KEY"),
        ({**SITE, "TWISTED_REACTOR_ENABLED": False}, "^Set TWISTED_REACTOR_ENABLED = True"),
        ({**SITE, "ADDONS": {"scrapy_geetest.GeetestMiddleware": 500}}, "^Take GeetestMiddleware out of ADDONS"),
        ({**SITE, "SPIDER_MIDDLEWARES": {GeetestMiddleware: 1}}, "^Take GeetestMiddleware out of SPIDER_MIDDLEWARES"),
        ({**SITE, "DOWNLOADER_MIDDLEWARES": {GeetestMiddleware: 570}}, "^Set the order .* to 585 .* MetaRefresh"),
        ({**SITE, "DOWNLOADER_MIDDLEWARES": {GeetestMiddleware: 595}}, "^Set the order .* to 585 .* HttpCompression"),
        ({**SITE, "GEETEST_SITES": ["nowhere.Site"]}, "nowhere"),
    ],
)
def test_what_is_missing_or_misplaced_stops_the_crawl(
    settings: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One plain line that says what to do, and nothing that it came from."""
    monkeypatch.delenv("CAPMONSTER_API_KEY", raising=False)
    with pytest.raises(ValueError, match=words) as caught:
        GeetestMiddleware.from_crawler(_crawler(**settings))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert "\n" not in str(caught.value)


def test_the_addon_among_the_middlewares_is_told() -> None:
    """It would do nothing there."""
    crawler = _crawler(**SITE, DOWNLOADER_MIDDLEWARES={"scrapy_geetest.Addon": 585})
    with pytest.raises(ValueError, match=r"^Take scrapy_geetest\.Addon out of DOWNLOADER_MIDDLEWARES"):
        Addon.from_crawler(crawler)


@pytest.mark.parametrize(
    "settings",
    [
        {"GEETEST_POLL_INTERVAL": -1},
        {"GEETEST_SITES": ["nowhere.Site"]},
        {"GEETEST_SITES": [{"urls": ["https://a.test"]}]},
        {"GEETEST_DETECT_CSS": "["},
    ],
)
async def test_a_bad_setting_stops_the_crawl(settings: dict[str, Any]) -> None:
    """Before anything is sent."""
    with pytest.raises(ValueError, match=next(iter(settings)) if "SITES" not in str(settings) else "nowhere|scheme"):
        await crawl(lambda _: [], **{**SITE, **settings})


async def test_statistics_are_there_from_the_start(sandbox: Sandbox) -> None:
    """All of them, as integers, in a crawl that meets no CAPTCHA; wired by hand."""
    outcome = await crawl(
        lambda _: [Request(f"{sandbox.url}/plain/1")],
        **SITE,
        ADDONS={},
        DOWNLOADER_MIDDLEWARES={"scrapy_geetest.GeetestMiddleware": 585},
    )
    assert len(outcome.pages) == 1
    assert outcome.stats == all_stats()
    assert all(type(value) is int for value in outcome.stats.values())


async def test_a_submission_that_broke_down_is_retried_with_the_same_solution(sandbox: Sandbox) -> None:
    """Scrapy's own retry sends it again; nothing is bought anew."""
    sandbox.reset(solve_seconds=0.1, faults={"submit": ["lost-before", "http-503"]})
    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), search_site(sandbox), RETRY_TIMES=3)
    assert outcome.texts(".query::text") == ["rope"]
    assert (outcome.stats["tasks_created"], outcome.stats["accepted"], outcome.all_stats["retry/count"]) == (1, 1, 2)


class _Elsewhere:
    """A middleware whose name is that of another package's."""


@pytest.mark.parametrize(
    ("path", "order", "words"),
    [
        (
            "rotating_proxies.middlewares.BanDetectionMiddleware",
            620,
            "like 570: where it is, it may mistake a challenge page",
        ),
        ("rotating_proxies.middlewares.BanDetectionMiddleware", 570, ""),
        (
            "rotating_proxies.middlewares.RotatingProxyMiddleware",
            610,
            "like 560: where it is, it chooses the proxy too late",
        ),
        (
            "scrapy_impersonate.middleware.RandomBrowserMiddleware",
            1000,
            "like 400: where it is, it gives every request",
        ),
        ("shop.middlewares.BanDetectionMiddleware", 620, ""),
    ],
)
def test_middlewares_that_must_not_stand_behind_are_warned_about(
    caplog: pytest.LogCaptureFixture, path: str, order: int, words: str
) -> None:
    """Those of packages that are often combined, where their own documentation puts them, and classes derived from them."""
    module, _, name = path.rpartition(".")
    base = type(name, (_Elsewhere,), {"__module__": module, "__qualname__": name})
    derived = type("Derived", (base,), {})
    crawler = _crawler(**SITE, DOWNLOADER_MIDDLEWARES={GeetestMiddleware: 585, derived: order})
    check_start(Config.from_settings(crawler.settings), crawler.settings, GeetestMiddleware)
    assert [words in line for line in caplog.messages] == ([True] if words else [])
    assert all("give Derived an order below that of GeetestMiddleware" in line for line in caplog.messages)

"""How a crawl starts: turned on in one line, and a plain reason where it cannot work."""

from __future__ import annotations

import logging
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


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "set GEETEST_API_KEY, or CAPMONSTER_API_KEY"),
        ({**KEY, "TWISTED_REACTOR_ENABLED": False}, "TWISTED_REACTOR_ENABLED"),
        ({**KEY, "GEETEST_ENABLED": False}, "^$"),
    ],
)
def test_what_is_missing_is_said(settings: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scrapy logs the reason of ``NotConfigured`` and goes on without the middleware."""
    monkeypatch.delenv("CAPMONSTER_API_KEY", raising=False)
    with pytest.raises(NotConfigured, match=words):
        GeetestMiddleware.from_crawler(_crawler(**settings))


async def test_without_a_key_the_log_says_so(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The crawl runs, and nobody has to guess why nothing is solved."""
    monkeypatch.delenv("CAPMONSTER_API_KEY", raising=False)
    caplog.set_level(logging.WARNING)
    outcome = await crawl(lambda _: [])
    assert (outcome.reason, outcome.stats) == ("finished", {})
    assert "scrapy-geetest has no key" in caplog.text


@pytest.mark.parametrize(
    "settings",
    [
        {"GEETEST_POLL_INTERVAL": 1},
        {"GEETEST_SITES": ["nowhere.Site"]},
        {"GEETEST_SITES": [{"urls": ["https://a.test"]}]},
        {"GEETEST_DETECT_CSS": "["},
    ],
)
async def test_a_bad_setting_stops_the_crawl(settings: dict[str, Any]) -> None:
    """Before anything is sent."""
    with pytest.raises(ValueError, match=next(iter(settings)) if "SITES" not in str(settings) else "nowhere|scheme"):
        await crawl(lambda _: [], **KEY, **settings)


async def test_statistics_are_there_from_the_start(sandbox: Sandbox) -> None:
    """All of them, as integers, in a crawl that meets no CAPTCHA; wired by hand."""
    outcome = await crawl(
        lambda _: [Request(f"{sandbox.url}/plain/1")],
        **KEY,
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

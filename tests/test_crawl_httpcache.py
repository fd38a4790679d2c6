"""Whole crawls with Scrapy's HttpCache, each run twice: the second one is served what the first one was shown in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sandbox_crawl import api_site, crawl_sandbox, gate_pages, gate_site, items, search_site, searches
from scrapy.extensions.httpcache import FilesystemCacheStorage
from small_world import challenge_page, data, page

from scrapy_geetest import ChallengeError, SolutionRejected

if TYPE_CHECKING:
    from pathlib import Path

    from crawl import Crawl
    from small_world import Answer, Asked, SmallWorld

    from scrapy_geetest.sandbox import Sandbox

RFC2616 = "scrapy.extensions.httpcache.RFC2616Policy"


def _cache(folder: Path, **settings: Any) -> dict[str, Any]:
    return {"HTTPCACHE_ENABLED": True, "HTTPCACHE_DIR": str(folder), **settings}


def _texts(outcome: Crawl) -> set[str]:
    return {answer.text for answer in outcome.pages}


def _stored(folder: Path) -> str:
    """All that the cache holds: requests, headers and bodies."""
    return "".join(file.read_text("latin-1") for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize("kind", ["form", "api", "gate", "gater"])
async def test_the_second_run_costs_nothing(sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    """The page takes the place of the challenge page that HttpCache has stored, and no solution is in the cache."""
    wanted, site = {
        "form": (searches(sandbox, "rope", "oar"), search_site(sandbox)),
        "api": (items(sandbox, 1, 2), api_site(sandbox)),
        "gate": (gate_pages(sandbox, range(4)), gate_site(sandbox)),
        "gater": (gate_pages(sandbox, range(4), "gater"), gate_site(sandbox, "gater")),
    }[kind]
    first = await crawl_sandbox(sandbox, wanted, site, **_cache(tmp_path))
    assert first.stats["tasks_created"] == (1 if kind.startswith("gate") else 2)
    stored = _stored(tmp_path)
    assert not any(word in stored for word in ("geetest_validate", "pass_token", "seccode"))
    second = await crawl_sandbox(sandbox, wanted, site, **_cache(tmp_path))
    assert len(second.pages) == len(wanted)
    assert _texts(second) == _texts(first)
    assert (second.stats["tasks_created"], second.stats["detected"]) == (0, 0)
    assert second.all_stats["httpcache/hit"] == second.all_stats["response_received_count"]
    assert all("dont_cache" not in answer.meta for answer in (*first.pages, *second.pages))


async def test_a_stored_challenge_page_is_fetched_again(sandbox: Sandbox, tmp_path: Path) -> None:
    """A run that has given the page up leaves it in the cache: nothing is bought for it offline, and a fresh one otherwise."""
    runs: list[Crawl] = []
    for wrong, offline in ((1, False), (0, True), (0, False), (0, True)):
        sandbox.reset(solve_seconds=0.1, wrong=wrong)
        settings = _cache(tmp_path, HTTPCACHE_IGNORE_MISSING=offline, GEETEST_MAX_ATTEMPTS=1)
        runs.append(await crawl_sandbox(sandbox, searches(sandbox, "rope"), search_site(sandbox), **settings))
    assert [run.stats["tasks_created"] for run in runs] == [1, 0, 1, 0]
    assert [run.texts(".query::text") for run in runs] == [[], [], ["rope"], ["rope"]]
    assert [type(error) for run in runs for error in run.errors] == [SolutionRejected, ChallengeError]


async def test_a_policy_decides_what_is_stored(world: SmallWorld, tmp_path: Path) -> None:
    """``no-store`` holds for the page that a solution led to, as for any other."""

    @world.route("/page")
    def answer(asked: Asked) -> Answer:
        if world.geetest.takes(asked.fields):
            return page("<h1>content</h1>", Cache_Control="no-store")
        return challenge_page(action="/page")

    runs = [
        await world.crawl([f"{world.site.url}/page"], **_cache(tmp_path, HTTPCACHE_POLICY=RFC2616)) for _ in range(2)
    ]
    assert [run.texts("h1::text") for run in runs] == [["content"], ["content"]]
    assert [run.stats["tasks_created"] for run in runs] == [1, 1]


async def test_an_answer_that_shows_nothing_is_not_stored(world: SmallWorld, tmp_path: Path) -> None:
    """What may be a refusal would be served for ever."""

    @world.route("/page")
    def answer(asked: Asked) -> Answer:
        return data({"status": "fail"}) if world.geetest.takes(asked.fields) else challenge_page(action="/page")

    await world.crawl([f"{world.site.url}/page"], **_cache(tmp_path))
    assert '"fail"' not in _stored(tmp_path)


async def test_a_page_that_the_cache_cannot_store_is_delivered(
    sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is paid for, whatever a storage raises."""
    settings = _cache(tmp_path, HTTPCACHE_STORAGE=_Full)
    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), search_site(sandbox), **settings)
    assert outcome.texts(".query::text") == ["rope"]
    assert "HttpCache could not store <200 " in caplog.text


class _Full(FilesystemCacheStorage):
    """A disk with room for challenge pages only."""

    def store_response(self, spider: Any, request: Any, response: Any) -> None:
        if b"captcha-holder" not in response.body:
            raise OSError("no space left on device")
        super().store_response(spider, request, response)

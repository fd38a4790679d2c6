"""Sessions that outlive a crawl: what one crawl opened, the next one, or another one at the same time, goes on with."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any

import pytest
import storages
from sandbox_crawl import crawl_sandbox, gate_pages, gate_site
from scrapy import Request
from small_world import SmallWorld, challenge_page, data, page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from small_world import Answer, Asked

    from scrapy_geetest.sandbox import Sandbox

NEEDS_REDIS = pytest.mark.skipif(storages.missing(), reason="redis-server, or a package for it, is not installed")
SHARED = ["file", pytest.param("redis", marks=NEEDS_REDIS)]


@pytest.fixture
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of an empty storage."""
    with storages.uri_of(getattr(request, "param", "file"), tmp_path) as uri:
        yield uri


every_shared = pytest.mark.parametrize("uri", SHARED, indirect=True)


async def _gate_crawl(sandbox: Sandbox, uri: str, pages: int = 20, **settings: Any) -> Any:
    return await crawl_sandbox(
        sandbox, gate_pages(sandbox, range(pages)), gate_site(sandbox), GEETEST_STORAGE_URI=uri, **settings
    )


@every_shared
async def test_the_next_crawl_begins_with_the_session_of_the_last(sandbox: Sandbox, uri: str) -> None:
    """It buys nothing, and meets no challenge page."""
    first = await _gate_crawl(sandbox, uri)
    second = await _gate_crawl(sandbox, uri)
    assert [len(outcome.pages) for outcome in (first, second)] == [20, 20]
    assert [outcome.stats["tasks_created"] for outcome in (first, second)] == [1, 0]
    assert second.stats["detected"] == 0


async def test_a_session_that_the_site_has_closed_is_opened_anew_once(sandbox: Sandbox, uri: str) -> None:
    """One task, and the crawl after that buys none."""
    await _gate_crawl(sandbox, uri)
    sandbox.reset(solve_seconds=0.1)  # forgets all sessions
    second, third = await _gate_crawl(sandbox, uri), await _gate_crawl(sandbox, uri)
    assert [len(outcome.pages) for outcome in (second, third)] == [20, 20]
    assert [outcome.stats["tasks_created"] for outcome in (second, third)] == [1, 0]
    assert second.errors == third.errors == []


@every_shared
async def test_crawls_at_the_same_time_open_a_gate_once(sandbox: Sandbox, uri: str) -> None:
    """Three of them: one opens, the others wait for it."""
    outcomes = await asyncio.gather(*(_gate_crawl(sandbox, uri) for _ in range(3)))
    assert [len(outcome.pages) for outcome in outcomes] == [20, 20, 20]
    assert sandbox.books()["created"]["total"] == 1
    assert sorted(outcome.stats["accepted"] for outcome in outcomes) == [0, 0, 1]


async def test_each_cookie_jar_has_its_own_session(sandbox: Sandbox, uri: str) -> None:
    """In the next crawl as well."""
    wanted = [
        Request(f"{sandbox.url}/gate/page/{number}", meta={"cookiejar": jar}) for number, jar in enumerate("abcabc")
    ]
    for tasks in (3, 0):
        outcome = await crawl_sandbox(sandbox, wanted, gate_site(sandbox), GEETEST_STORAGE_URI=uri)
        assert (len(outcome.pages), outcome.stats["tasks_created"]) == (6, tasks)
    assert len(await storages.opened(uri).entries.entries("session")) == 3


async def test_a_gate_that_ages_is_stored_for_as_long(sandbox: Sandbox, uri: str) -> None:
    """What was opened too long ago is not there any more."""
    site = gate_site(sandbox, gate_max_age=0.5)
    for _ in range(2):
        outcome = await crawl_sandbox(sandbox, gate_pages(sandbox, range(1)), site, GEETEST_STORAGE_URI=uri)
        assert outcome.stats["tasks_created"] == 1
        await asyncio.sleep(0.5)
        assert await storages.opened(uri).entries.entries("session") == []


@pytest.mark.slow
@NEEDS_REDIS
async def test_a_full_redis_costs_a_task_and_no_page(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing can be written: after some seconds the crawl opens the gate for itself, and says so."""
    from redis import Redis

    with storages.shared_queue.redis_server() as url:
        with Redis.from_url(url) as client:
            client.config_set("maxmemory", "1")
        outcome = await _gate_crawl(sandbox, url, GEETEST_SOLVE_TIMEOUT=1.0, GEETEST_FIRST_POLL=0.2)
    assert (len(outcome.pages), outcome.errors, outcome.stats["tasks_created"]) == (20, [], 1)
    assert caplog.text.count("sessions are not shared with other processes at present") == 1
    assert "OutOfMemoryError" in caplog.text


async def test_memory_keeps_nothing_and_asks_nobody(sandbox: Sandbox) -> None:
    """Each crawl opens its gate for itself, as before."""
    for _ in range(2):
        outcome = await _gate_crawl(sandbox, "memory://")
        assert outcome.stats["tasks_created"] == 1


def _gate_of_one_visitor(world: SmallWorld, visitors: dict[str, tuple[str, ...]]) -> None:
    """A gate whose session is good for the User-Agent and the way that opened it."""

    def visitor(asked: Asked) -> tuple[str, ...]:
        return (asked.headers.get("user-agent", ""),)

    @world.route("/verify")
    def verify(asked: Asked) -> Answer:
        if not world.geetest.takes(asked.fields):
            return challenge_page("/verify")
        session = secrets.token_hex(8)
        visitors[session] = visitor(asked)
        return page("<h1>welcome</h1>", Set_Cookie=f"pass={session}; Path=/; HttpOnly")

    @world.route("/page")
    def view(asked: Asked) -> Answer:
        if visitors.get(asked.cookies.get("pass", "")) != visitor(asked):
            return challenge_page("/verify")
        return page(f"<h1>{asked.path}</h1>")


async def test_a_session_goes_with_the_user_agent_that_opened_it(world: SmallWorld, uri: str) -> None:
    """Another crawl has another one of its own: at this site it is the one that the session belongs to."""
    _gate_of_one_visitor(world, {})
    urls = [f"{world.site.url}/page/{number}" for number in range(5)]
    for agent in ("Firefox", "Chrome"):
        outcome = await world.crawl(urls, {"mode": "gate"}, GEETEST_STORAGE_URI=uri, USER_AGENT=agent)
        assert (len(outcome.pages), outcome.errors) == (5, [])
    assert len(world.tasks) == 1


async def test_another_website_of_the_same_name_has_its_own_session(world: SmallWorld, uri: str) -> None:
    """Another project's: nothing of one, neither cookie nor User-Agent, goes to the other."""
    _gate_of_one_visitor(world, {})
    with SmallWorld() as other:
        _gate_of_one_visitor(other, {})
        for agent, here in (("Firefox", world), ("Chrome", other), ("Firefox", world)):
            site = {"name": "shop", "urls": [here.site.host], "mode": "gate"}
            outcome = await here.crawl([f"{here.site.url}/page/1"], site, GEETEST_STORAGE_URI=uri, USER_AGENT=agent)
            assert (len(outcome.pages), outcome.errors) == (1, [])
        assert {asked.headers["user-agent"] for asked in other.site.asked} == {"Chrome"}
        assert not any("pass" in asked.cookies for asked in other.site.asked[:2])
        assert (len(world.tasks), len(other.tasks)) == (1, 1)


async def test_what_a_two_step_site_gave_is_handed_on(world: SmallWorld, uri: str) -> None:
    """A token in a header: the next crawl sends it from its first request on."""
    granted: set[str] = set()

    @world.route("/verify")
    def verify(asked: Asked) -> Answer:
        if not world.geetest.takes(asked.fields):
            return data({"code": -1, "data": {"token": ""}})
        granted.add(grant := secrets.token_hex(4))
        return data({"code": 0, "data": {"token": grant}})

    @world.route("/page")
    def view(asked: Asked) -> Answer:
        return page(f"<h1>{asked.path}</h1>") if asked.headers.get("x-token") in granted else challenge_page()

    site = {"mode": "gate", "verify_url": "/verify", "verified_fields": {"data.token": "header:X-Token"}}
    urls = [f"{world.site.url}/page/{number}" for number in range(5)]
    for _ in range(2):
        outcome = await world.crawl(urls, site, GEETEST_STORAGE_URI=uri)
        assert sorted(outcome.texts("h1::text")) == [f"/page/{number}" for number in range(5)]
    assert len(world.tasks) == 1
    granted.clear()
    outcome = await world.crawl(urls, site, GEETEST_STORAGE_URI=uri)
    assert (len(outcome.pages), len(world.tasks)) == (5, 2)

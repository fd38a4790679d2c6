"""Tasks that an earlier run has paid for: collected where they can be, told where they cannot, bought twice nowhere."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field
from scrapy import Request
from scrapy.utils.defer import deferred_from_coro
from small_world import Answer, Asked, challenge_page, data, failure, page

from scrapy_geetest import signals
from scrapy_geetest._services.adapters.capmonster import CapMonster

if TYPE_CHECKING:
    from pathlib import Path

    from crawl import Crawl
    from small_world import SmallWorld

PROCESSING = {"errorId": 0, "status": "processing"}


@define
class Runs:
    """Runs of one crawl, one after the other, with a service that can be told to take its time."""

    world: SmallWorld
    storage: str
    is_solved: bool = False
    asked: Counter[int] = field(factory=Counter)

    def __attrs_post_init__(self) -> None:
        self.world.first = self._first
        self.world.route("/page/")(self.page)

    def page(self, asked: Asked) -> Answer:
        """A page that is withheld until its form brings a solution."""
        if self.world.geetest.takes(asked.fields):
            return page(f"<h1>{asked.path}</h1>")
        return challenge_page(action=asked.path, inside='<input type="hidden" name="token" value="t">')

    def pages(self, *numbers: int, **meta: Any) -> list[Request]:
        """Requests for them."""
        return [Request(f"{self.world.site.url}/page/{number}", meta=dict(meta)) for number in numbers]

    async def stopped(self, requests: list[Request], *sites: Any, **settings: Any) -> Crawl:
        """A run that is ended as soon as each of its requests has a task."""
        self.is_solved = False
        created: list[int] = []

        def prepare(crawler: Any) -> None:
            def task_created(task_id: int) -> None:
                created.append(task_id)
                if len(created) == len(requests):
                    deferred_from_coro(crawler.engine.close_spider_async(reason="enough"))

            crawler.signals.connect(task_created, signals.task_created, weak=False)

        return await self.run(requests, *sites, prepare=prepare, **settings)

    async def run(self, requests: list[Request], *sites: Any, **settings: Any) -> Crawl:
        """A run with the same storage."""
        return await self.world.crawl(requests, *sites, **{"GEETEST_STORAGE_URI": self.storage, **settings})

    async def resumed(self, requests: list[Request], *sites: Any, **settings: Any) -> Crawl:
        """A run with a service that has solved everything by now."""
        self.is_solved = True
        return await self.run(requests, *sites, **settings)

    def _first(self, method: str, body: dict[str, Any]) -> Answer | None:
        if method == "getTaskResult":
            self.asked[body["taskId"]] += 1
            return None if self.is_solved else data(PROCESSING)
        return None


@pytest.fixture
def runs(world: SmallWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """With a file, and a floor between polls that suits a test."""
    monkeypatch.setattr(CapMonster, "poll_floor", 0.2)
    return Runs(world, f"file://{tmp_path}/storage.db")


def _balance(stats: dict[str, int]) -> None:
    """The equations of the books hold."""
    assert stats["tasks_created"] + stats["tasks_recovered"] == (
        stats["tasks_solved"] + stats["tasks_failed"] + stats["tasks_abandoned"]
    )
    assert stats["tasks_solved"] == sum(stats[name] for name in ("accepted", "rejected", "unverified", "unused"))


async def test_pending_tasks_are_collected_by_the_next_run(runs: Runs, caplog: pytest.LogCaptureFixture) -> None:
    """Three were bought, three pages come: by any requests of the same site, captcha id and session."""
    first = await runs.stopped(runs.pages(1, 2, 3))
    _balance(first.stats)
    assert (first.stats["tasks_created"], first.stats["tasks_abandoned"], first.pages) == (3, 3, [])
    assert "because the crawl is ending; another run can collect it for a while (GEETEST_STORAGE_URI)" in caplog.text
    second = await runs.resumed(runs.pages(4, 5, 6))
    _balance(second.stats)
    assert sorted(second.texts("h1::text")) == ["/page/4", "/page/5", "/page/6"]
    assert (second.stats["tasks_created"], second.stats["tasks_recovered"], second.stats["accepted"]) == (0, 3, 3)
    assert second.stats["cost_millionths"] == 3 * 600
    assert len(runs.world.tasks) == 3
    third = await runs.resumed(runs.pages(7))
    assert (third.stats["tasks_created"], third.stats["tasks_recovered"]) == (1, 0)


async def test_more_requests_than_tasks_buy_the_rest(runs: Runs) -> None:
    """And each task is collected once, though many ask for it at the same time."""
    await runs.stopped(runs.pages(1, 2))
    second = await runs.resumed(runs.pages(*range(3, 8)))
    _balance(second.stats)
    assert (len(second.pages), second.stats["tasks_recovered"], second.stats["tasks_created"]) == (5, 2, 3)
    assert len(runs.world.tasks) == 5


async def test_a_solution_that_was_not_sent_is_sent_by_the_next_run(runs: Runs) -> None:
    """The crawl ended as it came: it costs nothing any more, and no call."""
    runs.is_solved = True

    def prepare(crawler: Any) -> None:
        def solved() -> None:
            deferred_from_coro(crawler.engine.close_spider_async(reason="enough"))

        crawler.signals.connect(solved, signals.challenge_solved, weak=False)

    first = await runs.run(runs.pages(1), prepare=prepare)
    assert (first.stats["tasks_solved"], first.stats["unused"], first.pages) == (1, 1, [])
    polls = sum(runs.asked.values())
    second = await runs.resumed(runs.pages(2))
    _balance(second.stats)
    assert second.texts("h1::text") == ["/page/2"]
    assert (second.stats["tasks_recovered"], second.stats["tasks_solved"], second.stats["accepted"]) == (1, 1, 1)
    assert (second.stats["polls"], second.stats["solve_ms"], second.stats["cost_millionths"]) == (0, 0, 0)
    assert sum(runs.asked.values()) == polls


async def test_another_session_buys_its_own(runs: Runs) -> None:
    """What one session has paid for is not handed to another one."""
    await runs.stopped(runs.pages(1, cookiejar="a"))
    second = await runs.resumed(runs.pages(1, cookiejar="b") + runs.pages(2, cookiejar="a"))
    assert (len(second.pages), second.stats["tasks_recovered"], second.stats["tasks_created"]) == (2, 1, 1)


@pytest.mark.parametrize(
    "other",
    [
        {"GEETEST_API_KEY": "another-key-of-32-characters-123"},
        {"GEETEST_STORAGE_URI": "memory://"},
        {"GEETEST_SERVICES": ["anticaptcha"]},
    ],
    ids=["another account", "another storage", "another service"],
)
async def test_what_cannot_be_asked_for_is_left_alone(runs: Runs, other: dict[str, Any]) -> None:
    """An unknown task id is an offence at the service."""
    await runs.stopped(runs.pages(1))
    second = await runs.resumed(runs.pages(2), **other)
    assert (len(second.pages), second.stats["tasks_recovered"], second.stats["tasks_created"]) == (1, 0, 1)
    assert set(runs.asked) == {runs.world.tasks[-1].id}
    third = await runs.resumed(runs.pages(3))
    assert (third.stats["tasks_recovered"], third.stats["tasks_created"]) == (1, 0)


async def test_what_the_service_has_forgotten_is_told_once(
    runs: Runs, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the ids, for the bill; and it is not asked for."""
    await runs.stopped(runs.pages(1, 2))
    ids = [task.id for task in runs.world.tasks]
    runs.asked.clear()
    monkeypatch.setattr(CapMonster, "keep_seconds", 0.001)
    caplog.clear()
    second = await runs.resumed(runs.pages(3))
    _balance(second.stats)
    assert (second.stats["tasks_recovered"], second.stats["tasks_created"]) == (0, 1)
    [told] = [line for line in caplog.messages if "cannot be collected any more" in line]
    assert told.startswith("GeeTest: 2 task(s) that an earlier run paid for cannot be collected any more: ")
    assert sorted(told.partition("more: ")[2].split(", ")) == [f"{number} of capmonster for here" for number in ids]
    assert set(runs.asked).isdisjoint(ids)
    caplog.clear()
    await runs.resumed(runs.pages(4))
    assert "cannot be collected any more" not in caplog.text


async def test_a_left_task_that_fails_is_bought_again(runs: Runs, caplog: pytest.LogCaptureFixture) -> None:
    """It takes no attempt from the request that wanted to use it."""
    await runs.stopped(runs.pages(1))
    [lost] = [task.id for task in runs.world.tasks]

    def fail(method: str, body: dict[str, Any]) -> Answer | None:
        return failure("ERROR_CAPTCHA_UNSOLVABLE") if body.get("taskId") == lost and method != "createTask" else None

    runs.world.first = fail
    second = await runs.resumed(runs.pages(2), GEETEST_MAX_ATTEMPTS=1, GEETEST_BREAKER_FAILURES=1)
    _balance(second.stats)
    assert (len(second.pages), second.stats["tasks_failed"], second.stats["tasks_created"]) == (1, 1, 1)
    assert (
        f"GeeTest: task {lost}, which an earlier run paid for, came to nothing: ERROR_CAPTCHA_UNSOLVABLE" in caplog.text
    )


async def test_a_left_solution_that_was_sent_before_harms_nobody(runs: Runs) -> None:
    """Killed between the sending and the verdict: the site refuses it, which is neither its fault nor the service's."""
    runs.is_solved = True

    def prepare(crawler: Any) -> None:
        def solved() -> None:
            deferred_from_coro(crawler.engine.close_spider_async(reason="enough"))

        crawler.signals.connect(solved, signals.challenge_solved, weak=False)

    await runs.run(runs.pages(1), prepare=prepare)
    runs.world.geetest.states = dict.fromkeys(runs.world.geetest.states, "spent")
    second = await runs.resumed(
        runs.pages(2), {"detect_css": "#captcha"}, GEETEST_MAX_ATTEMPTS=1, GEETEST_BREAKER_FAILURES=1
    )
    _balance(second.stats)
    assert (second.stats["rejected"], second.stats["accepted"], len(second.pages)) == (1, 1, 1)
    assert second.stats["reported"] == 0
    assert runs.world.reports == []


async def test_a_used_up_budget_stops_no_collection(runs: Runs) -> None:
    """What is paid for costs nothing more."""
    await runs.stopped(runs.pages(1), GEETEST_BUDGET="1/hour")
    second = await runs.resumed(runs.pages(2, 3), GEETEST_BUDGET="1/hour")
    assert (len(second.pages), len(second.errors), second.stats["tasks_recovered"]) == (1, 1, 1)
    assert second.stats["tasks_created"] == 0


async def test_a_v3_task_serves_who_gets_its_challenge_again(runs: Runs) -> None:
    """The site keeps one challenge a session, and the session is in a cookie of the spider's own."""
    challenge = runs.world.geetest.issue()

    @runs.world.route("/v3/")
    def form(asked: Asked) -> Answer:
        if runs.world.geetest.takes(asked.fields):
            return page("<h1>content</h1>")
        return challenge_page(action=asked.path, challenge=challenge)

    wanted = [Request(f"{runs.world.site.url}/v3/1")]
    await runs.stopped(wanted)
    second = await runs.resumed(wanted)
    _balance(second.stats)
    assert second.texts("h1::text") == ["content"]
    assert (second.stats["tasks_recovered"], second.stats["tasks_created"], len(runs.world.tasks)) == (1, 0, 1)


async def test_a_v3_task_serves_no_other_challenge(runs: Runs) -> None:
    """Its solution would be worthless there."""

    @runs.world.route("/v3/")
    def form(asked: Asked) -> Answer:
        if runs.world.geetest.takes(asked.fields):
            return page("<h1>content</h1>")
        return challenge_page(action=asked.path, challenge=runs.world.geetest.issue())

    wanted = [Request(f"{runs.world.site.url}/v3/1")]
    await runs.stopped(wanted)
    second = await runs.resumed(wanted)
    _balance(second.stats)
    assert (len(second.pages), second.stats["tasks_recovered"], second.stats["tasks_created"]) == (1, 0, 1)


async def test_values_of_the_old_page_are_not_in_the_new_form(runs: Runs) -> None:
    """A token that came with the challenge is that of the page in hand."""
    sent: list[str] = []

    @runs.world.route("/token/")
    def form(asked: Asked) -> Answer:
        if asked.method == "GET":
            return challenge_page(action=asked.path)
        sent.append(asked.fields["token"])
        return page("<h1>content</h1>")

    @runs.world.route("/config")
    def config(_: Asked) -> Answer:
        return data(
            {"captcha_id": "9f8e7d6c5b4a39281706f5e4d3c2b1a0", "version": 4, "token": f"token-{time.time_ns()}"}
        )

    site = {"challenge_url": "/config", "version": 4, "field_names": {"token": "token"}, "accepted_css": "h1"}
    wanted = [Request(f"{runs.world.site.url}/token/1")]
    runs.is_solved = True

    def prepare(crawler: Any) -> None:
        def solved() -> None:
            deferred_from_coro(crawler.engine.close_spider_async(reason="enough"))

        crawler.signals.connect(solved, signals.challenge_solved, weak=False)

    await runs.run(wanted, site, prepare=prepare)
    before = time.time_ns()
    second = await runs.resumed(wanted, site)
    assert second.stats["tasks_recovered"] == 1
    assert int(sent[0].partition("-")[2]) > before


async def test_nothing_is_written_where_nobody_would_see_it(runs: Runs, caplog: pytest.LogCaptureFixture) -> None:
    """``memory://``: as before, at no cost."""
    first = await runs.stopped(runs.pages(1), GEETEST_STORAGE_URI="memory://")
    assert first.stats["tasks_abandoned"] == 1
    assert "another run can collect it" not in caplog.text
    second = await runs.resumed(runs.pages(1), GEETEST_STORAGE_URI="memory://")
    assert (second.stats["tasks_recovered"], second.stats["tasks_created"]) == (0, 1)


def _as_if_dead(storage: str, *inserted: Any) -> list[Any]:
    """What happens while a process is suspended for half a minute: another one takes its task, and opens its gate."""
    database = sqlite3.connect(storage.removeprefix("file://"), timeout=10)
    with closing(database), database:
        sessions = database.execute("SELECT * FROM entries WHERE kind = 'session'").fetchall()
        database.execute(
            "UPDATE entries SET value = 'other' || substr(value, instr(value, char(10))) WHERE kind = 'task'"
        )
        database.execute("DELETE FROM entries WHERE kind = 'session'")
        database.executemany("INSERT INTO entries VALUES (?, ?, ?, ?)", inserted)
    return sessions


async def test_a_task_that_was_taken_over_is_not_used_here(runs: Runs, caplog: pytest.LogCaptureFixture) -> None:
    """A suspended process goes on: its solution was another one's by then, and it buys its own."""
    runs.is_solved = True

    def first(method: str, body: dict[str, Any]) -> None:
        del body
        if method == "getTaskResult" and len(runs.world.tasks) == 1:
            _as_if_dead(runs.storage)

    runs.world.first = first
    outcome = await runs.run(runs.pages(1))
    _balance(outcome.stats)
    assert outcome.texts("h1::text") == ["/page/1"]
    stats = outcome.stats
    assert (stats["tasks_created"], stats["tasks_abandoned"], stats["accepted"], stats["rejected"]) == (2, 1, 1, 0)
    assert "task 1000 was paid for and is abandoned, because another process has taken it over" in caplog.text


async def test_a_gate_that_another_process_has_opened_meanwhile(runs: Runs) -> None:
    """The suspended opener goes on with that session, and buys nothing more."""
    opened: set[str] = set()

    @runs.world.route("/page/")
    def view(asked: Asked) -> Answer:
        if asked.cookies.get("pass") in opened:
            return page(f"<h1>{asked.path}</h1>")
        if runs.world.geetest.takes(asked.fields):
            opened.add(session := f"s{len(opened)}")
            return page("<h1>thanks</h1>", Set_Cookie=f"pass={session}; Path=/")
        return challenge_page(action=asked.path)

    gate = {"mode": "gate"}
    runs.is_solved = True
    await runs.run(runs.pages(1), gate)
    sessions = _as_if_dead(runs.storage)

    def first(method: str, body: dict[str, Any]) -> None:
        del body
        if method == "getTaskResult":
            _as_if_dead(runs.storage, *sessions)

    runs.world.first = first
    outcome = await runs.run(runs.pages(2, 3), gate)
    _balance(outcome.stats)
    assert sorted(outcome.texts("h1::text")) == ["/page/2", "/page/3"]
    stats = outcome.stats
    assert (stats["tasks_created"], stats["tasks_abandoned"], stats["accepted"]) == (1, 1, 0)
    assert opened == {"s0"}

"""Whole crawls under spending limits: what is refused is refused before it costs anything, and the crawl goes on."""

from __future__ import annotations

import logging
import shutil
import signal
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from sandbox_crawl import (
    api_site,
    crawl_sandbox,
    gate_site,
    items,
    search_site,
    searches,
)
from scrapy import Request

from scrapy_geetest import BudgetExhausted, CircuitOpen, GeetestSite, SolutionRejected, SolveError, signals
from scrapy_geetest._spending import budget
from scrapy_geetest._storage import redis as redis_storage

sys.path.insert(0, str(Path(__file__).parent / "proofs"))

import shared_queue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crawl import Crawl

    from scrapy_geetest.sandbox import Sandbox

IN_FLIGHT = 50
CONNECTIONS = 16  # to the service: so many calls can be on the wire at one moment
NEEDS_REDIS = pytest.mark.skipif(
    shutil.which("redis-server") is None or find_spec("redis") is None, reason="redis-server or redis is not installed"
)


def _words(sandbox: Sandbox, number: int, **kwargs: Any) -> list[Request]:
    return searches(sandbox, *(f"w{word}" for word in range(number)), **kwargs)


def _sessions(sandbox: Sandbox, sessions: int, pages: int) -> list[Request]:
    return [
        Request(f"{sandbox.url}/gate/page/{page}", meta={"cookiejar": jar}, dont_filter=True)
        for jar in range(sessions)
        for page in range(pages)
    ]


async def _crawl(sandbox: Sandbox, wanted: Iterable[Request], **settings: Any) -> Crawl:
    return await crawl_sandbox(sandbox, wanted, search_site(sandbox), api_site(sandbox), gate_site(sandbox), **settings)


def _errors(outcome: Crawl) -> dict[str, int]:
    return Counter(type(error).__name__ for error in outcome.errors)


async def test_max_solves_of_form_pages(sandbox: Sandbox) -> None:
    """So many tasks and not one more, however many pages ask at once; the others are told which setting it was."""
    outcome = await _crawl(sandbox, _words(sandbox, 12), GEETEST_MAX_SOLVES=5)
    assert sandbox.books()["calls"]["createTask"] == 5
    assert (len(outcome.pages), _errors(outcome)) == (5, {"BudgetExhausted": 7})
    assert all("GEETEST_MAX_SOLVES = 5" in str(error) for error in outcome.errors)
    assert [outcome.stats[name] for name in ("tasks_created", "budget_refused", "gave_up/budget")] == [5, 7, 7]
    assert outcome.reason == "finished"


async def test_max_solves_at_gates(sandbox: Sandbox) -> None:
    """One task opens one session for all of its pages; the pages of the other sessions are refused together."""
    outcome = await _crawl(sandbox, _sessions(sandbox, 3, 4), GEETEST_MAX_SOLVES=1)
    assert sandbox.books()["created"]["total"] == 1
    assert (len(outcome.pages), _errors(outcome)) == (4, {"BudgetExhausted": 8})


async def test_a_gate_whose_second_attempt_is_refused(sandbox: Sandbox) -> None:
    """Its first answer was wrong, and there is no money for another: every page that waited gets the reason."""
    sandbox.reset(solve_seconds=0.1, wrong="always")
    outcome = await _crawl(sandbox, _sessions(sandbox, 1, 6), GEETEST_MAX_SOLVES=1)
    assert sandbox.books()["created"]["total"] == 1
    assert (outcome.pages, _errors(outcome)) == ([], {"BudgetExhausted": 6})


async def test_a_wrong_answer_counts(sandbox: Sandbox) -> None:
    """Another attempt is another task: the limit is for tasks, not for pages."""
    sandbox.reset(solve_seconds=0.1, wrong=1)
    outcome = await _crawl(sandbox, _words(sandbox, 3), GEETEST_MAX_SOLVES=3)
    assert sandbox.books()["created"]["total"] == 3
    assert (len(outcome.pages), _errors(outcome)) == (2, {"BudgetExhausted": 1})


async def test_budgets_for_all_and_for_each_site(sandbox: Sandbox) -> None:
    """Each site may spend two, all together three: a site that is refused takes nothing from the others."""
    requests = [*_words(sandbox, 4), *items(sandbox, *range(1, 5)), *_sessions(sandbox, 1, 4)]
    outcome = await _crawl(
        sandbox, requests, GEETEST_BUDGET="3/hour", GEETEST_SITE_BUDGET="2/hour", GEETEST_MAX_CONCURRENT_SOLVES=1
    )
    books = sandbox.books()
    assert books["created"]["total"] == books["calls"]["createTask"] == 3
    assert outcome.stats["tasks_created"] == 3
    assert len(outcome.pages) + len(outcome.errors) == len(requests)
    assert {type(error) for error in outcome.errors} == {BudgetExhausted}


async def test_the_breaker_stops_buying_for_a_site(sandbox: Sandbox) -> None:
    """Three failures in a row, and nothing is asked for it any more; another site is not affected."""
    sandbox.reset(solve_seconds=0.1, faults={"createTask": ["ERROR_UNHEARD_OF"] * 3})
    outcome = await _crawl(
        sandbox,
        [*_words(sandbox, 9, priority=1), *items(sandbox, 1)],
        GEETEST_BREAKER_FAILURES=3,
        GEETEST_MAX_CONCURRENT_SOLVES=1,
        CONCURRENT_REQUESTS=1,
    )
    assert _errors(outcome) == {"SolveError": 3, "CircuitOpen": 6}
    assert len(outcome.pages) == 1
    assert sandbox.books()["calls"]["createTask"] == 4
    assert [outcome.stats[name] for name in ("budget_refused", "gave_up/breaker")] == [6, 6]
    opened = [error for error in outcome.errors if isinstance(error, CircuitOpen)]
    assert all("GEETEST_BREAKER_FAILURES" in str(error) for error in opened)


async def test_the_breaker_at_gates(sandbox: Sandbox) -> None:
    """Two sessions waste a task each; the third buys nothing."""
    sandbox.reset(solve_seconds=0.1, wrong="always")
    outcome = await _crawl(
        sandbox,
        _sessions(sandbox, 3, 3),
        GEETEST_BREAKER_FAILURES=2,
        GEETEST_MAX_ATTEMPTS=1,
        GEETEST_MAX_CONCURRENT_SOLVES=1,
        CONCURRENT_REQUESTS=1,
        GEETEST_MAX_PARKED=0,
    )
    assert sandbox.books()["created"]["total"] == 2
    assert {type(error) for error in outcome.errors} == {SolutionRejected, CircuitOpen}
    assert len(outcome.errors) == 9


async def test_the_breaker_lets_the_site_prove_itself(sandbox: Sandbox) -> None:
    """When its time is over one purchase finds out that all is well, and the crawl goes on as before."""
    sandbox.reset(solve_seconds=0.1, faults={"createTask": ["ERROR_UNHEARD_OF"] * 2})
    slow = {"slow": {"concurrency": 1, "delay": 0.4, "jitter": 0}}
    outcome = await _crawl(
        sandbox,
        _words(sandbox, 8, meta={"download_slot": "slow"}),
        GEETEST_BREAKER_FAILURES=2,
        GEETEST_BREAKER_SECONDS=0.5,
        CONCURRENT_REQUESTS=1,
        DOWNLOAD_SLOTS=slow,
    )
    errors = _errors(outcome)
    assert errors["SolveError"] == 2
    assert errors.get("CircuitOpen", 0) <= 4
    assert len(outcome.pages) >= 2


@pytest.mark.parametrize(
    ("call", "code", "reason", "closing"),
    [
        ("createTask", "ERROR_ZERO_BALANCE", "geetest_zero_balance", True),
        ("getTaskResult", "ERROR_IP_BLOCKED", "geetest_blocked", False),
        pytest.param("createTask", "ERROR_ZERO_BALANCE", "geetest_zero_balance", False, marks=pytest.mark.slow),
        pytest.param("getTaskResult", "ERROR_IP_BLOCKED", "geetest_blocked", True, marks=pytest.mark.slow),
    ],
)
async def test_a_fatal_answer_with_many_pages_in_flight(
    sandbox: Sandbox,
    call: str,
    code: str,
    reason: str,
    closing: bool,  # noqa: FBT001  # a parameter
) -> None:
    """Only what was on the wire already still reaches the service, whether the spider closes or goes on without it.

    Tasks that were paid for before there was no balance are asked for all the same, unless the crawl ends.
    """
    before = 10 if call == "createTask" else 0
    pages = 0 if closing else before
    # Every page and every challenge takes so long that all of them wait when the first task is created.
    sandbox.reset(solve_seconds=0.1, latency=2.5, faults={call: ["ok"] * before + [code, "..."]})
    outcome = await _crawl(
        sandbox,
        _words(sandbox, IN_FLIGHT),
        CONCURRENT_REQUESTS=IN_FLIGHT,
        CONCURRENT_REQUESTS_PER_DOMAIN=IN_FLIGHT,
        GEETEST_CLOSE_ON_FATAL=closing,
        GEETEST_FIRST_POLL=6.0,
        GEETEST_MAX_CONCURRENT_SOLVES=IN_FLIGHT,
        GEETEST_MAX_CONNECTIONS=CONNECTIONS,
        GEETEST_BREAKER_FAILURES=0,
    )
    calls = sandbox.books()["calls"]
    assert before < calls[call] <= before + CONNECTIONS
    assert calls.get("getTaskResult", 0) <= (CONNECTIONS if call == "getTaskResult" else pages)
    assert len(outcome.pages) == pages
    assert outcome.stats["parked_max"] == IN_FLIGHT
    assert {error.code for error in outcome.errors if isinstance(error, SolveError)} == {code}
    assert outcome.reason == (reason if closing else "finished")
    if not closing:
        assert len(outcome.errors) == IN_FLIGHT - pages
        counted = "tasks_refused" if call == "createTask" else "tasks_failed"
        assert outcome.stats[f"{counted}/{code}"] == calls[call] - before  # each was told once, and no call twice


@NEEDS_REDIS
async def test_two_crawls_share_a_budget_in_redis(sandbox: Sandbox) -> None:
    """What one crawl has spent, the next cannot spend again."""
    with shared_queue.redis_server() as url:
        shared: dict[str, Any] = {
            "GEETEST_BUDGET": "5/hour",
            "GEETEST_SITE_BUDGET": "4/hour",
            "GEETEST_STORAGE_URI": url,
        }
        first = await _crawl(sandbox, _words(sandbox, 3), **shared)
        second = await _crawl(sandbox, [*_words(sandbox, 3), *items(sandbox, *range(1, 4))], **shared)
    assert (len(first.pages), len(second.pages)) == (3, 2)
    assert _errors(second) == {"BudgetExhausted": 4}
    assert sandbox.books()["created"]["total"] == 5


def _losing(server: Any, how: signal.Signals) -> Any:
    """A ``prepare`` that has the Redis lost after three accepted solutions; for a second, if it is only stopped."""
    from twisted.internet import reactor

    accepted: list[Any] = []

    def lose(task_id: Any) -> None:
        accepted.append(task_id)
        if len(accepted) == 3:
            server.send_signal(how)
            if how is signal.SIGSTOP:
                cast("Any", reactor).callLater(1.0, server.send_signal, signal.SIGCONT)

    def prepare(crawler: Any) -> None:
        crawler.signals.connect(lose, signals.solution_accepted, weak=False)

    return prepare


@NEEDS_REDIS
async def test_a_redis_that_is_away_for_a_second_costs_a_second(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Every page comes, ordinary ones meanwhile, and what Redis counted without its answer arriving is counted once."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(redis_storage, "TIMEOUT", 0.3)
    server, url = shared_queue._start_redis(str(tmp_path))
    try:
        outcome = await _crawl(
            sandbox,
            _words(sandbox, 40),
            prepare=_losing(server, signal.SIGSTOP),
            GEETEST_BUDGET="1000/hour",
            GEETEST_SITE_BUDGET="500/hour",
            GEETEST_STORAGE_URI=url,
            GEETEST_MAX_CONCURRENT_SOLVES=8,
            GEETEST_BREAKER_FAILURES=1,
        )
        site = GeetestSite(**search_site(sandbox)).shared_name
        counted = [1000 - _left(url, "1000/hour", "all"), 500 - _left(url, "500/hour", "site", site)]
    finally:
        server.kill()
        server.communicate()
    assert (len(outcome.pages), outcome.errors) == (40, [])
    assert sandbox.books()["created"]["total"] == 40
    assert counted == [40, 40]
    assert outcome.stats["budget_refused"] == 0
    assert "the storage (GEETEST_STORAGE_URI) cannot be reached" in caplog.text
    assert "the storage (GEETEST_STORAGE_URI) answers again after" in caplog.text


def _left(url: str, notation: str, *names: str) -> int:
    """What Redis has left of a budget."""
    from limits import parse
    from limits.storage import storage_from_string
    from limits.strategies import MovingWindowRateLimiter

    storage: Any = storage_from_string(url)
    return MovingWindowRateLimiter(storage).get_window_stats(parse(notation), budget.NAMESPACE, *names).remaining


@NEEDS_REDIS
async def test_a_redis_that_is_lost_for_good_stops_spending_not_the_crawl(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After three times the time for a solution: what was counted is bought, and ordinary pages go on."""
    monkeypatch.setattr(redis_storage, "TIMEOUT", 0.5)
    server, url = shared_queue._start_redis(str(tmp_path))
    plain = [Request(f"{sandbox.url}/plain/{number}", priority=-1) for number in range(5)]
    try:
        outcome = await _crawl(
            sandbox,
            [*_words(sandbox, 40), *plain],
            prepare=_losing(server, signal.SIGKILL),
            GEETEST_BUDGET="1000/hour",
            GEETEST_STORAGE_URI=url,
            GEETEST_MAX_CONCURRENT_SOLVES=2,
            GEETEST_SOLVE_TIMEOUT=1.0,
        )
    finally:
        server.kill()
        server.communicate()
    assert {page.url for page in outcome.pages if "/plain/" in page.url} == {request.url for request in plain}
    assert {type(error) for error in outcome.errors} == {BudgetExhausted}
    assert all(
        "the storage of the budgets fails: no answer: no call was taken for" in str(error) for error in outcome.errors
    )
    assert len(outcome.pages) + len(outcome.errors) == 45
    assert 3 <= sandbox.books()["created"]["total"] == len(outcome.pages) - 5 <= 8
    assert 3 <= outcome.all_stats["elapsed_time_seconds"] < 12  # nobody waits for long once it is final
    assert outcome.reason == "finished"


@NEEDS_REDIS
@pytest.mark.parametrize("wrong", [":not-its-password@", "/99"])
async def test_a_redis_that_refuses_is_an_error_at_start(sandbox: Sandbox, wrong: str) -> None:
    """A wrong password, or a database that it does not have: said at once, and nothing of the address is told."""
    from redis import Redis

    with shared_queue.redis_server() as url:
        if "@" in wrong:
            Redis.from_url(url).config_set("requirepass", "its-password")
        uri = url.replace("//", f"//{wrong}") if "@" in wrong else url.replace("/0", wrong)
        with pytest.raises(ValueError, match="GEETEST_STORAGE_URI cannot be reached") as caught:
            await _crawl(sandbox, _words(sandbox, 1), GEETEST_BUDGET="5/hour", GEETEST_STORAGE_URI=uri)
    assert wrong.strip(":@/") not in str(caught.value)
    assert sandbox.books()["pages"] == {}


async def test_a_redis_that_is_not_there_is_an_error_at_start(sandbox: Sandbox) -> None:
    """The crawl does not begin, and the message names the setting, not the password."""
    with pytest.raises(ValueError, match="GEETEST_STORAGE_URI cannot be reached") as caught:
        await _crawl(
            sandbox,
            _words(sandbox, 1),
            GEETEST_BUDGET="5/hour",
            GEETEST_STORAGE_URI="redis://:the-password@127.0.0.1:1/0",
        )
    assert "the-password" not in str(caught.value)
    assert sandbox.books()["pages"] == {}

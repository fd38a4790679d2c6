"""The rules of the sandbox's service, on a clock that the test moves."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox_desk import Desk

from scrapy_geetest.sandbox.service import Service
from scrapy_geetest.sandbox.tasks import Refusal


@pytest.mark.parametrize("method", [Service.create, Service.result, Service.balance, Service.report])
@pytest.mark.parametrize("key", [None, "", "another", 5])
def test_a_bad_key_is_403(method: Any, key: Any) -> None:
    """Every call needs the key."""
    with pytest.raises(Refusal) as caught:
        method(Desk.make().service, {"clientKey": key})
    assert (caught.value.code, caught.value.status) == ("ERROR_KEY_DOES_NOT_EXIST", 403)


def test_a_task_is_processing_then_ready() -> None:
    """The solution comes when the solve time is over, and the same one again for later polls."""
    desk = Desk.make()
    task_id = desk.create()
    assert desk.ask(task_id) == {"errorId": 0, "status": "processing"}
    desk.now += 10
    answer = desk.ask(task_id)
    assert answer["status"] == "ready"
    assert answer["cost"] == 0.0006
    assert (answer["createTime"], answer["endTime"], answer["solveCount"]) == (1000, 1010, 1)
    assert answer["solution"].keys() == {"captcha_id", "lot_number", "pass_token", "gen_time", "captcha_output"}
    assert answer["solution"]["gen_time"] == "1010"
    desk.now += 5
    assert desk.ask(task_id)["solution"] == answer["solution"]
    assert desk.books["outcomes"] == {"solved": 1}
    assert desk.books["polls"] == 3


def test_polls_below_the_floor_are_429() -> None:
    """Two seconds between two polls of a task; a refused one does not count as the last; other tasks are not concerned."""
    desk = Desk.make()
    first, second = desk.create(), desk.create()
    desk.ask(first)
    desk.now += 1.9
    assert desk.refused(first) == "ERROR_TOO_MUCH_REQUESTS"
    desk.ask(second)
    desk.now += 0.1
    desk.ask(first)
    assert desk.books["floor_violations"] == 1
    assert [entry["polls"] for entry in desk.books["tasks"]] == [3, 1]


def test_at_most_120_polls() -> None:
    """The 121st poll of a task is refused, however slowly they come."""
    desk = Desk.make(solve_seconds=1000)
    task_id = desk.create()
    for _ in range(120):
        desk.ask(task_id)
        desk.now += 2
    assert desk.refused(task_id) == "ERROR_TOO_MUCH_REQUESTS"
    assert desk.books["floor_violations"] == 0


def test_results_are_kept_for_five_minutes() -> None:
    """A finished task is forgotten 300 s later."""
    desk = Desk.make()
    task_id = desk.create()
    desk.now += 310
    assert desk.ask(task_id)["status"] == "ready"
    desk.now += 2
    assert desk.refused(task_id) == "ERROR_NO_SUCH_CAPCHA_ID"


@pytest.mark.parametrize("task_id", [None, 5, "5", True, [1], {"id": 1}])
def test_unknown_tasks_are_refused(task_id: Any) -> None:
    """An id that was never handed out, of whatever type."""
    assert Desk.make().refused(task_id) == "ERROR_NO_SUCH_CAPCHA_ID"


def test_old_challenges_expire() -> None:
    """A challenge older than ten minutes ends in ERROR_TOKEN_EXPIRED, billed; the books know its age at createTask."""
    desk = Desk.make()
    old, fresh = desk.challenge(), desk.challenge()
    desk.now += 0.25
    fresh_task = desk.create_v3(fresh)
    desk.now += 600
    old_task = desk.create_v3(old)
    desk.now += 10
    assert desk.refused(old_task) == "ERROR_TOKEN_EXPIRED"
    assert desk.refused(fresh_task) == "ERROR_NO_SUCH_CAPCHA_ID"
    books = desk.books
    assert books["charged_millionths"] == 2 * 600
    assert books["challenge_age_ms"] == [250, 600_250]


def test_a_challenge_is_used_up_by_the_first_task() -> None:
    """The second task with the same challenge expires, the first does not."""
    desk = Desk.make()
    challenge = desk.challenge()
    first, second, unknown = desk.create_v3(challenge), desk.create_v3(challenge), desk.create_v3("e" * 32)
    desk.now += 10
    assert desk.ask(first)["status"] == "ready"
    assert desk.refused(second) == desk.refused(unknown) == "ERROR_TOKEN_EXPIRED"
    assert desk.books["outcomes"] == {"solved": 1, "expired": 2}


def test_an_empty_account_is_402() -> None:
    """What the balance allows is sold, and no more."""
    desk = Desk.make(balance=0.0012)
    desk.create()
    desk.create()
    with pytest.raises(Refusal) as caught:
        desk.create()
    assert (caught.value.code, caught.value.status) == ("ERROR_ZERO_BALANCE", 402)
    assert desk.service.balance(desk.key) == {"errorId": 0, "balance": 0.0}
    assert desk.books["created"] == {"total": 2, "v4": 2}


def test_reports_are_in_the_books() -> None:
    """A task can be reported; an unknown one cannot; no money comes back."""
    desk = Desk.make()
    task_id = desk.create()
    assert desk.service.report({**desk.key, "taskId": task_id}) == {"errorId": 0, "status": "success"}
    with pytest.raises(Refusal):
        desk.service.report({**desk.key, "taskId": 5})
    assert desk.books["reports"] == [task_id]
    assert desk.books["tasks"][0]["reported"] == 1
    assert desk.books["charged_millionths"] == 600


@pytest.mark.parametrize(
    ("fault", "outcome", "charged"),
    [
        ("ERROR_CAPTCHA_UNSOLVABLE", "failed", 0),
        ("ERROR_TOKEN_EXPIRED@200", "failed", 600),
        ("solution-missing-keys", "failed", 0),
        ("CAPTCHA_NOT_READY", "unfetched", 600),
        ("ERROR_TOO_MUCH_REQUESTS", "unfetched", 600),
        ("http-500", "unfetched", 600),
        ("hang", "unfetched", 600),
    ],
)
def test_faults_of_polls_are_in_the_books(fault: str, outcome: str, charged: int) -> None:
    """An error that ends the task is its outcome, once, and paid back unless it is the one documented as billed."""
    desk = Desk.make()
    task_id = desk.create()
    for _ in range(2):
        desk.service.spoil({"taskId": task_id}, fault)
    desk.service.spoil({"taskId": 5}, fault)
    books = desk.books
    assert (books["outcomes"], books["charged_millionths"]) == ({outcome: 1}, charged)
    assert books["balance"] == 10 - charged / 1_000_000
    assert books["polls"] == 2


def test_solve_times_are_drawn_from_the_range() -> None:
    """The same seed draws the same times, within the range."""
    times = []
    for _ in range(2):
        desk = Desk.make(solve_seconds=(10, 30), seed=3, poll_floor=0, max_polls=10_000)
        task_id = desk.create()
        started = desk.now
        while desk.ask(task_id)["status"] == "processing":
            desk.now += 0.1
        times.append(desk.now - started)
    assert 10 <= times[0] <= 30.1
    assert times[0] == times[1]

"""Waiting for a task: when it is asked for, what ends it, what its answer is."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar
from unittest.mock import patch

import pytest
from service_stub import BALANCE, CREATED, KEY, PROCESSING, READY, Service, error, now
from service_tasks import REFUSED, TASK, V3, failing
from twisted.internet.error import ConnectionLost

from scrapy_geetest._services.adapters import CapMonster
from scrapy_geetest._services.client import Result
from scrapy_geetest._services.errors import Reaction, ServiceError
from scrapy_geetest._services.pacing import Pacing
from scrapy_geetest._services.solve_times import SolveTimes
from scrapy_geetest.challenge import V3Solution, V4Solution


def test_a_task_is_created_and_solved() -> None:
    """createTask, then polls until it is ready: what was sent, what comes back, how long it took."""
    service = Service([CREATED, PROCESSING, PROCESSING, {**READY, "cost": 0.0017}])
    task_id = now(service.client.create_task(TASK))
    result = now(service.client.result(task_id, V3))
    assert result == Result(
        V3Solution(challenge="c" * 34, validate="v" * 32, seccode="v" * 32 + "|jordan"),
        cost_millionths=1700,
        waited_ms=round(service.clock.seconds() * 1000),
    )
    assert [call.body for call in service.calls] == [
        {"clientKey": KEY, "task": TASK.to_json()},
        *[{"clientKey": KEY, "taskId": 407533072}] * 3,
    ]
    assert service.methods == ["createTask", "getTaskResult", "getTaskResult", "getTaskResult"]
    assert service.polls == 3


def test_two_seconds_lie_between_polls() -> None:
    """The documented floor, and at most 120 polls, whatever time is left."""
    service = Service([PROCESSING], solve_timeout=100_000.0)
    failure = failing(service.client.result(1, V3))
    assert (failure.code, failure.task_id, failure.reaction) == ("SOLVE_TIMEOUT", 1, Reaction.FAILED)
    assert len(service.calls) == service.polls == 120
    times = [call.at for call in service.calls]
    assert min(later - earlier for earlier, later in pairwise(times)) >= 2.0


def test_the_solve_timeout_ends_the_wait() -> None:
    """No poll is made, and none is waited for, past the time-out."""
    service = Service([PROCESSING], solve_timeout=30.0)
    assert str(failing(service.client.result(5, V3))) == "SOLVE_TIMEOUT: not solved within 30 s (task 5)"
    assert 26 <= service.clock.seconds() <= 30


@pytest.mark.parametrize("seconds", [10.0, 20.0, 30.0, 120.0, 240.0, 600.0, 3000.0])
@pytest.mark.parametrize("answer", [PROCESSING, error("ERROR_TOO_MUCH_REQUESTS")], ids=repr)
def test_the_polls_last_until_shortly_before_the_timeout(seconds: float, answer: Any) -> None:
    """However long it is, and however slowly it had to go: a task that is ready by then is not lost."""
    service = Service([answer], solve_timeout=seconds, first_poll=None)
    assert f"not solved within {seconds:g} s" in str(failing(service.client.result(1, V3)))
    times = [call.at for call in service.calls]
    assert seconds - 2.0 <= times[-1] <= seconds - 1.0
    assert min(later - earlier for earlier, later in pairwise(times)) >= 2.0
    assert len(times) <= 120


@pytest.mark.parametrize("seconds", [120.0, 600.0])
def test_a_long_timeout_makes_no_solution_late(seconds: float) -> None:
    """Solutions take 10 to 30 s, for which the pace is the one that was chosen."""
    service = Service([PROCESSING], solve_timeout=seconds)
    failing(service.client.result(1, V3))
    times = [call.at for call in service.calls if call.at <= 100.0]
    assert max(later - earlier for earlier, later in pairwise(times)) <= 2.1


@pytest.mark.parametrize("interval", [45.0, 60.0, 90.0, 130.0, 1e300])
def test_a_long_interval_loses_no_task(interval: float) -> None:
    """One that is ready after the first poll is found, though the interval is longer than what is left."""
    service = Service([PROCESSING, READY])
    service.client._pacing = Pacing(interval=interval, clock=service.clock.seconds)
    now(service.client.result(1, V3))
    assert service.clock.seconds() <= 118.5


def test_a_short_timeout_still_allows_one_poll() -> None:
    """A first wait that is longer than the time-out does not make every task fail."""
    service = Service([READY], solve_timeout=1.0, first_poll=60.0)
    assert now(service.client.result(1, V3)).waited_ms == 800


def test_solve_times_are_learnt() -> None:
    """A later task is not asked for long before the earlier ones were ready."""
    service = Service([READY], first_poll=None)
    service.script = [*[PROCESSING] * 7, READY] * 12
    for _ in range(12):
        now(service.client.result(1, V3))
    service.script, service.calls = [*[PROCESSING] * 4, READY], []
    now(service.client.result(1, V3))
    assert max(call.at for call in service.calls) - service.calls[0].at > 7


def learnt(answers: list[Any]) -> list[tuple[float, float]]:
    """What the pacing is told of a task that was answered so: the seconds between which it was solved."""
    service = Service([*answers, READY], first_poll=2.0)
    told: list[tuple[float, float]] = []

    def learn(low: float, high: float) -> None:
        told.append((round(low), round(high)))

    with patch.object(SolveTimes, "learn", lambda _, low, high: learn(low, high)):
        now(service.client.result(1, V3))
    return told


def test_lost_polls_teach_nothing() -> None:
    """A task that is ready after an outage may have been ready since its beginning."""
    lost = [ConnectionLost(), error("ERROR_TOO_MUCH_REQUESTS")]
    assert learnt([]) == [(0, 2)]
    assert learnt([PROCESSING] * 9) == learnt([error("CAPTCHA_NOT_READY")] * 9) == [(18, 20)]
    assert learnt(lost) == learnt([PROCESSING, *lost]) == []
    assert learnt([ConnectionLost(), *[PROCESSING] * 8]) == [(18, 20)]


SURVIVED = [
    PROCESSING,
    {"errorId": 0, "status": "idle"},
    {"errorId": 0, "status": ["odd"]},
    {"errorId": 0},
    {},
    [],
    b"",
    b"<html>502</html>",
    (429, b"slow down"),
    (500, b""),
    (502, b"<html>"),
    (503, {"message": "odd"}),
    (429, error("ERROR_TOO_MUCH_REQUESTS")),
    error("CAPTCHA_NOT_READY"),
    error("ERROR_NO_SLOT_AVAILABLE"),
    error("ERROR_SERVICE_NOT_AVAILABLE"),
    error("ERROR_RATE_LIMIT"),
    REFUSED,
    ConnectionLost(),
    OSError("no route"),
]


@pytest.mark.parametrize("trouble", SURVIVED, ids=repr)
def test_a_paid_task_survives(trouble: Any) -> None:
    """Nothing but the task's own end ends the wait for it."""
    service = Service([trouble, trouble, READY], balances=[trouble, BALANCE])
    assert now(service.client.result(1, V3)).solution.version == 3
    times = [call.at for call in service.calls if call.method == "getTaskResult"]
    assert len(times) == 3
    assert min(later - earlier for earlier, later in pairwise(times)) >= 2.0


def test_a_timeout_tells_the_last_trouble() -> None:
    """Who looks into a task that was never solved sees that the service was down."""
    service = Service([(503, b"")], solve_timeout=10.0)
    assert "last trouble: HTTP_503" in str(failing(service.client.result(1, V3)))


@pytest.mark.parametrize(
    "complaint", [(429, b""), error("ERROR_TOO_MUCH_REQUESTS"), (429, error("ERROR_RATE_LIMIT"))], ids=repr
)
def test_polling_slows_down_when_told(complaint: Any) -> None:
    """The next polls come later, and the task is kept."""
    service = Service([complaint, PROCESSING, READY])
    now(service.client.result(1, V3))
    assert service.slept[1] > 3.9


ENDED = [
    (error("ERROR_CAPTCHA_UNSOLVABLE", "no luck"), "ERROR_CAPTCHA_UNSOLVABLE", Reaction.FRESH_CHALLENGE),
    (error("ERROR_TOKEN_EXPIRED"), "ERROR_TOKEN_EXPIRED", Reaction.FRESH_CHALLENGE),
    ((400, error("ERROR_NO_SUCH_CAPCHA_ID")), "ERROR_NO_SUCH_CAPCHA_ID", Reaction.FRESH_CHALLENGE),
    (error("ERROR_DOMAIN_NOT_ALLOWED"), "ERROR_DOMAIN_NOT_ALLOWED", Reaction.STOP_SITE),
    (error("ERROR_INVALID_TASK"), "ERROR_INVALID_TASK", Reaction.STOP_REQUEST),
    (error("ERROR_OF_TOMORROW"), "ERROR_OF_TOMORROW", Reaction.FAILED),
    (error("no code at all"), "UNKNOWN", Reaction.FAILED),
    ({"errorId": 16}, "UNKNOWN", Reaction.FAILED),
    ({"errorCode": "ERROR_X"}, "ERROR_X", Reaction.FAILED),
    ((403, error("", "Your IP is temporarily blocked")), "UNKNOWN", Reaction.FAILED),
    ((401, {"errorId": 1}), "UNKNOWN", Reaction.FAILED),
    ({"errorId": 0, "status": "failed"}, "UNKNOWN", Reaction.FAILED),
    ((200, {"errorId": 0, "status": "ready"}), "BAD_ANSWER", Reaction.FAILED),
    ({**READY, "solution": None}, "BAD_ANSWER", Reaction.FAILED),
    ({**READY, "solution": {"challenge": "c", "validate": "v"}}, "BAD_ANSWER", Reaction.FAILED),
    ({**READY, "solution": {**READY["solution"], "validate": "\ud800"}}, "BAD_ANSWER", Reaction.FAILED),
]


@pytest.mark.parametrize(("answer", "code", "reaction"), ENDED, ids=repr)
def test_a_task_ends_with_what_the_service_says(answer: Any, code: str, reaction: Reaction) -> None:
    """One poll, one error that carries code, reaction and task."""
    service = Service([answer])
    failure = failing(service.client.result(9, V3))
    assert (failure.code, failure.reaction, failure.task_id, failure.sent) == (code, reaction, 9, True)
    assert service.polls == 1


@pytest.mark.parametrize(
    ("status", "answer", "told"),
    [
        (403, {"errorCode": None}, "UNKNOWN: HTTP 403: Your IP is temporarily blocked"),
        (401, {"errorCode": ""}, "UNKNOWN: HTTP 401: Your IP is temporarily blocked"),
        (400, {"errorCode": "invalid-task"}, "UNKNOWN: HTTP 400: invalid-task Your IP is temporarily blocked"),
        (200, {"errorCode": None}, "UNKNOWN: Your IP is temporarily blocked"),
        (402, {"errorCode": "No_Money"}, "ERROR_ZERO_BALANCE: No_Money Your IP is temporarily blocked"),
        (429, {"errorCode": None}, "HTTP_429: Your IP is temporarily blocked"),
        (503, {"errorCode": 7}, "HTTP_503: Your IP is temporarily blocked"),
        (503, {"errorCode": None, "errorDescription": None}, "HTTP_503: without a code"),
        (400, {"errorCode": [], "errorDescription": []}, "UNKNOWN: HTTP 400: without a code"),
    ],
)
def test_the_services_own_words_are_kept(status: int, answer: dict[str, Any], told: str) -> None:
    """An error without a usable code loses no text, and is no bad key for a 401 or 403 alone."""
    body = {"errorId": 1, "errorDescription": "Your IP is temporarily blocked", **answer}
    assert str(failing(Service([(status, body)]).client.balance())) == told


@pytest.mark.parametrize("status", ["failed", "error", f"gone for {KEY}"])
def test_a_task_that_came_to_another_end_is_not_waited_for(status: str) -> None:
    """A status that is none of those documented: one poll, and the service's words without the key."""
    service = Service([{"errorId": 0, "status": status, "errorDescription": "no worker"}])
    failure = failing(service.client.result(9, V3))
    assert str(failure) == f"UNKNOWN: the task's status is {status.replace(KEY, '***')}. no worker (task 9)"
    assert service.polls == 1


def test_a_ready_task_without_a_solution_keeps_its_cost_and_hides_the_key() -> None:
    """It is paid for all the same; what the service made of it may repeat the key."""
    solution = {f"{KEY}!": "x" * 20_000}
    failure = failing(Service([{**READY, "solution": solution, "cost": "0.002"}]).client.result(9, V3))
    assert (failure.code, failure.cost_millionths) == ("BAD_ANSWER", 2000)
    assert failure.description == "the task is ready, but a value of the solution is 20000 characters long"


def test_a_v3_task_answered_with_v4_keys_is_a_v4_solution() -> None:
    """The keys that came decide."""
    solution = {"lot_number": "l", "pass_token": "p", "gen_time": 1700000000, "captcha_output": "o"}
    service = Service([{**READY, "solution": solution}])
    assert now(service.client.result(1, V3)).solution == V4Solution(
        captcha_id="a" * 32, lot_number="l", pass_token="p", gen_time="1700000000", captcha_output="o"
    )


@pytest.mark.parametrize(
    ("cost", "millionths"),
    [
        (0.0017, 1700),
        ("0.00299", 2990),
        (1, 1_000_000),
        (0, 0),
        (None, 0),
        (True, 0),
        (-1, 0),
        (float("nan"), 0),
        (float("inf"), 0),
        ("NaN", 0),
        ("1e999999999", 0),
        (1e300, 0),
        ([], 0),
        ("much", 0),
        (1e-12, 0),
    ],
)
def test_the_cost_is_a_number_or_nothing(cost: Any, millionths: int) -> None:
    """An odd cost loses no solution."""
    service = Service([{**READY, "cost": cost}])
    assert now(service.client.result(1, V3)).cost_millionths == millionths


def test_no_task_is_asked_for_more_often_than_its_service_allows() -> None:
    """As the service says."""

    class Patient(CapMonster):
        max_polls: ClassVar[int] = 10

    stub = Service([{"errorId": 0, "status": "processing"}], service=Patient())
    with pytest.raises(ServiceError, match="SOLVE_TIMEOUT"):
        now(stub.client.result(1, V3))
    assert stub.polls == 10

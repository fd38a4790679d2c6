from __future__ import annotations

import asyncio
import logging
import time
from decimal import Decimal
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import pytest
from reactor import settle as settle_on_loop
from service_servers import Received, refused_port, reply, serving
from service_stub import BALANCE, CREATED, KEY, PROCESSING, READY, Service, error, now
from twisted.internet.error import ConnectionLost
from twisted.internet.error import ConnectionRefusedError as TwistedConnectionRefusedError

from scrapy_geetest._services.client import Result, ServiceClient
from scrapy_geetest._services.errors import CLOSE_REASONS, Reaction, ServiceError
from scrapy_geetest._services.pacing import Pacing
from scrapy_geetest._services.solve_times import SolveTimes
from scrapy_geetest._services.task import Proxy, Task
from scrapy_geetest._services.transport import Transport
from scrapy_geetest.challenge import V3Challenge, V3Solution, V4Challenge, V4Solution

V3 = V3Challenge("a" * 32, "b" * 32)
V4 = V4Challenge("c" * 32)
TASK = Task(V3, "https://example.com/")
PROXY = Proxy("http", "proxy.example", 8080, "user", "password")
REFUSED = TwistedConnectionRefusedError()  # type: ignore[no-untyped-call]  # Twisted's


def failing(coroutine: Any) -> ServiceError:
    with pytest.raises(ServiceError) as failure:
        now(coroutine)
    return failure.value


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
    service.script = [*[PROCESSING] * 7, READY] * 40
    for _ in range(40):
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


@pytest.mark.parametrize("task_id", [1, 2**62, "61138bb6-19fb-11ec-a9c8-0242ac110006", "407533072"])
def test_a_task_id_is_a_number_or_a_text(task_id: int | str) -> None:
    """It is sent back as it came."""
    service = Service([{"errorId": 0, "taskId": task_id}, READY])
    assert now(service.client.create_task(TASK)) == task_id
    now(service.client.result(task_id, V3))
    assert service.calls[-1].body["taskId"] == task_id


@pytest.mark.parametrize(
    "task_id", [None, 0, -1, 2**64, 1.5, True, "", "a b", "x" * 65, "a\n", [1], {"a": 1}, f"id-{KEY.upper()}", "é"]
)
def test_any_other_task_id_is_a_lost_answer(task_id: Any) -> None:
    """The task may exist and cannot be asked for: that is a lost answer, and nothing is sent again."""
    service = Service([{"errorId": 0, "taskId": task_id}])
    failure = failing(service.client.create_task(TASK))
    assert (failure.code, failure.reaction) == ("ANSWER_LOST", Reaction.FRESH_CHALLENGE)
    assert failure.bill == "may have been charged"
    assert len(service.calls) == 1


@pytest.mark.parametrize(
    "answer",
    [ConnectionLost(), OSError("gone"), b"", b"<html>", [], (500, b""), (503, b"<html>"), (502, {"message": "odd"})],
    ids=repr,
)
def test_a_create_task_whose_answer_is_lost_is_sent_once(answer: Any) -> None:
    """It may have been charged: the next attempt needs a fresh challenge."""
    service = Service([answer])
    failure = failing(service.client.create_task(TASK))
    assert (failure.code, failure.reaction, failure.sent) == ("ANSWER_LOST", Reaction.FRESH_CHALLENGE, True)
    assert len(service.calls) == 1
    assert service.slept == []


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        (b"<html>welcome", "Check GEETEST_API_URL and the network"),
        (ConnectionLost(), "Check GEETEST_API_URL and the network"),
        ((404, b"<html>"), "Check GEETEST_API_URL and the network: what answers there is not"),
        ((301, b""), "Check GEETEST_API_URL and the network: what answers there is not"),
        ((405, b""), "Check GEETEST_API_URL and the network: what answers there is not"),
        ((429, b""), "Lower GEETEST_MAX_CONCURRENT_SOLVES"),
        (error("ERROR_OF_TOMORROW"), "Look the code up"),
    ],
    ids=repr,
)
def test_a_wrong_url_is_what_the_advice_is_about(answer: Any, advice: str) -> None:
    """No call but createTask costs anything, so that no other points to the bill."""
    assert failing(Service([answer]).client.balance()).advice.startswith(advice)


@pytest.mark.parametrize("answer", [b"<html>welcome", ConnectionLost(), (503, b"")], ids=repr)
def test_a_lost_create_task_points_to_the_bill(answer: Any) -> None:
    """And to the URL, since a server that speaks something else answers like that as well."""
    advice = failing(Service([answer]).client.create_task(TASK)).advice
    assert advice.startswith("Compare the tasks with the bill")
    assert "GEETEST_API_URL" in advice


@pytest.mark.parametrize(
    "answer",
    [
        REFUSED,
        error("ERROR_NO_SLOT_AVAILABLE"),
        error("ERROR_SERVICE_NOT_AVAILABLE"),
        error("ERROR_SERVICE_UNAVALIABLE"),
        (429, error("ERROR_TOO_MUCH_REQUESTS")),
        (429, b""),
    ],
    ids=repr,
)
def test_a_create_task_that_was_not_taken_is_repeated(answer: Any) -> None:
    """The very same call, later each time."""
    service = Service([answer, answer, CREATED], balances=[answer, BALANCE])
    assert now(service.client.create_task(TASK)) == 407533072
    creations = [call for call in service.calls if call.method == "createTask"]
    assert [call.body for call in creations] == [creations[0].body] * 3
    assert creations[2].at - creations[1].at >= 1.0


def test_a_task_that_cannot_be_sent_costs_nothing() -> None:
    """A bad website URL is the caller's mistake."""
    service = Service([CREATED])
    with pytest.raises(ValueError, match="absolute http"):
        now(service.client.create_task(Task(V3, "nowhere")))
    assert service.calls == []


STATUSES = [
    ((402, {"errorId": 1}), "ERROR_ZERO_BALANCE"),
    ((403, error("ERROR_IP_BANNED")), "ERROR_IP_BANNED"),
    *[(error(code), code) for code in CLOSE_REASONS],
]


@pytest.mark.parametrize(("answer", "code"), STATUSES, ids=repr)
def test_after_a_fatal_answer_nothing_is_sent_any_more(answer: Any, code: str) -> None:
    """Every call ends with the same error, unsent; the spider can be closed with its reason."""
    service = Service([answer])
    failure = failing(service.client.create_task(Task(V3, "https://example.com/", type="GeeTestTask")))
    assert (failure.code, failure.reaction, failure.sent) == (code, Reaction.STOP_CRAWL, True)
    assert failure.close_reason == CLOSE_REASONS[code]
    client = service.client
    for later in (client.create_task(TASK), client.result(1, V3), client.balance(), client.report_incorrect(1)):
        again = failing(later)
        assert (again.code, again.reaction, again.sent) == (code, Reaction.STOP_CRAWL, False)
        assert again is not failure
    assert len(service.calls) == 1
    assert service.polls == 0


def test_a_fatal_answer_reaches_a_call_that_waits_to_repeat() -> None:
    """Who sleeps at that moment wakes up to the error, not to another call."""
    service = Service([error("ERROR_NO_SLOT_AVAILABLE"), CREATED], balances=[error("ERROR_ZERO_BALANCE")])

    async def sleep(seconds: float) -> None:
        service.slept.append(seconds)
        with pytest.raises(ServiceError):
            await service.client.balance()

    service.client._sleep = sleep
    failure = failing(service.client.create_task(TASK))
    assert (failure.code, failure.sent) == ("ERROR_ZERO_BALANCE", False)
    assert service.methods == ["createTask", "getBalance"]
    assert len(service.slept) == 1


@pytest.mark.parametrize("description", ["no money", None])
def test_a_task_that_is_not_asked_for_any_more_is_named(description: str | None) -> None:
    """After another call's fatal answer: it was paid for, and nobody will fetch its solution."""
    service = Service([PROCESSING, error("ERROR_ZERO_BALANCE", description)])

    async def sleep(seconds: float) -> None:
        service.clock.advance(seconds)
        if len(service.calls) == 1:
            with pytest.raises(ServiceError):
                await service.client.create_task(TASK)

    service.client._sleep = sleep
    failure = failing(service.client.result(5, V3))
    words = "; ".join(filter(None, (description, "its task was paid for and is abandoned")))
    assert str(failure) == f"ERROR_ZERO_BALANCE: {words} (task 5)"
    assert (failure.sent, failure.reaction) == (False, Reaction.STOP_CRAWL)


@pytest.mark.parametrize("call", ["create_task", "result"])
def test_what_a_sleep_raises_comes_through(call: str) -> None:
    """A crawl that ends ends its waits."""

    class StoppingError(Exception):
        """The crawl is ending."""

    async def sleep(_: float) -> None:
        raise StoppingError

    service = Service([error("ERROR_NO_SLOT_AVAILABLE")])
    service.client._sleep = sleep
    with pytest.raises(StoppingError):
        now(service.client.create_task(TASK) if call == "create_task" else service.client.result(1, V3))


@pytest.mark.parametrize("while_polling", [True, False])
def test_a_banned_proxy_is_never_used_again(while_polling: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Another call with it would have the account banned; other proxies, and none, go on."""
    banned = error("ERROR_PROXY_BANNED")
    service = Service([*([CREATED] if while_polling else []), banned, CREATED])
    task = Task(V3, "https://example.com/", proxy=PROXY)

    async def attempt() -> None:
        await service.client.result(await service.client.create_task(task), V3)

    assert failing(attempt()).reaction is Reaction.STOP_REQUEST
    calls = len(service.calls)
    again = failing(service.client.create_task(task))
    assert (again.code, again.sent) == ("ERROR_PROXY_BANNED", False)
    assert len(service.calls) == calls
    with pytest.raises(ServiceError, match="refused this proxy before"):
        service.client.check(PROXY)
    service.client.check(None)
    now(service.client.create_task(TASK))
    now(service.client.create_task(Task(V3, "https://example.com/", proxy=Proxy("http", "other.example", 1))))


@pytest.mark.parametrize(
    ("answer", "balance"),
    [
        (345.678, Decimal("345.678")),
        (0, Decimal(0)),
        ("12.5", Decimal("12.5")),
        (-0.1, Decimal("-0.1")),
    ],
)
def test_the_balance_is_read(answer: Any, balance: Decimal) -> None:
    """As the exact number that was sent."""
    service = Service([{"errorId": 0, "balance": answer}])
    assert now(service.client.balance()) == balance
    assert [(call.method, call.body) for call in service.calls] == [("getBalance", {"clientKey": KEY})]


@pytest.mark.parametrize("answer", [None, True, "much", float("inf"), [], {}, "1e99"])
def test_a_balance_that_is_no_number_is_a_bad_answer(answer: Any) -> None:
    """It is not taken for zero."""
    assert failing(Service([{"errorId": 0, "balance": answer}]).client.balance()).code == "BAD_ANSWER"


def test_a_refused_solution_is_reported() -> None:
    """One call with the task's id."""
    service = Service([{"errorId": 0, "status": "success"}])
    now(service.client.report_incorrect(7))
    [call] = service.calls
    assert (call.method, call.body) == ("reportIncorrectTokenCaptcha", {"clientKey": KEY, "taskId": 7})


def test_a_service_that_takes_no_reports_is_told_none_and_goes_on() -> None:
    """Other services lack this call: that is no reason to stop the crawl, nor to try again."""
    service = Service([error("ERROR_NO_SUCH_METHOD"), CREATED])
    assert failing(service.client.report_incorrect(7)).sent
    assert not failing(service.client.report_incorrect(8)).sent
    assert now(service.client.create_task(TASK)) == 407533072
    assert service.methods == ["reportIncorrectTokenCaptcha", "createTask"]


async def test_over_sockets_another_report_does_not_undo_that_none_is_taken() -> None:
    """Two are under way when the first is told that there is no such call; the other one's failure changes nothing."""
    held: list[Any] = []
    async with serving(lambda transport, _: held.append(transport)) as server:
        client = client_of(server.url)
        first, second = (asyncio.ensure_future(client.report_incorrect(number)) for number in (1, 2))
        await server.until(lambda server: len(server.received) == 2)
        reply(held[0], error("ERROR_NO_SUCH_METHOD"))
        with pytest.raises(ServiceError, match="ERROR_NO_SUCH_METHOD"):
            await first
        reply(held[1], b"", 503)
        with pytest.raises(ServiceError, match="HTTP_503"):
            await second
        with pytest.raises(ServiceError, match="takes no reports"):
            await client.report_incorrect(3)
        await client.close()
        assert len(server.received) == 2


@pytest.mark.parametrize("call", ["balance", "report"])
@pytest.mark.parametrize(
    "answer", [(403, b"<html>CDN"), (401, b""), (402, b""), error("ERROR_NO_SUCH_METHOD")], ids=repr
)
def test_a_call_that_solving_does_without_stops_nothing(call: str, answer: Any) -> None:
    """A service may lack it, and what stands before the service may withhold it."""
    service = Service([answer, CREATED])
    failing(service.client.balance() if call == "balance" else service.client.report_incorrect(7))
    assert now(service.client.create_task(TASK)) == 407533072


@pytest.mark.parametrize("call", ["balance", "report"])
@pytest.mark.parametrize("answer", [error("ERROR_KEY_DOES_NOT_EXIST"), (402, {"errorId": 1})], ids=repr)
def test_the_services_own_word_stops_all_calls_whichever_it_answers(call: str, answer: Any) -> None:
    """It is about the account."""
    service = Service([answer, CREATED])
    failing(service.client.balance() if call == "balance" else service.client.report_incorrect(7))
    assert not failing(service.client.create_task(TASK)).sent
    assert len(service.calls) == 1


def test_a_failed_report_is_one_call() -> None:
    """It is not worth another."""
    service = Service([(503, b"")])
    failure = failing(service.client.report_incorrect(7))
    assert (failure.code, failure.task_id) == ("HTTP_503", 7)
    assert len(service.calls) == 1


def test_the_key_is_in_no_text(caplog: pytest.LogCaptureFixture) -> None:
    """Not in a repr, an error or the log, even where the service repeats it."""
    caplog.set_level(logging.DEBUG)
    told = (503, error("", f"no slot for {KEY}"))
    strange = {"errorId": 1, "errorCode": KEY.upper(), "errorDescription": f"{KEY}?\n{KEY}!"}
    service = Service([told, strange], balances=[told, BALANCE])
    failures = [failing(service.client.create_task(TASK)) for _ in range(2)]
    texts = f"{service.client!r} {service.transport!r} {caplog.text}"
    texts += "".join(f"{failure!r} {failure} {failure.__cause__!r}" for failure in failures)
    assert "***" in texts
    assert "cannot be reached" in caplog.text
    assert KEY.lower() not in texts.lower()


def test_a_client_without_a_key_is_refused() -> None:
    """It would be banned for it."""
    service = Service([CREATED])
    with pytest.raises(ValueError, match="key is empty"):
        ServiceClient(
            api_key="",
            transport=service.transport,
            pacing=service.pacing,
            sleep=service.sleep,
            clock=service.clock.seconds,
            solve_timeout=1.0,
            on_poll=lambda: None,
        )


def client_of(url: str, timeout: float = 20.0, solve_timeout: float = 60.0) -> ServiceClient:
    return ServiceClient(
        api_key=KEY,
        transport=Transport(base_url=url, timeout=timeout, settle=settle_on_loop),
        pacing=Pacing(first_poll=0.01),
        sleep=lambda _: asyncio.sleep(0.01),
        clock=time.monotonic,
        solve_timeout=solve_timeout,
        on_poll=lambda: None,
    )


async def test_over_sockets_every_tenth_connection_cut_loses_no_paid_task() -> None:
    """Ten tasks, and polls cut again and again: all are solved, each created once."""
    number = iter(range(1, 1000))
    asked: dict[int, int] = {}

    def behave(transport: Any, received: Received) -> None:
        if received.target == "/createTask":
            reply(transport, {"errorId": 0, "taskId": next(number)})
            return
        if received.target == "/getBalance":
            reply(transport, BALANCE)
            return
        task_id = received.json["taskId"]
        asked[task_id] = asked.get(task_id, 0) + 1
        if asked[task_id] < 3:
            transport.abortConnection()
        else:
            reply(transport, READY)

    async with serving(behave) as server:
        client = client_of(server.url)
        try:

            async def solve() -> Result:
                return await client.result(await client.create_task(TASK), V3)

            results = await asyncio.gather(*(solve() for _ in range(10)))
        finally:
            await client.close()
        assert len(results) == 10
        assert sum(received.target == "/createTask" for received in server.received) == 10


async def test_over_sockets_a_lost_create_task_is_sent_once() -> None:
    """The connection is cut after the request: the service may have charged for it."""
    async with serving(lambda transport, _: transport.abortConnection()) as server:
        client = client_of(server.url)
        with pytest.raises(ServiceError) as failure:
            await client.create_task(TASK)
        await client.close()
    assert (failure.value.code, failure.value.reaction) == ("ANSWER_LOST", Reaction.FRESH_CHALLENGE)
    assert len(server.received) == 1


async def test_over_sockets_a_refused_create_task_is_repeated() -> None:
    """Nothing was sent, again and again; the error says so."""
    client = client_of(f"http://127.0.0.1:{refused_port()}", solve_timeout=0.5)
    with pytest.raises(ServiceError) as failure:
        await client.create_task(TASK)
    await client.close()
    assert (failure.value.code, failure.value.sent) == ("NOT_SENT", False)


async def test_over_sockets_a_fatal_answer_stops_a_hundred_calls() -> None:
    """At most the calls that were on the wire reach the service; all hundred end with its error."""

    def behave(transport: Any, _: Received) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(0.3, lambda: reply(transport, error("ERROR_ZERO_BALANCE"), 402))

    async with serving(behave) as server:
        client = client_of(server.url)
        calls = [asyncio.ensure_future(client.create_task(TASK)) for _ in range(100)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        await client.close()
        assert {getattr(result, "code", result) for result in results} == {"ERROR_ZERO_BALANCE"}
        assert len(server.received) <= 100
        assert sum(isinstance(result, ServiceError) and result.sent for result in results) <= len(server.received)


async def test_a_closed_client_repeats_nothing() -> None:
    """Calls that are waiting end at once, and none is begun."""
    async with serving(lambda *_: None) as server:
        client = client_of(server.url)
        polling = asyncio.ensure_future(client.result(1, V4))
        await server.until(lambda server: len(server.received) == 1)
        await client.close()
        for call in (polling, client.result(1, V4), client.create_task(TASK)):
            with pytest.raises(ServiceError):
                await call
        assert len(server.received) == 1

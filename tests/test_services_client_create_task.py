"""A task is created once, whatever becomes of the answer."""

from __future__ import annotations

from typing import Any

import pytest
from service_stub import CREATED, KEY, READY, Service, error, now
from service_tasks import PROXY, REFUSED, TASK, V3, failing
from twisted.internet.error import ConnectionLost

from scrapy_geetest._services.errors import Reaction, ServiceError
from scrapy_geetest._services.task import Proxy, Task


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
def test_any_other_task_id_is_a_bad_answer(task_id: Any) -> None:
    """A task that cannot be asked for has failed; it is not bought again."""
    service = Service([{"errorId": 0, "taskId": task_id}])
    failure = failing(service.client.create_task(TASK))
    assert (failure.code, failure.reaction) == ("BAD_ANSWER", Reaction.FAILED)
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
        ((404, b"<html>"), "Check GEETEST_API_URL: what answers there does not speak"),
        ((301, b""), "Check GEETEST_API_URL: what answers there does not speak"),
        ((405, b""), "Check GEETEST_API_URL: what answers there does not speak"),
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
    service = Service([answer, answer, CREATED])
    assert now(service.client.create_task(TASK)) == 407533072
    assert [call.body for call in service.calls] == [service.calls[0].body] * 3
    assert 0 < service.slept[0] < service.slept[1]


def test_a_busy_service_is_asked_again_only_so_often() -> None:
    """Five calls, seventy-five seconds; then the service's own word."""
    service = Service([error("ERROR_NO_SLOT_AVAILABLE", "busy")])
    failure = failing(service.client.create_task(TASK))
    assert str(failure) == "ERROR_NO_SLOT_AVAILABLE: busy"
    assert service.slept == [5.0, 10.0, 20.0, 40.0]
    assert len(service.calls) == 5


def test_repeating_ends_with_the_solve_timeout() -> None:
    """No wait that cannot end in time is begun."""
    service = Service([REFUSED], solve_timeout=5.0)
    failure = failing(service.client.create_task(TASK))
    assert (failure.code, failure.sent) == ("NOT_SENT", False)
    assert service.slept == [1.0, 2.0]


@pytest.mark.parametrize(
    ("answer", "seconds", "slept"),
    [
        (error("ERROR_NO_SLOT_AVAILABLE"), 35.2, [5.0, 10.0]),
        (error("ERROR_NO_SLOT_AVAILABLE"), 40.0, [5.0, 10.0, 20.0]),
        (error("ERROR_NO_SLOT_AVAILABLE"), 6.0, []),
        (REFUSED, 12.0, [1.0, 2.0, 4.0]),
    ],
    ids=repr,
)
def test_a_create_task_is_repeated_only_with_time_for_its_answer(
    answer: Any, seconds: float, slept: list[float]
) -> None:
    """A task whose id comes too late is paid for and lost."""
    service = Service([answer], solve_timeout=seconds)
    failing(service.client.create_task(TASK))
    assert service.slept == slept


def test_a_task_that_cannot_be_sent_costs_nothing() -> None:
    """A bad website URL is the caller's mistake."""
    service = Service([CREATED])
    with pytest.raises(ValueError, match="absolute http"):
        now(service.client.create_task(Task(V3, "nowhere")))
    assert service.calls == []


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

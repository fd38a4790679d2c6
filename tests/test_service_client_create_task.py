"""Creating a task: what is sent again, and what never is."""

from __future__ import annotations

from typing import Any

import pytest
from service_stub import BALANCE, CREATED, KEY, READY, Service, error, now
from service_tasks import REFUSED, TASK, V3, failing
from twisted.internet.error import ConnectionLost

from scrapy_geetest._services.errors import Reaction
from scrapy_geetest._services.task import Task


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

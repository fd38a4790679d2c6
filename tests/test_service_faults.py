"""The fault matrix of every adapter, in virtual time: what a service may answer, and what follows, in each one's words."""

from __future__ import annotations

from typing import Any

import pytest
from service_stub import BALANCE, CREATED, PROCESSING, READY, Service, error, now
from twisted.internet.error import ConnectError, ConnectionDone

from scrapy_geetest import Task, V3Challenge
from scrapy_geetest._services.adapters import SERVICES
from scrapy_geetest._services.errors import CLOSE_REASONS, REACTIONS, Reaction, ServiceError
from scrapy_geetest.sandbox.dialects import DIALECTS

pytestmark = pytest.mark.exhaustive

V3 = V3Challenge("a" * 32, "b" * 32)
TASK = Task(V3, "https://shop.example/")
OTHERS = [name for name in SERVICES if name != "capmonster"]  # which has a matrix of whole crawls
CODES = sorted({code for code in REACTIONS if code.startswith(("ERROR_", "WRONG_"))})
UNKNOWN_TYPES = {"ERROR_TASK_NOT_SUPPORTED", "ERROR_TASK_ABSENT"}
LOST = ConnectionDone("closed")
REFUSED = ConnectError("refused")  # type: ignore[no-untyped-call]  # Twisted's
NO_ANSWERS = [
    *((503, b"<html>"), (403, b"<html>"), (200, b"<html>"), (200, b""), (200, b'{"errorId": 0, "taskI'), LOST),
    *((200, b"[1]"), (200, b"null"), (200, b'{"errorId": {}, "errorCode": 5}')),
]


def outcome(name: str, script: list[Any], *, of_result: bool = False) -> tuple[str, Service]:
    """What a task or its result comes to, without patience for a service that is away."""
    stub = Service(script, balances=[BALANCE], service=SERVICES[name](), solve_timeout=30.0)
    try:
        if of_result:
            now(stub.client.result(5, V3))
        else:
            now(stub.client.create_task(TASK, is_patient=False))
    except ServiceError as failure:
        return failure.code, stub
    return "", stub


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("name", OTHERS)
def test_every_code(name: str, code: str) -> None:
    """Means the same at each, whatever the status; a code is told once, and what is final is final."""
    for status in (200, 400, 401, 403, 429, 503):
        got, stub = outcome(name, [(status, error(code))])
        assert got == code
        tries = len(SERVICES[name]().task_types(TASK)) if code in UNKNOWN_TYPES else 1
        assert stub.methods == ["createTask"] * tries
        assert (stub.client.verdict() is not None) is (code in CLOSE_REASONS)
        got, stub = outcome(name, [(status, error(code)), READY], of_result=True)
        goes_on = REACTIONS[code] is Reaction.SAME_CALL_LATER
        assert got == ("" if goes_on else code)
        assert stub.methods == ["getTaskResult"] * (2 if goes_on else 1)


@pytest.mark.parametrize("answer", NO_ANSWERS, ids=repr)
@pytest.mark.parametrize("name", OTHERS)
def test_no_answer_of_the_service(name: str, answer: Any) -> None:
    """createTask is not repeated, since the task may exist; a result is asked for again."""
    got, stub = outcome(name, [answer])
    assert got == ("HTTP_403" if answer == (403, b"<html>") else "ANSWER_LOST")
    assert stub.methods == ["createTask"]
    assert stub.client.verdict() is None
    got, stub = outcome(name, [answer, answer, PROCESSING, READY], of_result=True)
    assert (got, stub.methods.count("getTaskResult")) == ("", 4)


@pytest.mark.parametrize("name", OTHERS)
def test_nothing_was_sent(name: str) -> None:
    """That costs nothing."""
    got, stub = outcome(name, [REFUSED])
    assert (got, stub.client.verdict()) == ("NOT_SENT", None)
    assert outcome(name, [REFUSED, READY], of_result=True)[0] == ""


@pytest.mark.parametrize("name", OTHERS)
def test_numbers_as_texts_and_the_other_way_round(name: str) -> None:
    """Ids, error numbers, costs."""
    stub = Service(
        [{"errorId": "0", "taskId": "17"}, {**READY, "errorId": "0", "cost": "0.5"}], service=SERVICES[name]()
    )
    task_id = now(stub.client.create_task(TASK))
    assert now(stub.client.result(task_id, V3)).cost_millionths == 500_000
    assert outcome(name, [{"errorId": "12", "errorCode": "ERROR_CAPTCHA_UNSOLVABLE"}])[0] == "ERROR_CAPTCHA_UNSOLVABLE"


@pytest.mark.parametrize("status", ["failed", "FAILED", "error"])
@pytest.mark.parametrize("name", OTHERS)
def test_a_status_that_ends_a_task(name: str, status: str) -> None:
    """CapSolver's client knows ``failed``; nobody waits for it."""
    got, stub = outcome(name, [{"errorId": 0, "status": "idle"}, {"errorId": 0, "status": status}], of_result=True)
    assert (got, len(stub.calls)) == ("UNKNOWN", 2)


def test_every_code_of_the_sandbox_is_known() -> None:
    """In the words of each service."""
    for dialect in DIALECTS.values():
        assert {code for code, _ in dialect.codes.values()} <= REACTIONS.keys()
    assert CREATED["taskId"]

"""Every fault of the sandbox for every call that can have it, as raw bytes on a socket, and what the books say of it."""

from __future__ import annotations

import json
import re
import socket
import uuid
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from sandbox_visitor import Visitor

from scrapy_geetest.sandbox import CALLS, FAULTS, faults
from scrapy_geetest.sandbox.faults import ERROR_CODES, HTML_STATUSES, STATUS_OF_CODE, STATUSES, Schedule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy_geetest.sandbox import Sandbox

pytestmark = pytest.mark.exhaustive

AT_ONCE: dict[str, Any] = {"solve_seconds": 0, "poll_floor": 0, "drip_seconds": 0.002}
REAL = {
    "createTask": "taskId",
    "getTaskResult": "solution",
    "getBalance": "balance",
    "reportIncorrectTokenCaptcha": "status",
}
ENDLESS = 300_000
CASES = [(call, fault) for call in CALLS for fault in FAULTS if call in FAULTS[fault].calls]


@pytest.fixture
def visitor(running_sandbox: Sandbox) -> Iterator[Visitor]:
    """A visitor of a sandbox without a past, whose service solves at once."""
    running_sandbox.reset(**AT_ONCE)
    visitor = Visitor(running_sandbox)
    with visitor.session:
        yield visitor
    assert running_sandbox.books()["errors"] == []


def exchange(url: str, method: str, path: str, body: bytes, patience: float) -> tuple[bytes, bytes, str]:
    """Send one request over a socket of its own, and wait so many seconds for each piece of its answer.

    Returns:
        The head, the body, and how it ended: ``closed``, ``reset``, ``silent`` (nothing came for a while) or ``much``.
    """
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(head.encode() + body)
        received, ended = read(connection, patience)
    before, _, after = received.partition(b"\r\n\r\n")
    return before, after, ended


def read(connection: socket.socket, patience: float) -> tuple[bytes, str]:
    received = b""
    while len(received) < ENDLESS:
        connection.settimeout(patience)
        try:
            piece = connection.recv(65_536)
        except ConnectionResetError:
            return received, "reset"
        except TimeoutError:
            return received, "silent"
        if not piece:
            return received, "closed"
        received += piece
    return received, "much"


def attempt(visitor: Visitor, call: str, patience: float = 20) -> tuple[bytes, bytes, str]:
    """Make a call that would succeed."""
    sandbox = visitor.sandbox
    if call == "register":
        return exchange(sandbox.url, "GET", "/v3/gt/register-slide", b"", patience)
    if call == "submit":
        form = {"lot_number": "1", "captcha_output": "1", "pass_token": "1", "gen_time": "1"}
        return exchange(sandbox.url, "POST", "/v4/api/items", json.dumps({"captcha": form}).encode(), patience)
    body: dict[str, Any] = {"clientKey": sandbox.api_key}
    if call == "createTask":
        body["task"] = visitor.task("v4-form")
    elif call != "getBalance":
        body["taskId"] = visitor.sandbox.books()["tasks"][0]["id"]
    return exchange(sandbox.service_url, "POST", f"/{call}", json.dumps(body).encode(), patience)


def prepare(visitor: Visitor, call: str, fault: str) -> None:
    visitor.sandbox.reset(**AT_ONCE, faults={call: [fault]})
    if call in ("getTaskResult", "reportIncorrectTokenCaptcha"):
        visitor.call("createTask", task=visitor.task("v4-form"))


@pytest.mark.parametrize(("call", "fault"), CASES)
def test_every_fault_of_every_call(visitor: Visitor, call: str, fault: str) -> None:
    """The first call has the fault, on the wire and in the books; the second one is answered properly."""
    prepare(visitor, call, fault)
    head, body, ended = attempt(visitor, call, 0.5 if fault == "hang" else 20)
    check(fault, head, body, ended, call)
    books = visitor.sandbox.books()
    assert books["faults"] == ({} if fault == "ok" else {f"{call}:{fault}": 1})
    if call == "createTask":
        assert books["created"]["total"] == int(FAULTS[fault].carried_out)
        assert books["charged_millionths"] == 600 * int(FAULTS[fault].carried_out)
    head, body, ended = attempt(visitor, call)
    check("ok", head, body, ended, call)


def check(fault: str, head: bytes, body: bytes, ended: str, call: str) -> None:
    """What must have come over the wire."""
    for pattern, expectation in EXPECTED.items():
        if re.fullmatch(pattern, fault):
            expectation(fault, head, body, ended, call)
            return
    raise AssertionError(f"{fault} has no expectation")


def status_of(head: bytes) -> int:
    return int(head.split(b" ")[1])


def proper(fault: str, head: bytes, body: bytes, ended: str, call: str) -> None:
    assert (status_of(head), ended) == (403 if call == "submit" else 200, "closed")
    assert REAL.get(call, "captcha_id" if call == "submit" else "challenge") in json.loads(body)
    assert fault in ("ok", "drip")


def error_code(fault: str, head: bytes, body: bytes, ended: str, call: str) -> None:
    answer = json.loads(body)
    assert (answer["errorId"], answer["errorCode"], ended) == (1, fault, "closed")
    assert status_of(head) == STATUS_OF_CODE.get(fault, 200)
    assert call not in ("register", "submit")


def status_only(fault: str, head: bytes, body: bytes, ended: str, call: str) -> None:
    assert (status_of(head), ended) == (int(fault[5:]), "closed")
    assert body.startswith(b"<!DOCTYPE html>") == fault.startswith("http-")
    if fault.startswith("json-"):
        assert json.loads(body)["errorId"] == 1
    assert call


def reset(fault: str, head: bytes, body: bytes, ended: str, call: str) -> None:
    assert ended == "reset"
    assert (head == b"") == fault.startswith("lost-")
    if fault == "reset-half":
        length = int(re.findall(rb"(?i)content-length: (\d+)", head)[0])
        assert len(body) == length // 2
    assert call


def flood(fault: str, head: bytes, body: bytes, ended: str, call: str) -> None:
    assert ended == "much"
    assert (b"content-length: 100000000" in head.lower()) == (fault == "huge")
    assert body.count(b" ") > ENDLESS // 2
    assert call


def bomb(fault: str, head: bytes, body: bytes, ended: str, call: str) -> None:
    assert b"content-encoding: gzip" in head.lower()
    assert (len(body) < 200_000, ended) == (True, "closed")
    assert len(zlib.decompress(body, wbits=31)) == 100_000_000
    assert fault, call


def body_only(fault: str, head: bytes, body: bytes, ended: str, call: str) -> None:
    assert (status_of(head), ended) == (200, "closed")
    if fault == "html":
        assert b"<h1>" in body
    elif fault == "empty":
        assert body == b""
    else:
        assert json.loads(body) == {"json-list": [1, 2, 3], "json-number": 42, "json-null": None}[fault]
    assert call


def truncated(fault: str, head: bytes, body: bytes, ended: str, call: str) -> None:
    assert (ended, len(body)) == ("closed", int(re.findall(rb"(?i)content-length: (\d+)", head)[0]))
    with pytest.raises(ValueError, match="line 1"):
        json.loads(body)
    assert fault, call


def types(fault: str, head: bytes, body: bytes, ended: str, call: str) -> None:
    answer = json.loads(body)
    assert isinstance(answer, dict)
    if fault == "json-strings":
        number = {"createTask": "taskId", "getBalance": "balance", "register": "success", "submit": "need_captcha"}
        assert isinstance(answer[number.get(call, "errorId")], str)
    else:
        assert (answer["errorId"], answer["taskId"], answer["gt"]) == ([], [], 5)
    assert head
    assert ended == "closed"


def silence(fault: str, head: bytes, body: bytes, ended: str, call: str) -> None:
    assert (head, body, ended) == (b"", b"", "silent")
    assert fault, call


def redirect(fault: str, head: bytes, body: bytes, ended: str, call: str) -> None:
    assert (status_of(head), ended) == (307, "closed")
    assert b"location: /maintenance" in head.lower()
    assert body.startswith(b"<!DOCTYPE html>")
    assert fault, call


def closed(fault: str, head: bytes, body: bytes, ended: str, call: str) -> None:
    assert (head, body, ended) == (b"", b"", "closed")
    assert fault, call


def special(fault: str, head: bytes, body: bytes, ended: str, call: str) -> None:
    answer = json.loads(body)
    if fault == "echo-key":
        assert "5a0db0c5e0f1a2b3c4d5e6f708192a3b" in answer["errorDescription"]
    elif fault == "task-id-uuid":
        assert uuid.UUID(answer["taskId"])
    elif fault == "task-id-object":
        assert isinstance(answer["taskId"]["id"], int)
    else:
        assert answer["status"] == "ready"
        assert ("solution" in answer) == (fault != "ready-without-solution")
    assert (status_of(head), ended) == (200, "closed")
    assert call


EXPECTED = {
    "ok|drip": proper,
    "|".join(ERROR_CODES): error_code,
    f"(http|json)-({'|'.join(map(str, STATUSES))})": status_only,
    "lost-before|lost-after|reset-half": reset,
    "endless|huge": flood,
    "gzip-bomb": bomb,
    "html|empty|json-list|json-number|json-null": body_only,
    "truncated": truncated,
    "json-strings|json-wrong-types": types,
    f"http-({'|'.join(map(str, HTML_STATUSES))})": status_only,
    "redirect": redirect,
    "closed": closed,
    "hang": silence,
    "echo-key|task-id-uuid|task-id-object|ready-without-solution|solution-missing-keys|solution-wrong-types": special,
}


def test_a_lost_create_task_is_charged_and_noted(visitor: Visitor) -> None:
    """lost-after: the task is there, paid for, marked as lost; lost-before: there is none."""
    visitor.sandbox.reset(**AT_ONCE, faults={"createTask": ["lost-before", "lost-after", "ok"]})
    for _ in range(3):
        attempt(visitor, "createTask")
    books = visitor.sandbox.books()
    assert [entry["lost"] for entry in books["tasks"]] == [True, False]
    assert (books["charged_millionths"], books["calls"]) == (1200, {"createTask": 3})


def test_a_uuid_can_be_polled(visitor: Visitor) -> None:
    """As at services that number their tasks so."""
    visitor.sandbox.reset(**AT_ONCE, faults={"createTask": ["task-id-uuid"]})
    task_id = visitor.call("createTask", task=visitor.task("v4-form")).json()["taskId"]
    assert visitor.call("getTaskResult", taskId=task_id).json()["status"] == "ready"


def test_a_refused_task_has_no_id_to_be_spoilt(visitor: Visitor) -> None:
    """The refusal is answered as it is."""
    visitor.sandbox.reset(**AT_ONCE, faults={"createTask": ["task-id-uuid", "lost-after"]})
    assert visitor.call("createTask", task={}).json()["errorCode"] == "ERROR_TASK_ABSENT"
    with pytest.raises(OSError, match=r"reset|aborted"):
        visitor.call("createTask", task={})
    assert visitor.sandbox.books()["refused"] == {"ERROR_TASK_ABSENT": 2}


def test_an_error_code_with_another_status(visitor: Visitor) -> None:
    """``@status`` says which."""
    visitor.sandbox.reset(faults={"getBalance": ["ERROR_ZERO_BALANCE@200", "ERROR_UNHEARD_OF@500"]})
    answers = [visitor.call("getBalance") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 500]
    assert [answer.json()["errorCode"] for answer in answers] == ["ERROR_ZERO_BALANCE", "ERROR_UNHEARD_OF"]


def test_faults_of_submissions_leave_requests_without_an_answer_alone(visitor: Visitor) -> None:
    """The form that is sent without an answer is no submission of one; JSONP has no JSON to be altered."""
    visitor.sandbox.reset(**AT_ONCE, faults={"submit": ["http-500"], "register": ["json-strings"]})
    assert visitor.post("/v4/form", data={"keyword": "x"}).status_code == 200
    assert visitor.post("/v4/form", data={"keyword": "x", "pass_token": "1"}).status_code == 500
    assert visitor.get("/jsonp/register?callback=f").text.startswith("f({")


@pytest.mark.parametrize("fault", ["drip", "endless", "huge", "hang"])
def test_a_client_that_goes_away_is_forgotten(visitor: Visitor, fault: str) -> None:
    """What still drips or pours when the client leaves ends, and the next call is answered."""
    visitor.sandbox.reset(drip_seconds=0.01, latency=0.05, faults={"register": [fault]})
    parts = urlsplit(visitor.sandbox.url)
    for wait in (b"HTTP", b""):
        with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
            connection.sendall(b"GET /v3/gt/register-slide HTTP/1.1\r\nHost: x\r\n\r\n")
            assert fault == "hang" or connection.recv(len(wait)) == wait
    assert visitor.get("/plain/1").status_code == 200


def test_a_huge_body_ends_when_it_is_read(visitor: Visitor) -> None:
    """A client without a limit gets all of the 100 MB."""
    visitor.sandbox.reset(faults={"getBalance": ["huge"]})
    body = json.dumps({"clientKey": visitor.sandbox.api_key}).encode()
    with visitor.session.post(
        f"{visitor.sandbox.service_url}/getBalance", data=body, stream=True, timeout=20
    ) as answer:
        assert sum(map(len, answer.iter_content(1_000_000))) == 100_000_000


def test_sequences_repeat_and_draw() -> None:
    """A list is used up; its last fault is repeated before "..."; a mapping draws with its probability and seed."""
    in_order = Schedule.make("createTask", ["ok", "hang", "http-500"])
    assert [in_order.draw() for _ in range(5)] == ["ok", "hang", "http-500", "ok", "ok"]
    for_ever = Schedule.make("createTask", ["hang", "http-500", "..."])
    assert [for_ever.draw() for _ in range(4)] == ["hang", "http-500", "http-500", "http-500"]
    wanted = {"random": ["hang", "http-500"], "probability": 0.3, "seed": 5}
    first, second = Schedule.make("createTask", wanted), Schedule.make("createTask", wanted)
    drawn = [first.draw() for _ in range(1000)]
    assert drawn == [second.draw() for _ in range(1000)]
    assert 200 < sum(name != "ok" for name in drawn) < 400
    assert Schedule.make("createTask", {"random": ["hang"]}).draw() == "hang"


def test_faults_for_ever_outlast_many_calls(visitor: Visitor) -> None:
    """The same through the process."""
    visitor.sandbox.reset(faults={"getBalance": ["http-503", "..."]})
    assert {visitor.call("getBalance").status_code for _ in range(5)} == {503}


def test_every_fault_is_in_the_table() -> None:
    """The module's docstring names all faults, and no others."""
    rows = [line.split("  ")[0] for line in str(faults.__doc__).splitlines() if line.startswith("``")]
    named = {name for row in rows for name in re.findall(r"``(.*?)``", row)}
    families = {"ERROR_…": ERROR_CODES, "http-402": ("http-",), "json-402": ("json-4", "json-5")}
    listed = {fault for fault in FAULTS if fault in named or fault.startswith(("http-", "json-4", "json-5"))}
    listed |= set(families["ERROR_…"])
    assert listed == set(FAULTS)
    assert named - set(FAULTS) == {"ERROR_…"}

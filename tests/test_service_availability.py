"""Outages and busy services, in virtual time: many tasks at once, with the client as it is."""

from __future__ import annotations

import json
import logging
import random
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field
from service_stub import BALANCE, KEY, READY, error
from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults
from twisted.internet.task import Clock, deferLater

from scrapy_geetest._services.availability import CREATE, Availability, Step
from scrapy_geetest._services.client import ServiceClient
from scrapy_geetest._services.errors import Reaction, ServiceError
from scrapy_geetest._services.pacing import Pacing
from scrapy_geetest._services.secret import SealedBody
from scrapy_geetest._services.task import Task
from scrapy_geetest._services.transport import Answer, AnswerLostError, NotSentError
from scrapy_geetest.challenge import V3Challenge

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.exhaustive

LATENCY = 0.05
NOT_SENT, LOST, LOST_BUT_DONE = "not sent", "lost", "lost, but done"


async def after(clock: Any, seconds: float) -> None:
    await deferLater(clock, seconds, lambda: None)


@define
class FarService:
    """A transport to a service that answers after a while, and as ``state`` says: a status, an object or a loss."""

    clock: Clock
    state: Callable[[str], Any] = lambda _: None
    solve_seconds: float = 15.0
    base_url: str = "https://service.example"
    timeout: float = 20.0
    calls: list[tuple[float, str]] = field(factory=list)
    challenges: Counter[str] = field(factory=Counter)
    ready: dict[int, float] = field(factory=dict)
    polled: dict[int, list[float]] = field(factory=dict)
    probing: int = 0
    most_probing: int = 0

    async def call(self, method: str, body: dict[str, Any], read: Any, **_: Any) -> Any:
        self.calls.append((self.clock.seconds(), method))
        self.probing += method == "getBalance"
        self.most_probing = max(self.most_probing, self.probing)
        await after(self.clock, LATENCY)
        self.probing -= method == "getBalance"
        told = self.state(method)
        if told == NOT_SENT:
            raise NotSentError("connection refused")
        if told == LOST:
            raise AnswerLostError("connection lost")
        if told is not None and told != LOST_BUT_DONE:
            status, data = told
            return read(Answer(status, data))
        answer = self.proper(method, json.loads(SealedBody(body).content()))
        if told == LOST_BUT_DONE:
            raise AnswerLostError("connection lost")
        return read(Answer(200, answer))

    def proper(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        now = self.clock.seconds()
        if method == "getBalance":
            return BALANCE
        if method == "createTask":
            self.challenges[body["task"]["challenge"]] += 1
            task_id = len(self.ready) + 1
            self.ready[task_id] = now + self.solve_seconds
            return {"errorId": 0, "taskId": task_id}
        self.polled.setdefault(body["taskId"], []).append(now)
        return READY if now >= self.ready[body["taskId"]] else {"errorId": 0, "status": "processing"}

    def refuse(self, _: str) -> None:
        """Nothing waits here."""

    async def close(self) -> None:
        """Nothing is open."""


@define
class Pages:
    """Pages that want a solution each, some at a time, with so many attempts."""

    clock: Clock = field(factory=Clock)
    solve_timeout: float = 120.0
    solved: int = 0
    attempts: Counter[int] = field(factory=Counter)
    errors: list[ServiceError] = field(factory=list)
    service: FarService = field(init=False)
    client: ServiceClient = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.service = FarService(self.clock)
        transport: Any = self.service
        self.client = ServiceClient(
            api_key=KEY,
            transport=transport,
            pacing=Pacing(uniform=random.Random(1).uniform, clock=self.clock.seconds),
            sleep=self.sleep,
            clock=self.clock.seconds,
            solve_timeout=self.solve_timeout,
            on_poll=lambda: None,
        )

    async def sleep(self, seconds: float) -> None:
        await after(self.clock, seconds)

    def fetch(self, pages: int, at_once: int = 32, seconds: float = 3000.0) -> None:
        permits = DeferredSemaphore(at_once)

        async def fetch(number: int) -> None:
            for attempt in range(1, 4):
                self.attempts[number] = attempt
                await permits.acquire()
                try:
                    await self.client.ready()
                    challenge = V3Challenge("a" * 32, f"{number:030}{attempt:02}")
                    task_id = await self.client.create_task(Task(challenge, "https://example.com/"))
                    await self.client.result(task_id, challenge)
                except ServiceError as failure:
                    last = failure
                    if failure.reaction is not Reaction.FRESH_CHALLENGE:
                        break
                else:
                    self.solved += 1
                    return
                finally:
                    permits.release()
            self.errors.append(last)

        everything = gatherResults([Deferred.fromCoroutine(fetch(number)) for number in range(pages)])
        failures: list[Any] = []
        everything.addErrback(failures.append)
        while not everything.called and self.clock.seconds() < seconds:
            self.clock.advance(0.05)
        assert failures == []
        assert everything.called, f"{self.solved} of {pages} after {seconds} s"


def during(begin: float, seconds: float, told: Any, clock: Clock) -> Callable[[str], Any]:
    return lambda _: told if begin <= clock.seconds() < begin + seconds else None


HTML: list[Any] = [(status, None) for status in (200, 301, 401, 402, 403, 404, 429, 500, 502, 503)]
FAULTS = [*HTML, (503, {"message": "odd"}), (200, {"errorId": []}), NOT_SENT, LOST, LOST_BUT_DONE]


def _cost_time_only(fault: Any, seconds: float, wanted: int) -> None:
    """Every page comes, no challenge is sent twice, one getBalance at a time probes, no poll is too early."""
    pages = Pages()
    pages.service.state = during(22.0, seconds, fault, pages.clock)
    pages.fetch(wanted)
    assert (pages.solved, pages.errors) == (wanted, [])
    assert max(pages.service.challenges.values()) == 1
    assert pages.service.most_probing <= 1
    assert max(pages.attempts.values()) <= 2 or seconds > 1
    for polls in pages.service.polled.values():
        assert all(later - earlier >= 2.0 for earlier, later in pairwise(polls))
    assert pages.clock.seconds() < wanted / 32 * 17 + 20 + 1.3 * seconds + 20
    assert pages.client.trouble == ""


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_short_outage_costs_time_only(fault: Any) -> None:
    """A second of each kind."""
    _cost_time_only(fault, 1.0, 100)


@pytest.mark.parametrize("fault", [(404, None), (502, None), NOT_SENT, LOST], ids=str)
def test_an_outage_costs_time_only(fault: Any) -> None:
    """Half a minute of a few kinds."""
    _cost_time_only(fault, 30.0, 100)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("seconds", [1.0, 30.0])
def test_two_hundred_pages_through_an_outage(fault: Any, seconds: float) -> None:
    """The same for more pages, and each kind in both lengths."""
    _cost_time_only(fault, seconds, 200)


@pytest.mark.parametrize("fault", [NOT_SENT, (403, None), (503, None)], ids=str)
def test_while_it_lasts_only_probes_are_sent(fault: Any) -> None:
    """Hardly more than one call in five seconds, and no createTask among them."""
    pages = Pages()
    pages.service.state = during(22.0, 60.0, fault, pages.clock)
    pages.fetch(100)
    sent = [method for at, method in pages.service.calls if 24.0 < at < 81.9]
    assert set(sent) == {"getBalance"}
    assert 8 <= len(sent) <= 25


def test_an_outage_that_lasts_is_final() -> None:
    """After three times the time for a solution: what waits fails, unsent, and what comes later fails at once."""
    pages = Pages(solve_timeout=20.0)
    pages.service.state = during(10.0, 1e9, (403, None), pages.clock)
    pages.fetch(40, at_once=8)
    assert pages.solved == 0
    assert {failure.code for failure in pages.errors} <= {"HTTP_403", "SOLVE_TIMEOUT"}
    assert all(failure.is_the_services_fault for failure in pages.errors)
    assert 70 <= pages.clock.seconds() <= 130
    assert "cannot be reached" in pages.client.trouble


def test_it_goes_on_after_an_outage_that_was_final() -> None:
    """One call at a time goes on trying."""
    pages = Pages(solve_timeout=5.0)
    pages.service.solve_seconds = 3.0
    pages.service.state = during(0.0, 60.0, NOT_SENT, pages.clock)
    pages.fetch(1)
    assert [failure.code for failure in pages.errors] == ["NOT_SENT"]
    pages.clock.advance(60.0)
    pages.fetch(20)
    assert pages.solved == 20


@pytest.mark.parametrize("told", [(500, None), NOT_SENT, (200, error("ERROR_NO_SLOT_AVAILABLE"))], ids=str)
def test_a_trouble_of_long_ago_fails_nobody(told: Any) -> None:
    """Nobody has tried since, so that nothing is known of how long it lasted: calls that come later try again."""
    pages = Pages(solve_timeout=20.0)
    pages.service.state = lambda method: told if method == "createTask" and pages.clock.seconds() < 90.0 else None
    pages.fetch(1)
    assert pages.solved == 0
    pages.clock.advance(2000.0)
    assert pages.client.trouble == ""
    pages.fetch(40)
    assert (pages.solved, pages.errors[1:]) == (40, [])


def test_nobody_is_refused_while_a_create_task_finds_out() -> None:
    """The trouble has lasted for too long, and the call that is under way may end it."""
    clock = Clock()
    availability = Availability(60.0, clock.seconds, lambda low, high: (low + high) / 2)
    busy = ServiceError("ERROR_NO_SLOT_AVAILABLE")
    while clock.seconds() < 61.0:
        if availability.next_step(CREATE) is Step.GO:
            began = availability.begin(CREATE)
            availability.end(CREATE)
            availability.failed(CREATE, busy, began)
        clock.advance(1.0)
    while availability._next_try > clock.seconds():
        with pytest.raises(ServiceError, match="no call was taken for 6"):
            availability.next_step(CREATE)
        clock.advance(1.0)
    assert availability.next_step(CREATE) is Step.GO
    availability.begin(CREATE)
    assert isinstance(availability.next_step(CREATE), float)


def test_a_service_without_a_free_slot_gets_few_calls() -> None:
    """Thirty tasks: after the first volley at most 5 calls a second, and one back-off for all."""
    pages = Pages(solve_timeout=20.0)
    pages.service.state = lambda method: (200, error("ERROR_NO_SLOT_AVAILABLE")) if method == "createTask" else None
    pages.fetch(30)
    created = [at for at, method in pages.service.calls if method == "createTask"]
    late = Counter(int(at) for at in created if at - created[0] >= 2)
    assert max(late.values()) <= 5
    assert len([at for at in created if at < 25]) <= 60
    assert {failure.code for failure in pages.errors} == {"ERROR_NO_SLOT_AVAILABLE"}
    assert "takes no task" in pages.client.trouble


def test_a_service_with_few_slots_is_filled_and_not_stormed() -> None:
    """Ten tasks at once are taken: all pages come, with few calls in vain."""
    pages = Pages()
    service, clock = pages.service, pages.clock

    def state(method: str) -> Any:
        running = sum(ready > clock.seconds() for ready in service.ready.values())
        return (200, error("ERROR_NO_SLOT_AVAILABLE")) if method == "createTask" and running >= 10 else None

    service.state = state
    pages.fetch(100)
    assert pages.solved == 100
    assert clock.seconds() < 100 / 10 * 15 * 1.6 + 20
    created = sum(method == "createTask" for _, method in service.calls)
    assert created < 100 * 2.5


def test_a_create_task_that_always_breaks_is_an_attempt_each_time() -> None:
    """Though the service answers all else: three attempts, and no storm."""
    pages = Pages()
    pages.service.state = lambda method: (500, None) if method == "createTask" else None
    pages.fetch(10)
    assert {failure.code for failure in pages.errors} == {"ANSWER_LOST"}
    assert {failure.bill for failure in pages.errors} == {"may have been charged"}
    assert sum(method == "createTask" for _, method in pages.service.calls) == 30


def test_the_busy_word_of_the_service_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """An outage is one WARNING, with what to do, and its end one INFO."""
    caplog.set_level(logging.INFO)
    pages = Pages()
    pages.service.state = during(22.0, 30.0, (503, None), pages.clock)
    pages.fetch(100)
    lines = [record for record in caplog.records if "cannot be reached" in record.message]
    assert [record.levelname for record in lines] == ["INFO", "WARNING"]
    assert lines[1].message.startswith("GeeTest: check GEETEST_API_URL and the network: ")
    assert sum("answers again after" in record.message for record in caplog.records) == 1


def test_a_v3_challenge_that_waited_too_long_is_not_sent() -> None:
    """The service would bill it like a solved task."""
    pages = Pages(solve_timeout=200.0)
    pages.service.state = during(0.0, 400.0, NOT_SENT, pages.clock)
    creating = Deferred.fromCoroutine(
        pages.client.create_task(Task(V3Challenge("a" * 32, "b" * 32), "https://example.com/"))
    )
    failures: list[Any] = []
    creating.addErrback(failures.append)
    while not creating.called:
        pages.clock.advance(0.5)
    assert (failures[0].value.code, failures[0].value.sent) == ("CHALLENGE_TOO_OLD", False)
    assert pages.service.challenges == {}

"""What stops all calls, and those that solving does without."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from service_servers import reply, serving
from service_stub import BALANCE, CREATED, KEY, PROCESSING, READY, Service, error, now
from service_tasks import PROXY, TASK, V3, client_of, failing

from scrapy_geetest._services.client import ServiceClient
from scrapy_geetest._services.errors import CLOSE_REASONS, ZERO_BALANCE, Reaction, ServiceError
from scrapy_geetest._services.task import Proxy, Task

STATUSES = [
    ((402, {"errorId": 1}), "ERROR_ZERO_BALANCE"),
    ((403, error("ERROR_IP_BANNED")), "ERROR_IP_BANNED"),
    *[(error(code), code) for code in CLOSE_REASONS],
]


@pytest.mark.parametrize(("answer", "code"), STATUSES, ids=repr)
def test_after_a_fatal_answer_nothing_is_sent_any_more(answer: Any, code: str) -> None:
    """Every call ends with the same error, unsent; the spider can be closed with its reason.

    Without a balance, no task is created any more; those that were paid for are asked for.
    """
    service = Service([answer])
    failure = failing(service.client.create_task(Task(V3, "https://example.com/", type="GeeTestTask")))
    assert (failure.code, failure.reaction, failure.sent) == (code, Reaction.STOP_CRAWL, True)
    assert failure.close_reason == CLOSE_REASONS[code]
    client = service.client
    others = () if code == ZERO_BALANCE else (client.result(1, V3), client.balance(), client.report_incorrect(1))
    for later in (client.create_task(TASK), *others):
        again = failing(later)
        assert (again.code, again.reaction, again.sent) == (code, Reaction.STOP_CRAWL, False)
        assert again is not failure
    assert len(service.calls) == 1
    assert service.polls == 0


def test_tasks_that_were_paid_for_are_waited_for_without_a_balance() -> None:
    """Only createTask ends."""
    service = Service([CREATED, error(ZERO_BALANCE), READY])
    task_id = now(service.client.create_task(TASK))
    assert failing(service.client.create_task(TASK)).sent
    assert not failing(service.client.create_task(TASK)).sent
    assert now(service.client.result(task_id, V3)).solution.version == 3
    assert service.methods == ["createTask", "createTask", "getTaskResult"]


def test_an_empty_account_may_say_so_to_any_call() -> None:
    """To a look at its balance, or to a poll: only purchases end, until there is a balance."""
    empty = error(ZERO_BALANCE)
    service = Service([empty, empty, READY, CREATED], balances=[empty, BALANCE])
    service.client.look_again()
    assert failing(service.client.create_task(TASK)).sent
    service.clock.advance(61.0)
    assert not failing(service.client.create_task(TASK)).sent
    assert failing(service.client.result(1, V3)).sent
    assert now(service.client.result(2, V3)).solution.version == 3
    service.clock.advance(61.0)
    assert now(service.client.create_task(TASK)) == 407533072
    assert service.methods == [
        *("createTask", "getBalance", "getTaskResult", "getTaskResult", "getBalance", "createTask"),
    ]


@pytest.mark.parametrize("code", [ZERO_BALANCE, "ERROR_IP_BLOCKED"])
def test_an_empty_account_is_looked_at_now_and_then(code: str, caplog: pytest.LogCaptureFixture) -> None:
    """Once a minute, in the background, where that is wanted; a balance that buys nothing is not tried again."""
    caplog.set_level(logging.INFO)
    balances = [{"errorId": 0, "balance": balance} for balance in (0, 0.0001, 0.0001, 5)]
    service = Service([error(code), error(code), CREATED], balances=[balances[0], error("ERROR_X"), *balances[1:]])
    service.client.look_again()
    bought = 0
    for _ in range(40):
        with suppress(ServiceError):
            bought += bool(now(service.client.create_task(TASK)))
        service.clock.advance(10.0)
    if code != ZERO_BALANCE:
        assert (service.methods, bought) == (["createTask"], 0)
        return
    looks = [call.at for call in service.calls if call.method == "getBalance"]
    assert [round(later - sooner) for sooner, later in pairwise(looks)] == [60] * 4
    # The third look finds a balance that is no more than too little, the fifth one more than that.
    assert service.methods[:8] == ["createTask", *["getBalance"] * 3, "createTask", *["getBalance"] * 2, "createTask"]
    assert bought == service.methods.count("createTask") - 2 > 1
    assert "capmonster has a balance again (5); purchases go on there" in caplog.text
    assert "the balance of capmonster could not be fetched: ERROR_X" in caplog.text
    assert service.client.verdict() is None


def test_a_fatal_answer_reaches_a_call_that_waits_to_repeat() -> None:
    """Who sleeps at that moment wakes up to the error, not to another call. The service has seen the challenge before."""
    service = Service([error("ERROR_NO_SLOT_AVAILABLE"), CREATED], balances=[error("ERROR_ZERO_BALANCE")])

    async def sleep(seconds: float) -> None:
        service.slept.append(seconds)
        with pytest.raises(ServiceError):
            await service.client.balance()

    service.client._sleep = sleep
    failure = failing(service.client.create_task(TASK))
    assert (failure.code, failure.sent) == ("ERROR_ZERO_BALANCE", True)
    assert service.methods == ["createTask", "getBalance"]
    assert len(service.slept) == 1


@pytest.mark.parametrize("description", ["no money", None])
def test_a_task_that_is_not_asked_for_any_more_is_named(description: str | None) -> None:
    """After another call's fatal answer: it was paid for, and nobody will fetch its solution."""
    service = Service([PROCESSING, error("ERROR_IP_BLOCKED", description)])

    async def sleep(seconds: float) -> None:
        service.clock.advance(seconds)
        if len(service.calls) == 1:
            with pytest.raises(ServiceError):
                await service.client.create_task(TASK)

    service.client._sleep = sleep
    failure = failing(service.client.result(5, V3))
    words = "; ".join(filter(None, (description, "its task was paid for and is abandoned")))
    assert str(failure) == f"ERROR_IP_BLOCKED: {words} (task 5)"
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
        with pytest.raises(ServiceError, match="accepts no reports"):
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

"""What prints a traceback with its locals (Sentry, rich, ``pytest --showlocals``) prints no key and no password."""

from __future__ import annotations

import asyncio
import re
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from reactor import settle as settle_on_loop
from sandbox_crawl import (
    crawl_sandbox,
    search_site,
    searches,
)
from service_servers import refused_port, reply, serving
from service_stub import CREATED, KEY, Service, error
from twisted.internet.error import ConnectionLost

from scrapy_geetest import SolveError
from scrapy_geetest._services.client import ServiceClient
from scrapy_geetest._services.errors import ServiceError
from scrapy_geetest._services.pacing import Pacing
from scrapy_geetest._services.task import Proxy, Task
from scrapy_geetest._services.transport import Transport
from scrapy_geetest.challenge import V3Challenge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy_geetest.sandbox import Sandbox

V3 = V3Challenge("a" * 32, "b" * 32)
PASSWORD = "s3cretOfThePr0xy"
PLAIN = Task(V3, "https://example.com/")
PROXIED = Task(V3, "https://example.com/", proxy=Proxy("http", "proxy.example", 80, "user", PASSWORD))
CALLS = ("create", "create proxied", "result", "balance", "report")


def call(client: ServiceClient, name: str) -> Any:
    calls: dict[str, Any] = {
        "create": lambda: client.create_task(PLAIN),
        "create proxied": lambda: client.create_task(PROXIED),
        "result": lambda: client.result(1, V3),
        "balance": client.balance,
        "report": lambda: client.report_incorrect(1),
    }
    return calls[name]()


def chain(failure: BaseException | None) -> Iterator[BaseException]:
    """An exception and all that it leads to, what a traceback leaves out included."""
    seen: list[BaseException] = []
    waiting = [failure]
    while waiting:
        one = waiting.pop()
        if one is not None and one not in seen:
            seen.append(one)
            waiting += [one.__cause__, one.__context__]
    return iter(seen)


def shown(failure: BaseException) -> str:
    """All tracebacks with their locals, from the package's first frame on: the tests' own hold what they compare with."""
    lines: list[str] = []
    for one in chain(failure):
        frames = one.__traceback__
        while frames is not None and "/scrapy_geetest/" not in frames.tb_frame.f_code.co_filename:
            frames = frames.tb_next
        lines += traceback.TracebackException(type(one), one, frames, capture_locals=True).format(chain=False)
    return "".join(lines)


def caught(awaited: Any) -> Exception:
    """What a call comes to that fails; without a Deferred around it, some of which scrub tracebacks."""
    with pytest.raises(Exception) as failure:  # noqa: PT011 - whatever it is, it is looked into
        awaited.send(None)
    assert not isinstance(failure.value, StopIteration), "it did not fail"
    return failure.value


def check(failure: BaseException) -> None:
    lines = shown(failure).lower().splitlines()
    assert any("<serviceclient" in line for line in lines)  # locals are shown
    assert [line for line in lines if KEY.lower() in line or PASSWORD.lower() in line] == []


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "answer",
    [
        error("ERROR_ZERO_BALANCE", f"no money for {KEY}"),
        (403, b"<html>"),
        b"<html>",
        (404, b""),
        error("ERROR_PROXY_BANNED"),
        ConnectionLost(),
        OSError("no route"),
    ],
    ids=repr,
)
def test_no_error_leads_to_a_secret(answer: Any, name: str) -> None:
    """The service's errors and the network's, of every call, and those of calls that are refused after them."""
    service = Service([answer], solve_timeout=5.0)
    check(caught(call(service.client, name)))
    if service.client.verdict():
        for later in CALLS:
            check(caught(call(service.client, later)))


@pytest.mark.parametrize("name", ["create", "result", "balance"])
def test_an_answer_that_repeats_the_key_is_not_shown(name: str) -> None:
    """Not even where it is no error, but cannot be read either."""
    answer = {"errorId": 0, "status": "ready", "taskId": f"id-{KEY}", "balance": KEY, "solution": {KEY: [KEY]}}
    check(caught(call(Service([answer]).client, name)))


@pytest.mark.parametrize("name", ["create proxied", "result"])
def test_what_a_sleep_raises_leads_to_no_secret(name: str) -> None:
    """The end of a crawl comes through the same frames."""

    class StoppingError(Exception):
        """The crawl is ending."""

    async def sleep(_: float) -> None:
        raise StoppingError

    service = Service([error("ERROR_NO_SLOT_AVAILABLE")])
    service.client._sleep = sleep
    failure = caught(call(service.client, name))
    assert isinstance(failure, StoppingError)
    check(failure)


def test_a_task_that_cannot_be_sent_shows_no_secret() -> None:
    """Its own mistake is no error of the service."""
    task = Task(V3, "nowhere", proxy=PROXIED.proxy)
    check(caught(Service([CREATED]).client.create_task(task)))


def test_a_service_error_keeps_its_traceback() -> None:
    """Who called, and where it failed."""

    async def caller() -> None:
        await Service([error("ERROR_X")]).client.balance()

    names = [frame.name for frame in traceback.extract_tb(caught(caller()).__traceback__)]
    assert {"caller", "balance", "_call"} <= set(names)


def client_of(url: str) -> ServiceClient:
    return ServiceClient(
        api_key=KEY,
        transport=Transport(base_url=url, timeout=1.0, settle=settle_on_loop),
        pacing=Pacing(first_poll=0.01),
        sleep=lambda _: asyncio.sleep(0.01),
        clock=asyncio.get_running_loop().time,
        solve_timeout=0.7,
        on_poll=lambda: None,
    )


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("fault", ["cut", "hang", "error", "refused"])
async def test_over_sockets_no_error_leads_to_a_secret(name: str, fault: str) -> None:
    """Through Twisted's and treq's own frames as well."""
    faults: dict[str, Any] = {
        "cut": lambda transport, _: transport.abortConnection(),
        "error": lambda transport, _: reply(transport, error("ERROR_IP_BANNED"), 403),
    }
    async with serving(faults.get(fault, lambda *_: None)) as server:
        client = client_of(f"http://127.0.0.1:{refused_port()}" if fault == "refused" else server.url)
        with pytest.raises(ServiceError) as failure:
            await call(client, name)
        check(failure.value)
        await client.close()


@pytest.mark.parametrize("name", CALLS)
async def test_over_sockets_a_cancelled_call_leads_to_no_secret(name: str) -> None:
    """And neither does one that is ended by closing."""
    async with serving(lambda *_: None) as server:
        client = client_of(server.url)
        cancelled, closed = (asyncio.ensure_future(call(client, name)) for _ in range(2))
        await server.until(lambda server: len(server.received) == 2)
        cancelled.cancel()
        await asyncio.wait([cancelled])
        await client.close()
        for future in (cancelled, closed):
            with pytest.raises((asyncio.CancelledError, ServiceError)) as ended:
                await future
            check(ended.value)


@pytest.mark.parametrize("fault", ["ERROR_ZERO_BALANCE", "ERROR_CAPTCHA_UNSOLVABLE"])
async def test_the_errback_of_a_spider_shows_no_secret(sandbox: Sandbox, fault: str) -> None:
    """The crawl's error is raised from the service's."""
    sandbox.reset(
        faults={"createTask": [fault, "..."]} if fault == "ERROR_ZERO_BALANCE" else {"getTaskResult": [fault]}
    )
    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), search_site(sandbox), GEETEST_MAX_ATTEMPTS=1)
    [failure] = outcome.errors
    assert isinstance(failure, SolveError)
    text = shown(failure)
    assert re.search(r"SolveError: .*No solution for", text)
    assert "context = " in text
    assert sandbox.api_key not in text


def test_reprs_show_no_password() -> None:
    """They are what is shown of the arguments."""
    assert PASSWORD not in f"{PROXIED!r} {PROXIED.proxy!r}"

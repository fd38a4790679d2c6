"""The client over sockets: connections that are cut, refused, and closed."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from reactor import settle as settle_on_loop
from service_servers import Received, refused_port, reply, serving
from service_stub import KEY, READY, error
from service_tasks import TASK, V3, V4

from scrapy_geetest._services.client import Result, ServiceClient
from scrapy_geetest._services.errors import Reaction, ServiceError
from scrapy_geetest._services.pacing import Pacing
from scrapy_geetest._services.transport import Transport


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


def client_of(url: str, timeout: float = 20.0) -> ServiceClient:
    return ServiceClient(
        api_key=KEY,
        transport=Transport(base_url=url, timeout=timeout, settle=settle_on_loop),
        pacing=Pacing(first_poll=0.01, interval=2.0),
        sleep=lambda _: asyncio.sleep(0.01),
        clock=time.monotonic,
        solve_timeout=60.0,
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
    """Nothing was sent, five times over; the error says so."""
    client = client_of(f"http://127.0.0.1:{refused_port()}")
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
        assert len(server.received) <= 16
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

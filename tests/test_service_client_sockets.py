"""The client of the service over sockets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from service_servers import Received, refused_port, reply, serving
from service_stub import BALANCE, READY, error
from service_tasks import TASK, V3, V4, client_of

from scrapy_geetest._services.errors import Reaction, ServiceError

if TYPE_CHECKING:
    from scrapy_geetest._services.client import Result


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

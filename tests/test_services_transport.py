"""One call of the service: what is sent, what is read, and when it ends."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest
from reactor import settle, turns
from service_servers import Received, reply, serving
from service_stub import KEY
from transport_servers import BODY, as_it_came, hang, ok, silent_body, transport_to
from twisted.internet.error import ConnectionRefusedError as TwistedConnectionRefusedError

from scrapy_geetest._services.transport import Answer, AnswerLostError, NotSentError, Transport, check_base_url

pytestmark = pytest.mark.usefixtures("nothing_unhandled")


async def test_a_call_posts_json_and_returns_what_came() -> None:
    """The body is JSON, the User-Agent names the package, nothing compressed is asked for, the status comes along."""
    async with serving(lambda t, _: reply(t, {"errorId": 1}, 403)) as server, transport_to(f"{server.url}/base/") as t:
        assert await t.call("getBalance", BODY, as_it_came) == Answer(403, {"errorId": 1})
    [received] = server.received
    assert received.target == "/base/getBalance"
    assert received.json == BODY
    assert received.headers["user-agent"].startswith("scrapy-geetest/")
    assert received.headers["content-type"] == "application/json"
    assert received.headers["accept-encoding"] == "identity"
    assert KEY not in str(received.headers)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"null", b"\xff\xfe", b"[" * 50_000, b"{", b'{"a":' * 10_000, b"1" * 9_000]
)
async def test_a_body_that_is_no_json_object_is_none(body: bytes) -> None:
    """Whatever bytes come, they are a JSON object or nothing."""
    async with serving(lambda t, _: reply(t, body)) as server, transport_to(server.url) as t:
        assert await t.call("createTask", BODY, as_it_came) == Answer(200, None)


async def test_calls_share_one_connection() -> None:
    """Calls one after the other, and calls that are answered at once, need one connection."""
    async with serving(ok) as server, transport_to(server.url) as t:
        for _ in range(50):
            await t.call("getTaskResult", BODY, as_it_came)
        assert server.opened == 1
        assert len(server.received) == 50
    await server.until_closed()


async def test_connections_are_bounded() -> None:
    """However many calls hang, no more than the allowed connections are opened; the rest is known to be unsent."""
    async with serving(hang) as server, transport_to(server.url, timeout=60.0, max_connections=3) as t:
        calls = [asyncio.ensure_future(t.call("createTask", BODY, as_it_came)) for _ in range(20)]
        await server.until(lambda seen: len(seen.received) == 3)
        await asyncio.sleep(0.2)  # more would have come
        assert (server.opened, len(server.received)) == (3, 3)
        await t.close()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == ["AnswerLostError"] * 3 + ["NotSentError"] * 17
        await server.until_closed()
        assert (server.opened, len(server.received)) == (3, 3)


async def test_a_redirect_is_not_followed() -> None:
    """The body holds the key: no other address gets it, whatever the status."""
    async with serving(ok) as other:
        for status in (301, 302, 303, 307, 308):

            def redirect(transport: Any, _: Received, status: int = status) -> None:
                reply(transport, b"", status, Location=f"{other.url}/createTask")

            async with serving(redirect) as server, transport_to(server.url) as t:
                assert await t.call("createTask", BODY, as_it_came) == Answer(status, None)
        assert other.opened == 0


async def test_no_cookie_is_kept() -> None:
    """A cookie that the service sets is not sent back."""
    async with (
        serving(lambda t, _: reply(t, {"errorId": 0}, Set_Cookie="a=b; Path=/")) as server,
        transport_to(server.url) as t,
    ):
        await t.call("getBalance", BODY, as_it_came)
        await t.call("getBalance", BODY, as_it_came)
    assert ["cookie" in received.headers for received in server.received] == [False, False]


async def test_a_compressed_answer_is_read() -> None:
    """A server that compresses unasked is understood, and its connection goes on being used."""
    body = gzip.compress(json.dumps({"errorId": 0, "taskId": 5}).encode())
    async with (
        serving(lambda t, _: reply(t, body, Content_Encoding="gzip")) as server,
        transport_to(server.url) as t,
    ):
        for _ in range(3):
            assert await t.call("createTask", BODY, as_it_came) == Answer(200, {"errorId": 0, "taskId": 5})
        assert server.opened == 1


async def test_a_body_without_a_length_is_read_to_its_end() -> None:
    """An answer of HTTP/1.0 shape ends with its connection."""

    def old(transport: Any, _: Received) -> None:
        transport.write(b'HTTP/1.0 200 OK\r\n\r\n{"errorId": 0}')
        transport.loseConnection()

    async with serving(old) as server, transport_to(server.url) as t:
        assert await t.call("getBalance", BODY, as_it_came) == Answer(200, {"errorId": 0})


async def test_a_keep_alive_that_the_server_ends_is_replaced() -> None:
    """A connection that the server closes between two calls costs no call."""

    def once(transport: Any, _: Received) -> None:
        reply(transport, {"errorId": 0})
        transport.loseConnection()

    async with serving(once) as server, transport_to(server.url) as t:
        for _ in range(3):
            assert (await t.call("getTaskResult", BODY, as_it_came)).status == 200
            await server.until_closed()
            await turns()
    assert server.opened == 3


async def test_after_a_refusal_only_calls_on_the_wire_go_on() -> None:
    """A call that has not been sent yet ends unsent; one that has been gets its answer; none is sent any more."""
    waiting: list[Any] = []
    async with (
        serving(lambda transport, _: waiting.append(transport)) as server,
        transport_to(server.url, max_connections=1) as t,
    ):
        on_the_wire = asyncio.ensure_future(t.call("getTaskResult", BODY, as_it_came))
        await server.until(lambda server: len(server.received) == 1)
        queued = asyncio.ensure_future(t.call("getTaskResult", BODY, as_it_came))
        await turns()
        t.refuse("no balance")
        with pytest.raises(NotSentError, match="no balance"):
            await queued
        reply(waiting[0], {"errorId": 0})
        assert await on_the_wire == Answer(200, {"errorId": 0})
        with pytest.raises(NotSentError, match="no balance"):
            await t.call("getTaskResult", BODY, as_it_came)
        assert len(server.received) == 1


async def test_an_answer_is_read_before_the_next_call_is_sent() -> None:
    """A reader that refuses further calls stops those that waited for this very connection."""

    def refusing(answer: Answer) -> Answer:
        t.refuse("no balance")
        return answer

    async with serving(ok) as server, transport_to(server.url, max_connections=1) as t:
        calls = [asyncio.ensure_future(t.call("createTask", BODY, refusing)) for _ in range(10)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(result).__name__ for result in results] == ["Answer"] + ["NotSentError"] * 9
        assert len(server.received) == 1


async def test_what_the_reader_raises_ends_the_call() -> None:
    """The connection is as good as before."""

    def raising(answer: Answer) -> Answer:
        raise LookupError(answer.status)

    async with serving(ok) as server, transport_to(server.url) as t:
        for _ in range(3):
            with pytest.raises(LookupError):
                await t.call("createTask", BODY, raising)
        assert server.opened == 1


async def test_closing_ends_everything() -> None:
    """Calls on the wire end, connections in use and idle ones are closed, and later calls are not sent."""
    async with serving(lambda t, r: ok(t, r) if r.target == "/fast" else None) as server:
        transport = Transport(base_url=server.url, timeout=20.0, settle=settle)
        slow = asyncio.ensure_future(transport.call("slow", BODY, as_it_came))
        await server.until(lambda server: len(server.received) == 1)
        await transport.call("fast", BODY, as_it_came)
        assert server.open == 2
        await transport.close()
        with pytest.raises(AnswerLostError, match="closed"):
            await slow
        await server.until_closed()
        with pytest.raises(NotSentError, match="closed"):
            await transport.call("fast", BODY, as_it_came)
        await transport.close()


async def test_a_cancelled_caller_closes_its_connection() -> None:
    """A caller that is cancelled leaves no connection behind that still waits."""
    async with serving(silent_body) as server, transport_to(server.url) as t:
        calling = asyncio.ensure_future(t.call("getTaskResult", BODY, as_it_came))
        await server.until(lambda server: len(server.received) == 1)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        await server.until_closed()


async def test_the_caller_may_have_less_time_than_the_timeout() -> None:
    """The time left for a task bounds its last call."""
    async with serving(hang) as server, transport_to(server.url, timeout=600.0) as t:
        with pytest.raises(AnswerLostError, match=r"within 0\.2 s"):
            await t.call("getTaskResult", BODY, as_it_came, within=0.2)
        with pytest.raises((NotSentError, AnswerLostError), match="within 0 s"):
            await t.call("getTaskResult", BODY, as_it_came, within=-3.0)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.capmonster.cloud",
        "https://api.example:8443/base",
        "http://127.0.0.1:8000",
        "http://127.3.2.1",
        "http://localhost:1",
        "http://[::1]:8000",
    ],
)
def test_a_base_url_is_https_or_loopback(url: str) -> None:
    """https anywhere, plain http on this machine only; the slash at the end does not count."""
    assert check_base_url(url) == check_base_url(f"{url}/") == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.capmonster.cloud",
        "http://api.capmonster.cloud",
        "http://localhost.example",
        "http://10.0.0.1",
        "ftp://127.0.0.1",
        "https://user@api.example",
        "https://:secret@api.example",
        "https://api.example?key=1",
        "https://api.example#x",
        "https://api.example:99999",
        "https://[::1",
        "https://",
        "https://api.example:0",
        "https://api.example/?",
        "https://api example",
        "https://api.example/\n/x",
    ],
)
def test_any_other_base_url_is_refused(url: str) -> None:
    """The key would be sent in clear, or to who knows whom."""
    with pytest.raises(ValueError, match="the service's URL"):
        check_base_url(url)


def test_an_injected_client_that_could_not_connect_has_sent_nothing() -> None:
    """Where the pool is not the transport's own, the kind of the error decides."""
    from service_stub import Service, now

    refused = TwistedConnectionRefusedError()  # type: ignore[no-untyped-call]  # Twisted's
    for error, kind in ((refused, NotSentError), (OSError("gone"), AnswerLostError)):
        with pytest.raises(kind):
            now(Service([error]).transport.call("createTask", BODY, as_it_came))

"""Ways to the service: through a proxy, past others that wait, and what is said where it is no way."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from service_servers import Received, reply, serving
from service_stub import KEY
from transport_servers import Certificate, as_it_came, ok, transport_to

from scrapy_geetest._services.connections import HttpProxy
from scrapy_geetest._services.secret import Secret
from scrapy_geetest._services.transport import Answer, AnswerLostError, NotSentError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BODY = {"clientKey": Secret(KEY), "taskId": 1}
PASSWORD = "pr0xyPassw0rd"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate(tmp_path_factory.mktemp("tls"))


class Tunnels:
    """An HTTP proxy that knows CONNECT, and answers with ``answer``; what came through it is in ``heads``."""

    def __init__(self, answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> None:
        self.answer = answer
        self.heads: list[str] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        writer.write(self.answer)
        if b" 200 " not in self.answer:
            writer.close()
            return
        host, _, port = head.split(" ")[1].rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))

        async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65_536):
                sink.write(data)
            sink.close()

        await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer), return_exceptions=True)


@asynccontextmanager
async def tunnelling(tunnels: Tunnels) -> AsyncIterator[HttpProxy]:
    server = await asyncio.start_server(tunnels.serve, "127.0.0.1", 0)
    tunnels.port = server.sockets[0].getsockname()[1]
    try:
        yield HttpProxy.from_url(f"http://ann:{PASSWORD}@127.0.0.1:{tunnels.port}")
    finally:
        server.close()


async def test_https_goes_through_a_tunnel(certificate: Certificate) -> None:
    """One tunnel serves many calls; the proxy gets its password, and never the key; TLS is verified to the service."""
    tunnels = Tunnels()
    async with (
        serving(ok, certificate.server) as server,
        tunnelling(tunnels) as proxy,
        transport_to(server.url, proxy=proxy, tls_policy=certificate.policy) as t,
    ):
        for _ in range(3):
            assert await t.call("getBalance", BODY, as_it_came) == Answer(200, {"errorId": 0})
    [head] = tunnels.heads
    assert head.startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n")
    assert "Proxy-Authorization: Basic YW5uOnByMHh5UGFzc3cwcmQ=\r\n" in head
    assert [received.json["clientKey"] for received in server.received] == [KEY] * 3
    assert all("proxy-authorization" not in received.headers for received in server.received)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "status 407"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "no HTTP|status"),
        (b"", "a closed connection"),
        (b"x" * 20_000, "an endless header"),
    ],
)
async def test_a_proxy_that_refuses_has_passed_nothing_on(certificate: Certificate, answer: bytes, told: str) -> None:
    """The call was not sent, and the error says what the proxy said, without its password."""
    async with (
        serving(ok, certificate.server) as server,
        tunnelling(Tunnels(answer)) as proxy,
        transport_to(server.url, proxy=proxy, tls_policy=certificate.policy, timeout=5.0) as t,
    ):
        with pytest.raises(NotSentError, match=rf"GEETEST_API_PROXY.*({told})") as failure:
            await t.call("createTask", BODY, as_it_came)
        assert PASSWORD not in str(failure.value)
    assert server.received == []


async def test_plain_http_is_asked_of_the_proxy() -> None:
    """With the whole address, and the proxy's password."""
    async with serving(ok) as proxy_server:
        proxy = HttpProxy.from_url(f"http://ann:{PASSWORD}@127.0.0.1:{proxy_server.port}")
        async with transport_to("http://127.0.0.1:9", proxy=proxy) as t:
            for _ in range(2):
                await t.call("createTask", BODY, as_it_came)
    assert proxy_server.opened == 1
    assert proxy_server.received[0].target == "http://127.0.0.1:9/createTask"
    assert proxy_server.received[0].headers["proxy-authorization"] == "Basic YW5uOnByMHh5UGFzc3cwcmQ="


async def test_https_at_a_plain_port_is_told_at_once() -> None:
    """Nothing was sent, and the error says what is wrong."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with transport_to(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}") as t:
        with pytest.raises(NotSentError, match="https was used on a port that does not speak TLS"):
            await t.call("createTask", BODY, as_it_came)
    server.close()


async def test_after_a_kept_connection_was_closed_a_create_task_opens_one() -> None:
    """A balancer closes kept connections at the next call: one poll is lost to that, and no createTask ever."""
    seen: dict[Any, int] = {}

    def balancer(transport: Any, received: Received) -> None:
        seen[transport] = seen.get(transport, 0) + 1
        if seen[transport] > 1:
            lost.append(received.target)
            transport.loseConnection()
        else:
            reply(transport, {"errorId": 0})

    lost: list[str] = []
    async with serving(balancer) as server, transport_to(server.url) as t:
        await t.call("createTask", BODY, as_it_came, urgent=True)
        with pytest.raises(AnswerLostError):
            await t.call("getTaskResult", BODY, as_it_came)
        await t.call("getTaskResult", BODY, as_it_came)
        for _ in range(5):
            await t.call("createTask", BODY, as_it_came, urgent=True)
    assert lost == ["/getTaskResult"]


async def test_calls_to_a_service_nearby_share_one_connection(certificate: Certificate) -> None:
    """A hundred at once, over TLS: each answers sooner than another handshake would take."""
    async with serving(ok, certificate.server) as server, transport_to(server.url, tls_policy=certificate.policy) as t:
        await asyncio.gather(*(t.call("getTaskResult", BODY, as_it_came) for _ in range(100)))
        assert server.opened < 50  # 1, unless the machine stands still meanwhile


@pytest.mark.parametrize("ending", ["refuse", "close"])
async def test_however_many_calls_wait_all_of_them_end(ending: str) -> None:
    """When nothing is sent any more, or the client is closed: a thousand that wait behind one."""

    def never(_: Any, __: Received) -> None:
        """No answer."""

    async with serving(never) as server, transport_to(server.url) as t:
        calls = [asyncio.ensure_future(t.call("getTaskResult", BODY, as_it_came)) for _ in range(1000)]
        await asyncio.sleep(0.05)
        if ending == "refuse":
            t.refuse("the key is wrong")
            await asyncio.sleep(0.05)
            assert sum(call.done() for call in calls) >= 900
        await t.close()
        outcomes = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 10)
    assert {type(outcome) for outcome in outcomes} <= {NotSentError, AnswerLostError}


async def test_calls_to_a_service_far_away_do_not_wait_for_each_other() -> None:
    """As many connections as calls, once its distance is known."""

    def slowly(transport: Any, _: Received) -> None:
        asyncio.get_running_loop().call_later(0.2, reply, transport, {"errorId": 0})

    async with serving(slowly) as server, transport_to(server.url) as t:
        await asyncio.gather(*(t.call("getTaskResult", BODY, as_it_came) for _ in range(100)))
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(t.call("getTaskResult", BODY, as_it_came) for _ in range(60)))
        assert asyncio.get_running_loop().time() - began < 2
        assert server.opened >= 60

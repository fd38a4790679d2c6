"""Every way in which an answer can go wrong is a lost answer, in time, also over TLS."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest
from service_servers import Received, refused_port, serving
from service_stub import KEY
from transport_servers import BODY, FAULTS, Certificate, as_it_came, ok, transport_to

from scrapy_geetest._services.transport import AnswerLostError, NotSentError

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("nothing_unhandled")


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_is_a_lost_answer_within_the_timeout(
    fault: Callable[[Any, Received], None], caplog: pytest.LogCaptureFixture
) -> None:
    """The call fails once, in time, without the key in any text; its connection is closed; the next call works."""
    caplog.set_level(logging.DEBUG)
    sick = [True]

    def behave(transport: Any, received: Received) -> None:
        (fault if sick[0] else ok)(transport, received)

    async with serving(behave) as server, transport_to(server.url, timeout=1.0) as t:
        started = asyncio.get_running_loop().time()
        with pytest.raises(AnswerLostError) as failure:
            await t.call("createTask", BODY, as_it_came)
        assert asyncio.get_running_loop().time() - started < 20
        sick[0] = False
        assert (await t.call("createTask", BODY, as_it_came)).data == {"errorId": 0}
        await server.until(lambda server: server.open == 1)
        assert len(server.received) == 2
    assert KEY not in f"{failure.value!r} {failure.value} {failure.value.__cause__!r} {caplog.text}"
    assert str(failure.value)


async def test_a_refused_connection_is_not_sent() -> None:
    """Nothing listens: the call may be made again."""
    async with transport_to(f"http://127.0.0.1:{refused_port()}") as t:
        with pytest.raises(NotSentError, match="refused"):
            await t.call("createTask", BODY, as_it_came)


async def test_tls_is_verified_before_anything_is_sent(certificate: Certificate) -> None:
    """A certificate that nobody vouches for gets no byte of the call, which therefore may be made again."""
    async with serving(ok, certificate.server) as server, transport_to(server.url) as t:
        with pytest.raises(NotSentError, match="certificate verify failed"):
            await t.call("createTask", BODY, as_it_came)
        await server.until_closed()
    assert server.received == []


async def test_tls_is_verified_for_the_name(certificate: Certificate) -> None:
    """A trusted certificate of another host gets no byte of the call either."""
    async with serving(ok, certificate.server) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        async with transport_to(url, tls_policy=certificate.policy) as t:
            with pytest.raises(NotSentError):
                await t.call("createTask", BODY, as_it_came)
        await server.until_closed()
    assert server.received == []


@pytest.mark.parametrize("fault", FAULTS)
async def test_over_tls_a_connection_is_kept_and_closed_for_good(
    fault: Callable[[Any, Received], None], certificate: Certificate
) -> None:
    """One handshake serves many calls; a peer that hangs cannot keep the connection open."""

    def behave(transport: Any, received: Received) -> None:
        (fault if received.target == "/fault" else ok)(transport, received)

    async with serving(behave, certificate.server) as server:
        async with transport_to(server.url, timeout=20.0, tls_policy=certificate.policy) as t:
            for _ in range(5):
                assert (await t.call("getBalance", BODY, as_it_came)).data == {"errorId": 0}
            assert server.opened == 1
            with pytest.raises(AnswerLostError):
                await t.call("fault", BODY, as_it_came, within=0.5)
            await server.until_closed()
            assert (await t.call("getBalance", BODY, as_it_came)).data == {"errorId": 0}
        await server.until_closed()


async def test_what_is_no_tls_after_the_call_is_a_lost_answer(certificate: Certificate) -> None:
    """A balancer's plain words on an encrypted connection: OpenSSL says of them what it says of a failed handshake."""

    def plain_words(transport: Any, _: Received) -> None:
        transport.transport.write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")

    async with (
        serving(plain_words, certificate.server) as server,
        transport_to(server.url, tls_policy=certificate.policy) as t,
    ):
        with pytest.raises(AnswerLostError):
            await t.call("createTask", BODY, as_it_came)
    assert len(server.received) == 1


async def test_a_handshake_that_is_cut_off_is_not_sent() -> None:
    """Whatever ends the connection before TLS carries the call: it may be made again."""

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(cut, "127.0.0.1", 0)
    try:
        async with transport_to(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}") as t:
            with pytest.raises(NotSentError):
                await t.call("createTask", BODY, as_it_came)
    finally:
        server.close()
        await server.wait_closed()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate(tmp_path_factory.mktemp("tls"))

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import zlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from reactor import settle, turns
from service_servers import Received, refused_port, reply, serving
from service_stub import KEY
from twisted.internet.error import ConnectionRefusedError as TwistedConnectionRefusedError
from twisted.logger import globalLogPublisher

from scrapy_geetest._services.exchange import Exchange, _Body
from scrapy_geetest._services.transport import Answer, AnswerLostError, NotSentError, Transport, check_base_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

BODY = {"clientKey": KEY, "taskId": 1}


@pytest.fixture(autouse=True)
def nothing_unhandled() -> Iterator[None]:
    """No error may end in Twisted's log for want of somebody who takes it."""
    events: list[Any] = []

    def observe(event: Any) -> None:
        if event.get("log_failure") is not None:
            events.append(event)

    observer: Any = observe
    globalLogPublisher.addObserver(observer)
    yield
    globalLogPublisher.removeObserver(observer)
    assert events == []


@asynccontextmanager
async def transport_to(url: str, timeout: float = 20.0, **kwargs: Any) -> AsyncIterator[Transport]:
    transport = Transport(base_url=url, timeout=timeout, settle=settle, **kwargs)
    try:
        yield transport
    finally:
        await transport.close()


def as_it_came(answer: Answer) -> Answer:
    return answer


def ok(transport: Any, _: Received) -> None:
    reply(transport, {"errorId": 0})


def hang(_: Any, __: Received) -> None:
    """The request is read and never answered."""


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
    async with serving(hang) as server, transport_to(server.url, timeout=2.0, max_connections=3) as t:
        calls = [asyncio.ensure_future(t.call("createTask", BODY, as_it_came)) for _ in range(20)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert server.opened == len(server.received) == 3
        assert sorted(type(result).__name__ for result in results) == ["AnswerLostError"] * 3 + ["NotSentError"] * 17
        await server.until_closed()


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


def drip(transport: Any, _: Received) -> None:
    from twisted.internet.task import LoopingCall

    reply(transport, b"{", length=1000)
    looping = LoopingCall(lambda: transport.write(b" ") if transport.connected else looping.stop())
    looping.start(0.05, now=False).addErrback(lambda _: None)


def silent_body(transport: Any, _: Received) -> None:
    reply(transport, b'{"errorId": 0', length=1000)


def endless(transport: Any, _: Received) -> None:
    transport.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")

    def more() -> None:
        if transport.connected:
            transport.write(b"1000\r\n" + b" " * 0x1000 + b"\r\n")
            asyncio.get_running_loop().call_later(0.001, more)

    more()


def huge(transport: Any, _: Received) -> None:
    reply(transport, b" " * 200_000, length=100_000_000)


def announced_and_whole(transport: Any, _: Received) -> None:
    reply(transport, b" " * 70_000)


def gzip_bomb(transport: Any, _: Received) -> None:
    reply(transport, gzip.compress(b" " * 20_000_000), Content_Encoding="gzip")


def gzip_garbage(transport: Any, _: Received) -> None:
    reply(transport, b"not compressed at all", Content_Encoding="gzip")


def reset_at_once(transport: Any, _: Received) -> None:
    transport.abortConnection()


def reset_in_headers(transport: Any, _: Received) -> None:
    transport.write(b"HTTP/1.1 200 OK\r\nContent-Le")
    transport.loseConnection()


def reset_in_body(transport: Any, _: Received) -> None:
    reply(transport, b'{"errorId": 0', length=1000)
    transport.loseConnection()


def no_http(transport: Any, _: Received) -> None:
    transport.write(b"220 mail.example ESMTP\r\n\r\n")


FAULTS = [
    *(drip, silent_body, hang, endless, huge, announced_and_whole, gzip_bomb, gzip_garbage),
    *(reset_at_once, reset_in_headers, reset_in_body, no_http),
]


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


class Certificate:
    """A self-signed certificate for 127.0.0.1: for the server, and for clients that trust it."""

    def __init__(self, folder: Path) -> None:
        from datetime import datetime, timedelta, timezone
        from ipaddress import ip_address

        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from twisted.internet.ssl import Certificate as TrustRoot
        from twisted.internet.ssl import DefaultOpenSSLContextFactory
        from twisted.web.client import BrowserLikePolicyForHTTPS

        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test service")])
        today = datetime.now(timezone.utc)
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(today - timedelta(days=1))
            .not_valid_after(today + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / "certificate.pem").write_bytes(pem)
        (folder / "key.pem").write_bytes(secret)
        self.server: Any = DefaultOpenSSLContextFactory(  # type: ignore[no-untyped-call]  # Twisted's
            str(folder / "key.pem"), str(folder / "certificate.pem")
        )
        self.policy: Any = BrowserLikePolicyForHTTPS(TrustRoot.loadPEM(pem))  # type: ignore[no-untyped-call]  # Twisted's


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate(tmp_path_factory.mktemp("tls"))


def test_a_gzip_bomb_is_not_inflated_past_the_cap() -> None:
    """Of a chunk that inflates a thousandfold, no more than the cap and one byte is ever in memory."""
    from twisted.internet.defer import Deferred

    exchange = Exchange(1000, set())
    exchange.gzip = True
    complete: Deferred[bytes] = Deferred()
    body = _Body(exchange, complete)
    body.dataReceived(gzip.compress(b" " * 50_000_000))
    failures: list[Any] = []
    complete.addErrback(failures.append)
    assert "longer than 1000" in str(failures[0].value)
    assert len(body._content) == 1001
    body.dataReceived(b"more")
    assert len(body._content) == 1001


def test_an_exchange_that_has_not_begun_can_be_stopped() -> None:
    """The reason is kept, and nothing has to be closed."""
    exchange = Exchange(1000, set())
    exchange.stop("closed")
    exchange.abort()
    assert exchange.stopped == "closed"


def test_junk_after_a_compressed_body_is_bounded() -> None:
    """What comes after the end of the compressed stream counts, too."""
    from twisted.internet.defer import Deferred

    exchange = Exchange(1000, set())
    exchange.gzip = True
    complete: Deferred[bytes] = Deferred()
    body = _Body(exchange, complete)
    body.dataReceived(gzip.compress(b"{}"))
    body.dataReceived(b"x" * 2000)
    failures: list[Any] = []
    complete.addErrback(failures.append)
    assert "longer than 1000" in str(failures[0].value)
    assert not isinstance(failures[0].value, zlib.error)


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

"""Small HTTP servers on loopback that answer byte by byte as a test wants, and remember what they got."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from attrs import define, field
from reactor import settle
from twisted.internet.defer import maybeDeferred
from twisted.internet.protocol import Factory, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


@define
class Received:
    """A request as it came."""

    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@define
class Server:
    """What a server has seen so far, and what it does about a request.

    Attributes:
        behave: Called with the transport and each complete request.
        received: All requests.
        opened: Number of connections ever.
        open: Number of connections now.
    """

    behave: Callable[[Any, Received], None]
    port: int = 0
    scheme: str = "http"
    received: list[Received] = field(factory=list)
    opened: int = 0
    open: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def until(self, condition: Callable[[Server], bool], seconds: float = 30.0) -> None:
        """Wait until the server has seen something."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not condition(self):
            assert asyncio.get_running_loop().time() < deadline, f"it never came to that: {self}"
            await asyncio.sleep(0.005)

    async def until_closed(self) -> None:
        """Wait until the clients have closed all connections."""
        await self.until(lambda server: server.open == 0)


class _Connection(Protocol):
    def __init__(self, server: Server) -> None:
        self.server = server
        self.buffer = b""

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        self.server.opened += 1
        self.server.open += 1

    def connectionLost(self, reason: Any = None) -> None:  # noqa: ARG002, N802 - Twisted's name
        self.server.open -= 1

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        self.buffer += data
        head, separator, body = self.buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if len(body) < length:
            return
        self.buffer = body[length:]
        received = Received(first.split(" ")[1], headers, body[:length])
        self.server.received.append(received)
        self.server.behave(self.transport, received)


@asynccontextmanager
async def serving(behave: Callable[[Any, Received], None], tls: Any = None) -> AsyncIterator[Server]:
    """A server on a free port of 127.0.0.1; with a context factory, over TLS."""
    from twisted.internet import reactor

    server = Server(behave, scheme="https" if tls else "http")
    factory = Factory()
    connections: list[_Connection] = []

    def build(_address: Any) -> Protocol:
        connections.append(_Connection(server))
        return connections[-1]

    factory.buildProtocol = build  # type: ignore[assignment, method-assign]  # a factory in one function
    factory.noisy = False
    any_reactor: Any = reactor
    listening = (
        any_reactor.listenSSL(0, factory, tls, interface="127.0.0.1")
        if tls
        else any_reactor.listenTCP(0, factory, interface="127.0.0.1")
    )
    server.port = listening.getHost().port
    try:
        yield server
    finally:
        await settle(maybeDeferred(listening.stopListening))
        for connection in connections:
            transport: Any = connection.transport
            if not transport.disconnected:
                transport.abortConnection()
        await server.until_closed()


def reply(
    transport: Any, body: bytes | dict[str, Any], status: int = 200, length: int | None = None, **headers: str
) -> None:
    """Write a whole response; ``length`` may lie."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(content) if length is None else length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    transport.write("\r\n".join([*lines, "", ""]).encode() + content)


def refused_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""A relay before a service: it notes every task that is sent, and can be killed and come back at the same address."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from attrs import define, field

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

    from typing_extensions import Self


async def _message(reader: StreamReader) -> tuple[bytes, bytes]:
    """One HTTP message: head and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
    return head, await reader.readexactly(int(length or 0))


@define
class Relay:
    """Passes calls on to a service.

    Attributes:
        upstream: The service's URL.
        challenges: Those that createTask brought, as often as it did.
        lost: Ids of tasks whose creation was not answered, since the relay was killed meanwhile.
    """

    upstream: str
    challenges: list[str] = field(factory=list)
    lost: list[Any] = field(factory=list)
    _port: int = 0
    _server: Any = None
    _clients: set[Any] = field(factory=set)
    _busy: set[Any] = field(factory=set)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> Self:
        """Listen, at the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, backlog=512)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def kill(self) -> None:
        """Refuse connections, and end those that there are, whatever they wait for."""
        self._server.close()
        for writer in list(self._clients):
            writer.transport.abort()

    async def stop(self) -> None:
        """The same, and wait for the service's last answers."""
        await self.kill()
        await asyncio.gather(*self._busy, return_exceptions=True)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._clients.add(writer)
        try:
            while True:
                head, body = await _message(reader)
                passing = asyncio.ensure_future(self._pass_on(head, body, writer))
                self._busy.add(passing)
                passing.add_done_callback(self._busy.discard)
                await passing
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self._clients.discard(writer)
            writer.close()

    async def _pass_on(self, head: bytes, body: bytes, writer: StreamWriter) -> None:
        creates = b"/createTask " in head.partition(b"\r\n")[0]
        if creates:
            self.challenges.append(json.loads(body)["task"].get("challenge", ""))
        target = urlsplit(self.upstream)
        reader, up = await asyncio.open_connection(target.hostname, target.port)
        up.write(head + body)
        answer_head, answer = await _message(reader)
        up.close()
        if writer.transport.is_closing():
            if creates:
                with suppress(ValueError):
                    self.lost += [json.loads(answer).get("taskId")] * (json.loads(answer).get("errorId") == 0)
            return
        writer.write(answer_head + answer)

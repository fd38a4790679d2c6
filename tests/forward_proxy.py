"""A forward proxy on the loopback, behind which names ending in ``.example`` are the sandbox; nothing else is reached."""

from __future__ import annotations

from collections import Counter
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from attrs import define, field

if TYPE_CHECKING:
    from typing_extensions import Self

_OWN_CONNECTION = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "content-length"})
_SECONDS = 20


@define(eq=False)
class ForwardProxy:
    """Forwards plain HTTP.

    Attributes:
        target: Host and port that are behind every name.
        asked: How many requests it got for each name.
    """

    target: str
    asked: Counter[str] = field(factory=Counter)
    _server: ThreadingHTTPServer = field(init=False)

    def __enter__(self) -> Self:
        proxy = self

        class Handler(_Handler):
            target = proxy.target
            asked = proxy.asked

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _SECONDS
    target: str
    asked: Counter[str]

    def _forward(self) -> None:
        parts = urlsplit(self.path)
        self.asked[parts.netloc] += 1
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if parts.scheme != "http" or not (parts.hostname or "").endswith(".example"):
            self.send_error(502)
            return
        connection = HTTPConnection(self.target, timeout=_SECONDS)
        path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        connection.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in _OWN_CONNECTION:
                connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        self._answer(connection)

    def _answer(self, connection: HTTPConnection) -> None:
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in _OWN_CONNECTION:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _forward  # noqa: N815  # the standard library's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the standard library's name
        """Say nothing."""

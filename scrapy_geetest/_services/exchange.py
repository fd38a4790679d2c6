"""What one HTTP exchange needs besides treq: how far it got, how to end it for good, and caps on what it reads."""

from __future__ import annotations

import zlib
from functools import cache
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any, cast

from hyperlink import EncodedURL
from OpenSSL.SSL import Connection as TLSConnection
from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IAgent
from zope.interface import implementer  # type: ignore[import-untyped]  # it ships no types

if TYPE_CHECKING:
    from collections.abc import Hashable, MutableSet

    from twisted.python.failure import Failure
    from twisted.web.client import HTTPConnectionPool
    from twisted.web.http_headers import Headers

_GZIP = 31  # zlib's window bits for a gzip header and trailer


class AnswerTooLargeError(Exception):
    """The body is longer than allowed."""


class Exchange:
    """One call on its way.

    Attributes:
        running: Ends with the call.
        sent: Whether the service may have got anything of it. A connection is handed out to be written to at once, so
            as long as there was none, nothing was sent.
        stopped: Why it was ended from this side.
        gzip: Whether its body is compressed.
        reused: Whether its connection had carried calls before.
        answered: Whether the beginning of an answer came.

    Args:
        max_bytes: Longest body to be read.
        discarded: The pool's connections that were aborted. One may be back in the pool by then, where its answer was
            complete all the same.
        urgent: Whether it goes before others.
    """

    def __init__(self, max_bytes: int, discarded: MutableSet[Any], *, urgent: bool = False) -> None:
        self.max_bytes = max_bytes
        self.urgent = urgent
        self.discarded = discarded
        self.running: Deferred[Any] | None = None
        self.sent = False
        self.stopped: str | None = None
        self.gzip = False
        self.reused = False
        self.answered = False
        self._connection: Any = None
        self._tls: TLSConnection | None = None

    def got_connection(self, connection: Any) -> Any:
        self.sent = True
        self._connection = connection
        handle = getattr(connection.transport, "getHandle", lambda: None)()
        self._tls = handle if isinstance(handle, TLSConnection) else None
        return connection

    @property
    def is_in_handshake(self) -> bool:
        """Whether TLS has not begun to carry the call: it does after this side's Finished message, and not before."""
        return self._tls is not None and self._tls.get_finished() is None

    def stop(self, reason: str) -> None:
        """End the call from this side, wherever it is."""
        self.stopped = reason
        if self.running is not None:
            self.running.cancel()

    def finished(self) -> None:
        """The body is complete: the connection belongs to the pool again."""
        self._connection = None

    def abort(self) -> None:
        """Close the connection without waiting for the peer, which a TLS shutdown would do."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self.discarded.add(connection)
        # A TLS transport whose connection is lost has nothing left to abort, and cannot be asked to.
        if not getattr(connection.transport, "disconnected", False):
            connection.transport.abortConnection()


class TappedPool:
    """The part of a connection pool that an ``Agent`` uses; tells the exchange which connection it got.

    Args:
        pool: The pool.
        exchange: Learns of the connection.
        used: The connections that have carried a call; shared by all exchanges.
    """

    def __init__(self, pool: HTTPConnectionPool, exchange: Exchange, used: MutableSet[Any]) -> None:
        self.persistent = pool.persistent
        self._pool = pool
        self._exchange = exchange
        self._used = used

    def getConnection(self, key: Hashable, endpoint: Any) -> Deferred[Any]:  # noqa: N802 - Twisted's name
        connecting: Deferred[Any] = self._pool.getConnection(key, endpoint)
        return connecting.addCallback(self._usable, key, endpoint)

    def _usable(self, connection: Any, key: Hashable, endpoint: Any) -> Any:
        if connection in self._exchange.discarded:
            return self.getConnection(key, endpoint)
        self._exchange.reused = connection in self._used
        self._used.add(connection)
        return self._exchange.got_connection(connection)


@implementer(IAgent)
class IdentityAgent:
    """Asks for an uncompressed body, and takes a gzip that comes nevertheless away from treq.

    treq's decoder inflates whatever arrived at once, without a limit; ``body_of`` inflates up to its cap.
    """

    def __init__(self, agent: Any, exchange: Exchange) -> None:
        self._agent = agent
        self._exchange = exchange

    def request(self, method: bytes, uri: bytes, headers: Headers, *body: Any) -> Deferred[Any]:
        headers.setRawHeaders(b"Accept-Encoding", [b"identity"])  # of the copy that treq's decoder makes
        responding: Deferred[Any] = self._agent.request(method, uri, headers, *body)
        return responding.addCallback(self._take_encoding)

    def _take_encoding(self, response: Any) -> Any:
        self._exchange.answered = True
        encodings = b",".join(response.headers.getRawHeaders(b"Content-Encoding", [])).lower()
        self._exchange.gzip = encodings.strip() in {b"gzip", b"x-gzip"}
        response.headers.removeHeader(b"Content-Encoding")
        return response


class _Address(EncodedURL):
    """A URL that is encoded already: treq would do it again for each call, which is a tenth of a call's work."""

    text: str

    def to_uri(self) -> EncodedURL:
        return self

    def to_text(self, with_password: bool = False) -> str:  # noqa: ARG002, FBT001, FBT002  # hyperlink's signature
        return self.text


@cache
def _address(url: str) -> _Address:
    encoded: Any = EncodedURL.to_uri(_Address.from_text(url))
    encoded.text = EncodedURL.to_text(encoded)
    return cast("_Address", encoded)


class _NoCookies(CookieJar):
    """Keeps and sends none."""

    def add_cookie_header(self, request: Any) -> None:
        """Nothing to add."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Nothing is kept."""


_NO_COOKIES: Any = _NoCookies()


class BareClient:
    """A treq client without cookies, for a few URLs that are asked for again and again."""

    def __init__(self, agent: Any) -> None:
        self._client = HTTPClient(agent, cookiejar=_NO_COOKIES)

    def post(self, url: str, **arguments: Any) -> Deferred[Any]:
        """As ``HTTPClient.post``."""
        return self._client.post(_address(url), cookies=_NO_COOKIES, **arguments)


def body_of(response: Any, exchange: Exchange) -> Deferred[bytes]:
    """The decoded body of a response.

    Args:
        response: Its body must not have been delivered yet.
        exchange: Holds the cap, and learns when the connection is free again.

    Returns:
        Fires with the body, or fails with ``AnswerTooLargeError``, ``zlib.error`` or what ended the connection. Cancelling it
        leaves the connection to ``exchange.abort``.
    """
    complete: Deferred[bytes] = Deferred()
    response.deliverBody(_Body(exchange, complete))
    return complete


class _Body(Protocol):
    """Collects a body. More than the cap is neither kept nor inflated."""

    def __init__(self, exchange: Exchange, complete: Deferred[bytes]) -> None:
        self._exchange = exchange
        self._complete = complete
        self._inflater = zlib.decompressobj(_GZIP) if exchange.gzip else None
        self._received = 0
        self._content = bytearray()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        if self._complete.called:
            return
        self._received += len(data)
        try:
            self._content += self._decode(data)
        except zlib.error as error:
            self._complete.errback(error.with_traceback(None))  # its frames hold the body
            return
        most = self._exchange.max_bytes
        if max(self._received, len(self._content)) > most:
            self._complete.errback(AnswerTooLargeError(f"the answer is longer than {most} bytes"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 - Twisted's name
        # A body without a length ends with its connection: whether it is whole, its JSON tells.
        if isinstance(reason.value, (ResponseDone, PotentialDataLoss)):
            self._exchange.finished()
            if not self._complete.called:
                self._complete.callback(bytes(self._content))
        elif not self._complete.called:
            self._complete.errback(reason)

    def _decode(self, data: bytes) -> bytes:
        if self._inflater is None:
            return data
        return self._inflater.decompress(data, self._exchange.max_bytes + 1 - len(self._content))

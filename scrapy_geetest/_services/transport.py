"""One JSON call to the solving service: over treq, on an own pool, bounded in time and size."""

from __future__ import annotations

import json
import logging
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from weakref import WeakSet

import treq
from attrs import frozen
from OpenSSL.SSL import Error as TLSError
from service_identity import VerificationError
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.task import deferLater
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool, ProxyAgent, ResponseNeverReceived

from scrapy_geetest._services.call_queue import CallQueue
from scrapy_geetest._services.connections import Endpoints, HttpProxy
from scrapy_geetest._services.exchange import (
    AnswerTooLargeError,
    BareClient,
    Exchange,
    IdentityAgent,
    TappedPool,
    body_of,
)
from scrapy_geetest._services.secret import Sealed, SealedBody, SealedHeaders
from scrapy_geetest._version import __version__

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from twisted.web.iweb import IPolicyForHTTPS

T = TypeVar("T")

logger = logging.getLogger(__name__)

USER_AGENT = f"scrapy-geetest/{__version__} (treq/{treq.__version__})"
_IDLE_SECONDS = 30.0  # shorter than servers keep idle connections: a call on one that they just closed would be lost
_CONNECT_SECONDS = 10.0
_MAX_BYTES = 65_536  # of a body, compressed as well as decompressed
# What OpenSSL says of a peer whose first words are no TLS.
_NO_TLS = ("wrong version number", "http request", "unknown protocol", "packet length too long", "record layer failure")


class TransportError(Exception):
    """A call that came back without an answer."""


class NotSentError(TransportError):
    """The service got nothing of the call: it may be made again."""


class AnswerLostError(TransportError):
    """The call may have reached the service; its answer never came, or came too late, too long or broken."""


@frozen
class Answer:
    """What came back. It may repeat the key, and is not shown.

    Attributes:
        status: The HTTP status.
        data: The JSON object in the body; ``None`` where the body is none.
    """

    status: int
    data: dict[str, Any] | None


class Transport:
    """POSTs JSON objects to the service.

    Connections are kept, no cookie is, no redirect is followed: a body holds the client key, which goes nowhere but to
    ``base_url``. As few connections are opened as keep the calls from waiting for each other.

    Args:
        base_url: The service; https, unless its host is loopback.
        timeout: Seconds for one whole call: waiting for a connection, connecting, sending, and the complete answer.
        settle: Turns a Deferred into what the caller's coroutines can await.
        max_connections: Most connections at once.
        proxy: An HTTP proxy that all calls go through.
        reactor: The running one by default.
        http: A ``treq.client.HTTPClient``, or what looks like one, in place of the own pool and its guards. It is handed the
            headers of the proxy, too.
        tls_policy: Which certificates are trusted; those of the platform by default.

    Raises:
        ValueError: ``base_url`` is not acceptable.
    """

    def __init__(
        self,
        *,
        base_url: str,
        timeout: float,
        settle: Callable[[Deferred[Any]], Awaitable[Any]],
        max_connections: int = 100,
        proxy: HttpProxy | None = None,
        reactor: Any | None = None,
        http: Any | None = None,
        tls_policy: IPolicyForHTTPS | None = None,
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor
        self.base_url = check_base_url(base_url)
        self.timeout = timeout
        self._settle = settle
        self._reactor: Any = reactor
        self._http = http
        policy: Any = tls_policy or BrowserLikePolicyForHTTPS()  # type: ignore[no-untyped-call]  # Twisted's
        self._endpoints = Endpoints(self._reactor, policy, min(_CONNECT_SECONDS, timeout), proxy)
        self._proxy = proxy if self.base_url.startswith("http:") else None
        self._headers = _headers(self._proxy)
        self._queue = CallQueue(self._reactor, max_connections)
        self._pool = _pool(self._reactor, max_connections)
        self._pool_for_one_call = _pool(self._reactor, 0)
        self._used: WeakSet[Any] = WeakSet()
        self._discarded: WeakSet[Any] = WeakSet()
        self._drops_kept_connections = False
        self._exchanges: set[Exchange] = set()
        self._refusal: str | None = None
        self._urgent_refusal: str | None = None

    async def call(
        self,
        method: str,
        body: dict[str, Any],
        read: Callable[[Answer], T],
        *,
        within: float | None = None,
        urgent: bool = False,
    ) -> T:
        """POST ``body`` to ``method`` and read the answer, whatever its status.

        Args:
            method: The path's last segment, such as ``createTask``.
            body: The JSON object to send.
            read: Makes the result of the answer, before the next call that waits for a connection is sent: if it calls
                ``refuse``, none is. What it raises ends the call.
            within: Seconds, if less than the transport's time-out is left for this call.
            urgent: It goes before others that wait, and where the service was seen to close kept connections, on a new one: it
                cannot be repeated if it is lost.

        Raises:
            NotSentError: The service got nothing.
            AnswerLostError: The service may have got the call.
        """
        if (refusal := self._refused(urgent=urgent)) is not None:
            raise NotSentError(refusal)
        seconds = self.timeout if within is None else max(0.0, min(self.timeout, within))
        exchange = Exchange(_MAX_BYTES, self._discarded, urgent=urgent)
        url = f"{self.base_url}/{method}"
        running = Deferred.fromCoroutine(self._exchange(exchange, url, SealedBody(body), read, urgent=urgent))
        exchange.running = running
        self._exchanges.add(exchange)
        timer = self._reactor.callLater(seconds, exchange.stop, f"no complete answer within {seconds:g} s")
        running.addBoth(self._ended, exchange, timer)
        result: T = await self._settle(running)
        return result

    def refuse(self, reason: str, *, only_urgent: bool = False) -> None:
        """Send nothing from now on: calls still waiting to be sent end with ``NotSentError``, those on the wire go on.

        Args:
            reason: For the error.
            only_urgent: Calls that are not urgent go on.
        """
        if only_urgent:
            self._urgent_refusal = reason
        else:
            self._refusal = reason
        for exchange in [one for one in self._exchanges if not one.sent and (one.urgent or not only_urgent)]:
            exchange.stop(reason)

    def accept(self) -> None:
        """Send urgent calls again."""
        self._urgent_refusal = None

    def _refused(self, *, urgent: bool) -> str | None:
        return self._refusal or (self._urgent_refusal if urgent else None)

    async def close(self) -> None:
        """End all calls, those on the wire too, and close all connections."""
        self._refusal = "the client is closed"
        for exchange in list(self._exchanges):
            exchange.stop(self._refusal)
        await self._settle(self._pool.closeCachedConnections())
        # An aborted connection is torn down in the reactor's next turn, before a call that is scheduled after it.
        await self._settle(deferLater(self._reactor, 0, lambda: None))

    async def _exchange(
        self, exchange: Exchange, url: str, body: SealedBody, read: Callable[[Answer], T], *, urgent: bool
    ) -> T:
        try:
            since = await self._queue.enter(urgent=urgent)
        except CancelledError:
            raise NotSentError(exchange.stopped or "the caller gave up") from None
        is_answered = False
        try:
            # A call that is stopped leaves its place to one that waits, and is to be stopped next.
            if (refusal := self._refused(urgent=urgent)) is not None:
                raise NotSentError(refusal)
            answer = await self._post(exchange, url, body, fresh=urgent and self._drops_kept_connections)
            is_answered = True
            return read(answer)
        finally:
            self._queue.leave(since, is_answered=is_answered)

    async def _post(self, exchange: Exchange, url: str, body: SealedBody, *, fresh: bool) -> Answer:
        try:
            response = await self._client(exchange, fresh=fresh).post(
                url,
                data=body,
                headers=self._headers,
                allow_redirects=False,
                unbuffered=True,
                reactor=self._reactor,
            )
            answer = Answer(response.code, _json_object(await body_of(response, exchange)))
        except Exception as error:
            is_in_handshake = exchange.is_in_handshake
            exchange.abort()
            self._note_dropped(exchange, error)
            is_unsent = not exchange.sent or is_in_handshake or _never_connected(error)
            kind = NotSentError if is_unsent else AnswerLostError
            raise kind(exchange.stopped or _describe(error, is_in_handshake=is_in_handshake)) from error
        return answer

    def _note_dropped(self, exchange: Exchange, error: Exception) -> None:
        """Whether the service, or a balancer before it, closes kept connections when the next call comes."""
        dropped = exchange.reused and not exchange.answered and exchange.stopped is None
        if dropped and isinstance(error, ResponseNeverReceived) and not self._drops_kept_connections:
            self._drops_kept_connections = True
            logger.info("GeeTest: a kept connection to the service was closed; each createTask opens one from now on")

    def _client(self, exchange: Exchange, *, fresh: bool) -> Any:
        """A treq client for one exchange: it keeps no cookie, and its agent tells how far the exchange got."""
        if self._http is not None:
            exchange.sent = True
            return self._http
        pool: Any = TappedPool(self._pool_for_one_call if fresh else self._pool, exchange, self._used)
        if self._proxy is not None:
            agent: Any = ProxyAgent(self._endpoints.to_proxy(self._proxy), self._reactor, pool)  # type: ignore[no-untyped-call]  # Twisted's
        else:
            agent = Agent.usingEndpointFactory(self._reactor, self._endpoints, pool)  # type: ignore[no-untyped-call]  # Twisted's
        identity_agent: Any = IdentityAgent(agent, exchange)
        return BareClient(identity_agent)

    def _ended(self, result: T, exchange: Exchange, timer: Any) -> T:
        self._exchanges.discard(exchange)
        if timer.active():
            timer.cancel()
        return result


def _headers(proxy: HttpProxy | None) -> SealedHeaders:
    """Those of each call; a proxy that plain http goes through is told its password in them."""
    named = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": USER_AGENT}
    headers = SealedHeaders({name: [value] for name, value in named.items()})
    if proxy is not None and proxy.authorization is not None:
        headers.setRawHeaders(b"Proxy-Authorization", [proxy.authorization.reveal().encode()])
    return headers


def _pool(reactor: Any, most: int) -> Any:
    pool: Any = HTTPConnectionPool(reactor, persistent=most > 0)  # type: ignore[no-untyped-call]  # Twisted's
    pool.maxPersistentPerHost = most
    pool.cachedConnectionTimeout = _IDLE_SECONDS
    pool.retryAutomatically = False
    return pool


def check_base_url(base_url: str) -> str:
    """The base URL without blanks around it, and without the slash at its end.

    Raises:
        ValueError: It is not https (plain http is for loopback only), or is more than scheme, host, port and path. It may
            hold credentials, and is not in the message.
    """
    url = base_url.strip()
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if "@" in url or "?" in url or "#" in url:
        raise ValueError("the service's URL takes a scheme, a host, a port and a path, nothing else")
    if not host or port == 0 or parts.scheme not in {"http", "https"} or not _is_visible(url):
        raise ValueError("the service's URL must be a URL like https://api.capmonster.cloud")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ValueError("the service's URL must be https: the key is only sent over https, except to this machine")
    return url.rstrip("/")


def _is_visible(text: str) -> bool:
    return text.isprintable() and not any(letter.isspace() for letter in text)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _json_object(content: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return Sealed(data) if isinstance(data, dict) else None


def _never_connected(error: BaseException) -> bool:
    """Whether there was no connection to write to, or one that was closed at once since its certificate is another host's.

    An injected client does not tell how far it got, and Twisted looks at the name when the handshake is done.
    """
    return any(isinstance(cause, ConnectError | DNSLookupError | VerificationError) for cause in _causes(error))


def _describe(error: BaseException, *, is_in_handshake: bool) -> str:
    if isinstance(error, AnswerTooLargeError):
        return str(error)
    causes = _causes(error)
    words = " ".join(str(cause) for cause in causes if isinstance(cause, TLSError))
    if is_in_handshake and any(known in words for known in _NO_TLS):
        return "https was used on a port that does not speak TLS"
    cause = causes[min(1, len(causes) - 1)]
    return f"{type(cause).__name__}: {cause}"


def _causes(error: BaseException) -> list[BaseException]:
    return [error, *(reason.value for reason in getattr(error, "reasons", None) or ())]

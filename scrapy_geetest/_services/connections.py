"""Where connections are made to: the service, or the proxy before it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from attrs import field, frozen
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer  # type: ignore[import-untyped]  # it ships no types

from scrapy_geetest._services.secret import Secret

if TYPE_CHECKING:
    from twisted.python.failure import Failure
    from twisted.web.client import URI
    from twisted.web.iweb import IPolicyForHTTPS

_LONGEST_HEAD = 16_384
_DEFAULT_PORT = 80


class ProxyError(ConnectError):
    """The proxy does not connect to the service: nothing was sent to it."""


@frozen
class HttpProxy:
    """An HTTP proxy for the calls of a service.

    Attributes:
        host: Host name or IP address.
        port: 1 to 65535.
        authorization: The value of ``Proxy-Authorization``, if any.
    """

    host: str
    port: int
    authorization: Secret | None = field(default=None, repr=False)

    @classmethod
    def from_url(cls, url: str) -> HttpProxy:
        """Read ``http://user:password@proxy.example:3128``; credentials are percent-decoded, the port defaults to 80.

        Raises:
            ValueError: It is no such URL. Credentials are never quoted.
        """
        try:
            parts = urlsplit(url.strip())
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, 0
        if (
            not host
            or port == 0
            or parts.scheme != "http"
            or parts.path not in ("", "/")
            or parts.query
            or parts.fragment
        ):
            raise ValueError("a proxy's URL must be one like http://user:password@proxy.example:3128")
        authorization = None
        if parts.username is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            authorization = Secret(f"Basic {base64.b64encode(login).decode()}")
        return cls(host, port or _DEFAULT_PORT, authorization)


@implementer(IAgentEndpointFactory)
class Endpoints:
    """One endpoint, with one TLS context, for all calls to a host.

    ``Agent`` makes a context for every call, which is a third of a call's processor time. No thread looks up an address.

    Args:
        reactor: Connects.
        policy: Which certificates are trusted.
        timeout: Seconds for connecting.
        proxy: Through which https is tunnelled.
    """

    def __init__(self, reactor: Any, policy: IPolicyForHTTPS, timeout: float, proxy: HttpProxy | None = None) -> None:
        self._reactor = reactor
        self._policy: Any = policy
        self._timeout = timeout
        self._proxy = proxy
        self._made: dict[tuple[bytes, bytes, int], Any] = {}

    def endpointForURI(self, uri: URI) -> Any:  # noqa: N802 - Twisted's name
        key = uri.scheme, uri.host, uri.port
        if key not in self._made:
            self._made[key] = self._make(*key)
        return self._made[key]

    def to_proxy(self, proxy: HttpProxy) -> Any:
        """The endpoint of the proxy itself: one, since ``ProxyAgent`` keeps connections by endpoint."""
        key = b"proxy", proxy.host.encode(), proxy.port
        if key not in self._made:
            self._made[key] = self._plain(proxy.host, proxy.port)
        return self._made[key]

    def _make(self, scheme: bytes, host: bytes, port: int) -> Any:
        name = host.decode("ascii")
        if scheme != b"https":
            return self._plain(name, port)
        endpoint = self._plain(name, port)
        if self._proxy is not None:
            endpoint = TunnelEndpoint(self._reactor, self.to_proxy(self._proxy), self._proxy, name, port, self._timeout)
        return wrapClientTLS(self._policy.creatorForNetloc(host, port), endpoint)

    def _plain(self, name: str, port: int) -> Any:
        kind: Any = HostnameEndpoint
        if isIPAddress(name):
            kind = TCP4ClientEndpoint
        elif isIPv6Address(name):
            kind = TCP6ClientEndpoint
        return kind(self._reactor, name, port, self._timeout)


@implementer(IStreamClientEndpoint)
class TunnelEndpoint:
    """A connection to a host through an HTTP proxy, which is told to CONNECT.

    Args:
        reactor: For the time-out.
        endpoint: The proxy.
        proxy: What it is told.
        host: Where it connects to.
        port: The port there.
        timeout: Seconds for its answer.
    """

    def __init__(self, reactor: Any, endpoint: Any, proxy: HttpProxy, host: str, port: int, timeout: float) -> None:
        self._reactor = reactor
        self._endpoint = endpoint
        self._proxy = proxy
        self._target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._timeout = timeout

    def connect(self, protocolFactory: Any) -> Deferred[Any]:  # noqa: N803 - Twisted's names
        tunnel = _Tunnel(self._target, self._proxy, protocolFactory)
        factory: Any = Factory.forProtocol(lambda: tunnel)
        factory.noisy = False
        connecting: Deferred[Any] = self._endpoint.connect(factory)
        connecting.addCallback(lambda _: tunnel.opened.addTimeout(self._timeout, self._reactor))
        return connecting.addErrback(tunnel.close)


class _Tunnel(Protocol):
    """Asks the proxy to connect, and from then on hands everything on to the protocol inside."""

    def __init__(self, target: str, proxy: HttpProxy, factory: Any) -> None:
        self._target = target
        self._proxy = proxy
        self._factory = factory
        self._head = b""
        self._inside: Any = None
        self.opened: Deferred[Any] = Deferred()

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        lines = [f"CONNECT {self._target} HTTP/1.1", f"Host: {self._target}"]
        if self._proxy.authorization is not None:
            lines.append(f"Proxy-Authorization: {self._proxy.authorization.reveal()}")
        self._transport.write("\r\n".join([*lines, "", ""]).encode())

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        if self._inside is not None:
            self._inside.dataReceived(data)
            return
        self._head += data
        head, complete, rest = self._head.partition(b"\r\n\r\n")
        if complete:
            self._answered(head, rest)
        elif len(head) > _LONGEST_HEAD:
            self._refused("an endless header")

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 - Twisted's name
        if self._inside is not None:
            self._inside.connectionLost(reason)
        else:
            self._refused("a closed connection")

    def close(self, failure: Failure) -> Failure:
        """Connecting has failed, or was given up."""
        if self.transport is not None and self._inside is None:
            self._transport.abortConnection()
        return failure

    @property
    def _transport(self) -> Any:
        return self.transport

    def _answered(self, head: bytes, rest: bytes) -> None:
        status = head.partition(b"\r\n")[0].split(b" ")[1:2]
        if not status or not status[0].startswith(b"2"):
            self._refused(f"status {status[0][:3].decode('ascii', 'replace')}" if status else "no HTTP")
            return
        self._inside = self._factory.buildProtocol(self._transport.getPeer())
        self._inside.makeConnection(self.transport)
        self.opened.callback(self._inside)
        if rest:
            self._inside.dataReceived(rest)

    def _refused(self, what: str) -> None:
        if not self.opened.called:
            self.opened.errback(
                ProxyError(f"the proxy (GEETEST_API_PROXY) answered CONNECT {self._target} with {what}")  # type: ignore[no-untyped-call]  # Twisted's
            )

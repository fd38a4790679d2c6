"""What the service is asked: the task JSON of a challenge, and the proxy it may use."""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from attrs import field, frozen

from scrapy_geetest.challenge import V3Challenge

if TYPE_CHECKING:
    from scrapy_geetest.challenge import Challenge

_DEFAULT_PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks5": 1080}
_MAX_PORT = 65_535
_MAX_CREDENTIAL = 256
_HOST = re.compile(r"[\w.:-]{1,253}", re.ASCII)
# The service refuses local proxies. Networks that exist only in documentation are not among them.
_LOCAL_NETWORKS = tuple(
    ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.168.0.0/16", "::/127", "fc00::/7", "fe80::/10"),
    )
)
_LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".home.arpa")


@frozen
class Proxy:
    """A proxy that the service may use for a task. It must be reachable from the internet.

    Attributes:
        type: ``http``, ``https``, ``socks4`` or ``socks5``.
        address: Host name or IP address.
        port: 1 to 65535.
        login: User name, decoded. Not part of the ``repr``.
        password: Password, decoded. Not part of the ``repr``.

    Raises:
        ValueError: The service would refuse it (and bill or ban for it). Credentials are never quoted.
    """

    type: str
    address: str
    port: int
    login: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.type not in _DEFAULT_PORTS:
            raise ValueError(f"a proxy's scheme must be one of {', '.join(_DEFAULT_PORTS)}")
        if not 1 <= self.port <= _MAX_PORT:
            raise ValueError(f"a proxy's port must be between 1 and {_MAX_PORT}, not {self.port}")
        if not _HOST.fullmatch(self.address):
            raise ValueError("a proxy's host must be a name or an IP address")
        if _is_local(self.address):
            raise ValueError(f"the service takes no local proxies, and {self.address!r} is one")
        for credential in (self.login or "", self.password or ""):
            _check_credential(credential)

    @classmethod
    def from_url(cls, url: str) -> Proxy:
        """Read a proxy URL such as ``http://user:password@proxy.example:8080``.

        Args:
            url: Credentials are percent-decoded; the port defaults to 80, 443 or 1080 by the scheme.

        Raises:
            ValueError: The URL is malformed, or the service would refuse the proxy. Credentials are never quoted.
        """
        try:
            parts = urlsplit(url.strip())
            scheme, address, port = parts.scheme.lower(), parts.hostname, parts.port
        except ValueError:
            raise ValueError("the proxy's URL is malformed") from None  # the original message may quote credentials
        if scheme not in _DEFAULT_PORTS:
            raise ValueError(f"a proxy's scheme must be one of {', '.join(_DEFAULT_PORTS)}")
        if not address:
            raise ValueError("the proxy's URL names no host")
        return cls(
            type=scheme,
            address=address,
            port=_DEFAULT_PORTS[scheme] if port is None else port,
            login=unquote(parts.username or "") or None,
            password=unquote(parts.password or "") or None,
        )

    def to_json(self) -> dict[str, Any]:
        """The proxy's fields of the task JSON."""
        fields: dict[str, Any] = {"proxyType": self.type, "proxyAddress": self.address, "proxyPort": self.port}
        if self.login is not None:
            fields["proxyLogin"] = self.login
        if self.password is not None:
            fields["proxyPassword"] = self.password
        return fields


@frozen
class Task:
    """One challenge to be solved.

    Attributes:
        challenge: What the site handed out.
        website_url: Where the widget is initialised; its fragment and credentials are left out.
        type: The service's name for the task; ``None``: ``GeeTestTask`` with a proxy, ``GeeTestTaskProxyless`` without.
        proxy: Sent along, where the service is to use the crawl's own.
        user_agent: The service takes only the current Windows one: leave it out by default.
    """

    challenge: Challenge
    website_url: str
    type: str | None = None
    proxy: Proxy | None = None
    user_agent: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The ``task`` object of CapMonster Cloud's createTask: exactly the documented fields that have a value.

        Raises:
            ValueError: ``website_url`` is no absolute http(s) URL.
        """
        return {"type": self.type or ("GeeTestTask" if self.proxy else "GeeTestTaskProxyless"), **self.fields()}

    def fields(self) -> dict[str, Any]:
        """The same without the type.

        Raises:
            ValueError: ``website_url`` is no absolute http(s) URL.
        """
        fields = {**self.common_fields(), **_challenge_json(self.challenge)}
        if self.challenge.get_lib:
            fields["geetestGetLib"] = self.challenge.get_lib
        return fields

    def common_fields(self) -> dict[str, Any]:
        """What all services call by the same names: the website, the API server, the User-Agent, the proxy.

        Raises:
            ValueError: ``website_url`` is no absolute http(s) URL.
        """
        fields: dict[str, Any] = {"websiteURL": _website_url(self.website_url)}
        if self.challenge.api_server:
            fields["geetestApiServerSubdomain"] = self.challenge.api_server
        if self.user_agent:
            fields["userAgent"] = self.user_agent
        return {**fields, **(self.proxy.to_json() if self.proxy else {})}


def _challenge_json(challenge: Challenge) -> dict[str, Any]:
    if isinstance(challenge, V3Challenge):
        return {"gt": challenge.gt, "challenge": challenge.challenge, "version": 3}
    fields: dict[str, Any] = {"gt": challenge.captcha_id, "version": 4}
    if challenge.risk_type:
        fields["initParameters"] = {"riskType": challenge.risk_type}
    return fields


def _website_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"}:
        raise ValueError("the website's URL must be an absolute http or https URL")
    netloc = parts.netloc.rpartition("@")[2]
    return urlunsplit(SplitResult(parts.scheme, netloc, parts.path, parts.query, ""))


def _check_credential(credential: str) -> None:
    if "%" in credential:
        raise ValueError("a % in a proxy's credentials would be ERROR_PROXY_CREDENTIALS_INVALID_CHARACTER")
    if len(credential) > _MAX_CREDENTIAL or not credential.isprintable():
        raise ValueError(f"a proxy's credentials must be printable, and {_MAX_CREDENTIAL} characters long at most")


def _is_local(host: str) -> bool:
    """Whether a host cannot be meant for somebody on the internet: loopback, private, or a name without a domain."""
    name = host.lower().rstrip(".")
    address = _address(name)
    if address is not None:
        return any(address in network for network in _LOCAL_NETWORKS)
    return "." not in name or name.endswith(_LOCAL_SUFFIXES)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return _short_address(host)
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _short_address(host: str) -> IPv4Address | None:
    """The address behind a spelling such as ``127.1`` or ``0x7f000001``, which resolvers accept."""
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None

"""Which URLs belong to a site: hosts as in ``allowed_domains``, plus a port and a path prefix.

No list of public suffixes is asked for: that would download one, and block the reactor meanwhile.
"""

from __future__ import annotations

from ipaddress import IPv6Address
from urllib.parse import SplitResult, urlsplit

from attrs import frozen


def host_of(parts: SplitResult) -> str:
    """The host of a URL in the one spelling that is compared: lower case, IDNA, without the dot of the root.

    Raises:
        ValueError: It is malformed.
    """
    host = (parts.hostname or "").rstrip(".")
    if ":" in host:
        return IPv6Address(host).compressed
    return host if host.isascii() else host.encode("idna").decode().rstrip(".")


@frozen
class UrlPattern:
    """A host with its subdomains, a port or any, a path prefix by whole segments."""

    host: str
    port: int | None
    path: str

    @classmethod
    def parse(cls, pattern: str, site: str) -> UrlPattern:
        """Read ``"shop.example.com:8000/login"``.

        Raises:
            ValueError: It is no such thing; the message names the *site*.
        """
        problem = f"site {site}: urls: {pattern!r} is invalid:"
        if not isinstance(pattern, str) or not pattern or "*" in pattern:
            raise ValueError(f'{problem} write a host and, if need be, a port and a path, like "example.com/login".')
        if "://" in pattern:
            raise ValueError(f"{problem} leave out the scheme: {pattern.partition('://')[2]!r}.")
        try:
            parts = urlsplit(f"//{pattern}")
            host, port = host_of(parts), parts.port
        except ValueError as error:
            raise ValueError(f"{problem} {error}.") from error
        if not host or parts.query or parts.fragment or parts.username is not None:
            raise ValueError(f"{problem} it takes a host, a port and a path, nothing else.")
        return cls(host, port, parts.path.rstrip("/"))

    def matches(self, url: str) -> bool:
        """Whether *url* is on the host and below the path."""
        return self.matches_host(url) and self.matches_path(urlsplit(url).path)

    def matches_path(self, path: str) -> bool:
        """Whether *path* is the path or below it."""
        return not self.path or path == self.path or path.startswith(self.path + "/")

    def matches_host(self, url: str) -> bool:
        """Whether *url* is on the host, a subdomain counted in, and on the port where one is named."""
        try:
            parts = urlsplit(url)
            host, port = host_of(parts), parts.port
        except ValueError:
            return False
        if self.port is not None and self.port != (port or {"http": 80, "https": 443}.get(parts.scheme)):
            return False
        return host == self.host or host.endswith("." + self.host)

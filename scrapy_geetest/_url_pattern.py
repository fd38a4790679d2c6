"""Which URLs belong to a site: hosts as in ``allowed_domains``, plus a port and a path prefix.

No list of public suffixes is asked for: that would download one, and block the reactor meanwhile.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from attrs import frozen


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
            host, port = (parts.hostname or "").rstrip("."), parts.port
            host = host.encode("idna").decode() if not host.isascii() else host
        except ValueError as error:
            raise ValueError(f"{problem} {error}.") from error
        if not host or parts.query or parts.fragment or parts.username is not None:
            raise ValueError(f"{problem} it takes a host, a port and a path, nothing else.")
        return cls(host, port, parts.path.rstrip("/"))

    def matches(self, url: str) -> bool:
        """Whether *url* is on the host and below the path."""
        if not self.matches_host(url):
            return False
        path = urlsplit(url).path
        return path == self.path or path.startswith(self.path + "/") or not self.path

    def matches_host(self, url: str) -> bool:
        """Whether *url* is on the host, a subdomain counted in, and on the port where one is named."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError:
            return False
        if self.port is not None and self.port != (port or {"http": 80, "https": 443}.get(parts.scheme)):
            return False
        return host == self.host or host.endswith("." + self.host)

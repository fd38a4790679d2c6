from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.testing import MemoryReactorClock
from twisted.web.client import URI

from scrapy_geetest._services.connections import Endpoints

# The memory reactor of Twisted before 24 resolves no names.
pytestmark = pytest.mark.filterwarnings("ignore:Passing HostnameEndpoint a reactor:DeprecationWarning")


class Policy:
    """Counts the TLS contexts that are asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, int]] = []

    def creatorForNetloc(self, host: bytes, port: int) -> Any:  # noqa: N802 - Twisted's name
        self.asked.append((host, port))
        return object()


def uri(text: str) -> URI:
    made: URI = URI.fromBytes(text.encode())  # type: ignore[no-untyped-call]  # Twisted's
    return made


def endpoints() -> tuple[Endpoints, Policy]:
    policy: Any = Policy()
    return Endpoints(MemoryReactorClock(), policy, 10.0), policy  # type: ignore[no-untyped-call]  # Twisted's


def test_all_calls_to_a_host_share_a_tls_context() -> None:
    """One is made for each host and port, however many calls there are."""
    made, policy = endpoints()
    first = made.endpointForURI(uri("https://api.example.com/createTask"))
    assert made.endpointForURI(uri("https://api.example.com/getTaskResult")) is first
    assert made.endpointForURI(uri("https://api.example.com:444/createTask")) is not first
    assert policy.asked == [(b"api.example.com", 443), (b"api.example.com", 444)]


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://localhost:8000/", HostnameEndpoint),
        ("http://127.0.0.1:8000/", TCP4ClientEndpoint),
        ("http://[::1]:8000/", TCP6ClientEndpoint),
    ],
)
def test_only_a_name_is_resolved(url: str, kind: type[Any]) -> None:
    """An address is connected to as it is, without a thread that looks it up; plain http needs no TLS context."""
    made, policy = endpoints()
    assert type(made.endpointForURI(uri(url))) is kind
    assert policy.asked == []

"""Servers that answer a call well, badly or not at all; and a transport to them."""

from __future__ import annotations

import asyncio
import gzip
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from reactor import settle
from service_servers import Received, reply
from service_stub import KEY

from scrapy_geetest._services.transport import Answer, Transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


BODY = {"clientKey": KEY, "taskId": 1}


@asynccontextmanager
async def transport_to(url: str, timeout: float = 20.0, **kwargs: Any) -> AsyncIterator[Transport]:
    transport = Transport(base_url=url, timeout=timeout, settle=settle, **kwargs)
    try:
        yield transport
    finally:
        await transport.close()


def as_it_came(answer: Answer) -> Answer:
    return answer


def ok(transport: Any, _: Received) -> None:
    reply(transport, {"errorId": 0})


def hang(_: Any, __: Received) -> None:
    """The request is read and never answered."""


def drip(transport: Any, _: Received) -> None:
    from twisted.internet.task import LoopingCall

    reply(transport, b"{", length=1000)
    looping = LoopingCall(lambda: transport.write(b" ") if transport.connected else looping.stop())
    looping.start(0.05, now=False).addErrback(lambda _: None)


def silent_body(transport: Any, _: Received) -> None:
    reply(transport, b'{"errorId": 0', length=1000)


def endless(transport: Any, _: Received) -> None:
    transport.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")

    def more() -> None:
        if transport.connected:
            transport.write(b"1000\r\n" + b" " * 0x1000 + b"\r\n")
            asyncio.get_running_loop().call_later(0.001, more)

    more()


def huge(transport: Any, _: Received) -> None:
    reply(transport, b" " * 200_000, length=100_000_000)


def announced_and_whole(transport: Any, _: Received) -> None:
    reply(transport, b" " * 70_000)


def gzip_bomb(transport: Any, _: Received) -> None:
    reply(transport, gzip.compress(b" " * 20_000_000), Content_Encoding="gzip")


def gzip_garbage(transport: Any, _: Received) -> None:
    reply(transport, b"not compressed at all", Content_Encoding="gzip")


def reset_at_once(transport: Any, _: Received) -> None:
    transport.abortConnection()


def reset_in_headers(transport: Any, _: Received) -> None:
    transport.write(b"HTTP/1.1 200 OK\r\nContent-Le")
    transport.loseConnection()


def reset_in_body(transport: Any, _: Received) -> None:
    reply(transport, b'{"errorId": 0', length=1000)
    transport.loseConnection()


def no_http(transport: Any, _: Received) -> None:
    transport.write(b"220 mail.example ESMTP\r\n\r\n")


FAULTS = [
    *(drip, silent_body, hang, endless, huge, announced_and_whole, gzip_bomb, gzip_garbage),
    *(reset_at_once, reset_in_headers, reset_in_body, no_http),
]


class Certificate:
    """A self-signed certificate for 127.0.0.1: for the server, and for clients that trust it."""

    def __init__(self, folder: Path) -> None:
        from datetime import datetime, timedelta, timezone
        from ipaddress import ip_address

        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from twisted.internet.ssl import Certificate as TrustRoot
        from twisted.internet.ssl import DefaultOpenSSLContextFactory
        from twisted.web.client import BrowserLikePolicyForHTTPS

        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test service")])
        today = datetime.now(timezone.utc)
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(today - timedelta(days=1))
            .not_valid_after(today + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / "certificate.pem").write_bytes(pem)
        (folder / "key.pem").write_bytes(secret)
        self.server: Any = DefaultOpenSSLContextFactory(  # type: ignore[no-untyped-call]  # Twisted's
            str(folder / "key.pem"), str(folder / "certificate.pem")
        )
        self.policy: Any = BrowserLikePolicyForHTTPS(TrustRoot.loadPEM(pem))  # type: ignore[no-untyped-call]  # Twisted's

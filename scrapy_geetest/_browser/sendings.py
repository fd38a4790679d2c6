"""The requests by which a page's own script sends a solution: recognised by its values, however they are packed."""

from __future__ import annotations

import re
import time
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from attrs import define, field
from scrapy import Request
from scrapy.http import TextResponse
from scrapy.http.headers import Headers
from scrapy.responsetypes import responsetypes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from scrapy.http import Response

MAX_BYTES = 1_048_576  # of a body that is searched
_PACKED = re.compile(r"[A-Za-z0-9+/_-]{40,}={0,2}")
_MAX_PACKED = 20


@define(eq=False)
class Sending:
    """A request that carries a solution.

    Attributes:
        request: Playwright's; ``None``: it went through a WebSocket.
        answer: The site's answer, if it is no document of the page.
        is_over: Whether it was answered, or failed.
        sent_at: When, in monotonic seconds.
    """

    request: Any
    answer: Response | None = None
    is_over: bool = False
    sent_at: float = field(factory=time.monotonic)

    @property
    def is_navigation(self) -> bool:
        """Whether its answer is a document that a frame shows."""
        return self.request is not None and bool(self.request.is_navigation_request())

    @property
    def made(self) -> Request | None:
        """The request as the page made it; ``None``: it went through a WebSocket."""
        if self.request is None:
            return None
        request = self.request
        return Request(
            request.url, method=request.method, headers=request.headers, body=request.post_data_buffer or b""
        )

    async def read(self, response: Any) -> None:
        """Read the answer while the browser still has it; a page that goes on to another document drops it."""
        try:
            body = await response.body()
            headers = await response.all_headers()
        except Exception:  # noqa: BLE001  # Playwright's errors, which are not imported: the page is gone, or the body
            body, headers = b"", response.headers
        self.answer = make_response(response.url, response.status, headers, body)


def make_response(url: str, status: int, headers: Any, body: bytes, encoding: str | None = None) -> Response:
    """A Scrapy response made from what the browser received."""
    named = Headers(headers)
    named.pop("Content-Encoding", None)
    cls = responsetypes.from_args(headers=named, url=url, body=body)
    extra: dict[str, Any] = {"encoding": encoding} if encoding and issubclass(cls, TextResponse) else {}
    return cls(url=url, status=status, headers=named, body=body, **extra)


def carries(request: Any, secrets: Collection[str]) -> bool:
    """Whether a request of a page, as Playwright shows it, carries any of *secrets*."""
    return any(_holds(piece, secrets) for piece in _pieces(request))


def holds(message: str | bytes, secrets: Collection[str]) -> bool:
    """Whether a message, as a WebSocket sends it, holds any of *secrets*."""
    return _holds(message if isinstance(message, str) else message[:MAX_BYTES].decode("latin-1"), secrets)


def _pieces(request: Any) -> Iterator[str]:
    yield request.url
    body = request.post_data_buffer
    if body:
        yield body[:MAX_BYTES].decode("utf-8", "replace")
    yield from request.headers.values()


def _holds(piece: str, secrets: Collection[str]) -> bool:
    return any(secret in spelled for spelled in _spellings(piece) for secret in secrets)


def _spellings(piece: str) -> Iterator[str]:
    """*piece* as it stands, without the escapes of URLs and JSON, and with what is packed in Base64."""
    yield piece
    once = unquote_plus(piece)
    yield once
    yield unquote_plus(once)
    for text in (piece, once):
        yield text.replace("\\/", "/").replace('\\"', '"').replace("\\u003d", "=").replace("\\u007c", "|")
    for packed in _PACKED.findall(once.replace(" ", "+"))[:_MAX_PACKED]:
        try:
            yield urlsafe_b64decode(packed.rstrip("=").replace("+", "-").replace("/", "_") + "==").decode("latin-1")
        except (Base64Error, ValueError):
            continue

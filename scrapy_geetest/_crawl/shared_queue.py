"""The queue of a scheduler that several processes share: how a request is written there, and read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from attrs import frozen

if TYPE_CHECKING:
    from scrapy import Request


@runtime_checkable
class SharedQueue(Protocol):
    """What a scheduler offers whose queue several processes share. A request that goes back is scheduled like any other."""

    @property
    def shared_queue(self) -> str:
        """Its name: the same in all processes that share it."""

    def encode_request(self, request: Request) -> bytes:
        """A request as the queue stores it."""

    def decode_request(self, data: bytes) -> Request:
        """The request that was stored."""


@frozen
class ScrapyRedisQueue:
    """A queue of scrapy-redis, whatever its class and serializer."""

    _queue: Any

    @property
    def shared_queue(self) -> str:
        """Its key in Redis."""
        return str(self._queue.key)

    def encode_request(self, request: Request) -> bytes:
        """A request as the queue stores it."""
        data = self._queue._encode_request(request)  # noqa: SLF001  # its only way
        return data.encode() if isinstance(data, str) else bytes(data)

    def decode_request(self, data: bytes) -> Request:
        """The request that was stored."""
        request: Request = self._queue._decode_request(data)  # noqa: SLF001
        return request


def shared_queue_of(scheduler: object) -> SharedQueue | None:
    """The queue of a scheduler; ``None``: no other process takes requests from it."""
    if isinstance(scheduler, SharedQueue):
        return scheduler
    queue = getattr(scheduler, "queue", None)
    is_of_scrapy_redis = all(hasattr(queue, name) for name in ("_encode_request", "_decode_request", "key"))
    return ScrapyRedisQueue(queue) if is_of_scrapy_redis else None

"""Storages for tests: one of each kind, opened as a crawl opens them, and other processes that use the same one."""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define
from scrapy.utils.defer import maybe_deferred_to_future
from twisted.internet.task import deferLater

from scrapy_geetest._storage.opening import Opened, open_storage

sys.path.insert(0, str(Path(__file__).parent / "proofs"))

import shared_queue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twisted.internet.defer import Deferred

T = TypeVar("T")

__all__ = ["KINDS", "Waits", "missing", "opened", "shared_queue", "uri_of"]

KINDS = ("memory", "file", "redis")


@define
class Waits:
    """Waits as a crawl does, that begins to end when a test says so."""

    stopping: bool = False

    async def wait(self, deferred: Deferred[T]) -> T:
        if self.stopping:
            raise asyncio.CancelledError
        return await maybe_deferred_to_future(deferred)

    async def sleep(self, seconds: float) -> None:
        from twisted.internet import reactor

        clock: Any = reactor
        await self.wait(deferLater(clock, seconds, lambda: None))


def opened(uri: str, *, solve_timeout: float = 20.0, waits: Waits | None = None) -> Opened:
    """A storage as a crawl opens it."""
    return open_storage(uri, solve_timeout=solve_timeout, waiting=waits or Waits())


@contextmanager
def uri_of(kind: str, folder: Path) -> Iterator[str]:
    """The URI of an empty storage."""
    if kind == "memory":
        yield "memory://"
    elif kind == "file":
        yield f"file://{folder / 'geetest.db'}"
    else:
        with shared_queue.redis_server() as url:
            yield url


def missing() -> bool:
    """Whether there is no Redis to start."""
    return bool(shared_queue.missing())

"""What one process does for all: held for a short time, renewed for as long as it goes on, free when its holder dies."""

from __future__ import annotations

import logging
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from scrapy.utils.defer import deferred_from_coro
from twisted.internet.task import LoopingCall

from scrapy_geetest._storage.protocol import StorageFailedError

if TYPE_CHECKING:
    from scrapy_geetest._storage.protocol import Storage

logger = logging.getLogger(__name__)

SECONDS = 30.0
"""After which what a dead process held is free."""
_RENEWALS = 3  # in that time: two of them may be lost


class Lease:
    """Held by this process, until it is released or lost.

    Attributes:
        is_lost: Whether somebody else may hold it: it was not renewed in time.
    """

    def __init__(self, storage: Storage, kind: str, key: str, *, seconds: float, reactor: Any) -> None:
        self._storage = storage
        self._kind = kind
        self._key = key
        self._seconds = seconds
        self._token = token_hex(8)
        self._renewals = LoopingCall(self._renew)
        self._renewals.clock = reactor
        self.is_lost = False

    async def acquire(self) -> bool:
        """Take it, unless somebody holds it.

        Raises:
            StorageFailedError: The storage cannot be asked.
        """
        if not await self._storage.swap(self._kind, self._key, None, self._token, self._seconds):
            return False
        self._renewals.start(self._seconds / _RENEWALS, now=False)
        return True

    async def release(self) -> None:
        """Let it go; if that cannot be written down, it is free when its time is over."""
        if self._renewals.running:
            self._renewals.stop()
        try:
            await self._storage.delete(self._kind, self._key, self._token)
        except StorageFailedError:
            self.is_lost = True

    def _renew(self) -> Any:
        return deferred_from_coro(self._renewed())

    async def _renewed(self) -> None:
        try:
            held = await self._storage.swap(self._kind, self._key, self._token, self._token, self._seconds)
        except StorageFailedError:
            held = False
        if not held:
            self.is_lost = True
            if self._renewals.running:
                self._renewals.stop()


async def take(storage: Storage, kind: str, key: str, *, reactor: Any, seconds: float = SECONDS) -> Lease | None:
    """Take what nobody holds.

    Args:
        storage: Where it is written down.
        kind: Of leases.
        key: What is to be held.
        reactor: The Twisted reactor, or a clock in tests.
        seconds: After which it is free if its holder dies.

    Returns:
        ``None``: somebody holds it.

    Raises:
        StorageFailedError: The storage cannot be asked.
    """
    lease = Lease(storage, kind, key, seconds=seconds, reactor=reactor)
    return lease if await lease.acquire() else None

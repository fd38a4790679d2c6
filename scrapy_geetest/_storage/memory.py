"""Kept in this process alone, and gone with it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from scrapy_geetest._storage.protocol import MOST_LISTED, Entry

if TYPE_CHECKING:
    from collections.abc import Callable

_SWEEP = 1000  # entries more than were left by the last sweep, after which those whose time is over are dropped


class MemoryStorage:
    """Dicts.

    Args:
        clock: Monotonic seconds.
    """

    is_shared = False

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kinds: dict[str, dict[str, tuple[str, float]]] = {}
        self._size = 0  # at most; what was deleted is counted until the next sweep
        self._sweep_at = _SWEEP

    async def get(self, kind: str, key: str) -> str | None:
        """The value under a key."""
        return self._get(kind, key)

    async def put(self, kind: str, key: str, value: str, seconds: float) -> None:
        """Write a value, whatever was there."""
        self._size += 1
        if self._size > self._sweep_at:
            self._sweep()
        self._kinds.setdefault(kind, {})[key] = value, self._clock() + seconds

    async def swap(self, kind: str, key: str, old: str | None, new: str, seconds: float) -> bool:
        """Write *new* where *old* is."""
        if self._get(kind, key) not in (old, new):
            return False
        await self.put(kind, key, new, seconds)
        return True

    async def delete(self, kind: str, key: str, value: str | None = None) -> None:
        """Delete an entry."""
        if value is None or self._get(kind, key) == value:
            self._kinds.get(kind, {}).pop(key, None)

    async def entries(self, kind: str, prefix: str = "", limit: int = MOST_LISTED) -> list[Entry]:
        """The entries whose keys begin with *prefix*."""
        now = self._clock()
        found = [
            Entry(key, value)
            for key, (value, until) in self._kinds.get(kind, {}).items()
            if key.startswith(prefix) and now < until
        ]
        return sorted(found, key=lambda entry: entry.key)[:limit]

    async def close(self) -> None:
        """Nothing is held."""

    def _get(self, kind: str, key: str) -> str | None:
        value, until = self._kinds.get(kind, {}).get(key, (None, 0.0))
        return value if self._clock() < until else None

    def _sweep(self) -> None:
        now = self._clock()
        for kind, entries in self._kinds.items():
            self._kinds[kind] = {key: entry for key, entry in entries.items() if now < entry[1]}
        self._size = sum(map(len, self._kinds.values()))
        self._sweep_at = self._size + _SWEEP

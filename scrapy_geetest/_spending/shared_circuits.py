"""The breaker's circuits, as all processes see them: failures in a row are those of all together."""

from __future__ import annotations

import json
import time
from secrets import token_hex
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from scrapy_geetest._spending.breaker import Change

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scrapy_geetest._spending.breaker import Breaker
    from scrapy_geetest._storage.protocol import Storage

_KIND = "circuit"
_TRIES = 20  # of a write that others come before


@frozen
class _Circuit:
    """What is written of one site.

    Attributes:
        failures: In a row.
        open_until: In seconds since 1970; 0: it is closed.
        by: A token of who wrote it, so that two processes never write the same.
    """

    failures: int = 0
    open_until: float = 0.0
    by: str = field(factory=lambda: token_hex(8))

    @classmethod
    def from_text(cls, text: str | None) -> _Circuit:
        """What is there; a closed one if nothing is, or nothing that can be read."""
        try:
            data = json.loads(text or "{}")
            return cls(int(data.get("failures", 0)), float(data.get("open_until", 0.0)), str(data.get("by", "")))
        except (ValueError, TypeError, AttributeError):
            return cls()

    def to_text(self) -> str:
        """What is written."""
        return json.dumps({"failures": self.failures, "open_until": self.open_until, "by": self.by})


@define(eq=False)
class SharedCircuits:
    """Puts the breaker of this process together with those of the others.

    Args:
        breaker: Of this process.
        storage: Where circuits are written down.
        names: Of the sites of this crawl, and what they are called in the storage.
        clock: Seconds that all machines share, more or less.
    """

    _breaker: Breaker
    _storage: Storage
    _names: Mapping[str, str]
    _clock: Callable[[], float] = time.time
    _known: set[str] = field(init=False, factory=set)

    def watch(self, called: Callable[[str, Change], None]) -> None:
        """Have *called* told of each change in this process."""
        self._breaker.on_change = called

    async def read(self) -> None:
        """Take over what the others have found.

        Raises:
            StorageFailedError: It cannot be read.
        """
        found = {entry.key: entry.value for entry in await self._storage.entries(_KIND)}
        circuits = {site: _Circuit.from_text(found[name]) for site, name in self._names.items() if name in found}
        for site in self._known - circuits.keys():
            self._breaker.adopt(site, failures=0, seconds=0.0)
        self._known = set(circuits)
        for site, circuit in circuits.items():
            self._breaker.adopt(site, failures=circuit.failures, seconds=circuit.open_until - self._clock())

    async def write(self, site: str, change: Change) -> None:
        """Write down what has become of a circuit here.

        Raises:
            StorageFailedError: It cannot be written.
        """
        name = self._names[site]
        if change is Change.OVER:
            await self._storage.delete(_KIND, name)
            return
        self._known.add(site)
        for _ in range(_TRIES):
            text = await self._storage.get(_KIND, name)
            after = self._after(site, change, _Circuit.from_text(text))
            # Kept after its time, so that one purchase finds out how things are, and not one in each process.
            seconds = max(0.0, after.open_until - self._clock()) + self._breaker.seconds
            if await self._storage.swap(_KIND, name, text, after.to_text(), seconds):
                return

    def _after(self, site: str, change: Change, before: _Circuit) -> _Circuit:
        failures = before.failures + (change is Change.FAILED)
        left = self._breaker.left(site)
        if left or self._breaker.is_too_many(failures):
            return _Circuit(failures, self._clock() + (left or self._breaker.seconds))
        return _Circuit(failures, before.open_until)

"""What a storage can do. Whoever writes that something is theirs does so in one step, and for a limited time."""

from __future__ import annotations

from typing import Protocol

from attrs import frozen

MOST_LISTED = 1000
"""Entries that one listing gives, unless told otherwise."""


@frozen
class Entry:
    """What is kept under a key.

    Attributes:
        key: Its name among those of its kind.
        value: Text, which may hold secrets.
    """

    key: str
    value: str = ""

    def __repr__(self) -> str:
        return f"Entry({self.key!r})"


class StorageFailedError(Exception):
    """The storage could not be asked for longer than anybody waits, or at the end of the crawl, when nobody does."""


class Backend(Protocol):
    """A storage whose calls may block, so that they are made in threads. Each call is one step, whoever else writes.

    Each call can be made again if its answer was lost: the second one does no harm, and says the same.
    """

    errors: tuple[type[Exception], ...]
    """What its calls raise where it is away, full, or otherwise out of order."""

    def check(self) -> bool:
        """Whether it can be reached."""
        ...

    def get(self, kind: str, key: str) -> str | None:
        """The value under a key."""
        ...

    def put(self, kind: str, key: str, value: str, seconds: float) -> None:
        """Write a value, whatever was there."""
        ...

    def swap(self, kind: str, key: str, old: str | None, new: str, seconds: float) -> bool:
        """Write *new* where *old* is, and say whether it is there now; ``None``: where nothing is."""
        ...

    def delete(self, kind: str, key: str, value: str | None = None) -> None:
        """Delete an entry; with *value*, only where that is its value."""
        ...

    def entries(self, kind: str, prefix: str = "", limit: int = MOST_LISTED) -> list[Entry]:
        """The entries whose keys begin with *prefix*, in the order of their keys, *limit* of them at most."""
        ...

    def close(self) -> None:
        """No more calls will come."""
        ...


class Storage(Protocol):
    """What is kept for other processes and later ones, by kind and key. Every entry is gone after some seconds.

    No call blocks the reactor. While the storage is away, calls wait; when the crawl is ending, each is tried once.

    Attributes:
        is_shared: Whether another process, now or later, sees what is written.
    """

    @property
    def is_shared(self) -> bool: ...

    async def get(self, kind: str, key: str) -> str | None:
        """The value under a key; ``None``: there is none, or its time is over.

        Raises:
            StorageFailedError: It was away for too long; so for all calls.
        """
        ...

    async def put(self, kind: str, key: str, value: str, seconds: float) -> None:
        """Write a value, whatever was there, for so many *seconds*."""
        ...

    async def swap(self, kind: str, key: str, old: str | None, new: str, seconds: float) -> bool:
        """Write *new* only where *old* is, in one step; ``None``: only where nothing is.

        *new* has to be unlike what anybody else writes there, as by a token of its writer's own: a call whose answer was lost
        is made again, and where *new* is found, it was the first one that wrote it.

        Returns:
            Whether *new* is there now, for *seconds* from now on. Where it was there before, nothing but its time changes.
        """
        ...

    async def delete(self, kind: str, key: str, value: str | None = None) -> None:
        """Delete an entry; with *value*, only where that is its value."""
        ...

    async def entries(self, kind: str, prefix: str = "", limit: int = MOST_LISTED) -> list[Entry]:
        """The entries whose keys begin with *prefix*, in the order of their keys, *limit* of them at most."""
        ...

    async def close(self) -> None:
        """Give back what it holds: connections, files."""
        ...

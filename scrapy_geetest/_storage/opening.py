"""The storage that ``GEETEST_STORAGE_URI`` names, looked at before the crawl begins."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

from attrs import frozen

from scrapy_geetest._storage.file import File, FileBackend, FileWindows
from scrapy_geetest._storage.memory import MemoryStorage
from scrapy_geetest._storage.patience import Patience
from scrapy_geetest._storage.protocol import MOST_LISTED, Backend, Entry, Storage, StorageFailedError
from scrapy_geetest._storage.redis import SCHEMES, RedisBackend, options_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from limits.storage import Storage as LimitsStorage

    from scrapy_geetest._storage.patience import Waiting

T = TypeVar("T")

RULE = 'it must be "memory://", "file:///path/to/a/file" or a URL of Redis like "redis://localhost:6379"'
OUTAGE = 3.0
"""How many times the time for one solution a storage may be away before that is final."""


@frozen
class Opened:
    """A storage, in the ways in which it is used.

    Attributes:
        entries: What outlives the process.
        windows: Makes what counts for the ``limits`` library how much is spent in a time.
        patience: Asks it in threads; ``None``: it is in memory, and needs none.
    """

    entries: Storage
    windows: Callable[[], LimitsStorage]
    patience: Patience | None = None

    @property
    def trouble(self) -> str:
        """What is waited for, in words for a progress line; empty if nothing is."""
        return "" if self.patience is None else self.patience.trouble


@frozen
class PatientStorage:
    """A backend whose calls block, called in threads, patiently while it is away."""

    is_shared = True

    _backend: Backend
    _patience: Patience

    async def get(self, kind: str, key: str) -> str | None:
        """The value under a key."""
        return await self._ask(self._backend.get, kind, key)

    async def put(self, kind: str, key: str, value: str, seconds: float) -> None:
        """Write a value, whatever was there."""
        await self._ask(self._backend.put, kind, key, value, seconds)

    async def swap(self, kind: str, key: str, old: str | None, new: str, seconds: float) -> bool:
        """Write *new* where *old* is."""
        return await self._ask(self._backend.swap, kind, key, old, new, seconds)

    async def delete(self, kind: str, key: str, value: str | None = None) -> None:
        """Delete an entry."""
        await self._ask(self._backend.delete, kind, key, value)

    async def entries(self, kind: str, prefix: str = "", limit: int = MOST_LISTED) -> list[Entry]:
        """The entries whose keys begin with *prefix*."""
        return await self._ask(self._backend.entries, kind, prefix, limit)

    async def close(self) -> None:
        """Give back connections and files."""
        with suppress(StorageFailedError):
            await self._patience.ask_once(self._backend.close)

    async def _ask(self, question: Callable[..., T], *values: Any) -> T:
        return await self._patience.ask_in_any_case(partial(question, *values))


def open_storage(uri: str, *, solve_timeout: float, waiting: Waiting) -> Opened:
    """Open the storage of a URI.

    Args:
        uri: As the setting has it.
        solve_timeout: Seconds for one solution.
        waiting: Waits for a storage that is away.

    Raises:
        ValueError: It cannot be used; the message shows nothing of the URI, which may hold a password.
    """
    scheme = uri.partition(":")[0]
    if scheme == "memory":
        from limits.storage import MemoryStorage as MemoryWindows

        return Opened(MemoryStorage(), MemoryWindows)
    backend, windows = _in_file(uri) if scheme == "file" else _in_redis(uri)
    patience = Patience(check=backend.check, errors=backend.errors, limit=OUTAGE * solve_timeout, waiting=waiting)
    return Opened(PatientStorage(backend, patience), lambda: windows, patience)


def check_uri(uri: str) -> None:
    """Look at a URI alone.

    Raises:
        ValueError: It names no storage.
    """
    scheme, separator, rest = uri.partition("://")
    is_file = scheme == "file" and rest.startswith("/") and not uri.endswith("/")
    if not separator or not (is_file or scheme == "memory" or scheme in SCHEMES):
        raise ValueError(RULE)


def _in_file(uri: str) -> tuple[Backend, LimitsStorage]:
    try:
        file = File(Path(unquote(urlsplit(uri).path)))
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"The storage of GEETEST_STORAGE_URI cannot be used: {type(error).__name__}: {why}") from None
    return FileBackend(file), FileWindows(file)


def _in_redis(uri: str) -> tuple[Backend, LimitsStorage]:
    from limits.errors import ConfigurationError
    from limits.storage import storage_from_string

    try:
        storage: Any = storage_from_string(uri, **options_of(uri.partition(":")[0]))
        reached = storage.check()
        backend = RedisBackend(storage)
    except ConfigurationError:
        raise ValueError(
            "The storage of GEETEST_STORAGE_URI cannot be used: there is no such kind of storage, or its package is missing "
            "(for redis://: pip install 'scrapy-geetest[redis]')."
        ) from None
    except Exception as error:  # noqa: BLE001  # whatever a storage raises, the crawl cannot start with it
        # The URI may hold a password, and so may the words of an error about it.
        raise ValueError(f"The storage of GEETEST_STORAGE_URI cannot be used: {type(error).__name__}") from None
    if not reached:
        raise ValueError("The storage of GEETEST_STORAGE_URI cannot be reached; is it running?")
    return backend, storage

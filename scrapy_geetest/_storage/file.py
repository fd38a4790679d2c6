"""Kept in a file: SQLite, for several processes on one machine, at once or one after the other."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

from limits.storage import MovingWindowSupport
from limits.storage import Storage as LimitsStorage

from scrapy_geetest._storage.protocol import MOST_LISTED, Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BUSY_TIMEOUT = 5.0  # seconds for another process to end its step
_MODE = 0o600
_WAL_BYTES = 1_048_576
# Wall clock, which all processes of the machine share. A kill loses nothing in this mode, only a power failure may.
_SETUP = f"""
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA journal_size_limit = {_WAL_BYTES};
    CREATE TABLE IF NOT EXISTS entries (
        kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, until REAL NOT NULL, PRIMARY KEY (kind, key)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS entries_until ON entries (until);
    CREATE TABLE IF NOT EXISTS hits (key TEXT NOT NULL, at REAL NOT NULL, until REAL NOT NULL);
    CREATE INDEX IF NOT EXISTS hits_key ON hits (key, at);
    CREATE INDEX IF NOT EXISTS hits_until ON hits (until);
"""
_FREED_PAGES = 64  # given back to the file system at a time


class File:
    """A connection to the file, which one thread at a time uses.

    Args:
        path: Of the file; it is made if it is not there, for its owner alone.
        clock: Seconds that all processes share.

    Raises:
        OSError: It cannot be made or written.
        sqlite3.Error: It is no such file.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        # Made before SQLite makes it: its -wal and -shm get the mode of the file itself.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, _MODE))
        if path.stat().st_mode & 0o777 != _MODE:
            path.chmod(_MODE)
        self.clock = clock
        self._lock = Lock()
        self._connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False, cached_statements=32
        )
        self._connection.executescript(_SETUP)

    def read(self, query: str, *values: Any) -> list[Any]:
        """The rows of one query."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def step(self) -> Iterator[sqlite3.Connection]:
        """Write in one step; what has expired is dropped in passing."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                now = self.clock()
                self._connection.execute("DELETE FROM entries WHERE until <= ?", (now,))
                self._connection.execute("DELETE FROM hits WHERE until <= ?", (now,))
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            # Not by execute(), which takes one step of it, and with that one page.
            self._connection.executescript(f"PRAGMA incremental_vacuum({_FREED_PAGES})")

    def close(self) -> None:
        """No more calls will come."""
        with self._lock:
            self._connection.close()


class FileBackend:
    """Entries in a table."""

    errors: tuple[type[Exception], ...] = (sqlite3.Error, OSError)

    def __init__(self, file: File) -> None:
        self._file = file

    def check(self) -> bool:
        """Whether it can be read."""
        return self._file.read("SELECT 1") == [(1,)]

    def get(self, kind: str, key: str) -> str | None:
        """The value under a key."""
        query = "SELECT value FROM entries WHERE kind = ? AND key = ? AND until > ?"
        found = self._file.read(query, kind, key, self._file.clock())
        return found[0][0] if found else None

    def put(self, kind: str, key: str, value: str, seconds: float) -> None:
        """Write a value, whatever was there."""
        with self._file.step() as connection:
            self._write(connection, kind, key, value, seconds)

    def swap(self, kind: str, key: str, old: str | None, new: str, seconds: float) -> bool:
        """Write *new* where *old* is."""
        with self._file.step() as connection:
            query = "SELECT value FROM entries WHERE kind = ? AND key = ?"
            found = connection.execute(query, (kind, key)).fetchone()
            if (found[0] if found else None) not in (old, new):
                return False
            self._write(connection, kind, key, new, seconds)
        return True

    def delete(self, kind: str, key: str, value: str | None = None) -> None:
        """Delete an entry."""
        with self._file.step() as connection:
            query = "DELETE FROM entries WHERE kind = ? AND key = ? AND (? IS NULL OR value = ?)"
            connection.execute(query, (kind, key, value, value))

    def entries(self, kind: str, prefix: str = "", limit: int = MOST_LISTED) -> list[Entry]:
        """The entries whose keys begin with *prefix*."""
        query = (
            "SELECT key, value FROM entries WHERE kind = ? AND until > ? AND substr(key, 1, ?) = ? ORDER BY key LIMIT ?"
        )
        return [Entry(*row) for row in self._file.read(query, kind, self._file.clock(), len(prefix), prefix, limit)]

    def close(self) -> None:
        """No more calls will come."""
        self._file.close()

    def _write(self, connection: sqlite3.Connection, kind: str, key: str, value: str, seconds: float) -> None:
        query = "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?)"
        connection.execute(query, (kind, key, value, self._file.clock() + seconds))


class FileWindows(LimitsStorage, MovingWindowSupport):
    """Moving windows of the ``limits`` library, which has no storage in a file: budgets ask for no other kind."""

    STORAGE_SCHEME = None

    def __init__(self, file: File) -> None:
        super().__init__()
        self._file = file

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """What the file raises."""
        return FileBackend.errors

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count *amount*, unless the window would hold more than *limit*."""
        with self._file.step() as connection:
            now = self._file.clock()
            query = "SELECT count(*) FROM hits WHERE key = ? AND at > ?"
            if connection.execute(query, (key, now - expiry)).fetchone()[0] + amount > limit:
                return False
            connection.executemany("INSERT INTO hits VALUES (?, ?, ?)", [(key, now, now + expiry)] * amount)
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """The beginning of the window, and how many it holds."""
        del limit
        now = self._file.clock()
        [(first, count)] = self._file.read(
            "SELECT min(at), count(*) FROM hits WHERE key = ? AND at > ?", key, now - expiry
        )
        return (now if first is None else first), count

    def check(self) -> bool:
        """Whether it can be read."""
        return bool(self._file.read("SELECT 1"))

    def clear(self, key: str) -> None:
        """Forget one window."""
        with self._file.step() as connection:
            connection.execute("DELETE FROM hits WHERE key = ?", (key,))

    def reset(self) -> int | None:
        """Forget all windows."""
        with self._file.step() as connection:
            return connection.execute("DELETE FROM hits").rowcount

    def get(self, key: str) -> int:
        """How many one window holds."""
        return int(
            self._file.read("SELECT count(*) FROM hits WHERE key = ? AND until > ?", key, self._file.clock())[0][0]
        )

    def get_expiry(self, key: str) -> float:
        """When the latest of a window leaves it."""
        [(until,)] = self._file.read("SELECT max(until) FROM hits WHERE key = ?", key)
        return self._file.clock() if until is None else float(until)

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count in a window of fixed beginning, as if its hits came one by one."""
        with self._file.step() as connection:
            now = self._file.clock()
            connection.executemany("INSERT INTO hits VALUES (?, ?, ?)", [(key, now, now + expiry)] * amount)
        return self.get(key)

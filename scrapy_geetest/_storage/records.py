"""Records of this process in a storage, in step with what it holds; and those that dead processes have left."""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from scrapy_geetest._storage.protocol import StorageFailedError
from scrapy_geetest._storage.work import Work

if TYPE_CHECKING:
    from scrapy_geetest._storage.protocol import Storage
    from scrapy_geetest._storage.workers import Workers

logger = logging.getLogger(__name__)

KEPT_SECONDS = 7 * 24 * 3600.0
PATIENCE = 2.0  # seconds that anybody waits for a record to be written
_TRACE_SECONDS = 600.0  # for which a process that was believed dead can learn that its record was taken
_FREE = "free"  # instead of a process, in the keys of records that were left to others by a process that goes on
_AT_MOST = 20_000  # records of one process; more than can wait in it


@define(eq=False)
class _Record:
    """What is to be there, and what this process knows to be there; ``None``: nothing."""

    name: str
    key: str
    wanted: str | None = None
    there: str | None = None
    is_unsure: bool = False  # a write failed, and may have been done all the same
    is_taken: bool = False
    writing: Work = field(init=False, repr=False)

    @property
    def is_in_step(self) -> bool:
        return self.is_taken or (self.wanted == self.there and not self.is_unsure)


@frozen
class Left:
    """A record of a dead process.

    Attributes:
        key: Where it is kept.
        content: What it says, which may hold secrets.
        value: As it is written in the storage, its holder's name included.
    """

    key: str
    content: str = field(repr=False)
    value: str = field(repr=False)


class Records:
    """Records of one kind. Each belongs to the process that wrote it or took it, for as long as that process lives.

    A record is written in the background, and what changes meanwhile is written next. While the storage is away, whoever
    waits for that does so for ``PATIENCE`` seconds at most.

    Args:
        storage: Where they are kept.
        workers: Whose they are.
        kind: Of them.
        reactor: The Twisted reactor, or a clock in tests.
    """

    def __init__(self, storage: Storage, workers: Workers, kind: str, *, reactor: Any) -> None:
        self._storage = storage
        self._workers = workers
        self._kind = kind
        workers.kinds.append(kind)
        self._reactor = reactor
        self._records: dict[str, _Record] = {}

    @property
    def are_left(self) -> bool:
        """Whether some of this process's are in the storage."""
        return any(record.there is not None or record.is_unsure for record in self._records.values())

    async def keep(self, name: str, content: str) -> None:
        """Have a record of this process say *content*, and wait until it is written."""
        record = self.begin(name, content)
        await record.writing.wait(PATIENCE)

    def begin(self, name: str, content: str) -> _Record:
        """The same without the wait."""
        record = self._records.get(name)
        if record is None:
            record = self._new(_Record(name, f"{self._workers.name}:{name}"))
        record.wanted = self._held(content)
        self._start(record)
        return record

    async def drop(self, name: str) -> bool:
        """Take a record out.

        Returns:
            Whether it was this process's until now. Where the storage does not say, it was.
        """
        record = self.begin_drop(name)
        if record is None:
            return True
        await record.writing.wait(PATIENCE)
        if record.is_taken:
            self._records.pop(name, None)
        return not record.is_taken

    def begin_drop(self, name: str) -> _Record | None:
        """The same without the wait."""
        record = self._records.get(name)
        if record is not None:
            record.wanted = None
            self._start(record)
        return record

    def is_taken(self, name: str) -> bool:
        """Whether another process has taken a record, as far as was seen when it was written last."""
        record = self._records.get(name)
        return record is not None and record.is_taken

    async def are_elsewhere(self) -> bool:
        """Whether other processes have any, dead or alive.

        Raises:
            StorageFailedError: The storage cannot be asked.
        """
        census = await self._workers.census()
        entries = await self._storage.entries(self._kind)
        holders = {holder for holder, _, content in (entry.value.partition("\n") for entry in entries) if content}
        return any(census.knows(holder) for holder in holders - {self._workers.name})

    async def left(self) -> list[Left]:
        """The records of dead processes.

        Raises:
            StorageFailedError: The storage cannot be asked.
        """
        found: list[Left] = []
        census = await self._workers.census()
        dead = census.dead
        for name in (*dead, _FREE):
            entries = await self._storage.entries(self._kind, f"{name}:", _AT_MOST)
            for entry in entries:
                holder, _, content = entry.value.partition("\n")
                if content and (not holder or census.is_dead(holder)):
                    found.append(Left(entry.key, content, entry.value))
            if name in dead and not entries:
                await self._workers.forget(name)
        return found

    async def take(self, left: Left, name: str) -> bool:
        """Make a record one of this process's, by this *name*; says whether nobody else was faster.

        Raises:
            StorageFailedError: The storage cannot be asked.
        """
        held = self._held(left.content)
        if not await self._storage.swap(self._kind, left.key, left.value, held, KEPT_SECONDS):
            return False
        self._new(_Record(name, left.key, held, held))
        return True

    async def release(self, name: str, content: str) -> None:
        """Leave a record to whoever takes it, though this process goes on, and wait until that is written."""
        work = Work(partial(self._release, name, content), self._reactor)
        work.start()
        await work.wait(PATIENCE)

    async def _release(self, name: str, content: str) -> None:
        with suppress(StorageFailedError):  # then it is left when this process has ended
            await self._storage.put(self._kind, f"{_FREE}:{name}", f"\n{content}", KEPT_SECONDS)
            self.begin_drop(name)

    def retry(self) -> None:
        """Write what could not be written when it was to be."""
        for record in list(self._records.values()):
            self._start(record)

    async def settle(self) -> None:
        """Wait until everything is written, or the storage has failed."""
        self.retry()
        for record in list(self._records.values()):
            await record.writing.wait(PATIENCE)

    def _new(self, record: _Record) -> _Record:
        record.writing = Work(partial(self._write_all, record), self._reactor)
        self._records[record.name] = record
        return record

    def _held(self, content: str) -> str:
        return f"{self._workers.name}\n{content}"

    def _start(self, record: _Record) -> None:
        if not record.is_in_step:
            record.writing.start()

    async def _write_all(self, record: _Record) -> None:
        try:
            while not record.is_in_step:
                wanted, was_unsure, record.is_unsure = record.wanted, record.is_unsure, True
                await self._write(record, wanted, is_sure=not was_unsure)
                record.there, record.is_unsure = wanted, False
        except StorageFailedError as error:
            logger.debug("GeeTest: a record could not be written: %s", error)
        if record.wanted is None and record.is_in_step and self._records.get(record.name) is record:
            del self._records[record.name]

    async def _write(self, record: _Record, wanted: str | None, *, is_sure: bool) -> None:
        if is_sure and record.there is not None:
            # An empty record, and no deletion, so that the answer says whether it was still this process's.
            is_taken_over = not record.key.startswith(self._workers.name)
            trace = self._held(""), _TRACE_SECONDS if is_taken_over else 1.0
            new, seconds = trace if wanted is None else (wanted, KEPT_SECONDS)
            if await self._storage.swap(self._kind, record.key, record.there, new, seconds):
                return
        if not is_sure or record.there is not None:
            found = await self._storage.get(self._kind, record.key)
            if found is not None and found.partition("\n")[0] != self._workers.name:
                record.is_taken = True
                return
        if wanted is not None:
            await self._storage.put(self._kind, record.key, wanted, KEPT_SECONDS)
        else:
            await self._storage.delete(self._kind, record.key)

"""The processes that share a storage: each has a lease that it renews, and what a dead one held is free for the others."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen
from scrapy.utils.defer import deferred_from_coro
from twisted.internet.task import LoopingCall

from scrapy_geetest._storage.protocol import StorageFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from scrapy_geetest._storage.protocol import Storage

LEASE_SECONDS = 15.0
RENEWAL = 5.0  # seconds; two renewals may be lost
_SURE_AFTER = 6.0  # seconds without a lease: its process may only have waited for a storage that was away
_KNOWN_SECONDS = 7 * 24 * 3600.0  # for which what a dead process held is kept
_WORKER, _LEASE = "worker", "lease"


@frozen
class Process:
    """A process, so that others on its machine see when it is gone.

    Attributes:
        machine: Host, and the namespace in which the number holds: containers of one machine have their own.
        number: Its process id.
        started: When, in ticks since the machine started: process ids are used again.
        is_over: Whether it has said that it ends.
        kinds: Of the records that it may leave.
    """

    machine: str = ""
    number: int = 0
    started: str = ""
    is_over: bool = False
    kinds: tuple[str, ...] = ()

    @classmethod
    def own(cls) -> Process:
        """This one. Where there is no ``/proc``, only its lease tells whether it lives."""
        try:
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            machine = f"{socket.gethostname()} {boot} {Path('/proc/self/ns/pid').readlink()}"
            return cls(machine, os.getpid(), _started(os.getpid()))
        except OSError:
            return cls()

    @classmethod
    def read(cls, text: str) -> Process:
        """What another one has written of itself."""
        try:
            machine, number, started, is_over, kinds = json.loads(text)
            return cls(str(machine), int(number), str(started), bool(is_over), tuple(map(str, kinds)))
        except (TypeError, ValueError):
            return cls()

    def is_gone_from(self, here: Process) -> bool:
        """Whether it was on the machine of *here*, and is there no more."""
        if not here.machine or self.machine != here.machine:
            return False
        try:
            return _started(self.number) != self.started
        except OSError:
            return True

    def __str__(self) -> str:
        return json.dumps([self.machine, self.number, self.started, self.is_over, self.kinds])


@frozen
class Census:
    """The processes that a storage knows of at one moment."""

    _known: Mapping[str, Process]
    _leases: Collection[str]
    _is_dead: Callable[[str, Process, bool], bool]

    @property
    def dead(self) -> list[str]:
        """The names of those that are gone and may have left something."""
        return [name for name in self._known if self.is_dead(name)]

    def knows(self, name: str) -> bool:
        """Whether a process is there, or is gone and not forgotten."""
        return name in self._known or name in self._leases

    def is_dead(self, name: str) -> bool:
        """Whether a process is gone; one that is known no more had left nothing but what it took from another."""
        return self._is_dead(name, self._known.get(name, Process()), name in self._leases)


@frozen(kw_only=True)
class Workers:
    """This process and the others.

    Args:
        storage: Which they share.
        reactor: The Twisted reactor, or a clock in tests.
        clock: Monotonic seconds.
        process: This one.
        name: It is known by.
        kinds: Of records that it may leave.
    """

    _storage: Storage
    _reactor: Any
    _clock: Callable[[], float] = time.monotonic
    _process: Process = field(factory=Process.own)
    name: str = field(factory=lambda: token_hex(8))
    kinds: list[str] = field(factory=list)
    _missed: dict[str, float] = field(factory=dict, init=False)  # -> since when it is seen without a lease
    _renewals: list[LoopingCall] = field(factory=list, init=False)

    async def open(self) -> None:
        """Take a lease, and renew it from now on.

        Raises:
            StorageFailedError: The storage cannot be asked.
        """
        await self._take_lease()
        renewal = LoopingCall(self._renew)
        renewal.clock = self._reactor
        renewal.start(RENEWAL, now=False)
        self._renewals.append(renewal)

    async def census(self) -> Census:
        """Who there is.

        Raises:
            StorageFailedError: The storage cannot be asked.
        """
        known = {entry.key: Process.read(entry.value) for entry in await self._storage.entries(_WORKER)}
        leases = {entry.key for entry in await self._storage.entries(_LEASE)}
        return Census(known, leases, self._is_dead)

    async def forget(self, name: str) -> None:
        """Forget a dead one, unless it has left something.

        Raises:
            StorageFailedError: The storage cannot be asked.
        """
        process = Process.read(await self._storage.get(_WORKER, name) or "")
        for kind in process.kinds:
            if await self._storage.entries(kind, f"{name}:", 1):
                return
        self._missed.pop(name, None)
        await self._storage.delete(_WORKER, name)

    async def close(self, *, leaves: bool) -> None:
        """End the lease.

        Args:
            leaves: Whether something is left, which is free at once.

        Raises:
            StorageFailedError: The storage cannot be asked.
        """
        for renewal in self._renewals:
            renewal.stop()
        self._renewals.clear()
        if leaves:
            await self._write(is_over=True)
        else:
            await self._storage.delete(_WORKER, self.name)
        await self._storage.delete(_LEASE, self.name)

    def _is_dead(self, name: str, process: Process, has_lease: bool) -> bool:  # noqa: FBT001  # a callback
        if name == self.name:
            return False
        if process.is_over or process.is_gone_from(self._process):
            return True
        if has_lease:
            self._missed.pop(name, None)
            return False
        return self._clock() - self._missed.setdefault(name, self._clock()) >= _SURE_AFTER

    def _renew(self) -> Any:
        return deferred_from_coro(self._renewed())

    async def _renewed(self) -> None:
        with suppress(StorageFailedError):  # the next renewal tries again
            await self._take_lease()

    async def _take_lease(self) -> None:
        await self._storage.put(_LEASE, self.name, "", LEASE_SECONDS)
        await self._write()

    async def _write(self, *, is_over: bool = False) -> None:
        process = evolve(self._process, is_over=is_over, kinds=tuple(self.kinds))
        await self._storage.put(_WORKER, self.name, str(process), _KNOWN_SECONDS)


def _started(number: int) -> str:
    """When a process of this machine began; the name before it may hold spaces and brackets."""
    return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[19]

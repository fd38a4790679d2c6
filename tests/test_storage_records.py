"""Records that belong to a process for as long as it lives, and to whoever takes them when it is gone."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest
from attrs import define, evolve, field
from reactor import turns
from twisted.internet.task import Clock

from scrapy_geetest._storage.memory import MemoryStorage
from scrapy_geetest._storage.protocol import Entry, StorageFailedError
from scrapy_geetest._storage.records import Records
from scrapy_geetest._storage.workers import LEASE_SECONDS, Process, Workers

KIND = "task"


@define
class Flaky(MemoryStorage):
    """A storage in memory that can be told to fail, before or after it has done what it was asked."""

    clock: Clock
    fails: str = ""
    calls: list[str] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        MemoryStorage.__init__(self, self.clock.seconds)

    async def put(self, kind: str, key: str, value: str, seconds: float) -> None:
        self._begin("put")
        await super().put(kind, key, value, seconds)
        self._end()

    async def swap(self, kind: str, key: str, old: str | None, new: str, seconds: float) -> bool:
        self._begin("swap")
        done = await super().swap(kind, key, old, new, seconds)
        self._end()
        return done

    async def delete(self, kind: str, key: str, value: str | None = None) -> None:
        self._begin("delete")
        await super().delete(kind, key, value)
        self._end()

    def _begin(self, call: str) -> None:
        self.calls.append(call)
        if self.fails == "before":
            raise StorageFailedError("away")

    def _end(self) -> None:
        if self.fails == "after":
            raise StorageFailedError("the answer was lost")


@define
class Machines:
    """Processes on machines of their own, which share a storage."""

    clock: Clock = field(factory=Clock)
    storage: Flaky = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.storage = Flaky(self.clock)

    async def worker(self, name: str, process: Process | None = None) -> tuple[Workers, Records]:
        """A process that has begun."""
        here = process or Process(f"machine of {name}", 1, "1")
        workers = Workers(storage=self.storage, reactor=self.clock, clock=self.clock.seconds, process=here, name=name)
        records = Records(self.storage, workers, KIND, reactor=self.clock)
        await workers.open()
        return workers, records

    def kill(self, workers: Workers) -> None:
        """It renews its lease no more."""
        for renewal in workers._renewals:
            renewal.stop()
        workers._renewals.clear()

    async def pass_by(self, seconds: float, *lookers: Records) -> None:
        """Time passes, and processes look for what others have left."""
        for _ in range(int(seconds)):
            self.clock.advance(1.0)
            await turns()
            for looker in lookers:
                await looker.left()

    async def there(self) -> dict[str, str]:
        """Records with something in them: key to content."""
        entries = await self.storage.entries(KIND)
        pairs = {entry.key: entry.value.partition("\n")[2] for entry in entries}
        return {key: content for key, content in pairs.items() if content}


async def test_a_record_of_a_live_process_is_nobody_elses() -> None:
    """However long it lasts: the lease is renewed."""
    machines = Machines()
    _, mine = await machines.worker("a")
    _, other = await machines.worker("b")
    await mine.keep("1", "paid")
    await machines.pass_by(120, other)
    assert await other.left() == []
    assert await mine.drop("1")
    assert await machines.there() == {}


async def test_what_a_killed_process_held_comes_free_within_thirty_seconds() -> None:
    """Nobody takes it before its lease is over, and only one takes it then."""
    machines = Machines()
    dying, held = await machines.worker("a")
    _, one = await machines.worker("b")
    _, other = await machines.worker("c")
    await held.keep("1", "paid")
    machines.kill(dying)
    await machines.pass_by(LEASE_SECONDS - 2, one, other)
    assert await one.left() == []
    await machines.pass_by(32 - LEASE_SECONDS, one, other)
    [left] = await one.left()
    assert left.content == "paid"
    assert [await one.take(left, "x"), await other.take(left, "x")] == [True, False]
    assert await other.left() == []
    assert await one.drop("x")
    assert await machines.there() == {}


async def test_what_the_taker_held_comes_free_with_it() -> None:
    """A record may go through many hands."""
    machines = Machines()
    dying, held = await machines.worker("a")
    next_one, taken = await machines.worker("b")
    _, last = await machines.worker("c")
    await held.keep("1", "paid")
    machines.kill(dying)
    await machines.pass_by(30, taken, last)
    [left] = await taken.left()
    assert await taken.take(left, "x")
    assert await last.left() == []
    machines.kill(next_one)
    await machines.pass_by(30, last)
    assert [one.content for one in await last.left()] == ["paid"]


async def test_a_process_that_was_taken_for_dead_learns_of_it() -> None:
    """It was suspended: what it drops then is not its own any more, even after the taker is through."""
    machines = Machines()
    sleeping, held = await machines.worker("a")
    _, taker = await machines.worker("b")
    await held.keep("1", "waits")
    await held.keep("2", "waits, too")
    machines.kill(sleeping)
    await machines.pass_by(30, taker)
    for number, left in enumerate(await taker.left()):
        assert await taker.take(left, f"x{number}")
    assert not await held.drop("1")
    assert await taker.drop("x0")
    assert await taker.drop("x1")
    assert not await held.drop("2")


async def test_a_storage_that_has_lost_everything_is_no_other_process() -> None:
    """A Redis without persistence was restarted: what waits here is still this process's."""
    machines = Machines()
    _, held = await machines.worker("a")
    await held.keep("1", "waits")
    await held.keep("2", "waits")
    machines.storage._kinds.clear()
    assert await held.drop("1")
    await held.keep("2", "waits on")
    assert await machines.there() == {"a:2": "waits on"}


async def test_an_outage_makes_no_process_dead() -> None:
    """Leases that could not be renewed are over when the storage is back; each gets the time to renew its own."""
    machines = Machines()
    _, held = await machines.worker("a")
    _, other = await machines.worker("b")
    await held.keep("1", "paid")
    machines.storage.fails = "before"
    machines.clock.advance(60.0)
    assert await other.left() == []
    machines.storage.fails = ""
    await machines.pass_by(40, other)
    assert await other.left() == []


@pytest.mark.parametrize("fails", ["before", "after"])
async def test_what_could_not_be_written_is_written_later(fails: str) -> None:
    """Whether the storage got it or not."""
    machines = Machines()
    _, held = await machines.worker("a")
    machines.storage.fails = fails
    await held.keep("1", "paid")
    await held.keep("1", "solved")
    await held.keep("2", "paid")
    assert await held.drop("2")
    machines.storage.fails = ""
    held.retry()
    await held.settle()
    assert await machines.there() == {"a:1": "solved"}
    machines.storage.fails = fails
    assert await held.drop("1")
    machines.storage.fails = ""
    await held.settle()
    assert await machines.there() == {}
    assert not held.are_left


async def test_a_process_of_this_machine_is_dead_as_soon_as_it_is_gone() -> None:
    """A crawl that is resumed at once finds what the killed one has paid for; a live one keeps its own."""
    here = Process.own()
    child = subprocess.Popen(["sleep", "60"])  # noqa: ASYNC220  # nothing waits for it
    started = Process.read(str(evolve(here, number=child.pid, started=_started(child.pid))))
    machines = Machines()
    _, held = await machines.worker("a", started)
    _, mine = await machines.worker("b", here)
    await held.keep("1", "paid")
    assert await mine.left() == []
    child.kill()
    child.wait()
    assert [one.content for one in await mine.left()] == ["paid"]


async def test_a_process_id_that_is_used_again_is_another_process() -> None:
    """The start of a process tells them apart, and its namespace: a container has ids of its own."""
    here = Process.own()
    assert not here.is_gone_from(here)
    assert evolve(here, started="1").is_gone_from(here)
    assert not evolve(here, machine="another", started="1").is_gone_from(here)
    assert here.number == os.getpid()


async def test_what_a_process_leaves_in_order_is_free_at_once() -> None:
    """And where it leaves nothing, nothing is known of it any more."""
    machines = Machines()
    leaving, held = await machines.worker("a")
    tidy, _ = await machines.worker("c")
    _, other = await machines.worker("b")
    await held.keep("1", "paid")
    await leaving.close(leaves=held.are_left)
    await tidy.close(leaves=False)
    assert [entry.key for entry in await machines.storage.entries("worker")] == ["a", "b"]
    [left] = await other.left()
    assert await other.take(left, "x")
    assert await other.drop("x")
    await machines.pass_by(601, other)
    assert [entry.key for entry in await machines.storage.entries("worker")] == ["b"]


async def test_what_others_have_is_seen_dead_or_alive() -> None:
    """A worker that has nothing to do stays for it."""
    machines = Machines()
    _, mine = await machines.worker("a")
    _, other = await machines.worker("b")
    await mine.keep("1", "waits")
    assert not await mine.are_elsewhere()
    assert await other.are_elsewhere()
    assert await mine.drop("1")
    assert not await other.are_elsewhere()


async def test_what_nobody_can_read_is_no_worker() -> None:
    """A record of another version, or of another program, harms nobody."""
    machines = Machines()
    _, mine = await machines.worker("a")
    for number, value in enumerate(["", "null", "[1]", '["m", "x", 1, 0, []]', '["m", 1, "1", 0, 5]']):
        await machines.storage.put("worker", f"odd{number}", value, 1000.0)
    await machines.storage.put(KIND, "odd0:1", "odd0", 1000.0)
    await machines.pass_by(8, mine)
    assert await mine.left() == []


def test_no_content_is_shown() -> None:
    """Records hold requests and solutions."""
    from scrapy_geetest._storage.records import Left

    assert "secret" not in repr(Left("a:1", "secret", "a\nsecret")) + repr(Entry("a:1", "secret"))


def _started(number: int) -> Any:
    from scrapy_geetest._storage.workers import _started as started

    return started(number)

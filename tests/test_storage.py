"""What outlives a process: the same contract in memory, in a file and in Redis."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import storages
from attrs import define
from reactor import run
from storages import shared_queue
from twisted.internet.task import Clock

from scrapy_geetest._storage import redis as redis_storage
from scrapy_geetest._storage.lease import take
from scrapy_geetest._storage.memory import MemoryStorage
from scrapy_geetest._storage.protocol import StorageFailedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy_geetest._storage.opening import Opened
    from scrapy_geetest._storage.protocol import Storage

NEEDS_REDIS = pytest.mark.skipif(storages.missing(), reason="redis-server, or a package for it, is not installed")
KINDS = [pytest.param(kind, marks=NEEDS_REDIS if kind == "redis" else ()) for kind in storages.KINDS]
SHARED = KINDS[1:]
SOON = 0.4  # seconds after which an entry is gone
HOLDER = Path(__file__).parent / "storage_process.py"


@define
class Opening:
    """A storage and where it is."""

    uri: str
    opened: Opened

    @property
    def storage(self) -> Storage:
        return self.opened.entries


@pytest.fixture
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opening]:
    """An empty storage of the kind that a test names."""
    with storages.uri_of(request.param, tmp_path) as uri:
        yield Opening(uri, storages.opened(uri))


every_kind = pytest.mark.parametrize("shared", KINDS, indirect=True)
shared_kinds = pytest.mark.parametrize("shared", SHARED, indirect=True)
in_redis = pytest.mark.parametrize("shared", [KINDS[2]], indirect=True)


@every_kind
async def test_what_is_put_is_there(shared: Opening) -> None:
    """By kind and key, whatever is in it, until it is deleted or written anew."""
    storage = shared.storage
    assert await storage.get("gate", "a") is None
    for value in ("first", "", '{"é": "\\u0000 \'"}', "x" * 100_000):
        await storage.put("gate", "a", value, 60)
        assert await storage.get("gate", "a") == value
    assert await storage.get("lease", "a") is None
    assert await storage.get("gate", "b") is None
    await storage.delete("gate", "a")
    await storage.delete("gate", "a")
    assert await storage.get("gate", "a") is None
    await storage.close()


@every_kind
async def test_every_entry_is_gone_after_its_time(shared: Opening) -> None:
    """Neither got, nor listed, nor in anybody's way; and what is written anew has its time anew."""
    storage = shared.storage
    for key in "abc":
        await storage.put("gate", key, "old", SOON)
    await storage.put("gate", "b", "kept", 60)
    assert await storage.swap("gate", "c", "old", "old", 60)
    await asyncio.sleep(SOON * 1.5)
    assert await storage.get("gate", "a") is None
    assert [(entry.key, entry.value) for entry in await storage.entries("gate")] == [("b", "kept"), ("c", "old")]
    assert await storage.swap("gate", "a", None, "new", 60)
    await storage.close()


@every_kind
async def test_a_swap_is_made_only_where_the_old_value_is(shared: Opening) -> None:
    """Nothing is a value, too; and whoever asks again, since the answer was lost, hears the same."""
    storage = shared.storage
    assert not await storage.swap("gate", "a", "", "mine", 60)
    assert await storage.swap("gate", "a", None, "mine", 60)
    assert await storage.swap("gate", "a", None, "mine", 60)
    assert not await storage.swap("gate", "a", None, "theirs", 60)
    assert not await storage.swap("gate", "a", "theirs", "other", 60)
    assert await storage.swap("gate", "a", "mine", "next", 60)
    assert await storage.swap("gate", "a", "mine", "next", 60)
    assert await storage.get("gate", "a") == "next"
    await storage.delete("gate", "a", "mine")
    assert await storage.get("gate", "a") == "next"
    await storage.delete("gate", "a", "next")
    assert await storage.get("gate", "a") is None
    await storage.close()


@every_kind
async def test_entries_are_listed_by_prefix_and_never_too_many(shared: Opening) -> None:
    """In the order of their keys; of one kind; what looks like a pattern is none."""
    storage = shared.storage
    for key in ("shop/2", "shop/1", "shop*/3", "sho", "other/1"):
        await storage.put("gate", key, f"at {key}", 60)
    await storage.put("lease", "shop/9", "", 60)
    assert [entry.key for entry in await storage.entries("gate", "shop/")] == ["shop/1", "shop/2"]
    assert [entry.key for entry in await storage.entries("gate", "shop*")] == ["shop*/3"]
    assert [entry.key for entry in await storage.entries("gate", limit=2)] == ["other/1", "sho"]
    assert [entry.value for entry in await storage.entries("gate", "other")] == ["at other/1"]
    assert await storage.entries("gate", "none") == []
    await storage.close()


@every_kind
async def test_of_many_who_want_the_same_one_gets_it(shared: Opening) -> None:
    """At once, from one process."""
    won = await asyncio.gather(*(shared.storage.swap("lease", "a", None, f"owner {n}", 60) for n in range(20)))
    assert won.count(True) == 1
    assert await shared.storage.get("lease", "a") == f"owner {won.index(True)}"
    await shared.storage.close()


@every_kind
async def test_a_lease_is_renewed_until_it_is_released(shared: Opening) -> None:
    """Longer than its time; then somebody else takes it."""
    from twisted.internet import reactor

    first = await take(shared.storage, "lease", "a", reactor=reactor, seconds=1.0)
    assert first is not None
    assert await take(shared.storage, "lease", "a", reactor=reactor) is None
    await asyncio.sleep(1.3)
    assert await take(shared.storage, "lease", "a", reactor=reactor) is None
    assert not first.is_lost
    await first.release()
    second = await take(shared.storage, "lease", "a", reactor=reactor)
    assert second is not None
    await first.release()  # not its own any more
    assert await take(shared.storage, "lease", "a", reactor=reactor) is None
    await second.release()
    await shared.storage.close()


async def test_a_lease_that_somebody_else_has_taken_is_lost() -> None:
    """Its holder was away for too long: it is told so, and does not take it back."""
    clock, storage = Clock(), MemoryStorage()
    lease = await take(storage, "lease", "a", reactor=clock)
    assert lease is not None
    await storage.put("lease", "a", "another owner", 60)
    clock.advance(10.0)
    await asyncio.sleep(0)
    assert lease.is_lost
    await lease.release()
    assert await storage.get("lease", "a") == "another owner"


@shared_kinds
def test_what_a_killed_process_held_comes_free(shared: Opening) -> None:
    """After its time, and not before; what it wrote down stays."""
    process = _process(shared.uri, "hold", "1.5")
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        held = time.monotonic()
        process.kill()
        process.wait()
        storage = shared.storage
        assert not run(storage.swap("lease", "a", None, "me", 60))
        while not run(storage.swap("lease", "a", None, "me", 60)):
            assert time.monotonic() - held < 5
            time.sleep(0.05)
        assert time.monotonic() - held > 0.8
        assert run(storage.get("task", "1")) == "written down"
        run(storage.close())
    finally:
        process.kill()
        process.communicate()


@shared_kinds
def test_several_processes_that_write_at_once(shared: Opening) -> None:
    """Four of them count to fifty each, one step at a time: none is lost, and none fails."""
    processes = [_process(shared.uri, "count", "50") for _ in range(4)]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert outputs == ["counted\n"] * 4
    assert str(run(shared.storage.get("counter", "a"))).startswith("200 ")
    run(shared.storage.close())


def _process(uri: str, *what: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, str(HOLDER), uri, *what], stdout=subprocess.PIPE, text=True)


@NEEDS_REDIS
async def test_a_redis_that_is_away_for_a_second_costs_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the middle: calls wait, and none is lost."""
    monkeypatch.setattr(redis_storage, "TIMEOUT", 0.3)
    server, url = shared_queue._start_redis(str(tmp_path))
    opened = storages.opened(url)
    try:
        await opened.entries.put("gate", "a", "value", 60)
        server.send_signal(signal.SIGSTOP)
        calls = asyncio.gather(*(opened.entries.swap("lease", str(n), None, "me", 60) for n in range(3)))
        await asyncio.sleep(0.6)
        assert "the storage (GEETEST_STORAGE_URI) cannot be reached" in opened.trouble
        server.send_signal(signal.SIGCONT)
        assert await calls == [True, True, True]
        assert await opened.entries.get("gate", "a") == "value"
        await opened.entries.close()
    finally:
        server.kill()
        server.communicate()


@NEEDS_REDIS
async def test_a_redis_that_was_restarted_empty_goes_on(tmp_path: Path) -> None:
    """Its scripts and entries are gone, and it takes new ones."""
    server, url = shared_queue._start_redis(str(tmp_path))
    opened = storages.opened(url)
    try:
        assert await opened.entries.swap("lease", "a", None, "me", 60)
        server.kill()
        server.communicate()
        server, _ = shared_queue._start_redis(str(tmp_path), int(url.rpartition(":")[2].partition("/")[0]))
        assert await opened.entries.get("lease", "a") is None
        assert await opened.entries.swap("lease", "a", None, "you", 60)
        await opened.entries.close()
    finally:
        server.kill()
        server.communicate()


@in_redis
async def test_a_full_redis_is_read_and_given_up_for_writing(shared: Opening) -> None:
    """After three times the time for a solution; what is there can be read and deleted all the same."""
    from redis import Redis

    opened = storages.opened(shared.uri, solve_timeout=0.3)
    await opened.entries.put("gate", "a", "value", 60)
    client = Redis.from_url(shared.uri)
    client.config_set("maxmemory", "1")
    with pytest.raises(StorageFailedError, match="no call was taken"):
        await opened.entries.put("gate", "b", "x" * 1000, 60)
    assert await shared.storage.get("gate", "a") == "value"
    await shared.storage.delete("gate", "a")
    assert await shared.storage.get("gate", "a") is None
    await opened.entries.close()
    await shared.storage.close()
    client.close()


@in_redis
async def test_a_slow_redis_holds_up_nobody_else(shared: Opening) -> None:
    """Two seconds an answer: calls take that long, and the reactor goes on meanwhile."""
    from redis import Redis

    client = Redis.from_url(shared.uri)
    client.client_pause(2000)
    began = time.monotonic()
    call = asyncio.ensure_future(shared.storage.swap("lease", "a", None, "me", 60))
    ticks = 0
    while not call.done():
        await asyncio.sleep(0.02)
        ticks += 1
    assert await call
    assert 1.0 < time.monotonic() - began < 4
    assert ticks > 40
    await shared.storage.close()
    client.close()


@in_redis
async def test_what_somebody_else_wrote_under_a_key_is_nothing(shared: Opening) -> None:
    """A list where an entry or the index is expected: it counts as not there, and is written over."""
    from redis import Redis

    client = Redis.from_url(shared.uri)
    for key in ("scrapy-geetest:{gate}", "scrapy-geetest:{gate}:a", "scrapy-geetest:{gate}:b"):
        client.rpush(key, "foreign")
    storage = shared.storage
    assert await storage.get("gate", "a") is None
    assert await storage.entries("gate") == []
    client.rpush("scrapy-geetest:{gate}:a", "foreign")
    assert await storage.swap("gate", "a", None, "mine", 60)
    await storage.put("gate", "b", "mine", 60)
    assert [entry.key for entry in await storage.entries("gate")] == ["a", "b"]
    await storage.close()
    client.close()


@in_redis
async def test_nothing_in_redis_is_without_an_expiry(shared: Opening) -> None:
    """Neither an entry nor what finds them; with the last of them all is gone."""
    from redis import Redis

    client = Redis.from_url(shared.uri)
    for number in range(50):
        await shared.storage.put("gate", str(number), "value", 60 if number else 120)
    assert client.dbsize() == 51
    assert all(0 < client.pttl(key) <= 120_000 for key in client.scan_iter())
    assert client.pttl("scrapy-geetest:{gate}") > 110_000
    client.flushdb()
    await shared.storage.put("gate", "a", "value", SOON)
    deadline = time.monotonic() + 10
    while client.dbsize():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    await shared.storage.close()
    client.close()


@shared_kinds
async def test_at_the_end_of_a_crawl_each_call_is_tried_once(shared: Opening) -> None:
    """What is to be written down is; and if that fails, nobody waits for it."""
    waits = storages.Waits()
    opened = storages.opened(shared.uri, waits=waits)
    waits.stopping = True
    await opened.entries.put("task", "1", "solved", 60)
    assert await shared.storage.get("task", "1") == "solved"
    opened.entries._backend.errors = (ValueError,)  # type: ignore[attr-defined]
    await opened.entries.close()
    await shared.storage.close()

"""What one process finds out, the others know before they buy: open circuits, accounts that are out, solve times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field
from crawl import collected
from scrapy import Request

from scrapy_geetest import CircuitOpen, GeetestSite
from scrapy_geetest._attempt.context import Context
from scrapy_geetest._crawl.identity import Visitor
from scrapy_geetest._services.errors import ServiceError
from scrapy_geetest._services.places import Member
from scrapy_geetest._services.solve_times import LearntTimes
from scrapy_geetest._spending.breaker import Breaker
from scrapy_geetest._spending.findings import Findings
from scrapy_geetest._spending.shared_circuits import SharedCircuits
from scrapy_geetest._spending.shared_services import SharedServices
from scrapy_geetest._storage.memory import MemoryStorage
from scrapy_geetest._storage.protocol import StorageFailedError
from scrapy_geetest.stats import Stats

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from twisted.internet.defer import DeferredLock

SECONDS = 100.0


class _Common(MemoryStorage):
    """One that several processes have, as far as they can tell."""

    is_shared = True


@define
class _Engine:
    error: ServiceError | None = None
    solve_times: LearntTimes = field(factory=LearntTimes)

    def verdict(self) -> ServiceError | None:
        return self.error

    def stop(self, error: ServiceError) -> None:
        self.error = error


@define
class _Process:
    """What one process has of its own."""

    breaker: Breaker
    engine: _Engine
    findings: Findings

    async def settle(self) -> None:
        """Let it write down what it found, and forget what it read."""
        lock: DeferredLock = self.findings._turn
        await _done(lock)
        self.findings._read_at = float("-inf")

    async def check(self) -> None:
        await self.settle()
        await self.findings.refresh()
        self.breaker.check(_context())


async def _done(lock: DeferredLock) -> None:
    from scrapy.utils.defer import maybe_deferred_to_future

    waiting: Awaitable[None] = maybe_deferred_to_future(lock.run(lambda: None))
    await waiting


@define
class _World:
    """Several processes, a storage, and one clock for all."""

    now: float = 1000.0
    storage: _Common = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.storage = _Common(self.clock)

    def clock(self) -> float:
        return self.now

    def process(self, failures: int = 4, key: str = "key", name: str = "a.test@1") -> _Process:
        breaker = Breaker(failures=failures, seconds=SECONDS, stats=Stats(collected()), clock=self.clock)
        engine: Any = _Engine()
        services = SharedServices([Member("capmonster", engine, f"capmonster/{key}")], self.storage, self.clock)
        circuits = SharedCircuits(breaker, self.storage, {"a.test": name}, self.clock)
        findings = Findings(circuits, services, self.storage.is_shared, self.clock)
        findings.open()
        return _Process(breaker, engine, findings)


def _context() -> Context:
    request = Request("https://a.test/")
    visitor = Visitor(request, request)
    return Context(GeetestSite(urls=["a.test"], name="a.test"), request, None, visitor, request, was_sent=False)


async def test_failures_in_a_row_are_those_of_all_together(caplog: pytest.LogCaptureFixture) -> None:
    """Two here, two there: nobody buys any more, a process that begins later included."""
    world = _World()
    first, second = world.process(), world.process()
    for process in (first, second, first):
        process.breaker.failed(_context())
        await process.check()
    second.breaker.failed(_context())
    await second.settle()
    for process in (first, second, world.process()):
        with pytest.raises(CircuitOpen, match="4 failures in a row"):
            await process.check()
    assert caplog.text.count("purchases are paused for 100 s") == 3


async def test_another_website_of_the_same_name_fails_for_itself() -> None:
    """Two projects may call their sites alike, and share a storage."""
    world = _World()
    ours, theirs = world.process(), world.process(name="a.test@2")
    for _ in range(4):
        theirs.breaker.failed(_context())
    await theirs.settle()
    with pytest.raises(CircuitOpen):
        await theirs.check()
    await ours.check()


async def test_an_accepted_solution_ends_the_row_for_all() -> None:
    """Then it takes as many failures as before."""
    world = _World()
    first, second = world.process(), world.process()
    for _ in range(3):
        first.breaker.failed(_context())
    await second.check()
    await first.settle()
    await second.check()
    second.breaker.succeeded(_context())
    await second.settle()
    await first.check()
    first.breaker.failed(_context())
    await first.check()


async def test_one_process_finds_out_for_all() -> None:
    """When the time is over one purchase is let through, by one of them; its success lets all go on."""
    world = _World()
    processes = [world.process(failures=1) for _ in range(3)]
    processes[0].breaker.failed(_context())
    await processes[0].settle()
    for process in processes:
        with pytest.raises(CircuitOpen):
            await process.check()
    world.now += SECONDS
    await processes[1].check()
    await processes[1].settle()
    for process in (processes[0], processes[2], world.process(failures=1)):
        with pytest.raises(CircuitOpen):
            await process.check()
    processes[1].breaker.succeeded(_context())
    await processes[1].settle()
    for process in processes:
        await process.check()


async def test_a_process_that_begins_after_the_time_finds_out_as_well() -> None:
    """It has never met the site: one purchase, and its failure opens the circuit again."""
    world = _World()
    first = world.process(failures=1)
    first.breaker.failed(_context())
    await first.settle()
    world.now += SECONDS + 1.0
    late = world.process(failures=1)
    await late.check()
    late.breaker.failed(_context())
    await late.settle()
    with pytest.raises(CircuitOpen):
        await first.check()


async def test_an_account_that_is_out_is_out_for_all() -> None:
    """But for those with another key; and who begins later asks the service, since it may have been filled up."""
    world = _World()
    first, second, other = world.process(), world.process(), world.process(key="other")
    world.now += 5.0
    first.engine.error = ServiceError("ERROR_ZERO_BALANCE", "the balance is gone")
    first.findings.note_services()
    await first.settle()
    world.now += 1.0
    late = world.process()
    for process in (second, other, late):
        await process.check()
    assert str(second.engine.error) == "ERROR_ZERO_BALANCE: the balance is gone, as another process found"
    assert other.engine.error is late.engine.error is None


@pytest.mark.parametrize("code", ["ERROR_IP_BANNED", "ERROR_METHOD_ABSENT"])
async def test_what_says_nothing_of_the_account_is_not_told(code: str) -> None:
    """An address that is blocked is this machine's."""
    world = _World()
    first, second = world.process(), world.process()
    first.engine.error = ServiceError(code, "")
    first.findings.note_services()
    await first.findings.close()
    await second.check()
    assert second.engine.error is None


async def test_the_next_process_knows_the_solve_times() -> None:
    """As many as are worth it, of each version; none is written twice."""
    world = _World()
    first = world.process()
    for number in range(200):
        first.engine.solve_times.solved(4, 10.0, 12.0 + number / 100)
        first.findings.note_services()
        await first.settle()
    first.engine.solve_times.solved(3, 20.0, 22.0)
    await first.findings.close()
    late = world.process()
    await late.settle()
    assert (late.engine.solve_times.of(4).count, late.engine.solve_times.of(3).count) == (128, 1)
    assert late.engine.solve_times.news == 0


async def test_what_cannot_be_read_is_nothing() -> None:
    """Somebody else's entries, or those of another version: no harm is done."""
    world = _World()
    for text in ("", "[]", "null", "{", '{"failures": "x"}', '{"code": 1}', '{"times": [[1]]}'):
        await world.storage.put("circuit", "a.test@1", text, 60)
        await world.storage.put("service-out", "capmonster/key", text, 60)
        await world.storage.put("solve-times", "capmonster/4", text, 60)
        process = world.process()
        await process.check()
        process.breaker.failed(_context())
        await process.check()


async def test_a_storage_that_fails_leaves_each_process_on_its_own() -> None:
    """What it finds holds for itself."""
    world = _World()
    process = world.process(failures=1)

    async def fail(*_: Any) -> Any:
        raise StorageFailedError

    for name in ("get", "put", "swap", "delete", "entries"):
        setattr(world.storage, name, fail)
    await process.check()
    process.breaker.failed(_context())
    with pytest.raises(CircuitOpen):
        await process.check()
    await process.findings.close()


async def test_in_memory_nothing_is_written() -> None:
    """There is nobody to read it."""
    world = _World()
    world.storage.is_shared = False
    process = world.process(failures=1)
    process.breaker.failed(_context())
    process.engine.error = ServiceError("ERROR_ZERO_BALANCE", "")
    process.findings.note_services()
    await process.findings.close()
    assert await process.findings.refresh() is False
    assert world.storage._kinds == {}

"""Download slots: how many solutions may come at once, who is next, and what goes before what."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from scrapy import Request
from scrapy.settings import Settings
from twisted.internet.defer import CancelledError, Deferred

from scrapy_geetest._crawl.marks import FOR_ANSWER, FOR_PAGE, mark_own
from scrapy_geetest._crawl.slots import Slots, _Waiter

if TYPE_CHECKING:
    from collections.abc import Iterator


def _slots(delay: float, *, max_age: float = 10.0, **slot: Any) -> tuple[Slots, Any]:
    jitter = {} if slot else {"jitter": 0.0}
    made = SimpleNamespace(delay=delay, queue=deque(), **jitter, **slot)
    downloader = SimpleNamespace(
        slots={"a.test": made},
        get_slot_key=lambda request: request.meta["download_slot"],
        per_slot_settings={"slow.test": {"delay": 20.0}},
    )
    settings = Settings({"DOWNLOAD_DELAY": 1.0})
    crawler: Any = SimpleNamespace(
        engine=SimpleNamespace(downloader=downloader), settings=settings, spider=SimpleNamespace()
    )
    return Slots(crawler, max_age=max_age, wait=_settled), made


async def _settled(deferred: Deferred[None]) -> None:
    await deferred


def _context(name: str, priority: int = 0, slot: str = "a.test") -> Any:
    request = Request(f"https://a.test/{name}", priority=priority, meta={"download_slot": slot})
    return SimpleNamespace(outer=request, request=request, let_page_go=lambda: None)


_held: list[Deferred[None]] = []


@pytest.fixture(autouse=True)
def _nobody_stays() -> Iterator[None]:
    """All leave at the end: coroutines that the garbage collector closes would wake each other, in a later test's log."""
    yield
    while _held:
        leaving = _held.pop(0)
        if not leaving.called:
            leaving.callback(None)


def _hold(slots: Slots, context: Any, entered: list[str], *, opens_gate: bool = False) -> tuple[Deferred[None], Any]:
    """A request that takes room until it is told to leave."""
    leaving: Deferred[None] = Deferred()
    _held.append(leaving)

    async def hold() -> None:
        async with slots.room(context, opens_gate=opens_gate) as has_waited:
            entered.append(context.request.url.rpartition("/")[2] + " waited" * has_waited)
            await leaving

    return leaving, Deferred.fromCoroutine(hold())


@pytest.mark.parametrize(
    ("delay", "options", "most"),
    [
        (1.0, {"jitter": 0.0}, 7),
        (1.0, {"jitter": 0.5}, 5),
        (1.0, {"randomize_delay": True}, 5),
        (1.0, {"randomize_delay": False}, 7),
        (9.0, {"jitter": 0.0}, 1),
        (60.0, {"jitter": 0.5}, 1),
        (0.0, {"jitter": 0.5}, 40),
    ],
)
def test_as_many_are_bought_as_can_leave_in_time(delay: float, options: dict[str, Any], most: int) -> None:
    """Three quarters of the age that is allowed, at the longest delay that there may be; one always."""
    slots, _ = _slots(delay, **options)
    entered: list[str] = []
    holders = [_hold(slots, _context(str(number)), entered) for number in range(40)]
    assert len(entered) == most
    for leaving, _ in holders:
        leaving.callback(None)
    assert len(entered) == 40
    assert not slots._rooms


def test_a_delay_that_grows_lets_fewer_in() -> None:
    """AutoThrottle changes it; those that are in stay in."""
    slots, slot = _slots(1.0)
    entered: list[str] = []
    holders = [_hold(slots, _context(str(number)), entered)[0] for number in range(9)]
    slot.delay = 2.0
    for leaving in holders[:4]:
        leaving.callback(None)
    assert len(entered) == 7
    holders[4].callback(None)
    assert len(entered) == 8


def test_other_slots_have_room_of_their_own() -> None:
    """Where nothing was sent yet, what the settings say of the delay counts."""
    slots, _ = _slots(60.0)
    entered: list[str] = []
    holders = [
        _hold(slots, _context(f"{name}{number}", slot=f"{name}.test"), entered)
        for number in range(9)
        for name in ("a", "b", "slow")
    ]
    assert len(holders) == 27
    assert sorted(entered) == ["a0", *(f"b{number}" for number in range(5)), "slow0"]


@pytest.mark.parametrize("where", ["downloader", "spider"])
def test_autothrottle_sets_the_delay_of_new_slots(where: str) -> None:
    """On the downloader; in older Scrapy on the spider."""
    slots, _ = _slots(60.0)
    crawler: Any = slots._crawler
    if where == "downloader":
        crawler.engine.downloader._delay = 2.5
    else:
        crawler.spider.download_delay = 2.5
    entered: list[str] = []
    holders = [_hold(slots, _context(f"b{number}", slot="b.test"), entered) for number in range(9)]
    assert (len(holders), entered) == (9, ["b0", "b1"])


def test_openers_and_priorities_come_first() -> None:
    """Then whoever came first."""
    slots, _ = _slots(60.0)
    entered: list[str] = []
    first, _ = _hold(slots, _context("first"), entered)
    holders = [
        _hold(slots, _context(name, priority), entered, opens_gate=name == "gate")[0]
        for name, priority in (("low", -1), ("early", 0), ("late", 0), ("high", 9), ("gate", 0))
    ]
    for leaving in (first, holders[4], holders[3], holders[1], holders[2]):
        leaving.callback(None)
    assert entered == ["first", *(f"{name} waited" for name in ("gate", "high", "early", "late", "low"))]


def test_one_that_gives_up_waiting_takes_no_room() -> None:
    """The crawl ends, or its request is cancelled."""
    slots, _ = _slots(60.0)
    entered: list[str] = []
    first, _ = _hold(slots, _context("first"), entered)
    _, waiting = _hold(slots, _context("second"), entered)
    _hold(slots, _context("third"), entered)
    waiting.addErrback(lambda failure: failure.trap(CancelledError) and None)
    waiting.cancel()
    first.callback(None)
    assert entered == ["first", "third waited"]


def test_a_solution_goes_before_all_but_other_solutions() -> None:
    """Scrapy takes them from the left."""
    slots, slot = _slots(1.0)
    plain = [(Request(f"https://a.test/{number}"), Deferred[Any]()) for number in range(3)]
    own = [(mark_own(Request("https://a.test/own"), number, FOR_PAGE), Deferred[Any]()) for number in range(1, 4)]
    slot.queue.extend([*plain, *own])
    slots.hasten(2, {1, 2})
    slots.hasten(1, {1, 2})
    slots.hasten(9, {1, 2})
    assert list(slot.queue) == [own[1], own[0], *plain, own[2]]


def test_one_that_left_cannot_be_withdrawn() -> None:
    """Only what still waits ends."""
    slots, slot = _slots(1.0)
    waiting: Deferred[Any] = Deferred()
    failures: list[Any] = []
    waiting.addErrback(failures.append)
    slot.queue.append((mark_own(Request("https://a.test/own"), 5, FOR_ANSWER), waiting))
    assert not slots.withdraw(4, ValueError("too old"))
    assert slots.withdraw(5, ValueError("too old"))
    assert not slot.queue
    assert [str(failure.value) for failure in failures] == ["too old"]


def test_a_delay_longer_than_the_age_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing can be done about it but to change one of them."""
    slots, _ = _slots(8.0, jitter=0.5)
    _hold(slots, _context("1"), [])
    _hold(slots, _context("2"), [])
    [line] = [record.getMessage() for record in caplog.records]
    assert "slot a.test has a delay of up to 12.0 s, and no solution may be older than 10 s" in line


def test_a_thousand_that_leave_at_once_leave_one_after_the_other() -> None:
    """Without asyncio whoever is let in goes on within the call that lets it in."""
    slots, _ = _slots(60.0)
    first, _ = _hold(slots, _context("first"), [])
    entered: list[bool] = []

    async def pass_through() -> None:
        async with slots.room(_context("other"), opens_gate=False) as has_waited:
            entered.append(has_waited)

    waiting = [Deferred.fromCoroutine(pass_through()) for _ in range(1000)]
    first.callback(None)
    assert entered == [True] * 1000
    assert all(one.called and one.result is None for one in waiting)
    assert not slots._rooms


def test_the_end_of_a_crawl_is_no_search_for_each_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands give up at one moment, in any order: none of them is compared with all others."""
    slots, _ = _slots(60.0)
    leaving, _ = _hold(slots, _context("first"), [])
    waits: list[Deferred[None]] = []

    async def wait(deferred: Deferred[None]) -> None:
        waits.append(deferred)
        await deferred

    slots._wait = wait
    waiting = [_hold(slots, _context(str(number)), [])[1] for number in range(1000)]
    for one in waiting:
        one.addErrback(lambda failure: failure.trap(CancelledError) and None)
    compared: list[object] = []
    monkeypatch.setattr(_Waiter, "__eq__", lambda one, _: compared.append(one))
    for deferred in reversed(waits):
        deferred.cancel()
    assert not compared
    leaving.callback(None)
    assert not slots._rooms

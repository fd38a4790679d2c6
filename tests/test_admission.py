"""Who goes on when a place comes free: in a downloader that is none, with a clock that is turned by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field
from scrapy import Request
from scrapy.core.downloader import Slot
from scrapy.signalmanager import SignalManager
from scrapy.signals import response_received
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from scrapy_geetest._crawl.admission import PATIENCE, TICK, Admission

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@define
class Downloader:
    """As much of Scrapy's as is looked at."""

    active: set[Request] = field(factory=set)
    slots: dict[str, Slot] = field(factory=dict)
    per_slot_settings: dict[str, dict[str, Any]] = field(factory=dict)
    ip_concurrency: int = 0
    domain_concurrency: int = 8

    def get_slot_key(self, request: Request) -> str:
        return str(request.meta["slot"])


class Crawl:
    """A crawl, and who was let go in it."""

    def __init__(self, places: int, **downloader: Any) -> None:
        self.clock = Clock()
        self.downloader = Downloader(**downloader)
        self.places = places
        self.engine = self.crawler = self
        self.signals = SignalManager(self)
        self.gone: list[str] = []
        self.waits: list[Deferred[bool]] = []
        self.meanwhile: Callable[[], object] = lambda: None  # what runs before a request that was let go
        whole: Any = self
        self.admission = Admission(whole, parking=whole, reactor=self.clock)

    @property
    def under_way(self) -> int:
        return len(self.downloader.active)

    async def _wait(self, deferred: Deferred[bool]) -> bool:
        self.waits.append(deferred)
        forced = await deferred
        self.meanwhile()
        return forced

    def ask(self, name: str, slot: str = "a", *, is_urgent: bool = False, can_wait: bool = False) -> Request:
        """A request asks to go, and is in the downloader as soon as it may."""
        request = Request(f"https://{slot}.test/{name}", meta={"slot": slot})

        async def go() -> None:
            await self.admission.admit(request, is_urgent=is_urgent, can_wait=can_wait, wait=self._wait)
            self.gone.append(name)
            self.downloader.active.add(request)

        running: Awaitable[None] = Deferred.fromCoroutine(go())
        running.addErrback(lambda failure: failure.trap(Exception) and None)  # type: ignore[attr-defined]
        return request

    def fill(self, number: int) -> list[Request]:
        """That many requests of the scheduler's are under way."""
        others = [Request("https://other.test/") for _ in range(number)]
        self.downloader.active.update(others)
        return others

    def end(self, *requests: Request) -> None:
        """Requests are over, and their responses received."""
        for request in requests:
            self.downloader.active.discard(request)
            self.admission.answered(request)
            self.signals.send_catch_log(response_received, request=request)


def test_it_goes_at_once_where_there_is_a_place() -> None:
    """And the others in the order of arrival, one for each that ends."""
    crawl = Crawl(2)
    first, _, _, _ = [crawl.ask(name) for name in "abcd"]
    assert crawl.gone == ["a", "b"]
    crawl.end(first)
    assert crawl.gone == ["a", "b", "c"]


def test_those_with_a_solution_go_first() -> None:
    """They grow old; who waited for a gate does not."""
    crawl = Crawl(4)
    others = crawl.fill(4)
    for name in "abcd":
        crawl.ask(name, is_urgent=name == "d", can_wait=name in "ab")
    crawl.end(*others[:3])
    assert crawl.gone == ["d", "c"]
    crawl.clock.advance(TICK)
    assert crawl.gone == ["d", "c", "a"]


def test_a_solution_joins_the_queue_of_a_slot_with_a_delay_at_once() -> None:
    """The slot lets one go at a time; what waits outside would only grow older."""
    slow: Any = Slot(1, 5.0, 0.0)
    crawl = Crawl(1, slots={"slow": slow})
    crawl.fill(1)
    crawl.ask("early", "slow", is_urgent=True)
    slow.latercall = object()
    crawl.ask("late", "slow", is_urgent=True)
    crawl.ask("page", "slow")
    assert crawl.gone == ["late"]
    crawl.clock.advance(TICK)
    assert crawl.gone == ["late", "early"]


def test_the_limit_of_a_slot_holds_and_others_pass_by() -> None:
    """The limits of ``DOWNLOAD_SLOTS`` as well, whether the slot exists already or not."""
    crawl = Crawl(16, domain_concurrency=2, per_slot_settings={"b": {"concurrency": 1}}, slots={"c": Slot(3, 0.0, 0.0)})
    for slot in "abc":
        for number in range(4):
            crawl.ask(f"{slot}{number}", slot)
    assert crawl.gone == ["a0", "a1", "b0", "c0", "c1", "c2"]


def test_the_scheduler_gets_half_of_the_places() -> None:
    """What it leaves free goes to those who wait at the next tick."""
    crawl = Crawl(4)
    others = crawl.fill(4)
    for name in "abcde":
        crawl.ask(name, can_wait=True)
    crawl.end(*others)
    assert crawl.gone == ["a", "b"]
    crawl.clock.advance(TICK)
    assert crawl.gone == ["a", "b", "c", "d"]
    crawl.clock.advance(TICK)
    assert crawl.gone == ["a", "b", "c", "d"]


@pytest.mark.parametrize("places", [0, 1])
def test_no_limit_and_a_single_place(places: int) -> None:
    """``CONCURRENT_REQUESTS = 0`` is no limit, so that only that of the slot is left."""
    crawl = Crawl(places, domain_concurrency=2)
    for name in "abc":
        crawl.ask(name, can_wait=True)
    assert crawl.gone == (["a", "b"] if not places else ["a"])


def test_nobody_waits_for_ever_for_requests_that_wait_elsewhere() -> None:
    """All places are taken by requests to other hosts: one goes all the same, if nothing is under way at its host."""
    slots = {"idle": Slot(8, 0.0, 0.0), "busy": Slot(8, 0.0, 0.0)}
    crawl = Crawl(2, slots=slots)
    slots["busy"].active.update(crawl.fill(2))
    for slot in ("idle", "busy", "new"):
        crawl.ask(slot, slot)
    crawl.clock.pump([TICK] * int(PATIENCE / TICK - 1))
    assert crawl.gone == []
    crawl.clock.pump([TICK] * 3)
    assert sorted(crawl.gone) == ["idle", "new"]


def test_one_that_is_cancelled_takes_no_place() -> None:
    """And when nobody waits any more, nothing is looked at any more."""
    crawl = Crawl(1)
    [other] = crawl.fill(1)
    for name in "ab":
        crawl.ask(name)
    crawl.waits[0].cancel()
    crawl.end(other)
    assert crawl.gone == ["b"]
    crawl.clock.advance(0)
    assert crawl.clock.getDelayedCalls() == []


def test_a_request_that_was_answered_holds_no_place() -> None:
    """It may be parked from then on, and what is downloaded for its sake needs the place."""
    crawl = Crawl(16, domain_concurrency=1)
    first = crawl.ask("first")
    crawl.ask("second")
    crawl.admission.answered(first)
    crawl.admission.look()
    assert crawl.gone == ["first", "second"]


def test_a_place_that_the_scheduler_took_meanwhile_is_waited_for_again() -> None:
    """Between the look and the next turn of the event loop."""
    crawl = Crawl(2)
    first, second = crawl.fill(2)
    crawl.ask("a")
    crawl.meanwhile = lambda: crawl.fill(1)
    crawl.end(first)
    assert crawl.gone == []
    crawl.meanwhile = lambda: None
    crawl.end(second)
    assert crawl.gone == ["a"]

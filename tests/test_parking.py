"""Places that are lent while requests wait: handed over, given back, and never more than allowed."""

from __future__ import annotations

from contextlib import ExitStack
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from attrs import define, field
from crawl import collected
from hypothesis import given
from hypothesis import strategies as st
from scrapy import Request
from twisted.internet.task import Clock

from scrapy_geetest._crawl.marks import FOR_PAGE, mark_own
from scrapy_geetest._crawl.parking import TICK, Parking, Place
from scrapy_geetest.stats import Stats

if TYPE_CHECKING:
    import pytest

PLACES = 16


@define
class Garage:
    """Parking in an engine that counts how often it is asked to look for work."""

    limit: int = 2
    places: int = PLACES
    looked: int = 0
    clock: Clock = field(factory=Clock)
    downloader: Any = None
    parking: Parking = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.downloader = SimpleNamespace(total_concurrency=self.places, slots={})
        slot = SimpleNamespace(closing=None, nextcall=SimpleNamespace(schedule=self._look))
        crawler: Any = SimpleNamespace(
            engine=SimpleNamespace(running=True, _slot=slot, downloader=self.downloader),
        )
        self.parking = Parking(
            crawler, limit=self.limit, stats=Stats(collected()), reactor=self.clock, on_tick=lambda _: None
        )

    @property
    def lent(self) -> int:
        return int(self.downloader.total_concurrency - self.places)

    def _look(self) -> None:
        self.looked += 1


def test_a_loan_goes_to_a_request_that_holds_its_own_place(caplog: pytest.LogCaptureFixture) -> None:
    """So the crawl goes on as soon as a solution comes, whoever it was for."""
    garage = Garage(limit=2)
    with ExitStack() as kept:
        first, second, third, fourth = (garage.parking.place("a") for _ in range(4))
        first.__enter__()
        for place in (second, third, fourth):
            kept.enter_context(place)
        assert [place.lent for place in (first, second, third, fourth)] == [True, True, False, False]
        first.__exit__()
        assert [place.lent for place in (second, third, fourth)] == [True, True, False]
        assert garage.lent == 2
    assert garage.lent == 0
    assert caplog.text.count("GEETEST_MAX_PARKED") == 1


def test_an_own_place_that_is_left_is_no_loan() -> None:
    """Whoever held its own place leaves nothing behind."""
    garage = Garage(limit=1)
    with garage.parking.place("a"):
        with garage.parking.place("a"):
            assert garage.lent == 1
        assert garage.lent == 1
    assert garage.lent == 0


def test_a_callback_holds_no_place() -> None:
    """``solve()`` in a callback: nothing is lent, and it inherits nothing."""
    garage = Garage(limit=1)
    with garage.parking.place("a", lend=False) as _, garage.parking.place("a"):
        assert garage.lent == 1


def test_no_limit_stays_no_limit() -> None:
    """``CONCURRENT_REQUESTS = 0``."""
    garage = Garage(places=0)
    with garage.parking.place("a"):
        garage.clock.advance(TICK)
        assert garage.downloader.total_concurrency == 0


def test_own_downloads_in_a_slow_queue_hold_no_places() -> None:
    """They would hold up the pages of other hosts; what is the crawl's own, or under way, counts as always."""
    garage = Garage()
    own = [(mark_own(Request("http://slow.test/"), number, FOR_PAGE), None) for number in (1, 2, 3)]
    garage.downloader.slots["slow.test"] = SimpleNamespace(queue=[*own, (Request("http://slow.test/"), None)])
    with garage.parking.place("a"):
        assert garage.lent == 1
        garage.clock.advance(TICK)
        assert garage.lent == 1 + 3
        looked = garage.looked
        garage.downloader.slots["slow.test"].queue.pop(0)
        garage.clock.advance(TICK)
        assert garage.lent == 1 + 2
        assert garage.looked == looked  # there is nothing new to send
    assert garage.lent == 0


@given(st.integers(0, 4), st.lists(st.integers(0, 9), max_size=60))
def test_whatever_comes_and_goes(limit: int, steps: list[int]) -> None:
    """As many places are lent as requests wait, up to the limit; in the end there are as many as before."""
    garage, parked = Garage(limit=limit), dict[int, Place]()
    for step in steps:
        if (place := parked.pop(step, None)) is not None:
            place.__exit__()
        else:
            parked[step] = garage.parking.place("a")
            parked[step].__enter__()
        assert garage.lent == sum(place.lent for place in parked.values()) == min(limit, len(parked))
    for place in parked.values():
        place.__exit__()
    assert garage.lent == 0

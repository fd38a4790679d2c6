from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from scrapy_geetest.service.lanes import Lanes


def entering(lanes: Lanes, number: int) -> list[Deferred[None]]:
    return [Deferred.fromCoroutine(lanes.enter()) for _ in range(number)]


def through(calls: list[Deferred[None]]) -> int:
    return sum(call.called for call in calls)


def test_calls_go_one_by_one_in_their_order() -> None:
    """While nobody waits long, there is one call at a time."""
    clock = Clock()
    lanes = Lanes(clock, most=4)
    calls = entering(lanes, 5)
    for number in range(1, 6):
        assert through(calls) == number
        assert calls[number - 1].called
        clock.advance(0.05 if number == 1 else 0.01)
        lanes.leave()
    assert clock.getDelayedCalls() == []


def test_a_slow_call_holds_up_the_others_for_a_tenth_of_a_second() -> None:
    """Who has waited that long gets a lane of its own, up to the most."""
    clock = Clock()
    lanes = Lanes(clock, most=3)
    calls = entering(lanes, 2)
    clock.advance(0.09)
    assert through(calls) == 1
    clock.advance(0.02)
    assert through(calls) == 2
    more = entering(lanes, 5)
    clock.advance(10)
    assert through(calls + more) == 3


def test_it_is_one_lane_again_after_a_lull() -> None:
    """When nothing is on the way any more, the next burst starts with one connection."""
    clock = Clock()
    lanes = Lanes(clock, most=3)
    entering(lanes, 3)
    clock.advance(1)
    for _ in range(3):
        lanes.leave()
    assert through(entering(lanes, 3)) == 1


def test_a_call_that_gives_up_waiting_is_forgotten() -> None:
    """Its turn goes to the next one."""
    clock = Clock()
    lanes = Lanes(clock, most=1)
    calls = entering(lanes, 3)
    failures: list[Any] = []
    calls[1].addBoth(failures.append)
    calls[1].cancel()
    assert failures[0].type is CancelledError
    lanes.leave()
    assert calls[2].called
    assert clock.getDelayedCalls() == []


def test_lanes_open_one_more_at_a_time() -> None:
    """A hundred calls that have waited for a tenth of a second open one lane, not a hundred."""
    clock = Clock()
    lanes = Lanes(clock, most=16)
    calls = entering(lanes, 100)
    for number in range(1, 16):
        clock.advance(0.1)
        assert through(calls) == 1 + number
    clock.advance(10)
    assert through(calls) == 16
    assert clock.getDelayedCalls() == []


def test_who_came_later_has_not_waited_as_long() -> None:
    """When the first one in the queue has got its turn, the time of the next one counts."""
    clock = Clock()
    lanes = Lanes(clock, most=16)
    calls = entering(lanes, 2)
    clock.advance(0.08)
    calls += entering(lanes, 1)
    lanes.leave()
    clock.advance(0.03)
    assert through(calls) == 2
    clock.advance(0.08)
    assert through(calls) == 3

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from scrapy_geetest._services.lanes import PATIENCE, Lanes, Turn


class Calls:
    """Calls that enter lanes, and leave them when the test says so."""

    def __init__(self, most: int) -> None:
        self.clock = Clock()
        self.lanes = Lanes(self.clock, most=most)
        self.entering: list[Deferred[Turn]] = []
        self.running: list[Turn] = []

    def come(self, number: int) -> None:
        for _ in range(number):
            entering = Deferred.fromCoroutine(self.lanes.enter())
            self.entering.append(entering)
            entering.addCallbacks(self.running.append, lambda _: None)

    def go(self, seconds: float, number: int = 1) -> None:
        """One after the other, the calls that came through first take so many seconds each."""
        for _ in range(number):
            self.clock.advance(seconds)
            self.lanes.leave(self.running.pop(0))

    def lose(self) -> None:
        """All that are on their way end at the same time."""
        running, self.running = self.running, []
        for turn in running:
            self.lanes.leave(turn)


def test_short_calls_go_one_by_one_in_their_order() -> None:
    """A hundred of them, asked for at once, go through one lane, and leave no timer behind."""
    calls = Calls(most=16)
    calls.come(100)
    for number in range(1, 101):
        assert len(calls.running) == 1
        assert [call.called for call in calls.entering] == [True] * number + [False] * (100 - number)
        calls.go(0.004)
    assert calls.clock.getDelayedCalls() == []


def test_short_calls_get_one_lane_also_when_their_pace_is_known() -> None:
    """More lanes would not help: what takes time is this machine's own work, and the service's."""
    calls = Calls(most=16)
    calls.come(50)
    calls.go(0.004, 50)
    calls.come(100)
    assert len(calls.running) == 1


def test_a_burst_of_calls_to_a_far_service_gets_the_lanes_that_it_needs() -> None:
    """One call after the other would keep the last of 32 waiting for more than a second."""
    calls = Calls(most=16)
    calls.come(4)
    calls.go(0.05, 4)
    calls.come(32)
    rounds = 0
    while not calls.entering[-1].called:
        rounds += 1
        calls.clock.advance(0.05)
        calls.lose()
    assert rounds * 0.05 <= 2 * PATIENCE


def test_the_first_calls_make_their_connection_which_says_nothing_of_the_others() -> None:
    """What counts is the fastest of the recent calls."""
    calls = Calls(most=16)
    calls.come(100)
    calls.go(0.05)
    calls.go(0.004, 10)
    assert len(calls.running) == 1


def test_no_burst_gets_more_lanes_than_there_are() -> None:
    """However many wait, and however slow the calls are."""
    calls = Calls(most=3)
    calls.come(4)
    calls.go(0.09, 4)
    calls.come(1000)
    calls.clock.advance(10)
    assert len(calls.running) == 3


def test_a_call_that_hangs_holds_up_nobody_for_longer_than_a_tenth_of_a_second() -> None:
    """The next one gets a lane, one at a time, up to the most; those that hung and have ended count no more."""
    calls = Calls(most=4)
    calls.come(8)
    calls.go(0.004, 8)
    calls.come(10)
    for number in (1, 2, 3, 4, 4):
        assert len(calls.running) == number
        calls.clock.advance(PATIENCE)
    for number in (4, 3, 2, 1, 1, 1):
        calls.go(0)
        assert len(calls.running) == number


def test_it_is_one_lane_again_after_a_lull() -> None:
    """When nothing is on the way any more, the next small burst starts with one connection."""
    calls = Calls(most=4)
    calls.come(4)
    calls.go(0.09, 4)
    calls.come(100)
    assert len(calls.running) == 4
    while calls.running:
        calls.lose()
    calls.come(2)
    assert len(calls.running) == 1


def test_a_call_that_gives_up_waiting_is_forgotten() -> None:
    """Its turn goes to the next one."""
    calls = Calls(most=1)
    calls.come(1)
    waiting = Deferred.fromCoroutine(calls.lanes.enter())
    failures: list[Any] = []
    waiting.addBoth(failures.append)
    calls.come(1)
    waiting.cancel()
    assert failures[0].type is CancelledError
    calls.go(0.01)
    assert len(calls.running) == 1
    calls.go(0.01)
    assert calls.clock.getDelayedCalls() == []

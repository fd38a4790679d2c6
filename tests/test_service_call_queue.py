"""How many calls go at once, to a service nearby and to one far away, and which is next."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from scrapy_geetest._services.call_queue import HANGING, CallQueue


class Calls:
    """Calls that wait for a place, and leave it when the test says so."""

    def __init__(self, most: int, *, pace: float | None = None) -> None:
        self.clock = Clock()
        self.queue = CallQueue(self.clock, most)
        self.names: list[str] = []
        self.places: list[float] = []
        self.longest = 0.0
        if pace is not None:  # seconds of the calls before
            self.come(8)
            while self.places:
                self.go(pace)

    def come(self, number: int, name: str = "poll") -> None:
        for _ in range(number):
            self.enter(name)

    def enter(self, name: str) -> Deferred[float]:
        came = self.clock.seconds()

        def through(since: float) -> None:
            self.names.append(name)
            self.places.append(since)
            self.longest = max(self.longest, self.clock.seconds() - came)

        entering = Deferred.fromCoroutine(self.queue.enter(urgent=name.startswith("create")))
        entering.addCallback(through)
        return entering

    def go(self, seconds: float) -> None:
        """After so many seconds, all calls that were on their way end at the same time."""
        running, self.places = self.places, []
        self.clock.advance(seconds)
        for since in running:
            self.queue.leave(since, is_answered=True)

    def take(self, seconds: float) -> None:
        """Every call takes so many seconds, from now on until none is left."""
        while self.places:
            self.clock.advance(0.001)
            while self.places and self.clock.seconds() - self.places[0] >= seconds - 1e-6:
                self.queue.leave(self.places.pop(0), is_answered=True)


@pytest.mark.parametrize("pace", [None, 0.001, 0.009])
def test_short_calls_go_one_after_the_other(pace: float | None) -> None:
    """A hundred of them, asked for at once: what takes time is this machine's own work, and the service's."""
    calls = Calls(100, pace=pace)
    calls.come(100)
    for _ in range(100):
        assert len(calls.places) == 1
        calls.go(0.009)
    assert calls.clock.getDelayedCalls() == []


@pytest.mark.parametrize("seconds", [0.05, 0.3, 2.0])
def test_calls_to_a_far_service_wait_no_longer_than_one_round(seconds: float) -> None:
    """Once its distance is known, sixty calls at once come through in time."""
    calls = Calls(100, pace=seconds)
    calls.longest = 0.0
    calls.come(60)
    calls.take(seconds)
    assert calls.longest <= seconds + 0.001
    assert calls.clock.getDelayedCalls() == []


def test_calls_to_a_service_that_is_hardly_far_wait_no_longer_than_two_rounds() -> None:
    """Most of 30 ms may be its own work, so that fewer connections are opened."""
    calls = Calls(100, pace=0.03)
    calls.longest = 0.0
    calls.come(60)
    calls.take(0.03)
    assert calls.longest <= 2 * 0.03 + 0.001


def test_a_second_call_to_a_far_service_does_not_wait_at_all() -> None:
    """Twenty times a second is often for one connection where an answer takes 50 ms."""
    calls = Calls(100, pace=0.05)
    calls.come(2)
    assert len(calls.places) == 2


def test_a_far_service_is_known_after_a_few_calls() -> None:
    """The thousandth of the first calls waits less than six round trips, four of them for the distance to be known."""
    calls = Calls(1000)
    calls.come(1000)
    calls.take(0.3)
    assert calls.longest < 6 * 0.3


def test_the_first_calls_make_their_connection_which_says_nothing_of_the_others() -> None:
    """What counts is the fastest of the recent calls."""
    calls = Calls(16)
    calls.come(100)
    for seconds in (0.05, *(0.004,) * 10):
        calls.go(seconds)
        assert len(calls.places) == 1


def test_a_few_fast_calls_do_not_make_a_slow_service_near() -> None:
    """Nobody waits for long, whatever the fastest call took: polls are not held up by createTask, nor the other way round."""
    calls = Calls(100)
    calls.come(300)
    ends: list[tuple[float, float]] = []  # when a call that is on its way ends, and since when it is
    seen = 0
    while calls.places:
        for since in calls.places[len(ends) :]:
            seen += 1
            ends.append((since + (0.005 if seen % 8 == 0 else 0.09), since))
        calls.clock.advance(0.001)
        now = calls.clock.seconds()
        for end, since in [one for one in ends if one[0] <= now]:
            ends.remove((end, since))
            calls.places.remove(since)
            calls.queue.leave(since, is_answered=True)
    assert len(calls.names) == 300
    assert calls.longest < 1  # one after the other, the last of them would wait for 24 s


def test_calls_that_were_not_answered_tell_no_distance() -> None:
    """A proxy that refuses at once makes no service near."""
    calls = Calls(100, pace=0.3)
    for _ in range(8):
        calls.come(1)
        calls.queue.leave(calls.places.pop(), is_answered=False)
    calls.come(60)
    assert len(calls.places) > 50


@pytest.mark.parametrize("most", [1, 100])
def test_thousands_that_end_at_once_are_all_let_in(most: int) -> None:
    """A call that finds itself refused leaves in the moment in which it is let in; none is forgotten."""
    calls = Calls(most)
    calls.come(1)
    ended: list[int] = []

    async def call(number: int) -> None:
        since = await calls.queue.enter(urgent=False)
        calls.queue.leave(since, is_answered=False)
        ended.append(number)

    for number in range(3000):
        Deferred.fromCoroutine(call(number))
    assert ended == []
    calls.go(0.01)
    assert ended == list(range(3000))
    assert calls.clock.getDelayedCalls() == []


def test_no_more_calls_go_at_once_than_may() -> None:
    """However many wait, and however slow they are."""
    calls = Calls(3, pace=0.09)
    calls.come(1000)
    calls.clock.advance(10)
    assert len(calls.places) == 3


def test_calls_that_hang_let_others_pass() -> None:
    """Twice as many each time: a service that answers nothing for a second gets 16, and one that hangs for three gets all."""
    calls = Calls(100, pace=0.004)
    calls.come(100)
    seen = []
    for _ in range(29):
        calls.clock.advance(HANGING)
        seen.append(len(calls.places))
    assert seen[9] <= 16
    assert seen[-1] == 100


def test_it_is_one_connection_again_after_a_lull() -> None:
    """When nothing is on its way any more, the calls of a service that has become fast share one."""
    calls = Calls(4, pace=0.09)
    calls.come(100)
    assert len(calls.places) == 4
    while calls.places:
        calls.go(0.004)
    calls.come(2)
    assert len(calls.places) == 1


def test_create_task_goes_before_polls_that_wait() -> None:
    """The order within each kind is kept, and who gives up leaves no gap."""
    calls = Calls(1)
    calls.come(1, "first")
    entering = {name: calls.enter(name) for name in ("poll 1", "poll 2", "create 1", "create 2")}
    failures: list[Any] = []
    entering["poll 2"].addErrback(failures.append)
    entering["poll 2"].cancel()
    assert failures[0].type is CancelledError
    assert calls.names == ["first"]
    while calls.places:
        calls.go(0.01)
    assert calls.names == ["first", "create 1", "create 2", "poll 1"]
    assert calls.clock.getDelayedCalls() == []

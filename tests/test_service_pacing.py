from __future__ import annotations

import heapq
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from scrapy_geetest._services.pacing import Pacing

if TYPE_CHECKING:
    from collections.abc import Callable

ROUND_TRIP = 0.02


def pacing(first_poll: float | None = None, interval: float = 2.0, clock: Clock | None = None) -> Pacing:
    return Pacing(
        first_poll=first_poll, interval=interval, uniform=random.Random(7).uniform, clock=(clock or Clock()).seconds
    )


def polling(solve_time: Callable[[int], float], tasks: int) -> tuple[list[int], list[float]]:
    """Polls and seconds from ready to known, for each of a row of tasks, one created every half second."""
    pace = pacing()
    polls: list[int] = []
    late: list[float] = []
    pending: list[tuple[float, float, bool]] = []
    for number in range(tasks):
        while pending and pending[0][0] <= number / 2:
            _, seconds, at_first = heapq.heappop(pending)
            pace.learn(3, seconds, at_first=at_first)
        ready, at, count = solve_time(number), pace.first(3), 1
        while at < ready:
            at += pace.next(3, at) + ROUND_TRIP
            count += 1
        heapq.heappush(pending, (number / 2 + at, at, count == 1))
        polls.append(count)
        late.append(at - ready + ROUND_TRIP)
    return polls, late


def mean(numbers: list[float] | list[int]) -> float:
    return sum(numbers) / len(numbers)


def test_it_polls_half_as_often_as_once_a_second_and_is_not_later() -> None:
    """Solve times of 10 to 30 s: at most half the polls of a client that asks every second, known 1.15 s after ready."""
    times = random.Random(3)
    drawn = [times.uniform(10, 30) for _ in range(1000)]
    polls, late = polling(drawn.__getitem__, 1000)
    assert mean(polls) <= sum(drawn) / 1000 / 2
    assert mean(late) <= 1.15
    assert mean(polls[500:]) <= 7


def test_it_follows_a_service_that_gets_faster() -> None:
    """After a change from 20 to 30 s down to 3 to 5 s, hardly a task is known late."""
    times = random.Random(3)
    _, late = polling(lambda number: times.uniform(20, 30) if number < 300 else times.uniform(3, 5), 600)
    assert mean(late[400:]) <= 1.3
    assert max(late[400:]) <= 4


def test_it_follows_a_service_that_gets_slower() -> None:
    """After a change from 3 to 5 s up to 20 to 30 s, it does not go on asking from the third second."""
    times = random.Random(3)
    polls, late = polling(lambda number: times.uniform(3, 5) if number < 300 else times.uniform(20, 30), 600)
    assert mean(polls[400:]) <= 5
    assert mean(late[400:]) <= 1.15


def test_unlearnt_it_begins_at_the_floor() -> None:
    """Until enough has been seen, the first poll comes as early as allowed; versions are learnt apart."""
    pace = pacing()
    for _ in range(7):
        pace.learn(3, 25.0)
    assert 2.0 <= pace.first(3) <= 2.5
    pace.learn(3, 25.0)
    assert 23.0 <= pace.first(3) <= 25.0
    assert 2.0 <= pace.first(4) <= 2.5


def test_unlearnt_it_is_in_no_hurry() -> None:
    """A burst of tasks, of which none can teach another, takes at most half the polls of asking every second, too."""
    times = random.Random(3)
    polls: list[int] = []
    for ready in (times.uniform(10, 30) for _ in range(1000)):
        pace = pacing()
        at, count = pace.first(3), 1
        while at < ready:
            at, count = at + pace.next(3, at), count + 1
        polls.append(count)
    assert mean(polls) <= 9.7
    by_hand = pacing(first_poll=2.0)
    assert by_hand.next(3, 3.0) <= 2.1


def test_one_oddity_does_not_count() -> None:
    """A single task that was solved at once moves nothing; a second one does."""
    pace = pacing()
    for _ in range(20):
        pace.learn(3, 25.0)
    pace.learn(3, 1.0)
    assert pace.first(3) > 20
    pace.learn(3, 1.0)
    assert pace.first(3) == 2.0


def test_the_first_polls_of_many_tasks_are_spread() -> None:
    """A hundred tasks created at once are not asked for at once."""
    pace = pacing()
    for _ in range(20):
        pace.learn(3, 15.0)
    firsts = sorted(pace.first(3) for _ in range(100))
    assert firsts[-1] - firsts[0] > 0.8


def test_the_first_poll_can_be_set_by_hand() -> None:
    """What was learnt does not change it."""
    pace = pacing(first_poll=7.5)
    for _ in range(20):
        pace.learn(3, 25.0)
    assert pace.first(3) == 7.5


@given(st.lists(st.tuples(st.floats(0, 1000), st.booleans())), st.floats(2.0, 60.0))
def test_it_never_asks_faster_than_allowed(seen: list[tuple[float, bool]], interval: float) -> None:
    """Whatever was seen, two seconds lie before the first poll and the interval before each other one."""
    pace = pacing(interval=interval)
    for seconds, at_first in seen:
        pace.learn(3, seconds, at_first=at_first)
    assert pace.first(3) >= 2.0
    assert interval <= pace.next(3, 10.0) <= interval * 1.05


def test_it_slows_down_when_told_and_recovers() -> None:
    """Each complaint doubles the interval, up to eight times; it is back within a minute."""
    clock = Clock()
    pace = pacing(clock=clock)
    pace.slow_down()
    assert 4.0 <= pace.next(3, 10.0) <= 4.1
    for _ in range(10):
        clock.advance(2.0)
        pace.slow_down()
    assert 15.0 <= pace.next(3, 10.0) <= 16.1
    clock.advance(60.0)
    assert 2.0 <= pace.next(3, 10.0) <= 2.3


def test_many_complaints_at_once_count_once() -> None:
    """A hundred tasks that are told so in the same second do not stop the crawl."""
    clock = Clock()
    pace = pacing(clock=clock)
    for _ in range(100):
        pace.slow_down()
    assert pace.next(3, 10.0) <= 4.1


def test_an_interval_below_the_floor_is_refused() -> None:
    """The service may lock the account."""
    with pytest.raises(ValueError, match=r"at least 2 s, not 1\.9"):
        pacing(interval=1.9)
    with pytest.raises(ValueError, match="not be negative"):
        pacing(first_poll=-1.0)

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from benchmarks.solve_times import DISTRIBUTIONS, measure
from scrapy_geetest._services.pacing import Pacing
from scrapy_geetest._services.solve_times import CAREFUL

if TYPE_CHECKING:
    from benchmarks.solve_times import Distribution

pytestmark = pytest.mark.exhaustive


def pacing(first_poll: float | None = None, interval: float | None = None, clock: Clock | None = None) -> Pacing:
    return Pacing(
        first_poll=first_poll, interval=interval, uniform=random.Random(7).uniform, clock=(clock or Clock()).seconds
    )


def taught(pace: Pacing, seconds: float, tasks: int) -> Pacing:
    """A pacing that has seen tasks of one duration, between two polls that bound it closely."""
    for _ in range(tasks):
        task = pace.begin(3)
        task.unsolved(seconds - 0.3)
        task.solved(seconds + 0.1)
    return pace


@pytest.mark.parametrize("wanted", DISTRIBUTIONS, ids=lambda wanted: wanted.name)
@pytest.mark.parametrize(("tasks", "factor"), [(800, 1.2), pytest.param(5000, 1.0, marks=pytest.mark.slow)])
def test_solutions_are_fetched_soon_with_few_polls(wanted: Distribution, tasks: int, factor: float) -> None:
    """In virtual time: the delay, the polls beside those of the official client, and the floor.

    The first tasks are those that the pacing learns from, and weigh more where there are few.
    """
    seen = measure(wanted, tasks)
    assert seen.delay <= factor * wanted.mean_at_most
    assert seen.longest <= wanted.most_at_most
    assert seen.polls <= 0.5
    assert seen.closest >= 2.0
    assert seen.earliest >= 2.0


def test_it_follows_a_service_that_changes() -> None:
    """From 20 to 30 s down to 3 to 5 s, and back: soon hardly a task is fetched late, or polled long before."""
    times = random.Random(3)

    def draw(number: int) -> float:
        return times.uniform(20, 30) if number // 500 % 2 == 0 else times.uniform(3, 5)

    seen = measure(draw, 2000)
    assert seen.longest <= 9.0
    late = seen.delays
    for change in (500, 1000, 1500):
        settled = late[change + 150 : change + 500]
        assert sum(settled) / len(settled) <= 1.3


def test_unlearnt_it_begins_at_the_floor_and_is_in_no_hurry() -> None:
    """Until enough has been seen, the first poll comes early, and the next two are sparse; versions are learnt apart."""
    pace = taught(pacing(), 25.0, 7)
    assert 2.0 <= pace.begin(3).first() <= 4.0
    task = pace.begin(3)
    assert 3.9 <= task.next(3.0) <= CAREFUL
    assert 3.9 <= task.next(8.5) <= CAREFUL
    assert pace.begin(3).next(10.0) == 2.0
    taught(pace, 25.0, 200)
    assert 4.0 < pace.begin(3).first() <= 8.0
    assert 2.0 <= pace.begin(4).first() <= 4.0


def test_where_solve_times_do_not_vary_the_poll_comes_with_the_solution() -> None:
    """After polls that tell nothing, one just when it is there."""
    task = taught(pacing(), 20.0, 300).begin(3)
    task.unsolved(16.0)
    assert 19.6 <= 16.0 + task.next(16.0) <= 20.3


def test_the_polls_of_tasks_created_together_are_spread() -> None:
    """A hundred tasks created at once are not all asked for at once, where no solution is likely."""
    pace = taught(pacing(), 25.0, 40)
    firsts = sorted(pace.begin(3).first() for _ in range(100))
    assert firsts[-1] - firsts[0] > 0.8


@pytest.mark.parametrize("seconds", [0.0, 0.5, 7.5])
def test_the_first_poll_can_be_set_by_hand(seconds: float) -> None:
    """From 0 on, and what was learnt does not change it."""
    task = taught(pacing(first_poll=seconds), 25.0, 50).begin(3)
    assert task.first() == seconds
    assert task.next(seconds) == 2.0


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 1000))), st.floats(0.1, 60.0))
def test_it_never_asks_faster_than_allowed(seen: list[tuple[float, float]], interval: float) -> None:
    """Whatever was seen, the floor lies before the first poll, and the interval, if it is longer, before each other one."""
    pace = pacing(interval=interval)
    for low, more in seen:
        task = pace.begin(3)
        task.unsolved(low)
        task.solved(low + more)
    task = pace.begin(3)
    assert task.first() >= 2.0
    for asked in (2.5, 10.0, 30.0):
        task.unsolved(asked)
        assert task.next(asked + 0.05) >= max(2.0, interval)


def test_it_slows_down_when_told_and_recovers() -> None:
    """Each complaint doubles the interval, up to eight times; it is back within a minute."""
    clock = Clock()
    pace = pacing(clock=clock)
    pace.slow_down()
    assert pace.begin(3).next(10.0) == 4.0
    for _ in range(10):
        clock.advance(2.0)
        pace.slow_down()
    assert 15.0 <= pace.begin(3).next(10.0) <= 16.0
    clock.advance(60.0)
    assert 2.0 <= pace.begin(3).next(10.0) <= 2.3


def test_many_complaints_at_once_count_once() -> None:
    """A hundred tasks that are told so in the same second do not stop the crawl."""
    pace = pacing(clock=Clock())
    for _ in range(100):
        pace.slow_down()
    assert pace.begin(3).next(10.0) == 4.0


def test_an_interval_below_the_floor_is_the_floor() -> None:
    """The service may lock the account; a negative first poll is a mistake."""
    assert pacing(interval=0.1).interval == pacing().interval == 2.0
    assert Pacing(floor=3.0).interval == 3.0
    with pytest.raises(ValueError, match="not be negative"):
        pacing(first_poll=-1.0)

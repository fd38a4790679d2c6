"""Waiting for a task that another process created, and asked for until it was killed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from service_stub import PROCESSING, READY, Service, now
from service_tasks import V4, failing


@pytest.mark.parametrize("age", [0.001, 1.0, 25.0, 200.0])
@pytest.mark.parametrize("first_poll", [0.0, None, 12.0])
def test_it_is_not_asked_for_sooner_than_the_floor_allows(age: float, first_poll: float | None) -> None:
    """The other process may have asked at the moment of its death."""
    service = Service([PROCESSING, READY], first_poll=first_poll)
    now(service.client.result(1, V4, age))
    first, second = [call.at for call in service.calls]
    assert first >= 2.0
    assert first <= 2.0 or first <= 12.0 - age or first_poll is None
    assert second - first >= 2.0


def test_polls_of_both_together_are_not_too_many() -> None:
    """The service allows 120 of a task, and the other process has made one each two seconds at most."""
    service = Service([PROCESSING], solve_timeout=100_000.0)
    assert failing(service.client.result(1, V4, 100.0)).code == "SOLVE_TIMEOUT"
    assert len(service.calls) == 70
    times = [call.at for call in service.calls]
    assert min(later - earlier for earlier, later in pairwise(times)) >= 2.0


def test_a_solution_that_was_there_may_be_as_old_as_its_task() -> None:
    """Nobody saw it come; one that was not there yet is fresh. The time waited is this process's alone."""
    service = Service([READY])
    there = now(service.client.result(1, V4, 100.0))
    assert there.oldest == pytest.approx(100.0 + service.clock.seconds())
    assert there.waited_ms == round(service.clock.seconds() * 1000)
    service = Service([PROCESSING, READY])
    fresh = now(service.client.result(1, V4, 100.0))
    assert fresh.oldest == 0.0
    assert fresh.waited_ms == round(service.clock.seconds() * 1000)


def test_it_has_the_whole_time_of_a_task() -> None:
    """What the other process has waited is over."""
    service = Service([PROCESSING], solve_timeout=30.0)
    failing(service.client.result(1, V4, 100.0))
    assert 26 <= service.clock.seconds() <= 30

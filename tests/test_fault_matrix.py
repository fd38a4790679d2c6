"""Every fault at every call, once and for ever: the outcome that is defined for it, and not a task more than it takes.

One half of the cells, each fault in one of both ways, is run with all tests; the other one is slow.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from fault_crawl import run_cells
from fault_matrix import CALLS, cells, pairs

from scrapy_geetest.sandbox import CALLS as SANDBOX_CALLS
from scrapy_geetest.sandbox import FAULTS, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.exhaustive

AT_ONCE = 6
CONNECTIONS = ("lost-before", "lost-after", "reset-half", "drip", "endless", "huge", "gzip-bomb", "hang", "closed")


def _kind(fault: str) -> str:
    if fault.isupper():
        return "codes"
    if fault[-3:].isdecimal():
        return "statuses"
    return "connections" if fault in CONNECTIONS else "bodies"


GROUPS = sorted({(call, _kind(fault)) for call, fault in pairs()})


@pytest.fixture(scope="module")
def sandboxes() -> Iterator[list[Sandbox]]:
    """One for each crawl that runs at the same time: their faults are not to be confused."""
    with ExitStack() as stack:
        yield [stack.enter_context(Sandbox()) for _ in range(AT_ONCE)]


@pytest.mark.parametrize("half", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("call", "kind"), GROUPS)
async def test_every_fault_has_its_outcome(sandboxes: list[Sandbox], call: str, kind: str, half: int) -> None:
    """The crawl ends in time, the request ends once, the fewest tasks are bought, nothing untoward is logged."""
    faults = [fault for called, fault in pairs() if called == call and _kind(fault) == kind]
    in_turn = [tuple(cells(call, fault))[(number + half) % 2] for number, fault in enumerate(faults)]
    outcome = await run_cells(in_turn, sandboxes)
    assert len(outcome.runs) == len(faults)
    assert outcome.problems() == []


def test_the_matrix_leaves_nothing_out() -> None:
    """All that the sandbox can do wrong, at each of the four calls that a page depends on."""
    assert set(CALLS) <= set(SANDBOX_CALLS)
    assert {fault for _, fault in pairs()} == set(FAULTS)
    assert len(list(pairs())) == sum(len(set(fault.calls) & set(CALLS)) for fault in FAULTS.values())

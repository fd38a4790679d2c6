"""Who may have a task at the service, and when: in virtual time, also in random sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from scrapy_geetest._spending.turns import PROMPT, Claim, Turn, Turns

if TYPE_CHECKING:
    from collections.abc import Sequence

STATES = "asked", "prompt", "late", "ready", "solving", "over"


async def _wait(deferred: Deferred[Any]) -> Any:
    return await deferred


@define
class Queue:
    """Turns with a clock, and what became of the requests that asked."""

    limit: int = 2
    clock: Clock = field(factory=Clock)
    turns: Turns = field(init=False)
    asked: list[Turn] = field(factory=list)
    began: list[Turn] = field(factory=list)
    waits: dict[Turn, Deferred[Any]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.turns = Turns(self.limit, _wait, self.clock)

    def ask(self, site: str = "a", slot: str = "", *, priority: int = 0, gate: bool = False, since: float = 0) -> Turn:
        claim = Claim(site, slot or site, since, priority=priority, opens_gate=gate)
        turn = self.turns.ask(claim)
        self.asked.append(turn)
        entering = Deferred.fromCoroutine(turn.__aenter__())
        entering.addCallbacks(self.began.append, lambda failure: failure.trap(CancelledError))
        self.waits[turn] = entering
        return turn

    def reach(self, *turns: Turn) -> None:
        for turn in turns:
            reaching: Deferred[Any] = Deferred.fromCoroutine(turn.reach_service())
            reaching.addCallbacks(lambda _: None, lambda failure: failure.trap(CancelledError))
            self.waits[turn] = reaching

    def end(self, *turns: Turn) -> None:
        for turn in turns:
            Deferred.fromCoroutine(turn.__aexit__())

    def count(self, *states: str) -> int:
        return sum(turn.state.value in states for turn in self.asked)


def test_there_are_as_many_turns_as_places() -> None:
    """The next one begins when one ends, whoever came first."""
    queue = Queue(2)
    first, second, third, fourth = (queue.ask() for _ in range(4))
    assert [turn.at_once for turn in queue.asked] == [True, True, False, False]
    queue.reach(second, first)
    queue.end(second)
    assert queue.began == [first, second, third]
    queue.end(first)
    assert queue.began[-1] is fourth


def test_sites_take_turns() -> None:
    """Behind a crowd of one site another one is next but one, and each within a site in its order."""
    queue = Queue(1)
    a = [queue.ask("a") for _ in range(4)]
    b = [queue.ask("b") for _ in range(2)]
    for _ in range(6):
        queue.end(queue.began[-1])
    assert queue.began == [a[0], b[0], a[1], b[1], a[2], a[3]]


def test_gates_and_priorities_go_first() -> None:
    """A gate's opener before everything, then the highest priority, whatever the site."""
    queue = Queue(1)
    queue.ask()
    common, urgent, opener = queue.ask(), queue.ask(priority=1000), queue.ask(gate=True)
    for _ in range(3):
        queue.end(queue.began[-1])
    assert queue.began[1:] == [opener, urgent, common]


def test_a_second_try_keeps_its_place_in_the_line() -> None:
    """A request that was refused does not queue behind all that came after it."""
    queue = Queue(1)
    queue.ask(since=1)
    later = queue.ask(since=7)
    again = queue.ask(since=1)
    queue.end(queue.began[-1])
    assert queue.began[-1] is again
    queue.end(again)
    assert queue.began[-1] is later


def test_a_slow_slot_holds_up_nobody_else() -> None:
    """The place that waits for a late request is lent; when its challenge comes, it gets the first free one."""
    queue = Queue(2)
    slow = [queue.ask("slow") for _ in range(5)]
    quick = [queue.ask("quick") for _ in range(4)]
    assert queue.began == slow[:2]
    queue.clock.advance(PROMPT + 0.1)
    assert queue.count("late") == 2
    assert set(quick[:2]) <= set(queue.began)
    queue.reach(*quick[:2])
    assert queue.turns.solving == 2
    queue.reach(slow[0])
    assert slow[0].state.value == "ready"
    queue.end(quick[0])
    assert slow[0].state.value == "solving"
    assert quick[2] not in queue.began


def test_a_late_slot_gets_no_more_than_half() -> None:
    """Its requests would only wait behind each other; a gate's opener may begin."""
    queue = Queue(8)
    slow = [queue.ask("slow") for _ in range(12)]
    queue.clock.advance(PROMPT + 0.1)
    assert queue.began == slow[:8]
    queue.end(*slow[:4])
    assert queue.began == slow[:8]
    opener = queue.ask("slow", gate=True)
    assert opener in queue.began
    queue.end(*slow[4:6])
    assert queue.began[9:] == slow[8:9]


def test_who_waits_for_a_service_holds_no_place() -> None:
    """Nor do more of its site begin; with a service, they go on beside those that have begun meanwhile."""
    queue = Queue(2)
    away = [queue.ask("away", slot) for slot in "abcd"]
    opener = queue.ask("away", "e", gate=True)
    others = [queue.ask("other") for _ in range(6)]
    asides = [turn.aside() for turn in away[:2]]
    for aside in asides:
        aside.__enter__()
    assert queue.began == [*away[:2], *others[:2]]
    queue.clock.advance(PROMPT + 0.1)
    queue.reach(*others[:2])
    queue.end(others[0])
    assert queue.began[-1] is others[2]
    for aside in asides:
        aside.__exit__(None, None, None)
    assert queue.count("prompt") == 3
    queue.reach(*away[:2], others[2])
    assert (queue.turns.solving, queue.count("ready")) == (2, 2)
    queue.end(*others[1:3], *away[:2])
    assert opener in queue.began
    queue.end(*away[2:], opener, *others[3:])
    _assert_empty(queue)


def test_a_wait_for_a_service_ends_with_the_crawl() -> None:
    """And with any other error."""
    queue = Queue(1)
    first, second = queue.ask("a"), queue.ask("a")
    aside = first.aside()
    aside.__enter__()
    assert second not in queue.began
    aside.__exit__(CancelledError, CancelledError(), None)
    queue.end(first)
    assert second in queue.began
    queue.end(second)
    _assert_empty(queue)


def test_the_end_of_the_crawl_ends_every_turn() -> None:
    """Whether it was asked for, granted, or waited for its place: nothing stays taken."""
    queue = Queue(1)
    late, other, third = queue.ask(), queue.ask("b"), queue.ask("c")
    queue.clock.advance(PROMPT + 0.1)
    queue.reach(other, late)
    for turn in (late, third):
        queue.waits[turn].cancel()
    assert third.state.value == "over"
    queue.end(late, other)
    _assert_empty(queue)


def _assert_empty(queue: Queue) -> None:
    turns = queue.turns
    assert (turns.solving, +turns._getting_ready, +turns._late, list(turns._ready)) == (0, {}, {}, [])
    assert not turns._aside
    assert queue.clock.getDelayedCalls() == []


STEPS = st.tuples(
    st.sampled_from(["ask", "ask", "reach", "reach", "end", "cancel", "wait"]), st.integers(0, 11), st.integers(0, 3)
)


def _step(queue: Queue, what: str, number: int, kind: int) -> None:
    if what == "ask":
        queue.ask(f"site {number % 4}", f"slot {number % 3}", priority=kind % 2, gate=kind == 3)
    elif what == "wait":
        queue.clock.advance(kind / 2)
    else:
        states = {"reach": ("prompt", "late"), "end": STATES[1:5], "cancel": ("asked", "ready")}[what]
        concerned = [turn for turn in queue.asked if turn.state.value in states]
        if not concerned:
            return
        turn = concerned[number % len(concerned)]
        if what == "reach":
            queue.reach(turn)
        elif what == "end":
            queue.end(turn)
        else:
            queue.waits[turn].cancel()
            queue.end(turn)


def _check(queue: Queue) -> None:
    limit = queue.limit
    assert queue.count("solving") == queue.turns.solving <= limit
    assert queue.count("prompt", "late", "ready", "solving") <= 2 * limit
    if queue.count("ready"):
        assert queue.turns.solving == limit  # a challenge waits only for a place
    elif waiting := [turn for turn in queue.asked if turn.state.value == "asked"]:
        lent = min(queue.count("late"), limit)
        has_room = queue.count("prompt", "late", "solving") - lent < limit
        assert not has_room or all(_is_behind_late_ones(queue, turn) for turn in waiting)


def _is_behind_late_ones(queue: Queue, turn: Turn) -> bool:
    same = [one.state.value for one in queue.asked if one.claim.slot == turn.claim.slot]
    return "late" in same and same.count("late") + same.count("prompt") >= max(1, queue.limit // 2)


@given(st.integers(1, 5), st.lists(STEPS, max_size=80))
@settings(deadline=None)
def test_whatever_happens(limit: int, steps: Sequence[tuple[str, int, int]]) -> None:
    """Never too many tasks, nobody forgotten, a place for every challenge, and nothing kept in the end."""
    queue = Queue(limit)
    for step in steps:
        _step(queue, *step)
        _check(queue)
    while holders := [turn for turn in queue.asked if turn.state.value not in {"asked", "over"}]:
        queue.end(holders[0])
        _check(queue)
    assert queue.count("asked") == 0
    _assert_empty(queue)


@pytest.mark.parametrize("limit", [1, 4])
def test_within_a_site_first_come_first_served(limit: int) -> None:
    """However many wait."""
    queue = Queue(limit)
    all_of_them = [queue.ask() for _ in range(50)]
    while holders := [turn for turn in queue.began if turn.state.value != "over"]:
        queue.end(holders[0])
    assert queue.began == all_of_them


def test_a_thousand_turns_that_end_at_once_end_one_after_the_other() -> None:
    """Without asyncio whoever gets a turn goes on within the call that gives it: a budget that is used up ends each at once."""
    turns, ended = Turns(1, _wait, Clock()), []

    async def end_at_once(number: int) -> None:
        async with turns.ask(Claim("a", "a", number)):
            ended.append(number)

    first = turns.ask(Claim("a", "a", 0))
    waiting = [Deferred.fromCoroutine(end_at_once(number)) for number in range(1, 1000)]
    turns.end(first)
    assert ended == list(range(1, 1000))
    assert all(one.called and one.result is None for one in waiting)
    assert not turns._asked

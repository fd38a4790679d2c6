"""Turns at the solving service: no more tasks at once than ``GEETEST_MAX_CONCURRENT_SOLVES``, and fair.

A turn has two parts. First its request gets ready at its site: the page and the challenge are fetched. Then it has a place
at the service, from createTask to the solution. There are as many places as the setting says, and never more tasks.

Who is next: the opener of a gate, then the request of the highest priority; among equals the site that was served least
recently; within a site whoever came first, and a request that tries once more counts from when it first came.

A request begins its turn only if a place will be there for it, so that a challenge becomes a task as soon as it is
fetched. A site may take its time, though: its download slot has a delay, or a queue, or the site is slow. A request that has
been getting ready for more than ``PROMPT`` seconds is late, and the place that waits for it is lent to the next one:

- As many places may be lent as there are. While 32 requests wait in the queues of slow slots, 32 others have tasks.
- When a late request has its challenge, it takes a place that is free, or the first one that becomes free, before anyone
  begins a turn. So its challenge may wait for the end of another task, and at worst for as long as one solution takes.
- Where a request is late, others would wait behind it in the same slot: no request of that slot begins a turn that would
  leave it with more than half of the places (gates' openers do).

A site may use services that take no task now, while those of other sites do. A request that waits for such a service steps
aside: it holds no place meanwhile, and no other request of its site begins a turn.

Whatever ends a request (a solution, a failure, the end of the crawl) also ends its turn.
"""

from __future__ import annotations

from collections import Counter, deque
from contextlib import contextmanager
from enum import Enum
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any

from attrs import frozen
from twisted.internet.defer import Deferred

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from typing_extensions import Self

PROMPT = 1.0  # seconds; longer than a page and a challenge take where nothing is waited for


@frozen
class Claim:
    """Who asks for a turn.

    Attributes:
        site: The name of its site.
        slot: The download slot in which it gets ready.
        since: When it asked for the first time, in monotonic seconds.
        priority: Of its request.
        opens_gate: Whether many others may wait for it.
    """

    site: str
    slot: str
    since: float
    priority: int = 0
    opens_gate: bool = False


class _State(Enum):
    ASKED = "asked"
    PROMPT = "prompt"
    LATE = "late"
    ASIDE = "aside"
    READY = "ready"
    SOLVING = "solving"
    OVER = "over"


class Turn:
    """One request's turn: an asynchronous context manager that waits for it and ends it.

    Attributes:
        at_once: Whether there was nothing to wait for.
        claim: Whose.
    """

    __slots__ = ("_turns", "at_once", "claim", "granted", "placed", "state", "timer")  # thousands may wait
    placed: Deferred[None]  # from when the challenge is there

    def __init__(self, turns: Turns, claim: Claim) -> None:
        self._turns = turns
        self.claim = claim
        self.state = _State.ASKED
        self.granted: Deferred[None] = Deferred()
        self.timer: Any = None
        self.at_once = False

    async def __aenter__(self) -> Self:
        try:
            await self._turns.wait(self.granted)
        except BaseException:
            self._turns.end(self)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._turns.end(self)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """For as long as the ``with`` block waits for a service, before the request gets ready."""
        self._turns.step_aside(self)
        try:
            yield
        finally:
            self._turns.step_back(self)

    async def reach_service(self) -> None:
        """Called when the challenge is there: take the place at the service, or the first one that becomes free.

        Raises:
            Stopping: The crawl is ending.
        """
        self._turns.ready(self)
        await self._turns.wait(self.placed)


class Turns:
    """Hands out turns.

    Args:
        limit: Places at the service.
        wait: Awaits a Deferred unless the crawl begins to end.
        reactor: The Twisted reactor, or a clock in tests.
    """

    def __init__(self, limit: int, wait: Callable[[Deferred[Any]], Awaitable[Any]], reactor: Any) -> None:
        self.wait = wait
        self._limit = limit
        self._reactor = reactor
        self._numbers = count(1)
        self._asked: dict[tuple[str, str], list[tuple[Any, ...]]] = {}  # site, slot -> heap
        self._served: dict[str, int] = {}  # site -> number of its latest turn
        self._getting_ready: Counter[str] = Counter()  # by slot, the late ones included
        self._late: Counter[str] = Counter()  # by slot
        self._aside: Counter[str] = Counter()  # by site
        self._ready: deque[Turn] = deque()
        self._is_granting = False
        self.solving = 0

    def ask(self, claim: Claim) -> Turn:
        """Ask for a turn; it has to be entered, and what is done for it belongs into its ``async with`` block."""
        turn = Turn(self, claim)
        rank = not claim.opens_gate, -claim.priority, claim.since, next(self._numbers)
        heappush(self._asked.setdefault((claim.site, claim.slot), []), (*rank, turn))
        self._grant()
        turn.at_once = turn.state is not _State.ASKED
        return turn

    def ready(self, turn: Turn) -> None:
        """A request has its challenge."""
        self._is_ready_no_more(turn)
        turn.state = _State.READY
        turn.placed = Deferred()
        self._ready.append(turn)
        self._grant()

    def step_aside(self, turn: Turn) -> None:
        """A request waits for a service."""
        self._is_ready_no_more(turn)
        turn.state = _State.ASIDE
        self._aside[turn.claim.site] += 1
        self._grant()

    def step_back(self, turn: Turn) -> None:
        """It waits no more, and gets ready beside those that have begun meanwhile."""
        self._take_off(self._aside, turn.claim.site)
        self._gets_ready(turn)
        self._grant()

    def end(self, turn: Turn) -> None:
        """A turn is over, whatever state it is in."""
        if turn.state is _State.SOLVING:
            self.solving -= 1
        elif turn.state is _State.READY:
            self._ready.remove(turn)
        elif turn.state in {_State.PROMPT, _State.LATE}:
            self._is_ready_no_more(turn)
        turn.state = _State.OVER  # where it was only asked for, it is dropped when it comes up
        self._grant()

    def _grant(self) -> None:
        """Give places to those who have challenges, then turns to those who asked for them."""
        if self._is_granting:
            return  # without asyncio whoever is called goes on at once, and may end its turn: the loop below sees it
        self._is_granting = True
        try:
            while self._give():
                pass
        finally:
            self._is_granting = False

    def _give(self) -> bool:
        """One place or one turn; says whether there was one to be given."""
        if self._ready and self.solving < self._limit:
            first = self._ready.popleft()
            first.state = _State.SOLVING
            self.solving += 1
            first.placed.callback(None)
            return True
        turn = self._next() if self._has_room else None
        if turn is None:
            return False
        self._served[turn.claim.site] = next(self._numbers)
        self._gets_ready(turn)
        turn.granted.callback(None)
        return True

    @property
    def _has_room(self) -> bool:
        if self._ready or not self._asked:
            return False
        lent = min(self._late.total(), self._limit)
        return self.solving + self._getting_ready.total() - lent < self._limit

    def _next(self) -> Turn | None:
        best: tuple[Any, ...] | None = None
        for (site, slot), heap in list(self._asked.items()):
            while heap and heap[0][-1].state is _State.OVER:
                heappop(heap)
            if not heap:
                del self._asked[site, slot]
                continue
            is_behind, priority, since, number, turn = heap[0]
            if site in self._aside or (is_behind and not self._is_open(slot)):
                continue
            rank = is_behind, priority, self._served.get(site, 0), since, number, turn
            best = rank if best is None or rank < best else best
        if best is None:
            return None
        chosen: Turn = best[-1]
        heappop(self._asked[chosen.claim.site, chosen.claim.slot])
        return chosen

    def _is_open(self, slot: str) -> bool:
        """Whether those of a slot may begin turns."""
        return not self._late[slot] or self._getting_ready[slot] < max(1, self._limit // 2)

    def _gets_ready(self, turn: Turn) -> None:
        turn.state = _State.PROMPT
        self._getting_ready[turn.claim.slot] += 1
        turn.timer = self._reactor.callLater(PROMPT, self._is_late, turn)

    def _is_late(self, turn: Turn) -> None:
        turn.state = _State.LATE
        self._late[turn.claim.slot] += 1
        self._grant()

    def _is_ready_no_more(self, turn: Turn) -> None:
        slot = turn.claim.slot
        if turn.state is _State.LATE:
            self._take_off(self._late, slot)
        else:
            turn.timer.cancel()
        self._take_off(self._getting_ready, slot)

    @staticmethod
    def _take_off(counter: Counter[str], name: str) -> None:
        counter[name] -= 1
        if not counter[name]:
            del counter[name]

"""Scrapy's download slots, where a solution waits for its departure: how many may wait there, and which goes first."""

from __future__ import annotations

import logging
from collections import defaultdict
from heapq import heappop, heappush
from itertools import count, takewhile
from typing import TYPE_CHECKING, Any

from attrs import define, field
from twisted.internet.defer import Deferred

from scrapy_geetest._crawl.marks import own_number

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterator

    from scrapy import Request
    from scrapy.crawler import Crawler

    from scrapy_geetest._attempt.context import Context

logger = logging.getLogger(__name__)

_USUAL_JITTER = 0.5  # of a delay; Scrapy's default
_SHARE = 0.75  # of the age that is allowed: the rest is for what cannot be reckoned with


@define(order=True)
class _Waiter:
    """A request that waits for room; the first in order is the next."""

    rank: tuple[bool, int, int]
    admitted: Deferred[None] = field(order=False)
    is_in: bool = field(default=False, order=False)


@define
class _Slot:
    """The requests of one download slot that may have a solution waiting there soon."""

    taken: int = 0
    waiters: list[_Waiter] = field(factory=list)  # a heap; those that gave up are dropped when they come up
    is_admitting: bool = False


class Room:
    """Room for one solution: a small asynchronous context manager, since thousands may be held.

    Attributes:
        context: Whose.
        rank: Who comes first.
        key: Of the download slot.
    """

    __slots__ = ("_slots", "context", "key", "rank")

    def __init__(self, slots: Slots, context: Context, rank: tuple[bool, int, int]) -> None:
        self._slots = slots
        self.context = context
        self.rank = rank
        self.key = ""

    async def __aenter__(self) -> bool:
        return await self._slots.enter(self)

    async def __aexit__(self, *_: object) -> None:
        self._slots.leave(self)


class Slots:
    """Reckons with the time that a solution waits in its download slot, and keeps it short.

    A solution goes before all requests without one. So it waits for those before it that have one as well, a delay each,
    and no more are bought at a time for one slot than can leave it in time, should all of them come at once.

    Args:
        crawler: The crawl.
        max_age: Seconds that a solution may be old when it is handed to the downloader.
        wait: Awaits a Deferred unless the crawl begins to end.
    """

    def __init__(self, crawler: Crawler, *, max_age: float, wait: Callable[[Deferred[None]], Awaitable[None]]) -> None:
        self._crawler = crawler
        self._max_age = max_age
        self._wait = wait
        self._rooms: defaultdict[str, _Slot] = defaultdict(_Slot)
        self._arrivals = count()
        self._warned: set[str] = set()

    def room(self, context: Context, *, opens_gate: bool) -> Room:
        """Room for a solution in the slot of *context*, for as long as an ``async with`` block runs.

        Gates' openers come first, then requests of a higher priority.
        """
        return Room(self, context, (not opens_gate, -context.request.priority, next(self._arrivals)))

    async def enter(self, room: Room) -> bool:
        """Wait until there is room; says whether it took any waiting.

        Raises:
            Stopping: The crawl is ending.
        """
        room.key = self._key(room.context.outer)
        if not self._is_free(room.key):
            room.context.let_page_go()
        return await self._enter(room.key, room.rank)

    def leave(self, room: Room) -> None:
        """It is needed no more."""
        self._leave(room.key)

    def hasten(self, number: int, urgent: Collection[int]) -> None:
        """Let the download *number* go before all that are not *urgent*."""
        for queue, entry in self._entries(number):
            queue.remove(entry)
            ahead = sum(1 for _ in takewhile(lambda other: own_number(other[0]) in urgent, queue))
            queue.insert(ahead, entry)

    def withdraw(self, number: int, error: Exception) -> bool:
        """End the download *number* with *error* if it still waits in its slot; says whether it did."""
        for queue, entry in self._entries(number):
            queue.remove(entry)
            entry[1].errback(error)
            return True
        return False

    def _is_free(self, key: str) -> bool:
        room = self._rooms[key]
        return not room.waiters and room.taken < self._most(key)

    async def _enter(self, key: str, rank: tuple[bool, int, int]) -> bool:
        room = self._rooms[key]
        if self._is_free(key):
            room.taken += 1
            return False
        waiter = _Waiter(rank, Deferred())
        heappush(room.waiters, waiter)
        try:
            await self._wait(waiter.admitted)
        except BaseException:
            if waiter.is_in:  # it was admitted at the very moment
                self._leave(key)
            raise
        return True

    def _leave(self, key: str) -> None:
        room = self._rooms[key]
        room.taken -= 1
        if room.is_admitting:
            return  # without asyncio whoever is let in goes on at once, and may leave: the loop below sees it
        room.is_admitting = True
        while room.waiters and room.taken < self._most(key):
            waiter = heappop(room.waiters)
            if not waiter.admitted.called:  # a cancelled one was called
                room.taken += 1
                waiter.is_in = True
                waiter.admitted.callback(None)
        room.is_admitting = False
        if not (room.taken or room.waiters):
            del self._rooms[key]

    def _most(self, key: str) -> float:
        """How many solutions may leave the slot one after another before the last of them is too old; one at least."""
        delay = self._longest_delay(key)
        if delay > self._max_age and key not in self._warned:
            self._warned.add(key)
            logger.warning(
                "GeeTest: lower DOWNLOAD_DELAY, or raise GEETEST_SOLUTION_MAX_AGE: the download slot %s has a delay of up to "
                "%.1f s, and no solution may be older than %g s, so some will be too old before they can be sent",
                *(key, delay, self._max_age),
            )
        return max(1, _SHARE * self._max_age // delay) if delay else float("inf")

    def _longest_delay(self, key: str) -> float:
        """Between two requests of a slot, as it is at this moment: AutoThrottle changes it."""
        downloader: Any = self._downloader
        slot = getattr(downloader, "slots", {}).get(key)
        if slot is None:  # nothing was sent there yet
            return self._configured_delay(key) * (1 + _USUAL_JITTER)
        jitter = getattr(slot, "jitter", None)  # in older Scrapy a yes or no, which warns in newer ones
        if jitter is None:
            jitter = _USUAL_JITTER if slot.randomize_delay else 0.0
        return float(slot.delay * (1 + jitter))

    def _configured_delay(self, key: str) -> float:
        crawler, downloader = self._crawler, self._downloader
        own = getattr(downloader, "per_slot_settings", {}).get(key, {}).get("delay")
        if own is not None:
            return float(own)
        # AutoThrottle sets the delay of new slots on the downloader; in older Scrapy on the spider.
        usual = getattr(downloader, "_delay", None) or getattr(crawler.spider, "download_delay", None)
        return float(usual or crawler.settings.getfloat("DOWNLOAD_DELAY"))

    def _entries(self, number: int) -> Iterator[tuple[Any, tuple[Request, Deferred[Any]]]]:
        # A slot's queue is a deque of (request, Deferred), and Scrapy looks at nothing but its left end.
        for slot in list(getattr(self._downloader, "slots", {}).values()):
            for entry in slot.queue:
                if own_number(entry[0]) == number:
                    yield slot.queue, entry
                    break

    def _key(self, request: Request) -> str:
        get_key = getattr(self._downloader, "get_slot_key", None)
        return str(get_key(request)) if get_key is not None else ""

    @property
    def _downloader(self) -> Any:
        engine = self._crawler.engine
        assert engine is not None  # noqa: S101  # it runs as long as there are requests
        return engine.downloader

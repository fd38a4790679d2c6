"""No more requests under way than without the plugin: those that have waited go on one after the other.

Scrapy compares ``CONCURRENT_REQUESTS`` with what it takes from the scheduler only. A download in place, and a request
that goes on after its gate was opened, pass it by. Nor does a download slot hold them back: on the asyncio reactor
``Downloader._process_queue`` sends all that stand in its queue at one moment.
"""

from __future__ import annotations

from collections import Counter
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from scrapy import signals
from scrapy.utils.defer import maybe_deferred_to_future
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from scrapy_geetest._crawl.listener import Listener

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from scrapy import Request
    from scrapy.core.downloader import Downloader
    from scrapy.crawler import Crawler

    from scrapy_geetest._crawl.parking import Parking

_URGENT, _USUAL, _CAN_WAIT = range(3)
TICK = 0.1  # seconds between two looks at what no signal tells: requests that ended with an exception or a redirect
PATIENCE = 1.0  # seconds after which a request to an idle host goes, whatever waits in the slots of others


class _Waiter(NamedTuple):
    """Who waits. First whose solution grows old, then who holds a turn, then who can wait; each in the order of arrival.

    A tuple, since a heap of thousands compares them all the time; no two have the same number.
    """

    rank: int
    number: int
    since: float
    deferred: Deferred[bool]


class Admission:
    """Lets requests go when there is a place for them in ``CONCURRENT_REQUESTS`` and in their download slot.

    Args:
        crawler: The crawl.
        parking: Knows how many of the requests in the downloader only wait.
        reactor: The Twisted reactor, or a clock in tests.
    """

    def __init__(self, crawler: Crawler, *, parking: Parking, reactor: Any) -> None:
        self._crawler = crawler
        self._parking = parking
        self._reactor = reactor
        self._numbers = count()
        self._queues: dict[str, list[_Waiter]] = {}  # by download slot, each a heap
        self._admitted: dict[Request, str] = {}  # -> download slot, until they are answered
        self._watch = LoopingCall(self.look, is_tick=True)
        self._watch.clock = reactor
        self._listener = Listener(
            crawler, signals.response_received, self.look, is_needed=lambda: self._watch.running, reactor=reactor
        )

    async def admit(
        self,
        request: Request,
        *,
        is_urgent: bool = False,
        can_wait: bool = False,
        wait: Callable[[Deferred[bool]], Awaitable[bool]] = maybe_deferred_to_future,
    ) -> None:
        """Wait until *request* may go on to the downloader. The caller sends it at once, before anything else runs.

        Args:
            request: As it is handed to the downloader.
            is_urgent: Whether something that was paid for grows old meanwhile.
            can_wait: Whether nothing is lost when others go first: neither a solution nor a turn is held.
            wait: Awaits a Deferred.
        """
        key, number, since = self._downloader.get_slot_key(request), next(self._numbers), self._reactor.seconds()
        rank = _URGENT if is_urgent else _CAN_WAIT if can_wait else _USUAL
        may_go = self._is_free(key, rank) or (self._has_place(key) and not self._is_behind(key, rank))
        while not may_go:
            waiter = _Waiter(rank, number, since, Deferred())
            heappush(self._queues.setdefault(key, []), waiter)
            self._begin()
            # The engine may have taken the place from the scheduler since it was seen.
            may_go = await wait(waiter.deferred) or self._has_place(key)
        self._admitted[request] = key

    def answered(self, request: Request) -> None:
        """An admitted request has come back from its host; from here on it may be parked, for as long as it takes."""
        self._admitted.pop(request, None)

    def look(self, *, is_tick: bool = False) -> None:
        """Something has ended: let those go that have a place now.

        While others wait in the scheduler, those that can wait take half of the places; what the scheduler leaves free is
        theirs as well.
        """
        if not self._queues:
            return
        own, room = self._under_way(), self._room
        heads = [(queue[0], key) for key, queue in self._queues.items()]
        heapify(heads)
        while heads:
            waiter, key = heappop(heads)
            is_forced = self._is_free(key, waiter.rank) or (is_tick and self._is_overdue(waiter, key) and not own[key])
            takes_too_much = waiter.rank == _CAN_WAIT and not is_tick and own.total() >= self._half
            if not is_forced and (own[key] >= self._limit(key) or room <= 0 or takes_too_much):
                continue
            queue = self._queues[key]
            heappop(queue)
            if queue:
                heappush(heads, (queue[0], key))
            else:
                del self._queues[key]
            if not waiter.deferred.called:  # a cancelled one was called
                own[key] += 1
                room -= 1
                waiter.deferred.callback(is_forced)
        if not self._queues:
            self._end()

    def _begin(self) -> None:
        self._listener.begin()
        if not self._watch.running:
            self._watch.start(TICK, now=False)

    def _end(self) -> None:
        self._listener.end()
        if self._watch.running:
            self._watch.stop()

    @property
    def _downloader(self) -> Downloader:
        engine = self._crawler.engine
        assert engine is not None  # noqa: S101  # it runs as long as there are requests
        return engine.downloader

    @property
    def _room(self) -> float:
        places = self._parking.places
        return places - self._parking.under_way if places > 0 else inf

    @property
    def _half(self) -> float:
        places = self._parking.places
        return max(1, places // 2) if places > 0 else inf

    def _under_way(self) -> Counter[str]:
        """How many of the admitted ones are on their way, by download slot."""
        active = self._downloader.active
        self._admitted = {request: key for request, key in self._admitted.items() if request in active}
        return Counter(self._admitted.values())

    def _has_place(self, key: str) -> bool:
        return self._room > 0 and self._under_way()[key] < self._limit(key)

    def _is_behind(self, key: str, rank: int) -> bool:
        """Whether somebody waits who goes first."""
        if rank == _CAN_WAIT and self._queues:
            return True
        return key in self._queues and self._queues[key][0].rank <= rank

    def _is_free(self, key: str, rank: int) -> bool:
        """Whether a request may join its slot's queue in any case: the slot lets one go at a time, after its delay."""
        slot = self._downloader.slots.get(key)
        return rank == _URGENT and slot is not None and slot.latercall is not None

    def _is_overdue(self, waiter: _Waiter, key: str) -> bool:
        """Whether a request waits only because others do: a slow host, or a middleware that waits for this very request."""
        slot = self._downloader.slots.get(key)
        return self._reactor.seconds() - waiter.since >= PATIENCE and not (slot and slot.active)

    def _limit(self, key: str) -> int:
        downloader = self._downloader
        slot = downloader.slots.get(key)
        if slot is not None:
            return slot.concurrency
        default = getattr(downloader, "ip_concurrency", 0) or downloader.domain_concurrency
        own: int = downloader.per_slot_settings.get(key, {}).get("concurrency", default)
        return own

"""Waiting without holding up the crawl, and without holding up its end."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeVar

from scrapy.utils.defer import deferred_from_coro, maybe_deferred_to_future
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.python.failure import Failure

from scrapy_geetest._crawl.marks import own_number
from scrapy_geetest._hooks import PLAIN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from scrapy.core.engine import ExecutionEngine
    from scrapy.crawler import Crawler

    from scrapy_geetest.stats import Stats

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

TICK = 1.0  # seconds between two looks at whether the crawl is ending
GRACE = 2.0  # seconds that hooks of sites have when it is


class Stopping(Exception):  # noqa: N818  # the end of a crawl is no error
    """The crawl is ending: whoever waits gives up, and its request goes back as the spider made it."""


class Parking:
    """Places for requests that wait, and everything that they wait for.

    A request that waits in a middleware counts in ``Downloader.active``, which Scrapy compares with
    ``CONCURRENT_REQUESTS``. For each parked request one place is lent to the downloader for as long as it waits.

    There are *limit* loans. A request that begins to wait when all are taken holds its own place, and gets the first
    loan that another one gives back: the loans go to those who still wait, so that the crawl goes on as soon as a
    solution comes, whoever it was for. What the plugin downloads for a parked request needs no free place, since Scrapy
    compares only before it takes a request from the scheduler. It counts as active, though, and would hold up the pages
    of other hosts while it is in the queue of a slow host's download slot; the places of such downloads are lent, too.

    Args:
        crawler: The crawl.
        on_tick: Called every second as long as a request waits.
        limit: How many places of waiting requests are lent at most (back-pressure).
        stats: Where the highest number of parked requests is kept.
        reactor: The Twisted reactor, or a clock in tests.
    """

    def __init__(
        self, crawler: Crawler, *, limit: int, stats: Stats, reactor: Any, on_tick: Callable[[Parking], None]
    ) -> None:
        self._crawler = crawler
        self._limit = limit
        self._stats = stats
        self._reactor = reactor
        self._on_tick = on_tick
        self._parked: dict[Place, tuple[str, float]] = {}  # -> site, since when
        self._for_solutions = 0  # those of the parked that wait for a solution
        self._lent = 0
        self._without_loan: dict[Place, None] = {}  # hold their own places, in the order in which they came
        self._lent_for_queues = 0
        self._held = 0  # of the downloader's requests, those that are parked
        self._overflow_logged = False
        self._waits: set[Deferred[Any]] = set()
        self._hooks: set[Deferred[Any]] = set()
        self._ending_since: float | None = None
        self._watch = LoopingCall(self._tick)
        self._watch.clock = reactor

    @property
    def parked(self) -> Counter[str]:
        """How many requests wait for solutions at this moment, by site."""
        return Counter(site for site, _ in self._parked.values() if site)

    @property
    def places(self) -> int:
        """``CONCURRENT_REQUESTS``, as it is at this moment; 0: no limit."""
        return self._engine.downloader.total_concurrency - self._lent - self._lent_for_queues

    @property
    def under_way(self) -> int:
        """How many requests are in the downloader, those not counted that are parked or whose places are lent."""
        return len(self._engine.downloader.active) - self._held - self._lent_for_queues

    @property
    def longest(self) -> float:
        """Seconds since the first of them began to wait; 0 if none waits."""
        since = [since for site, since in self._parked.values() if site]
        return self._reactor.seconds() - min(since) if since else 0.0

    @property
    def stopping(self) -> bool:
        """Whether the crawl is ending. Scrapy sends no signal at that moment, so its engine is asked."""
        engine = self._engine
        return not engine.running or (engine._slot is not None and engine._slot.closing is not None)  # noqa: SLF001

    def place(self, site: str, *, lend: bool = True) -> Place:
        """Park a request to *site* for as long as a ``with`` block runs.

        Args:
            site: Its name, for the progress line; empty: it waits for something else than a solution.
            lend: Whether it holds a place in the downloader (a spider's callback does not).
        """
        return Place(self, site, lend=lend)

    def enter(self, place: Place) -> None:
        """A request begins to wait."""
        self._held += place.lend
        if place.lend:
            place.lent = self._lend(place)
        self._parked[place] = place.site, self._reactor.seconds()
        self._for_solutions += bool(place.site)
        self._stats.maximum("parked_max", self._for_solutions)
        if not self._watch.running:
            self._watch.start(TICK, now=False)

    def leave(self, place: Place) -> None:
        """It waits no more, however that came: its loan goes to a request that has none, or is taken back."""
        del self._parked[place]
        self._for_solutions -= bool(place.site)
        self._held -= place.lend
        self._without_loan.pop(place, None)
        if place.lent and self._without_loan:
            heir = next(iter(self._without_loan))
            del self._without_loan[heir]
            heir.lent = True
        elif place.lent:
            self._lent -= 1
            self._widen(-1)
        place.lent = False
        if not self._parked:
            self._watch.stop()
            self._lend_for_queues(0)

    async def sleep(self, seconds: float) -> None:
        """Wait *seconds*.

        Raises:
            Stopping: The crawl began to end meanwhile.
        """
        await self.wait(deferLater(self._reactor, seconds, lambda: None))

    def wait(self, deferred: Deferred[_T]) -> Coroutine[Any, Any, _T]:
        """Wait for *deferred*, which is cancelled when the crawl begins to end. To be awaited at once.

        Raises:
            Stopping: It was cancelled.
        """
        if self.stopping:
            deferred.cancel()
        return self._ended(deferred, self._waits)  # awaited by the caller: each frame less is 0.3 KB for one that waits

    async def _ended(self, deferred: Deferred[_T], waits: set[Deferred[Any]]) -> _T:
        waits.add(deferred)
        try:
            return await maybe_deferred_to_future(deferred)
        except (CancelledError, asyncio.CancelledError):
            if self.stopping:
                raise Stopping from None
            raise  # somebody else's: Scrapy 2.14 cancels downloads that are too large
        finally:
            waits.discard(deferred)

    async def hook(self, outcome: _T | Awaitable[_T]) -> _T:
        """Await what a hook of a site returned. One that never ends does not keep the crawl from its end.

        Raises:
            Stopping: The crawl is ending, and has waited for it a little longer.
        """
        if isinstance(outcome, PLAIN):
            return outcome
        if isinstance(outcome, Deferred):
            deferred: Deferred[_T] = outcome
        elif isawaitable(outcome):
            deferred = deferred_from_coro(_coroutine(outcome))
        else:
            return outcome
        deferred.addErrback(self._cancelled_itself)
        with self.place("", lend=False):
            return await self._ended(deferred, self._hooks)

    def _cancelled_itself(self, failure: Failure) -> Failure:
        """A hook whose own task was cancelled has failed: nobody has cancelled what waits for it."""
        if self.stopping or not isinstance(failure.value, CancelledError | asyncio.CancelledError):
            return failure
        return Failure(RuntimeError("it was cancelled"))  # type: ignore[no-untyped-call]  # Twisted has not typed it

    def check(self) -> None:
        """Called before anything is paid for.

        Raises:
            Stopping: The crawl is ending.
        """
        if self.stopping:
            raise Stopping

    @property
    def _engine(self) -> ExecutionEngine:
        engine = self._crawler.engine
        assert engine is not None  # noqa: S101  # requests wait, so the engine runs
        return engine

    def _lend(self, place: Place) -> bool:
        if self._engine.downloader.total_concurrency <= 0:  # 0 is "no limit"; adding 1 would make it a limit of 1
            return False
        if self._lent >= self._limit:
            self._without_loan[place] = None
            self._log_overflow()
            return False
        self._lent += 1
        self._widen(1)
        return True

    def _widen(self, places: int) -> None:
        self._engine.downloader.total_concurrency += places
        # The engine looks for more work when something finishes, and nothing did.
        if places > 0 and (slot := self._engine._slot) is not None:  # noqa: SLF001
            slot.nextcall.schedule()

    def _lend_for_queues(self, waiting: int) -> None:
        """Lend the places of *waiting* downloads of the plugin's own."""
        if self._engine.downloader.total_concurrency > 0:
            more, self._lent_for_queues = waiting - self._lent_for_queues, waiting
            self._widen(more)

    def _log_overflow(self) -> None:
        if not self._overflow_logged:
            self._overflow_logged = True
            logger.warning(
                "GeeTest: raise GEETEST_MAX_PARKED, or GEETEST_MAX_CONCURRENT_SOLVES, for a faster crawl: %d requests wait for "
                "solutions; each one beyond that keeps its place in CONCURRENT_REQUESTS, so the crawl slows down until "
                "solutions come",
                self._limit,
            )

    def _tick(self) -> None:
        self._on_tick(self)
        slots = self._engine.downloader.slots.values()
        self._lend_for_queues(sum(own_number(request) > 0 for slot in slots for request, _ in slot.queue))
        if self.stopping:
            self._cancel_waits()

    def _cancel_waits(self) -> None:
        now = self._reactor.seconds()
        if self._ending_since is None:
            self._ending_since = now
        # A hook may be about what was paid for already.
        late = list(self._hooks) if now - self._ending_since >= GRACE else []
        for wait in (*self._waits, *late):
            wait.cancel()


async def _coroutine(outcome: Awaitable[_T]) -> _T:
    return await outcome


class Place:
    """One request's place: a context manager that is small, since thousands may be held."""

    __slots__ = ("_parking", "lend", "lent", "site")

    def __init__(self, parking: Parking, site: str, *, lend: bool) -> None:
        self._parking = parking
        self.site = site
        self.lend = lend
        self.lent = False

    def __enter__(self) -> None:
        self._parking.enter(self)

    def __exit__(self, *_: object) -> None:
        self._parking.leave(self)

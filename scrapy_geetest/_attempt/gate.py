"""The gates of a crawl: who opens one, who waits for it, and when it counts as closed again."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred

from scrapy_geetest.exceptions import GeetestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from http.cookiejar import Cookie

    from scrapy import Request

    from scrapy_geetest._attempt.stored_sessions import StoredSession

MAX_GATES = 10_000  # sessions that are remembered; one that was forgotten is opened again when it has to be


class Gate:
    """The gate of one session.

    Attributes:
        openings: How often it was opened. A request that comes back withheld, and was sent when the number was smaller,
            was on its way before the gate opened, and only has to go again.
        failures: How often opening it failed; it counts in the same way.
        failure: What the last opening failed with.
        opener: The request that opens it, if anybody does.
        values: What every request carries from then on, at a site of two steps.
        cookies: Those of the session that opened it: a late answer may put those of another one into the jar.
        is_opening: Whether somebody is opening it.
        is_known: Whether it was asked for among the sessions that other processes opened.
        stored: The open session as other processes see it.
        standing: Of all that, what is noted of each request that is sent. Requests share it, so that nobody changes it.
    """

    __slots__ = (
        "_clock",
        "_max_age",
        "_opened_at",
        "_run",
        "_waiters",
        "cookies",
        "failure",
        "failures",
        "is_known",
        "is_opening",
        "opener",
        "openings",
        "standing",
        "stored",
        "values",
    )

    def __init__(self, max_age: float | None, clock: Callable[[], float], run: str = "") -> None:
        self._max_age = max_age
        self._clock = clock
        self._run = run
        self._opened_at: float | None = None
        self._waiters: list[Deferred[None]] = []
        self.is_opening = False
        self.openings = 0
        self.failures = 0
        self.failure: BaseException | None = None
        self.opener: Request | None = None
        self.cookies: Sequence[Cookie] = ()
        self.values: Mapping[str, str] = {}
        self.is_known = False
        self.stored: StoredSession | None = None
        self._stands()

    @property
    def is_open(self) -> bool:
        """Whether the session got through and, for all that is known, still does."""
        if self._opened_at is None:
            return False
        return self._max_age is None or self._clock() - self._opened_at < self._max_age

    def wait(self) -> Deferred[None]:
        """Fires when nobody opens the gate any more; fails with what the opening failed with."""
        assert self.is_opening  # noqa: S101  # asked for only then
        waiter: Deferred[None] = Deferred()
        self._waiters.append(waiter)
        return waiter

    def begin(self, opener: Request | None = None) -> None:
        """Somebody opens it; everybody else waits."""
        self.opener = opener
        self._opened_at = None
        self.is_opening = True

    def succeed(self, cookies: Sequence[Cookie] = (), values: Mapping[str, str] | None = None) -> None:
        """It is open for whoever has *cookies* and carries *values*."""
        self.cookies, self.values = cookies, values or {}
        self.openings += 1
        self._stands()
        self._opened_at = self._clock()
        for waiter in self._dismiss():
            waiter.callback(None)

    def adopt(self, stored: StoredSession) -> None:
        """Another process has opened it."""
        self.is_known, self.stored = True, stored
        self.succeed(stored.cookies, stored.values)
        self._opened_at = self._clock() - stored.age

    def leave_closed(self) -> None:
        """It is not opened now: those who wait see for themselves."""
        for waiter in self._dismiss():
            waiter.callback(None)

    def fail(self, error: BaseException) -> None:
        """It could not be opened. An opener that was cancelled says nothing of it: those who wait see for themselves."""
        if isinstance(error, CancelledError | asyncio.CancelledError):
            self.leave_closed()
            return
        self.failures += 1
        self._stands()
        # Kept for as long as the gate is known: without the page, and without the frames that hold it.
        slim = error.for_request(error.request, None, str(error)) if isinstance(error, GeetestError) else error
        self.failure = slim
        for waiter in self._dismiss():
            waiter.errback(error)

    def _stands(self) -> None:
        self.standing: Mapping[str, Any] = {"run": self._run, "openings": self.openings, "failures": self.failures}

    def _dismiss(self) -> list[Deferred[None]]:
        self.opener, self.is_opening = None, False
        waiters, self._waiters = self._waiters, []
        return [waiter for waiter in waiters if not waiter.called]  # a cancelled one was called


class GateRegistry:
    """All gates of a crawl, by site and session.

    Attributes:
        run: Tells this process from others that share a queue of requests.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.run = token_hex(4)
        self._gates: OrderedDict[tuple[str, str], Gate] = OrderedDict()

    def get(self, site: str, session: str) -> Gate | None:
        """The gate of a session; ``None``: nobody has met it yet."""
        return self._gates.get((site, session))

    def make(self, site: str, session: str, max_age: float | None) -> Gate:
        """The gate of a session, made if nobody has met it yet."""
        key = site, session
        gate = self._gates.get(key)
        if gate is None:
            self._forget()
            gate = self._gates[key] = Gate(max_age, self._clock, self.run)
        self._gates.move_to_end(key)
        return gate

    def _forget(self) -> None:
        """Make room for one more: drop the session that was unused for longest, never one that is being opened.

        Two are looked at for each that is made, so that many that are being opened cost no search each time. What they kept
        from being dropped goes later.
        """
        for _ in range(2):
            if len(self._gates) < MAX_GATES:
                return
            oldest = next(iter(self._gates))
            if self._gates[oldest].is_opening:
                self._gates.move_to_end(oldest)
            else:
                del self._gates[oldest]

"""One solve for all requests of a session: who opens a gate, who waits for it, and when it counts as closed again."""

from __future__ import annotations

from collections import OrderedDict
from secrets import token_hex
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from scrapy_geetest._hooks import resolve
from scrapy_geetest.exceptions import GeetestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy import Request

    from scrapy_geetest._attempt.context import Visit

MAX_GATES = 10_000  # sessions that are remembered; one that was forgotten is opened again when it has to be


class Gate:
    """The gate of one session.

    Attributes:
        openings: How often it was opened. A request notes the number when it is sent: one that comes back withheld
            and was sent under a smaller number was on its way before the gate opened, and only has to go again.
        failures: How often opening it failed; noted by requests in the same way.
        failure: What the last opening failed with.
        proven: The latest opening of which it is known that it let a page through that had been withheld.
    """

    def __init__(self, max_age: float | None, clock: Callable[[], float]) -> None:
        self._max_age = max_age
        self._clock = clock
        self._opened_at: float | None = None
        self._waiters: list[Deferred[None]] | None = None  # None: nobody is opening it
        self.openings = 0
        self.failures = 0
        self.failure: BaseException | None = None
        self.proven = 0

    @property
    def is_open(self) -> bool:
        """Whether the session got through and, for all that is known, still does."""
        if self._opened_at is None:
            return False
        return self._max_age is None or self._clock() - self._opened_at < self._max_age

    @property
    def is_opening(self) -> bool:
        """Whether somebody is opening it."""
        return self._waiters is not None

    def wait(self) -> Deferred[None]:
        """Fires when the gate is open; fails with what the opening failed with."""
        assert self._waiters is not None  # noqa: S101  # asked for only while somebody opens it
        waiter: Deferred[None] = Deferred()
        self._waiters.append(waiter)
        return waiter

    def begin(self) -> None:
        """Somebody opens it; everybody else waits."""
        self._opened_at = None
        self._waiters = []

    def succeed(self) -> None:
        """It is open."""
        self.openings += 1
        self._opened_at = self._clock()
        for waiter in self._dismiss():
            waiter.callback(None)

    def fail(self, error: BaseException) -> None:
        """It could not be opened."""
        self.failures += 1
        self.failure = error
        for waiter in self._dismiss():
            waiter.errback(error)

    def _dismiss(self) -> list[Deferred[None]]:
        waiters, self._waiters = self._waiters or [], None
        return [waiter for waiter in waiters if not waiter.called]  # a cancelled one was called


class Gates:
    """All gates of a crawl, by site and session.

    Attributes:
        name: Tells the gates of this process from those of another one that shares the queue, or came before.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.name = token_hex(4)
        self._clock = clock
        self._gates: OrderedDict[tuple[str, str], Gate] = OrderedDict()

    async def of(self, visit: Visit, request: Request) -> Gate:
        """The gate that *request* has to pass.

        Raises:
            GeetestError: The site's hook ``session_key`` failed.
        """
        site = visit.site
        try:
            session = await resolve(site.session_key(request))
            if not isinstance(session, str):
                raise TypeError(f"it returned {type(session).__name__}, not a str")  # noqa: TRY301
        except Exception as error:
            raise GeetestError(
                f"session_key of site {site.name} failed on {request}: {type(error).__name__}: {error}", **visit.parts
            ) from error
        key = site.name, session
        gate = self._gates.get(key)
        if gate is None:
            gate = self._gates[key] = Gate(site.gate_max_age, self._clock)
            self._forget()
        self._gates.move_to_end(key)
        return gate

    def _forget(self) -> None:
        """Drop the sessions that were unused for longest; never one that somebody waits for."""
        excess = len(self._gates) - MAX_GATES
        idle = (key for key, gate in self._gates.items() if not gate.is_opening)
        for key in [key for key, _ in zip(idle, range(excess), strict=False)]:
            del self._gates[key]

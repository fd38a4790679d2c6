"""Whether a service can be asked at this moment: one back-off for all calls, and one of them at a time that tries."""

from __future__ import annotations

import logging
import random
from enum import Enum
from typing import TYPE_CHECKING

from attrs import define

from scrapy_geetest._services.errors import ANSWER_LOST, BUSY, NOT_SENT, Reaction, ServiceError
from scrapy_geetest._words import clause

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)

CREATE, POLL = "createTask", "getTaskResult"

_FIRST, _LONGEST_AWAY, _LONGEST_BUSY = 1.0, 5.0, 10.0  # seconds between two tries
_LOOK_AGAIN = 0.25, 1.0  # seconds after which a waiting call asks whether it may go on
_QUIET = 30.0  # seconds without a try, which are more than there are between two tries as long as somebody waits
_OPEN = 64  # calls at once after which nothing is held back any more


class Step(Enum):
    """What a call that wants to be made does next."""

    GO = "make the call"
    PROBE = "ask for the balance first, to see whether the service answers"


@define
class Availability:
    """What is known of a service's state, from the answers to all calls.

    Away: it cannot be reached, or something before it answers. No call is made until a probe, a single getBalance at a time,
    is answered by the service itself. Busy: it answers, and takes no task. One createTask at a time tries; after the first
    that is taken, twice as many at a time.

    Args:
        limit: Seconds of trouble after which it is final for those who wait. One call at a time goes on trying.
        clock: Monotonic seconds.
        uniform: ``random.uniform``, or what stands in for it.
        name: What it is called in the log.
    """

    limit: float
    clock: Callable[[], float]
    uniform: Callable[[float, float], float] = random.uniform
    name: str = "the solving service"
    _error: ServiceError | None = None
    _since: float | None = None  # the beginning of the trouble
    _away_since: float | None = None
    _failures: int = 0
    _noted: float = -1.0  # when a failure was last counted
    _failed_at: float = 0.0  # when one was last seen
    _next_try: float = 0.0
    _probing: bool = False
    _window: int | None = None  # most createTask at once; None: no limit
    _creating: int = 0
    _creation_fails: bool = False
    _warned: bool = False
    _suspect: bool = False  # a poll was lost, and nothing was heard since

    @property
    def trouble(self) -> str:
        """What calls wait for, in words for a log line; empty if they do not wait."""
        if self._error is None or self._since is None or self._is_quiet:
            return ""
        state = "cannot be reached" if self._away_since is not None else "takes no task"
        return f"{self.name} {state} since {self.clock() - self._since:.0f} s ({self._error})"

    def next_step(self, method: str) -> Step | float:
        """What a call does that wants to be made: a step, or seconds to wait before asking again.

        Raises:
            ServiceError: The trouble lasts too long.
        """
        now = self.clock()
        if self._is_quiet:
            self._forget_duration(now)
        is_held = method == CREATE and self._window is not None and self._creating >= self._window
        if self._away_since is None and (method != CREATE or self._window is None):
            return Step.GO
        if now >= self._next_try and not self._probing:
            if self._away_since is not None:
                self._probing = True
                return Step.PROBE
            if not is_held:
                return Step.GO
        # A call that is under way may tell that the trouble is over.
        is_tried = self._probing or (method == CREATE and self._creating > 0)
        if self._error is not None and self._since is not None and now - self._since > self.limit and not is_tried:
            raise self._final(now - self._since)
        shortest, longest = _LOOK_AGAIN
        return min(longest, max(shortest, self._next_try - now)) * self.uniform(0.8, 1.2)

    async def admit(
        self,
        method: str,
        *,
        probe: Callable[[], Awaitable[None]],
        sleep: Callable[[float], Awaitable[object]],
        is_exempt: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Wait until a call may be made. One of those that wait probes, for all.

        Args:
            method: Which call.
            probe: Makes one, and tells how it ended.
            sleep: Waits for so many seconds.
            is_exempt: Whether it is made whatever is known; asked before each look, and may raise.

        Returns:
            Whether it took any waiting.

        Raises:
            ServiceError: The trouble lasts too long.
        """
        has_waited = False
        while True:
            step = Step.GO if is_exempt() else self.next_step(method)
            if step is Step.GO:
                return has_waited
            has_waited = True
            if step is Step.PROBE:
                await probe()
            else:
                await sleep(step)

    def begin(self, method: str) -> float:
        """A call is made. Returns when, for ``succeeded`` and ``failed``."""
        self._creating += method == CREATE
        return self.clock()

    def end(self, method: str) -> None:
        """A call has ended, whatever it came to."""
        self._creating -= method == CREATE

    def succeeded(self, method: str) -> None:
        """The service itself has answered a call, and took it."""
        self._suspect = False
        if method == CREATE:
            self._creation_fails = False
            self._failures = 0
            if self._window is not None:
                self._window += 1
                self._window = None if self._window >= _OPEN else self._window
        if self._away_since is None and not self._creation_fails:
            self._error = self._since = None

    def failed(self, method: str, error: ServiceError, began: float) -> None:
        """A call was not taken, or its answer was lost.

        Args:
            method: Which call.
            error: What it came to.
            began: When it was made: many that were under way together count once.
        """
        is_busy = error.code in BUSY
        if is_busy and method != CREATE:
            return  # a task is asked for again at its own pace
        if error.code == ANSWER_LOST and method == POLL and not self._suspect:
            self._suspect = True  # one lost poll is no outage
            return
        now = self._failed_at = self.clock()
        self._error, self._window = error, 1
        self._since = now if self._since is None else self._since
        self._creation_fails |= method == CREATE
        if not is_busy and self._away_since is None:
            self._away_since = now
            logger.info("GeeTest: %s cannot be reached, and calls wait: %s", self.name, error)
        if began >= self._noted:
            self._back_off(now, is_busy=is_busy)

    def probed(self, error: ServiceError | None, began: float) -> None:
        """The probe has ended: with no error if the service itself has answered."""
        self._probing = False
        now = self.clock()
        if error is not None:
            self._error, self._failed_at = error, now
            if not self._warned:
                self._warned = True
                logger.warning(
                    "GeeTest: %s: %s cannot be reached, and calls wait until it answers: %s",
                    *(clause(error.advice), self.name, error),
                )
            self._back_off(now, is_busy=False)
        elif self._away_since is not None:
            logger.info("GeeTest: %s answers again after %.1f s", self.name, began - self._away_since)
            self._away_since = None
            self._suspect = self._warned = False
            if not self._creation_fails:
                self._error = self._since = None
                self._failures = 0

    def give_up_probe(self) -> None:
        """The probe was not made to its end: another call may make one."""
        self._probing = False

    @property
    def _is_quiet(self) -> bool:
        """Whether nobody has tried for so long that the trouble may have ended at any time since."""
        is_tried = self._probing or self._creating > 0
        return self._error is not None and not is_tried and self.clock() - self._failed_at > _QUIET

    def _forget_duration(self, now: float) -> None:
        self._since = now
        self._failures = 0
        if self._away_since is not None:
            self._away_since = now

    def _back_off(self, now: float, *, is_busy: bool) -> None:
        self._failures += 1
        self._noted = now
        # The first probe is made at once: a single lost call is the most frequent outage.
        doubled = self._failures - 1 if is_busy else self._failures - 2
        seconds = 0.0 if doubled < 0 else _FIRST * 2 ** min(doubled, 10)
        self._next_try = now + min(seconds, _LONGEST_BUSY if is_busy else _LONGEST_AWAY) * self.uniform(1.0, 1.3)

    def _final(self, seconds: float) -> ServiceError:
        assert self._error is not None  # noqa: S101 - the trouble has an error
        code = NOT_SENT if self._error.code == ANSWER_LOST else self._error.code
        told = f"{self._error.description}; no call was taken for {seconds:.0f} s".removeprefix("; ")
        return ServiceError(code, told, sent=False, reaction=Reaction.SAME_CALL_LATER, advice=self._error.advice)

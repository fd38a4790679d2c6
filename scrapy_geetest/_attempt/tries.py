"""How often one request may be tried, counted at one place."""

from __future__ import annotations

import time
from types import MappingProxyType
from typing import TYPE_CHECKING

from scrapy_geetest._attempt.challenges import no_challenge
from scrapy_geetest._attempt.refusals import REFUSAL_CURE
from scrapy_geetest._words import sentence
from scrapy_geetest.exceptions import SolutionRejected

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from scrapy_geetest._attempt.challenges import NotYetError
    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._services.errors import ServiceError
    from scrapy_geetest.settings import Config

CHALLENGE_TRIES = 3  # of a site that says it will be better later; costs requests, no money
CHALLENGE_PAUSE = 2.0  # seconds between them
SHORTEST_PAUSE = 0.05  # seconds; a hook may say "at once" again and again
_NONE: Mapping[str, str] = MappingProxyType({})  # one for all: thousands may wait


class TakenOverError(Exception):
    """Another process goes on with what this one was about: it stood still for so long that it was taken for dead."""


class Tries:
    """The tries of one request.

    Attributes:
        bought: Solutions asked for so far.
        failures: What the service said of those that came to nothing.
        is_counted: Whether the budgets by time have counted the next one: a site may say "later" many times before it.
        is_taken_over: Whether another process has the task that was created last.
        refusal: How the site refused the last one.
        refusal_cure: What the project can do about that.
        since: When the first one began, in monotonic seconds.
        values: What the verification of a two-step site gave for the one that was taken.
    """

    __slots__ = (
        *("_limit", "_patience", "_unready", "bought", "failures", "is_counted", "is_taken_over"),
        *("refusal", "refusal_cure", "since"),
        "values",
    )

    def __init__(self, config: Config) -> None:
        self._limit = config.max_attempts
        self._patience = config.solve_timeout
        self.since = time.monotonic()
        self._unready = 0
        self.bought = 0
        self.is_counted = False
        self.is_taken_over = False
        self.failures: tuple[ServiceError, ...] = ()
        self.refusal = ""
        self.refusal_cure = REFUSAL_CURE
        self.values: Mapping[str, str] = _NONE

    @property
    def failed_at(self) -> frozenset[str]:
        """The services where a task for this request came to nothing."""
        return frozenset(error.service for error in self.failures if not error.took_nothing)

    @property
    def are_left(self) -> bool:
        """Whether another solution may be bought."""
        return self.bought < self._limit

    def check(self, context: Context) -> None:
        """Called before a solution is bought.

        Raises:
            SolutionRejected: As many as are allowed were bought.
        """
        if not self.are_left:
            bought = "1 solution was" if self.bought == 1 else f"{self.bought} solutions were"
            raise SolutionRejected(
                f"{sentence(self.refusal_cure)}: {bought} bought for {context} (GEETEST_MAX_ATTEMPTS), and none was accepted: "
                f"{self.refusal or 'they came to nothing'}",
                **context.parts,
            )

    async def pause(self, context: Context, error: NotYetError, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Wait until the site may have a challenge.

        Raises:
            ChallengeError: It has said "later" too often, or for too long.
            Stopping: The crawl is ending.
        """
        seconds = CHALLENGE_PAUSE if error.retry_after is None else max(SHORTEST_PAUSE, error.retry_after)
        self._unready += 1
        waited = time.monotonic() - self.since + seconds
        is_over = self._unready >= CHALLENGE_TRIES if error.is_bounded else waited > self._patience
        if is_over:
            limit = "" if error.is_bounded else f" (waited for up to GEETEST_SOLVE_TIMEOUT = {self._patience:g} s)"
            raise no_challenge(context, f"{error.why}{limit}", error.cure) from error
        context.let_page_go()
        await sleep(seconds)

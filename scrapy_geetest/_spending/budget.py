"""What may be spent: a number of tasks for the crawl, budgets by time, and a breaker for sites where it is wasted."""

from __future__ import annotations

import logging
import time
from functools import partial
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

from attrs import define, frozen
from twisted.internet.threads import deferToThread

from scrapy_geetest.exceptions import BudgetExhausted, CircuitOpen

if TYPE_CHECKING:
    from collections.abc import Callable

    from limits import RateLimitItem
    from limits.strategies import RateLimiter

    from scrapy_geetest._attempt.context import Visit
    from scrapy_geetest._crawl.parking import Parking
    from scrapy_geetest.settings import Config
    from scrapy_geetest.stats import Stats

logger = logging.getLogger(__name__)

NAMESPACE = "scrapy-geetest"
STORAGE_TIMEOUT = 5  # seconds for one question to a storage on another machine
# Seconds for which a storage that failed is not asked again: questions wait in threads, which resolve names as well.
STORAGE_PAUSE = 30


@frozen
class _Allowance:
    """One budget: how many tasks in how long, and for whom it is counted."""

    setting: str
    limit: RateLimitItem
    per_site: bool

    def identifiers(self, visit: Visit) -> tuple[str, ...]:
        return (NAMESPACE, "site", visit.site.name) if self.per_site else (NAMESPACE, "all")


class Budget:
    """Counts tasks before they are created.

    Args:
        config: ``max_solves``, ``budget``, ``site_budget`` and ``storage_uri``.
        parking: Waits for a storage that is not in memory; questions to it run in a thread.
        stats: Where refusals are counted.

    Raises:
        ValueError: The storage of the budgets cannot be reached.
    """

    def __init__(self, config: Config, *, parking: Parking, stats: Stats) -> None:
        self._max_solves = config.max_solves
        self._parking = parking
        self._stats = stats
        self._spent = 0
        self._allowances = [
            _Allowance(setting, limit, per_site)
            for setting, limits, per_site in (
                ("GEETEST_SITE_BUDGET", config.site_budget, True),
                ("GEETEST_BUDGET", config.budget, False),
            )
            for limit in limits
        ]
        self._in_memory = config.storage_uri.startswith("memory:")
        # A storage that was named is looked at even if no budget needs it: a slip in it should show now.
        needed = self._allowances or not self._in_memory
        self._limiter = _limiter(config.storage_uri) if needed else None
        self._failure: Exception | None = None
        self._failed_until = 0.0

    async def spend(self, visit: Visit) -> None:
        """Count one task.

        What was counted is not given back if no task comes of it: budgets err on the side of spending less.

        Raises:
            BudgetExhausted: It would be one too many; nothing was counted.
            Stopping: The crawl is ending.
        """
        if 0 < self._max_solves <= self._spent:
            self._refuse(visit, f"GEETEST_MAX_SOLVES = {self._max_solves} is used up")
        self._spent += 1  # at once: others come while the storage is asked
        try:
            await self._ask(visit)
        except BaseException:
            self._spent -= 1
            raise

    async def _ask(self, visit: Visit) -> None:
        if self._limiter is None:
            return
        hit = partial(self._hit, self._limiter, visit)
        try:
            exhausted = hit() if self._in_memory else await self._parking.wait(deferToThread(hit))
        except _storage_errors() as error:
            self._refuse(visit, f"the storage of the budgets (GEETEST_STORAGE_URI) fails: {type(error).__name__}")
        if exhausted is not None:
            self._refuse(visit, f"{exhausted.setting} = {exhausted.limit} is used up")

    def _hit(self, limiter: RateLimiter, visit: Visit) -> _Allowance | None:
        if self._failure is not None and time.monotonic() < self._failed_until:
            raise self._failure
        try:
            return _hit(limiter, self._allowances, visit)
        except _storage_errors() as error:
            self._failure, self._failed_until = error, time.monotonic() + STORAGE_PAUSE
            raise

    def _refuse(self, visit: Visit, reason: str) -> None:
        self._stats.count("budget_refused")
        raise BudgetExhausted(f"No solution is bought for {visit}: {reason}", **visit.parts)


def _hit(limiter: RateLimiter, allowances: list[_Allowance], visit: Visit) -> _Allowance | None:
    """Count one task in every budget; returns the first that is used up, where one is."""
    for allowance in allowances:  # first look, so that a refusal by one costs the others nothing
        if not limiter.test(allowance.limit, *allowance.identifiers(visit)):
            return allowance
    for allowance in allowances:  # another crawl may have come in between, so this alone decides
        if not limiter.hit(allowance.limit, *allowance.identifiers(visit)):
            return allowance
    return None


def _limiter(uri: str) -> RateLimiter:
    from limits.errors import ConfigurationError
    from limits.storage import storage_from_string
    from limits.strategies import MovingWindowRateLimiter

    timeouts = {"socket_timeout": STORAGE_TIMEOUT, "socket_connect_timeout": STORAGE_TIMEOUT} if "redis" in uri else {}
    try:
        storage: Any = storage_from_string(uri, **timeouts)
        reached = storage.check()
    except ConfigurationError:
        raise ValueError(
            "The storage of GEETEST_STORAGE_URI cannot be used: there is no such kind of storage, or its package is missing "
            "(for redis://: pip install 'scrapy-geetest[redis]')."
        ) from None
    except Exception as error:  # noqa: BLE001  # whatever a storage raises, the crawl cannot start with it
        # The URI may hold a password, and so may the words of an error about it.
        raise ValueError(f"The storage of GEETEST_STORAGE_URI cannot be used: {type(error).__name__}") from None
    if not reached:
        raise ValueError("The storage of GEETEST_STORAGE_URI cannot be reached; is it running?")
    return MovingWindowRateLimiter(storage)


def _storage_errors() -> tuple[type[Exception], ...]:
    from limits.errors import StorageError

    errors: list[type[Exception]] = [StorageError, OSError]
    try:
        from redis.exceptions import RedisError
    except ImportError:
        return tuple(errors)
    return (*errors, RedisError)


@define
class _Circuit:
    """What the breaker knows of one site."""

    failures: int = 0
    open_until: float = 0.0
    reason: str = ""

    @property
    def is_blocked(self) -> bool:
        """Whether it is open for the rest of the crawl."""
        return self.open_until == inf


class Breaker:
    """Buys nothing for a site after too many failures in a row.

    When its time is over, one purchase is let through to see whether the site is well again; the others still wait.

    Args:
        failures: How many failures in a row open the circuit; 0: it never opens.
        seconds: For how long.
        stats: Where refusals are counted.
        clock: Monotonic seconds.
    """

    def __init__(
        self, *, failures: int, seconds: float, stats: Stats, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = failures
        self._seconds = seconds
        self._stats = stats
        self._clock = clock
        self._circuits: dict[str, _Circuit] = {}

    def check(self, visit: Visit) -> None:
        """Called before anything is bought.

        Raises:
            CircuitOpen: Nothing is bought for this site at present.
        """
        circuit = self._of(visit)
        left = circuit.open_until - self._clock()
        if left > 0:
            self._stats.count("budget_refused")
            again = f"the next try is in {left:.0f} s" if isfinite(left) else "there will be no other try in this crawl"
            raise CircuitOpen(f"No solution is bought for {visit}: {circuit.reason}; {again}", **visit.parts)
        if circuit.open_until:
            circuit.open_until = self._clock() + self._seconds  # for the others: this one finds out how things are

    def succeeded(self, visit: Visit) -> None:
        """The site accepted a solution."""
        if not self._of(visit).is_blocked:
            del self._circuits[visit.site.name]

    def failed(self, visit: Visit) -> None:
        """What was bought for the site, or what was to be bought, came to nothing."""
        circuit = self._of(visit)
        if circuit.is_blocked:
            return
        circuit.failures += 1
        if 0 < self._limit <= circuit.failures:
            self._open(
                visit, circuit, f"{circuit.failures} failures in a row (GEETEST_BREAKER_FAILURES)", self._seconds
            )

    def block(self, visit: Visit, reason: str) -> None:
        """Buy nothing more for the site in this crawl."""
        self._open(visit, self._of(visit), reason, inf)

    def _open(self, visit: Visit, circuit: _Circuit, reason: str, seconds: float) -> None:
        is_news = circuit.open_until <= self._clock()
        circuit.open_until = self._clock() + seconds
        circuit.reason = f"site {visit.site.name}: {reason}"
        if is_news:
            duration = f"for {seconds:g} s" if isfinite(seconds) else "for the rest of the crawl"
            logger.warning("GeeTest: nothing more is bought %s: %s", duration, circuit.reason)

    def _of(self, visit: Visit) -> _Circuit:
        return self._circuits.setdefault(visit.site.name, _Circuit())

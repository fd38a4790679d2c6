"""What may be spent: a number of tasks for the crawl, and budgets by time."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import frozen
from twisted.internet.threads import deferToThread

from scrapy_geetest.exceptions import BudgetExhausted

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.strategies import RateLimiter

    from scrapy_geetest._attempt.context import Context
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

    def identifiers(self, context: Context) -> tuple[str, ...]:
        return (NAMESPACE, "site", context.site.name) if self.per_site else (NAMESPACE, "all")


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

    async def spend(self, context: Context, *, is_counted: bool = False) -> None:
        """Count one task.

        What the budgets by time counted is not given back if no task comes of it: they err on the side of spending less.

        Args:
            context: For whom.
            is_counted: Whether the budgets by time have counted this one before, and no task came of it.

        Raises:
            BudgetExhausted: It would be one too many; nothing was counted.
            Stopping: The crawl is ending.
        """
        if 0 < self._max_solves <= self._spent:
            self._refuse(context, f"GEETEST_MAX_SOLVES = {self._max_solves} is used up")
        self._spent += 1  # at once: others come while the storage is asked
        try:
            if not is_counted:
                await self._ask(context)
        except BaseException:
            self._spent -= 1
            raise

    def give_back(self) -> None:
        """No task came of what was counted last: it leaves room under ``GEETEST_MAX_SOLVES``."""
        self._spent -= 1

    async def _ask(self, context: Context) -> None:
        if self._limiter is None:
            return
        hit = partial(self._hit, self._limiter, context)
        try:
            exhausted = hit() if self._in_memory else await self._parking.wait(deferToThread(hit))
        except _storage_errors() as error:
            self._refuse(context, f"the storage of the budgets (GEETEST_STORAGE_URI) fails: {type(error).__name__}")
        if exhausted is not None:
            self._refuse(context, f"{exhausted.setting} = {exhausted.limit} is used up")

    def _hit(self, limiter: RateLimiter, context: Context) -> _Allowance | None:
        if self._failure is not None and time.monotonic() < self._failed_until:
            raise self._failure
        try:
            return _hit(limiter, self._allowances, context)
        except _storage_errors() as error:
            self._failure, self._failed_until = error, time.monotonic() + STORAGE_PAUSE
            raise

    def _refuse(self, context: Context, reason: str) -> None:
        self._stats.count("budget_refused")
        raise BudgetExhausted(f"No solution is bought for {context}: {reason}", **context.parts)


def _hit(limiter: RateLimiter, allowances: list[_Allowance], context: Context) -> _Allowance | None:
    """Count one task in every budget; returns the first that is used up, where one is."""
    for allowance in allowances:  # first look, so that a refusal by one costs the others nothing
        if not limiter.test(allowance.limit, *allowance.identifiers(context)):
            return allowance
    for allowance in allowances:  # another crawl may have come in between, so this alone decides
        if not limiter.hit(allowance.limit, *allowance.identifiers(context)):
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

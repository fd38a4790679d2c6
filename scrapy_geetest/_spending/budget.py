"""What may be spent: a number of tasks for the crawl, and budgets by time."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NoReturn

from attrs import define, field, frozen

from scrapy_geetest._spending.storage import Storage, StorageFailedError
from scrapy_geetest.exceptions import BudgetExhausted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limits import RateLimitItem
    from limits.strategies import RateLimiter

    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._crawl.parking import Parking
    from scrapy_geetest.settings import Config
    from scrapy_geetest.stats import Stats

NAMESPACE = "scrapy-geetest"
STORAGE_TIMEOUT = 5  # seconds for one question to a storage on another machine
STORAGE_OUTAGE = 3.0
"""How many times the time for one solution a storage may be away before that is final."""


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
        in_memory = config.storage_uri.startswith("memory:")
        # A storage that was named is looked at even if no budget needs it: a mistake in it should show now.
        needed = self._allowances or not in_memory
        self._limiter = _limiter(config.storage_uri) if needed else None
        self._storage: Storage | None = None
        if self._limiter is not None and not in_memory:
            limit = STORAGE_OUTAGE * config.solve_timeout
            self._storage = Storage(check=self._limiter.storage.check, limit=limit, parking=parking)

    @property
    def trouble(self) -> str:
        """What purchases wait for, in words for a progress line; empty if they do not wait."""
        return self._storage.trouble if self._storage is not None else ""

    async def ready(self, context: Context) -> bool:
        """Wait until the storage can be asked: called before a page is fetched whose challenge would grow old otherwise.

        Returns:
            Whether it took any waiting.

        Raises:
            BudgetExhausted: It could not be asked for too long.
            Stopping: The crawl is ending.
        """
        if self._storage is None or not self._allowances:
            return False
        try:
            return await self._storage.ready()
        except StorageFailedError as error:
            self._fail(context, error)

    async def spend(self, context: Context, *, is_counted: bool = False) -> bool:
        """Count one task.

        What the budgets by time counted is not given back if no task comes of it: they err on the side of spending less.

        Args:
            context: For whom.
            is_counted: Whether the budgets by time have counted this one before, and no task came of it.

        Returns:
            Whether it took any waiting for a storage that was away.

        Raises:
            BudgetExhausted: It would be one too many, and nothing was counted; or the storage was away for too long.
            Stopping: The crawl is ending.
        """
        if 0 < self._max_solves <= self._spent:
            self._refuse(context, f"GEETEST_MAX_SOLVES = {self._max_solves} is used up")
        self._spent += 1  # at once: others come while the storage is asked
        try:
            return False if is_counted else await self._ask(context)
        except BaseException:
            self._spent -= 1
            raise

    def give_back(self) -> None:
        """No task came of what was counted last: it leaves room under ``GEETEST_MAX_SOLVES``."""
        self._spent -= 1

    async def _ask(self, context: Context) -> bool:
        if self._limiter is None or not self._allowances:
            return False
        hit = _Hit(self._limiter, self._allowances, context)
        try:
            exhausted, has_waited = (hit(), False) if self._storage is None else await self._storage.ask(hit)
        except StorageFailedError as error:
            self._fail(context, error)
        if exhausted is not None:
            self._refuse(context, f"{exhausted.setting} = {exhausted.limit} is used up")
        return has_waited

    def _fail(self, context: Context, error: StorageFailedError) -> NoReturn:
        self._refuse(context, f"the storage of the budgets (GEETEST_STORAGE_URI) fails: {error}")

    def _refuse(self, context: Context, reason: str) -> NoReturn:
        self._stats.count("budget_refused")
        raise BudgetExhausted(f"No solution is bought for {context}: {reason}", **context.parts)


@define(eq=False)
class _Hit:
    """Counts one task in every budget; returns the first that is used up, where one is.

    It may be called again after a storage was away. What may have been counted by then is not counted again, and has to
    leave room for one more: the last task of a budget may be refused, and no budget is used up by tasks that are counted twice.
    """

    _limiter: RateLimiter
    _allowances: Sequence[_Allowance]
    _context: Context
    _asked: set[_Allowance] = field(factory=set)

    def __call__(self) -> _Allowance | None:
        for allowance in self._allowances:  # first look, so that a refusal by one costs the others nothing
            if not self._limiter.test(allowance.limit, *allowance.identifiers(self._context)):
                return allowance
        for allowance in self._allowances:  # another crawl may have come in between, so this alone decides
            if allowance in self._asked:
                continue
            self._asked.add(allowance)  # before: the answer may be lost
            if not self._limiter.hit(allowance.limit, *allowance.identifiers(self._context)):
                return allowance
        return None


def _limiter(uri: str) -> RateLimiter:
    from limits.errors import ConfigurationError
    from limits.storage import storage_from_string
    from limits.strategies import MovingWindowRateLimiter

    try:
        storage: Any = storage_from_string(uri, **_options(uri))
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


def _options(uri: str) -> dict[str, Any]:
    """Bounds for the thread that asks; no call is repeated behind its back, since it may have been counted."""
    if "redis" not in uri.partition(":")[0]:
        return {}
    options: dict[str, Any] = {"socket_timeout": STORAGE_TIMEOUT, "socket_connect_timeout": STORAGE_TIMEOUT}
    if uri.startswith(("redis://", "rediss://", "redis+unix://")) and find_spec("redis") is not None:
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        options["retry"] = Retry(NoBackoff(), 0)
    return options

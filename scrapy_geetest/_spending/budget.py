"""What may be spent: a number of tasks for the crawl, and budgets by time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from attrs import define, field, frozen

from scrapy_geetest._storage.protocol import StorageFailedError
from scrapy_geetest._words import sentence
from scrapy_geetest.exceptions import BudgetExhausted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limits import RateLimitItem
    from limits.strategies import RateLimiter

    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._storage.opening import Opened
    from scrapy_geetest.settings import Config
    from scrapy_geetest.stats import Stats

NAMESPACE = "scrapy-geetest"


@frozen
class _Allowance:
    """One budget: how many tasks in how long, and for whom it is counted."""

    setting: str
    limit: RateLimitItem
    per_site: bool

    def identifiers(self, context: Context) -> tuple[str, ...]:
        return (NAMESPACE, "site", context.site.shared_name) if self.per_site else (NAMESPACE, "all")


class Budget:
    """Counts tasks before they are created.

    Args:
        config: ``max_solves``, ``budget`` and ``site_budget``.
        storage: Where the budgets by time are counted.
        stats: Where refusals are counted.
    """

    def __init__(self, config: Config, *, storage: Opened, stats: Stats) -> None:
        self._max_solves = config.max_solves
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
        self._limiter = _limiter(storage) if self._allowances else None
        self._patience = storage.patience

    async def ready(self, context: Context) -> bool:
        """Wait until the storage can be asked: called before a page is fetched whose challenge would grow old otherwise.

        Returns:
            Whether it took any waiting.

        Raises:
            BudgetExhausted: It could not be asked for too long.
            Stopping: The crawl is ending.
        """
        if self._patience is None or self._limiter is None:
            return False
        try:
            return await self._patience.ready()
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
            self._refuse(context, f"GEETEST_MAX_SOLVES = {self._max_solves} is used up", "raise GEETEST_MAX_SOLVES")
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
        if self._limiter is None:
            return False
        hit = _Hit(self._limiter, self._allowances, context)
        try:
            exhausted, has_waited = (hit(), False) if self._patience is None else await self._patience.ask(hit)
        except StorageFailedError as error:
            self._fail(context, error)
        if exhausted is not None:
            reason = f"{exhausted.setting} = {exhausted.limit} is used up"
            self._refuse(context, reason, f"wait, or raise {exhausted.setting}")
        return has_waited

    def _fail(self, context: Context, error: StorageFailedError) -> NoReturn:
        self._refuse(context, f"the storage of the budgets fails: {error}", "check the storage (GEETEST_STORAGE_URI)")

    def _refuse(self, context: Context, reason: str, cure: str) -> NoReturn:
        self._stats.count("budget_refused")
        raise BudgetExhausted(f"{sentence(cure)}. No solution is bought for {context}: {reason}", **context.parts)


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


def _limiter(storage: Opened) -> RateLimiter:
    from limits.strategies import MovingWindowRateLimiter

    return MovingWindowRateLimiter(storage.windows())

"""Ready Spidermon monitors (extra ``[spidermon]``): did the CAPTCHAs of this crawl cost too much, or too many pages?

Settings, each of which turns its monitor on::

    SPIDERMON_SPIDER_CLOSE_MONITORS = ["scrapy_geetest.monitors.GeetestMonitorSuite"]
    GEETEST_MONITOR_MAX_REJECTED_SHARE = 0.2    # refused of all solutions that were sent
    GEETEST_MONITOR_MAX_UNVERIFIED_SHARE = 0.5  # of which nothing shows whether they were accepted
    GEETEST_MONITOR_MAX_GAVE_UP = 0             # requests
    GEETEST_MONITOR_MAX_COST = 1.5              # in the service's currency
    GEETEST_MONITOR_MIN_BALANCE = 5             # left on the account; needs the extension below

    EXTENSIONS = {"scrapy_geetest.monitors.BalanceStat": 500}
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

from scrapy import signals
from scrapy.exceptions import DontCloseSpider
from scrapy.utils.defer import deferred_from_coro, maybe_deferred_to_future
from spidermon import Monitor, MonitorSuite, monitors
from spidermon.contrib.monitors.mixins.spider import SpiderMonitorMixin
from twisted.internet.defer import succeed

from scrapy_geetest._services.errors import ServiceError
from scrapy_geetest.middleware import GeetestMiddleware

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from twisted.internet.defer import Deferred
    from typing_extensions import Self

logger = logging.getLogger(__name__)

MILLION = 1_000_000


class BalanceStat:
    """An extension that asks for the account's balance when the spider opens: ``geetest/balance_millionths``.

    The crawl does not wait for the answer, except at its end: the monitors read the figure when the spider is closed.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._asking: Deferred[None] = succeed(None)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls(crawler)
        crawler.signals.connect(extension.spider_opened, signals.spider_opened)
        crawler.signals.connect(extension.spider_idle, signals.spider_idle)
        crawler.signals.connect(extension.spider_closed, signals.spider_closed)
        return extension

    def spider_opened(self) -> None:
        self._asking = deferred_from_coro(self._ask())

    def spider_idle(self) -> None:
        """Keep a crawl that is done sooner than the service answers; the call's time-out bounds that.

        Raises:
            DontCloseSpider: There is no answer yet.
        """
        if not self._asking.called:
            raise DontCloseSpider

    async def spider_closed(self) -> None:
        """Leave nothing running: of a crawl that is closed before the answer came, the middleware ends the call."""
        await maybe_deferred_to_future(self._asking)

    async def _ask(self) -> None:
        """Ask once; a service that does not answer is logged, and its monitor will say that the figure is missing."""
        middleware = self._crawler.get_downloader_middleware(GeetestMiddleware)
        if middleware is None or self._crawler.stats is None:
            return
        try:
            balance = await middleware.balance()
        except ServiceError as error:
            logger.warning("GeeTest: the balance could not be had: %s", error)
        else:
            self._crawler.stats.set_value("geetest/balance_millionths", round(balance * MILLION))


class _GeetestMonitor(Monitor, SpiderMonitorMixin):  # type: ignore[misc]  # Spidermon has no types
    """A figure of the crawl beside a setting; without the setting it is skipped."""

    setting: ClassVar[str]

    def limit(self) -> float:
        """What the setting allows."""
        limit = self.crawler.settings.get(self.setting)
        if limit is None:
            self.skipTest(f"{self.setting} is not set")
        return float(limit)

    def stat(self, name: str, reason: str = "the plugin was not active in this crawl; is there a key?") -> int:
        """One of the ``geetest/…`` statistics; without it, the monitor fails for that reason."""
        if f"geetest/{name}" not in self.data.stats:
            self.fail(f"geetest/{name} is missing: {reason}")
        return int(self.data.stats[f"geetest/{name}"])

    def sent(self) -> int:
        """How many solutions were sent."""
        return self.stat("accepted") + self.stat("rejected") + self.stat("unverified")


@monitors.name("GeeTest: refused solutions")
class RejectedShareMonitor(_GeetestMonitor):
    """The site refused no larger a share of the solutions than ``GEETEST_MONITOR_MAX_REJECTED_SHARE``."""

    setting = "GEETEST_MONITOR_MAX_REJECTED_SHARE"

    def test_rejected_share(self) -> None:
        limit, rejected = self.limit(), self.stat("rejected")
        share = rejected / max(1, self.sent())
        self.assertLessEqual(share, limit, f"{share:.0%} of the solutions were refused ({self.setting} = {limit:.0%})")


@monitors.name("GeeTest: solutions that nothing confirms")
class UnverifiedShareMonitor(_GeetestMonitor):
    """No larger a share of the solutions is unverified than ``GEETEST_MONITOR_MAX_UNVERIFIED_SHARE``."""

    setting = "GEETEST_MONITOR_MAX_UNVERIFIED_SHARE"

    def test_unverified_share(self) -> None:
        limit, unverified = self.limit(), self.stat("unverified")
        share = unverified / max(1, self.sent())
        self.assertLessEqual(
            share, limit, f"{share:.0%} of the solutions are unverified ({self.setting} = {limit:.0%})"
        )


@monitors.name("GeeTest: requests given up")
class GaveUpMonitor(_GeetestMonitor):
    """No more requests were given up than ``GEETEST_MONITOR_MAX_GAVE_UP``."""

    setting = "GEETEST_MONITOR_MAX_GAVE_UP"

    def test_gave_up(self) -> None:
        limit, gave_up = self.limit(), self.stat("gave_up")
        self.assertLessEqual(gave_up, limit, f"{gave_up} requests were given up ({self.setting} = {limit:g})")


@monitors.name("GeeTest: cost")
class CostMonitor(_GeetestMonitor):
    """The crawl cost no more than ``GEETEST_MONITOR_MAX_COST``."""

    setting = "GEETEST_MONITOR_MAX_COST"

    def test_cost(self) -> None:
        limit, cost = self.limit(), self.stat("cost_millionths") / MILLION
        self.assertLessEqual(cost, limit, f"the solutions cost {cost:.4f} ({self.setting} = {limit:g})")


@monitors.name("GeeTest: balance")
class BalanceMonitor(_GeetestMonitor):
    """The balance at the start, less the cost of this crawl, is no lower than ``GEETEST_MONITOR_MIN_BALANCE``."""

    setting = "GEETEST_MONITOR_MIN_BALANCE"

    def test_balance(self) -> None:
        limit, cost = self.limit(), self.stat("cost_millionths")
        unknown = "enable the extension BalanceStat, or see in the log why the balance could not be had"
        left = (self.stat("balance_millionths", unknown) - cost) / MILLION
        self.assertGreaterEqual(left, limit, f"{left:.4f} is left on the account ({self.setting} = {limit:g})")


class GeetestMonitorSuite(MonitorSuite):  # type: ignore[misc]  # Spidermon has no types
    """All of them."""

    monitors: ClassVar[list[Any]] = [
        *(RejectedShareMonitor, UnverifiedShareMonitor, GaveUpMonitor, CostMonitor, BalanceMonitor),
    ]

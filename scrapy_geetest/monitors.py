"""Ready Spidermon monitors (extra ``[spidermon]``): did the CAPTCHAs of this crawl cost too much, or too many pages?

Settings, each of which turns its monitor on::

    SPIDERMON_SPIDER_CLOSE_MONITORS = ["scrapy_geetest.monitors.GeetestMonitorSuite"]
    GEETEST_MONITOR_MAX_REJECTED_SHARE = 0.2    # refused of all solutions that were sent
    GEETEST_MONITOR_MAX_UNVERIFIED_SHARE = 0.5  # of which nothing shows whether they were accepted
    GEETEST_MONITOR_MAX_GAVE_UP = 0             # requests
    GEETEST_MONITOR_MAX_COST = 1.5              # in the service's currency; or {"2captcha": 1.5}, of each
    GEETEST_MONITOR_MIN_BALANCE = 5             # left on each account, or a dict; needs the extension below

    EXTENSIONS = {"scrapy_geetest.monitors.BalanceStat": 500}
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from scrapy import signals
from scrapy.exceptions import DontCloseSpider
from scrapy.utils.defer import deferred_from_coro, maybe_deferred_to_future
from spidermon import Monitor, MonitorSuite, monitors
from spidermon.contrib.monitors.mixins.spider import SpiderMonitorMixin
from twisted.internet.defer import succeed

from scrapy_geetest._services.background import start
from scrapy_geetest._services.errors import ServiceError
from scrapy_geetest.middleware import GeetestMiddleware

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from twisted.internet.defer import Deferred
    from typing_extensions import Self

logger = logging.getLogger(__name__)

MILLION = 1_000_000
_SERVICE = "/service/"
_CREATED = f"geetest/tasks_created{_SERVICE}"


class BalanceStat:
    """An extension that asks for the balances when the spider opens: ``geetest/balance_millionths``.

    With several services, ``geetest/balance_millionths/service/<name>`` of each.

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
        """Ask each once; a service that does not answer is logged, and its monitor will say that the figure is missing."""
        middleware = self._crawler.get_downloader_middleware(GeetestMiddleware)
        if middleware is None or self._crawler.stats is None:
            return
        asked = [start(self._ask_one(middleware, service)) for service in middleware.services]
        for one in asked:
            await maybe_deferred_to_future(one.ended)

    async def _ask_one(self, middleware: GeetestMiddleware, service: str) -> None:
        assert self._crawler.stats is not None  # noqa: S101  # it was looked at before
        name = f"balance_millionths/service/{service}" if len(middleware.services) > 1 else "balance_millionths"
        try:
            balance = await middleware.balance(service)
        except ServiceError as error:
            logger.warning("GeeTest: the balance of %s could not be fetched: %s", service, error)
        else:
            self._crawler.stats.set_value(f"geetest/{name}", round(balance * MILLION))


class _GeetestMonitor(Monitor, SpiderMonitorMixin):  # type: ignore[misc]  # Spidermon has no types
    """A figure of the crawl beside a setting; without the setting it is skipped."""

    setting: ClassVar[str]

    def limit(self) -> float:
        """What the setting allows."""
        return float(self._set())

    def limits(self, *, each: bool) -> dict[str, float]:
        """What the setting allows, by the ending of a statistic: of the services that a dict names, of all, or of *each*."""
        limit = self._set()
        several = [name.removeprefix(_CREATED) for name in self.data.stats if name.startswith(_CREATED)]
        if isinstance(limit, str) and limit.lstrip().startswith("{"):
            limit = json.loads(limit)
        if not isinstance(limit, Mapping):
            limit = dict.fromkeys(several if each and several else [""], limit)
        return {f"/service/{name}" if name and several else "": float(most) for name, most in limit.items()}

    def _set(self) -> Any:
        limit = self.crawler.settings.get(self.setting)
        if limit is None:
            self.skipTest(f"{self.setting} is not set")
        return limit

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
        for ending, limit in self.limits(each=False).items():
            cost = self.stat(f"cost_millionths{ending}") / MILLION
            where = f" at {ending.removeprefix(_SERVICE)}" if ending else ""
            self.assertLessEqual(cost, limit, f"the solutions cost {cost:.4f}{where} ({self.setting} = {limit:g})")


@monitors.name("GeeTest: balance")
class BalanceMonitor(_GeetestMonitor):
    """The balance at the start, less the cost of this crawl, is no lower than ``GEETEST_MONITOR_MIN_BALANCE``."""

    setting = "GEETEST_MONITOR_MIN_BALANCE"

    def test_balance(self) -> None:
        unknown = "enable the extension BalanceStat, or see in the log why the balance could not be fetched"
        for ending, limit in self.limits(each=True).items():
            cost = self.stat(f"cost_millionths{ending}")
            left = (self.stat(f"balance_millionths{ending}", unknown) - cost) / MILLION
            where = f" at {ending.removeprefix(_SERVICE)}" if ending else ""
            told = f"{left:.4f} is left on the account{where} ({self.setting} = {limit:g})"
            self.assertGreaterEqual(left, limit, told)


class GeetestMonitorSuite(MonitorSuite):  # type: ignore[misc]  # Spidermon has no types
    """All of them."""

    monitors: ClassVar[list[Any]] = [
        *(RejectedShareMonitor, UnverifiedShareMonitor, GaveUpMonitor, CostMonitor, BalanceMonitor),
    ]

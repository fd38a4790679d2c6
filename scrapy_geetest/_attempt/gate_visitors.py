"""Who opens a gate: another visitor with the same cookies may not be let in, so that the session is paid for again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from scrapy_geetest._crawl.identity import proxy_key
from scrapy_geetest._crawl.marks import JAR

if TYPE_CHECKING:
    from scrapy_geetest._attempt.context import Context

logger = logging.getLogger(__name__)

MAX_JARS = 1000  # of which it is remembered who opened a gate with them


class GateVisitors:
    """Logs, once a site, that one cookie jar serves several visitors."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, Any], dict[str, Any]] = {}
        self._told: set[tuple[str, str]] = set()

    def opens(self, context: Context, openings: int) -> None:
        """A solution is about to be bought for a gate that was opened so often before."""
        site, visitor = context.site.name, context.visitor
        jar = site, visitor.meta.get(JAR)
        if jar not in self._last and len(self._last) >= MAX_JARS:
            return
        now = {
            "User-Agent": visitor.headers.get(b"User-Agent"),
            "proxy": proxy_key(context.outer),
            "browser (impersonate)": visitor.meta.get("impersonate"),
        }
        last, self._last[jar] = self._last.get(jar, now), now
        if not openings:
            return  # its session is new, as each proxy has its own
        for name in [name for name in now if now[name] != last[name] and (site, name) not in self._told]:
            self._told.add((site, name))
            logger.warning(
                "GeeTest: keep the %s of a session, or give each its own cookiejar in the meta: the gate of site %s is opened "
                "again, with the same cookie jar and another %s. Sites often tie a session to it, so each change costs a solution",
                *(name, site, name),
            )

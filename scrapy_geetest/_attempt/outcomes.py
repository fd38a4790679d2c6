"""The outcome of a request whose CAPTCHA was not passed, and what is logged of the pages that were met."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from scrapy.utils.defer import deferred_from_coro

from scrapy_geetest import signals
from scrapy_geetest._crawl.marks import lift
from scrapy_geetest.exceptions import SolveError, StoppedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from scrapy_geetest._attempt.books import Books
    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest.exceptions import GeetestError
    from scrapy_geetest.settings import Config
    from scrapy_geetest.stats import Stats

logger = logging.getLogger(__name__)

_CHANGES = {"proxy": "the proxy (proxies rotate)", "impersonate": "the browser (impersonate)"}

UNSOLVED = "geetest-unsolved"


class Outcomes:
    """Counts, logs and signals what was detected and what was given up."""

    def __init__(self, crawler: Crawler, *, books: Books, config: Config, stats: Stats) -> None:
        self._crawler = crawler
        self._books = books
        self._config = config
        self._stats = stats
        self._cookies_enabled = crawler.settings.getbool("COOKIES_ENABLED")
        self._warned_sites: set[tuple[str, str]] = set()

    async def detected(self, context: Context, version: int | None = None) -> None:
        """A challenge page was met.

        Args:
            context: With the page.
            version: Of the widget; ``None``: the page tells.
        """
        version = version or context.site.page_version(context.page)
        self._stats.count("detected")
        if version is not None:
            self._stats.count(f"detected/v{version}")
        status = "" if context.page is None else f", status {context.page.status}"
        logger.debug("GeeTest: challenge page %s%s", context, status)
        self._warn_of_lost_session(context)
        await self._books.tell(signals.challenge_detected, context, version=version)

    async def gave_up(self, context: Context, error: GeetestError) -> Response | None:
        """The errback of a request that is given up or, as the settings say, the page as it is.

        Returns:
            The flagged challenge page; ``None``: there is none, since nothing was downloaded or its body was let go.

        Raises:
            GeetestError: *error*, unless ``GEETEST_ON_FAILURE`` is ``"pass"``.
        """
        await self.tell(context, error)
        if self._config.on_failure == "raise":
            raise error
        # The browser page of the challenge page is closed, and the callback wants one.
        page = None if context.request.meta.get("playwright_include_page") else context.whole_page
        return None if page is None else passed(page)

    async def tell(self, context: Context, error: GeetestError) -> None:
        """Count, log and signal a failure, once; close the spider where no further call could succeed."""
        lift(context.outer)  # if it is sent once more, it starts anew
        self._stats.count_with("gave_up", error.reason)
        why = error.code if isinstance(error, SolveError) else type(error).__name__
        level = self._books.repeated.level(logging.ERROR, f"requests of the site {context.site.name} given up ({why})")
        logger.log(level, "GeeTest: gave up: %s", error)
        await self._books.tell(signals.solve_failed, context, error=error)
        if isinstance(error, SolveError) and error.close_reason and self._config.close_on_fatal:
            self._close_spider(error.close_reason)

    def visitor_changed(self, context: Context, names: Sequence[str]) -> None:
        """A middleware behind this plugin gave two requests of one attempt different identities: said once a site."""
        for name in names:
            if (context.site.name, name) in self._warned_sites:
                continue
            self._warned_sites.add((context.site.name, name))
            logger.warning(
                "GeeTest: give the middleware that changes %s an order below 585, or let it leave requests with _geetest in their "
                "meta unchanged: it changed between two requests of one attempt for %s, so the site sees two visitors and may "
                "refuse the solution",
                _CHANGES.get(name, f"the header {name}"),
                context,
            )

    def _close_spider(self, reason: str) -> None:
        engine = self._crawler.engine
        assert engine is not None  # noqa: S101  # a request failed, so the engine runs
        # Not awaited: the spider closes once its requests are done, and ours is one of them.
        closing = deferred_from_coro(engine.close_spider_async(reason=reason))
        closing.addErrback(lambda failure: logger.error("GeeTest: the spider could not be closed: %s", failure.value))

    def _warn_of_lost_session(self, context: Context) -> None:
        kept = self._cookies_enabled and not context.outer.meta.get("dont_merge_cookies")
        kept = kept or b"Cookie" in context.visitor.headers  # its spider takes care of cookies itself
        kept = kept or context.is_in_browser  # whose context keeps them
        if not kept and (context.site.name, "cookies") not in self._warned_sites:
            self._warned_sites.add((context.site.name, "cookies"))
            logger.warning(
                "GeeTest: leave Scrapy's cookies on (dont_merge_cookies, COOKIES_ENABLED) for %s: most sites tie challenge and "
                "answer together by a session cookie, and will refuse the solution",
                context,
            )


def passed(page: Response) -> Response:
    """A challenge page for the callback, flagged."""
    return page.replace(flags=[*page.flags, UNSOLVED])


def stopped(context: Context) -> StoppedError:
    """The error of a waiting request that cannot be put back in the queue when the crawl ends."""
    return StoppedError(f"The crawl ended before the CAPTCHA was solved: {context}", **context.parts)

"""What is told of a visit, and what a request that could not be got past its CAPTCHA ends with."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from scrapy.utils.defer import deferred_from_coro

from scrapy_geetest import signals
from scrapy_geetest._attempt.state import RequestState, clear, with_state
from scrapy_geetest.exceptions import SolveError, StoppedError

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from scrapy_geetest._attempt.context import Visit
    from scrapy_geetest._attempt.signal_sender import Teller
    from scrapy_geetest._crawl.scrapy_middlewares import Neighbours
    from scrapy_geetest.exceptions import GeetestError
    from scrapy_geetest.settings import Config
    from scrapy_geetest.stats import Stats

logger = logging.getLogger(__name__)

UNSOLVED = "geetest-unsolved"


class Outcomes:
    """Counts, logs and signals what was detected and what was given up."""

    def __init__(
        self, crawler: Crawler, *, config: Config, neighbours: Neighbours, stats: Stats, teller: Teller
    ) -> None:
        self._crawler = crawler
        self._config = config
        self._neighbours = neighbours
        self._stats = stats
        self._teller = teller
        self._cookies_enabled = crawler.settings.getbool("COOKIES_ENABLED")
        self._warned_sites: set[str] = set()

    async def detected(self, visit: Visit) -> None:
        """A challenge page was met."""
        version = visit.site.page_version(visit.response)
        self._stats.count("detected")
        if version is not None:
            self._stats.count(f"detected/v{version}")
        logger.debug("GeeTest: challenge page %s", visit)
        self._warn_of_lost_session(visit)
        await self._teller.tell(signals.challenge_detected, visit, version=version)

    async def gave_up(self, visit: Visit, error: GeetestError) -> Response | None:
        """The one outcome of a request that is given up: its errback or, as the settings say, the page as it is.

        Returns:
            The flagged challenge page; ``None`` if nothing was downloaded, and the request goes on as it is.

        Raises:
            GeetestError: *error*, unless ``GEETEST_ON_FAILURE`` is ``"pass"``.
        """
        if not error.told:  # by a download in place
            await self.tell(visit, error)
        clear(visit.sent)
        if self._config.on_failure == "raise":
            raise error
        if visit.response is not None:
            return self.passed(visit)
        with_state(visit.sent, RequestState(unsolved=True))
        return None

    def passed(self, visit: Visit) -> Response:
        """The challenge page for the callback; where Scrapy sends the request again first, nothing more is bought."""
        assert visit.response is not None  # noqa: S101  # it is passed on
        clear(visit.sent)
        if self._neighbours.is_retried(visit.sent, visit.response):
            with_state(visit.sent, RequestState(unsolved=True))
        return visit.response.replace(flags=[*visit.response.flags, UNSOLVED])

    async def tell(self, visit: Visit, error: GeetestError) -> None:
        """Count, log and signal a failure, once; close the spider where no further call could succeed."""
        error.told = True
        clear(error.request)  # if it is sent once more, it starts anew
        self._stats.count_with("gave_up", error.reason)
        logger.error("GeeTest: gave up: %s", error)
        await self._teller.tell(signals.solve_failed, visit, error=error)
        if isinstance(error, SolveError) and error.close_reason and self._config.close_on_fatal:
            self._close_spider(error.close_reason)

    def _close_spider(self, reason: str) -> None:
        engine = self._crawler.engine
        assert engine is not None  # noqa: S101  # a request failed, so the engine runs
        # Not awaited: the spider closes once its requests are done, and ours is one of them.
        closing = deferred_from_coro(engine.close_spider_async(reason=reason))
        closing.addErrback(lambda failure: logger.error("GeeTest: the spider could not be closed: %s", failure.value))

    def _warn_of_lost_session(self, visit: Visit) -> None:
        kept = self._cookies_enabled and not visit.sent.meta.get("dont_merge_cookies")
        if not kept and visit.site.name not in self._warned_sites:
            self._warned_sites.add(visit.site.name)
            logger.warning(
                "GeeTest: %s is sent without Scrapy's cookies (dont_merge_cookies, or COOKIES_ENABLED = False). Most "
                "sites tie challenge and answer together by a session cookie, and will refuse what is paid for.",
                visit,
            )


def stopped(visit: Visit) -> StoppedError:
    """The error of a request that no queue can keep when the crawl ends."""
    return StoppedError(f"The crawl ended before the CAPTCHA was solved: {visit}", **visit.parts)

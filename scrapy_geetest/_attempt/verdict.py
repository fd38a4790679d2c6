"""What the site thought of a solution: counted, told, and, of a refused one, reported to the service."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from scrapy_geetest import signals
from scrapy_geetest._hooks import resolve
from scrapy_geetest._pages.rules import widgets_of
from scrapy_geetest._services.errors import ServiceError
from scrapy_geetest.exceptions import GeetestError, SolutionRejected
from scrapy_geetest.site import GeetestSite

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy.http import Response

    from scrapy_geetest._attempt.context import Visit
    from scrapy_geetest._attempt.signal_sender import Teller
    from scrapy_geetest._attempt.state import RequestState
    from scrapy_geetest._hooks import Hook
    from scrapy_geetest._services.client import ServiceClient
    from scrapy_geetest._spending.breaker import Breaker
    from scrapy_geetest.settings import Config
    from scrapy_geetest.stats import Stats

logger = logging.getLogger(__name__)


async def judge(hook: Callable[[Response], Hook[bool]], visit: Visit) -> bool:
    """Ask a hook of the site about the response of *visit*.

    Raises:
        GeetestError: The hook failed.
    """
    assert visit.response is not None  # noqa: S101  # there is one to judge
    try:
        return bool(await resolve(hook(visit.response)))
    except Exception as error:
        raise GeetestError(
            f"{getattr(hook, '__name__', hook)} of site {visit.site.name} failed on {visit.response}: "
            f"{type(error).__name__}: {error}",
            **visit.parts,
        ) from error


class Verdicts:
    """Keeps the books on accepted and refused solutions."""

    def __init__(
        self, *, breaker: Breaker, config: Config, client: ServiceClient, stats: Stats, teller: Teller
    ) -> None:
        self._breaker = breaker
        self._config = config
        self._client = client
        self._stats = stats
        self._teller = teller

    async def accepted(self, visit: Visit, state: RequestState) -> None:
        """The site took the solution that *state* is about."""
        self._stats.count("accepted")
        if visit.site.mode != "gate":  # a gate that takes a solution may let nobody through all the same
            self.decided(visit)
        logger.debug("GeeTest: the solution of task %s was accepted: %s", state.task_id, visit)
        await self._teller.tell(signals.solution_accepted, visit, task_id=state.task_id, attempt=state.attempts)

    async def rejected(self, visit: Visit, state: RequestState) -> None:
        """The site refused the solution that *state* is about.

        Raises:
            SolutionRejected: It was the last one allowed for this request.
        """
        self._stats.count("rejected")
        self._breaker.failed(visit)
        logger.warning("GeeTest: the site refused the solution of task %s: %s", state.task_id, visit)
        await self._teller.tell(signals.solution_rejected, visit, task_id=state.task_id, attempt=state.attempts)
        if self._config.report_rejected and state.sent <= 1:  # one that went out twice was used up by the first time
            await self._report(state)
        if state.attempts >= self._config.max_attempts:
            raise SolutionRejected(
                f"The site refused {state.attempts} solutions for {visit} (GEETEST_MAX_ATTEMPTS): {_reading(visit)}",
                **visit.parts,
            )

    def decided(self, visit: Visit) -> None:
        """What was bought for the site was worth it."""
        self._breaker.succeeded(visit)

    def undecided(self, visit: Visit) -> None:
        """The solution was sent, and was of no use, though nobody said that it was wrong: something is with the site."""
        self._breaker.failed(visit)

    async def _report(self, state: RequestState) -> None:
        if state.task_id is None:
            return
        try:
            await self._client.report_incorrect(state.task_id)
        except ServiceError as error:
            logger.info("GeeTest: the refusal of task %s could not be reported: %s", state.task_id, error)
        else:
            self._stats.count("reported")


def _reading(visit: Visit) -> str:
    """How the last answer was read, for whoever has to find out whether it was read right."""
    response = visit.response
    assert response is not None  # noqa: S101  # it was judged
    for hook in ("is_accepted", "is_challenge"):
        if getattr(type(visit.site), hook) is not getattr(GeetestSite, hook):
            return f"{hook} of site {visit.site.name} says so of its last answer, {response}"
    rule = visit.site.rules.match(response)
    told = f"its last answer, {response}, is a challenge page by {rule}"
    if not widgets_of(response):
        told += ", but carries no widget: if that is the page wanted, this rule matches too much"
    return told

"""The books of a crawl that writes a report: what they count is kept by site, by cause, and with its evidence."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from attrs import frozen

from scrapy_geetest import signals
from scrapy_geetest._attempt.books import Books
from scrapy_geetest._attempt.verdict import Outcome
from scrapy_geetest._redaction import public, public_address
from scrapy_geetest._report import causes
from scrapy_geetest._report.attempts import REFUSED, UNVERIFIED, Attempt
from scrapy_geetest._report.evidence import ADDRESS, attempt_of, source_of, values_of
from scrapy_geetest._report.tallies import NOWHERE

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response

    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._attempt.purchase import Purchase
    from scrapy_geetest._attempt.verdict import Verdict
    from scrapy_geetest._report.reporter import Reporter
    from scrapy_geetest._report.tallies import Tally
    from scrapy_geetest._services.errors import ServiceError
    from scrapy_geetest._services.places import TakenTask
    from scrapy_geetest._services.polling import Result

logger = logging.getLogger(__name__)

_LINE = 300  # characters of an example
_NOT_KEPT = "its evidence could not be kept; see the log"
_HANDED_OUT = "a spider asked for the solution (solve()) and sends it itself"


@frozen
class _Origin:
    """For whom a task is, until its solution is judged."""

    site: str
    page: str


class ReportedBooks(Books):
    """Books that also keep what a report shows.

    Args:
        parts: Those of the books.
        reporter: Writes it; the signals hold no reference to it.
    """

    def __init__(self, *parts: Any, reporter: Reporter, **more: Any) -> None:
        super().__init__(*parts, **more)
        self._reporter = reporter
        self._history = reporter.history
        self._sources: WeakKeyDictionary[Request, str] = WeakKeyDictionary()
        self._origins: dict[tuple[str, int | str], _Origin] = {}
        self._costs: dict[tuple[str, int | str], int] = {}  # of those that were solved this very moment

    async def tell(self, signal: object, context: Context, **facts: Any) -> None:
        """Keep what only the signals tell of, and send them."""
        if signal is signals.task_created:
            self._begun(context, facts["service"], facts["task_id"]).created += 1
        elif signal is signals.challenge_solved:
            tally = self._begun(context, facts["service"], facts["task_id"])
            tally.solved += 1
            tally.cost += self._costs.pop((facts["service"], facts["task_id"]), 0)
        elif signal is signals.solve_failed:
            error = facts["error"]
            self._history.causes.add(causes.REQUESTS, error.reason, public(str(error), _LINE, values_of(error.request)))
        await super().tell(signal, context, **facts)

    def fetched(self, context: Context, answer: Response | None) -> None:
        """Remember where a challenge came from."""
        super().fetched(context, answer)
        self._sources[context.request] = source_of(context, answer)

    def refused(self, error: ServiceError) -> None:
        """No task came of it."""
        super().refused(error)
        self._history.causes.add(causes.REFUSED, error.code, public(error.description, _LINE), error.advice)

    def failed(self, task: TakenTask, error: ServiceError) -> None:
        """A task came to nothing."""
        super().failed(task, error)
        tally = self._ended(task)
        tally.failed += 1
        tally.cost += error.cost_millionths
        self._history.causes.add(causes.FAILED, error.code, public(error.description, _LINE), error.advice)

    def abandoned(self, task: TakenTask, why: str) -> None:
        """A task is waited for no more."""
        super().abandoned(task, why)
        self._ended(task).abandoned += 1
        self._history.causes.add(causes.ABANDONED, public(why, _LINE), f"task {task}")

    def solved(self, context: Context, purchase: Purchase, result: Result) -> None:
        """A task was solved; the signal that follows tells its site."""
        super().solved(context, purchase, result)
        task = purchase.task
        self._costs[task.service, task.id] = result.cost_millionths
        self._history.solved(task.service, result.waited_ms)

    def unused(self, purchase: Purchase, why: str) -> None:
        """A solution was never sent."""
        if not purchase.is_settled:
            self._ended(purchase.task).unused += 1
            self._history.causes.add(causes.UNUSED, public(why, _LINE), f"task {purchase.task}")
        super().unused(purchase, why)

    def handed_out(self, purchase: Purchase) -> None:
        """A solution was handed to a spider: what became of it is not seen."""
        attempt = self._bare(UNVERIFIED, purchase, _HANDED_OUT)
        self._ended(purchase.task).unverified += 1
        self._history.attempts.add(attempt)
        super().handed_out(purchase)

    async def unanswered(self, context: Context, purchase: Purchase, evidence: str = "no answer") -> None:
        """A solution was sent, and no verdict could be reached."""
        if not purchase.is_settled:
            self._keep(UNVERIFIED, context, purchase, None, evidence)
            self._ended(purchase.task).unverified += 1
        await super().unanswered(context, purchase, evidence)

    async def settle(self, context: Context, purchase: Purchase, verdict: Verdict, answer: Response) -> None:
        """The verdict on a solution."""
        if verdict.outcome is Outcome.ACCEPTED:
            self._ended(purchase.task).accepted += 1
        elif verdict.outcome is Outcome.REFUSED:
            self._keep(REFUSED, context, purchase, answer, verdict.evidence)
            self._ended(purchase.task).refused += 1
        else:
            self._keep(UNVERIFIED, context, purchase, answer, verdict.evidence)
            self._ended(purchase.task).unverified += 1
        await super().settle(context, purchase, verdict, answer)

    def _keep(self, outcome: str, context: Context, purchase: Purchase, answer: Response | None, rule: str) -> None:
        source = self._sources.get(context.request, "")
        try:
            attempt = attempt_of(outcome, context, purchase, answer=answer, rule=rule, source=source, at=time.time())
        except Exception:  # whatever it is, the page was paid for, and its request goes on
            logger.exception("GeeTest: the evidence of task %s is missing from the report", purchase.task)
            attempt = self._bare(outcome, purchase, _NOT_KEPT)
        self._history.attempts.add(attempt)

    def _bare(self, outcome: str, purchase: Purchase, rule: str) -> Attempt:
        """An attempt of which nothing is seen but that it was."""
        task, origin = purchase.task, self._origin(purchase.task)
        return Attempt(
            at=time.time(),
            outcome=outcome,
            site=origin.site,
            service=task.service,
            task=str(task.id),
            number=purchase.attempt,
            page=origin.page,
            rule=rule,
        )

    def _begun(self, context: Context, service: str, task_id: int | str) -> Tally:
        page = public_address(context.page_url, ADDRESS)
        self._origins.setdefault((service, task_id), _Origin(context.site.name, page))
        return self._history.tallies.at(context.site.name, service)

    def _origin(self, task: TakenTask) -> _Origin:
        return self._origins.get((task.service, task.id), _Origin(NOWHERE, ""))

    def _ended(self, task: TakenTask) -> Tally:
        """The tally of what a task was for, which is over."""
        site = self._origin(task).site
        self._origins.pop((task.service, task.id), None)
        return self._history.tallies.at(site, task.service)

"""The books: every task and every solution is counted once, logged once, and told by one signal."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from scrapy.exceptions import IgnoreRequest

from scrapy_geetest import signals
from scrapy_geetest._attempt.evidence import told_by
from scrapy_geetest._attempt.refusals import refusal_cure
from scrapy_geetest._attempt.verdict import Outcome
from scrapy_geetest._pages.withholding import ERROR_STATUS
from scrapy_geetest._services.errors import ServiceError
from scrapy_geetest.exceptions import ChallengeNotReady

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._attempt.purchase import Purchase
    from scrapy_geetest._attempt.verdict import Verdict
    from scrapy_geetest._crawl.repeated_lines import RepeatedLines
    from scrapy_geetest._services.choice import Services
    from scrapy_geetest._services.places import TakenTask
    from scrapy_geetest._services.polling import Result
    from scrapy_geetest._spending.breaker import Breaker
    from scrapy_geetest._spending.ledger import Ledger
    from scrapy_geetest.challenge import Challenge
    from scrapy_geetest.settings import Config
    from scrapy_geetest.stats import Stats

logger = logging.getLogger(__name__)

_OBJECTIONS = (IgnoreRequest, ChallengeNotReady)  # of handlers to a purchase


class Books:
    """Keeps the two equations: every created task ends once, and every solution gets one verdict.

    Attributes:
        repeated: Which log lines are the first of their kind.
    """

    def __init__(
        self,
        crawler: Crawler,
        *,
        breaker: Breaker,
        config: Config,
        ledger: Ledger,
        repeated: RepeatedLines,
        services: Services,
        stats: Stats,
    ) -> None:
        self.repeated = repeated
        self._crawler = crawler
        self._breaker = breaker
        self._ledger = ledger
        self._reports = config.report_rejected
        self._services = services
        self._stats = stats

    async def tell(self, signal: object, context: Context, **facts: Any) -> None:
        """Send *signal*, and wait for handlers that are coroutines; one that fails is logged by Scrapy."""
        await self._crawler.signals.send_catch_log_async(signal, **context.parts, spider=self._crawler.spider, **facts)

    async def object_to(self, context: Context, challenge: Challenge) -> Exception | None:
        """Tell of a challenge that is about to be bought.

        Returns:
            What a handler objects with: ``IgnoreRequest``, or ``ChallengeNotReady``; ``None``: nobody objects.
        """
        outcomes = await self._crawler.signals.send_catch_log_async(
            signals.challenge_fetched,
            **context.parts,
            spider=self._crawler.spider,
            challenge=challenge,
            dont_log=_OBJECTIONS,
        )
        return next((outcome for _, outcome in outcomes if isinstance(outcome, _OBJECTIONS)), None)

    def fetched(self, context: Context, answer: Response | None) -> None:  # noqa: ARG002  # for those who keep more
        """A challenge came, in *answer*; ``None``: the attributes of the site alone give it, or the page's own script."""
        self._stats.count("challenges_fetched")

    def created(self, context: Context, task: TakenTask, attempt: int, *, is_second_choice: bool) -> None:
        """A service took a task; *is_second_choice*: since a preferred one could not."""
        logger.debug("GeeTest: #%d attempt %d: task %s at %s", context.number, attempt, task, task.service)
        self._stats.count_at(task.service, "tasks_created")
        self._stats.count("failover", int(is_second_choice))

    def recovered(self, task: TakenTask) -> None:
        """A task that a process which is gone has paid for is waited for here."""
        self._stats.count_at(task.service, "tasks_recovered")

    def refused(self, error: ServiceError) -> None:
        """The service gave no task, or its answer was lost."""
        self._stats.count_with("tasks_refused", error.code)

    def failed(self, task: TakenTask, error: ServiceError) -> None:
        """A task that was created came to nothing."""
        self._stats.count_at(task.service, "tasks_failed")
        self._stats.count(f"tasks_failed/{error.code}")
        self._stats.count_at(task.service, "cost_millionths", error.cost_millionths)
        self._ledger.strike(task)

    def abandoned(self, task: TakenTask, why: str) -> None:
        """A task is waited for no more."""
        self._stats.count_at(task.service, "tasks_abandoned")
        kept = "; another run can collect it for a while (GEETEST_STORAGE_URI)" * self._ledger.keeps(task)
        level = self.repeated.level(logging.WARNING, f"tasks were paid for and are abandoned, because {why}")
        logger.log(level, "GeeTest: task %s was paid for and is abandoned, because %s%s", task, why, kept)

    def solved(self, context: Context, purchase: Purchase, result: Result) -> None:
        """A task was solved."""
        service = purchase.task.service
        self._stats.count_at(service, "tasks_solved")
        self._stats.count_at(service, "solve_ms", result.waited_ms)
        self._stats.maximum("solve_ms_max", result.waited_ms)
        self._stats.count_at(service, "cost_millionths", result.cost_millionths)
        seconds = result.waited_ms / 1000
        logger.debug("GeeTest: #%d task %s was solved in %.1f s", context.number, purchase.task, seconds)

    def unused(self, purchase: Purchase, why: str) -> None:
        """A solution was never sent."""
        if not purchase.is_settled:
            purchase.is_settled = True
            self._stats.count("unused")
            self._ledger.unused(purchase.task)
            level = self.repeated.level(logging.WARNING, f"solutions were paid for and are not used, because {why}")
            logger.log(
                level, "GeeTest: the solution of task %s was paid for and is not used, because %s", purchase.task, why
            )

    async def unanswered(self, context: Context, purchase: Purchase, evidence: str = "no answer") -> None:
        """A solution was sent, and there was no answer, or none that a verdict could be reached on: *evidence* says so."""
        if not purchase.is_settled:
            purchase.is_settled = True
            self._ledger.strike(purchase.task)
            self._breaker.failed(context)
            self._stats.count("unverified")
            await self.tell(
                signals.solution_unverified,
                context,
                task_id=purchase.task.id,
                service=purchase.task.service,
                attempt=purchase.attempt,
                evidence=evidence,
            )

    def spoilt(self, context: Context) -> None:
        """A solution came, and the site's hook could make no request of it."""
        self._breaker.failed(context)

    def handed_out(self, purchase: Purchase) -> None:
        """A solution was handed to a spider that uses it itself."""
        purchase.is_settled = True
        self._ledger.strike(purchase.task)
        self._stats.count("unverified")

    async def settle(self, context: Context, purchase: Purchase, verdict: Verdict, answer: Response) -> None:
        """The verdict on a solution.

        Args:
            context: With the page whose challenge was solved.
            purchase: The solution.
            verdict: What *answer* shows.
            answer: Of the site.
        """
        told = told_by(answer, context.page)
        purchase.is_settled = True
        self._ledger.strike(purchase.task)
        facts = {
            "task_id": purchase.task.id,
            "service": purchase.task.service,
            "attempt": purchase.attempt,
            "evidence": verdict.evidence,
        }
        if verdict.outcome is Outcome.ACCEPTED:
            self._stats.count("accepted")
            self._breaker.succeeded(context)
            logger.debug(
                "GeeTest: #%d the solution of task %s was accepted: %s",
                *(context.number, purchase.task, verdict.evidence),
            )
            await self.tell(signals.solution_accepted, context, **facts)
        elif verdict.outcome is Outcome.REFUSED:
            self._stats.count("rejected")
            cure = refusal_cure(context, purchase, verdict)
            age = "; it was too old when it was sent (GEETEST_SOLUTION_MAX_AGE)" if purchase.was_too_old else ""
            logger.log(
                self.repeated.level(logging.WARNING, f"the site {context.site.name} refused solutions"),
                "GeeTest: %s: the site refused the solution of task %s for %s: %s; %s%s",
                *(cure.words, purchase.task, context, told, verdict.evidence, age),
            )
            if not purchase.was_left:
                self._breaker.failed(context, cure=cure.words, is_certain=cure.is_certain)
            await self.tell(signals.solution_rejected, context, **facts)
            await self._report(purchase, verdict)
        else:
            self._stats.count("unverified")
            self._say_unverified(context, purchase, verdict, told)
            if answer.status >= ERROR_STATUS:
                self._breaker.failed(context)
            elif not verdict.is_failure:
                self._breaker.succeeded(context, is_sure=False)
            await self.tell(signals.solution_unverified, context, **facts)

    def _say_unverified(self, context: Context, purchase: Purchase, verdict: Verdict, told: str) -> None:
        site = context.site.name
        failures = ", in answers that read like a failure" if verdict.is_failure else ""
        logger.log(
            self.repeated.level(logging.WARNING, f"the site {site} shows neither acceptance nor refusal{failures}"),
            "GeeTest: declare accepted_… or refused_… of site %s: it is not known whether the solution of task %s was accepted "
            "for %s: %s; %s",
            *(site, purchase.task, context, told, verdict.evidence),
        )

    async def _report(self, purchase: Purchase, verdict: Verdict) -> None:
        # One that went out twice was used up by the first time; that one was too old is not the service's fault.
        is_its_fault = purchase.departures <= 1 and not (purchase.was_too_old or purchase.was_left)
        if not (self._reports and verdict.is_site_rule and is_its_fault):
            return
        try:
            await self._services.report_incorrect(purchase.task)
        except ServiceError as error:
            level = self.repeated.level(logging.INFO, f"refusals could not be reported ({error.code})")
            logger.log(level, "GeeTest: the refusal of task %s could not be reported: %s", purchase.task, error)
        else:
            self._stats.count("reported")

"""The verdicts on the solutions that a page was given, once it has sent them and came to rest."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from attrs import define

from scrapy_geetest._attempt.evidence import new_words
from scrapy_geetest._attempt.loop import UNVERIFIED
from scrapy_geetest._attempt.verdict import Outcome, by_site_rules, failure_of, is_withheld
from scrapy_geetest._browser.rendered import render, show_widgets
from scrapy_geetest._browser.supply import LoadAgainError
from scrapy_geetest._browser.verdict import LABELS, judge_answer, judge_page
from scrapy_geetest._crawl.delivery import without_values
from scrapy_geetest._pages.withholding import ERROR_STATUS
from scrapy_geetest.challenge import solution_values
from scrapy_geetest.exceptions import SubmissionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy import Request
    from scrapy.http import Response

    from scrapy_geetest._attempt.books import Books
    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._attempt.loop import Policy
    from scrapy_geetest._attempt.tries import Tries
    from scrapy_geetest._attempt.verdict import Verdict
    from scrapy_geetest._browser.page import OpenPage
    from scrapy_geetest._browser.rounds import Round
    from scrapy_geetest.settings import Config

_TO_ANSWER = 30.0  # seconds that the site has to answer
_QUIET, _RESTLESS = 0.5, 10.0  # seconds without a sound after the answer, and until it is waited for no more
_TO_CHANGE = 3.0  # seconds that a page has to show what it was answered: some wait before they go on
_TICK = 0.5


@define(eq=False, kw_only=True)
class Judgement:
    """Reaches the verdicts of one loading."""

    _books: Books
    _config: Config
    _context: Context
    _opened: OpenPage
    _policy: Policy
    _tries: Tries

    async def reach(self, given: list[Round], check: Callable[[], None], *, was_withheld: bool) -> Response:
        """Judge *given*.

        Args:
            given: The rounds that were given a solution on which there is no verdict.
            check: Raises whatever ends the waiting.
            was_withheld: Whether the page was a challenge page.

        Returns:
            What the spider gets.

        Raises:
            GeetestError: A hook failed, a solution was not sent, or too many were refused.
            LoadAgainError: One was refused.
        """
        await self._answered(given, check)
        shown = await self._settled(given, check, was_withheld=was_withheld)
        is_open_now = was_withheld and not await is_withheld(self._context, shown)
        sent = [one for one in given if is_open_now or one.sendings or self._may_have_gone(one, given)]
        if unsent := [one for one in given if one not in sent]:
            await self._not_sent(unsent)
            if not sent:
                raise self._error_of(unsent[0])
        response, refusal = shown, ""
        for one in sent:
            verdict, response = await self._verdict(one, given, shown, was_withheld=was_withheld)
            await self._settle(one, verdict, shown)
            if verdict.outcome is Outcome.REFUSED:
                answer = without_values(_answer_of(one) or shown, self._values(given))
                refusal = f"the last answer is {answer}; {verdict.evidence}"
            elif verdict.outcome is Outcome.UNVERIFIED and UNVERIFIED not in response.flags:
                response.flags.append(UNVERIFIED)
        if refusal:
            self._tries.refusal = refusal
            self._tries.check(self._context)
            raise LoadAgainError("its solution was refused")
        if all(not one.is_left for one in sent):
            let_through(self._context.outer, response)
        return response

    @staticmethod
    def _values(given: list[Round]) -> set[str]:
        bought = [one.purchase for one in given if one.purchase is not None]
        return {value for purchase in bought for value in solution_values(purchase.solution).values()}

    async def _answered(self, given: list[Round], check: Callable[[], None]) -> None:
        until = time.monotonic() + _TO_ANSWER
        while any(one.sendings and not one.is_answered for one in given) and time.monotonic() < until:
            check()
            await self._opened.pause(_TICK)

    async def _settled(self, given: list[Round], check: Callable[[], None], *, was_withheld: bool) -> Response:
        """The page at rest; one that looks as before is given a little more time, unless the answer says why."""
        until = time.monotonic() + _TO_CHANGE
        is_clear = not any(one.sendings for one in given) or await self._is_clear(given)
        while True:
            await self._opened.rest(_QUIET, _RESTLESS, check)
            shown = await self._show(given, was_withheld=was_withheld)
            if is_clear or time.monotonic() > until or not await self._looks_as_before(given, shown):
                return shown
            await self._opened.pause(_TICK)

    async def _looks_as_before(self, given: list[Round], shown: Response) -> bool:
        if await is_withheld(self._context, shown):
            return True
        is_same_document = not any(one.is_left for one in given)
        return is_same_document and not new_words(shown, self._context.page, besides=LABELS)

    async def _is_clear(self, given: list[Round]) -> bool:
        """Whether an answer says that it is a refusal, so that nothing else will be shown."""
        for one in given:
            answer = _answer_of(one)
            if answer is not None:
                verdict = await by_site_rules(self._context, answer) or failure_of(answer)
                if verdict is not None and verdict.outcome is not Outcome.ACCEPTED:
                    return True
        return False

    async def _show(self, given: list[Round], *, was_withheld: bool) -> Response:
        page = self._context.page
        assert page is not None  # noqa: S101  # it was loaded
        shown = without_values(await render(self._opened, page), self._values(given))
        live = [one for one in self._opened.rounds if not (one.is_over or one.is_repeated)]
        if any(not one.is_left for one in given):
            # In the same document a widget stands there as before, and many are made ready for the next time.
            has_failed = any((answer := _answer_of(one)) is not None and failure_of(answer) for one in given)
            unsent = [one for one in given if not one.sendings] if was_withheld else []
            live = [one for one in live if has_failed or _is_called_for(one) or one in unsent]
        else:
            live = [one for one in live if _is_called_for(one) or not one.asked.is_bind]
        show_widgets(shown, live)
        return shown

    async def _verdict(
        self, one: Round, given: list[Round], shown: Response, *, was_withheld: bool
    ) -> tuple[Verdict, Response]:
        context, answer = self._context, _answer_of(one)
        if any(other.widget == one.widget and other.number > one.number for other in given):
            rules = None if answer is None else await by_site_rules(context, answer)
            return judge_answer(rules, answer), shown
        verdict = await judge_page(context, answer, shown, was_withheld=was_withheld, is_same_document=not one.is_left)
        return await self._policy.behind(context, verdict, shown)

    async def _settle(self, one: Round, verdict: Verdict, shown: Response) -> None:
        purchase = one.purchase
        assert purchase is not None  # noqa: S101  # it was given one
        purchase.departures = max(1, len(one.sendings))
        if one.sendings:
            purchase.request = one.sendings[0].made
            purchase.was_too_old = one.sendings[0].sent_at > purchase.made_at + self._config.solution_max_age
        await self._books.settle(self._context, purchase, verdict, _answer_of(one) or shown)

    def _may_have_gone(self, one: Round, given: list[Round]) -> bool:
        """Whether its page has sent something, packed so that a solution in it cannot be recognised.

        A form in which the solution of another widget was recognised is no such thing.
        """
        if (
            not one.is_left
            or not self._opened.documents
            or any(sent.is_navigation for it in given for sent in it.sendings)
        ):
            return False
        return bool(self._opened.documents[-1].request.method != "GET")

    async def _not_sent(self, unsent: list[Round]) -> None:
        for one in unsent:
            assert one.purchase is not None  # noqa: S101  # it was given one
            if self._opened.has_opened_window:
                await self._books.unanswered(self._context, one.purchase, "its page has opened another window")
            self._books.unused(one.purchase, "the page did not send it")

    def _error_of(self, one: Round) -> SubmissionError:
        context = self._context
        assert one.purchase is not None  # noqa: S101  # it was given one
        way_out = "Let a PageMethod click what sends the solution, if a person would have to click there"
        if self._opened.has_opened_window:
            way_out = "The page has opened another window, which the plugin does not look into (docs: browser)"
        return SubmissionError(
            f"{way_out}: the solution of task {one.purchase.task} is in the page {self._opened.url} ({one.asked.product} "
            f"widget), and the page did not send it for {context}{self._opened.script_error(self._values([one]))}",
            **context.parts,
        )


def let_through(request: Request, response: Response) -> None:
    """The status of a document stays that of the challenge page, whatever its script has made of it.

    HttpErrorMiddleware would keep what was paid for from the callback.
    """
    if response.status >= ERROR_STATUS:
        passing = request.meta.get("handle_httpstatus_list", ())
        if response.status not in passing:
            request.meta["handle_httpstatus_list"] = [*passing, response.status]


def _is_called_for(one: Round) -> bool:
    return one.is_wanted and one.purchase is None


def _answer_of(one: Round) -> Response | None:
    """What the site answered to the latest sending, unless that is the page that is shown."""
    return next(
        (sent.answer for sent in reversed(one.sendings) if sent.answer is not None and not sent.is_navigation), None
    )

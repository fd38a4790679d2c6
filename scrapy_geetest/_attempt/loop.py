"""THE loop: fresh page, challenge, task, solution, submission, verdict; again while the site refuses and more is allowed.

::

    way known? ─▶ turn ─▶ fresh page ─▶ withheld? ─▶ buy ─▶ send ─▶ verdict ─▶ the answer
                            ▲             no: the page                │
                            └──── refused, failed, "later" ◀──────────┘

Forms and gates are policies over it: what shows that a solution was accepted, and what the spider gets then. Where the page
is open in a browser, its own script hands over the challenge and sends the answer: :mod:`scrapy_geetest._browser.attempt`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, ClassVar, Protocol

from attrs import define

from scrapy_geetest._attempt.challenges import NotYetError
from scrapy_geetest._attempt.refusals import refusal_cure
from scrapy_geetest._attempt.tries import TakenOverError, Tries
from scrapy_geetest._attempt.verdict import Outcome, Verdict, judge
from scrapy_geetest._crawl.delivery import without_values
from scrapy_geetest._crawl.dispatch import SolutionTooOldError
from scrapy_geetest._crawl.shortened import short_response
from scrapy_geetest._spending.turns import Claim
from scrapy_geetest.challenge import solution_values
from scrapy_geetest.exceptions import ChallengeError, ChallengeNotNeeded

if TYPE_CHECKING:
    from scrapy.http import Response

    from scrapy_geetest._attempt.books import Books
    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._attempt.fresh_pages import FreshPages
    from scrapy_geetest._attempt.purchase import Purchase
    from scrapy_geetest._attempt.purchases import Purchases
    from scrapy_geetest._attempt.submissions import Submissions, Way
    from scrapy_geetest._browser.attempt import InBrowser
    from scrapy_geetest._crawl.cookies import SessionCookies
    from scrapy_geetest._crawl.parking import Parking
    from scrapy_geetest._crawl.slots import Slots
    from scrapy_geetest._spending.turns import Turns
    from scrapy_geetest.settings import Config
    from scrapy_geetest.stats import Stats

logger = logging.getLogger(__name__)

UNVERIFIED = "geetest-unverified"


class Policy(Protocol):
    """What differs between form sites and gate sites.

    Attributes:
        opens_session: Whether the session of an attempt is the one that counts for the rest of the crawl.
    """

    opens_session: ClassVar[bool]

    async def behind(
        self, context: Context, verdict: Verdict, answer: Response, *, sent_to: str = ""
    ) -> tuple[Verdict, Response]:
        """What is known after a submission, and what the spider gets if it was not refused.

        Args:
            context: With the page whose challenge was solved.
            verdict: What *answer* shows.
            answer: To the submission.
            sent_to: Where the form of the page was sent; empty: something else was sent.
        """
        ...


@define(eq=False, kw_only=True)
class Attempts:
    """Gets requests past their CAPTCHA."""

    _config: Config
    _books: Books
    _cookies: SessionCookies
    _fresh_pages: FreshPages
    _in_browser: InBrowser
    _parking: Parking
    _purchases: Purchases
    _slots: Slots
    _stats: Stats
    _submissions: Submissions
    _turns: Turns

    async def run(self, context: Context, policy: Policy, tries: Tries | None = None) -> Response:
        """One request, from its challenge page, or the knowledge that there would be one, to the answer.

        Args:
            context: Whose; parked by the caller.
            policy: Form or gate.
            tries: What was tried for this request before.

        Returns:
            What the spider gets.

        Raises:
            GeetestError: Its CAPTCHA could not be passed.
            Stopping: The crawl is ending.
            TakenOverError: Another process opens the session.
        """
        tries = tries or Tries(self._config)
        if context.is_in_browser:
            return await self._in_browser.run(context, policy, tries)
        if context.page is None:
            logger.debug("GeeTest: %s is solved before it is sent", context)
        async with self._slots.room(context, opens_gate=policy.opens_session) as has_waited:
            in_hand = not (has_waited or context.is_page_gone)
            return await self._until_answered(context, policy, tries, in_hand=in_hand)

    async def _until_answered(self, context: Context, policy: Policy, tries: Tries, *, in_hand: bool) -> Response:
        while True:
            # Before anything waits, if there is a page to look at: nothing is bought without it.
            way = None if context.is_page_gone else await self._submissions.way(context)
            later: NotYetError | None = None
            with self._cookies.attempt(context.visitor, context.outer, keep_all=policy.opens_session) as own_cookies:
                try:
                    turn = self._turns.ask(claim(context, tries, opens_gate=policy.opens_session))
                    if not turn.at_once:
                        way = None  # it holds what it read of the page
                        context.let_page_go()
                    async with turn, self._purchases.place(context, tries, turn) as place:
                        has_waited = place.has_waited or not turn.at_once
                        own_cookies.begin()
                        context = await self._fresh_pages.fresh(context, in_hand=in_hand and not has_waited)
                        if context.page is not None and not await self._fresh_pages.is_withheld(context):
                            return context.page  # the content came without a purchase
                        if way is None or way.context is not context:
                            way = await self._submissions.way(context)
                        purchase = await self._purchases.buy(context, tries, turn, place)
                    if tries.is_taken_over and policy.opens_session:
                        raise TakenOverError
                    answer = None if purchase is None else await self._use(way, purchase, policy, tries)
                except ChallengeNotNeeded as none:
                    assert way is not None  # noqa: S101  # the site is asked when there is one
                    answer = await self._send_unsolved(way, none)
                except NotYetError as error:
                    answer, later = None, error
            if answer is not None:
                return answer
            if later is not None:
                await self._pause(context, later, tries)
            in_hand = False

    async def buy(self, context: Context) -> Purchase:
        """The first half of an attempt, for a spider that sends the solution itself.

        Raises:
            GeetestError: There is none.
            Stopping: The crawl is ending.
        """
        tries = Tries(self._config)
        in_hand = True
        while True:
            try:
                async with (
                    self._turns.ask(claim(context, tries)) as turn,
                    self._purchases.place(context, tries, turn) as place,
                ):
                    if place.has_waited or not in_hand:
                        context = await self._fresh_pages.fresh(context, in_hand=False)
                    purchase = await self._purchases.buy(context, tries, turn, place)
            except NotYetError as later:
                await self._pause(context, later, tries)
            except ChallengeNotNeeded as none:
                raise ChallengeError(f"The site wants no CAPTCHA for {context}: {none}", **context.parts) from none
            else:
                if purchase is not None:
                    return purchase
            in_hand = False

    async def _use(self, way: Way, purchase: Purchase, policy: Policy, tries: Tries) -> Response | None:
        """Send a solution and judge the answer; the purchase is settled, whatever happens.

        Returns:
            What the spider gets; ``None``: refused, or too old, and another may be bought.
        """
        context = way.context
        try:
            self._parking.check()
            sent = await self._submissions.send(way, purchase)
            secrets = {*solution_values(purchase.solution).values(), *sent.values.values()}
            answer = without_values(sent.answer, secrets)
            verdict, response = sent.verdict, answer
            if verdict is None:
                verdict = await judge(context, answer, is_page_form=way.is_page_form)
                verdict, response = await policy.behind(context, verdict, answer, sent_to=way.form_address)
            if sent.values and verdict.outcome is Outcome.UNVERIFIED and not verdict.is_failure:
                verdict = Verdict(Outcome.ACCEPTED, f"the verification gave {', '.join(sent.values)}")
            await self._books.settle(context, purchase, verdict, answer)
        except SolutionTooOldError:
            self._books.unused(purchase, "it became too old before it was sent (GEETEST_SOLUTION_MAX_AGE)")
            tries.refusal = "they became too old before they were sent (GEETEST_SOLUTION_MAX_AGE)"
        else:
            if verdict.outcome is not Outcome.REFUSED:
                tries.values = sent.values
                if verdict.outcome is Outcome.UNVERIFIED:
                    response.flags.append(UNVERIFIED)
                return response
            tries.refusal = f"the last answer is {short_response(answer)}; {verdict.evidence}"
            tries.refusal_cure = refusal_cure(context, purchase, verdict).words
        finally:
            if purchase.departures:
                await self._books.unanswered(context, purchase, "the verdict was not reached")
            self._books.unused(purchase, "its request came to nothing")
        tries.check(context)
        return None

    async def _pause(self, context: Context, later: NotYetError, tries: Tries) -> None:
        level = self._books.repeated.level(logging.INFO, f"no fresh challenge yet, site {context.site.name}")
        logger.log(level, "GeeTest: no fresh challenge yet for %s: %s", context, later)
        await tries.pause(context, later, self._parking.sleep)

    async def _send_unsolved(self, way: Way, none: ChallengeNotNeeded) -> Response:
        self._stats.count("not_needed")
        level = self._books.repeated.level(logging.INFO, f"no CAPTCHA wanted this time, site {way.context.site.name}")
        why = str(none) or "its hook says so"
        logger.log(level, "GeeTest: the site wants no CAPTCHA this time for %s (%s)", way.context, why)
        answer = await self._submissions.send_unsolved(way)
        if await self._fresh_pages.is_withheld(way.context.on(answer)):
            raise ChallengeError(
                f"The site says that it wants no CAPTCHA, and still withholds the page: {way.context}",
                **way.context.parts,
            )
        return answer


def claim(context: Context, tries: Tries, *, opens_gate: bool = False) -> Claim:
    """What a request asks for a turn with."""
    priority = context.request.priority
    return Claim(context.site.name, context.download_slot, tries.since, priority=priority, opens_gate=opens_gate)

"""One loading of a page: pass the widgets that stand there, run the page methods, wait for what is open, judge.

The spider's page methods are written for the page behind. One that brings up a widget goes on while that is passed.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from attrs import define, field

from scrapy_geetest._attempt.verdict import is_withheld
from scrapy_geetest._browser.pages import METHODS
from scrapy_geetest._browser.rendered import PageGoneError, render, show_widgets, why_not_bought
from scrapy_geetest._crawl.parking import Stopping
from scrapy_geetest._words import sentence
from scrapy_geetest.exceptions import ChallengeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy.http import Response

    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._attempt.loop import Policy
    from scrapy_geetest._browser.judgement import Judgement
    from scrapy_geetest._browser.page import OpenPage
    from scrapy_geetest._browser.pages import BrowserPages
    from scrapy_geetest._browser.rounds import Round
    from scrapy_geetest._browser.supply import Supply

QUIET = 0.3  # seconds in which a page at rest sends and receives nothing
_TO_SEND = 5.0  # seconds that a page has to send a solution, once its callbacks have run
_AT_ONCE = 0.5  # … where page methods follow, which may have to do it
_TO_PASS = 5.0  # … that the stand-in has to run them
_STOPPING = 2.0  # … that a page has to send what it was given when the crawl is ending
_TICK = 0.5


@define(eq=False, kw_only=True)
class Stages:
    """One loading.

    Args:
        check_running: Raises when the crawl is ending.
        context: With the page as it came to rest.
        judgement: Reaches the verdicts.
        opened: The page itself.
        pages: All of the crawl's.
        policy: Form or gate.
        supply: Of the request.
    """

    _check_running: Callable[[], None]
    _context: Context
    _judgement: Judgement
    _opened: OpenPage
    _pages: BrowserPages
    _policy: Policy
    _supply: Supply
    _tasks: dict[Round, asyncio.Task[None]] = field(factory=dict)
    _cancelled: list[asyncio.Task[None]] = field(factory=list)
    _needed: list[str] = field(factory=list)  # widgets, in the order in which they called for a solution
    _looked_at: set[Round] = field(factory=set)
    _flags: list[str] = field(factory=list)  # of what was judged before the end
    _takes_standing: bool = False
    _was_withheld: bool = False
    _stopping_since: float | None = None

    async def run(self) -> Response:
        """From the page as it was loaded to the one that the spider gets.

        Raises:
            GeetestError: Its CAPTCHA could not be passed.
            LoadAgainError: It may be passed when the page is loaded again.
            NotYetError: It may later.
            PageGoneError: The page crashed or was closed.
            Stopping: The crawl is ending.
        """
        page = self._context.page
        assert page is not None  # noqa: S101  # it was loaded
        self._was_withheld = await is_withheld(self._context, page)
        self._takes_standing = self._was_withheld or self._context.asks_to_solve
        try:
            return await self._run(page)
        finally:
            tasks = [*self._tasks.values(), *self._cancelled]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, page: Response) -> Response:
        methods = self._methods()
        await self._pass(waits_for_widget=self._was_withheld and not methods)
        answer = await self._judge(_AT_ONCE if methods else _TO_SEND, is_last=not methods)
        if answer is not None and (self._policy.opens_session or not methods):
            return answer
        self._keep_flags(answer)
        for method in methods:
            await self._call(method)
        if methods:
            await self._opened.rest(QUIET, _TO_SEND, self._check)
            await self._pass(waits_for_widget=self._was_withheld and not self._opened.rounds and answer is None)
            last = await self._judge(_TO_SEND, is_last=True)
            if last is not None:
                return self._with_flags(last)
        shown = await render(self._opened, page) if methods or self._opened.rounds else page
        await self._check_widget(shown)
        return self._with_flags(shown)

    def _keep_flags(self, answer: Response | None) -> None:
        self._flags.extend(() if answer is None else answer.flags)

    def _with_flags(self, shown: Response) -> Response:
        shown.flags.extend(flag for flag in dict.fromkeys(self._flags) if flag not in shown.flags)
        return shown

    def _methods(self) -> list[Any]:
        methods = self._context.outer.meta.get(METHODS) or ()
        return list(methods.values() if isinstance(methods, dict) else methods)

    # ---- Widgets

    async def _pass(self, *, waits_for_widget: bool = False) -> None:
        """Until every widget that is needed has its solution, and the page's callbacks have run."""
        until = time.monotonic() + _TO_SEND
        while True:
            await self._consider()
            self._check()
            is_expected = waits_for_widget and not self._opened.rounds and time.monotonic() < until
            if not (is_expected or self._is_any_open()):
                return
            await self._opened.pause(_TICK)

    def _is_any_open(self) -> bool:
        if any(not task.done() for task in self._tasks.values()):
            return True
        latest = time.monotonic() - _TO_PASS
        given = (one for one in self._supply.given if not (one.is_over or one.is_passed or one.is_judged))
        return any(one.given_at > latest for one in given)

    async def _consider(self) -> None:
        """Begin to solve what is needed."""
        rounds = [one for one in self._opened.open_rounds if one not in self._tasks]
        if not self._takes_standing and any(_stands(one) and one not in self._looked_at for one in rounds):
            self._looked_at.update(rounds)
            self._takes_standing = self._was_withheld = await self._is_withheld_now()
        for one in rounds:
            if one.is_wanted or (self._takes_standing and _stands(one) and self._is_first_document(one)):
                if one.widget not in self._needed:
                    self._needed.append(one.widget)
                self._tasks[one] = asyncio.ensure_future(self._solve(one, self._needed.index(one.widget)))
        for one in [one for one, task in self._tasks.items() if one.is_over and not task.done()]:
            self._tasks[one].cancel()  # what is bought for it may serve another round
            self._cancelled.append(self._tasks.pop(one))

    def _is_first_document(self, one: Round) -> bool:
        """Whether the widget was there when the first was solved: those of a document that came of it say how it went."""
        given = [other.document for other in self._opened.rounds if other.purchase is not None]
        return not given or one.document == given[0]

    async def _solve(self, one: Round, number: int) -> None:
        context, page = self._context, self._context.page
        if page is not None and page.url != self._opened.url:
            context = context.on(page.replace(url=self._opened.url))
        await self._supply.solve(one, context, number)

    async def _is_withheld_now(self) -> bool:
        page = self._context.page
        assert page is not None  # noqa: S101  # it was loaded
        shown = await render(self._opened, page)
        show_widgets(shown, self._opened.open_rounds)
        return await is_withheld(self._context, shown)

    def _check(self) -> None:
        """Whatever ends this loading."""
        for task in self._tasks.values():
            if task.done():
                task.result()
        if self._opened.is_gone:
            raise PageGoneError("the page crashed or was closed")
        if not (self._tasks or self._was_withheld):
            return  # an ordinary page goes its way to the end, as every download does
        try:
            self._check_running()
        except Stopping:
            now = time.monotonic()
            self._stopping_since = self._stopping_since or now
            is_paid = any(not one.is_judged for one in self._supply.given)
            if not is_paid or now - self._stopping_since > _STOPPING:
                raise

    async def _check_widget(self, shown: Response) -> None:
        """A page that is withheld as it was before, and has nothing that could be solved."""
        context = self._context
        if not self._was_withheld or self._supply.given or not await is_withheld(context, shown):
            return
        cure, why = why_not_bought(self._opened)
        first = f"{sentence(cure)}. " if cure else ""
        raise ChallengeError(
            f"{first}Nothing could be bought for {context}: the page is withheld, and {why}",
            **context.parts,
        )

    # ---- Page methods

    async def _call(self, method: Any) -> None:
        """Run a page method; solve what it brings up meanwhile.

        One that waits for something in the page, and gave up while a solution was waited for, is run again.
        """
        while True:
            await self._pass()
            has_waited, error = await self._run_method(method)
            if error is None:
                return
            if sent := [one for one in self._supply.given if one.sendings and not one.is_judged]:
                # What it waits for does not come where the solution was refused: then the page is loaded again.
                self._keep_flags(await self._judgement.reach(sent, self._check, was_withheld=self._was_withheld))
            if not (has_waited and _is_timeout(error) and isinstance(getattr(method, "method", None), str)):
                raise error

    async def _run_method(self, method: Any) -> tuple[bool, Exception | None]:
        task = asyncio.ensure_future(self._pages.run_method(self._opened, self._context.outer, method))
        has_waited = False
        try:
            while not task.done():
                await self._consider()
                has_waited |= self._is_any_open()
                self._check()
                pause = asyncio.ensure_future(self._opened.pause(_TICK))
                await asyncio.wait({task, pause}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if task.cancelled():
            raise PageGoneError("a page method was cancelled")
        error = task.exception()
        if error is not None and not isinstance(error, Exception):
            raise error
        if self._opened.is_gone:
            raise PageGoneError("the page crashed or was closed")
        return has_waited, error

    # ---- Verdicts

    async def _judge(self, patience: float, *, is_last: bool) -> Response | None:
        """The verdicts on what the page was given.

        Returns:
            The page that is shown; ``None``: there is nothing to be judged yet.
        """
        given = [one for one in self._supply.given if not one.is_judged]
        if not given:
            return None
        until = time.monotonic() + patience
        while not all(one.sendings or one.is_left for one in given):
            if time.monotonic() > until and not self._opened.is_busy:
                break
            self._check()
            await self._opened.pause(_TICK)
        if not is_last and not any(one.sendings or one.is_left for one in given):
            return None
        return await self._judgement.reach(given, self._check, was_withheld=self._was_withheld)


def _stands(one: Round) -> bool:
    """Whether it is a widget that shows itself, and was not used before."""
    return not one.asked.is_bind and one.number <= 1


def _is_timeout(error: Exception) -> bool:
    """Playwright's, which is not imported."""
    return type(error).__name__ == "TimeoutError" and type(error).__module__.startswith("playwright.")

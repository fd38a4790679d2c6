"""A round of a widget in an open page: from the moment that it may need a solution until its answer was judged."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from attrs import define, field

from scrapy_geetest.challenge import V3Solution, solution_values
from scrapy_geetest.site import V3_FIELDS, V4_FIELDS

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Collection

    from scrapy_geetest._attempt.purchase import Purchase
    from scrapy_geetest._browser.messages import Asked
    from scrapy_geetest._browser.sendings import Sending
    from scrapy_geetest.challenge import Solution

# Of a solution's values those that no request before it can hold.
_TELLING = {3: ("validate", "seccode"), 4: ("lot_number", "pass_token", "captcha_output")}


@define(eq=False)
class Round:
    """What became of one solution that a widget may need.

    Attributes:
        widget: Whose; unique in the page.
        number: Which round of it: more than one where the page resets it.
        asked: What the page's script handed over.
        frame: Where the widget is.
        answer: What the stand-in waits for.
        document: The number of the page's document in which that is.
        is_wanted: The page, or a click, has called for it.
        is_passed: The solution is there, and the page's callbacks have run.
        is_over: Its document, or the widget, is gone, so that a solution would reach nobody.
        is_left: The page has gone on from its document to another one.
        is_repeated: The widget was made ready for another solution since.
        purchase: The solution that it was given.
        sendings: The requests that carried this solution, as the page made them.
        given_at: When that was, in monotonic seconds.
    """

    widget: str
    number: int
    asked: Asked
    frame: Any
    answer: asyncio.Future[dict[str, Any]]
    document: int
    is_wanted: bool = False
    is_passed: bool = False
    is_over: bool = False
    is_left: bool = False
    is_repeated: bool = False
    purchase: Purchase | None = None
    sendings: list[Sending] = field(factory=list)
    given_at: float = 0.0

    @property
    def is_judged(self) -> bool:
        """Whether a verdict on its solution is in the books."""
        return self.purchase is not None and self.purchase.is_settled

    @property
    def secrets(self) -> Collection[str]:
        """What shows that a request carries the solution."""
        if self.purchase is None:
            return ()
        solution = self.purchase.solution
        return [getattr(solution, key) for key in _TELLING[solution.version]]

    @property
    def is_answered(self) -> bool:
        """Whether every request that carried the solution was answered, or failed."""
        return bool(self.sendings) and all(one.is_over for one in self.sendings)

    def give(self, purchase: Purchase) -> None:
        """Hand the solution to the page."""
        self.purchase, self.given_at = purchase, time.monotonic()
        self.tell({"solution": page_values(purchase.solution)})

    def tell(self, answer: dict[str, Any]) -> None:
        """Answer the stand-in, once."""
        if not self.answer.done():
            self.answer.set_result(answer)


def page_values(solution: Solution) -> dict[str, str]:
    """A solution as ``getValidate()`` gives it."""
    names = V3_FIELDS if isinstance(solution, V3Solution) else V4_FIELDS
    values = solution_values(solution)
    return {name: values[key] for key, name in names.items() if key in values and name}

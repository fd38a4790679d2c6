"""One download in place: what it is for, how far it got, and what may become of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define
from scrapy.exceptions import IgnoreRequest

from scrapy_geetest._crawl.marks import FOR_ANSWER

if TYPE_CHECKING:
    from collections.abc import Collection

    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._crawl.identity import Made


class SolutionTooOldError(IgnoreRequest):
    """A solution that is not handed to the downloader, since it became too old (``GEETEST_SOLUTION_MAX_AGE``)."""


class DeliveryError(Exception):
    """A submission that got no answer; *error* says why."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def too_old() -> SolutionTooOldError:
    """The error of a solution that waited for too long."""
    return SolutionTooOldError("the solution has become too old to be sent")


@define(eq=False)
class Dispatch:
    """A download in place.

    Attributes:
        context: For whom.
        purpose: What it is for.
        deadline: Until when it may be handed to the downloader, in monotonic seconds: of a solution. ``None``: always.
        made: What the request was made with, the visitor's headers included.
        departures: How often it was handed to the downloader: more than once where Scrapy's Retry sent it again.
        timer: Fires at the deadline.
        was_too_old: Whether it left after its deadline all the same: another middleware held it up.
        is_final: Whether the callback gets the answer, whatever it is.
        is_urgent: Whether it goes before others: a solution or a session grows old.
        can_wait: Whether nothing is lost when others go first.
        held_since: When the crawl's middlewares were handed it, in seconds of the reactor; ``None``: it is past them.
        solution: The values of the solution that it carries; empty: none, so that all that it carries stays here.
    """

    context: Context
    purpose: str
    deadline: float | None = None
    made: Made | None = None
    departures: int = 0
    is_final: bool = False
    is_urgent: bool = False
    can_wait: bool = False
    held_since: float | None = None
    solution: Collection[str] = ()
    timer: Any = None
    was_too_old: bool = False

    def stop_timer(self) -> None:
        """It is over, or begins anew."""
        if self.timer is not None and self.timer.active():
            self.timer.cancel()


def answer_of(
    context: Context, *, solution: Collection[str], deadline: float | None = None, can_wait: bool = False
) -> Dispatch:
    """The dispatch of an answer.

    Args:
        context: For whom.
        solution: The values of the solution.
        deadline: Until when it may be handed to the downloader, in monotonic seconds.
        can_wait: Whether nothing is lost when others go first.
    """
    return Dispatch(
        context, FOR_ANSWER, deadline=deadline, solution=solution, is_urgent=not can_wait, can_wait=can_wait
    )

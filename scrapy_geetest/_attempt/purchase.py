"""A paid solution, until a verdict is in the books."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define

if TYPE_CHECKING:
    from scrapy import Request

    from scrapy_geetest._services.places import TakenTask
    from scrapy_geetest.challenge import Solution


@define(eq=False)
class Purchase:
    """A paid solution, until a verdict is in the books.

    Attributes:
        solution: What goes into the request.
        task: Its task at the service.
        attempt: Which solution for its request it is.
        made_at: When it came, in monotonic seconds.
        request: What takes it to the site, as it was made; ``None``: nothing does so far.
        departures: How often it was handed to the downloader.
        was_too_old: Whether it was older than allowed when it was sent.
        was_left: Whether a process that is gone had it, which may have sent it.
        is_settled: Whether a verdict on it is in the books.
    """

    solution: Solution
    task: TakenTask
    attempt: int
    made_at: float
    request: Request | None = None
    departures: int = 0
    was_too_old: bool = False
    was_left: bool = False
    is_settled: bool = False

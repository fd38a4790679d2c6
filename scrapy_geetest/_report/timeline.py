"""Pages, and requests that wait, over time: a bounded number of spans, which grow as the crawl goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, evolve, field

if TYPE_CHECKING:
    from collections.abc import Sequence

SPANS = 120
"""Most spans; when there are more, two become one."""


@define
class Span:
    """What happened in one.

    Attributes:
        pages: Pages that came for the spider.
        waited: Seconds of waiting, summed over the requests that waited.
        most: The most requests that waited at once.
        idle: Seconds in which requests waited and nothing else was to be downloaded.
    """

    pages: int = 0
    waited: float = 0.0
    most: int = 0
    idle: float = 0.0

    def __add__(self, other: Span) -> Span:
        return Span(
            self.pages + other.pages,
            self.waited + other.waited,
            max(self.most, other.most),
            self.idle + other.idle,
        )


@define(eq=False)
class Timeline:
    """A run, cut into spans of the same width.

    Attributes:
        width: Of a span, in seconds.
        spans: From the start of the run on.
    """

    width: float = 1.0
    spans: list[Span] = field(factory=list)
    _seen: float = 0.0
    _waiting: int = 0

    def add(self, now: float, *, pages: int, waiting: int, is_idle: bool) -> None:
        """What was seen between the last look and this one.

        Args:
            now: Seconds since the start of the run.
            pages: That came meanwhile.
            waiting: Requests that wait.
            is_idle: Whether nothing else is to be downloaded.
        """
        passed, self._seen = max(0.0, now - self._seen), now
        while now >= self.width * SPANS:
            self._halve()
        at = int(now / self.width)
        self.spans.extend(Span() for _ in range(at + 1 - len(self.spans)))
        idle = passed if waiting and is_idle else 0.0
        waited, self._waiting = passed * (self._waiting + waiting) / 2, waiting
        self.spans[at] = self.spans[at] + Span(pages, waited, waiting, idle)

    def total(self) -> Span:
        """The whole run."""
        return sum(self.spans, Span())

    def copy(self) -> Timeline:
        """As it is at this moment."""
        return Timeline(self.width, [evolve(span) for span in self.spans], self._seen, self._waiting)

    def _halve(self) -> None:
        pairs: Sequence[int] = range(0, len(self.spans), 2)
        self.spans = [sum(self.spans[at : at + 2], Span()) for at in pairs]
        self.width *= 2

"""Solve times as a distribution: how many took how long, in tenths of a second."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST = 36_000  # tenths: what took more than an hour counts as that
_WIDTHS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000)  # tenths of a second


@frozen
class Bar:
    """How many took from *start* to *end*, in seconds; the end is not part of it."""

    start: float
    end: float
    count: int


@define(eq=False)
class Distribution:
    """Times; as many numbers as there are tenths of a second, however many times were seen."""

    _tenths: Counter[int] = field(factory=Counter)

    def add(self, milliseconds: int) -> None:
        """One more."""
        self._tenths[min(milliseconds // 100, _LONGEST)] += 1

    @property
    def count(self) -> int:
        """How many were seen."""
        return self._tenths.total()

    def share(self, part: float) -> float:
        """Seconds within which at least *part* of them came, to a tenth."""
        wanted, seen = part * self.count, 0
        for tenth, count in sorted(self._tenths.items()):
            seen += count
            if seen >= wanted:
                return (tenth + 1) / 10
        return 0.0

    def bars(self, most: int = 24) -> list[Bar]:
        """At most about *most* bars of the same width, from the first that is not empty to the last."""
        if not self._tenths:
            return []
        low, high = min(self._tenths), max(self._tenths)
        width = next((width for width in _WIDTHS if (high - low) // width < most), _WIDTHS[-1])
        bars = []
        for start in range(low // width * width, high + 1, width):
            count = sum(self._tenths[tenth] for tenth in range(start, start + width))
            bars.append(Bar(start / 10, (start + width) / 10, count))
        return bars

    def copy(self) -> Distribution:
        """As it is at this moment."""
        return Distribution(self._tenths.copy())

    def to_json(self) -> dict[str, int]:
        """As plain data."""
        return {str(tenth): count for tenth, count in self._tenths.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, int]) -> Distribution:
        """Read what :meth:`to_json` made."""
        return cls(Counter({int(tenth): count for tenth, count in data.items()}))

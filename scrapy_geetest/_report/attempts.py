"""The attempts that were refused or are unverified: each with its evidence, as many as a page can show."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any

from attrs import asdict, define, evolve, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

KEPT = 500
"""Attempts that are kept in full; of more, a sample of each kind."""
KINDS = 100
"""Kinds that are told apart; what comes beyond them counts as one more."""
REFUSED, UNVERIFIED = "refused", "unverified"

_OTHER = ("", "", "", 0)
_VARIABLE = re.compile(r"\d+|[0-9a-f]{8,}")
_RULE = 120  # characters by which rules are told apart


@frozen(kw_only=True)
class Attempt:
    """One solution that was sent, and what the site's answer showed. All of it may be seen by anybody.

    Attributes:
        at: When, in seconds since 1970.
        outcome: ``"refused"`` or ``"unverified"``.
        site: The declared site.
        service: Who solved it.
        task: Its id there.
        number: Which solution for its request it was.
        page: Of the challenge.
        rule: What the verdict rests on.
        source: Where the challenge came from.
        sent_to: Method and address of the request that carried the solution.
        fields: Place, name and shortened value of what carries the solution.
        beside: Names of what else was sent.
        status: Of the answer; 0: none came.
        answered_by: Its address.
        words: Its visible words that were not on the page before.
    """

    at: float
    outcome: str
    site: str
    service: str
    task: str
    number: int
    page: str
    rule: str
    source: str = ""
    sent_to: str = ""
    fields: tuple[tuple[str, str, str], ...] = ()
    beside: tuple[str, ...] = ()
    status: int = 0
    answered_by: str = ""
    words: str = ""

    @property
    def kind(self) -> tuple[str, str, str, int]:
        """What it has in common with others that came to the same: site, outcome, rule and status."""
        return self.site, self.outcome, _VARIABLE.sub("#", self.rule)[:_RULE], self.status

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Attempt:
        """Read what :func:`attrs.asdict` made."""
        return cls(**{**data, "fields": tuple(map(tuple, data["fields"])), "beside": tuple(data["beside"])})


@define
class Kind:
    """Attempts that came to the same.

    Attributes:
        kept: Some of them, or all.
        count: How many there were.
        first: When the first one was.
        last: When the last one was.
    """

    first: float
    kept: list[Attempt] = field(factory=list)
    count: int = 0
    last: float = 0.0


@define(eq=False)
class Attempts:
    """A bounded number of attempts: all, or of each kind a sample, so that a rare kind is not lost among many of another."""

    kinds: dict[tuple[str, str, str, int], Kind] = field(factory=dict)
    _limit: int = KEPT
    _random: random.Random = field(factory=lambda: random.Random(0), init=False)  # noqa: S311  # which ones are kept is no secret

    @property
    def kept(self) -> int:
        """How many are kept."""
        return sum(len(kind.kept) for kind in self.kinds.values())

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(kind.count for kind in self.kinds.values())

    def add(self, attempt: Attempt) -> None:
        """Take one more."""
        key = attempt.kind if attempt.kind in self.kinds or len(self.kinds) < KINDS else _OTHER
        kind = self.kinds.setdefault(key, Kind(attempt.at))
        kind.count += 1
        kind.last = max(kind.last, attempt.at)
        if self.kept < self._limit:
            kind.kept.append(attempt)
            return
        largest = max(self.kinds.values(), key=lambda one: len(one.kept))
        if largest is not kind:
            largest.kept.pop(self._random.randrange(len(largest.kept)))
            kind.kept.append(attempt)
        elif (at := self._random.randrange(kind.count)) < len(kind.kept):  # each of a kind has the same chance
            kind.kept[at] = attempt

    def copy(self) -> Attempts:
        """As they are at this moment; the attempts themselves do not change."""
        return Attempts({key: evolve(kind, kept=list(kind.kept)) for key, kind in self.kinds.items()}, self._limit)

    def to_json(self) -> list[Any]:
        """As plain data."""
        return [
            [list(key), kind.first, kind.last, kind.count, [asdict(one, recurse=False) for one in kind.kept]]
            for key, kind in self.kinds.items()
        ]

    @classmethod
    def from_json(cls, data: Iterable[Any]) -> Attempts:
        """Read what :meth:`to_json` made."""
        kinds = {}
        for key, first, last, count, kept in data:
            kinds[tuple(key)] = Kind(first, [Attempt.from_json(one) for one in kept], count, last)
        return cls(kinds)

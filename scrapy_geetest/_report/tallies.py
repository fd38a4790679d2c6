"""What was bought, by site and service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import asdict, define, evolve, field, fields

if TYPE_CHECKING:
    from collections.abc import Iterable

NOWHERE = ""
"""The name of what belongs to no site or service that this crawl has seen."""


@define
class Tally:
    """Tasks and solutions, and what they cost in millionths of the service's currency."""

    created: int = 0
    solved: int = 0
    accepted: int = 0
    refused: int = 0
    unverified: int = 0
    unused: int = 0
    failed: int = 0
    abandoned: int = 0
    cost: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, name) + getattr(other, name) for name in NAMES))

    @property
    def bought(self) -> int:
        """Tasks whose end is in this tally, and those that are under way; a task of an earlier run has only its end."""
        return max(self.created, self.solved + self.failed + self.abandoned)


NAMES = tuple(attribute.name for attribute in fields(Tally))
"""Of a tally's figures."""


@define(eq=False)
class Tallies:
    """A tally for each site at each service: as many as are declared."""

    _of: dict[tuple[str, str], Tally] = field(factory=dict)

    def at(self, site: str, service: str) -> Tally:
        """The tally of a site at a service."""
        return self._of.setdefault((site, service), Tally())

    def by_site(self) -> dict[str, Tally]:
        """Summed over the services; the busiest first."""
        return self._grouped(0)

    def by_service(self) -> dict[str, Tally]:
        """Summed over the sites; the busiest first."""
        return self._grouped(1)

    def of_site(self, site: str) -> dict[str, Tally]:
        """Those of one site by service."""
        return {service: tally for (name, service), tally in self._of.items() if name == site}

    def total(self) -> Tally:
        """All of them."""
        return sum(self._of.values(), Tally())

    def copy(self) -> Tallies:
        """As they are at this moment."""
        return Tallies({key: evolve(tally) for key, tally in self._of.items()})

    def to_json(self) -> list[Any]:
        """As plain data."""
        return [[site, service, asdict(tally)] for (site, service), tally in self._of.items()]

    @classmethod
    def from_json(cls, data: Iterable[Any]) -> Tallies:
        """Read what :meth:`to_json` made."""
        return cls({(site, service): Tally(**figures) for site, service, figures in data})

    def _grouped(self, part: int) -> dict[str, Tally]:
        groups: dict[str, Tally] = {}
        for key, tally in self._of.items():
            groups[key[part]] = groups.get(key[part], Tally()) + tally
        return dict(sorted(groups.items(), key=lambda one: (-one[1].bought, one[0])))

"""What a benchmark found, and what it is held to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_INTRODUCTION = """\
# The plugin beside what a user would do otherwise

`python -m benchmarks --check` regenerates this file and fails if a bound is missed; `python -m benchmarks stall gate` runs
single benchmarks and leaves the file alone. It needs the extra `[sandbox]` and no key; `clients` and `detect` get their peers
from a package index, once. Each crawl runs in a process of its own, against the local sandbox on the same machine, or in virtual
time, in which no processor is the limit. "Plain await" is the middleware that one would write without the plugin
(`benchmarks/peer.py`): it fetches the challenge, creates the task, polls every two seconds and sends the form, awaiting
all of it in `process_response`. What counts is the ratio of two crawls of the same run, not the speed of the machine.
"""


@frozen
class Ratio:
    """A number that does not depend on how fast the machine is.

    Attributes:
        what: What it is of.
        plugin: The plugin's.
        peer: That of what a user would do otherwise; ``None`` where there is no such thing.
        at_least: What the plugin's is held to, if it is a lower bound.
        at_most: What the plugin's is held to, if it is an upper bound.
        digits: Digits after the point that are shown.
    """

    what: str
    plugin: float
    peer: float | None = None
    at_least: float | None = field(default=None, kw_only=True)
    at_most: float | None = field(default=None, kw_only=True)
    digits: int = field(default=2, kw_only=True)

    @property
    def is_met(self) -> bool:
        """Whether the plugin does what it is held to."""
        return (self.at_least is None or self.plugin >= self.at_least) and (
            self.at_most is None or self.plugin <= self.at_most
        )

    @property
    def bound(self) -> str:
        """What it is held to, in words."""
        parts = [(self.at_least, "at least"), (self.at_most, "at most")]
        return ", ".join(f"{words} {limit:g}" for limit, words in parts if limit is not None)

    def cells(self) -> tuple[str, str, str, str]:
        """What, the plugin's, the peer's, the bound."""
        peer = "" if self.peer is None else self._shown(self.peer)
        return self.what, self._shown(self.plugin), peer, self.bound + ("" if self.is_met else ": MISSED")

    def _shown(self, value: float) -> str:
        return f"{value:g}" if value == round(value) else f"{value:.{self.digits}f}"


@frozen
class Table:
    """What one benchmark found.

    Attributes:
        name: What it is called on the command line.
        title: Its heading.
        method: What was done, in Markdown.
        rows: Cells of a row each: what, then one of each column.
        ratios: What counts of it.
        columns: Who is compared: the plugin, then the others.
    """

    name: str
    title: str
    method: str
    rows: tuple[tuple[str, ...], ...]
    ratios: tuple[Ratio, ...]
    columns: tuple[str, ...] = ("plugin", "plain await")

    def markdown(self) -> str:
        """As a section of a document; numbers that are held to a bound come last."""
        width = len(self.columns) + 2
        rows = [(*row, *[""] * (width - len(row))) for row in self.rows]
        rows += [(*ratio.cells()[:-1], *[""] * (width - 4), ratio.cells()[-1]) for ratio in self.ratios]
        lines = [("", *self.columns, "held to"), ("---", *["--:"] * len(self.columns), "---"), *rows]
        grid = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        return f"## {self.name}: {self.title}\n\n{self.method}\n\n{grid}\n"


def summary(tables: Sequence[Table]) -> str:
    """All ratios as one table of plain text."""
    rows = [("", "", "plugin", "otherwise", "held to")]
    rows += [(table.name, *ratio.cells()) for table in tables for ratio in table.ratios]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def document(facts: Mapping[str, str], tables: Sequence[Table]) -> str:
    """The whole of ``RESULTS.md``."""
    told = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    sections = "\n".join(table.markdown() for table in tables)
    return f"{_INTRODUCTION}\n| | |\n| --- | --- |\n{told}\n\n{sections}"

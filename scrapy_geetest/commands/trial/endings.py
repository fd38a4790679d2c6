"""How an attempt may end, and the exit code of each."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from scrapy_geetest.exceptions import (
    BudgetExhausted,
    CircuitOpen,
    SolutionRejected,
    SolveError,
    StoppedError,
)

if TYPE_CHECKING:
    from scrapy_geetest.exceptions import GeetestError


class Ending(Enum):
    """The word for it, and the exit code."""

    ACCEPTED = "accepted", 0
    REFUSED = "refused", 1
    FAILED = "failed", 2
    UNVERIFIED = "unverified", 3
    NOT_WITHHELD = "not withheld", 4
    NOT_BOUGHT = "not bought", 5
    NOT_SOLVED = "not solved", 6
    INCOMPLETE = "incomplete", 7

    @property
    def word(self) -> str:
        """For people, and in JSON."""
        return self.value[0]

    @property
    def code(self) -> int:
        """For the shell."""
        return self.value[1]


EXIT_CODES = (
    "Exit codes: 0 the site accepted the solution; 1 it refused it; 2 the attempt could not be made (wrong command line, no "
    "key, plugin turned off, failed download, Ctrl-C); 3 it is not known whether the site accepted it; 4 nothing was "
    "withheld, nothing was bought; 5 nothing was bought: declined, nobody to ask, or no budget; 6 the service gave no "
    "solution; 7 the declaration is incomplete: no site for the URL, no challenge, or no way to send the answer."
)


def ending_of(error: GeetestError) -> Ending:
    """How a request ended that was given up with *error* before there was a verdict."""
    if isinstance(error, SolutionRejected):
        return Ending.REFUSED
    if isinstance(error, SolveError):
        return Ending.NOT_SOLVED
    if isinstance(error, BudgetExhausted):
        return Ending.NOT_BOUGHT
    return Ending.FAILED if isinstance(error, StoppedError | CircuitOpen) else Ending.INCOMPLETE

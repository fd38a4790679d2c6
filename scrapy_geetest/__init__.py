"""Gets a Scrapy crawl past GeeTest v3 and v4 CAPTCHAs, solved by CapMonster Cloud."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from scrapy_geetest._version import __version__

if TYPE_CHECKING:
    from scrapy_geetest._services.errors import Reaction
    from scrapy_geetest._services.service import ServiceCall, SolvingService
    from scrapy_geetest._services.task import Task
    from scrapy_geetest.addon import Addon
    from scrapy_geetest.challenge import V3Challenge, V3Solution, V4Challenge, V4Solution
    from scrapy_geetest.exceptions import (
        BudgetExhausted,
        ChallengeError,
        ChallengeNotNeeded,
        ChallengeNotReady,
        CircuitOpen,
        GeetestError,
        SolutionRejected,
        SolveError,
        StoppedError,
        SubmissionError,
    )
    from scrapy_geetest.middleware import GeetestMiddleware
    from scrapy_geetest.site import GeetestSite

__all__ = [
    "Addon",
    "BudgetExhausted",
    "ChallengeError",
    "ChallengeNotNeeded",
    "ChallengeNotReady",
    "CircuitOpen",
    "GeetestError",
    "GeetestMiddleware",
    "GeetestSite",
    "Reaction",
    "ServiceCall",
    "SolutionRejected",
    "SolveError",
    "SolvingService",
    "StoppedError",
    "SubmissionError",
    "Task",
    "V3Challenge",
    "V3Solution",
    "V4Challenge",
    "V4Solution",
    "__version__",
]

# Imported when asked for: every scrapy command imports this package for its commands, and the sandbox needs none of it.
_HOMES = {
    "_services.errors": ("Reaction",),
    "_services.service": ("ServiceCall", "SolvingService"),
    "_services.task": ("Task",),
    "addon": ("Addon",),
    "challenge": ("V3Challenge", "V3Solution", "V4Challenge", "V4Solution"),
    "exceptions": (
        *(
            "BudgetExhausted",
            "ChallengeError",
            "ChallengeNotNeeded",
            "ChallengeNotReady",
            "CircuitOpen",
            "GeetestError",
        ),
        *("SolutionRejected", "SolveError", "StoppedError", "SubmissionError"),
    ),
    "middleware": ("GeetestMiddleware",),
    "site": ("GeetestSite",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

"""What the processes of the compared clients have in common. It imports nothing but the standard library."""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True)
class Plan:
    """What a client is to do.

    Attributes:
        url: The service's base.
        api_key: Its client key.
        captcha_id: Of the GeeTest v4 site that all tasks are for.
        name: The client's, which its tasks carry in their website's address.
        count: How many solutions it asks for.
        at_once: How many of them are pending at the same time, as long as there are so many.
    """

    url: str
    api_key: str
    captcha_id: str
    name: str
    count: int
    at_once: int

    def website(self, number: int) -> str:
        """The address of the website that the task of this number is for."""
        return f"https://{self.name}.example/{number}"


@dataclass
class Log:
    """What became of the tasks.

    Attributes:
        known: When a solution was known, in seconds since the epoch, by number.
        errors: Why there was none, and how often.
        polls: Polls that the client itself counted, where it does.
    """

    known: dict[int, float] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    polls: int | None = None

    def solved(self, number: int) -> None:
        """A solution is known now."""
        self.known[number] = time.time()

    def failed(self, error: object) -> None:
        """There is none."""
        self.errors[f"{type(error).__name__}: {error}"[:80]] += 1


def run(work: Callable[[Plan, Log], None], distributions: Iterable[str]) -> None:
    """Do what the command line tells, and tell on standard output what came of it.

    Args:
        work: Has the client solve the plan's tasks, and logs each.
        distributions: Whose versions are told.
    """
    plan, log = Plan(**json.loads(sys.argv[1])), Log()
    gc.collect()
    before, began = memory_kb("VmRSS"), time.process_time()
    work(plan, log)
    outcome = {
        "known": log.known,
        "errors": log.errors,
        "polls": log.polls,
        "cpu": time.process_time() - began,
        "memory_kb": memory_kb("VmHWM") - before,
        "versions": {name: version(name) for name in distributions},
    }
    sys.stdout.write(json.dumps(outcome))
    sys.stdout.flush()
    # A client whose task has failed may leave a thread behind that would hold up the end for another minute.
    os._exit(0)


def memory_kb(name: str) -> int:
    """A figure of this process's memory, from Linux's ``/proc``: ``VmRSS`` (now) or ``VmHWM`` (the highest so far)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))

"""How long solutions lie ready before they are fetched, and how many polls that takes."""

from __future__ import annotations

import math

from benchmarks.report import Ratio, Table
from benchmarks.solve_times import AT_ONCE, DISTRIBUTIONS, ROUND_TRIP, measure

TASKS = 5000

METHOD = f"""\
{TASKS:,} tasks for each distribution of solve times, {AT_ONCE} at once, in virtual time: the plugin's pacing decides when a task is
polled, an answer comes {ROUND_TRIP * 1000:.0f} ms after its poll. "Delay" is the time from a solution's being ready to its being fetched; a poll
every two seconds that knows nothing has one of {1 + ROUND_TRIP:g} s. The polls are compared with those of a client that asks every second, as
the service's official one does. The service allows one poll of a task every two seconds."""


def measure_all() -> Table:
    """Solve all, and compare."""
    rows: list[tuple[str, ...]] = []
    ratios: list[Ratio] = []
    for wanted in DISTRIBUTIONS:
        seen = measure(wanted, TASKS)
        rows.append((f"{wanted.name}: longest delay, seconds", f"{seen.longest:.2f}"))
        bound = wanted.mean_at_most if wanted.mean_at_most < math.inf else None
        ratios.append(Ratio(f"{wanted.name}: mean delay, seconds", seen.delay, at_most=bound))
        if wanted.most_at_most < math.inf:
            ratios.append(Ratio(f"{wanted.name}: longest delay, seconds", seen.longest, at_most=wanted.most_at_most))
        ratios.append(Ratio(f"{wanted.name}: polls ÷ polls every second", seen.polls, at_most=0.5))
        ratios.append(Ratio(f"{wanted.name}: least seconds between polls", seen.closest, at_least=2.0))
    return Table(
        "lateness", "from ready to fetched", METHOD, tuple(rows), tuple(ratios), columns=("plugin", "otherwise")
    )

"""``python -m benchmarks [name …] [--check]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import (
    clients,
    crowd,
    detect,
    fair,
    fresh,
    gate,
    lateness,
    memory,
    overhead,
    sites,
    stall,
    throughput,
)
from benchmarks.machine import facts
from benchmarks.report import document, summary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.report import Table

BENCHMARKS: Mapping[str, Callable[[], Table]] = {
    "stall": stall.measure,
    "crowd": crowd.measure,
    "fair": fair.measure,
    "throughput": throughput.measure,
    "gate": gate.measure,
    "fresh": fresh.measure,
    "overhead": overhead.measure,
    "sites": sites.measure,
    "memory": memory.measure,
    "clients": clients.measure,
    "lateness": lateness.measure_all,
    "detect": detect.measure,
}
RESULTS = Path(__file__).with_name("RESULTS.md")


def main(argv: Sequence[str] | None = None) -> int:
    """Run benchmarks, print what they found, and write it down if all were run.

    Args:
        argv: The arguments without the program's name; ``None``: those of the process.

    Returns:
        The exit status: 1 if ``--check`` was given and a bound was missed.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=RESULTS.name + " is rewritten by a whole run."
    )
    parser.add_argument("names", nargs="*", metavar="name", help=f"{', '.join(BENCHMARKS)}; none named: all")
    parser.add_argument("--check", action="store_true", help="fail if a bound is missed")
    arguments = parser.parse_args(argv)
    if unknown := [name for name in arguments.names if name not in BENCHMARKS]:
        parser.error(f"there is no benchmark {unknown[0]}; there are {', '.join(BENCHMARKS)}")
    tables = []
    for name in arguments.names or BENCHMARKS:
        sys.stderr.write(f"{name} …\n")
        tables.append(BENCHMARKS[name]())
        sys.stdout.write(tables[-1].markdown() + "\n")
        sys.stdout.flush()
    sys.stdout.write(summary(tables))
    if not arguments.names:
        RESULTS.write_text(document(facts(), tables), encoding="utf-8")
    missed = [ratio for table in tables for ratio in table.ratios if not ratio.is_met]
    return 1 if missed and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())

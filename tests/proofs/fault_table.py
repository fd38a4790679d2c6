"""Every fault of the sandbox at every call, once and for ever: what became of the request, and what it cost.

Usage: ``python tests/proofs/fault_table.py [WORD…]``: it prints a line for each fault, of those whose names or calls hold one of
the words. It takes a minute or two, and exits with 1 if anything is not as it has to be.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ["TLDEXTRACT_PUBLIC_SUFFIX_LIST_URLS"] = ""  # cookies without asking the internet

from fault_crawl import LONGEST, Run, run_cells
from fault_matrix import CALLS, cells, pairs
from reactor import run

from scrapy_geetest.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence

AT_ONCE = 4
_ROW = "{:41}  {:>5}  {:44} {:>5}  {}\n"


def main(words: Sequence[str]) -> int:
    """Run the matrix, and print it."""
    problems: list[str] = []
    with ExitStack() as stack:
        sandboxes = [stack.enter_context(Sandbox()) for _ in range(AT_ONCE)]
        for call in CALLS:
            faults = [fault for called, fault in pairs() if called == call and _is_wanted(f"{call} {fault}", words)]
            outcome = run(run_cells([cell for fault in faults for cell in cells(call, fault)], sandboxes), timeout=600)
            problems += outcome.problems()
            _print(call, faults, {str(one.cell): one for one in outcome.runs})
    sys.stdout.write("".join(f"NOT AS IT HAS TO BE: {problem}\n" for problem in problems))
    verdict = f"{len(problems)} problems" if problems else "all as it has to be"
    sys.stdout.write(f"{verdict}; no crawl may take longer than {LONGEST:g} s\n")
    return 1 if problems else 0


def _is_wanted(name: str, words: Sequence[str]) -> bool:
    return not words or any(word in name for word in words)


def _print(call: str, faults: list[str], runs: dict[str, Run]) -> None:
    sys.stdout.write(_ROW.format(f"\n{call}", "tasks", "the request ends in", "s", "tasks_failed"))
    for fault in faults:
        for cell in cells(call, fault):
            one = runs[str(cell)]
            failed = ", ".join(f"{code} {count}" for code, count in one.failed.items())
            name = f"{fault} {'for ever' if cell.for_ever else 'once'}"
            sys.stdout.write(_ROW.format(name, one.tasks, one.ends, f"{one.seconds:.1f}", failed))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

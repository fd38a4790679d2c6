"""A crawl with three services that fail in turn: every page, and the books of all, to the last task and millionth.

Usage: ``python tests/proofs/failover.py [PAGES]`` (200 by default): the preferred service is killed, comes back and runs out of
money, the second one is busy for a while. It prints what each service saw, and exits with 1 if anything is not as it has to be.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ["TLDEXTRACT_PUBLIC_SUFFIX_LIST_URLS"] = ""  # cookies without asking the internet

from failover_crawl import NAMES, run_failover
from fault_crawl import quick
from reactor import run

from scrapy_geetest.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Run it, and print it."""
    pages = int(arguments[0]) if arguments else 200
    with Sandbox() as sandbox, quick():
        done = run(run_failover(sandbox, pages), timeout=600)
    stats = done.crawl.stats
    sys.stdout.write(f"{len(done.crawl.pages)} pages, {stats['tasks_created']} tasks, failover {stats['failover']}\n")
    for name in NAMES:
        books, relay = done.books[name], done.relays[name]
        sys.stdout.write(
            f"{name:12} created {books['created']['total']:4} (stats {stats[f'tasks_created/service/{name}']:4}, answers lost "
            f"{len(relay.lost)}), cost {books['cost_millionths']:7} (stats {stats[f'cost_millionths/service/{name}']:7}), "
            f"refused {dict(books['refused'])}, faults {dict(books['faults'])}\n"
        )
    problems = done.problems()
    sys.stdout.write("".join(f"NOT AS IT HAS TO BE: {problem}\n" for problem in problems))
    sys.stdout.write(f"{len(problems)} problems\n" if problems else "all as it has to be\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

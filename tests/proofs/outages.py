"""Outages of the solving service and of Redis, of 1 s and of 30 s: every page comes, no task is paid twice, no breaker opens.

Usage: ``python tests/proofs/outages.py [WORD …] [--pages N] [--seconds S …]``: a line for each kind of outage whose name holds
one of the words, 200 pages each. It takes a few minutes, and exits with 1 if anything is not as it has to be.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ["TLDEXTRACT_PUBLIC_SUFFIX_LIST_URLS"] = ""  # cookies without asking the internet

from outage_crawl import KINDS, MORE_SECONDS, REDIS_KINDS, crawl_through, missing
from reactor import run

PAGES = 200
SECONDS = (1.0, 30.0)
AT_ONCE = 2
SECONDS_A_PAGE = 0.2  # on a loaded machine, with others at once


def main() -> int:
    """Crawl through the outages, and say what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("words", nargs="*", metavar="WORD")
    parser.add_argument("--pages", type=int, default=PAGES, help=f"of each crawl (default: {PAGES})")
    parser.add_argument("--seconds", type=float, nargs="+", default=SECONDS, help="how long the outages last")
    options = parser.parse_args()
    kinds = [
        kind for kind in (*KINDS, *REDIS_KINDS) if not options.words or any(word in kind for word in options.words)
    ]
    rows = [(kind, seconds) for kind in kinds if not missing(kind) for seconds in options.seconds]
    limit = sum(MORE_SECONDS + seconds + SECONDS_A_PAGE * options.pages for _, seconds in rows)
    problems = run(_all(rows, options.pages), timeout=60 + limit)
    skipped = [kind for kind in kinds if missing(kind)]
    sys.stdout.write("".join(f"NOT AS IT HAS TO BE: {problem}\n" for problem in problems))
    sys.stdout.write("".join(f"not tried, redis or redis-server is not installed: {kind}\n" for kind in skipped))
    sys.stdout.write(f"{len(problems)} problems\n" if problems else f"all {len(rows)} as it has to be\n")
    return 1 if problems else 0


async def _all(rows: list[tuple[str, float]], pages: int) -> list[str]:
    problems: list[str] = []
    waiting = iter(rows)

    async def work() -> None:
        for kind, seconds in waiting:
            outcome = await crawl_through(kind, seconds, pages)
            sys.stdout.write(f"{outcome}\n")
            sys.stdout.flush()
            problems.extend(outcome.problems())

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return problems


if __name__ == "__main__":
    sys.exit(main())

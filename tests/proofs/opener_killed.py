"""A worker that is opening a gate is killed at a random moment: another one opens it, and nothing comes twice.

Usage: ``python tests/proofs/opener_killed.py [ROUNDS [SEED]]``: it prints a line for each round. Four workers of scrapy-redis
take 200 pages behind one gate from one queue. What is lost is what scrapy-redis loses by itself: requests that the killed
worker had taken out of the queue.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import shared_queue

from scrapy_geetest.sandbox import Sandbox

if TYPE_CHECKING:
    import subprocess
    from collections import Counter

WORKERS, PAGES, ROUNDS = 4, 200, 10
HELD = 12 + 4  # requests that a worker has at most: parked, and in the downloader
SOLVE_SECONDS = 1.5
OPENER_SECONDS = 3.0  # a lease as short as that saves time
RUN_SECONDS = 90


def main() -> int:
    """Each round on a Redis of its own."""
    if lacking := shared_queue.missing():
        print(f"not installed: {lacking}")
        return 1
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    chance = random.Random(sys.argv[2] if len(sys.argv) > 2 else None)
    options = {"solve_seconds": (SOLVE_SECONDS, SOLVE_SECONDS + 0.5), "latency": 0.05}
    failures = 0
    with Sandbox(**options) as sandbox:
        for _ in range(rounds):
            failures += not _round(sandbox, options, chance.uniform(0.0, SOLVE_SECONDS + 1.5))
    return 1 if failures else 0


def _round(sandbox: Sandbox, options: dict[str, Any], seconds: float) -> bool:
    sandbox.reset(**options)
    with shared_queue.redis_server() as url, tempfile.TemporaryDirectory() as folder:
        plans = [
            {
                **shared_queue.plan_of(sandbox, url, Path(folder), "gate", worker, {"GEETEST_STORAGE_URI": url}),
                "pages": PAGES,
                "opener_seconds": OPENER_SECONDS,
            }
            for worker in range(WORKERS)
        ]
        logs = [Path(plan["out"] + ".log") for plan in plans]
        processes = [shared_queue.start_worker(plan, log) for plan, log in zip(plans, logs, strict=True)]
        try:
            shared_queue.begin(url, processes, logs)
            _kill_opener(plans, processes, seconds)
            for process in processes:
                process.wait(RUN_SECONDS)
        finally:
            for process in processes:
                process.kill()
                process.wait()
        works = [
            shared_queue.work_of(plan, log, process.returncode)
            for plan, log, process in zip(plans, logs, processes, strict=True)
        ]
    return _judge(sandbox.books(), shared_queue.scraped(works), seconds)


def _kill_opener(plans: list[dict[str, Any]], processes: list[subprocess.Popen[bytes]], seconds: float) -> None:
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        for plan, process in zip(plans, processes, strict=True):
            if Path(plan["out"] + ".opens").exists():
                time.sleep(seconds)
                process.kill()
                return
        time.sleep(0.01)
    raise TimeoutError("nobody opens the gate")


def _judge(books: dict[str, Any], pages: Counter[str], seconds: float) -> bool:
    wanted = shared_queue.expected("gate", PAGES)
    tasks, lost, twice = books["created"]["total"], len(wanted - pages), (pages - wanted).total()
    holds = tasks <= 2 and lost <= HELD and not twice
    print(
        f"killed {seconds:.2f} s after it began to open: {tasks} tasks; {lost} of {PAGES} pages were in the killed worker "
        f"(at most {HELD}), {twice} came twice{'' if holds else '  FAILS'}",
        flush=True,
    )
    return holds


if __name__ == "__main__":
    sys.exit(main())

"""Stops a crawl with SIGTERM while many solutions are pending, resumes it, and checks that every page came exactly once.

Usage: ``python tests/proofs/stop_and_resume.py [--times 20]``
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from scrapy_geetest.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
PAGES = 60
LIMIT = 5.0  # seconds that an exit may take


@frozen
class Run:
    """One crawl that was stopped.

    Attributes:
        seconds: From the signal to the exit.
        pending: Tasks that were created and not fetched when the signal came.
        stats: The statistics of the stopped crawl.
        log: Its log.
    """

    seconds: float
    pending: int
    stats: dict[str, Any]
    log: str


def plan(sandbox: Sandbox, folder: Path, **settings: Any) -> dict[str, Any]:
    """What ``stoppable.py`` is told."""
    site = {
        "name": "search",
        "urls": [f"{sandbox.url.partition('://')[2]}/v3"],
        "detect_css": "#captcha-holder",
        "challenge_url": "/v3/gt/register-slide",
    }
    return {
        "url": sandbox.url,
        "pages": PAGES,
        "out": str(folder / "items.txt"),
        "settings": {
            "ADDONS": {"scrapy_geetest.Addon": 500},
            "CONCURRENT_REQUESTS_PER_DOMAIN": 16,
            "GEETEST_API_KEY": sandbox.api_key,
            "GEETEST_API_URL": sandbox.service_url,
            "GEETEST_MAX_CONCURRENT_SOLVES": 50,
            "GEETEST_SITES": [site],
            "JOBDIR": str(folder / "job"),
            "LOG_LEVEL": "INFO",
            "TELNETCONSOLE_ENABLED": False,
            **settings,
        },
    }


def stop(wanted: dict[str, Any], is_time: Callable[[], bool], pending: Callable[[], int], signals: int = 1) -> Run:
    """Start a crawl, and send it SIGTERM when it is time.

    Raises:
        TimeoutError: It did not exit within ten times the limit.
    """
    process = _start(wanted)
    try:
        while not is_time():
            if process.poll() is not None:
                raise RuntimeError(f"the crawl ended by itself: {process.communicate()[1]}")
            time.sleep(0.02)
        waiting, began = pending(), time.monotonic()
        for _ in range(signals):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.1 if signals > 1 else 0)
        _, log = process.communicate(timeout=10 * LIMIT)
        seconds = time.monotonic() - began
    finally:
        process.kill()
    stats_file = Path(wanted["out"] + ".stats")
    stats = json.loads(stats_file.read_text().splitlines()[-1]) if stats_file.exists() else {}
    return Run(seconds, waiting, stats, log)


def resume(wanted: dict[str, Any]) -> str:
    """Run a crawl to its end; returns its log."""
    process = _start(wanted)
    try:
        return process.communicate(timeout=120)[1]
    finally:
        process.kill()


def scraped(wanted: dict[str, Any]) -> Counter[str]:
    """How often each page was scraped."""
    out = Path(wanted["out"])
    return Counter(out.read_text().splitlines()) if out.exists() else Counter()


def expected() -> Counter[str]:
    """Every page exactly once."""
    return Counter(f"{number} word{number}" for number in range(PAGES))


def _start(wanted: dict[str, Any]) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE / "stoppable.py"), json.dumps(wanted)]
    # Scrapy's cookies would ask the internet for the list of public suffixes, though they come with one.
    environ = {**os.environ, "TLDEXTRACT_PUBLIC_SUFFIX_LIST_URLS": ""}
    return subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def main() -> int:
    """Stop and resume, again and again, at random moments."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--times", type=int, default=20)
    times = parser.parse_args().times
    failures = 0
    with Sandbox(solve_seconds=(6.0, 9.0)) as sandbox:
        for turn in range(1, times + 1):
            sandbox.reset(solve_seconds=(6.0, 9.0), seed=turn)
            moment = random.uniform(0, 2)  # a moment, no secret
            with tempfile.TemporaryDirectory() as folder:
                failures += not once(sandbox, Path(folder), turn, moment)
    print(f"{times - failures} of {times} times: exit within {LIMIT:g} s, and every page exactly once")
    return 1 if failures else 0


def once(sandbox: Sandbox, folder: Path, turn: int, moment: float) -> bool:
    """Stop one crawl ``moment`` seconds after 50 tasks were created, and resume it with a quicker service."""

    def created() -> int:
        return int(sandbox.books()["created"]["total"])

    def pending() -> int:
        return int(sandbox.books()["outcomes"].get("unfetched", 0))

    reached: list[float] = []

    def is_time() -> bool:
        if not reached and created() >= 50:  # all permits
            reached.append(time.monotonic())
        return bool(reached) and time.monotonic() - reached[0] >= moment

    wanted = plan(sandbox, folder)
    run = stop(wanted, is_time, pending)
    sandbox.reset(solve_seconds=0.3)
    resume(wanted)
    missing, twice = expected() - scraped(wanted), scraped(wanted) - expected()
    good = run.seconds <= LIMIT and not missing and not twice
    print(
        f"{turn:3}: SIGTERM with {run.pending} tasks pending, exit after {run.seconds:.1f} s, "
        f"{run.stats.get('geetest/tasks_abandoned')} abandoned, missing {len(missing)}, twice {len(twice)}"
        f"{'' if good else '  FAILED'}",
        flush=True,
    )
    return good


if __name__ == "__main__":
    sys.exit(main())

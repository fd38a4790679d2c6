"""Ends crawls at random moments while 50 paid tasks are pending, and checks that the next run, or another worker, collects them.

Usage: ``python tests/proofs/kill_and_collect.py [--times 20] [--kinds file redis] [--signals KILL TERM]``

It goes through the service's books: each task ends used, failed, or told as lost because of its age; the only ones that
nobody knows of are those whose createTask was answered at the very moment of the kill, so that they are not in the storage.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, closing
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, field

sys.path.insert(0, str(Path(__file__).parent))

import shared_queue

from scrapy_geetest.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterable

HERE = Path(__file__).parent
PAGES = 80
PENDING = 50
RUN_SECONDS = 120.0
CUT_OFF = 1.0  # seconds before a kill in which the answer to a createTask may not have been written down
SOLVE_SECONDS = (3.0, 5.0)
FIELDS = {
    "captcha_id": None,
    "lot_number": "x-captcha-lot-number",
    "pass_token": "x-captcha-pass-token",
    "gen_time": "x-captcha-gen-time",
    "captcha_output": "x-captcha-output",
}
DEAD = frozenset({"failed", "expired"})


@define
class Turn:
    """One crawl that is ended and taken up again.

    Attributes:
        sandbox: With empty books.
        folder: For all that is written.
        storage: ``GEETEST_STORAGE_URI``.
        extra: Further settings of all runs.
        runs: The processes, in the order of their start.
        ended: When the first one was sent its signal, in seconds since the epoch.
        written: The ids of the tasks that were in the storage when it had ended.
    """

    sandbox: Sandbox
    folder: Path
    storage: str
    extra: dict[str, Any]
    pages: int = PAGES
    pending: int = PENDING
    runs: list[subprocess.Popen[bytes]] = field(factory=list)
    ended: float = 0.0
    written: set[int] = field(factory=set)

    @property
    def settings(self) -> dict[str, Any]:
        """Of all runs."""
        site = {
            "name": "headers",
            "urls": [f"{self.sandbox.url.partition('://')[2]}/headers"],
            "submit_as": "headers",
            "field_names": FIELDS,
        }
        return {
            "ADDONS": {"scrapy_geetest.Addon": 500},
            "CONCURRENT_REQUESTS_PER_DOMAIN": 16,
            "GEETEST_API_KEY": self.sandbox.api_key,
            "GEETEST_API_URL": self.sandbox.service_url,
            "GEETEST_MAX_CONCURRENT_SOLVES": self.pending,
            "GEETEST_SITES": [site],
            "GEETEST_STORAGE_URI": self.storage,
            "LOGSTATS_INTERVAL": 0,
            "LOG_LEVEL": "INFO",
            "TELNETCONSOLE_ENABLED": False,
            **self.extra,
        }

    def start(self, **settings: Any) -> None:
        """Start a run, which logs to a file of its own."""
        number = len(self.runs)
        plan = {
            "url": self.sandbox.url,
            "pages": self.pages,
            "out": str(self.folder / "items"),
            "stats": str(self.folder / f"stats{number}"),
            "settings": {**self.settings, **settings},
        }
        environ = {**os.environ, "TLDEXTRACT_PUBLIC_SUFFIX_LIST_URLS": ""}
        command = [sys.executable, str(HERE / "paid_pages.py"), json.dumps(plan)]
        with (self.folder / f"log{number}").open("wb") as log:
            self.runs.append(subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=log))

    def end_first(self, signal_name: str, seconds: float) -> None:
        """Send the first run a signal, some *seconds* after as many tasks were created as may be pending.

        Raises:
            RuntimeError: It has ended before.
        """
        process, deadline = self.runs[0], time.monotonic() + RUN_SECONDS
        while self.sandbox.books()["created"]["total"] < self.pending:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"no {self.pending} tasks were created: {self.log}")
            time.sleep(0.02)
        time.sleep(seconds)
        self.ended = time.time()
        process.send_signal(getattr(signal, f"SIG{signal_name}"))
        process.wait(RUN_SECONDS)
        self.written = self._written()

    def wait(self) -> None:
        """Wait for all runs.

        Raises:
            subprocess.TimeoutExpired: One does not end.
        """
        for process in self.runs:
            process.wait(RUN_SECONDS)

    @property
    def log(self) -> str:
        """What all runs have logged."""
        return "\n".join(self._text(f"log{number}") for number in range(len(self.runs)))

    @property
    def stats(self) -> list[dict[str, Any]]:
        """The statistics of those runs that came to an end."""
        texts = [self._text(f"stats{number}") for number in range(len(self.runs))]
        return [json.loads(text) for text in texts if text]

    @property
    def scraped(self) -> Counter[str]:
        """How often each page was scraped."""
        return Counter(self._text("items").split())

    def _written(self) -> set[int]:
        """The tasks in the storage at this moment."""
        if not self.storage.startswith("file:"):
            keys = shared_queue.keys(self.storage, "scrapy-geetest:{task}:*")
        else:
            with closing(sqlite3.connect(self.storage.partition("://")[2])) as file:
                rows = file.execute("SELECT key, value FROM entries WHERE kind = 'task'").fetchall()
            keys = [key for key, value in rows if value.partition("\n")[2]]
        return {int(key.rpartition(":")[2]) for key in keys}

    def _text(self, name: str) -> str:
        path = self.folder / name
        return path.read_text() if path.exists() else ""


@define
class Findings:
    """What the books of all sides say of a turn."""

    pages: int
    bought: int
    used: int
    failed: int
    told: int
    cut_off: int
    unknown: list[int]
    recovered: int
    missing: int
    twice: int
    unbalanced: int

    @classmethod
    def of(cls, turn: Turn) -> Findings:
        """Look at the books."""
        told = {int(number) for line in _told(turn.log) for number in re.findall(r"(\d+) of capmonster", line)}
        tasks = turn.sandbox.books()["tasks"]
        open_ones = [one for one in tasks if not one["used"] and one["outcome"] not in DEAD and one["id"] not in told]
        cut_off = [
            one for one in open_ones if one["id"] not in turn.written and abs(turn.ended - one["created"]) <= CUT_OFF
        ]
        expected = Counter(str(number) for number in range(turn.pages))
        return cls(
            pages=turn.pages,
            bought=len(tasks),
            used=sum(1 for one in tasks if one["used"]),
            failed=sum(1 for one in tasks if not one["used"] and one["outcome"] in DEAD),
            told=len(told),
            cut_off=len(cut_off),
            unknown=[one["id"] for one in open_ones if one not in cut_off],
            recovered=sum(stats["geetest/tasks_recovered"] for stats in turn.stats),
            missing=(expected - turn.scraped).total(),
            twice=(turn.scraped - expected).total(),
            unbalanced=sum(not _is_balanced(stats) for stats in turn.stats),
        )

    def is_good(self, signal_name: str, *, is_shared: bool) -> bool:
        """Whether nothing is wasted or lost.

        After a kill, pages whose answers were on their way at that moment may be missing where the queue is shared, as they are
        without the plugin, and their tasks were used.
        """
        if self.unknown or self.twice or self.unbalanced or self.told:
            return False
        if signal_name == "TERM":
            return not (self.missing or self.cut_off) and self.bought == self.used
        in_flight = 16
        return self.missing <= (in_flight if is_shared else 0) and self.bought <= self.pages + in_flight + self.cut_off

    def __str__(self) -> str:
        return (
            f"bought {self.bought}, used {self.used}, failed {self.failed}, told as lost {self.told}, cut off {self.cut_off}, "
            f"unknown {len(self.unknown)}; recovered {self.recovered}; missing {self.missing}, twice {self.twice}"
        )


def _told(log: str) -> Iterable[str]:
    return (line for line in log.splitlines() if "cannot be collected any more" in line)


def _is_balanced(stats: dict[str, Any]) -> bool:
    def total(*names: str) -> int:
        return sum(stats[f"geetest/{name}"] for name in names)

    return total("tasks_created", "tasks_recovered") == total(
        "tasks_solved", "tasks_failed", "tasks_abandoned"
    ) and total("tasks_solved") == total("accepted", "rejected", "unverified", "unused")


def in_file(turn: Turn, signal_name: str, seconds: float) -> None:
    """The same crawl twice, with ``JOBDIR``, which a killed one does not leave in order: then from what was scraped."""
    job = str(turn.folder / "job")
    turn.start(JOBDIR=job)
    turn.end_first(signal_name, seconds)
    turn.start(**({"JOBDIR": job} if signal_name == "TERM" else {}))
    turn.wait()


def in_redis(turn: Turn, signal_name: str, seconds: float, *, is_alive: bool) -> None:
    """A queue that two workers share.

    Args:
        turn: With the settings for it.
        signal_name: What the first one is sent.
        seconds: When.
        is_alive: Whether the other one is there at that moment; else it is started afterwards.
    """
    turn.start()
    if is_alive:
        turn.start()
    turn.end_first(signal_name, seconds)
    if not is_alive:
        turn.start()
    turn.wait()


def once(
    sandbox: Sandbox,
    kind: str,
    signal_name: str,
    number: int,
    seconds: float,
    *,
    pages: int = PAGES,
    pending: int = PENDING,
    solve_seconds: tuple[float, float] = SOLVE_SECONDS,
) -> Findings:
    """One crawl, ended and taken up again."""
    sandbox.reset(solve_seconds=solve_seconds, seed=number)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if kind == "file":
            turn = Turn(sandbox, folder, f"file://{folder}/storage.db", {}, pages, pending)
        else:
            url = stack.enter_context(shared_queue.redis_server())
            turn = Turn(sandbox, folder, url, {**shared_queue.DOCUMENTED, "REDIS_URL": url}, pages, pending)
        try:
            if kind == "file":
                in_file(turn, signal_name, seconds)
            else:
                in_redis(turn, signal_name, seconds, is_alive=bool(number % 2))
        finally:
            for process in turn.runs:
                process.kill()
                process.wait()
        return Findings.of(turn)


def main() -> int:
    """End and take up again, again and again."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--kinds", nargs="+", default=["file", "redis"], choices=["file", "redis"])
    parser.add_argument("--signals", nargs="+", default=["KILL", "TERM"], choices=["KILL", "TERM"])
    wanted = parser.parse_args()
    if "redis" in wanted.kinds and (lacking := shared_queue.missing()):
        sys.stdout.write(f"not installed: {lacking}\n")
        return 1
    failures = 0
    with Sandbox() as sandbox:
        for number, kind, signal_name in product(range(wanted.times), wanted.kinds, wanted.signals):
            seconds = random.uniform(0, SOLVE_SECONDS[1])  # a moment, no secret
            findings = once(sandbox, kind, signal_name, number, seconds)
            is_good = findings.is_good(signal_name, is_shared=kind == "redis")
            failures += not is_good
            sys.stdout.write(
                f"{kind} SIG{signal_name} {number + 1:2} after {seconds:.1f} s: {findings}"
                f"{'' if is_good else '  FAILED'}\n"
            )
            sys.stdout.flush()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

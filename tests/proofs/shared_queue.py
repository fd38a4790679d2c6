"""Two workers over one Redis queue: what they bought, what the site accepted, and what they scraped.

Usage: ``python tests/proofs/shared_queue.py``: it prints a line for each site.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from scrapy_geetest.sandbox import Sandbox
from scrapy_geetest.stats import NAMES, PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
WORKERS = 2
PAGES = 60
RUN_SECONDS = 90
READY_SECONDS = 60
STOP_SECONDS = 20
PORT_ATTEMPTS = 5
KINDS = ("login", "gate", "gate3", "gater")
OPTIONS: dict[str, Any] = {"solve_seconds": (0.3, 0.6), "latency": 0.05}  # nobody is done before the other has begun
DOCUMENTED = {  # scrapy-redis's own: shared queue, shared dupefilter, kept until the last worker has ended
    "SCHEDULER": "scrapy_redis.scheduler.Scheduler",
    "DUPEFILTER_CLASS": "scrapy_redis.dupefilter.RFPDupeFilter",
    "SCHEDULER_PERSIST": True,
}


@frozen
class Work:
    """What one worker did.

    Attributes:
        pages: How often it scraped what: ``"<number> <what the page shows>"``.
        stats: Its ``geetest/…`` statistics, without that prefix.
        log: Its log, and all warnings.
        status: Its exit status.
    """

    pages: Counter[str]
    stats: dict[str, int]
    log: str
    status: int


def missing() -> str:
    """What has to be installed before two workers can share a queue; empty: nothing."""
    wanted = {
        "redis-server (Debian: redis-server)": shutil.which("redis-server"),
        "scrapy-redis (PyPI: scrapy-redis)": find_spec("scrapy_redis"),
    }
    return ", ".join(name for name, found in wanted.items() if not found)


@contextmanager
def redis_server() -> Iterator[str]:
    """A Redis of one's own, on a free loopback port, that keeps nothing on disk; gives its URL.

    Raises:
        RuntimeError: It does not start.
    """
    with tempfile.TemporaryDirectory() as folder:
        process, url = _start_redis(folder)
        try:
            yield url
        finally:
            process.terminate()
            try:
                process.communicate(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def _start_redis(folder: str, again: int = 0) -> tuple[subprocess.Popen[str], str]:
    """A Redis on a free port, or *again* on the one that it had."""
    said = ""
    for _ in range(PORT_ATTEMPTS):  # somebody else may take the port first
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = again or free.getsockname()[1]
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        process = subprocess.Popen(
            [*command, "--dir", folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "Ready to accept connections" in line:
                return process, f"redis://127.0.0.1:{port}/0"
        process.communicate()
    raise RuntimeError(f"redis-server did not start: {said}")


def run(
    sandbox: Sandbox, url: str, folder: Path, kind: str, *, workers: int = WORKERS, pages: int = PAGES, **settings: Any
) -> list[Work]:
    """Let two workers scrape 60 pages that are tied to a session.

    Args:
        sandbox: With empty books.
        url: Of a Redis with nothing in it.
        folder: For the results.
        kind: The site: ``"login"``, or the name of a gate.
        workers: How many there are instead.
        pages: How many there are instead.
        settings: In addition to those that all workers have.

    Raises:
        RuntimeError: They do not get ready.
        subprocess.TimeoutExpired: They do not come to an end.
    """
    plans = [{**plan_of(sandbox, url, folder, kind, worker, settings), "pages": pages} for worker in range(workers)]
    logs = [Path(plan["out"] + ".log") for plan in plans]
    processes = [start_worker(plan, log) for plan, log in zip(plans, logs, strict=True)]
    try:
        begin(url, processes, logs)
        statuses = [process.wait(RUN_SECONDS) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return [work_of(plan, log, status) for plan, log, status in zip(plans, logs, statuses, strict=True)]


def plan_of(
    sandbox: Sandbox, url: str, folder: Path, kind: str, worker: int, settings: dict[str, Any]
) -> dict[str, Any]:
    """What one worker is told."""
    # CONCURRENT_REQUESTS and GEETEST_MAX_PARKED: a worker holds 12 pages at most, and leaves the rest to the other one.
    # LOGSTATS_INTERVAL: Scrapy's LogStats asks for a time, which scrapy-redis's collector cannot give back.
    everybody = {
        "ADDONS": {"scrapy_geetest.Addon": 500},
        "CONCURRENT_REQUESTS": 4,
        "GEETEST_API_KEY": sandbox.api_key,
        "GEETEST_API_URL": sandbox.service_url,
        "GEETEST_FIRST_POLL": 0.7,
        "GEETEST_MAX_PARKED": 8,
        "LOGSTATS_INTERVAL": 0,
        "LOG_LEVEL": "INFO",
        "REDIS_URL": url,
        "STATS_KEY": f"%(spider)s:stats:{worker}",
        "TELNETCONSOLE_ENABLED": False,
    }
    return {
        "kind": kind,
        "url": sandbox.url,
        "pages": PAGES,
        "out": str(folder / f"worker{worker}"),
        "settings": {**DOCUMENTED, **everybody, **settings},
    }


def start_worker(plan: dict[str, Any], log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-W", "default", str(HERE / "redis_worker.py"), json.dumps(plan)]
    with log.open("wb") as stderr:
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr)


def begin(url: str, processes: list[subprocess.Popen[bytes]], logs: list[Path]) -> None:
    """Let all workers begin together, so that none finds the work done."""
    import redis

    deadline = time.monotonic() + READY_SECONDS
    with redis.Redis.from_url(url) as server:
        while server.llen("worker:ready") < len(processes):
            if time.monotonic() > deadline or any(process.poll() is not None for process in processes):
                raise RuntimeError("a worker did not get ready: " + "\n".join(log.read_text() for log in logs))
            time.sleep(0.05)
        server.rpush("worker:go", *range(len(processes)))


def work_of(plan: dict[str, Any], log: Path, status: int) -> Work:
    """What one worker did, by what it has written."""
    out = Path(plan["out"])
    stats = Path(plan["out"] + ".stats")
    everything = json.loads(stats.read_text()) if stats.exists() else {}
    return Work(
        pages=Counter(out.read_text().splitlines() if out.exists() else ()),
        stats={name.removeprefix(PREFIX): int(value) for name, value in everything.items() if name.startswith(PREFIX)},
        log=log.read_text(),
        status=status,
    )


def keys(url: str, pattern: str) -> list[str]:
    """Keys in Redis whose values say something."""
    import redis

    with redis.Redis.from_url(url, decode_responses=True) as server:
        found = list(server.scan_iter(pattern))
        return [key for key in found if str(server.get(key) or "").partition("\n")[2]]


def together(works: list[Work], *names: str) -> dict[str, int]:
    """The sums of statistics over the workers; without names: of all that are always there."""
    return {name: sum(work.stats.get(name, 0) for work in works) for name in names or NAMES}


def scraped(works: list[Work]) -> Counter[str]:
    """What all workers scraped."""
    return sum((work.pages for work in works), Counter())


def expected(kind: str, pages: int = PAGES) -> Counter[str]:
    """Every page exactly once."""
    shown = "user" if kind == "login" else "Page "
    return Counter(f"{number} {shown}{number}" for number in range(pages))


def main() -> int:
    """Every kind of site: nothing may be wasted and nothing missing."""
    if lacking := missing():
        sys.stdout.write(f"not installed: {lacking}\n")
        return 1
    failures = 0
    with Sandbox(**OPTIONS) as sandbox:
        for kind in KINDS:
            failures += not _report(sandbox, kind)
    return 1 if failures else 0


def _report(sandbox: Sandbox, kind: str) -> bool:
    sandbox.reset(**OPTIONS)
    with redis_server() as url, tempfile.TemporaryDirectory() as folder:
        works = run(sandbox, url, Path(folder), kind)
    books = sandbox.books()
    bought, submissions = books["created"]["total"], books["submissions"].get("v3-login" if kind == "login" else kind)
    accepted = (submissions or {}).get("accepted", 0)
    pages = scraped(works)
    once = pages == expected(kind)
    sys.stdout.write(
        f"{kind:6} bought {bought:3}, accepted {accepted:3}; {len(expected(kind) & pages)} of {PAGES} pages "
        f"scraped, {' + '.join(str(work.pages.total()) for work in works)} by each worker{'' if once else '  LOSSES'}\n"
    )
    sys.stdout.flush()
    return once and bought == accepted


if __name__ == "__main__":
    sys.exit(main())

"""Runs of the compared clients, each in a process of its own, and what came of them."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from operator import itemgetter
from pathlib import Path
from random import Random
from statistics import mean, quantiles
from typing import IO, TYPE_CHECKING, Any

from attrs import define, evolve, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from benchmarks.clients_environment import Client
    from scrapy_geetest.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[1]
LONGEST = 240.0  # seconds that a run may take
LOOK_SECONDS = 0.1
SEED = 3
TICKS = os.sysconf("SC_CLK_TCK")


@frozen
class Run:
    """What came of one client's run.

    Attributes:
        count: Solutions that it was to get.
        paid: Tasks that were created, and not paid back.
        polls: getTaskResult calls that came for each, in the order of their numbers.
        late: Seconds from ready to known of the solutions that it got, in that order.
        cpu: Seconds of processor time of its process, start-up and imports excepted.
        memory_kb: What its memory has grown by, at most.
        threads: How many its process had, at most.
        told: What else it told.
        connections: That were opened to the service; in a run of several, by all.
        early: Polls that came before the service's floor.
        sandbox_share: Share of a processor that the sandbox took.
    """

    count: int
    paid: int
    polls: tuple[int, ...]
    late: tuple[float, ...]
    cpu: float
    memory_kb: float
    threads: int
    told: Mapping[str, Any]
    connections: int
    early: int
    sandbox_share: float = 0.0

    @property
    def lost(self) -> int:
        """Tasks that were paid for and whose solution did not become known."""
        return self.paid - len(self.late)

    @property
    def polls_each(self) -> float:
        """Polls a solution."""
        return sum(self.polls) / self.count

    @property
    def cpu_ms_each(self) -> float:
        """Milliseconds of processor time a solution."""
        return 1000 * self.cpu / self.count

    @property
    def kb_each(self) -> float:
        """Kilobytes a pending solution, all having been pending at once."""
        return self.memory_kb / self.count

    @property
    def late_mean(self) -> float:
        """Mean seconds from ready to known."""
        return mean(self.late)

    @property
    def late_p95(self) -> float:
        """95th percentile of the seconds from ready to known."""
        return quantiles(self.late, n=20, method="inclusive")[18]


@define
class _Process:
    """A client's process."""

    client: Client
    count: int
    popen: subprocess.Popen[bytes]
    output: IO[bytes]
    threads: int = 0

    def look(self) -> bool:
        """Whether it runs; takes note of its threads."""
        if self.popen.poll() is not None:
            return False
        try:
            self.threads = max(self.threads, len(os.listdir(f"/proc/{self.popen.pid}/task")))  # noqa: PTH208
        except OSError:
            return False
        return True

    def told(self) -> dict[str, Any]:
        """What it told at its end."""
        self.output.seek(0)
        text = self.output.read()
        if self.popen.wait() or not text:
            raise RuntimeError(f"{self.client.column} ended without an outcome; its messages are on stderr")
        told: dict[str, Any] = json.loads(text)
        return told


@frozen
class Arena:
    """One sandbox, and the solve times that all clients meet.

    Attributes:
        sandbox: Its service speaks TLS.
        solve: Solve times are drawn between these, the same ones for every run.
        log: Where errors of the clients are put, by column.
    """

    sandbox: Sandbox
    solve: tuple[float, float]
    log: dict[str, Mapping[str, int]] = field(factory=dict)

    def run(self, client: Client, count: int, *, at_once: int | None = None) -> Run:
        """Run one client alone, under the floor that it can live with."""
        return self.together([client], count, at_once=at_once, floor=client.floor)[0]

    def together(
        self,
        clients: Sequence[Client],
        count: int,
        *,
        at_once: int | None = None,
        floor: float,
        faults: Mapping[str, Any] | None = None,
    ) -> list[Run]:
        """Run clients at the same time.

        Args:
            clients: Which.
            count: How many solutions each is to get.
            at_once: How many of them are pending; ``None``: all.
            floor: Seconds that the service wants between two polls of a task.
            faults: Of the service.

        Raises:
            RuntimeError: A client ended without an outcome, or not at all.
        """
        self.sandbox.reset(solve_seconds=self.solve, seed=SEED, poll_floor=floor, balance=1000.0, faults=faults or {})
        pythons = [client.python() for client in clients]
        began, cpu = time.monotonic(), _cpu_of(self.sandbox.pid)
        processes = [
            self._start(client, python, count, at_once or count)
            for client, python in zip(clients, pythons, strict=True)
        ]
        _wait(processes, began + LONGEST)
        share = (_cpu_of(self.sandbox.pid) - cpu) / (time.monotonic() - began)
        books = self.sandbox.books()
        return [evolve(self._outcome(process, books), sandbox_share=share) for process in processes]

    def _start(self, client: Client, python: str, count: int, at_once: int) -> _Process:
        plan = {
            "url": self.sandbox.service_url,
            "api_key": self.sandbox.api_key,
            "captcha_id": self.sandbox.captchas["v4-form"],
            "name": client.name,
            "count": count,
            "at_once": at_once,
        }
        ca = str(self.sandbox.ca)
        output = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the process's record
        popen = subprocess.Popen(  # its environment's interpreter, this package
            [python, "-m", f"benchmarks.clients_{client.name}", json.dumps(plan)],
            cwd=ROOT,
            stdout=output,
            env={**os.environ, "SSL_CERT_FILE": ca, "NO_PROXY": "*", "no_proxy": "*"},
        )
        return _Process(client, count, popen, output)

    def _outcome(self, process: _Process, books: Mapping[str, Any]) -> Run:
        told = process.told()
        process.output.close()
        known = {int(number): seconds for number, seconds in told.pop("known").items()}
        if told["errors"]:
            self.log[process.client.column] = told["errors"]
        tasks = sorted(self._tasks(process.client, books["tasks"]), key=itemgetter(0))
        return Run(
            count=process.count,
            paid=sum(task["charged_millionths"] > 0 for _, task, _ in tasks),
            polls=tuple(task["polls"] for _, task, _ in tasks),
            late=tuple(known[number] - ready for number, _, ready in tasks if number in known),
            cpu=told["cpu"],
            memory_kb=told["memory_kb"],
            threads=process.threads,
            told=told,
            connections=books["connections"],
            early=sum(task["floor_violations"] for _, task, _ in tasks),
        )

    def _tasks(
        self, client: Client, tasks: Iterable[Mapping[str, Any]]
    ) -> Iterable[tuple[int, Mapping[str, Any], float]]:
        """A client's tasks and when each was ready, by number. The sandbox draws in the order of the tasks."""
        drawn = Random(SEED)  # the very numbers of the sandbox
        for task in tasks:
            ready = task["created"] + drawn.uniform(*self.solve)
            website, _, number = task["task"]["websiteURL"].rpartition("/")
            if website == f"https://{client.name}.example":
                yield int(number), task, ready


def _wait(processes: Sequence[_Process], deadline: float) -> None:
    while [process for process in processes if process.look()]:
        if time.monotonic() > deadline:
            for process in processes:
                process.popen.kill()
            raise RuntimeError(f"{', '.join(process.client.column for process in processes)}: no end")
        time.sleep(LOOK_SECONDS)


def _cpu_of(pid: int) -> float:
    """Seconds of processor time of another process (from Linux's ``/proc``)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS

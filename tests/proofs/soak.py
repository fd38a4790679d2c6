"""Two crawls at once with one budget in Redis, and a service that fails at random: does all of the money add up?

Usage: ``python tests/proofs/soak.py [--pages N]``: 2,000 challenge pages by default, three in ten calls of the service spoilt, and
now and then nothing of it, or of Redis, can be reached for some seconds. It takes a few minutes, prints what was bought,
and exits with 1 if a single task is not where it has to be.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ["TLDEXTRACT_PUBLIC_SUFFIX_LIST_URLS"] = ""  # cookies without asking the internet

import shared_queue
from attrs import define, field, frozen
from fault_crawl import quick
from reactor import run
from sandbox_crawl import (
    PRICE,
    crawl_sandbox,
    search_site,
    searches,
)
from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.web.client import Agent
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from scrapy_geetest import GeetestError
from scrapy_geetest.sandbox import Sandbox

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from crawl import Crawl

PAGES = 2_000
CRAWLS = 2
PROBABILITY = 0.3
BUDGET_SHARE = 0.9  # tasks allowed for each page: fewer than are needed, so that the budget is used up
SECONDS_A_PAGE = 0.5  # far more than a crawl needs, time-outs included
LEAST_SECONDS = 120
OUTAGE_EVERY, OUTAGE_SECONDS = 12.0, 4.0
# Carried out, but the client gets no id: such tasks are charged, and no statistic can count them.
LOST = ("lost-after", "reset-half", "truncated", "task-id-object")
CREATE_FAULTS = (
    *LOST,
    *(
        "lost-before",
        "closed",
        "redirect",
        "http-403",
        "http-500",
        "http-503",
        "html",
        "json-list",
        "json-null",
        "json-wrong-types",
        "task-id-uuid",
    ),
    *(
        "ERROR_NO_SLOT_AVAILABLE",
        "ERROR_CAPTCHA_UNSOLVABLE",
        "ERROR_TOKEN_EXPIRED",
        "ERROR_UNHEARD_OF",
        "ERROR_INVALID_TASK",
    ),
)
RESULT_FAULTS = (
    *(
        "lost-before",
        "lost-after",
        "closed",
        "redirect",
        "reset-half",
        "truncated",
        "http-403",
        "http-429",
        "http-502",
        "json-503",
        "html",
        "empty",
    ),
    *("json-number", "json-wrong-types", "json-strings", "CAPTCHA_NOT_READY", "ready-without-solution"),
    *("ERROR_TOKEN_EXPIRED", "ERROR_CAPTCHA_UNSOLVABLE", "ERROR_PROXY_READ_TIMEOUT", "ERROR_UNHEARD_OF"),
)


@frozen
class Soak:
    """What became of the crawls.

    Attributes:
        pages: Pages that were wanted, together.
        budget: Tasks that were allowed, together.
        crawls: What each spider saw.
        books: What the sandbox saw.
        seconds: How long it took.
        outages: What could not be reached meanwhile, and which calls met that.
    """

    pages: int
    budget: int
    crawls: tuple[Crawl, ...]
    books: dict[str, Any]
    seconds: float
    outages: Outages

    def sum(self, name: str) -> int:
        """A statistic over all crawls."""
        return sum(int(one.stats.get(name, 0)) for one in self.crawls)

    @property
    def lost(self) -> int:
        """Tasks whose id never arrived."""
        return sum(self.books["faults"].get(f"createTask:{fault}", 0) for fault in LOST)

    @property
    def outcomes(self) -> Counter[str]:
        """How the requests ended."""
        errors = (type(error).__name__ for one in self.crawls for error in one.errors)
        return Counter({"page": sum(len(one.pages) for one in self.crawls)}) + Counter(errors)

    def problems(self) -> list[str]:
        """What does not add up, one line each."""
        created, solved = self.books["created"]["total"], self.sum("tasks_solved")
        accepted = self.books["submissions"].get("v3-search", {})
        checks: list[tuple[str, Any, Any]] = [
            ("requests with an outcome", self.outcomes.total(), self.pages),
            ("tasks that were created: counted, and lost on the way", self.sum("tasks_created") + self.lost, created),
            ("polls", self.sum("polls"), self.books["calls"]["getTaskResult"] + self.outages.calls["getTaskResult"]),
            ("solutions that were accepted", self.sum("accepted"), accepted.get("accepted", 0)),
            ("solutions and accepted solutions", solved, self.sum("accepted")),
            ("pages and accepted solutions", self.outcomes["page"], solved),
            ("solutions that were refused", accepted.get("refused", 0) + self.sum("rejected"), 0),
            (
                "tasks that are neither solved nor failed",
                solved + self.sum("tasks_failed") + self.sum("tasks_refused") - self._without_task,
                created,
            ),
            ("cost", self.sum("cost_millionths"), PRICE * solved),
            ("more cost than was charged", self.sum("cost_millionths") > self.books["charged_millionths"], False),
            ("polls that came too early", self.books["floor_violations"], 0),
            ("defects of the sandbox", self.books["errors"], []),
        ]
        lines = [f"{what}: {found!r}, not {wanted!r}" for what, found, wanted in checks if found != wanted]
        lines += [f"{created} tasks, though {self.budget} were allowed"] * (created > self.budget)
        return lines + [
            f"an outcome that is none: {error!r}"
            for one in self.crawls
            for error in one.errors
            if not isinstance(error, GeetestError)
        ]

    @property
    def _without_task(self) -> int:
        """Failures by which no task came to be."""
        spoilt = Counter(
            {
                name.partition(":")[2]: count
                for name, count in self.books["faults"].items()
                if name.startswith("createTask")
            }
        )
        carried_out_or_repeated = (*LOST, "task-id-uuid", "ERROR_NO_SLOT_AVAILABLE", "http-403", "redirect")
        refused = sum(count for fault, count in spoilt.items() if fault not in carried_out_or_repeated)
        return refused + self.outages.calls["createTask"]


@define
class Outages:
    """Takes the service and Redis away now and then, one after the other, for some seconds each.

    Attributes:
        redis: Its process.
        every: Seconds from the beginning of one to the next.
        seconds: How long they last.
        count: How many there were.
        kind: Of the one that lasts; empty: none.
        calls: Of the service that met one, by name. It got nothing of them.
    """

    redis: subprocess.Popen[str]
    every: float
    seconds: float
    count: int = 0
    kind: str = ""
    calls: Counter[str] = field(factory=Counter)
    _kinds: Iterator[str] = field(factory=lambda: cycle(("503", "redis", "reset")))

    def begin(self) -> None:
        """Called regularly."""
        from twisted.internet import reactor

        clock: Any = reactor
        self.count += 1
        self.kind = next(self._kinds)
        if self.kind == "redis":
            self.redis.send_signal(signal.SIGSTOP)
        clock.callLater(self.seconds, self.end)

    def end(self) -> None:
        """All is well again."""
        self.kind = ""
        self.redis.send_signal(signal.SIGCONT)

    @contextmanager
    def before(self, sandbox: Sandbox) -> Iterator[str]:
        """A front of the sandbox's service for as long as outages come; gives its URL."""
        from twisted.internet import reactor

        listen: Any = reactor
        factory: Any = Site(_Front(self, sandbox.service_url))  # type: ignore[no-untyped-call]  # Twisted's
        listening = listen.listenTCP(0, factory, interface="127.0.0.1")
        looping = LoopingCall(self.begin)
        looping.start(self.every, now=False)
        try:
            yield f"http://127.0.0.1:{listening.getHost().port}"
        finally:
            looping.stop()
            listening.stopListening()
            self.end()


class _Front(Resource):
    """What is before the service: hands calls on, or not."""

    isLeaf = True  # noqa: N815  # Twisted's name

    def __init__(self, outages: Outages, service_url: str) -> None:
        from twisted.internet import reactor

        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._outages = outages
        self._url = service_url
        agent: Any = Agent
        self._client: Any = HTTPClient(agent(reactor))

    def render(self, request: Any) -> Any:
        kind, path = self._outages.kind, request.path.decode()
        if kind in ("503", "reset"):
            self._outages.calls[path.rpartition("/")[2]] += 1
        if kind == "503":
            request.setResponseCode(503)
            return b"<h1>503 Service Unavailable</h1>"
        if kind == "reset":
            request.channel.transport.abortConnection()
        else:
            Deferred.fromCoroutine(self._hand_on(request, path))
        return NOT_DONE_YET

    async def _hand_on(self, request: Any, path: str) -> None:
        gone: list[Any] = []
        request.notifyFinish().addErrback(gone.append)
        try:
            answer = await self._client.post(self._url + path, data=request.content.read(), allow_redirects=False)
            body = await answer.content()
        except Exception:  # noqa: BLE001  # the service has cut the connection: so does the front
            if not gone:
                request.channel.transport.abortConnection()
            return
        if not gone:
            request.setResponseCode(answer.code)
            request.write(body)
            request.finish()


def soak(
    sandbox: Sandbox,
    redis: tuple[subprocess.Popen[str], str],
    pages: int,
    *,
    every: float = OUTAGE_EVERY,
    outage_seconds: float = OUTAGE_SECONDS,
) -> Soak:
    """Run the crawls to their ends.

    Args:
        sandbox: Any; it is reset.
        redis: A Redis with nothing in it: its process, and its URL.
        pages: How many challenge pages they want together.
        every: Seconds from the beginning of one outage to the next.
        outage_seconds: How long they last.

    Raises:
        TimeoutError: They do not come to an end.
    """
    budget = round(BUDGET_SHARE * pages)
    sandbox.reset(
        solve_seconds=(0.05, 0.5),
        poll_floor=0.2,
        balance=1_000.0,
        faults={
            "createTask": {"random": CREATE_FAULTS, "probability": PROBABILITY, "seed": 1},
            "getTaskResult": {"random": RESULT_FAULTS, "probability": PROBABILITY, "seed": 2},
        },
    )
    started = time.monotonic()
    limit = max(LEAST_SECONDS, SECONDS_A_PAGE * pages)
    process, url = redis
    outages = Outages(process, every, outage_seconds)
    with quick(), patch("scrapy_geetest._storage.redis.TIMEOUT", 0.5):
        crawls = run(_together(sandbox, url, pages, budget, outages), timeout=limit)
    return Soak(pages, budget, tuple(crawls), sandbox.books(), time.monotonic() - started, outages)


async def _together(sandbox: Sandbox, redis_url: str, pages: int, budget: int, outages: Outages) -> list[Crawl]:
    settings: dict[str, Any] = {
        "GEETEST_BREAKER_FAILURES": 0,  # three in ten calls fail: the breaker would say, rightly, that this is enough
        "GEETEST_BUDGET": f"{budget}/day",
        "GEETEST_FIRST_POLL": 0.1,
        "GEETEST_STORAGE_URI": redis_url,
        "RETRY_TIMES": 5,
    }
    wanted = [range(number, pages, CRAWLS) for number in range(CRAWLS)]
    with outages.before(sandbox) as url:
        settings["GEETEST_API_URL"] = url
        return await asyncio.gather(
            *(
                crawl_sandbox(
                    sandbox, searches(sandbox, *(f"w{number}" for number in numbers)), search_site(sandbox), **settings
                )
                for numbers in wanted
            )
        )


@contextmanager
def redis_server() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A Redis of one's own; gives its process and its URL."""
    with tempfile.TemporaryDirectory() as folder:
        process, url = shared_queue._start_redis(folder)
        try:
            yield process, url
        finally:
            process.kill()
            process.communicate()


def main() -> int:
    """Soak, and say what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pages", type=int, default=PAGES, help=f"challenge pages, together (default: {PAGES})")
    pages = parser.parse_args().pages
    with redis_server() as redis, Sandbox() as sandbox:
        outcome = soak(sandbox, redis, pages)
    books = outcome.books
    spoilt = sum(books["faults"].values())
    calls = books["calls"]["createTask"] + books["calls"]["getTaskResult"]
    sys.stdout.write(
        f"{pages} challenge pages, {CRAWLS} crawls, {outcome.seconds:.0f} s; {spoilt} of {calls} calls of the service spoilt; "
        f"{outcome.outages.count} outages of it and of Redis, which {outcome.outages.calls.total()} calls met\n"
        f"budget {outcome.budget}, tasks created {books['created']['total']} (books) = {outcome.sum('tasks_created')} "
        f"(geetest/tasks_created) + {outcome.lost} (whose answers were lost)\n"
        f"solved {outcome.sum('tasks_solved')}, accepted {outcome.sum('accepted')}, polls {outcome.sum('polls')}, "
        f"cost {outcome.sum('cost_millionths')} of {books['charged_millionths']} charged (millionths)\n"
        f"requests: {', '.join(f'{name} {count}' for name, count in outcome.outcomes.most_common())}\n"
    )
    problems = outcome.problems()
    sys.stdout.write("".join(f"DOES NOT ADD UP: {problem}\n" for problem in problems) or "all adds up\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

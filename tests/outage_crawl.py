"""Outages in the middle of a crawl: of the solving service, in all ways in which it may be away, and of Redis."""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

import shared_queue
from attrs import define, field, frozen
from small_world import Answer, SmallWorld, challenge_page, data, failure, page, redirect

from scrapy_geetest._services.adapters import CapMonster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from crawl import Crawl
    from small_world import Asked

SHARE = 0.1  # of the pages before it begins
SOLVE_SECONDS = 0.9
FLOOR = 1.0  # seconds between two polls: half of what the service wants
MORE_SECONDS = 12.0  # after an outage: back-offs, and calls that time out
SETTINGS: dict[str, Any] = {
    "GEETEST_BREAKER_FAILURES": 1,  # one failure that is charged to the site shows
    "GEETEST_FIRST_POLL": 1.0,
    "GEETEST_REQUEST_TIMEOUT": 8.0,
    "LOG_LEVEL": "CRITICAL",
}
_WALL = "<!DOCTYPE html><html><head><title>Attention Required!</title></head><body>Blocked</body></html>"
_ANSWERS: Mapping[str, Answer] = {
    **{f"HTML with {status}": Answer(_WALL, status) for status in (401, 402, 403, 404, 429, 500, 502, 503, 504)},
    "HTML with 200": Answer(_WALL),
    "redirect 302": redirect("https://elsewhere.example/"),
    "redirect 307": redirect("/login", 307),
    "a JSON list": data([1, 2]),
    "an odd errorId": data({"errorId": []}),
    "no task id": data({"errorId": 0}),
    "an odd 503": data({"message": "deploying"}, 503),
    "ERROR_NO_SLOT_AVAILABLE": failure("ERROR_NO_SLOT_AVAILABLE"),
    "ERROR_SERVICE_NOT_AVAILABLE": failure("ERROR_SERVICE_NOT_AVAILABLE"),
    "reset": Answer("", cut="reset"),
    "closed": Answer("", cut="closed"),
    "no answer": Answer("", cut="hang"),
}
REFUSED, KEPT_CLOSED, LOST_BUT_DONE = "refused", "kept connections closed", "lost, but done"
REDIS_ENDS, REDIS_STALLS = "Redis ends", "Redis stalls"
KINDS = (REFUSED, KEPT_CLOSED, LOST_BUT_DONE, *_ANSWERS)
REDIS_KINDS = (REDIS_ENDS, REDIS_STALLS)


class Quick(CapMonster):
    """The service with half of its floor: several crawls at once cannot share a patch."""

    name: ClassVar[str] = "capmonster"
    poll_floor: ClassVar[float] = FLOOR


@frozen
class Outcome:
    """What became of a crawl with an outage in it.

    Attributes:
        kind: Of the outage.
        seconds: How long it lasted.
        pages: That were wanted.
        crawl: What the spider saw.
        tasks: That the service created.
        repeated: Challenges that the service got more than once.
        lost: Tasks whose ids the service did not tell.
        calls: Of the service during the outage, by name.
        took: Seconds, the whole crawl.
    """

    kind: str
    seconds: float
    pages: int
    crawl: Crawl
    tasks: int
    repeated: int
    lost: int
    calls: Counter[str]
    took: float

    def __str__(self) -> str:
        calls = ", ".join(f"{name} {count}" for name, count in sorted(self.calls.items()))
        return (
            f"{self.kind:28} {self.seconds:4g} s  {len(self.crawl.pages)} of {self.pages} pages, {self.tasks} tasks "
            f"({self.lost} lost), {self.took:.0f} s; meanwhile {calls or 'no call'}"
        )

    def problems(self) -> list[str]:
        """What is not as it has to be, one line each."""
        stats = self.crawl.stats
        checks: list[tuple[str, Any, Any]] = [
            ("pages", len(self.crawl.pages), self.pages),
            ("errors", [str(error)[:200] for error in self.crawl.errors[:3]], []),
            ("closed as", self.crawl.reason, "finished"),
            ("tasks", self.tasks, self.pages + self.lost),
            ("challenges that were sent twice", self.repeated, 0),
            ("tasks_created", stats["tasks_created"], self.pages),
            ("accepted", stats["accepted"], self.pages),
            ("breaker and budget", stats["budget_refused"], 0),
        ]
        return [
            f"{self.kind} {self.seconds:g} s: {what}: {found!r}, not {wanted!r}"
            for what, found, wanted in checks
            if found != wanted
        ]


@define
class _Outage:
    """Spoils the calls of a service from a moment on for some seconds."""

    world: SmallWorld
    kind: str
    seconds: float
    begins_after: int
    accepted: int = 0
    began: float | None = None
    lost: int = 0
    calls: Counter[str] = field(factory=Counter)
    challenges: Counter[str] = field(factory=Counter)
    created: dict[int, float] = field(factory=dict)
    redis: Callable[[float], None] = lambda _: None

    def accept(self) -> None:
        """The site has taken a solution."""
        self.accepted += 1
        if self.accepted == self.begins_after:
            self.began = time.monotonic()
            self.redis(self.seconds)
            if self.kind == REFUSED:
                _refuse(self.world, self.seconds)

    @property
    def is_on(self) -> bool:
        return self.began is not None and time.monotonic() - self.began < self.seconds

    def before(self, asked: Asked) -> Answer | None:
        """What is before the service says."""
        if not self.is_on:
            return None
        self.calls[asked.path.rpartition("/")[2]] += 1
        if self.kind == KEPT_CLOSED:
            return Answer("", cut="closed") if asked.is_on_kept_connection else None
        return _ANSWERS.get(self.kind)

    def service(self, method: str, body: dict[str, Any]) -> Answer | None:
        """The service, which takes a while for each task."""
        if method == "createTask":
            self.challenges[body["task"]["challenge"]] += 1
            answer = self.world.carry_out(method, body)
            self.created[self.world.tasks[-1].id] = time.monotonic()
        elif method == "getTaskResult" and time.monotonic() - self.created[body["taskId"]] < SOLVE_SECONDS:
            answer = data({"errorId": 0, "status": "processing"})
        else:
            answer = self.world.carry_out(method, body)
        if self.is_on and self.kind == LOST_BUT_DONE:
            self.lost += method == "createTask"
            return Answer("", cut="reset")
        return answer


def _refuse(world: SmallWorld, seconds: float) -> None:
    from twisted.internet import reactor

    clock: Any = reactor
    world.service.stop()
    world.service.drop()
    clock.callLater(seconds, world.service.start)


async def crawl_through(kind: str, seconds: float, pages: int) -> Outcome:
    """One crawl of *pages* forms, with an outage that begins after a tenth of them."""
    with SmallWorld() as world, _redis(kind) as (lose, settings):
        outage = _Outage(world, kind, seconds, begins_after=max(1, round(SHARE * pages)), redis=lose)
        world.before, world.first = outage.before, outage.service
        world.route("/register")(lambda _: world.geetest.register())

        @world.route("/form")
        def form(asked: Asked) -> Answer:
            if world.geetest.takes(asked.fields):
                outage.accept()
                return page("<h1>content</h1>")
            return challenge_page(asked.path, register="/register")

        urls = [f"{world.site.url}/form/{number}" for number in range(pages)]
        site = {"challenge_url": "/register", "accepted_css": "h1"}
        started = time.monotonic()
        crawl = await world.crawl(urls, site, **SETTINGS, **settings, GEETEST_SERVICES=[Quick])
        repeated = sum(count > 1 for count in outage.challenges.values())
        took = time.monotonic() - started
        return Outcome(kind, seconds, pages, crawl, len(world.tasks), repeated, outage.lost, outage.calls, took)


def missing(kind: str) -> bool:
    """Whether something that the kind needs is not installed."""
    return kind in REDIS_KINDS and (shutil.which("redis-server") is None or find_spec("redis") is None)


@contextmanager
def _redis(kind: str) -> Iterator[tuple[Callable[[float], None], dict[str, Any]]]:
    """What loses a Redis for some seconds, and the settings that have it used."""
    if kind not in REDIS_KINDS:
        yield lambda _: None, {}
        return
    from twisted.internet import reactor

    clock: Any = reactor
    with tempfile.TemporaryDirectory() as folder:
        server, url = shared_queue._start_redis(folder)
        servers = [server]

        def again() -> None:
            servers.append(shared_queue._start_redis(folder, int(url.rpartition(":")[2].partition("/")[0]))[0])

        def lose(seconds: float) -> None:
            if kind == REDIS_STALLS:
                server.send_signal(signal.SIGSTOP)
                clock.callLater(seconds, server.send_signal, signal.SIGCONT)
            else:
                server.kill()
                clock.callLater(seconds, again)

        try:
            yield lose, {"GEETEST_STORAGE_URI": url, "GEETEST_BUDGET": "100000/hour"}
        finally:
            for one in servers:
                one.kill()
                one.communicate()

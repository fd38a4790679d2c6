"""The other side of a crawl in virtual time: sites without sockets, and a service that solves."""

from __future__ import annotations

import time
from functools import partial
from itertools import count, cycle
from json import dumps, loads
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from attrs import define, field
from scrapy import FormRequest
from scrapy.core.downloader.handlers.base import BaseDownloadHandler
from scrapy.http import HtmlResponse, TextResponse
from scrapy.utils.defer import maybe_deferred_to_future
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone

from benchmarks import peer
from benchmarks.spiders import Pages, PagesSpider, mixed
from scrapy_geetest._services import engine
from scrapy_geetest._services.transport import Transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from scrapy import Request
    from scrapy.http import Response

GT = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
WITHHELD = f"""<!DOCTYPE html><html><body><form method="post" action="/answer"><div id="captcha"></div></form>
<script src="/gt.js"></script><script>fetch("/register").then(r => r.json()).then(d => {{
initGeetest({{gt: "{GT}", challenge: d.challenge}}, o => o.appendTo("#captcha")); }});</script></body></html>"""
_FILLER = "<p>All that is on a page beside its form, and that nobody needs while it waits.</p>\n"
CONTENT = "<!DOCTYPE html><html><body><h1>A page</h1><p>All that was asked for.</p></body></html>"


@define
class World:
    """A site and a service.

    Paths that begin with ``/form`` are withheld, each time anew; those that begin with ``/gate`` until one answer came.

    Attributes:
        solve: Seconds that a task takes, at least.
        solve_more: Seconds that it may take longer: any time in between is as likely.
        expiry: Seconds that a challenge can be used.
        service_latency: Seconds from a call to its answer.
        site_latency: Seconds from a request to its response.
        page_bytes: Length of a withheld page, at least.
        ages: Of the challenges, in seconds, when their tasks came.
        created: Tasks.
        expired: Those whose challenges were too old.
        most: Tasks at once, at most.
    """

    solve: float = 20.0
    solve_more: float = 0.0
    expiry: float = float("inf")
    service_latency: float = 0.05
    site_latency: float = 0.05
    page_bytes: int = 0
    ages: list[float] = field(factory=list)
    created: int = 0
    expired: int = 0
    most: int = 0
    _open: set[str] = field(factory=set)
    _issued: dict[str, float] = field(factory=dict)
    _too_old: set[int] = field(factory=set)
    _tasks: dict[int, float] = field(factory=dict)
    _challenges: Any = field(factory=count)
    _random: Random = field(factory=lambda: Random(3))

    def page(self, request: Request) -> Response:
        """What the site answers."""
        parts = urlsplit(request.url)
        if parts.path == "/register":
            challenge = f"{next(self._challenges):032x}"
            self._issued[challenge] = time.monotonic()
            body = dumps({"success": 1, "gt": GT, "challenge": challenge, "new_captcha": True})
            return TextResponse(request.url, body=body.encode(), headers={"Content-Type": "application/json"})
        host = parts.hostname or ""
        if parts.path == "/answer" or request.method == "POST":
            self._open.add(host)
            return HtmlResponse(request.url, body=CONTENT.encode(), encoding="utf-8")
        is_open = parts.path.startswith("/gate") and host in self._open
        is_withheld = parts.path.startswith(("/form", "/gate")) and not is_open
        body = (
            WITHHELD.replace("<form", f"{_FILLER * (self.page_bytes // len(_FILLER))}<form") if is_withheld else CONTENT
        )
        return HtmlResponse(request.url, body=body.encode(), encoding="utf-8", status=403 if is_withheld else 200)

    def call(self, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """What the service answers."""
        now = time.monotonic()
        if method == "createTask":
            self.ages.append(now - self._issued[body["task"]["challenge"]])
            self.created += 1
            self._tasks[self.created] = now + self.solve + self.solve_more * self._random.random()
            if self.ages[-1] > self.expiry:
                self.expired += 1
                self._too_old.add(self.created)
            self.most = max(self.most, sum(ready > now for ready in self._tasks.values()))
            return {"errorId": 0, "taskId": self.created}
        if method != "getTaskResult":
            return {"errorId": 0, "balance": 10.0}
        if self._tasks[body["taskId"]] > now:
            return {"errorId": 0, "status": "processing"}
        del self._tasks[body["taskId"]]
        if body["taskId"] in self._too_old:
            return {"errorId": 1, "errorCode": "ERROR_TOKEN_EXPIRED", "errorDescription": "The challenge has expired"}
        solution = {"challenge": "c" * 34, "validate": "v" * 32, "seccode": "v" * 32 + "|jordan"}
        return {"errorId": 0, "status": "ready", "solution": solution, "cost": 0.0006}


class Handler(BaseDownloadHandler):
    """Scrapy's way to the site."""

    world = World()

    async def download_request(self, request: Request) -> Response:
        """Answer as the world does, later."""
        await _later(self.world.site_latency)
        return self.world.page(request)


@define
class _Answer:
    """What treq makes of the service's answer."""

    data: Mapping[str, Any]
    code: int = 200

    def deliverBody(self, protocol: Any) -> None:  # noqa: N802  # Twisted's name
        """All at once."""
        protocol.dataReceived(dumps(self.data).encode())
        protocol.connectionLost(Failure(ResponseDone()))  # type: ignore[no-untyped-call]  # Twisted's

    def json(self) -> Deferred[Mapping[str, Any]]:
        """The same for who wants no more than that."""
        return succeed(self.data)


class Client:
    """In the place of treq's client, and of treq."""

    def post(self, url: str, *, data: Any = None, json: Any = None, **_: Any) -> Deferred[_Answer]:
        """Answer as the world does, later: half of the latency is the way there."""
        from twisted.internet import reactor

        half, method = Handler.world.service_latency / 2, url.rpartition("/")[2]
        body = loads(data.content()) if json is None else json
        arriving: Deferred[Any] = deferLater(reactor, half, Handler.world.call, method, body)
        return arriving.addCallback(lambda answer: deferLater(reactor, half, _Answer, answer))


class TimedSpider(PagesSpider):
    """Tells when each page came, in seconds since the start, and what the service saw.

    Attributes:
        world: What the world is like, as plain data.
    """

    world: Mapping[str, Any]

    async def start(self) -> AsyncIterator[Any]:
        """The requests for all pages, each kind in its time."""
        Handler.world = World(**self.world)
        self._start = time.monotonic()
        self._times: dict[str, list[float]] = {kind["label"]: [] for kind in self.pages}
        kinds = [Pages(**kind) for kind in self.pages]
        jars = {kind.label: cycle(range(kind.sessions)) for kind in kinds}
        for after in sorted({kind.after for kind in kinds}):
            await _later(self._start + after - time.monotonic())
            of_now = [kind for kind in kinds if kind.after == after]
            for label, url in mixed(of_now):
                kind = next(kind for kind in of_now if kind.label == label)
                yield self._special(self.request(label, url), kind, jars[label])

    @staticmethod
    def _special(request: Request, kind: Pages, jars: Iterator[int]) -> Request:
        if kind.sessions:
            request.meta["cookiejar"] = next(jars)
        if kind.is_known:
            request = FormRequest(request.url, formdata={"q": "rope"}, meta={"geetest": True}).replace(
                callback=request.callback, errback=request.errback, cb_kwargs=request.cb_kwargs
            )
        return request.replace(priority=kind.priority)

    def parse(self, response: Response, label: str) -> None:
        """Note when a page came."""
        super().parse(response, label)
        self._times[label].append(time.monotonic() - self._start)

    def outcome(self) -> dict[str, Any]:
        """What came of it, as plain data."""
        world = Handler.world
        service = {"created": world.created, "expired": world.expired, "most": world.most, "ages": world.ages}
        self.details |= {**service, "times": self._times}
        return super().outcome()


def install() -> None:
    """Let the crawls of this process meet the world."""
    setattr(engine, "Transport", partial(Transport, http=Client()))  # noqa: B010  # a class in the place of a class
    setattr(peer, "treq", Client())  # noqa: B010  # an object in the place of a module


async def _later(seconds: float) -> None:
    from twisted.internet import reactor

    await maybe_deferred_to_future(deferLater(reactor, max(0.0, seconds), lambda: None))

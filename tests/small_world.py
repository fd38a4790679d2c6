"""A site and a solving service of the test process, over real sockets: a route is a function, a solution is checked."""

from __future__ import annotations

import hashlib
import json
import secrets
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit
from weakref import WeakSet

from attrs import define, field, frozen
from crawl import Crawl, crawl
from scrapy import Request
from twisted.internet.task import deferLater
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from crawl import RecordingSpider
    from typing_extensions import Self

GT = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
CAPTCHA_ID = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
KEY = "0f2e4d6c8b7a9513"


@frozen
class Asked:
    """A request as a server sees it."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    port: int
    is_on_kept_connection: bool = False

    @property
    def fields(self) -> dict[str, Any]:
        """The query, the form's fields and the keys of a JSON body together."""
        if self.body[:1] == b"{":
            return {**self.query, **json.loads(self.body)}
        return {**self.query, **dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))}

    @property
    def cookies(self) -> dict[str, str]:
        """By name."""
        pairs = (pair.strip().partition("=") for pair in self.headers.get("cookie", "").split(";"))
        return {name: value for name, _, value in pairs if name}


@frozen
class Answer:
    """What a server answers."""

    body: str | bytes
    status: int = 200
    type: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(factory=dict)
    seconds: float = 0.0  # until it is sent
    cut: str = ""  # instead: the connection is "reset", or "closed" without a word, or nothing is ever said ("hang")


def page(body: str, status: int = 200, **headers: str) -> Answer:
    """An HTML page; ``Set_Cookie="a=1"`` is a header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(f"<!DOCTYPE html><html><body>{body}</body></html>", status, headers=named)


def data(value: Any, status: int = 200) -> Answer:
    """JSON."""
    return Answer(json.dumps(value, ensure_ascii=False), status, "application/json")


def redirect(to: str, status: int = 302) -> Answer:
    """A redirect."""
    return Answer("", status, headers={"Location": to})


def challenge_page(
    action: str | None = None,
    *,
    inside: str = "",
    beside: str = "",
    challenge: str = "",
    register: str = "",
    status: int = 403,
) -> Answer:
    """A page with a widget in a form to *action*, if any: v4, or v3 with the challenge in the page or at *register*."""
    place = '<div id="captcha"></div>'
    form = place if action is None else f'<form method="post" action="{action}">{inside}{place}</form>'
    script = f'initGeetest4({{captchaId: "{CAPTCHA_ID}"}}, function (o) {{ o.appendTo("#captcha"); }});'
    start = 'initGeetest({gt: %s, challenge: %s, offline: false}, function (o) { o.appendTo("#captcha"); });'
    if challenge:
        script = start % (f'"{GT}"', f'"{challenge}"')
    if register:
        script = f'fetch("{register}").then(r => r.json()).then(d => {{ {start % ("d.gt", "d.challenge")} }});'
    return page(f'{beside}{form}<script src="/gt.js"></script><script>{script}</script>', status)


@define
class GeeTest:
    """GeeTest's part: challenges of single use, and whether a solution is right; each counts once."""

    states: dict[str, str] = field(factory=dict)  # challenge or lot number -> new, sold, wrong, spent

    def issue(self) -> str:
        """A fresh v3 challenge."""
        challenge = secrets.token_hex(16)
        self.states[challenge] = "new"
        return challenge

    def register(self) -> Answer:
        """What a v3 register endpoint answers."""
        return data({"success": 1, "gt": GT, "challenge": self.issue(), "new_captcha": True})

    def solve(self, task: Mapping[str, Any], *, wrong: bool) -> dict[str, Any] | None:
        """A solution; ``None``: the challenge was sold before."""
        is_v4 = task.get("version") == 4
        used = secrets.token_hex(16) if is_v4 else str(task["challenge"])
        if not is_v4 and self.states.get(used, "new") != "new":
            return None
        self.states[used] = "wrong" if wrong else "sold"
        if is_v4:
            rest = {"pass_token": f"p{used}", "gen_time": "1700000000", "captcha_output": f"o{used}"}
            return {"captcha_id": task["gt"], "lot_number": used, **rest}
        validate = hashlib.md5(used.encode()).hexdigest()
        return {"challenge": used, "validate": validate, "seccode": f"{validate}|jordan"}

    def takes(self, fields: Mapping[str, Any]) -> bool:
        """Whether these fields hold a right solution that was not sent before."""
        used = str(fields.get("lot_number") or fields.get("geetest_challenge"))
        state = self.states.get(used)
        if state is not None:
            self.states[used] = "spent"
        return state == "sold"


class _Leaf(Resource):
    isLeaf = True  # noqa: N815  # Twisted's name

    def __init__(self, server: Server) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._server = server

    def render(self, request: Any) -> Any:
        url = urlsplit(request.uri.decode())
        headers = {
            key.decode().lower(): value[0].decode("latin-1") for key, value in request.requestHeaders.getAllRawHeaders()
        }
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        connections, channel = self._server.connections, request.channel
        method, body, is_kept = request.method.decode(), request.content.read(), channel in connections
        connections.add(channel)
        asked = Asked(method, url.path, query, headers, body, self._server.port, is_kept)
        self._server.asked.append(asked)
        answer = self._server.serve(asked)
        if answer is None or answer.cut:
            return self._cut(channel.transport, "reset" if answer is None else answer.cut)
        request.setResponseCode(answer.status)
        request.setHeader("Content-Type", answer.type)
        for name, value in answer.headers.items():
            request.setHeader(name, value)
        body = answer.body if isinstance(answer.body, bytes) else answer.body.encode()
        if not answer.seconds:
            return body
        from twisted.internet import reactor

        deferLater(reactor, answer.seconds, self._finish, request, body)
        return NOT_DONE_YET

    @staticmethod
    def _cut(transport: Any, how: str) -> Any:
        if how == "reset":
            transport.abortConnection()
        elif how == "closed":
            transport.loseConnection()
        return NOT_DONE_YET

    @staticmethod
    def _finish(request: Any, body: bytes) -> None:
        if not request._disconnected:
            request.write(body)
            request.finish()


@define
class Server:
    """An HTTP server on a free port of the loopback."""

    serve: Callable[[Asked], Answer | None]
    interface: str = "127.0.0.1"
    asked: list[Asked] = field(factory=list)
    port: int = 0
    connections: WeakSet[Any] = field(factory=WeakSet)
    _listening: Any = None

    def start(self) -> Self:
        """Listen; after a ``stop`` on the same port."""
        from twisted.internet import reactor

        factory: Any = Site(_Leaf(self))  # type: ignore[no-untyped-call]  # Twisted's
        listen: Any = reactor
        self._listening = listen.listenTCP(self.port, factory, interface=self.interface)
        self.port = self._listening.getHost().port
        return self

    def stop(self) -> None:
        self._listening.stopListening()

    def drop(self) -> None:
        """Reset all connections."""
        for channel in list(self.connections):
            if channel.transport is not None:
                channel.transport.abortConnection()

    @property
    def host(self) -> str:
        """Host and port."""
        return f"{self.interface}:{self.port}"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.host}"


@define
class Task:
    """A task that the service made."""

    id: int
    json: dict[str, Any]
    solution: dict[str, Any] | None


@define
class SmallWorld:
    """A site, its GeeTest, and a service that solves at once."""

    geetest: GeeTest = field(factory=GeeTest)
    wrong: bool = False
    tasks: list[Task] = field(factory=list)
    reports: list[int] = field(factory=list)
    calls: list[str] = field(factory=list)
    first: Callable[[str, dict[str, Any]], Answer | None] = field(default=lambda _method, _body: None)
    before: Callable[[Asked], Answer | None] = field(default=lambda _asked: None)
    site: Server = field(init=False)
    service: Server = field(init=False)
    _routes: dict[str, Callable[[Asked], Answer | None]] = field(factory=dict)
    _others: list[Server] = field(factory=list)
    _ids: Any = field(factory=lambda: count(1000))

    def __enter__(self) -> Self:
        self.site, self.service = Server(self._serve).start(), Server(self._solve).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self.site, self.service, *self._others):
            server.stop()

    def route(self, prefix: str) -> Callable[[Callable[[Asked], Answer | None]], Callable[[Asked], Answer | None]]:
        """The decorated function answers the paths that begin with *prefix*; the longest one counts."""

        def remember(function: Callable[[Asked], Answer | None]) -> Callable[[Asked], Answer | None]:
            self._routes[prefix] = function
            return function

        return remember

    def another(self, serve: Callable[[Asked], Answer | None], interface: str = "127.0.0.2") -> Server:
        """A server on another host."""
        server = Server(serve, interface).start()
        self._others.append(server)
        return server

    async def crawl(
        self,
        wanted: Iterable[Request | str] | Callable[[RecordingSpider], Iterable[Request]],
        *sites: Any,
        **settings: Any,
    ) -> Crawl:
        """One crawl with the plugin; a site without ``urls`` is the whole of :attr:`site`."""
        if callable(wanted):
            start = wanted
        else:
            requests = [Request(one) if isinstance(one, str) else one for one in wanted]

            def start(_: RecordingSpider) -> Iterable[Request]:
                return requests

        declared = [
            {"urls": [self.site.host], "name": "here", **site} if isinstance(site, dict) else site
            for site in sites or ({},)
        ]
        own = {
            "GEETEST_SITES": declared,
            "GEETEST_API_KEY": KEY,
            "GEETEST_API_URL": self.service.url,
            "HTTPERROR_ALLOW_ALL": True,
        }
        return await crawl(start, **{**own, **settings})

    def count(self, method: str, prefix: str) -> int:
        """How many such requests the site got."""
        return sum(asked.method == method and asked.path.startswith(prefix) for asked in self.site.asked)

    def _serve(self, asked: Asked) -> Answer | None:
        prefix = max((one for one in self._routes if asked.path.startswith(one)), key=len, default=None)
        return Answer("", 404) if prefix is None else self._routes[prefix](asked)

    def _solve(self, asked: Asked) -> Answer | None:
        method, body = asked.path.rpartition("/")[2], json.loads(asked.body or b"{}")
        self.calls.append(method)
        if (answer := self.before(asked) or self.first(method, body)) is not None:
            return answer
        return self.carry_out(method, body)

    def carry_out(self, method: str, body: dict[str, Any]) -> Answer:
        """What the service does, and answers."""
        if method == "createTask":
            solution = self.geetest.solve(body["task"], wrong=self.wrong)
            self.tasks.append(Task(next(self._ids), body["task"], solution))
            return data({"errorId": 0, "taskId": self.tasks[-1].id})
        if method == "getTaskResult":
            task = next(task for task in self.tasks if task.id == body["taskId"])
            if task.solution is None:
                return failure("ERROR_TOKEN_EXPIRED")
            return data({"errorId": 0, "status": "ready", "solution": task.solution, "cost": 0.0006})
        if method.startswith("report"):
            self.reports.append(body["taskId"])
        return data({"errorId": 0, "balance": 5.0, "status": "success"})


def failure(code: str) -> Answer:
    """An error as the service words it."""
    return data({"errorId": 1, "errorCode": code, "errorDescription": "", "taskId": 0})

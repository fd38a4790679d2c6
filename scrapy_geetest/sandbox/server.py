"""The process of a sandbox: its ports, its ready line, its end."""

from __future__ import annotations

import itertools
import json
import os
import stat
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from attrs import define, field

from . import (
    gates,
    geetest_api,
    plain,
    service_api,
    sites_answers,
    sites_browser,
    sites_saved,
    sites_v3,
    sites_v4,
    widgets,
)
from .captchas import CAPTCHAS
from .checks import missing_extra
from .options import Options, parse_arguments
from .web import Answer, Call, Route, data, route
from .world import World

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

BOOKS_PATH = "/__sandbox__/books"
RESET_PATH = "/__sandbox__/reset"
_HOST = "127.0.0.1"
# GeeTest's SDK blocks; more threads than these would only share the same processor.
_THREADS = 32
_PARENT_CHECK_SECONDS = 0.5
SITE_ROUTES = (
    *plain.ROUTES,
    *widgets.ROUTES,
    *sites_v3.ROUTES,
    *sites_v4.ROUTES,
    *gates.ROUTES,
    *sites_answers.ROUTES,
    *sites_browser.ROUTES,
)


@define
class Server:
    """Everything that listens, and the present world behind it."""

    reactor: Any
    options: Options
    directory: Path
    _numbers: Any = field(init=False)
    _world: World = field(init=False)
    _blocking: set[Any] = field(factory=set)
    _agent: Any = field(init=False)

    def __attrs_post_init__(self) -> None:
        from twisted.web.client import Agent, HTTPConnectionPool

        # Ids differ between processes as well: a leftover of another sandbox is not mistaken for one of this.
        self._numbers = itertools.count(400_000_000 + int.from_bytes(os.urandom(3), "big"))
        make_pool: Any = HTTPConnectionPool
        make_agent: Any = Agent
        self._agent = make_agent(self.reactor, pool=make_pool(self.reactor))
        self.reactor.suggestThreadPoolSize(_THREADS)
        self.reactor.addSystemEventTrigger("before", "shutdown", self._finish_blocking)

    def start(self) -> dict[str, Any]:
        """Listen on every port; what the ready line tells."""
        geetest_port = self._listen(geetest_api.ROUTES)
        self._make_world(self.options, f"http://{_HOST}:{geetest_port}")
        return {
            "url": f"http://{_HOST}:{self._listen(SITE_ROUTES, self.options.port, slow=True, pages=sites_saved.find)}",
            "other_url": f"http://{_HOST}:{self._listen(plain.OTHER_ROUTES, slow=True)}",
            "geetest_url": self.world().geetest_url,
            "control_url": f"http://{_HOST}:{self._listen(self._control_routes())}",
            "api_key": self.options.api_key,
            "pid": os.getpid(),
            "captchas": {site: captcha.id for site, captcha in CAPTCHAS.items()},
            **self._listen_service(),
            "services": self._listen_others(),
        }

    def world(self) -> World:
        """The present state."""
        return self._world

    def _make_world(self, options: Options, geetest_url: str) -> None:
        self._world = World(options, geetest_url, self._in_thread, self._post, self._numbers)

    def _listen(self, routes: Sequence[Route], port: int = 0, **kind: Any) -> int:
        from .resources import CountingSite, Web

        site = CountingSite(Web(routes, self.world, **kind))
        listening = self.reactor.listenTCP(port, site, interface=_HOST, backlog=1024)
        return int(listening.getHost().port)

    def _listen_service(self) -> dict[str, Any]:
        from .resources import CountingSite, Web

        site = CountingSite(Web(service_api.ROUTES, self.world), self._count_connection)
        port, tls = self.options.service_port, self.options.tls
        if not tls:
            listening = self.reactor.listenTCP(port, site, interface=_HOST, backlog=1024)
            return {"service_url": f"http://{_HOST}:{listening.getHost().port}", "ca": None}
        from twisted.internet.ssl import DefaultOpenSSLContextFactory
        from twisted.protocols.policies import WrappingFactory

        from .tls import make_certificate

        ca, server = make_certificate(self.directory)
        make_context: Any = DefaultOpenSSLContextFactory
        context = make_context(str(server), str(server))
        # Without negotiation of HTTP/2, which an older Twisted cannot do with a newer pyOpenSSL.
        make_factory: Any = WrappingFactory
        listening = self.reactor.listenSSL(port, make_factory(site), context, interface=_HOST, backlog=1024)
        return {"service_url": f"https://{_HOST}:{listening.getHost().port}", "ca": str(ca)}

    def _listen_others(self) -> dict[str, dict[str, str]]:
        from .resources import CountingSite, Web

        listening = {}
        for name, world in self.world().others.items():

            def other(name: str = name) -> World:
                return self.world().others[name]

            site = CountingSite(Web(service_api.routes_of(world.dialect), other))
            port = self.reactor.listenTCP(0, site, interface=_HOST, backlog=1024).getHost().port
            listening[name] = {"url": f"http://{_HOST}:{port}", "api_key": world.options.api_key}
        return listening

    def _count_connection(self) -> None:
        self.world().books.connections += 1

    def _control_routes(self) -> tuple[Route, ...]:
        return (route(BOOKS_PATH, self._books, "GET"), route(RESET_PATH, self._reset, "POST"))

    async def _books(self, world: World, call: Call) -> Answer:
        del call
        others = {name: other.books.to_json() for name, other in world.others.items()}
        return data({**world.books.to_json(), "services": others})

    async def _reset(self, world: World, call: Call) -> Answer:
        try:
            options = self.options.replace(call.json_object())
            fixed = [
                name
                for name in ("tls", "port", "service_port")
                if getattr(options, name) != getattr(self.options, name)
            ]
            if fixed:
                return data({"error": f"{', '.join(fixed)} cannot be changed by a reset"}, 400)
        except ValueError as error:
            return data({"error": str(error)}, 400)
        self._make_world(options, world.geetest_url)
        return data({"ok": True})

    def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Awaitable[Any]:
        from twisted.internet.threads import deferToThread

        waiting = deferToThread(function, *arguments)
        self._blocking.add(waiting)

        def done(result: Any) -> Any:
            self._blocking.discard(waiting)
            return result

        return waiting.addBoth(done)

    def _finish_blocking(self) -> Any:
        """A thread that waits for this process's own GeeTest must be answered before the reactor stops."""
        from twisted.internet.defer import DeferredList

        return DeferredList(list(self._blocking), consumeErrors=True)

    async def _post(self, url: str, fields: dict[str, str]) -> bytes:
        from io import BytesIO

        from twisted.web.client import FileBodyProducer, readBody
        from twisted.web.http_headers import Headers

        headers = Headers({"content-type": ["application/x-www-form-urlencoded"]})
        make_body: Any = FileBodyProducer
        body = make_body(BytesIO(urlencode(fields).encode()))
        response = await self._agent.request(b"POST", url.encode(), headers, body)
        answer: bytes = await readBody(response)
        return answer


class _StdinEnd:
    """Stops the reactor when standard input ends."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop

    def fileno(self) -> int:
        return 0

    def doRead(self) -> None:  # noqa: N802  # Twisted's name
        if not os.read(0, 4096):
            self._stop()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802  # Twisted's name
        del reason
        self._stop()

    def logPrefix(self) -> str:  # noqa: N802  # Twisted's name
        return "stdin"


def _end_with_parent(reactor: Any) -> None:
    from twisted.internet.task import LoopingCall

    def stop() -> None:
        if reactor.running:
            reactor.stop()

    if stat.S_ISFIFO(os.fstat(0).st_mode) or stat.S_ISSOCK(os.fstat(0).st_mode):
        reactor.addReader(_StdinEnd(stop))
    parent = os.getppid()
    LoopingCall(lambda: None if os.getppid() == parent else stop()).start(_PARENT_CHECK_SECONDS, now=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a sandbox until SIGTERM, SIGINT, the end of its input, or the end of its parent.

    Prints one line of JSON with its addresses when it is ready.

    Args:
        argv: The command line without the program's name; ``None``: that of the process.

    Returns:
        The exit status: 0, or 1 where a package of the extra ``[sandbox]`` is missing or a port is taken.

    Raises:
        SystemExit: The command line is wrong.
    """
    options, detached = parse_arguments(argv)
    if problem := missing_extra():
        sys.stderr.write(f"{problem}\n")
        return 1
    # GeeTest's SDK would ask the environment's proxy for the way to this very process.
    os.environ["no_proxy"] = _HOST
    certificates = tempfile.TemporaryDirectory(prefix="geetest-sandbox-") if options.tls else nullcontext("")
    with certificates as directory:
        return _run(options, Path(directory), detached=detached)


def _run(options: Options, directory: Path, *, detached: bool) -> int:
    import twisted.internet.reactor as installed
    from twisted.internet.error import CannotListenError

    reactor: Any = installed
    try:
        addresses = Server(reactor, options, directory).start()
    except CannotListenError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if not detached:
        _end_with_parent(reactor)
    reactor.callWhenRunning(_say, json.dumps(addresses))
    reactor.run()
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()

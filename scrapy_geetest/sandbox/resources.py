"""The sandbox's handlers as resources of twisted.web."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import ensureDeferred
from twisted.internet.task import deferLater
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from .checks import carries_answer
from .faults import SERVICE_CALLS
from .misbehave import deliver, is_carried_out, spoilt_answer
from .web import Answer, Call, Route, carry_out, dispatch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .web import Found
    from .world import World


class Web(Resource):
    """One port of the sandbox.

    Args:
        routes: What is served there.
        world: The present state.
        slow: Whether the option ``latency`` holds here.
        pages: What looks for a saved page that answers a request.
    """

    isLeaf = True  # noqa: N815  # Twisted's name

    def __init__(
        self,
        routes: Sequence[Route],
        world: Callable[[], World],
        *,
        slow: bool = False,
        pages: Callable[[World, Call], Found | None] = lambda *_: None,
    ) -> None:
        Resource.__init__(self)  # type: ignore[no-untyped-call]  # Twisted has not typed it
        self._routes = routes
        self._world = world
        self._slow = slow
        self._pages = pages

    def render(self, request: Any) -> int:
        """Answer a request, in time."""
        ensureDeferred(self._serve(request, self._world()))
        return NOT_DONE_YET

    async def _serve(self, request: Any, world: World) -> None:
        gone: list[Any] = []
        request.notifyFinish().addErrback(gone.append)
        call = _read(request)
        saved = self._pages(world, call)
        name, handler = saved or dispatch(self._routes, world, call)
        if name == "submit" and saved is None and not carries_answer(call):
            name = None
        if self._slow and world.options.latency:
            from twisted.internet import reactor

            await deferLater(reactor, world.options.latency)
        fault = world.draw_fault(name)
        proper = await carry_out(handler, world.books) if is_carried_out(fault) else None
        answer = spoilt_answer(fault, call, proper, world)
        _note(world, name, call, fault, proper)
        if not gone:
            deliver(request, answer, fault, proper, world.options.drip_seconds)


def _note(world: World, name: str | None, call: Call, fault: str, proper: Answer | None) -> None:
    if name not in SERVICE_CALLS:
        return
    world.books.calls[name] += 1
    if name == "createTask" and fault not in ("ok", "json-strings", "drip") and proper is not None:
        world.service.lose(Call("POST", "/", body=proper.body).json_object())
    if name == "getTaskResult" and proper is None:
        world.service.spoil(call.json_object(), fault)


def _read(request: Any) -> Call:
    headers = {
        name.decode("latin-1").lower(): b", ".join(values).decode("latin-1")
        for name, values in request.requestHeaders.getAllRawHeaders()
    }
    return Call(request.method.decode("latin-1"), request.uri.decode("latin-1"), headers, request.content.read())


class CountingSite(Site):
    """A port whose connections are counted."""

    def __init__(self, resource: Web, opened: Callable[[], None] = lambda: None) -> None:
        Site.__init__(self, resource)  # type: ignore[no-untyped-call]  # Twisted has not typed it
        self._opened = opened

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802  # Twisted's name
        """Count a connection."""
        self._opened()
        return Site.buildProtocol(self, addr)  # type: ignore[no-untyped-call]  # Twisted has not typed it

"""The addresses of the sandbox's solving service, and the answers that are errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .faults import STATUS_OF_CODE
from .service import Service
from .tasks import USER_AGENT, Refusal
from .web import Answer, Call, Route, data, route

if TYPE_CHECKING:
    from collections.abc import Callable

    from .world import World


def error_answer(code: str, description: str | None = None, status: int | None = None) -> Answer:
    """The service's error of that code, with the status that it usually has."""
    body = {"errorId": 1, "errorCode": code, "errorDescription": description, "taskId": 0}
    return data(body, STATUS_OF_CODE.get(code, 200) if status is None else status)


def _answering(method: Callable[[Service, dict[str, Any]], dict[str, Any]], name: str) -> Route:
    async def answer(world: World, call: Call) -> Answer:
        try:
            return data(method(world.service, call.json_object()))
        except Refusal as refusal:
            if name == "createTask":
                world.books.refused[refusal.code] += 1
            return error_answer(refusal.code, refusal.description, refusal.status)

    return route(f"/{name}", answer, "POST", call=name)


async def _user_agent(world: World, call: Call) -> Answer:
    del world, call
    return Answer(USER_AGENT.encode(), content_type="text/plain; charset=utf-8")


async def _no_such_method(world: World, call: Call) -> Answer:
    del world
    return error_answer("ERROR_NO_SUCH_METHOD", f"{call.method} {call.path}", 404)


ROUTES: tuple[Route, ...] = (
    _answering(Service.create, "createTask"),
    _answering(Service.result, "getTaskResult"),
    _answering(Service.balance, "getBalance"),
    _answering(Service.report, "reportIncorrectTokenCaptcha"),
    route("/api/useragent/actual", _user_agent, "GET"),
    route(".*", _no_such_method),
)

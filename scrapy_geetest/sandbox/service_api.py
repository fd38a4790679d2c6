"""The addresses of the sandbox's solving service, and the answers that are errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .dialects import CAPMONSTER
from .faults import STATUS_OF_CODE
from .service import Service
from .tasks import USER_AGENT, Refusal
from .web import Answer, Call, Route, data, route

if TYPE_CHECKING:
    from collections.abc import Callable

    from .dialects import Dialect
    from .world import World


def error_answer(code: str, description: str | None = None, status: int | None = None, error_id: int = 1) -> Answer:
    """The service's error of that code, with the status that it usually has."""
    body = {"errorId": error_id, "errorCode": code, "errorDescription": description, "taskId": 0}
    return data(body, STATUS_OF_CODE.get(code, 200) if status is None else status)


def _answering(method: Callable[[Service, dict[str, Any]], dict[str, Any]], name: str) -> Route:
    async def answer(world: World, call: Call) -> Answer:
        try:
            return data(method(world.service, call.json_object()))
        except Refusal as plain:
            dialect = world.service.dialect
            refusal = dialect.refusal(plain)
            if name == "createTask":
                world.books.refused[refusal.code] += 1
            return error_answer(refusal.code, refusal.description, refusal.status, dialect.error_id(refusal.code))

    # Faults know reports by one name, whatever a service calls them.
    return route(f"/{name}", answer, "POST", call="reportIncorrectTokenCaptcha" if name.startswith("report") else name)


async def _user_agent(world: World, call: Call) -> Answer:
    del world, call
    return Answer(USER_AGENT.encode(), content_type="text/plain; charset=utf-8")


async def _no_such_method(world: World, call: Call) -> Answer:
    del world
    return error_answer("ERROR_NO_SUCH_METHOD", f"{call.method} {call.path}", 404)


def routes_of(dialect: Dialect) -> tuple[Route, ...]:
    """The calls of a service."""
    return (
        _answering(Service.create, "createTask"),
        _answering(Service.result, "getTaskResult"),
        _answering(Service.balance, "getBalance"),
        *(_answering(Service.report, name) for name in dialect.reports),
        route("/api/useragent/actual", _user_agent, "GET"),
        route(".*", _no_such_method),
    )


ROUTES = routes_of(CAPMONSTER)

"""The service without sockets and without time: scripted answers over treq.testing, a clock that a sleep moves on."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, field
from treq.testing import StringStubbingResource, StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from scrapy_geetest._services.client import ServiceClient
from scrapy_geetest._services.pacing import Pacing
from scrapy_geetest._services.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from scrapy_geetest import SolvingService

T = TypeVar("T")
KEY = "5ecre7k3y0fTheTe5ts"
READY: dict[str, Any] = {
    "errorId": 0,
    "status": "ready",
    "solution": {"challenge": "c" * 34, "validate": "v" * 32, "seccode": "v" * 32 + "|jordan"},
}
PROCESSING: dict[str, Any] = {"errorId": 0, "status": "processing"}
BALANCE: dict[str, Any] = {"errorId": 0, "balance": 10}
CREATED: dict[str, Any] = {"errorId": 0, "taskId": 407533072}


def error(code: str, description: str | None = None) -> dict[str, Any]:
    """An error as the service words it."""
    return {"errorId": 1, "errorCode": code, "errorDescription": description, "taskId": 0}


def now(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing real."""
    results: list[T] = []
    failures: list[Any] = []
    Deferred.fromCoroutine(coroutine).addCallbacks(results.append, failures.append)
    if failures:
        failures[0].raiseException()
    return results[0]


async def settle(deferred: Deferred[T]) -> T:
    """What Deferreds are awaited through where no asyncio loop runs."""
    return await deferred


@define(repr=False)
class Call:
    """A call that the service got."""

    at: float
    method: str
    body: dict[str, Any]


@define(repr=False)
class Service:
    """A service that answers as scripted; the last answer is repeated.

    Attributes:
        script: Objects (200), ``(status, object or bytes)``, or exceptions that the transport raises.
        balances: A script of its own for getBalance, which probes whether the service answers; ``None``: the same.
        calls: What it got, and when.
        slept: How long the client slept each time.
        polls: How many polls the client counted.
    """

    script: list[Any]
    balances: list[Any] | None = None
    solve_timeout: float = 120.0
    first_poll: float | None = 2.0
    service: SolvingService | None = None
    calls: list[Call] = field(factory=list)
    slept: list[float] = field(factory=list)
    polls: int = 0
    clock: Clock = field(factory=Clock)
    transport: Transport = field(init=False)
    pacing: Pacing = field(init=False)
    client: ServiceClient = field(init=False)

    def __attrs_post_init__(self) -> None:
        stub: Any = StubTreq(StringStubbingResource(self._respond))  # type: ignore[no-untyped-call]  # treq's
        self.transport = Transport(
            base_url="https://service.example",
            timeout=20.0,
            settle=settle,
            reactor=self.clock,
            http=_Raising(stub, self),
        )
        self.pacing = Pacing(first_poll=self.first_poll, uniform=random.Random(1).uniform, clock=self.clock.seconds)
        self.client = ServiceClient(
            api_key=KEY,
            transport=self.transport,
            pacing=self.pacing,
            sleep=self.sleep,
            clock=self.clock.seconds,
            solve_timeout=self.solve_timeout,
            on_poll=self._count,
            service=self.service,
        )

    @property
    def methods(self) -> list[str]:
        return [call.method for call in self.calls]

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds)

    def script_of(self, method: str) -> list[Any]:
        return self.balances if method == "getBalance" and self.balances else self.script

    def answer(self, method: str) -> Any:
        script = self.script_of(method)
        return script[0] if len(script) == 1 else script.pop(0)

    def _count(self) -> None:
        self.polls += 1

    def _respond(self, method: bytes, url: str, *_: Any) -> tuple[int, dict[bytes, bytes], bytes]:
        assert method == b"POST"
        body = json.loads(_[-1])
        self.calls.append(Call(self.clock.seconds(), url.rpartition("/")[2], body))
        answer = self.answer(self.calls[-1].method)
        status, content = answer if isinstance(answer, tuple) else (200, answer)
        return status, {}, content if isinstance(content, bytes) else json.dumps(content).encode()


class _Raising:
    """A treq client whose next call fails, where the script says so, instead of being sent."""

    def __init__(self, stub: Any, service: Service) -> None:
        self._stub = stub
        self._service = service

    def post(self, url: str, **kwargs: Any) -> Any:
        method = url.rpartition("/")[2]
        if isinstance(self._service.script_of(method)[0], Exception):
            self._service.calls.append(
                Call(self._service.clock.seconds(), method, json.loads(kwargs["data"].content()))
            )
            raise self._service.answer(method)
        return self._stub.post(url, **{**kwargs, "data": kwargs["data"].content()})

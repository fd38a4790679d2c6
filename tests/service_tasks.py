"""Tasks, and the client of the service, for the tests of it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from reactor import settle as settle_on_loop
from service_stub import KEY, now
from twisted.internet.error import ConnectionRefusedError as TwistedConnectionRefusedError

from scrapy_geetest._services.client import ServiceClient
from scrapy_geetest._services.errors import ServiceError
from scrapy_geetest._services.pacing import Pacing
from scrapy_geetest._services.task import Proxy, Task
from scrapy_geetest._services.transport import Transport
from scrapy_geetest.challenge import V3Challenge, V4Challenge

V3 = V3Challenge("a" * 32, "b" * 32)
V4 = V4Challenge("c" * 32)
TASK = Task(V3, "https://example.com/")
PROXY = Proxy("http", "proxy.example", 8080, "user", "password")
REFUSED = TwistedConnectionRefusedError()  # type: ignore[no-untyped-call]  # Twisted's


def failing(coroutine: Any) -> ServiceError:
    with pytest.raises(ServiceError) as failure:
        now(coroutine)
    return failure.value


def client_of(url: str, timeout: float = 20.0, solve_timeout: float = 60.0) -> ServiceClient:
    return ServiceClient(
        api_key=KEY,
        transport=Transport(base_url=url, timeout=timeout, settle=settle_on_loop),
        pacing=Pacing(first_poll=0.01),
        sleep=lambda _: asyncio.sleep(0.01),
        clock=time.monotonic,
        solve_timeout=solve_timeout,
        on_poll=lambda: None,
    )

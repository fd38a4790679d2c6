"""What the tests of the client ask for, and how they see it fail."""

from __future__ import annotations

from typing import Any

import pytest
from service_stub import now
from twisted.internet.error import ConnectionRefusedError as TwistedConnectionRefusedError

from scrapy_geetest._services.errors import ServiceError
from scrapy_geetest._services.task import Proxy, Task
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

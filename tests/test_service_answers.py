from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from service_stub import BALANCE, KEY, Service, now

from scrapy_geetest._services.client import Result
from scrapy_geetest._services.errors import ServiceError
from scrapy_geetest._services.task import Task
from scrapy_geetest.challenge import V3Challenge, V4Challenge

V3 = V3Challenge("a" * 32, "b" * 32)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([KEY, "ready", "\ud800"])
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)
KEYS = ("errorId", "errorCode", "errorDescription", "taskId", "status", "solution", "cost", "balance")
SOLUTION_KEYS = ("challenge", "validate", "seccode", "lot_number", "pass_token", "gen_time", "captcha_output")
SOLUTIONS = st.dictionaries(st.sampled_from(SOLUTION_KEYS), SCALARS) | JSON
NEAR_MISSES = st.dictionaries(st.sampled_from(KEYS), JSON) | st.builds(
    lambda solution, cost, error: {"errorId": error, "status": "ready", "solution": solution, "cost": cost},
    SOLUTIONS,
    JSON,
    st.sampled_from([0, "0", None, False, 1]),
)
BODIES = st.binary(max_size=200) | (JSON | NEAR_MISSES).map(lambda data: json.dumps(data).encode())
ANSWERS = st.tuples(st.sampled_from([200, 201, 302, 400, 401, 402, 403, 404, 429, 500, 503]), BODIES)


def outcome(answers: list[Any], call: str) -> tuple[Any, Service]:
    """What a call comes to, its time in seconds of the clock that sleeps move on."""
    service = Service(list(answers), balances=[BALANCE], solve_timeout=60.0)
    calls: dict[str, Any] = {
        "create": lambda: service.client.create_task(Task(V3, "https://example.com/")),
        "result": lambda: service.client.result(1, V3),
        "result4": lambda: service.client.result("x", V4Challenge("c" * 32)),
        "balance": Service(list(answers)).client.balance,
        "report": lambda: service.client.report_incorrect(1),
    }
    try:
        result: Any = now(calls[call]())
    except ServiceError as error:
        result = error
    return result, service


@settings(deadline=None, max_examples=40)
@given(st.lists(ANSWERS, min_size=1, max_size=4), st.sampled_from(["create", "result", "result4", "balance", "report"]))
def test_any_answer_is_a_result_or_a_service_error(answers: list[Any], call: str) -> None:
    """No other exception, no key in it, in bounded time and with a bounded number of calls."""
    result, service = outcome(answers, call)
    if isinstance(result, ServiceError):
        text = f"{result!r} {result}"
        assert KEY not in text
        assert text.isprintable()
        assert len(text) < 1000
        assert result.reaction
        assert result.advice
    else:
        assert call != "result" or isinstance(result, Result)
    assert service.clock.seconds() <= 260.0
    asked = [method for method in service.methods if method != "getBalance"]
    assert len(asked) <= {"create": 60, "report": 1}.get(call, 120)


@settings(deadline=None, max_examples=40)
@given(st.lists(ANSWERS, min_size=1, max_size=4))
def test_a_create_task_is_repeated_only_where_it_was_not_taken(answers: list[Any]) -> None:
    """Each repeated call follows the service's own word, or an answer of something before it that passed nothing on."""
    _, service = outcome(answers, "create")
    for number in range(service.methods.count("createTask") - 1):
        status, body = answers[min(number, len(answers) - 1)]
        assert 300 <= status < 500 or b"ERROR_" in body or b"CAPTCHA_NOT_READY" in body

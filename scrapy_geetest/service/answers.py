"""Reading the service's answers: none of them can do more harm than a ``ServiceError``."""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from scrapy_geetest.challenge import parse_solution, solution_values
from scrapy_geetest.service.errors import (
    ANSWER_LOST,
    BAD_ANSWER,
    BAD_KEY,
    UNKNOWN,
    ZERO_BALANCE,
    ServiceError,
    clean_code,
    clean_text,
)

if TYPE_CHECKING:
    from scrapy_geetest.challenge import Challenge, Solution
    from scrapy_geetest.service.transport import Answer

_TASK_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
_MAX_TASK_ID = 2**63
_MAX_COST = 1_000_000
_STATUS_CODES = {401: BAD_KEY, 402: ZERO_BALANCE, 403: BAD_KEY}
_SUCCESSES = range(200, 300)


def read_answer(answer: Answer, secret: str) -> dict[str, Any]:
    """The answer's object, if it tells of no error. The body decides; the status only where the body tells nothing.

    Args:
        answer: Any HTTP answer of the service.
        secret: The client key, which no error may hold.

    Raises:
        ServiceError: The service's own error, or one made of the status, or ``ANSWER_LOST`` for an unreadable success.
    """
    readable = answer.data is not None and _is_readable(answer.data)
    data: dict[str, Any] = (answer.data or {}) if readable else {}
    success = answer.status in _SUCCESSES
    if "errorId" in data or "errorCode" in data:
        if not _tells_error(data):
            return data
        error = _error(data, secret)
        if success or error.code != UNKNOWN:
            raise error
    if answer.status in _STATUS_CODES:
        raise ServiceError(_STATUS_CODES[answer.status], f"HTTP {answer.status}, without a readable error")
    if not success:
        raise ServiceError(f"HTTP_{answer.status}", "without a readable error")
    if not readable:
        what = "no JSON object" if answer.data is None else "no answer: its errorId is neither a number nor a text"
        raise ServiceError(ANSWER_LOST, f"HTTP {answer.status} with a body that is {what}")
    return data


def _is_readable(data: dict[str, Any]) -> bool:
    """Whether it tells of success or of an error at all: what does not is as good as lost."""
    return isinstance(data.get("errorId"), int | float | str | None) or isinstance(data.get("errorCode"), str)


def _error(data: dict[str, Any], secret: str) -> ServiceError:
    raw, description = data.get("errorCode"), data.get("errorDescription")
    code = clean_code(raw, secret)
    if code == UNKNOWN and isinstance(raw, str):
        description = f"{raw} {description or ''}"
    return ServiceError(code, clean_text(description, secret))


def _tells_error(data: dict[str, Any]) -> bool:
    if "errorId" in data:
        return data["errorId"] not in (0, "0", None, False)
    return bool(data["errorCode"])


def read_task_id(data: dict[str, Any], secret: str) -> int | str:
    """The id of a created task: a number, or a text such as a UUID.

    Raises:
        ServiceError: ``BAD_ANSWER``: it is neither.
    """
    task_id = data.get("taskId")
    if isinstance(task_id, int) and not isinstance(task_id, bool) and 0 < task_id < _MAX_TASK_ID:
        return task_id
    if isinstance(task_id, str) and _TASK_ID.fullmatch(task_id) and secret.lower() not in task_id.lower():
        return task_id
    raise ServiceError(BAD_ANSWER, f"createTask was answered with a taskId that is no id ({type(task_id).__name__})")


def read_solution(data: dict[str, Any], challenge: Challenge) -> Solution:
    """The solution of a task that is ready.

    Raises:
        ServiceError: ``BAD_ANSWER``: there is none, or none that could be submitted.
    """
    try:
        solution = parse_solution(data.get("solution"), challenge)
        for text in (item for pair in solution_values(solution).items() for item in pair):
            text.encode()  # half a surrogate pair passes as JSON, and as nothing else
    except UnicodeEncodeError:
        raise ServiceError(BAD_ANSWER, "the task is ready, but its solution is no valid text") from None
    except ValueError as error:
        raise ServiceError(BAD_ANSWER, f"the task is ready, but {clean_text(str(error), '***')}") from None
    return solution


def read_cost(data: dict[str, Any]) -> int:
    """What a task cost, in millionths of the service's currency; 0 where it does not say so in a number."""
    cost = _number(data.get("cost"))
    return 0 if cost is None or not 0 <= cost <= _MAX_COST else round(cost * 1_000_000)


def read_balance(data: dict[str, Any]) -> Decimal:
    """The account's balance in the service's currency.

    Raises:
        ServiceError: ``BAD_ANSWER``: it is no number.
    """
    balance = _number(data.get("balance"))
    if balance is None:
        raise ServiceError(BAD_ANSWER, "getBalance was answered without a number")
    return balance


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    try:
        number = Decimal(str(value))
    except (InvalidOperation, ValueError):
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 20 else None  # noqa: PLR2004 - beyond any money

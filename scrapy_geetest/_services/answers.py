"""Reading the service's answers: none of them can do more harm than a ``ServiceError``."""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from scrapy_geetest._services.errors import (
    ANSWER_LOST,
    BAD_ANSWER,
    UNKNOWN,
    ZERO_BALANCE,
    ServiceError,
    clean_code,
    clean_text,
)
from scrapy_geetest.challenge import parse_solution, solution_values

if TYPE_CHECKING:
    from scrapy_geetest._services.secret import Secret
    from scrapy_geetest._services.service import SolvingService
    from scrapy_geetest._services.transport import Answer
    from scrapy_geetest.challenge import Challenge, Solution

_TASK_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
_MAX_TASK_ID = 2**63
_MAX_COST = 1_000_000
# What these mean is not in doubt beside an error of the service's own that has no code. A 401 or 403 may be about an address
# as well as the key.
_NO_MONEY = 402
_TELLING_STATUSES = frozenset({_NO_MONEY, 429, *range(500, 600)})
_PENDING = frozenset({"", "idle", "processing"})
_SUCCESSES = range(200, 300)


def read_answer(answer: Answer, secret: Secret, service: SolvingService) -> dict[str, Any]:
    """The answer's object, if it tells of no error. The body decides; the status only where the body tells nothing.

    Args:
        answer: Any HTTP answer of the service.
        secret: The client key, which no error may hold.
        service: What its codes mean.

    Raises:
        ServiceError: The service's own error, or one made of the status, or ``ANSWER_LOST`` for an unreadable success.
            Where the body is none of the service's own, something before it answered, which says nothing of the account.
    """
    if tells_error(answer):
        error = _error(answer, secret)
        error.reaction = service.reactions.get(error.code, error.reaction)
        error.billed = error.code in service.billed
        raise error
    data, success = answer.data, answer.status in _SUCCESSES
    readable = data is not None and _is_readable(data)
    if data is not None and readable and (success or "errorId" in data or "errorCode" in data):
        return data
    if success:
        what = "no JSON object" if data is None else "no answer: its errorId is neither a number nor a string"
        raise ServiceError(ANSWER_LOST, f"HTTP {answer.status} with a body that is {what}")
    raise ServiceError(f"HTTP_{answer.status}", "without an error of the service's own")


def tells_error(answer: Answer) -> bool:
    """Whether the service itself says that there is an error, and not just a status, which anything before it may set."""
    data = answer.data
    if data is None or not _is_readable(data):
        return False
    if "errorId" in data:
        return data["errorId"] not in (0, "0", None, False)
    return bool(data.get("errorCode"))


def _is_readable(data: dict[str, Any]) -> bool:
    """Whether it tells of success or of an error at all: what does not is as good as lost."""
    return isinstance(data.get("errorId"), int | float | str | None) or isinstance(data.get("errorCode"), str)


def _error(answer: Answer, secret: Secret) -> ServiceError:
    data = answer.data or {}
    raw, description = data.get("errorCode"), data.get("errorDescription")
    code = clean_code(raw, secret)
    if code != UNKNOWN:
        return ServiceError(code, clean_text(description, secret))
    words = " ".join(text for text in (raw, description) if isinstance(text, str) and text) or "without a code"
    if answer.status in _TELLING_STATUSES:
        code = ZERO_BALANCE if answer.status == _NO_MONEY else f"HTTP_{answer.status}"
    elif answer.status not in _SUCCESSES:
        words = f"HTTP {answer.status}: {words}"
    return ServiceError(code, clean_text(words, secret))


def read_task_id(data: dict[str, Any], secret: Secret) -> int | str:
    """The id of a created task: a number, or a text such as a UUID.

    Raises:
        ServiceError: ``ANSWER_LOST``: it is neither. The task may exist, and cannot be asked for.
    """
    task_id = _task_id(data.get("taskId"), secret)
    if task_id is None:
        kind = type(data.get("taskId")).__name__
        raise ServiceError(ANSWER_LOST, f"createTask was answered with a taskId that is not an id ({kind})")
    return task_id


def _task_id(value: Any, secret: Secret) -> int | str | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _MAX_TASK_ID:
        return value
    is_text = isinstance(value, str) and _TASK_ID.fullmatch(value) and secret.hide_in(value) == value
    return value if is_text else None


def is_ready(data: dict[str, Any], secret: Secret) -> bool:
    """Whether a task is solved. One without a readable status is not yet.

    Raises:
        ServiceError: ``UNKNOWN``: its status is none that is documented, so that waiting on would lead to nothing.
    """
    status = data.get("status")
    if not isinstance(status, str) or status.lower() in _PENDING:
        return False
    if status.lower() == "ready":
        return True
    told = clean_text(f"the task's status is {status}. {data.get('errorDescription') or ''}", secret)
    del status  # it may repeat the key
    raise ServiceError(UNKNOWN, told)


def read_solution(data: dict[str, Any], challenge: Challenge, secret: Secret) -> Solution:
    """The solution of a task that is ready.

    Raises:
        ServiceError: ``BAD_ANSWER``: there is none, or none that could be submitted. It carries the cost.
    """
    try:
        solution = parse_solution(data.get("solution"), challenge)
        for text in (item for pair in solution_values(solution).items() for item in pair):
            text.encode()  # half a surrogate pair passes as JSON, and as nothing else
    except UnicodeEncodeError:
        reason = "its solution is not valid text"
    except ValueError as error:
        reason = clean_text(str(error), secret)
    else:
        return solution
    raise ServiceError(BAD_ANSWER, f"the task is ready, but {reason}", cost_millionths=read_cost(data))


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

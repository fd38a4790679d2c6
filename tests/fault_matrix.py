"""Every fault of the sandbox at every call that a request depends on, and what has to become of the request.

What is expected is written down here by the meaning of a fault, not taken from what the plugin does:

=================== ================================================ =======================================================
to the crawl it is  once                                             for ever
=================== ================================================ =======================================================
**createTask**
proper              one task                                         one task
a stop              none: what is wrong is wrong for every task      none
a failed task       one: the next attempt, with a fresh challenge    none, after all attempts
"later"             one: the same call again                         none
lost, not done      one: the next attempt; the loss cannot be told   none, after all attempts
lost, but done      two: the first one cannot be asked for           one an attempt, as no key makes the call idempotent
no id               two: the first one cannot be asked for           one an attempt
**getTaskResult**
a stop              one                                              one
a failed task       two: the first one came to nothing               one an attempt
"later", lost       one: it is asked for again                       one, and the time-out
no solution         one: a service that cannot be read is not asked  one
**register**
retried by Scrapy   one                                              none: there is no challenge
unreadable          none: there is no challenge                      none
**submit**
an answer           one: it is the site's page                       one
retried by Scrapy   one: the same solution again                     one
lost, but done      two: the first one was used up                   one: Scrapy's retries end before the site refuses it
=================== ================================================ =======================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from scrapy_geetest.sandbox import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CALLS = ("createTask", "getTaskResult", "register", "submit")
ATTEMPTS = 2  # GEETEST_MAX_ATTEMPTS of the matrix
PAGE = "page"
NOT_DELIVERED = "SubmissionError"
"""The request with the solution never got an answer, in as many tries as Scrapy makes."""

_STOPS = {
    "ERROR_KEY_DOES_NOT_EXIST": "geetest_bad_key",
    "ERROR_ZERO_BALANCE": "geetest_zero_balance",
    "ERROR_IP_NOT_ALLOWED": "geetest_blocked",
    "ERROR_IP_BANNED": "geetest_blocked",
    "ERROR_IP_BLOCKED": "geetest_blocked",
    "ERROR_NO_SUCH_METHOD": "geetest_misconfigured",
    "ERROR_TASK_NOT_SUPPORTED": "geetest_misconfigured",
    "ERROR_TASK_ABSENT": "geetest_misconfigured",
    **dict.fromkeys(
        (
            *("ERROR_DOMAIN_NOT_ALLOWED", "ERROR_RECAPTCHA_INVALID_DOMAIN", "ERROR_RECAPTCHA_INVALID_SITEKEY"),
            *("ERROR_INVALID_TASK", "ERROR_WRONG_USERAGENT", "ERROR_PROXY_MISSING", "ERROR_PROXY_NOT_AUTHORISED"),
            *("ERROR_PROXY_CREDENTIALS_INVALID_CHARACTER", "ERROR_PROXY_BANNED", "ERROR_UNHEARD_OF"),
        ),
        "finished",
    ),
}
"""Codes after which nothing more is bought for this request, and what the spider is closed with."""
_FAILED_TASKS = (
    *("ERROR_TOKEN_EXPIRED", "ERROR_CAPTCHA_UNSOLVABLE", "ERROR_NO_SUCH_CAPCHA_ID", "WRONG_CAPTCHA_ID"),
    *("ERROR_PROXY_CONNECT_REFUSED", "ERROR_PROXY_READ_TIMEOUT", "ERROR_RECAPTCHA_TIMEOUT"),
)
_LATER = ("ERROR_NO_SLOT_AVAILABLE", "ERROR_SERVICE_NOT_AVAILABLE", "CAPTCHA_NOT_READY", "ERROR_TOO_MUCH_REQUESTS")
_MEANING = {  # what else says the same as a code
    "json-402": "ERROR_ZERO_BALANCE",
    "json-403": "ERROR_KEY_DOES_NOT_EXIST",
    "json-429": "ERROR_TOO_MUCH_REQUESTS",
    "json-500": "ERROR_SERVICE_NOT_AVAILABLE",
    "json-502": "ERROR_SERVICE_NOT_AVAILABLE",
    "json-503": "ERROR_SERVICE_NOT_AVAILABLE",
    "echo-key": "ERROR_UNHEARD_OF",
}
_PROPER = ("ok", "json-strings", "task-id-uuid")
_UNUSABLE = ("ready-without-solution", "solution-missing-keys", "solution-wrong-types")
_UNKNOWN_TYPE = ("ERROR_TASK_NOT_SUPPORTED", "ERROR_TASK_ABSENT")
"""The service does not know what the task is called: the other name is sent."""
_BEFORE_IT = {f"http-{status}": f"HTTP_{status}" for status in (401, 402, 403, 404, 429)} | {"redirect": "HTTP_307"}
"""Something before the service answers: the call has not reached it."""
_SCRAPY_RETRIES = {
    **{f"{kind}-{status}": f"{PAGE} {status}" for kind in ("http", "json") for status in (429, 500, 502, 503)},
    "http-504": f"{PAGE} 504",
    **dict.fromkeys(("closed", "lost-before", "lost-after", "reset-half", "drip", "endless", "hang"), NOT_DELIVERED),
}
"""What Scrapy tries again, and what its last try leaves."""
_TOO_LARGE = ("huge", "gzip-bomb")
_REFUSED_PAGES = {f"{kind}-{status}": f"{PAGE} {status}" for kind in ("http", "json") for status in (402, 403)}
_REFUSED_PAGES |= {f"http-{status}": f"{PAGE} {status}" for status in (401, 404)}


@frozen
class Expected:
    """What has to become of one request.

    Attributes:
        tasks: Tasks that the service creates, and may charge for.
        ends: ``"page"`` (with its status, if it is not 200), or the class of a ``GeetestError`` and its code.
        failed: The statistics ``geetest/tasks_failed/<code>``; of createTask ``geetest/tasks_refused/<code>``.
        lost: Tasks whose ids never arrived, so that ``geetest/tasks_created`` cannot count them.
        rejected: Solutions that the site refuses.
        close: What the spider is closed with.
    """

    tasks: int
    ends: str = PAGE
    failed: Mapping[str, int] = field(factory=dict)
    lost: int = 0
    rejected: int = 0
    close: str = "finished"


@frozen
class Cell:
    """One fault at one call, once or for ever."""

    call: str
    fault: str
    for_ever: bool
    expected: Expected

    def __str__(self) -> str:
        return f"{self.call} {self.fault} {'for ever' if self.for_ever else 'once'}"

    @property
    def faults(self) -> dict[str, list[str]]:
        """What the sandbox is to be told."""
        return {self.call: [self.fault, "..."] if self.for_ever else [self.fault]}


def cells(call: str, fault: str) -> tuple[Cell, Cell]:
    """A fault at a call: once, and for ever."""
    once, for_ever = (Cell(call, fault, often, _EXPECTATIONS[call](fault, often)) for often in (False, True))
    return once, for_ever


def pairs() -> Iterator[tuple[str, str]]:
    """Every call with every fault that it can have."""
    for call in CALLS:
        for fault in FAULTS.values():
            if call in fault.calls:
                yield call, fault.name


def _create_task(fault: str, for_ever: bool) -> Expected:  # noqa: FBT001  # a cell is a fault and this
    code = _MEANING.get(fault, fault)
    if fault in _PROPER or (fault in _UNKNOWN_TYPE and not for_ever):
        return Expected(1)
    if code in _STOPS:
        return Expected(0, f"SolveError {code}", {code: 1}, close=_STOPS[code])
    if code in _LATER or fault in _BEFORE_IT:
        code = _BEFORE_IT.get(fault, code)
        return Expected(0, f"SolveError {code}", {code: 1}) if for_ever else Expected(1)
    failed, is_done = code if code in _FAILED_TASKS else "ANSWER_LOST", FAULTS[fault].carried_out
    if for_ever:
        tasks = ATTEMPTS * is_done
        return Expected(tasks, f"SolveError {failed}", {failed: ATTEMPTS}, lost=tasks)
    return Expected(1 + is_done, failed={failed: 1}, lost=int(is_done))


def _get_task_result(fault: str, for_ever: bool) -> Expected:  # noqa: FBT001  # see above
    code = _MEANING.get(fault, fault)
    if fault in _PROPER:
        return Expected(1)
    if fault in _UNUSABLE:
        return Expected(1, "SolveError BAD_ANSWER", {"BAD_ANSWER": 1})
    if code in _STOPS:
        return Expected(1, f"SolveError {code}", {code: 1}, close=_STOPS[code])
    if code in _FAILED_TASKS:
        ends, times = (f"SolveError {code}", ATTEMPTS) if for_ever else (PAGE, 1)
        return Expected(ATTEMPTS if for_ever else 2, ends, {code: times})
    return Expected(1, "SolveError SOLVE_TIMEOUT", {"SOLVE_TIMEOUT": 1}) if for_ever else Expected(1)


def _register(fault: str, for_ever: bool) -> Expected:  # noqa: FBT001  # see above
    if fault in _PROPER or (fault in _SCRAPY_RETRIES and not for_ever):
        return Expected(1)
    return Expected(0, "ChallengeError")


def _submit(fault: str, for_ever: bool) -> Expected:  # noqa: FBT001  # see above
    if fault in _TOO_LARGE:
        return Expected(1, NOT_DELIVERED)
    if fault not in _SCRAPY_RETRIES:
        return Expected(1, _REFUSED_PAGES.get(fault, PAGE))
    if for_ever:
        return Expected(1, _SCRAPY_RETRIES[fault])
    is_done = FAULTS[fault].carried_out
    return Expected(1 + is_done, rejected=int(is_done))


_EXPECTATIONS = {
    "createTask": _create_task,
    "getTaskResult": _get_task_result,
    "register": _register,
    "submit": _submit,
}

"""The ways in which the sandbox can be told to misbehave: per call, in sequence, or at random.

============================ =============================================================================
fault                        what the caller gets
============================ =============================================================================
``ok``                       the proper answer
``ERROR_…``                  that error of the service, with the status that it usually has (402, 403, 429
                             or 200); ``ERROR_ZERO_BALANCE@200`` names another status
``http-402`` … ``http-503``  that status (402, 403, 429, 500, 502, 503) with an HTML body; 401, 404 and 504 as well
``json-402`` … ``json-503``  a status (402, 403, 429, 500, 502, 503) with a JSON error of the service as body
``redirect``                 of the service: status 307, to another path
``closed``                   the connection is closed without a word; the call was **not** carried out
``lost-before``              a reset connection; the call was **not** carried out
``lost-after``               a reset connection; the call **was** carried out (createTask: charged)
``reset-half``               carried out; a reset after half of the answer's body
``drip``                     carried out; the answer, one byte every ``drip_seconds``
``endless``                  a body that never ends
``huge``                     a body of 100 MB
``gzip-bomb``                100 KB that unpack to 100 MB
``html``                     an HTML page with status 200
``empty``                    status 200 without a body
``truncated``                carried out; half of the answer's JSON as a complete body
``json-list``                ``[1, 2, 3]``
``json-number``              ``42``
``json-null``                ``null``
``json-wrong-types``         an object whose known keys all hold values of wrong types
``json-strings``             carried out; the answer with its numbers as strings
``hang``                     nothing at all; the connection stays open
``echo-key``                 an error whose description repeats the client's key
``task-id-uuid``             createTask, carried out: the task id is a UUID (and can be polled)
``task-id-object``           createTask, carried out: the task id is an object
``ready-without-solution``   getTaskResult: ready, and no solution
``solution-missing-keys``    getTaskResult: ready, and a solution that lacks most of its keys
``solution-wrong-types``     getTaskResult: ready, and a solution of nulls, lists and numbers
============================ =============================================================================

A call's faults are a list, used up one by one: ``["ok", "http-500", "lost-after"]``; after its end all is well. A list that
ends in ``"..."`` repeats its last fault for ever. ``{"random": ["hang", "http-500"], "probability": 0.3, "seed": 7}`` draws.
The calls are the four of the service, ``register`` (every register endpoint of the sites) and ``submit`` (requests to the sites
that carry an answer, right or wrong).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any, TypeAlias

from attrs import define, field, frozen

SERVICE_CALLS = ("createTask", "getTaskResult", "getBalance", "reportIncorrectTokenCaptcha")
SITE_CALLS = ("register", "submit")
CALLS = SERVICE_CALLS + SITE_CALLS

ERROR_CODES = (
    "CAPTCHA_NOT_READY",
    "ERROR_CAPTCHA_UNSOLVABLE",
    "ERROR_DOMAIN_NOT_ALLOWED",
    "ERROR_INVALID_TASK",
    "ERROR_IP_BANNED",
    "ERROR_IP_BLOCKED",
    "ERROR_IP_NOT_ALLOWED",
    "ERROR_KEY_DOES_NOT_EXIST",
    "ERROR_NO_SLOT_AVAILABLE",
    "ERROR_NO_SUCH_CAPCHA_ID",
    "ERROR_NO_SUCH_METHOD",
    "ERROR_PROXY_BANNED",
    "ERROR_PROXY_CONNECT_REFUSED",
    "ERROR_PROXY_CREDENTIALS_INVALID_CHARACTER",
    "ERROR_PROXY_MISSING",
    "ERROR_PROXY_NOT_AUTHORISED",
    "ERROR_PROXY_READ_TIMEOUT",
    "ERROR_RECAPTCHA_INVALID_DOMAIN",
    "ERROR_RECAPTCHA_INVALID_SITEKEY",
    "ERROR_RECAPTCHA_TIMEOUT",
    "ERROR_SERVICE_NOT_AVAILABLE",
    "ERROR_TASK_ABSENT",
    "ERROR_TASK_NOT_SUPPORTED",
    "ERROR_TOKEN_EXPIRED",
    "ERROR_TOO_MUCH_REQUESTS",
    "ERROR_UNHEARD_OF",
    "ERROR_WRONG_USERAGENT",
    "ERROR_ZERO_BALANCE",
    "WRONG_CAPTCHA_ID",
)
STATUS_OF_CODE = {"ERROR_ZERO_BALANCE": 402, "ERROR_KEY_DOES_NOT_EXIST": 403, "ERROR_TOO_MUCH_REQUESTS": 429}
STATUSES = (402, 403, 429, 500, 502, 503)
HTML_STATUSES = (401, 404, 504)  # which the service itself does not answer with
FOR_EVER = "..."
# Answers that say nothing about the fate of the task.
PASSING_CODES = ("CAPTCHA_NOT_READY", "ERROR_TOO_MUCH_REQUESTS")
SPOILT_SOLUTIONS = ("ready-without-solution", "solution-missing-keys", "solution-wrong-types")

CallFaults: TypeAlias = Sequence[str] | Mapping[str, Any]


@frozen
class Fault:
    """One way to misbehave.

    Attributes:
        name: What it is called in ``faults``.
        summary: What the caller gets.
        calls: The calls that it makes sense for.
        carried_out: Whether the call takes effect (a task is created and charged, an answer is used up) all the same.
    """

    name: str
    summary: str
    calls: tuple[str, ...] = CALLS
    carried_out: bool = False


def _all() -> Iterator[Fault]:
    for code in ERROR_CODES:
        yield Fault(code, f"the service's error {code}", SERVICE_CALLS)
    for status in STATUSES:
        yield Fault(f"http-{status}", f"status {status} with an HTML body")
        yield Fault(f"json-{status}", f"status {status} with a JSON error as body")
    for status in HTML_STATUSES:
        yield Fault(f"http-{status}", f"status {status} with an HTML body")
    yield Fault("redirect", "status 307, to another path", SERVICE_CALLS)
    yield Fault("closed", "the connection is closed; the call was not carried out")
    yield Fault("ok", "the proper answer", carried_out=True)
    yield Fault("lost-before", "a reset; the call was not carried out")
    yield Fault("lost-after", "a reset; the call was carried out", carried_out=True)
    yield Fault("reset-half", "a reset after half of the body", carried_out=True)
    yield Fault("drip", "a byte now and then", carried_out=True)
    yield Fault("endless", "a body that never ends")
    yield Fault("huge", "a body of 100 MB")
    yield Fault("gzip-bomb", "100 KB that unpack to 100 MB")
    yield Fault("html", "an HTML page with status 200")
    yield Fault("empty", "status 200 without a body")
    yield Fault("truncated", "half of the answer as a complete body", carried_out=True)
    yield Fault("json-list", "a JSON list")
    yield Fault("json-number", "a JSON number")
    yield Fault("json-null", "JSON null")
    yield Fault("json-wrong-types", "known keys, values of wrong types")
    yield Fault("json-strings", "strings for numbers", carried_out=True)
    yield Fault("hang", "no answer")
    yield Fault("echo-key", "an error that repeats the client's key", SERVICE_CALLS)
    yield Fault("task-id-uuid", "the task id is a UUID", ("createTask",), carried_out=True)
    yield Fault("task-id-object", "the task id is an object", ("createTask",), carried_out=True)
    yield Fault("ready-without-solution", "ready, no solution", ("getTaskResult",))
    yield Fault("solution-missing-keys", "a solution that lacks keys", ("getTaskResult",))
    yield Fault("solution-wrong-types", "a solution of wrong types", ("getTaskResult",))


FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in _all()}
"""Every fault by its name; the module's docstring explains them."""


def find_fault(name: str) -> Fault:
    """The fault of that name; the ``@status`` of an error code is left out of account.

    Raises:
        ValueError: There is none.
    """
    base, _, status = str(name).partition("@")
    fault = FAULTS.get(base)
    if fault is None or (status and (base not in ERROR_CODES or not status.isdecimal())):
        raise ValueError(f"there is no fault {name!r}; see scrapy_geetest.sandbox.FAULTS")
    return fault


@define
class Schedule:
    """The faults of one call, drawn one after the other."""

    _names: list[str]
    _repeat: bool = False
    _probability: float | None = None
    _random: Random = field(factory=Random)

    @classmethod
    def make(cls, call: str, wanted: CallFaults) -> Schedule:
        """Read what ``faults`` says for a call.

        Raises:
            ValueError: An unknown call or fault, a fault that this call cannot have, or a probability outside 0 to 1.
        """
        if call not in CALLS:
            raise ValueError(f"faults: there is no call {call!r}; there are {', '.join(CALLS)}")
        schedule = cls._drawn(wanted) if isinstance(wanted, Mapping) else cls._in_sequence(wanted)
        schedule.check_names(call)
        return schedule

    def check_names(self, call: str) -> None:
        """Raise :exc:`ValueError` for a fault that there is not, or that this call cannot have."""
        for name in self._names:
            if call not in find_fault(name).calls:
                raise ValueError(f"faults: {call} cannot have the fault {name!r}")

    @classmethod
    def _in_sequence(cls, wanted: Sequence[str]) -> Schedule:
        if isinstance(wanted, str):
            raise ValueError("faults: a call's faults are a list of names")
        names = list(wanted)
        repeat = names[-1:] == [FOR_EVER]
        return cls(names[:-1] if repeat else names, repeat)

    @classmethod
    def _drawn(cls, wanted: Mapping[str, Any]) -> Schedule:
        unknown = wanted.keys() - {"random", "probability", "seed"}
        if unknown or not wanted.get("random"):
            raise ValueError('faults: a mapping has "random" (names), "probability" and "seed"')
        probability = float(wanted.get("probability", 1.0))
        if not 0 <= probability <= 1:
            raise ValueError(f"faults: the probability {probability} is not between 0 and 1")
        return cls(list(wanted["random"]), probability=probability, random=Random(wanted.get("seed", 0)))

    def draw(self) -> str:
        """The name of the next fault, ``"ok"`` for none."""
        if self._probability is not None:
            return self._random.choice(self._names) if self._random.random() < self._probability else "ok"
        if not self._names:
            return "ok"
        return self._names[0] if self._repeat and len(self._names) == 1 else self._names.pop(0)

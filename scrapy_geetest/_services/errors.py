"""What the service's error codes mean for a crawl: one table, and the exception that carries a code."""

from __future__ import annotations

import re
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy_geetest._services.secret import Secret


class Reaction(Enum):
    """What a crawl does about an error."""

    STOP_CRAWL = "stop calling the service for the whole crawl"
    STOP_SITE = "buy nothing more for this site"
    STOP_REQUEST = "buy nothing more for this request"
    FRESH_CHALLENGE = "try again with a fresh challenge, within the attempts allowed"
    SAME_CALL_LATER = "make the same call again, later"
    FAILED = "the task has failed; report it and never loop"


# Codes of this package's own, for what the service did not say.
NOT_SENT = "NOT_SENT"
ANSWER_LOST = "ANSWER_LOST"
BAD_ANSWER = "BAD_ANSWER"
SOLVE_TIMEOUT = "SOLVE_TIMEOUT"
UNKNOWN = "UNKNOWN"
CHALLENGE_TOO_OLD = "CHALLENGE_TOO_OLD"

BAD_KEY = "ERROR_KEY_DOES_NOT_EXIST"
ZERO_BALANCE = "ERROR_ZERO_BALANCE"
PROXY_BANNED = "ERROR_PROXY_BANNED"
NO_SUCH_METHOD = "ERROR_NO_SUCH_METHOD"
NO_SUCH_TASK = frozenset({"ERROR_NO_SUCH_CAPCHA_ID", "WRONG_CAPTCHA_ID", "ERROR_TASKID_INVALID"})
NOT_READY = "CAPTCHA_NOT_READY"
TOO_MUCH_REQUESTS = "ERROR_TOO_MUCH_REQUESTS"
RATE_LIMIT = "ERROR_RATE_LIMIT"

# A code decides alone, whichever call it answers. ``ERROR_PROXY_BANNED`` stops the request because its next attempt would
# use the same proxy again, and repeated calls with a banned proxy are answered with a ban of the account.
_CODES: Mapping[Reaction, tuple[str, ...]] = {
    Reaction.STOP_CRAWL: (
        *(BAD_KEY, "ERROR_KEY_DENIED_ACCESS", ZERO_BALANCE),
        *("ERROR_IP_NOT_ALLOWED", "ERROR_IP_BANNED", "ERROR_IP_BLOCKED", "ERROR_ACCOUNT_SUSPENDED"),
        *(NO_SUCH_METHOD, "ERROR_TASK_NOT_SUPPORTED", "ERROR_TASK_ABSENT"),
    ),
    Reaction.STOP_SITE: ("ERROR_DOMAIN_NOT_ALLOWED", "ERROR_RECAPTCHA_INVALID_DOMAIN"),
    Reaction.STOP_REQUEST: (
        *("ERROR_INVALID_TASK", "ERROR_INVALID_TASK_DATA", "ERROR_BAD_REQUEST", "ERROR_BAD_PARAMETERS"),
        *(
            "ERROR_RECAPTCHA_INVALID_SITEKEY",
            "ERROR_WRONG_USERAGENT",
            "ERROR_PROXY_MISSING",
            "ERROR_PROXY_NOT_AUTHORISED",
        ),
        *("ERROR_PROXY_CREDENTIALS_INVALID_CHARACTER", PROXY_BANNED),
    ),
    Reaction.FRESH_CHALLENGE: (
        *("ERROR_TOKEN_EXPIRED", "ERROR_CAPTCHA_UNSOLVABLE", "ERROR_RECAPTCHA_TIMEOUT", "ERROR_TASK_TIMEOUT"),
        *NO_SUCH_TASK,
        *("ERROR_PROXY_CONNECT_REFUSED", "ERROR_PROXY_CONNECT_TIMEOUT", "ERROR_PROXY_READ_TIMEOUT"),
        *(ANSWER_LOST, CHALLENGE_TOO_OLD),
    ),
    Reaction.SAME_CALL_LATER: (
        *("ERROR_NO_SLOT_AVAILABLE", "ERROR_SERVICE_NOT_AVAILABLE", "ERROR_SERVICE_UNAVALIABLE", RATE_LIMIT),
        *(NOT_READY, TOO_MUCH_REQUESTS, NOT_SENT),
        *(f"HTTP_{status}" for status in range(300, 600)),
    ),
    Reaction.FAILED: (BAD_ANSWER, SOLVE_TIMEOUT, UNKNOWN),
}
REACTIONS: Mapping[str, Reaction] = MappingProxyType(
    {code: reaction for reaction, codes in _CODES.items() for code in codes}
)
"""Code to reaction. A code that is not here is a ``Reaction.FAILED``."""

CLOSE_REASONS: Mapping[str, str] = MappingProxyType(
    {
        BAD_KEY: "geetest_bad_key",
        "ERROR_KEY_DENIED_ACCESS": "geetest_bad_key",
        ZERO_BALANCE: "geetest_zero_balance",
        "ERROR_IP_NOT_ALLOWED": "geetest_blocked",
        "ERROR_IP_BANNED": "geetest_blocked",
        "ERROR_IP_BLOCKED": "geetest_blocked",
        "ERROR_ACCOUNT_SUSPENDED": "geetest_blocked",
        NO_SUCH_METHOD: "geetest_misconfigured",
        "ERROR_TASK_NOT_SUPPORTED": "geetest_misconfigured",
        "ERROR_TASK_ABSENT": "geetest_misconfigured",
    }
)
"""Every code that stops the crawl, and the reason a spider is closed with."""

ACCOUNT_CODES = frozenset({BAD_KEY, "ERROR_KEY_DENIED_ACCESS", ZERO_BALANCE, "ERROR_ACCOUNT_SUSPENDED"})
"""Those of them that say something about the account, whichever machine calls."""

SLOW_DOWN: frozenset[str] = frozenset({TOO_MUCH_REQUESTS, RATE_LIMIT, "HTTP_429"})
"""Codes that say: the calls come too fast."""

BUSY: frozenset[str] = SLOW_DOWN | {
    *("ERROR_NO_SLOT_AVAILABLE", "ERROR_SERVICE_NOT_AVAILABLE", "ERROR_SERVICE_UNAVALIABLE", NOT_READY),
}
"""Codes of a service that can be reached, and takes no call for now."""

_OF_THE_SERVICE = frozenset({ANSWER_LOST, BAD_ANSWER, SOLVE_TIMEOUT, UNKNOWN, CHALLENGE_TOO_OLD})

_KEY_ADVICE = (
    "Check GEETEST_API_KEY (or GEETEST_SERVICES, or the environment) against the key shown in the service's dashboard."
)
_HTTP_ADVICE = "Check GEETEST_API_URL and the network: what answers there is not the service."
_BUSY_ADVICE = "The service is busy: nothing to do, or lower GEETEST_MAX_CONCURRENT_SOLVES."
_FRESH_ADVICE = "Make sure that challenge_request fetches a challenge which no widget and no earlier task has used."
_PROXY_ADVICE = "Check that the proxy is up, and reachable from the internet with its login and password."
_TASK_ADVICE = "Check GEETEST_API_URL and GEETEST_TASK_TYPE: this service does not take what it was sent."
_FIELD_ADVICE = "Check the field that the description names in the site's declaration (gt of a v4 task: captcha_id)."
ADVICE: Mapping[str, str] = MappingProxyType(
    {
        BAD_KEY: _KEY_ADVICE,
        "ERROR_KEY_DENIED_ACCESS": _KEY_ADVICE,
        ZERO_BALANCE: "Top up the account at the service, then start the crawl again.",
        "ERROR_IP_NOT_ALLOWED": "Allow this machine's address in the service's dashboard.",
        "ERROR_IP_BANNED": "Wait ten minutes, and find out which error was repeated before the ban.",
        "ERROR_IP_BLOCKED": "Wait ten minutes, and find out which error was repeated before the ban.",
        "ERROR_ACCOUNT_SUSPENDED": "Ask the service's support: it has suspended the account.",
        NO_SUCH_METHOD: _TASK_ADVICE,
        "ERROR_TASK_NOT_SUPPORTED": _TASK_ADVICE,
        "ERROR_TASK_ABSENT": _TASK_ADVICE,
        "ERROR_DOMAIN_NOT_ALLOWED": "The service does not solve for this website; ask its support.",
        "ERROR_RECAPTCHA_INVALID_DOMAIN": "Check the site's website_url: the service cannot read it.",
        "ERROR_INVALID_TASK": _FIELD_ADVICE,
        "ERROR_INVALID_TASK_DATA": _FIELD_ADVICE,
        "ERROR_BAD_REQUEST": _FIELD_ADVICE,
        "ERROR_BAD_PARAMETERS": _FIELD_ADVICE,
        "ERROR_RECAPTCHA_INVALID_SITEKEY": "Check that gt or captcha_id is that of the page.",
        "ERROR_WRONG_USERAGENT": "Leave GEETEST_USER_AGENT unset, or set it to the service's current one.",
        "ERROR_PROXY_MISSING": "Set GEETEST_PASS_PROXY, or a GEETEST_TASK_TYPE without proxy.",
        "ERROR_PROXY_NOT_AUTHORISED": _PROXY_ADVICE,
        "ERROR_PROXY_CREDENTIALS_INVALID_CHARACTER": "Use proxy credentials without a % in them.",
        PROXY_BANNED: "Use another proxy: the service has banned this one.",
        "ERROR_PROXY_CONNECT_REFUSED": _PROXY_ADVICE,
        "ERROR_PROXY_CONNECT_TIMEOUT": _PROXY_ADVICE,
        "ERROR_PROXY_READ_TIMEOUT": _PROXY_ADVICE,
        "ERROR_TOKEN_EXPIRED": _FRESH_ADVICE,
        "ERROR_CAPTCHA_UNSOLVABLE": "Check that gt, captcha_id and website_url are those of the page.",
        "ERROR_RECAPTCHA_TIMEOUT": "The service took too long; check the proxy, if it was given one.",
        "ERROR_TASK_TIMEOUT": "The service took too long; check the proxy, if it was given one.",
        CHALLENGE_TOO_OLD: "Nothing to do: the service was away for too long, and the challenge is fetched again.",
        "ERROR_TASKID_INVALID": "The service no longer knows the task: results are kept for about five minutes.",
        "ERROR_NO_SUCH_CAPCHA_ID": "The service no longer knows the task: results are kept for about five minutes.",
        "WRONG_CAPTCHA_ID": "The service no longer knows the task: results are kept for about five minutes.",
        "ERROR_NO_SLOT_AVAILABLE": _BUSY_ADVICE,
        "ERROR_SERVICE_NOT_AVAILABLE": _BUSY_ADVICE,
        "ERROR_SERVICE_UNAVALIABLE": _BUSY_ADVICE,
        NOT_READY: "Nothing to do: the task is still being solved.",
        RATE_LIMIT: "Lower GEETEST_MAX_CONCURRENT_SOLVES, or raise GEETEST_POLL_INTERVAL.",
        TOO_MUCH_REQUESTS: "Lower GEETEST_MAX_CONCURRENT_SOLVES, or raise GEETEST_POLL_INTERVAL.",
        "HTTP_429": "Lower GEETEST_MAX_CONCURRENT_SOLVES, or raise GEETEST_POLL_INTERVAL.",
        NOT_SENT: "Check GEETEST_API_URL and the network: the service could not be reached, and nothing was sent.",
        ANSWER_LOST: "Check GEETEST_API_URL and the network: the service's answer was lost, or is unreadable.",
        BAD_ANSWER: "Check that GEETEST_API_URL speaks CapMonster Cloud's protocol.",
        SOLVE_TIMEOUT: "Raise GEETEST_SOLVE_TIMEOUT if the service is merely slow.",
    }
)
"""What a person should do about a code, for log lines."""
NO_BALANCE = "Nothing to do: this service reports no balance."
"""Advice for who asks for one."""
CREATE_LOST_ADVICE = (
    "Compare the tasks with the bill: one may be charged and unknown here. If it recurs, check GEETEST_API_URL."
)
"""For an ``ANSWER_LOST`` of createTask, the only call that costs money."""

_STATUS = re.compile(r"HTTP_\d\d\d")
_DEFAULT_ADVICE = "Look the code up in the service's documentation."

_CODE = re.compile(r"[A-Z0-9_]{1,64}")
_MAX_DESCRIPTION = 300


class ServiceError(Exception):
    """A call or a task that failed at the solving service.

    Attributes:
        code: The service's error code, or one of this package's own. Letters, digits and ``_`` only: it may be part of
            a stat's name.
        description: What the service says of it, shortened; the client key is never in it.
        task_id: The task it is about, where there is one.
        reaction: What the crawl does about it.
        sent: ``False``: the service never got this call.
        cost_millionths: What the task cost all the same, as far as the service says so.
        billed: Whether the service documents that it bills this error like a solved task.
        may_be_charged: Whether a task may exist, or be solved later, and cost something that was not seen.
        advice: What a person should do about it.
        service: The name of the service, where several could be meant.
        moves_on: Whether another service may solve another challenge instead.
    """

    def __init__(
        self,
        code: str,
        description: str = "",
        *,
        reaction: Reaction | None = None,
        task_id: int | str | None = None,
        sent: bool = True,
        cost_millionths: int = 0,
        may_be_charged: bool = False,
        advice: str | None = None,
    ) -> None:
        super().__init__(code, description)
        self.code = code
        self.description = description
        self.task_id = task_id
        self.reaction = REACTIONS.get(code, Reaction.FAILED) if reaction is None else reaction
        self.sent = sent
        self.cost_millionths = cost_millionths
        self.may_be_charged = may_be_charged
        self.billed = code == "ERROR_TOKEN_EXPIRED"
        self.advice = advice or _advice(code)
        self.service = ""
        self.moves_on = False

    @property
    def close_reason(self) -> str | None:
        """The reason to close the spider with; ``None`` unless the reaction is to stop the crawl."""
        return CLOSE_REASONS.get(self.code)

    @property
    def bill(self) -> str:
        """What is known of the bill, in words for a log line."""
        if self.billed or self.cost_millionths:
            return "billed"
        if self.may_be_charged or self.task_id is not None:  # what a failed task costs is documented for one code only
            return "may have been charged"
        return "no task was created" if self.sent else "nothing was sent"

    @property
    def took_nothing(self) -> bool:
        """Whether, as an answer to createTask, it says that no task was created."""
        return not self.sent or self.reaction in (*(Reaction.STOP_CRAWL, Reaction.STOP_SITE, Reaction.SAME_CALL_LATER),)

    @property
    def is_the_services_fault(self) -> bool:
        """Whether it says something about the service (or the way to it) and nothing about the site."""
        return self.reaction in (Reaction.STOP_CRAWL, Reaction.SAME_CALL_LATER) or self.code in _OF_THE_SERVICE

    def __str__(self) -> str:
        text = f"{self.code}: {self.description}" if self.description else self.code
        return text if self.task_id is None else f"{text} (task {self.task_id})"


def _advice(code: str) -> str:
    # A status is a code of its own only where the body holds no error: any other server answers like that.
    return ADVICE.get(code) or (_HTTP_ADVICE if _STATUS.fullmatch(code) else _DEFAULT_ADVICE)


def clean_code(code: object, secret: Secret) -> str:
    """A code that is fit for a stat's name: ``UNKNOWN`` for what looks like none, or holds the secret and is not known."""
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        return UNKNOWN
    return code if code in REACTIONS or secret.hide_in(code) == code else UNKNOWN


def clean_text(text: object, secret: Secret) -> str:
    """A text of outside, fit for one log line: no secret, no control characters, at most 300 characters."""
    if not isinstance(text, str):
        return ""
    # Folded before the secret is looked for, and cut last: neither can leave a readable part of it.
    shown = "".join(letter if letter.isprintable() else " " for letter in text[: 100 * _MAX_DESCRIPTION])
    clean = secret.hide_in(" ".join(shown.split()))
    return clean if len(clean) <= _MAX_DESCRIPTION else f"{clean[:_MAX_DESCRIPTION]}…"

"""The errors with which a request ends, in its errback, when its CAPTCHA could not be passed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from scrapy.exceptions import IgnoreRequest

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response
    from typing_extensions import Self

    from scrapy_geetest.site import GeetestSite


class GeetestError(IgnoreRequest):
    """The page behind a CAPTCHA could not be fetched.

    Attributes:
        reason: One word for it, the last part of the stat ``geetest/gave_up/<reason>``.
        request: The request as the spider made it.
        response: The challenge page, or ``None`` where nothing had been downloaded.
        site: The declared site it belongs to.
    """

    reason: ClassVar[str] = "error"

    def __init__(self, message: str, *, request: Request, response: Response | None, site: GeetestSite) -> None:
        super().__init__(message)
        self.request = request
        self.response = response
        self.site = site

    def for_request(self, request: Request, response: Response | None, message: str) -> Self:
        """The same for another request that depended on the first one's way (one gate serves many)."""
        twin = type(self).__new__(type(self), message)
        twin.__dict__.update(self.__dict__, request=request, response=response)
        return twin


class StoppedError(GeetestError):
    """The crawl ended, and a waiting request could not be put back in the queue (a robots.txt, a media download)."""

    reason = "stopped"


class ChallengeError(GeetestError):
    """The site gave no fresh challenge that could be solved."""

    reason = "challenge"


class SubmissionError(GeetestError):
    """There is no way to send a solution with this request, so nothing was bought; or it could not be delivered."""

    reason = "submission"


class SolveError(GeetestError):
    """The solving service gave no solution.

    Attributes:
        code: The service's error code, or the plugin's own where it gave none (``ANSWER_LOST``, ``SOLVE_TIMEOUT``).
        description: The service's own words, without the key.
        task_id: The task at the service, where one was created.
        service: The name of the service; empty where none was asked.
        close_reason: What the spider is to be closed with, where no further call could succeed.
    """

    reason = "solve"

    def __init__(
        self,
        message: str,
        *,
        code: str,
        description: str,
        task_id: int | str | None,
        service: str = "",
        close_reason: str | None = None,
        **parts: Any,
    ) -> None:
        super().__init__(message, **parts)
        self.code = code
        self.description = description
        self.task_id = task_id
        self.service = service
        self.close_reason = close_reason


class SolutionRejected(GeetestError):  # noqa: N818  # the name is part of the public contract
    """The site refused every solution that was allowed for this request."""

    reason = "rejected"


class BudgetExhausted(GeetestError):  # noqa: N818  # the name is part of the public contract
    """A budget (``GEETEST_MAX_SOLVES``, …) or a handler of ``challenge_fetched`` allows no more; nothing was bought."""

    reason = "budget"


class CircuitOpen(GeetestError):  # noqa: N818  # the name is part of the public contract
    """Too many failures in a row at this site (``GEETEST_BREAKER_FAILURES``); nothing was bought."""

    reason = "breaker"


class ChallengeNotNeeded(Exception):  # noqa: N818  # the name is part of the public contract
    """Raised by ``challenge_request`` or ``parse_challenge``: the site wants no CAPTCHA this time."""

    def __init__(self, message: str = "the site wants no CAPTCHA this time") -> None:
        super().__init__(message)


class ChallengeNotReady(Exception):  # noqa: N818  # the name is part of the public contract
    """Raised by ``challenge_request`` or ``parse_challenge``: the site will have a challenge later.

    Attributes:
        retry_after: Seconds to wait before it is asked again; ``None``: the site does not say.
    """

    def __init__(
        self, message: str = "the site has no challenge at the moment", *, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after

"""A fresh challenge, from the page in hand or from what the site's request hook yields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy import Request
from scrapy.exceptions import IgnoreRequest

from scrapy_geetest._crawl.parking import Stopping
from scrapy_geetest._crawl.shortened import short_request, short_response
from scrapy_geetest._pages.register import RegisterError
from scrapy_geetest._words import sentence
from scrapy_geetest.challenge import V3Challenge, V4Challenge
from scrapy_geetest.exceptions import ChallengeError, ChallengeNotNeeded, ChallengeNotReady

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy.http import Response

    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._crawl.downloads import Downloads
    from scrapy_geetest._spending.bought import BoughtChallenges
    from scrapy_geetest.challenge import Challenge
    from scrapy_geetest.settings import Config
    from scrapy_geetest.stats import Stats


_NOT_THERE = (404, 405, 410)


class NotYetError(Exception):
    """There is no challenge to buy now, and a little later there may be one.

    Attributes:
        why: In words, for the error in case there never is.
        cure: What the project can do; empty: nothing is known.
        retry_after: Seconds that the site or its hook asked for; ``None``: it did not say.
        is_bounded: Whether the number of such tries is bounded, rather than their time.
    """

    def __init__(self, why: str, *, cure: str = "", retry_after: float | None = None, is_bounded: bool = True) -> None:
        super().__init__(f"{why}; {cure}" if cure else why)
        self.why = why
        self.cure = cure
        self.retry_after = retry_after
        self.is_bounded = is_bounded


class Challenges:
    """Fetches challenges that nobody has used."""

    def __init__(
        self,
        *,
        bought: BoughtChallenges,
        config: Config,
        downloads: Downloads,
        on_fetched: Callable[[Context, Response | None], None],
        stats: Stats,
    ) -> None:
        self._bought = bought
        self._on_fetched = on_fetched
        self._timeout = config.request_timeout
        self._downloads = downloads
        self._stats = stats

    async def fresh(self, context: Context) -> Challenge:
        """Get a challenge for *context*; from here on it counts as bought.

        Raises:
            NotYetError: Not now.
            ChallengeNotNeeded: The site wants no CAPTCHA this time.
            ChallengeError: Never.
            Stopping: The crawl began to end meanwhile.
        """
        if context.handed is not None:
            return self._take(context, context.handed.challenge, None)
        try:
            answer = await self._answer(context)
            challenge = await self._parse(context, answer)
        except ChallengeNotReady as error:
            why = str(error) or "the site's hook says that it is not ready"
            raise NotYetError(why, retry_after=error.retry_after, is_bounded=False) from error
        except RegisterError as error:
            if error.transient:
                raise NotYetError(error.what, cure=error.cure) from error
            raise no_challenge(context, error.what, error.cure) from error
        if unfilled := context.site.unfilled(challenge):
            raise ChallengeError(
                "Correct field_names, whose keys are those of a solution (challenge, validate, seccode; of v4 lot_number, pass_token, "
                f"gen_time, captcha_output) or of the register answer. No fresh challenge for {context}: field_names has the key "
                f"{', '.join(unfilled)}, which neither of them has",
                **context.parts,
            )
        return self._take(context, challenge, answer)

    def _take(self, context: Context, challenge: Challenge, answer: Response | None) -> Challenge:
        self._on_fetched(context, answer)
        if not context.site.challenge_is_reusable and not self._bought.take(challenge):
            self._stats.count("challenges_repeated")
            raise NotYetError(
                "the site handed out a challenge that was bought before, and a second solution of it is worthless",
                cure="set one_at_a_time = True if the site keeps one challenge a session, or let challenge_url differ each "
                "time ({timestamp}) if a cache answers",
            )
        return challenge

    def give_back(self, challenge: Challenge) -> None:
        """The service never got it, so that it is still fresh."""
        self._bought.give_back(challenge)

    async def _answer(self, context: Context) -> Response | None:
        query = await self._query(context)
        if query is None:
            return context.page
        try:
            return await self._downloads.for_challenge(query, context, timeout=self._timeout)
        except Stopping:
            raise
        except IgnoreRequest as error:
            raise no_challenge(
                context,
                f"{short_request(query)} was refused by this crawl: {error}",
                "if robots.txt forbids the request for a challenge and you may send it all the same, set dont_obey_robotstxt "
                "in the meta of the request that challenge_request returns",
            ) from error
        except Exception as error:
            raise no_challenge(
                context, f"{short_request(query)} failed: {_words(error)}", "check the site's challenge_url"
            ) from error

    async def _query(self, context: Context) -> Request | None:
        try:
            query = await context.settle(context.site.challenge_request(context.request, context.page))
            if not isinstance(query, Request | None):
                raise TypeError(f"it returned {type(query).__name__}")  # noqa: TRY301
        except (Stopping, RegisterError, ChallengeNotNeeded, ChallengeNotReady):
            raise
        except Exception as error:
            raise no_challenge(
                context,
                f"challenge_request failed: {_words(error)}",
                f"correct challenge_request of site {context.site.name}",
            ) from error
        return query

    async def _parse(self, context: Context, answer: Response | None) -> Challenge:
        if answer is None:
            return context.site.known_challenge()
        try:
            challenge = await context.settle(context.site.parse_challenge(answer))
            if not isinstance(challenge, V3Challenge | V4Challenge):
                raise TypeError(f"it returned {type(challenge).__name__}")  # noqa: TRY301
        except (Stopping, ChallengeNotNeeded, ChallengeNotReady):
            raise
        except RegisterError as error:
            # A status alone condemns nothing: pages that withhold come with 403, 412 or 429, challenge and all.
            is_lost = answer.status in _NOT_THERE and answer is not context.page
            cure = f"correct challenge_url: it is answered with status {answer.status}" if is_lost else error.cure
            what = f"{short_response(answer)}: {error.what}"
            raise RegisterError(what, cure=cure, transient=error.transient) from error
        except Exception as error:
            raise RegisterError(
                f"{short_response(answer)}: parse_challenge failed: {_words(error)}",
                cure=f"correct parse_challenge of site {context.site.name}",
            ) from error
        return challenge


def no_challenge(context: Context, why: str, cure: str) -> ChallengeError:
    """The error of a request that gets no challenge; what can be done about it comes first."""
    first = f"{sentence(cure)}. " if cure else ""
    return ChallengeError(f"{first}No fresh challenge for {context}: {why}", **context.parts)


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"

"""The page of an attempt: challenge, form, hidden fields and tokens come from one document of this session."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from scrapy_geetest._attempt.verdict import is_withheld
from scrapy_geetest._crawl.marks import SAFE_METHODS
from scrapy_geetest._crawl.parking import Stopping
from scrapy_geetest._pages.rules import widgets_of
from scrapy_geetest.exceptions import ChallengeError
from scrapy_geetest.site import GeetestSite

if TYPE_CHECKING:
    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._crawl.cookies import SessionCookies
    from scrapy_geetest._crawl.downloads import Downloads

logger = logging.getLogger(__name__)


class FreshPages:
    """Keeps the page in hand where it is good enough, and fetches it again where it is not."""

    def __init__(self, cookies: SessionCookies, downloads: Downloads) -> None:
        self._cookies = cookies
        self._downloads = downloads

    async def fresh(self, context: Context, *, in_hand: bool) -> Context:
        """*context* with a page that nobody has used.

        Args:
            context: With the page in hand, or none where nothing was downloaded.
            in_hand: Whether nothing was waited for since that page came.

        Raises:
            ChallengeError: It could not be fetched.
            Stopping: The crawl began to end meanwhile.
        """
        page = context.page
        if page is None:
            return context
        if in_hand and "cached" not in page.flags and self._cookies.is_of_this_session(context.outer, page):
            return context
        if context.request.method not in SAFE_METHODS and not _renders_challenge(context):
            return context  # to send it again would do twice what it does
        logger.debug("GeeTest: #%d the page is fetched again", context.number)
        return await self.again(context)

    async def is_withheld(self, context: Context) -> bool:
        """Whether there is something to solve: a challenge page, or a request whose spider says so.

        Raises:
            GeetestError: The site's hook failed.
        """
        if context.page is None:
            return True
        if context.asks_to_solve and widgets_of(context.page):
            return True
        return await is_withheld(context, context.page)

    async def again(self, context: Context) -> Context:
        """*context* with its page as it is downloaded now.

        Raises:
            ChallengeError: It could not be fetched.
            Stopping: The crawl began to end meanwhile.
        """
        try:
            return context.on(await self._downloads.again(context))
        except Stopping:
            raise
        except Exception as error:
            raise ChallengeError(
                f"The page could not be fetched again for {context}: {type(error).__name__}: {error}", **context.parts
            ) from error


def _renders_challenge(context: Context) -> bool:
    """Whether a fresh challenge comes only with the page itself."""
    site = context.site
    has_hook = type(site).challenge_request is not GeetestSite.challenge_request
    return not (has_hook or site.challenge_url or site.page_version(context.page) == 4)  # noqa: PLR2004  # the versions of GeeTest

"""Which session of a site a request belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_geetest._crawl.parking import Stopping
from scrapy_geetest.exceptions import GeetestError

if TYPE_CHECKING:
    from scrapy import Request

    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._hooks import Settle
    from scrapy_geetest.site import GeetestSite


async def session_of(context: Context, request: Request) -> str:
    """Ask the site's hook.

    Raises:
        GeetestError: The hook failed.
        Stopping: The crawl began to end before it had answered.
    """
    try:
        return await session_key(context.site, request, context.settle)
    except Stopping:
        raise
    except Exception as error:
        raise GeetestError(
            f"Correct session_key of site {context.site.name}: it failed on {request}: {type(error).__name__}: {error}",
            **context.parts,
        ) from error


async def session_key(site: GeetestSite, request: Request, settle: Settle) -> str:
    """Ask the site's hook; whatever it raises is raised.

    Raises:
        TypeError: It returned something else than a string.
    """
    session = site.session_key(request)
    if not isinstance(session, str):
        session = await settle(session)
    if not isinstance(session, str):
        raise TypeError(f"it returned {type(session).__name__}, not a str")
    return session

"""Which session of a site a request belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_geetest._crawl.parking import Stopping
from scrapy_geetest.exceptions import GeetestError

if TYPE_CHECKING:
    from scrapy import Request

    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._hooks import Hook, Settle


async def session_of(context: Context, request: Request) -> str:
    """Ask the site's hook.

    Raises:
        GeetestError: The hook failed.
        Stopping: The crawl began to end before it had answered.
    """
    try:
        session = context.site.session_key(request)
        return session if isinstance(session, str) else await settled(session, context.settle)
    except Stopping:
        raise
    except Exception as error:
        raise GeetestError(
            f"Correct session_key of site {context.site.name}: it failed on {request}: {type(error).__name__}: {error}",
            **context.parts,
        ) from error


async def settled(session: Hook[str], settle: Settle) -> str:
    """What the site's hook returned, once it is there.

    Raises:
        TypeError: It is something else than a string.
    """
    key = await settle(session)
    if not isinstance(key, str):
        raise TypeError(f"it returned {type(key).__name__}, not a str")
    return key

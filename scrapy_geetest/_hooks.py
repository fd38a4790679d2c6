"""What a hook of a site may return: a plain value, a coroutine, or a Deferred."""

from __future__ import annotations

from inspect import isawaitable
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from scrapy.utils.defer import maybe_deferred_to_future
from twisted.internet.defer import Deferred

if TYPE_CHECKING:
    from collections.abc import Awaitable

_T = TypeVar("_T")
PLAIN = (bool, str)  # what the default hooks return for each page of a crawl
Hook: TypeAlias = "_T | Awaitable[_T]"


class Settle(Protocol):
    """Awaits what a hook returned."""

    async def __call__(self, outcome: _T | Awaitable[_T]) -> _T: ...


async def resolve(outcome: _T | Awaitable[_T]) -> _T:
    """Await what a hook returned, where it is to be awaited: a coroutine, a Deferred, or the plain value."""
    if isinstance(outcome, PLAIN):
        return outcome
    if isinstance(outcome, Deferred):
        outcome = maybe_deferred_to_future(outcome)
    return await outcome if isawaitable(outcome) else outcome

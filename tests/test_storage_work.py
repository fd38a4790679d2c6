"""Work in the background, and those who wait for it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from scrapy.utils.defer import maybe_deferred_to_future
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from scrapy_geetest._storage.work import Work

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATIENCE = 2.0


class Waiting:
    """Work that is under way, and somebody who waits for it."""

    def __init__(self) -> None:
        self.clock, self.ending = Clock(), Deferred[None]()
        self.work = Work(self._until_told, self.clock)
        self.work.start()
        self.somebody = asyncio.ensure_future(self.work.wait(PATIENCE))

    async def _until_told(self) -> None:
        await maybe_deferred_to_future(self.ending)


@asynccontextmanager
async def waiting() -> AsyncIterator[Waiting]:
    one = Waiting()
    await asyncio.sleep(0)
    yield one
    await asyncio.wait_for(one.somebody, 5)
    assert one.clock.getDelayedCalls() == []


async def test_the_end_of_work_and_of_patience_may_come_at_one_moment() -> None:
    """Whoever waits sees only one of them, and the other is no error."""
    async with waiting() as one:
        one.ending.callback(None)
        while one.work.is_under_way:  # noqa: ASYNC110  # each turn of the loop counts
            await asyncio.sleep(0)
        one.clock.advance(PATIENCE)


async def test_nobody_waits_for_longer_than_they_want() -> None:
    """The work goes on."""
    async with waiting() as one:
        one.clock.advance(PATIENCE)
        await asyncio.wait_for(one.somebody, 5)
        assert one.work.is_under_way
        one.ending.callback(None)

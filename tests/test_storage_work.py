"""Work in the background, and those who wait for it."""

from __future__ import annotations

import asyncio

from scrapy.utils.defer import maybe_deferred_to_future
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from scrapy_geetest._storage.work import Work


async def test_the_end_of_work_and_of_patience_may_come_at_one_moment() -> None:
    """Whoever waits sees only one of them, and the other is no error."""
    clock, ending = Clock(), Deferred[None]()

    async def work() -> None:
        await maybe_deferred_to_future(ending)

    background = Work(work, clock)
    background.start()
    waiting = asyncio.ensure_future(background.wait(2.0))
    await asyncio.sleep(0)
    ending.callback(None)
    while background.is_under_way:  # noqa: ASYNC110  # each turn of the loop counts
        await asyncio.sleep(0)
    clock.advance(2.0)
    await asyncio.wait_for(waiting, 5)
    assert clock.getDelayedCalls() == []


async def test_nobody_waits_for_longer_than_they_want() -> None:
    """The work goes on."""
    clock, ending = Clock(), Deferred[None]()

    async def work() -> None:
        await maybe_deferred_to_future(ending)

    background = Work(work, clock)
    background.start()
    waiting = asyncio.ensure_future(background.wait(2.0))
    await asyncio.sleep(0)
    clock.advance(2.0)
    await asyncio.wait_for(waiting, 5)
    assert background.is_under_way
    ending.callback(None)

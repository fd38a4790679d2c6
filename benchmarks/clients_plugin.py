"""This plugin's client, put together as in a crawl: ``python -m benchmarks.clients_plugin``."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from scrapy.utils.defer import maybe_deferred_to_future
from scrapy.utils.reactor import install_reactor

from benchmarks.clients_child import Log, Plan, run
from scrapy_geetest._services.client import ServiceClient
from scrapy_geetest._services.errors import ServiceError
from scrapy_geetest._services.pacing import Pacing
from scrapy_geetest._services.task import Task
from scrapy_geetest._services.transport import Transport
from scrapy_geetest.challenge import V4Challenge

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred


class Polls:
    """Counts the client's polls."""

    def __init__(self) -> None:
        self.number = 0

    def add(self) -> None:
        """Count one."""
        self.number += 1


async def sleep(seconds: float) -> None:
    """Wait, as a parked request does."""
    from twisted.internet import reactor
    from twisted.internet.task import deferLater

    clock: Any = reactor
    await maybe_deferred_to_future(deferLater(clock, seconds, lambda: None))


def client(plan: Plan, polls: Polls) -> ServiceClient:
    """The client, with the settings' defaults."""
    return ServiceClient(
        api_key=plan.api_key,
        transport=Transport(base_url=plan.url, timeout=20.0, settle=maybe_deferred_to_future),
        pacing=Pacing(),
        sleep=sleep,
        clock=time.monotonic,
        solve_timeout=120.0,
        on_poll=polls.add,
    )


async def solve_all(plan: Plan, log: Log) -> None:
    """Solve all, so many at once."""
    polls, challenge = Polls(), V4Challenge(plan.captcha_id)
    service, permits = client(plan, polls), asyncio.Semaphore(plan.at_once)

    async def solve(number: int) -> None:
        async with permits:
            try:
                task_id = await service.create_task(Task(challenge, plan.website(number)))
                await service.result(task_id, challenge)
            except ServiceError as error:
                log.failed(error)
            else:
                log.solved(number)

    await asyncio.gather(*(solve(number) for number in range(plan.count)))
    log.polls = polls.number
    await service.close()


def work(plan: Plan, log: Log) -> None:
    """Run the reactor until all is solved."""
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred

    running: Any = reactor

    def start() -> None:
        solving: Deferred[None] = Deferred.fromFuture(asyncio.ensure_future(solve_all(plan, log)))
        solving.addErrback(log.failed)
        solving.addBoth(lambda _: running.stop())

    running.callWhenRunning(start)
    running.run()


if __name__ == "__main__":
    install_reactor("twisted.internet.asyncioreactor.AsyncioSelectorReactor")  # Scrapy's default
    run(work, ["scrapy", "twisted", "treq"])

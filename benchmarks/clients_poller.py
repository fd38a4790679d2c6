"""What a careful user writes with aiohttp, whose connections are kept: ``python -m benchmarks.clients_poller``."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import ClientError, ClientSession  # type: ignore[import-not-found]  # only in its own environment

from benchmarks.clients_child import Log, Plan, run

POLL_SECONDS = 2.0  # the service's floor


async def solve(session: ClientSession, plan: Plan, number: int) -> dict[str, Any]:
    """The solution of a number; a poll that fails on the way is repeated, since the task is paid for."""
    fields = {"type": "GeeTestTask", "websiteURL": plan.website(number), "gt": plan.captcha_id, "version": 4}
    created = await ask(session, f"{plan.url}/createTask", {"clientKey": plan.api_key, "task": fields})
    while True:
        await asyncio.sleep(POLL_SECONDS)
        body = {"clientKey": plan.api_key, "taskId": created["taskId"]}
        try:
            result = await ask(session, f"{plan.url}/getTaskResult", body)
        except ClientError:
            continue
        if result["status"] == "ready":
            solution: dict[str, Any] = result["solution"]
            return solution


async def ask(session: ClientSession, url: str, body: dict[str, Any]) -> dict[str, Any]:
    """What the service answers.

    Raises:
        ClientError: No answer came.
        RuntimeError: It refuses.
    """
    async with session.post(url, json=body) as response:
        answer: dict[str, Any] = await response.json()
    if answer["errorId"]:
        raise RuntimeError(answer["errorCode"])
    return answer


async def solve_all(plan: Plan, log: Log) -> None:
    """Solve all, so many at once."""
    permits = asyncio.Semaphore(plan.at_once)

    async def one(number: int) -> None:
        async with permits:
            try:
                await solve(session, plan, number)
            except (ClientError, RuntimeError) as error:
                log.failed(error)
            else:
                log.solved(number)

    async with ClientSession() as session:
        await asyncio.gather(*(one(number) for number in range(plan.count)))


def work(plan: Plan, log: Log) -> None:
    """Run the loop until all is solved."""
    asyncio.run(solve_all(plan, log))


if __name__ == "__main__":
    run(work, ["aiohttp"])

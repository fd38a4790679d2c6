"""The service's own client, PyPI ``capmonstercloudclient``: ``python -m benchmarks.clients_official``."""

from __future__ import annotations

import asyncio

from capmonstercloudclient import CapMonsterClient, ClientOptions  # type: ignore[import-not-found]  # only in its own environment
from capmonstercloudclient.requests import GeetestRequest  # type: ignore[import-not-found]  # only in its own environment

from benchmarks.clients_child import Log, Plan, run


async def solve_all(plan: Plan, log: Log) -> None:
    """Solve all, so many at once."""
    client = CapMonsterClient(ClientOptions(api_key=plan.api_key, service_url=plan.url))
    permits = asyncio.Semaphore(plan.at_once)

    async def solve(number: int) -> None:
        request = GeetestRequest(websiteUrl=plan.website(number), gt=plan.captcha_id, version=4)
        async with permits:
            try:
                await client.solve_captcha(request)
            except Exception as error:  # noqa: BLE001  # aiohttp's, http.client's and its own
                log.failed(error)
            else:
                log.solved(number)

    await asyncio.gather(*(solve(number) for number in range(plan.count)))


def work(plan: Plan, log: Log) -> None:
    """Run the loop until all is solved."""
    asyncio.run(solve_all(plan, log))


if __name__ == "__main__":
    run(work, ["capmonstercloudclient", "aiohttp"])

"""While the service takes no tasks, no challenge is fetched: it would be old by the time that it can be bought."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from small_world import Answer, challenge_page, page

from scrapy_geetest._services.client import ServiceClient
from scrapy_geetest._services.errors import CHALLENGE_TOO_OLD, ServiceError

if TYPE_CHECKING:
    from small_world import Asked, SmallWorld

    from scrapy_geetest._services.task import Task

OUTAGE = 3.0  # seconds


async def test_a_challenge_is_fetched_when_the_service_is_back(world: SmallWorld) -> None:
    """The second page comes during the outage that the first one meets, and registers after it."""
    registered: list[float] = []
    began: list[float] = []

    def is_away(_method: str, _body: dict[str, Any]) -> Answer | None:
        began.append(time.monotonic())
        return Answer("", 503) if time.monotonic() - began[0] < OUTAGE else None

    world.first = is_away

    @world.route("/register")
    def register(_: Asked) -> Answer:
        registered.append(time.monotonic())
        return world.geetest.register()

    @world.route("/page")
    def view(asked: Asked) -> Answer:
        is_right = world.geetest.takes(asked.fields)
        return page("<h1>content</h1>") if is_right else challenge_page(asked.path, register="/register")

    @world.route("/page/late")
    def late(asked: Asked) -> Answer | None:
        answer = view(asked)
        assert answer is not None
        return Answer(answer.body, answer.status, seconds=1.0)

    urls = [f"{world.site.url}/page/{name}" for name in ("early", "late")]
    outcome = await world.crawl(urls, {"challenge_url": "/register"}, GEETEST_BREAKER_FAILURES=0)
    assert len(outcome.pages) == len(world.tasks) == 2
    during = [at for at in registered if at - began[0] < OUTAGE]
    assert len(during) == 1  # that of the first page, which could not know


async def test_what_the_service_never_got_costs_nothing(world: SmallWorld) -> None:
    """Its challenge became too old on the way: a fresh one is bought, with the one task and the one attempt allowed."""
    create, too_old = ServiceClient.create_task, [True]

    async def create_late(client: ServiceClient, task: Task) -> int | str:
        if too_old.pop() if too_old else False:
            raise ServiceError(CHALLENGE_TOO_OLD, "the service took no task in time", sent=False)
        return await create(client, task)

    world.route("/register")(lambda _: world.geetest.register())

    @world.route("/page")
    def view(asked: Asked) -> Answer:
        is_right = world.geetest.takes(asked.fields)
        return page("<h1>content</h1>") if is_right else challenge_page(asked.path, register="/register")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ServiceClient, "create_task", create_late)
        outcome = await world.crawl(
            [f"{world.site.url}/page"],
            {"challenge_url": "/register"},
            GEETEST_MAX_SOLVES=1,
            GEETEST_MAX_ATTEMPTS=1,
            GEETEST_BUDGET="1/hour",
        )
    assert (len(outcome.pages), len(world.tasks), outcome.errors) == (1, 1, [])
    assert outcome.stats["tasks_created"] == 1
    assert outcome.stats["tasks_refused"] == 0

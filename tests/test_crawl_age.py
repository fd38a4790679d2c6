"""Whole crawls in slow download slots: no solution leaves older than allowed, and none is bought in vain."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING, Any

from small_world import challenge_page, page
from twisted.internet.task import deferLater

from scrapy_geetest import SolutionRejected

if TYPE_CHECKING:
    import pytest
    from scrapy import Request
    from small_world import Answer, Asked, SmallWorld

FORMS, PLAIN = 8, 22


def _ages(world: SmallWorld, *, opens: set[str]) -> list[int]:
    """Serve forms and a gate; for each solution that comes, how many others were served since the service told it.

    A clock would tell how busy the machine is.
    """
    told: dict[str, int] = {}
    ages: list[int] = []
    served = count(1)

    def note(method: str, body: dict[str, Any]) -> None:
        if method == "getTaskResult":
            task = next(task for task in world.tasks if task.id == body["taskId"])
            told[(task.solution or {})["lot_number"]] = next(served)

    world.first = note

    @world.route("/plain")
    def plain(_: Asked) -> Answer:
        next(served)
        return page("<h1>content</h1>")

    @world.route("/form")
    def form(asked: Asked) -> Answer:
        next(served)
        if lot := asked.fields.get("lot_number"):
            ages.append(next(served) - told[lot])
            opens.add(asked.path)
            return page("<h1>content</h1>") if world.geetest.takes(asked.fields) else challenge_page(asked.path)
        return challenge_page(asked.path)

    @world.route("/gate")
    def gate(_: Asked) -> Answer:
        return page("<h1>content</h1>") if "/form/door" in opens else challenge_page("/form/door")

    return ages


async def test_a_solution_goes_first_in_its_slot(world: SmallWorld) -> None:
    """Among so many ordinary pages that it would wait for longer than allowed; each is bought once, and every page comes."""
    ages = _ages(world, opens=set())
    urls = [
        f"{world.site.url}/{kind}/{number}" for kind, n in (("form", FORMS), ("plain", PLAIN)) for number in range(n)
    ]
    outcome = await world.crawl(
        urls,
        {"detect_css": "#captcha"},
        DOWNLOAD_DELAY=0.07,
        CONCURRENT_REQUESTS=30,
        GEETEST_SOLUTION_MAX_AGE=0.8,
    )
    assert [b"content" in page.body for page in outcome.pages] == [True] * (FORMS + PLAIN)
    assert len(world.tasks) == len(ages) == FORMS
    assert max(ages) <= FORMS + 4


async def test_so_does_the_solution_that_opens_a_gate(world: SmallWorld) -> None:
    """One purchase, though the queue before it takes longer than it may be old."""
    ages = _ages(world, opens=set())
    urls = [f"{world.site.url}/gate/{number}" for number in range(3)]
    urls += [f"{world.site.url}/plain/{number}" for number in range(PLAIN)]
    outcome = await world.crawl(
        urls,
        {"detect_css": "#captcha", "mode": "gate"},
        DOWNLOAD_DELAY=0.07,
        CONCURRENT_REQUESTS=30,
        GEETEST_SOLUTION_MAX_AGE=0.8,
    )
    assert len(outcome.pages) == 3 + PLAIN
    assert len(world.tasks) == len(ages) == 1
    assert max(ages) <= FORMS + 4


async def test_what_becomes_too_old_in_its_slot_is_not_sent(
    world: SmallWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """A delay that is longer than the age: said beforehand, and the site never sees a solution."""
    ages = _ages(world, opens=set())
    outcome = await world.crawl(
        [f"{world.site.url}/form/1"],
        {"detect_css": "#captcha"},
        DOWNLOAD_DELAY=1.0,
        GEETEST_SOLUTION_MAX_AGE=0.2,
        GEETEST_FIRST_POLL=0,
        GEETEST_MAX_ATTEMPTS=1,
        GEETEST_BREAKER_FAILURES=1,
    )
    [error] = outcome.errors
    assert isinstance(error, SolutionRejected)
    assert "became too old before they were sent" in str(error)
    assert (len(world.tasks), ages, world.reports) == (1, [], [])
    stats = outcome.stats
    assert (stats["tasks_solved"], stats["unused"], stats["rejected"], stats["unverified"]) == (1, 1, 0, 0)
    assert "has a delay of up to 1.5 s" in caplog.text


class HoldsUp:
    """A middleware between the plugin and the downloader that takes its time with forms."""

    async def process_request(self, request: Request) -> None:
        if request.method == "POST":
            from twisted.internet import reactor

            clock: Any = reactor
            await deferLater(clock, 0.5, lambda: None).asFuture(asyncio.get_running_loop())


async def test_one_that_another_middleware_holds_up_is_told_as_too_old(
    world: SmallWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """It leaves too late, which is not the fault of the service: nothing is reported."""
    ages = _ages(world, opens=set())
    world.wrong = True
    await world.crawl(
        [f"{world.site.url}/form/1"],
        {"detect_css": "#captcha", "refused_css": "#captcha"},
        DOWNLOADER_MIDDLEWARES={HoldsUp: 600},
        GEETEST_SOLUTION_MAX_AGE=0.2,
        GEETEST_MAX_ATTEMPTS=1,
    )
    assert (len(ages), world.reports) == (1, [])
    assert "it was too old when it was sent (GEETEST_SOLUTION_MAX_AGE)" in caplog.text

"""Requests that wait for a turn or a gate hold no page, and nobody is shown one without its body."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from crawl import RecordingSpider
from scrapy import Request
from scrapy.http.request import NO_CALLBACK
from small_world import Answer, Asked, challenge_page, data, failure, page

from scrapy_geetest import GeetestError, GeetestMiddleware, SolveError, signals

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from scrapy.http import Response
    from small_world import SmallWorld

LARGE = "<p>" + "All that fills a page. " * 9_000 + "</p>"
SLOWLY: dict[str, Any] = {"GEETEST_MAX_CONCURRENT_SOLVES": 1, "HTTPERROR_ALLOW_ALL": True}


def _forms(world: SmallWorld) -> None:
    """Large pages behind forms, each with a challenge of its own."""

    @world.route("/form")
    def form(asked: Asked) -> Answer:
        if asked.method == "POST":
            return page(f"<h1>{asked.path}</h1>" if world.geetest.takes(asked.fields) else "refused", 200)
        return challenge_page(asked.path, beside=LARGE, challenge=world.geetest.issue())


def _watching(seen: list[Response]) -> Callable[[Any], None]:
    """Keeps the pages that were detected, as Scrapy does."""

    def prepare(crawler: Any) -> None:
        crawler.signals.connect(detected, signals.challenge_detected, weak=False)

    def detected(response: Response) -> None:
        seen.append(response)

    return prepare


async def test_a_waiting_request_keeps_no_page(world: SmallWorld) -> None:
    """Emptied in place, caches and all; it is fetched again when its turn has come, and the page is right."""
    _forms(world)
    seen: list[Response] = []
    sizes: list[list[int]] = []

    def on_poll(method: str, _: Any) -> Answer | None:
        if method == "getTaskResult":
            sizes.append([len(response.body) for response in seen])
        return None

    world.first = on_poll
    urls = [f"{world.site.url}/form/{number}" for number in range(4)]
    outcome = await world.crawl(urls, prepare=_watching(seen), **SLOWLY)
    assert sorted(outcome.texts("h1::text")) == [f"/form/{number}" for number in range(4)]
    assert max(sizes, key=len)[1:] == [0, 0, 0]
    assert len(seen[0].body) > len(LARGE)  # used at once
    assert world.count("GET", "/form") == 4 + 3
    assert all("geetest-emptied" not in response.flags for response in outcome.pages)


async def test_a_page_that_must_not_be_asked_for_twice_is_kept(world: SmallWorld) -> None:
    """A POST's page, whose challenge comes from elsewhere."""
    posted: list[str] = []

    @world.route("/order")
    def order(asked: Asked) -> Answer:
        posted.append(asked.path)
        return page("done") if world.geetest.takes(asked.fields) else challenge_page(register="/register")

    @world.route("/register")
    def register(_: Asked) -> Answer:
        return world.geetest.register()

    requests = [Request(f"{world.site.url}/order/{number}", method="POST", body=b"a=1") for number in range(3)]
    seen: list[Response] = []
    outcome = await world.crawl(requests, {"challenge_url": "/register"}, prepare=_watching(seen), **SLOWLY)
    assert len(outcome.pages) == 3
    assert all(response.body for response in seen)
    assert len(posted) == 3 + 3


@pytest.mark.parametrize("on_failure", ["raise", "pass"])
async def test_nobody_gets_an_emptied_page(world: SmallWorld, on_failure: str) -> None:
    """The callback gets a challenge page with its body, fetched again; the errback's error has none."""
    _forms(world)

    def first(method: str, _: Any) -> Answer | None:
        return failure("ERROR_KEY_DOES_NOT_EXIST") if method == "createTask" else None

    world.first = first
    urls = [f"{world.site.url}/form/{number}" for number in range(4)]
    failed: list[Response | None] = []

    def prepare(crawler: Any) -> None:
        def solve_failed(response: Response | None) -> None:
            failed.append(response)

        crawler.signals.connect(solve_failed, signals.solve_failed, weak=False)

    outcome = await world.crawl(
        urls, prepare=prepare, GEETEST_ON_FAILURE=on_failure, GEETEST_CLOSE_ON_FATAL=False, **SLOWLY
    )
    if on_failure == "pass":
        assert [response.flags for response in outcome.pages] == [["geetest-unsolved"]] * 4
        assert all(len(response.body) > len(LARGE) for response in outcome.pages)
        assert outcome.errors == []
    else:
        errors = [error for error in outcome.errors if isinstance(error, SolveError)]
        assert len(errors) == 4
        assert None in [error.response for error in errors]
    assert all(response is None or response.body for response in failed)
    assert len(failed) == 4


async def test_a_page_that_waits_for_a_gate_is_let_go(world: SmallWorld) -> None:
    """It is fetched again when the gate is open; where it was not opened, no error shows an emptied page."""
    seen: list[Response] = []

    @world.route("/page")
    def behind(asked: Asked) -> Answer:
        if asked.cookies.get("open") == "1":
            return page(f"<h1>{asked.path}</h1>")
        return challenge_page("/enter", beside=LARGE, challenge=world.geetest.issue())

    @world.route("/enter")
    def enter(asked: Asked) -> Answer:
        return page("refused") if not world.geetest.takes(asked.fields) else page("in", Set_Cookie="open=1; Path=/")

    urls = [f"{world.site.url}/page/{number}" for number in range(5)]
    outcome = await world.crawl(urls, {"mode": "gate"}, prepare=_watching(seen))
    assert len(outcome.texts("h1::text")) == 5
    assert [len(response.body) > 0 for response in seen].count(False) == len(seen) - 1
    world.wrong = True
    outcome = await world.crawl(urls, {"mode": "gate"}, GEETEST_MAX_ATTEMPTS=1)
    assert len(outcome.errors) == 5
    for error in outcome.errors:
        assert isinstance(error, GeetestError)
        assert error.response is None or error.response.body


async def test_a_page_that_waits_for_another_attempt_of_its_session_is_let_go(world: SmallWorld) -> None:
    """``one_at_a_time``, and a site that says "later": the page comes again before anything is bought for it."""
    later = iter([True, False, False, False, False])

    @world.route("/form")
    def form(asked: Asked) -> Answer:
        if asked.method == "POST":
            return page(f"<h1>{asked.path}</h1>" if world.geetest.takes(asked.fields) else "refused")
        return challenge_page(asked.path, beside=LARGE, register="/register")

    @world.route("/register")
    def register(_: Asked) -> Answer:
        return data({"success": 0, "gt": "g" * 32, "challenge": "c" * 32}) if next(later) else world.geetest.register()

    seen: list[Response] = []
    urls = [f"{world.site.url}/form/{number}" for number in range(4)]
    site = {"challenge_url": "/register", "one_at_a_time": True}
    outcome = await world.crawl(urls, site, prepare=_watching(seen))
    assert len(outcome.texts("h1::text")) == 4
    assert [len(response.body) for response in seen] == [0] * 4
    assert world.count("GET", "/form") == 4 + 4


async def test_a_page_that_a_spider_has_is_never_emptied(world: SmallWorld) -> None:
    """``solve()`` waits for a lock and for a site that says "later", while the callback holds the page."""
    later = iter([True, False, False])

    @world.route("/form")
    def form(asked: Asked) -> Answer:
        return challenge_page(asked.path, beside=LARGE, register="/register")

    @world.route("/register")
    def register(_: Asked) -> Answer:
        return data({"success": 0, "gt": "g" * 32, "challenge": "c" * 32}) if next(later) else world.geetest.register()

    sizes: list[int] = []

    def wanted(spider: RecordingSpider) -> list[Request]:
        async def parse(response: Response) -> None:
            middleware = spider.crawler.get_downloader_middleware(GeetestMiddleware)
            assert middleware is not None
            await middleware.solve(response)
            sizes.append(len(response.body))

        meta = {"geetest": False}
        return [Request(f"{world.site.url}/form/{number}", parse, meta=dict(meta)) for number in range(2)]

    await world.crawl(wanted, {"challenge_url": "/register", "one_at_a_time": True})
    assert [size > len(LARGE) for size in sizes] == [True, True]


class ImpatientSpider(RecordingSpider):
    """Awaits a page itself, until it has had enough; its other requests come meanwhile."""

    is_solving: Callable[[], bool]
    has_enough: Callable[[int], bool]  # how many wait

    async def start(self) -> AsyncIterator[Any]:
        first, *others = self.wanted(self)
        assert self.crawler.engine is not None
        opening = asyncio.ensure_future(self.crawler.engine.download_async(first))
        await self._until(self.is_solving)
        for request in others:
            yield request.replace(callback=self.parse, errback=self.failed)
        stats = self.crawler.stats
        assert stats is not None
        await self._until(lambda: self.has_enough(stats.get_value("geetest/parked_max")))
        opening.cancel()

    @staticmethod
    async def _until(condition: Callable[[], bool]) -> None:
        for _ in range(200):
            if condition():
                break
            await asyncio.sleep(0.05)


async def test_an_opener_that_is_cancelled_takes_nobody_with_it(world: SmallWorld) -> None:
    """Its spider was out of patience, which says nothing about the gate: one of those who wait opens it."""
    sessions: set[str] = set()

    @world.route("/page")
    def view(asked: Asked) -> Answer:
        if asked.method == "POST" and world.geetest.takes(asked.fields):
            sessions.add("1")
            return page("thanks", Set_Cookie="s=1; Path=/")
        return page("<h1>content</h1>") if asked.cookies.get("s") in sessions else challenge_page("/page")

    def on_poll(method: str, body: Any) -> Answer | None:
        is_first = method == "getTaskResult" and body["taskId"] == world.tasks[0].id
        return data({"errorId": 0, "status": "processing"}) if is_first else None

    world.first = on_poll

    class Spider(ImpatientSpider):
        is_solving = staticmethod(lambda: "getTaskResult" in world.calls)
        has_enough = staticmethod(lambda waiting: waiting == 5)

    requests = [Request(f"{world.site.url}/page/{number}", callback=NO_CALLBACK) for number in range(5)]
    outcome = await world.crawl(lambda _: requests, {"mode": "gate"}, spider=Spider)
    assert outcome.errors == []
    assert outcome.texts("h1::text") == ["content"] * 4
    assert (outcome.stats["tasks_created"], outcome.stats["tasks_abandoned"], outcome.stats["accepted"]) == (2, 1, 1)


async def test_a_solution_that_was_sent_for_a_request_that_is_cancelled(world: SmallWorld) -> None:
    """It left, and nobody heard what the site said: unverified, not unused."""

    @world.route("/page")
    def view(asked: Asked) -> Answer:
        return Answer("late", seconds=1) if asked.method == "POST" else challenge_page("/page")

    class Spider(ImpatientSpider):
        is_solving = has_enough = staticmethod(lambda *_: world.count("POST", "/page") == 1)

    request = Request(f"{world.site.url}/page", callback=NO_CALLBACK)
    outcome = await world.crawl(lambda _: [request], {}, spider=Spider)
    assert world.count("POST", "/page") == 1
    assert (outcome.stats["tasks_solved"], outcome.stats["unverified"], outcome.stats["unused"]) == (1, 1, 0)


async def test_a_request_that_is_cancelled_before_it_bought_anything_leaves_its_budget(world: SmallWorld) -> None:
    """Its challenge was on the way: the only solution that is allowed goes to the next one."""
    world.route("/page")(lambda asked: page("<h1>yes</h1>") if asked.method == "POST" else challenge_page("/page"))
    world.route("/register")(
        lambda _: evolve(world.geetest.register(), seconds=1 if world.count("GET", "/reg") == 1 else 0)
    )

    class Spider(ImpatientSpider):
        is_solving = staticmethod(lambda: world.count("GET", "/register") == 1)
        has_enough = staticmethod(lambda waiting: waiting == 2)

    requests = [Request(f"{world.site.url}/page/{number}", callback=NO_CALLBACK) for number in range(2)]
    outcome = await world.crawl(
        lambda _: requests,
        {"challenge_url": f"{world.site.url}/register", "version": 3},
        spider=Spider,
        GEETEST_MAX_CONCURRENT_SOLVES=1,
        GEETEST_MAX_SOLVES=1,
    )
    assert outcome.texts("h1::text") == ["yes"]
    assert (outcome.stats["budget_refused"], outcome.stats["tasks_created"]) == (0, 1)

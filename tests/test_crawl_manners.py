"""Whole crawls of slow servers: what the plugin sends is within the limits that the crawl keeps to without it."""

from __future__ import annotations

import time
from itertools import accumulate, count, pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from attrs import define, field
from crawl import crawl
from scrapy import Request, signals
from scrapy.http.request import NO_CALLBACK
from small_world import Answer, challenge_page, data, page

if TYPE_CHECKING:
    from crawl import RecordingSpider
    from scrapy.crawler import Crawler
    from small_world import Asked, SmallWorld
    from typing_extensions import Self


@define
class SlowSite:
    """Pages behind a gate, or each behind a form of its own, that take their time.

    Attributes:
        spans: From when to when a request was under way at the site.
        opened: When its first gate was opened.
    """

    world: SmallWorld
    is_gate: bool
    spans: list[tuple[float, float]] = field(factory=list)
    opened: float = 0.0
    _sessions: set[str] = field(factory=set)
    _numbers: Any = field(factory=count)

    def serve(self, asked: Asked) -> Answer:
        """A page: the content, or the challenge."""
        seconds = 0.03 + next(self._numbers) % 5 * 0.01
        self.spans.append((time.monotonic(), time.monotonic() + seconds))
        session = asked.cookies.get("session")
        if session in self._sessions or (not self.is_gate and self.world.geetest.takes(asked.fields)):
            return Answer("<h1>content</h1>", seconds=seconds)
        headers = {} if session else {"Set-Cookie": f"session={next(self._numbers)}; Path=/"}
        action = "/open" if self.is_gate else asked.path
        return Answer(challenge_page(action).body, headers=headers, seconds=seconds)

    def open(self, asked: Asked) -> Answer:
        """Where the gate's form goes."""
        if self.world.geetest.takes(asked.fields):
            self._sessions.add(asked.cookies["session"])
            self.opened = self.opened or time.monotonic()
        return page("thanks")

    def most(self, since: float = 0.0) -> int:
        """The most requests that were under way at one moment."""
        spans = [span for span in self.spans if span[0] >= since]
        changes = sorted([(begin, 1) for begin, _ in spans] + [(end, -1) for _, end in spans])
        return max(accumulate(change for _, change in changes))


def _slow_site(world: SmallWorld, *, is_gate: bool) -> SlowSite:
    site = SlowSite(world, is_gate)
    world.route("/page")(site.serve)
    world.route("/open")(site.open)
    return site


@pytest.mark.parametrize(("at_all", "at_a_host", "most"), [(8, 64, 8), (64, 8, 8)])
async def test_those_who_waited_for_a_gate_go_one_after_the_other(
    world: SmallWorld, at_all: int, at_a_host: int, most: int
) -> None:
    """Forty wait when it opens: ``CONCURRENT_REQUESTS`` and the limit of the host hold, and all places are used."""
    site = _slow_site(world, is_gate=True)
    outcome = await world.crawl(
        [f"{world.site.url}/page/{number}" for number in range(40)],
        {"mode": "gate", "detect_css": "#captcha"},
        CONCURRENT_REQUESTS=at_all,
        CONCURRENT_REQUESTS_PER_DOMAIN=at_a_host,
        GEETEST_FIRST_POLL=1.0,
    )
    assert (len(outcome.pages), outcome.errors, len(world.tasks)) == (40, [], 1)
    assert outcome.stats["parked_max"] == 40
    assert most // 2 < site.most(since=site.opened) <= most


async def test_other_hosts_go_on_while_a_gate_is_passed(world: SmallWorld) -> None:
    """Of the places, those who waited take half while the scheduler has others; together they are no more than allowed."""
    gate, other = _slow_site(world, is_gate=True), SlowSite(world, is_gate=False)
    at: list[float] = []

    def serve(_: Asked) -> Answer:
        at.append(time.monotonic())
        other.spans.append((at[-1], at[-1] + 0.05))
        return Answer("<h1>content</h1>", seconds=0.05)

    url = world.another(serve).url
    pages = [f"{world.site.url}/page/{number}" for number in range(40)]
    outcome = await world.crawl(
        [*pages, *(f"{url}/{number}" for number in range(200))],
        {"mode": "gate", "detect_css": "#captcha"},
        CONCURRENT_REQUESTS=8,
        CONCURRENT_REQUESTS_PER_DOMAIN=64,
        GEETEST_FIRST_POLL=0.5,
    )
    assert (len(outcome.pages), outcome.errors) == (240, [])
    last = max(begin for begin, _ in gate.spans)
    assert sum(gate.opened < moment < last for moment in at) >= 5
    gate.spans += other.spans
    assert gate.most(since=gate.opened) <= 8


async def test_forms_that_are_solved_at_the_same_time(world: SmallWorld) -> None:
    """Twenty solutions come at once; pages, challenges and forms together keep to the limit."""
    site = _slow_site(world, is_gate=False)
    outcome = await world.crawl(
        [f"{world.site.url}/page/{number}" for number in range(20)],
        {"detect_css": "#captcha"},
        CONCURRENT_REQUESTS=4,
        CONCURRENT_REQUESTS_PER_DOMAIN=64,
        GEETEST_FIRST_POLL=1.0,
    )
    assert (len(outcome.pages), outcome.errors, len(world.tasks)) == (20, [], 20)
    assert site.most() <= 4


async def test_who_waited_and_is_withheld_again_opens_the_gate(world: SmallWorld) -> None:
    """One at a time in the download slot: the session lasts for three pages, and the next one buys the next."""
    site = _slow_site(world, is_gate=True)
    left: dict[str, int] = {}

    @world.route("/page")
    def view(asked: Asked) -> Answer:
        answer = site.serve(asked)
        if b"captcha" not in (answer.body if isinstance(answer.body, bytes) else answer.body.encode()):
            session = asked.cookies["session"]
            left[session] = left.get(session, 3) - 1
            if left[session] < 0:
                return Answer(challenge_page("/open").body, headers={"Set-Cookie": f"session={len(left)}x; Path=/"})
        return answer

    outcome = await world.crawl(
        [f"{world.site.url}/page/{number}" for number in range(8)],
        {"mode": "gate", "detect_css": "#captcha"},
        CONCURRENT_REQUESTS_PER_DOMAIN=1,
    )
    assert (outcome.texts("h1::text"), outcome.errors) == (["content"] * 8, [])
    assert 3 <= len(world.tasks) <= 6


class LogsInFirst:
    """Fetches a page that is withheld before each request, as a middleware does that needs a token from it."""

    login: ClassVar[str]

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        if "/page" in request.url:
            return
        assert self._crawler.engine is not None
        answer = await self._crawler.engine.download_async(
            Request(self.login + request.url[-1], callback=NO_CALLBACK, dont_filter=True)
        )
        assert b"content" in answer.body


async def test_a_middleware_that_waits_for_a_withheld_page(world: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its requests take all places, and what they wait for needs one."""
    _slow_site(world, is_gate=False)
    monkeypatch.setattr(LogsInFirst, "login", f"{world.site.url}/page/", raising=False)
    world.route("/")(lambda _: page("<h1>inside</h1>"))
    outcome = await world.crawl(
        [f"{world.site.url}/{number}" for number in range(2)],
        {"urls": [f"{world.site.host}/page"], "detect_css": "#captcha"},
        CONCURRENT_REQUESTS=2,
        DOWNLOADER_MIDDLEWARES={LogsInFirst: 100},
    )
    assert outcome.texts("h1::text") == ["inside", "inside"]


class FetchesToken(LogsInFirst):
    """Each page takes a token, which is to be had from the same site without a CAPTCHA."""

    async def process_request(self, request: Request) -> None:
        if "/page" not in request.url or self._crawler.engine is None:
            return
        token = Request(request.url.replace("/page", "/token"), callback=NO_CALLBACK, dont_filter=True)
        answer = await self._crawler.engine.download_async(token)
        request.headers["X-Token"] = answer.body


@pytest.mark.parametrize("order", [500, 610])
async def test_a_middleware_that_waits_for_the_site_of_a_gate(world: SmallWorld, order: int) -> None:
    """The opener's own page waits in it for a request that would wait for the gate."""

    @world.route("/page")
    def view(asked: Asked) -> Answer:
        if asked.headers.get("x-token") != "token":
            return page("no token", 400)
        if asked.method == "POST" and world.geetest.takes(asked.fields):
            return page("thanks", Set_Cookie="s=1; Path=/")
        return page("<h1>inside</h1>") if asked.cookies.get("s") else challenge_page("/page")

    world.route("/token")(lambda _: Answer("token"))
    outcome = await world.crawl(
        [f"{world.site.url}/page/{number}" for number in range(3)],
        {"mode": "gate"},
        CLOSESPIDER_TIMEOUT=15,
        DOWNLOADER_MIDDLEWARES={FetchesToken: order},
    )
    assert outcome.texts("h1::text") == ["inside"] * 3
    assert outcome.stats["tasks_created"] == 1


def _delay_at_the_end(delays: list[float]) -> Any:
    def prepare(crawler: Crawler) -> None:
        def note() -> None:
            assert crawler.engine is not None
            delays.append(crawler.engine.downloader.slots["127.0.0.1"].delay)

        crawler.signals.connect(note, signals.spider_closed, weak=False)

    return prepare


@pytest.mark.parametrize("is_two_step", [False, True])
async def test_autothrottle_learns_nothing_from_what_is_no_page(world: SmallWorld, *, is_two_step: bool) -> None:
    """A register endpoint or a verification that takes its time says nothing of the pages."""
    granted: list[str] = []

    @world.route("/slow")
    def slow(asked: Asked) -> Answer:
        if is_two_step:
            granted.append("t" if world.geetest.takes(asked.fields) else "")
            return Answer(data({"token": granted[-1]}).body, type="application/json", seconds=0.8)
        return Answer(world.geetest.register().body, type="application/json", seconds=0.8)

    @world.route("/page")
    def view(asked: Asked) -> Answer:
        is_right = asked.query.get("token") == "t" if is_two_step else world.geetest.takes(asked.fields)
        if is_right:
            return page("<h1>content</h1>")
        return challenge_page(asked.path, register="" if is_two_step else "/slow", status=200)

    site: dict[str, Any] = {"challenge_url": "/slow"}
    if is_two_step:
        site = {"submit_as": "query", "verify_url": "/slow", "verified_fields": {"token": "token"}}
    delays: list[float] = []

    def wanted(_: RecordingSpider) -> list[Request]:
        return [Request(f"{world.site.url}/page")]

    outcome = await crawl(
        wanted,
        _delay_at_the_end(delays),
        GEETEST_SITES=[{"urls": [world.site.host], "detect_css": "#captcha", **site}],
        GEETEST_API_KEY="0f2e4d6c8b7a9513",
        GEETEST_API_URL=world.service.url,
        AUTOTHROTTLE_ENABLED=True,
        AUTOTHROTTLE_START_DELAY=0.1,
    )
    assert outcome.texts("h1::text") == ["content"]
    assert delays[0] < 0.4


async def test_a_register_request_shares_the_download_slot_that_the_spider_chose(world: SmallWorld) -> None:
    """One request at a time, whatever it is for."""
    spans: list[tuple[float, float]] = []

    def slowly(answer: Answer) -> Answer:
        spans.append((time.monotonic(), time.monotonic() + 0.1))
        return Answer(answer.body, answer.status, answer.type, seconds=0.1)

    world.route("/register")(lambda _: slowly(world.geetest.register()))

    @world.route("/page")
    def view(asked: Asked) -> Answer:
        is_right = world.geetest.takes(asked.fields)
        return slowly(page("<h1>content</h1>") if is_right else challenge_page(asked.path, register="/register"))

    outcome = await world.crawl(
        [Request(f"{world.site.url}/page/{number}", meta={"download_slot": "slow"}) for number in range(3)],
        {"detect_css": "#captcha", "challenge_url": "/register"},
        DOWNLOAD_SLOTS={"slow": {"concurrency": 1, "delay": 0.12, "jitter": 0, "randomize_delay": False}},
    )
    assert outcome.texts("h1::text") == ["content"] * 3
    spans.sort()
    assert all(later[0] >= earlier[0] + 0.1 for earlier, later in pairwise(spans))

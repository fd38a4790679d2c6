"""The requests of one attempt are one visitor, and its credentials go to its own origin only."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from scrapy import FormRequest, Request, signals
from scrapy.downloadermiddlewares.cookies import CookiesMiddleware
from small_world import challenge_page, page, redirect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from crawl import RecordingSpider
    from scrapy.http import Response
    from small_world import Answer, Asked, SmallWorld


class _NewAgent:
    """Another User-Agent for each request."""

    _numbers: ClassVar[Iterator[int]] = itertools.count()

    def process_request(self, request: Request) -> None:
        request.headers["User-Agent"] = f"Agent/{next(self._numbers)}"


class _NextProxy:
    """Another proxy for each request."""

    proxies: ClassVar[Iterator[str]]

    def process_request(self, request: Request) -> None:
        request.meta["proxy"] = next(self.proxies)


def _tied(world: SmallWorld, owner_of: Any) -> None:
    """A form site that ties a challenge to whoever registered it."""
    owners: dict[str, Any] = {}

    @world.route("/register")
    def register(asked: Asked) -> Answer:
        answer = world.geetest.register()
        owners[json.loads(answer.body)["challenge"]] = owner_of(asked)
        return answer

    @world.route("/page")
    def view(asked: Asked) -> Answer:
        fields = asked.fields
        if world.geetest.takes(fields) and owners[fields["geetest_challenge"]] == owner_of(asked):
            return page("<h1>content</h1>")
        return challenge_page(asked.path, register="/register")


SITE = {"challenge_url": "/register"}


async def test_a_header_that_changes_before_us_is_pinned(world: SmallWorld) -> None:
    """A middleware of the project draws a User-Agent for each request: those of one attempt keep theirs."""
    _tied(world, lambda asked: asked.headers["user-agent"])
    outcome = await world.crawl(
        [f"{world.site.url}/page/{n}" for n in range(3)], SITE, DOWNLOADER_MIDDLEWARES={_NewAgent: 400}
    )
    assert outcome.texts("h1::text") == ["content"] * 3
    assert len(world.tasks) == 3


async def test_a_header_that_changes_behind_us_is_told(world: SmallWorld, caplog: pytest.LogCaptureFixture) -> None:
    """Once a site, by its name."""
    _tied(world, lambda asked: asked.headers["user-agent"])
    urls = [f"{world.site.url}/page/{n}" for n in range(2)]
    await world.crawl(urls, SITE, DOWNLOADER_MIDDLEWARES={_NewAgent: 650}, GEETEST_MAX_ATTEMPTS=1)
    lines = [record.getMessage() for record in caplog.records if "the header User-Agent" in record.getMessage()]
    assert len(lines) == 1
    assert "two visitors" in lines[0]


@pytest.mark.parametrize("order", [100, 740], ids=["before", "behind"])
async def test_a_proxy_that_rotates_is_pinned_or_told(
    world: SmallWorld, caplog: pytest.LogCaptureFixture, order: int
) -> None:
    """Before us: as many purchases as there are proxies. Behind us: a warning."""
    opened: set[int] = set()
    owners: dict[str, int] = {}

    def through(asked: Asked) -> Answer:
        if asked.path.endswith("/register"):
            answer = world.geetest.register()
            owners[json.loads(answer.body)["challenge"]] = asked.port
            return answer
        if asked.method == "POST" and world.geetest.takes(asked.fields):
            opened.update({owners[asked.fields["geetest_challenge"]]} & {asked.port})
            return page("thanks")
        return page("<h1>content</h1>") if asked.port in opened else challenge_page("/open", register="/register")

    proxies = [world.another(through).url for _ in range(3)]
    _NextProxy.proxies = itertools.cycle(proxies)
    site = {"mode": "gate", "urls": ["shop.example.com"], "challenge_url": "/register"}
    urls = [f"http://shop.example.com/{n}" for n in range(9)]
    outcome = await world.crawl(urls, site, DOWNLOADER_MIDDLEWARES={_NextProxy: order})
    told = any("the proxy" in record.getMessage() for record in caplog.records)
    if order < 585:
        assert outcome.texts("h1::text") == ["content"] * 9
        assert len(world.tasks) == 3
        assert not told
    else:
        assert told


@pytest.mark.parametrize(
    ("settings", "meta"), [({"COOKIES_ENABLED": False}, {}), ({}, {"dont_merge_cookies": True})], ids=["off", "own"]
)
async def test_a_cookie_header_of_the_spiders_own_is_part_of_it(
    world: SmallWorld, settings: dict[str, Any], meta: dict[str, Any]
) -> None:
    """The register request and the form carry it, too."""
    _tied(world, lambda asked: asked.headers.get("cookie"))
    wanted = [Request(f"{world.site.url}/page/{n}", headers={"Cookie": "sid=ann"}, meta=meta) for n in range(3)]
    outcome = await world.crawl(wanted, SITE, **settings)
    assert outcome.texts("h1::text") == ["content"] * 3
    assert {asked.headers.get("cookie") for asked in world.site.asked} == {"sid=ann"}


@pytest.mark.parametrize("mode", ["form", "gate"])
@pytest.mark.parametrize("cookies", [True, False])
async def test_credentials_stay_at_their_own_origin(world: SmallWorld, mode: str, cookies: bool) -> None:  # noqa: FBT001  # a parameter
    """A captcha page on another declared host gets none of them from the plugin; the site itself gets them again."""
    secrets = {"Authorization": "Bearer SECRET", "X-Api-Key": "XSECRET", "Cookie": "own=CSECRET"}
    opened: list[bool] = []
    leaked: list[str] = []

    def verification(asked: Asked) -> Answer:
        if asked.method == "POST" or asked.path == "/register":
            leaked.extend(value for value in asked.headers.values() if "SECRET" in value)
        if asked.path == "/register":
            return world.geetest.register()
        if asked.method == "POST" and world.geetest.takes(asked.fields):
            opened.append(True)
            return redirect(f"{world.site.url}/a")
        return challenge_page("/verify", register="/register", status=200)

    other = world.another(verification)

    @world.route("/a")
    def view(_: Asked) -> Answer:
        return page("<h1>content</h1>") if opened else redirect(f"{other.url}/captcha?r=1")

    site = {"urls": [world.site.host, other.host], "mode": mode, "challenge_url": "/register"}
    wanted = Request(f"{world.site.url}/a", headers=secrets)
    outcome = await world.crawl([wanted], site, COOKIES_ENABLED=cookies)
    assert outcome.texts("h1::text") == ["content"]
    assert leaked == []
    assert outcome.pages[0].url == f"{world.site.url}/a"
    assert outcome.pages[0].request is not None
    assert outcome.pages[0].request.url == f"{world.site.url}/a"
    if mode == "gate":
        assert world.site.asked[-1].headers["authorization"] == secrets["Authorization"]


async def test_what_a_handler_needs_goes_with_every_request(world: SmallWorld) -> None:
    """Meta keys of download handlers, and those that the project adds."""
    seen: list[tuple[str, Any, Any]] = []

    class Looks:
        def process_request(self, request: Request) -> None:
            seen.append((request.method, request.meta.get("impersonate"), request.meta.get("mine")))

    _tied(world, lambda _: None)
    wanted = Request(f"{world.site.url}/page", meta={"impersonate": "chrome", "mine": 7})
    settings = {"GEETEST_KEEP_META": ["mine"], "DOWNLOADER_MIDDLEWARES": {Looks: 700}}
    outcome = await world.crawl([wanted], SITE, **settings)
    assert outcome.texts("h1::text") == ["content"]
    assert seen == [("GET", "chrome", 7)] * 2 + [("POST", "chrome", 7)]


async def test_the_form_comes_from_its_page(world: SmallWorld) -> None:
    """Origin and Referer as browsers send them, for the register request and for the form."""
    _tied(world, lambda _: None)
    outcome = await world.crawl([f"{world.site.url}/page"], SITE)
    assert outcome.texts("h1::text") == ["content"]
    _, register, form = world.site.asked
    assert register.headers["referer"] == form.headers["referer"] == f"{world.site.url}/page"
    assert "origin" not in register.headers
    assert form.headers["origin"] == world.site.url


async def test_the_cookies_of_an_answer_are_the_crawls(world: SmallWorld) -> None:
    """What the accepted form set is there for the next request, and nothing of the attempt is left in Scrapy's jars."""

    @world.route("/login")
    def login(asked: Asked) -> Answer:
        if world.geetest.takes(asked.fields):
            return page("<h1>in</h1>", Set_Cookie="user=ann; Path=/")
        return challenge_page("/login", inside='<input name="user">')

    world.route("/next")(lambda asked: page(f"<h1>{asked.cookies}</h1>"))

    def wanted(spider: RecordingSpider) -> Iterable[Request]:
        def follow(response: Response) -> Request:
            spider.parse(response)
            return Request(f"{world.site.url}/next", callback=spider.parse)

        yield FormRequest(f"{world.site.url}/login", formdata={"user": "a"}, meta={"geetest": True}, callback=follow)

    jars: list[Any] = []

    def prepare(crawler: Any) -> None:
        def look() -> None:
            jars.extend(crawler.get_downloader_middleware(CookiesMiddleware).jars)

        crawler.signals.connect(look, signals.spider_idle, weak=False)

    outcome = await world.crawl(wanted, prepare=prepare)
    assert outcome.texts("h1::text") == ["in", "{'user': 'ann'}"]
    assert set(jars) == {None}

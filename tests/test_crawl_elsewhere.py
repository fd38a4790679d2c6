"""The captcha is elsewhere: on a host that ``allowed_domains`` does not name, or in a response that another middleware takes."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from scrapy import Request
from scrapy.downloadermiddlewares.offsite import OffsiteMiddleware
from scrapy.exceptions import IgnoreRequest
from small_world import Answer, challenge_page, page, redirect

from scrapy_geetest import GeetestSite

if TYPE_CHECKING:
    from pathlib import Path

    from crawl import Crawl
    from scrapy.http import Response
    from small_world import Asked, Server, SmallWorld

OWN_HOST = ["127.0.0.1"]


@pytest.fixture
def captcha(world: SmallWorld) -> Server:
    """A host that asks for the CAPTCHA and then sends the visitor back, to whom the whole site is open."""
    opened: list[bool] = []

    def verify(asked: Asked) -> Answer:
        if asked.path == "/register":
            return world.geetest.register()
        if world.geetest.takes(asked.fields):
            opened.append(True)
            return page("<h1>thanks</h1>")
        return challenge_page("/verify", register="/register", status=200)

    server = world.another(verify)
    world.route("/page")(lambda _: page("<h1>content</h1>") if opened else redirect(f"{server.url}/verify"))
    return server


async def _crawl(world: SmallWorld, *sites: Any, **settings: Any) -> Crawl:
    requests = [f"{world.site.url}/page/{number}" for number in range(2)]
    return await world.crawl(requests, *sites, allowed_domains=OWN_HOST, **settings)


def _told(caplog: pytest.LogCaptureFixture, words: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if words in record.getMessage()]


def _gate(*hosts: str) -> dict[str, Any]:
    return {"name": "gate", "mode": "gate", "urls": list(hosts), "challenge_url": "/register"}


async def test_a_site_redirects_to_its_other_host(
    world: SmallWorld, captcha: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Offsite lets it pass, both when it is scheduled and when it is sent; nothing of it is in the meta."""
    caplog.set_level(logging.INFO)
    outcome = await _crawl(world, _gate(world.site.host, captcha.host))
    assert outcome.texts("h1::text") == ["content", "content"]
    assert outcome.stats["tasks_created"] == 1
    assert "offsite/filtered" not in outcome.all_stats
    assert all("allow_offsite" not in response.meta for response in outcome.pages)
    [told] = _told(caplog, "allowed_domains")
    assert captcha.host in told


async def test_hooks_that_match(world: SmallWorld, captcha: Server) -> None:
    """A site's own ``matches`` is asked; one that would have to be awaited is not, but the hosts are."""

    class Plain(GeetestSite):
        mode = "gate"
        urls = (world.site.host,)
        challenge_url = "/register"

        def matches(self, url: str) -> bool:
            return world.site.host in url or captcha.host in url

    class Awaited(GeetestSite):
        mode = "gate"
        urls = (world.site.host, captcha.host)
        challenge_url = "/register"

        async def matches(self, url: str) -> bool:
            return world.site.host in url or captcha.host in url

    for site in (Plain, Awaited):
        outcome = await _crawl(world, site)
        assert outcome.texts("h1::text") == ["content", "content"]


@pytest.mark.parametrize("is_declared", [True, False])
async def test_another_site_is_not_followed(
    world: SmallWorld, captcha: Server, caplog: pytest.LogCaptureFixture, *, is_declared: bool
) -> None:
    """What ``allowed_domains`` is for holds; the log says what is missing, where the host is a declared site's."""
    other = {**_gate(captcha.host), "name": "captcha"} if is_declared else _gate("elsewhere.example")
    outcome = await _crawl(world, {**_gate(world.site.host), "name": "pages"}, other)
    assert outcome.pages == []
    told = _told(caplog, "allowed_domains")
    assert len(told) == is_declared
    assert all("Offsite drops them" in one and "urls of the site that redirects there" in one for one in told)


@pytest.mark.usefixtures("captcha")
async def test_a_hook_that_fails(world: SmallWorld, caplog: pytest.LogCaptureFixture) -> None:
    """It is no reason to follow, and stops nothing."""

    class Broken(GeetestSite):
        urls = (world.site.host,)

        def matches(self, url: str) -> bool:
            raise RuntimeError(url)

    outcome = await _crawl(world, Broken)
    assert outcome.all_stats["offsite/filtered"] == 2
    assert _told(caplog, "allowed_domains") == []


@pytest.mark.parametrize(("meta", "level"), [({}, logging.INFO), ({"geetest": True}, logging.WARNING)])
async def test_a_request_of_the_spider(
    world: SmallWorld, captcha: Server, caplog: pytest.LogCaptureFixture, meta: dict[str, Any], level: int
) -> None:
    """A link to a declared host is dropped as Scrapy does; that it was is no secret."""
    caplog.set_level(logging.INFO)
    requests = [Request(f"{captcha.url}/verify/{number}", meta=meta) for number in range(2)]
    await world.crawl(requests, _gate(captcha.host), allowed_domains=OWN_HOST)
    [record] = [record for record in caplog.records if "allowed_domains" in record.getMessage()]
    assert (record.levelno, "redirects there" in record.getMessage()) == (level, False)


async def test_without_offsite(world: SmallWorld, captcha: Server) -> None:
    """A project may have turned it off."""
    off = {OffsiteMiddleware: None}
    outcome = await _crawl(world, _gate(world.site.host, captcha.host), DOWNLOADER_MIDDLEWARES=off)
    assert outcome.texts("h1::text") == ["content", "content"]


@pytest.mark.parametrize(("mode", "tasks"), [("gate", 1), ("form", 4)])
@pytest.mark.parametrize("path", ["/verify", "/p/7"])
async def test_many_pages_lead_to_one_captcha_page(world: SmallWorld, mode: str, tasks: int, path: str) -> None:
    """The dupefilter drops none of them; what the spider gets is its own request, which is filtered as ever."""
    opened: list[bool] = []

    @world.route(path)
    def verify(asked: Asked) -> Answer:
        if world.geetest.takes(asked.fields):
            opened.append(True)
        return page("<h1>thanks</h1>") if opened else challenge_page(path, status=200)

    world.route("/page")(lambda _: page("<h1>content</h1>") if opened and mode == "gate" else redirect(path))
    outcome = await world.crawl([f"{world.site.url}/page/{number}" for number in range(4)], {"mode": mode})
    assert len(outcome.pages) + len(outcome.errors) == 4
    assert outcome.all_stats.get("dupefilter/filtered", 0) == 0
    if mode == "gate":
        assert (outcome.texts("h1::text"), outcome.stats["tasks_created"]) == (["content"] * 4, tasks)
    assert not any(response.request.dont_filter for response in outcome.pages if response.request)
    assert not any("_geetest" in response.meta for response in outcome.pages)


class OwnOffsite(OffsiteMiddleware):
    """A project's own policy, at another place than the documented one."""

    def process_request(self, request: Request, spider: Any = None) -> None:
        """Allow everything."""


@pytest.mark.parametrize(
    ("settings", "meta"),
    [
        ({"DOWNLOADER_MIDDLEWARES": {OffsiteMiddleware: None}}, {}),
        ({"DOWNLOADER_MIDDLEWARES": {OffsiteMiddleware: None, OwnOffsite: 50}}, {}),
        ({}, {"allow_offsite": True}),
    ],
    ids=["off", "own", "allowed"],
)
async def test_where_offsite_is_not_asked(
    world: SmallWorld, captcha: Server, settings: dict[str, Any], meta: dict[str, Any]
) -> None:
    """Many pages lead to one captcha page on a host outside allowed_domains, and none is lost."""
    requests = [Request(f"{world.site.url}/page/{number}", meta=meta) for number in range(6)]
    gate = _gate(world.site.host, captcha.host)
    outcome = await world.crawl(requests, gate, allowed_domains=OWN_HOST, **settings)
    assert (outcome.texts("h1::text"), outcome.stats["tasks_created"]) == (["content"] * 6, 1)
    assert outcome.all_stats.get("dupefilter/filtered", 0) == 0


async def test_a_retry_of_what_a_redirect_leads_to(world: SmallWorld) -> None:
    """It is still under way, so that others that are led there meanwhile are not dropped."""
    answers, opened = iter([503, 503]), list[bool]()

    @world.route("/p/7")
    def verify(asked: Asked) -> Answer:
        if world.geetest.takes(asked.fields):
            opened.append(True)
        status = 200 if opened else next(answers, 200)
        return page("wait", 503) if status == 503 else challenge_page("/p/7", status=200)

    world.route("/page")(lambda _: page("<h1>content</h1>") if opened else redirect("/p/7"))
    requests = [f"{world.site.url}/page/{number}" for number in range(4)]
    outcome = await world.crawl(requests, {"mode": "gate"}, DOWNLOAD_DELAY=0.1)
    assert (outcome.texts("h1::text"), outcome.stats["tasks_created"]) == (["content"] * 4, 1)
    assert outcome.all_stats.get("dupefilter/filtered", 0) == 0


async def test_other_redirects_are_filtered_as_ever(world: SmallWorld) -> None:
    """One after the other to a page that is no captcha page, by one hop or two: it is fetched once."""
    world.route("/page")(lambda asked: redirect("/hop" if asked.path.endswith("1") else "/there"))
    world.route("/hop")(lambda _: redirect("/there"))
    world.route("/there")(lambda _: page("<h1>there</h1>"))
    requests = [Request(f"{world.site.url}/page/{number}", priority=-number) for number in range(4)]
    outcome = await world.crawl(requests, CONCURRENT_REQUESTS=1)
    assert outcome.texts("h1::text") == ["there"]
    assert outcome.all_stats["dupefilter/filtered"] == 3


async def test_a_run_resumed_at_the_captcha_page(world: SmallWorld, tmp_path: Path) -> None:
    """The dupefilter of the first run has seen it, and its gate is closed again: no page is lost in the second."""
    sessions: set[str] = set()

    @world.route("/captcha")
    def verify(asked: Asked) -> Answer:
        if world.geetest.takes(asked.fields):
            sessions.add(str(len(sessions)))
            return page("thanks", Set_Cookie=f"s={len(sessions) - 1}; Path=/")
        return challenge_page("/captcha", status=200)

    @world.route("/page")
    def view(asked: Asked) -> Answer:
        return page("<h1>content</h1>") if asked.cookies.get("s") in sessions else redirect("/captcha")

    for run in range(2):
        requests = [f"{world.site.url}/page/{run}/{number}" for number in range(2)]
        outcome = await world.crawl(requests, {"mode": "gate"}, JOBDIR=str(tmp_path))
        assert outcome.texts("h1::text") == ["content", "content"]


class _Rotation:
    """Takes a 403 for a ban: sends the request again, twice, or drops it."""

    drops: ClassVar[bool]

    def process_response(self, request: Request, response: Response) -> Request | Response:
        tries = request.meta.get("tries", 0)
        if response.status != 403 or tries == 2:
            return response
        if self.drops:
            raise IgnoreRequest("banned")
        return request.replace(meta={**request.meta, "tries": tries + 1}, dont_filter=True)


@pytest.mark.parametrize(("drops", "pages"), [(False, 2), (True, 0)])
async def test_a_middleware_that_takes_challenge_pages(
    world: SmallWorld, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, *, drops: bool, pages: int
) -> None:
    """It is named, once a site, whether the page came in the end or the crawl ended before."""
    monkeypatch.setattr(_Rotation, "drops", drops, raising=False)

    @world.route("/page")
    def view(asked: Asked) -> Answer:
        return page("<h1>content</h1>") if world.geetest.takes(asked.fields) else challenge_page(asked.path)

    outcome = await _crawl(world, DOWNLOADER_MIDDLEWARES={_Rotation: 610})
    assert len(outcome.pages) == pages
    [told] = _told(caplog, "another downloader middleware took")
    assert "_Rotation" in told
    assert "ROTATING_PROXY_BAN_POLICY" in told
    assert "status 403" in told


async def test_what_arrives_is_not_taken(world: SmallWorld, caplog: pytest.LogCaptureFixture) -> None:
    """Nor is what a site does not look at, what is left alone, or what is of no site."""
    world.route("/page")(lambda _: page("no", 404))
    world.route("/403")(lambda _: page("no", 403))
    monkey = {"DOWNLOADER_MIDDLEWARES": {_AskedTwice: 610}}
    plain: list[str | Request] = [f"{world.site.url}/page/1", Request(f"{world.site.url}/403", meta={"geetest": False})]
    await world.crawl(plain, **monkey)
    await world.crawl([f"{world.site.url}/403"], {"urls": ["elsewhere.example"]}, **monkey)
    assert _told(caplog, "another downloader middleware took") == []


class _Slow:
    """Takes its time with a 403, as one does that asks somebody else about it."""

    async def process_response(self, request: Request, response: Response) -> Response:
        if response.status == 403 and request.method == "GET":
            await asyncio.sleep(1.5)
        return response


async def test_what_arrives_late_is_not_taken(world: SmallWorld, caplog: pytest.LogCaptureFixture) -> None:
    """As long as the request is in the downloader, its response may come."""
    world.route("/403")(lambda _: page("no", 403))
    world.route("/slow")(lambda _: Answer("<p>slow</p>", seconds=1.2))
    world.route("/page")(lambda _: page("yes"))
    urls = [f"{world.site.url}/{path}" for path in ("403", "slow", "page")]
    outcome = await world.crawl(urls, CONCURRENT_REQUESTS=2, DOWNLOADER_MIDDLEWARES={_Slow: 610})
    assert len(outcome.pages) == 3
    assert _told(caplog, "another downloader middleware took") == []


class _AskedTwice:
    """Sends what came with an error again, once."""

    def process_response(self, request: Request, response: Response) -> Request | Response:
        if "again" in request.meta:
            return response
        return request.replace(meta={**request.meta, "again": True}, dont_filter=True)

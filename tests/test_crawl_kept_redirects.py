"""Redirects that the spider keeps, and the page that they lead to."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from scrapy import Request
from small_world import challenge_page, page, redirect

from scrapy_geetest import ChallengeError, GeetestSite

if TYPE_CHECKING:
    from scrapy.http import Response
    from small_world import Answer, Asked, SmallWorld


def _kept(world: SmallWorld, *, meta: dict[str, Any]) -> list[Request]:
    return [Request(f"{world.site.url}/page/{number}", meta=meta) for number in range(2)]


def _redirecting(world: SmallWorld, target: str = "/captcha") -> None:
    opened: list[bool] = []

    @world.route("/captcha")
    def verify(asked: Asked) -> Answer:
        if world.geetest.takes(asked.fields):
            opened.append(True)
            return redirect("/page/0")
        return challenge_page("/captcha", status=200)

    world.route("/hop")(lambda _: redirect("/captcha"))
    world.route("/plain")(lambda _: page("<h1>elsewhere</h1>"))
    world.route("/page")(lambda _: page("<h1>content</h1>") if opened else redirect(target))


@pytest.mark.parametrize(
    "meta", [{"dont_redirect": True, "handle_httpstatus_all": True}, {"handle_httpstatus_list": [302]}]
)
@pytest.mark.parametrize("target", ["/captcha", "/hop"])
async def test_a_redirect_that_the_spider_keeps(world: SmallWorld, meta: dict[str, Any], target: str) -> None:
    """Where the site declares its status, the captcha page that it leads to is solved."""
    _redirecting(world, target)
    outcome = await world.crawl(_kept(world, meta=meta), {"mode": "gate", "detect_status": 302})
    assert outcome.texts("h1::text") == ["content", "content"]
    assert outcome.stats["tasks_created"] == outcome.stats["accepted"] == 1
    assert [response.meta["depth"] for response in outcome.pages] == [0, 0]
    assert all(response.request.meta.items() >= meta.items() for response in outcome.pages if response.request)


async def test_a_kept_redirect_whose_status_is_not_declared(
    world: SmallWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """The spider gets what it asked for; the log says, once a site, how the page behind it is to be had."""
    _redirecting(world)
    requests = _kept(world, meta={"handle_httpstatus_list": [302]})
    outcome = await world.crawl(requests)
    assert [response.status for response in outcome.pages] == [302, 302]
    [told] = [record.getMessage() for record in caplog.records if "keeps the redirect" in record.getMessage()]
    assert "/captcha" in told
    assert "add 302 to detect_status of the site" in told


async def test_what_a_kept_redirect_leads_to_waits_for_nobody(world: SmallWorld) -> None:
    """With a single place in the downloader the page behind it takes that of the request: nothing waits a second for it."""
    _redirecting(world, "/plain")
    requests = [
        Request(f"{world.site.url}/page/{number}", meta={"handle_httpstatus_list": [302]}) for number in range(8)
    ]
    began = time.monotonic()
    outcome = await world.crawl(requests, {"detect_status": 302}, CONCURRENT_REQUESTS=1)
    assert len(outcome.pages) == 8
    assert time.monotonic() - began < 4


async def test_a_redirect_that_is_followed(world: SmallWorld) -> None:
    """Its status stands for the page that it leads to."""
    _redirecting(world)
    outcome = await world.crawl(_kept(world, meta={}), {"mode": "gate", "detect_status": 302})
    assert outcome.texts("h1::text") == ["content", "content"]


async def test_a_redirect_that_a_hook_recognises(world: SmallWorld) -> None:
    """The hook looks at where it leads."""
    _redirecting(world)

    class Shop(GeetestSite):
        mode = "gate"
        urls = (world.site.host,)

        def is_challenge(self, response: Response) -> bool:
            return b"captcha" in (response.headers.get("Location") or b"") or b"initGeetest" in response.body

    outcome = await world.crawl(_kept(world, meta={"dont_redirect": True, "handle_httpstatus_all": True}), Shop)
    assert outcome.texts("h1::text") == ["content", "content"]
    assert outcome.stats["tasks_created"] == 1


@pytest.mark.parametrize("target", ["/plain", "https://elsewhere.invalid/", "ftp://elsewhere.invalid/", "/page/9"])
@pytest.mark.parametrize("status", [[302], []])
async def test_other_redirects_that_the_spider_keeps(world: SmallWorld, target: str, status: list[int]) -> None:
    """The spider gets them as they are: to a page with content, to somebody else, to themselves."""
    _redirecting(world, target)
    requests = _kept(world, meta={"handle_httpstatus_list": [302]})
    outcome = await world.crawl(requests, {"detect_status": status})
    assert [response.status for response in outcome.pages] == [302, 302]
    assert outcome.stats["detected"] == 0
    assert world.count("GET", "/plain") == (2 if status and target == "/plain" else 0)


async def test_a_kept_redirect_to_a_page_that_does_not_come(world: SmallWorld) -> None:
    """An error that says so, nothing bought."""
    _redirecting(world, "/gone")
    world.route("/gone")(lambda _: None)
    requests = _kept(world, meta={"handle_httpstatus_list": [302]})
    outcome = await world.crawl(requests, {"detect_status": 302}, RETRY_ENABLED=False)
    assert [type(error) for error in outcome.errors] == [ChallengeError, ChallengeError]
    assert outcome.stats["tasks_created"] == 0

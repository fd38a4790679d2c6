"""A hook of a site that never ends, or whose own task is cancelled, costs its request, and not the crawl."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from small_world import CAPTCHA_ID, Answer, challenge_page, page

from scrapy_geetest import GeetestError, GeetestSite

if TYPE_CHECKING:
    from small_world import Asked, SmallWorld

HOOKS = ("challenge_request", "parse_challenge", "submit_request", "is_challenge", "is_accepted", "session_key")
CLOSE_SPIDER = {"scrapy.extensions.closespider.CloseSpider": 0}


def _sites(world: SmallWorld, hook: Any) -> list[type[GeetestSite]]:
    """One for each hook, all of which are *hook*."""

    @world.route("/")
    def site(asked: Asked) -> Answer:
        return page("<h1>content</h1>") if world.geetest.takes(asked.fields) else challenge_page(asked.path)

    @world.route("/plain/")
    def plain(_: Asked) -> Answer:
        return page("<h1>plain</h1>")

    rules: dict[str, Any] = {"captcha_id": CAPTCHA_ID, "one_at_a_time": True}
    return [type(name, (GeetestSite,), {**rules, "urls": (f"{world.site.host}/{name}",), name: hook}) for name in HOOKS]


async def test_the_crawl_ends(world: SmallWorld) -> None:
    """Ordinary pages come meanwhile; each solution is in the books."""

    async def never(*_: Any) -> None:
        await asyncio.sleep(3600)

    sites = _sites(world, never)
    urls = [f"{world.site.url}/{name}/1" for name in (*HOOKS, "plain")]
    outcome = await world.crawl(urls, *sites, CLOSESPIDER_TIMEOUT=1, EXTENSIONS=CLOSE_SPIDER)
    assert outcome.reason == "closespider_timeout"
    assert [answer.url for answer in outcome.pages] == [f"{world.site.url}/plain/1"]
    assert outcome.errors == []
    stats = outcome.stats
    assert stats["tasks_created"] == stats["tasks_solved"] == 2
    assert (stats["unused"], stats["unverified"]) == (1, 1)


async def test_a_cancelled_hook_has_failed(world: SmallWorld) -> None:
    """It is an error of the plugin like any other, which names the hook, and counts for the breaker."""

    async def cancelled(*_: Any) -> None:
        raise asyncio.CancelledError

    sites = _sites(world, cancelled)
    outcome = await world.crawl([f"{world.site.url}/{name}/1" for name in HOOKS], *sites)
    assert len(outcome.errors) == len(HOOKS)
    for error in outcome.errors:
        assert isinstance(error, GeetestError)
        assert error.site is not None
        assert error.site.name in str(error) or "could not be sent" in str(error)
        assert "it was cancelled" in str(error)


@pytest.mark.parametrize("kind", ["fails", "never ends"])
async def test_a_matches_that_gives_no_answer(world: SmallWorld, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """Its site is treated as no match, which is in the log once."""

    class Odd(GeetestSite):
        urls = ("odd.example",)

        async def matches(self, url: str) -> bool:
            if kind == "fails":
                raise KeyError(url)
            await asyncio.sleep(3600)
            return True

    sites = _sites(world, None)[:1]
    urls = [f"{world.site.url}/plain/{n}" for n in range(3)]
    outcome = await world.crawl(urls, *sites, Odd, CLOSESPIDER_TIMEOUT=1, EXTENSIONS=CLOSE_SPIDER)
    assert len(outcome.pages) == 3
    assert outcome.reason == ("finished" if kind == "fails" else "closespider_timeout")
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == (kind == "fails")

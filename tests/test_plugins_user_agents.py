"""Whole crawls with packages that choose a User-Agent, or a whole browser, for each request."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from scrapy import FormRequest
from small_world import challenge_page, page

if TYPE_CHECKING:
    from pathlib import Path

    from small_world import Answer, Asked, SmallWorld

pytestmark = [pytest.mark.plugins, pytest.mark.filterwarnings("ignore")]  # warnings of others are theirs

SITE = {"challenge_url": "/register", "accepted_css": "h1"}
AGENTS = [
    f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/{number}.0.0.0 Safari/537.36"
    for number in range(90, 130)
]


class Shop:
    """A site that ties challenges, and the session of its gate, to the User-Agent."""

    def __init__(self, world: SmallWorld, *, gate: bool = False, status: int = 403) -> None:
        self._world = world
        self._gate = gate
        self._status = status
        self._owners: dict[str, str] = {}
        self.agents: Counter[str] = Counter()
        world.route("/")(self.serve)

    def serve(self, asked: Asked) -> Answer:
        agent = asked.headers["user-agent"]
        self.agents[agent] += 1
        if asked.path == "/register":
            answer = self._world.geetest.register()
            self._owners[json.loads(answer.body)["challenge"]] = agent
            return answer
        owner = self._owners.get(asked.fields.get("geetest_challenge", ""))
        if self._world.geetest.takes(asked.fields) and owner == agent:
            self._owners["pass"] = agent
            return page("<h1>content</h1>", Set_Cookie="pass=1; Path=/")
        if self._gate and asked.cookies.get("pass") and self._owners["pass"] == agent:
            return page("<h1>content</h1>")
        return challenge_page(action="/page", register="/register", status=self._status)


def _settings(name: str, folder: Path, order: int = 400) -> dict[str, Any]:
    """As the README of the package has it, but for the order."""
    off = {"scrapy.downloadermiddlewares.useragent.UserAgentMiddleware": None}
    if name == "scrapy-user-agents":
        pytest.importorskip("scrapy_user_agents")
        file = folder / "agents.txt"  # a short one: each line of it is parsed at start
        file.write_text("\n".join(AGENTS))
        return {
            "RANDOM_UA_FILE": str(file),
            "DOWNLOADER_MIDDLEWARES": {**off, "scrapy_user_agents.middlewares.RandomUserAgentMiddleware": order},
        }
    if name == "scrapy-fake-useragent":
        pytest.importorskip("scrapy_fake_useragent")
        return {
            "FAKEUSERAGENT_PROVIDERS": ["scrapy_fake_useragent.providers.FakerProvider"],
            "DOWNLOADER_MIDDLEWARES": {
                **off,
                "scrapy.downloadermiddlewares.retry.RetryMiddleware": None,
                "scrapy_fake_useragent.middleware.RandomUserAgentMiddleware": order,
                "scrapy_fake_useragent.middleware.RetryUserAgentMiddleware": order + 1,
            },
        }
    pytest.importorskip("scrapy_impersonate")
    handler = "scrapy_impersonate.ImpersonateDownloadHandler"
    return {
        "USER_AGENT": None,
        "DOWNLOAD_HANDLERS": {"http": handler, "https": handler},
        "DOWNLOADER_MIDDLEWARES": {"scrapy_impersonate.RandomBrowserMiddleware": order},
    }


PACKAGES = ["scrapy-user-agents", "scrapy-fake-useragent", "scrapy-impersonate"]


def _pages(world: SmallWorld, count: int) -> list[str]:
    return [f"{world.site.url}/page?n={number}" for number in range(count)]


@pytest.mark.parametrize("status", [403, 503])
@pytest.mark.parametrize("name", PACKAGES)
async def test_an_attempt_keeps_what_it_was_begun_with(
    world: SmallWorld, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, status: int
) -> None:
    """Page, register request and form come from one browser, whether its page was met or its form is known to need it."""
    shop = Shop(world, status=status)
    known = FormRequest(f"{world.site.url}/page?n=9", formdata={"a": "b"}, meta={"geetest": True})
    outcome = await world.crawl([*_pages(world, 5), known], SITE, **_settings(name, tmp_path))
    assert outcome.texts("h1::text") == ["content"] * 6
    assert outcome.stats["accepted"] == len(world.tasks) == 6
    assert shop.agents.total() == 3 * 5 + 2
    assert len(shop.agents) > 1  # they were chosen at random
    assert caplog.messages == []


@pytest.mark.parametrize("name", PACKAGES)
async def test_a_session_of_several_browsers_is_warned_about(
    world: SmallWorld, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """A gate that is tied to the User-Agent is opened again for each; the log says why."""
    Shop(world, gate=True)
    settings = _settings(name, tmp_path)
    outcome = await world.crawl(_pages(world, 6), {**SITE, "mode": "gate"}, **settings, CONCURRENT_REQUESTS=1)
    assert outcome.texts("h1::text") == ["content"] * 6
    [line] = caplog.messages
    assert "is opened again, with the same cookie jar and another " in line
    assert ("browser (impersonate)" if name == "scrapy-impersonate" else "User-Agent") in line


@pytest.mark.parametrize("name", ["scrapy-user-agents", "scrapy-impersonate"])
async def test_a_browser_that_is_chosen_behind_the_plugin(
    world: SmallWorld, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """A header that was chosen once is kept; a browser is chosen again for each request, which is said at start."""
    Shop(world)
    known = FormRequest(f"{world.site.url}/page", formdata={"a": "b"}, meta={"geetest": True})
    outcome = await world.crawl([known], SITE, **_settings(name, tmp_path, order=1000 if "imp" in name else 700))
    if name == "scrapy-user-agents":
        assert outcome.texts("h1::text") == ["content"]
        assert (len(world.tasks), caplog.messages) == (1, [])
    else:
        assert "give RandomBrowserMiddleware an order below that of GeetestMiddleware" in caplog.messages[0]
        assert "like 400" in caplog.messages[0]
        assert "give the middleware that changes the browser (impersonate) an order below 585" in caplog.text

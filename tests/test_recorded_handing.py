"""Values of a page that a hook needs for a request that is solved before it is sent: the spider hands them on."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from crawl import items_of
from har_replay import pasted
from recorded_visits import (
    CHALLENGE,
    GEETEST_V3,
    GT,
    HOST,
    V4,
    WIDGET,
    answer,
    form,
    geetest,
    made_again,
    page,
    posted,
    told,
)
from scrapy import Spider
from small_world import KEY, Answer, Asked, data
from small_world import page as page_of

from scrapy_geetest import GeetestSite

if TYPE_CHECKING:
    from pathlib import Path

    from small_world import SmallWorld

pytestmark = pytest.mark.exhaustive
TOKEN = "cs-77a0b1c2d3"
HIDDEN = f'<form action="/verify" method="post"><input type="hidden" name="csrf" value="{TOKEN}"></form>'


@pytest.mark.parametrize("status", [200, 403])
@pytest.mark.parametrize("way", ["form", "json", "headers"])
async def test_a_verification_that_repeats_a_value_of_the_page(way: str, status: int, tmp_path: Path) -> None:
    """The wanted request is another one than the page's."""
    verified = {"data": {"ticket": "tk-1100aa22"}}
    sent = {
        "form": form("/verify", {"csrf": TOKEN, **V4}, verified),
        "json": posted("/verify", {"csrf": TOKEN, **V4}, verified),
        "headers": posted("/verify", V4, verified, headers=(("X-CSRF", TOKEN),)),
    }[way]
    said = await made_again(
        tmp_path,
        page("/x", HIDDEN + WIDGET, status),
        geetest(),
        sent,
        answer("/rows?ticket=tk-1100aa22", {"rows": [1]}),
    )
    assert said["verified_fields"] == {"data.ticket": "ticket"}
    assert 'request.meta["carried_' in said["declaration"]
    assert said["spider"].count('"carried_') == 1


@pytest.mark.parametrize("way", ["steps", "script", "form"])
def test_a_register_request_that_repeats_a_value_of_the_page(way: str) -> None:
    """v3: the challenge is asked for with a token of the page that the spider fetched."""
    register = answer("/register?" + urlencode({"csrf": TOKEN}), {"success": 1, "gt": GT, "challenge": CHALLENGE})
    last = {
        "steps": [
            form("/verify", GEETEST_V3, {"ticket": "tk-1100aa22"}),
            answer("/rows?ticket=tk-1100aa22", {"rows": [1]}),
        ],
        "script": [form("/send", {"q": "rope", **GEETEST_V3}, {"ok": 1})],
        "form": [form("/verify", {"csrf": TOKEN, "q": "rope", **GEETEST_V3}, {"ok": 1})],
    }[way]
    start = HIDDEN.replace("</form>", '<input name="q"></form>')
    said = told(page("/x", start), register, geetest(3), *last)
    assert '"csrf": request.meta["carried_csrf"]' in said["declaration"]
    assert "/register" in said["declaration"]
    assert 'meta={"geetest": True, "carried_csrf": response.css(' in said["spider"]
    assert '"..."' not in said["declaration"]


async def test_a_crawl_with_a_value_that_the_spider_hands_on(world: SmallWorld, tmp_path: Path) -> None:
    """One task; the verification gets the value of the page that the spider fetched, and the ticket goes on."""

    @world.route("/x")
    def start(_: Asked) -> Answer:
        return page_of(HIDDEN + WIDGET)

    @world.route("/verify")
    def verify(asked: Asked) -> Answer:
        taken = asked.fields.get("csrf") == TOKEN and world.geetest.takes(asked.fields)
        return data({"data": {"ticket": "tk-1100aa22" if taken else ""}})

    @world.route("/rows")
    def rows(asked: Asked) -> Answer:
        return data({"rows": [1]} if asked.query.get("ticket") == "tk-1100aa22" else {"code": -1})

    sent = form("/verify", {"csrf": TOKEN, **V4}, {"data": {"ticket": "tk-1100aa22"}})
    said = told(page("/x", HIDDEN + WIDGET), geetest(), sent, answer("/rows?ticket=tk-1100aa22", {"rows": [1]}))
    code, spider_code = (
        said[key].replace(HOST, world.site.url).replace("a.example", world.site.host)
        for key in ("declaration", "spider")
    )
    site = pasted(code, GeetestSite, tmp_path / "site.py")
    spider = pasted(spider_code, Spider, tmp_path / "spider.py")
    items = await items_of(spider, GEETEST_SITES=[site], GEETEST_API_KEY=KEY, GEETEST_API_URL=world.service.url)
    assert [item["answer"] for item in items] == [{"rows": [1]}]
    assert (len(world.tasks), world.count("POST", "/verify")) == (1, 1)

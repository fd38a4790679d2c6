"""Two-step sites: the solution goes to a verification, and what that answers goes into the request."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest
from small_world import challenge_page, data, page

if TYPE_CHECKING:
    from small_world import Answer, Asked, SmallWorld

WAYS = {"query": "token", "cookie": "cookie:token", "header": "header:X-Token"}


def _verifying(world: SmallWorld, granted: set[str], way: str, *, is_gate: bool) -> None:
    @world.route("/verify")
    def verify(asked: Asked) -> Answer:
        if not world.geetest.takes(asked.fields):
            return data({"code": -1, "data": {"token": ""}})
        granted.add(grant := secrets.token_hex(4))
        return data({"code": 0, "data": {"token": grant}})

    @world.route("/page")
    def view(asked: Asked) -> Answer:
        places = {"query": asked.query, "cookie": asked.cookies, "header": asked.headers}
        token = places[way].get("x-token" if way == "header" else "token")
        if token not in granted:
            return challenge_page()
        if not is_gate:
            granted.discard(token)
        return page(f"<h1>{asked.path}</h1>")


@pytest.mark.parametrize("mode", ["form", "gate"])
@pytest.mark.parametrize("way", WAYS)
async def test_what_a_verification_gives_goes_into_the_request(world: SmallWorld, way: str, mode: str) -> None:
    """For form sites each time, for gate sites once a session; the spider sees nothing of it."""
    _verifying(world, set(), way, is_gate=mode == "gate")
    site = {"mode": mode, "submit_as": "query", "verify_url": "/verify", "verified_fields": {"data.token": WAYS[way]}}
    urls = [f"{world.site.url}/page/{number}" for number in range(4)]
    outcome = await world.crawl(urls, site, CONCURRENT_REQUESTS=1, GEETEST_MAX_PARKED=0)
    assert sorted(outcome.texts("h1::text")) == [f"/page/{number}" for number in range(4)]
    assert [answer.url for answer in outcome.pages] == [
        answer.request.url for answer in outcome.pages if answer.request
    ]
    tasks = 1 if mode == "gate" else 4
    assert (len(world.tasks), outcome.stats["accepted"]) == (tasks, tasks)
    assert outcome.stats["shared"] == 4 - tasks


async def test_a_refused_verification_is_a_refused_solution(world: SmallWorld) -> None:
    """It is the site's own rule that says so."""
    _verifying(world, set(), "query", is_gate=False)
    world.wrong = True
    site: dict[str, Any] = {"submit_as": "query", "verify_url": "/verify", "verified_fields": {"data.token": "token"}}
    outcome = await world.crawl([f"{world.site.url}/page"], site, GEETEST_MAX_ATTEMPTS=2)
    assert "the verification gave no data.token" in str(outcome.errors[0])
    assert (outcome.stats["rejected"], outcome.stats["reported"], outcome.stats["accepted"]) == (2, 2, 0)


async def test_a_verification_that_the_site_takes_back_opens_the_gate_again(world: SmallWorld) -> None:
    """The value is refused from one page on: one more purchase."""
    granted: set[str] = set()
    _verifying(world, granted, "query", is_gate=True)

    @world.route("/page/2")
    def view(asked: Asked) -> Answer:
        if len(world.tasks) == 1:
            granted.clear()
        return page("<h1>/page/2</h1>") if asked.query.get("token") in granted else challenge_page()

    site = {"mode": "gate", "submit_as": "query", "verify_url": "/verify", "verified_fields": {"data.token": "token"}}
    urls = [f"{world.site.url}/page/{number}" for number in range(4)]
    outcome = await world.crawl(urls, site, CONCURRENT_REQUESTS=1, GEETEST_MAX_PARKED=0)
    assert sorted(outcome.texts("h1::text")) == [f"/page/{number}" for number in range(4)]
    assert len(world.tasks) == outcome.stats["accepted"] == 2


async def test_a_verification_elsewhere_is_refused_before_paying(world: SmallWorld) -> None:
    """A host that the site does not declare."""
    world.route("/page")(lambda _: challenge_page())
    site = {"submit_as": "query", "verify_url": "http://127.0.0.2:9/v", "verified_fields": {"token": "token"}}
    outcome = await world.crawl([f"{world.site.url}/page"], site)
    assert "does not belong to site" in str(outcome.errors[0])
    assert world.calls == []

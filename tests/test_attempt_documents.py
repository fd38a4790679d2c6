"""What belongs together comes from one document and one session; what comes without a purchase is delivered."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest
from small_world import challenge_page, data, failure, page

from scrapy_geetest import SubmissionError

if TYPE_CHECKING:
    from pathlib import Path

    from small_world import Answer, Asked, SmallWorld


async def test_challenge_and_token_come_from_one_view(world: SmallWorld) -> None:
    """Every view has a challenge and a token that belongs to it; one purchase does, and nothing is reported."""
    pairs: dict[str, str] = {}

    @world.route("/search")
    def view(_: Asked) -> Answer:
        challenge, token = world.geetest.issue(), secrets.token_hex(4)
        pairs[token] = challenge
        return challenge_page("/pass", inside=f'<input type="hidden" name="t" value="{token}">', challenge=challenge)

    @world.route("/pass")
    def submitted(asked: Asked) -> Answer:
        fields = asked.fields
        is_right = world.geetest.takes(fields) and pairs.get(fields["t"]) == fields["geetest_challenge"]
        return page("<h1>flats</h1>") if is_right else view(asked) or page("")

    outcome = await world.crawl([f"{world.site.url}/search?q=1"])
    assert outcome.texts("h1::text") == ["flats"]
    assert len(world.tasks) == 1
    assert world.reports == []


async def test_nothing_is_bought_where_nobody_knows_the_way(world: SmallWorld) -> None:
    """A page without a form: an error that names the ways out."""
    world.route("/")(lambda _: challenge_page(challenge=world.geetest.issue()))
    outcome = await world.crawl([world.site.url])
    [error] = outcome.errors
    assert isinstance(error, SubmissionError)
    assert "submit_as" in str(error)
    assert "geetest=False" in str(error)
    assert "submit_request" in str(error)
    assert world.tasks == []


@pytest.mark.parametrize("mode", ["form", "gate"])
async def test_content_that_comes_with_a_fresh_page_is_delivered(world: SmallWorld, mode: str) -> None:
    """The site shows its CAPTCHA once, and the first task of each page fails."""
    seen: set[str] = set()
    world.first = lambda method, _: failure("ERROR_CAPTCHA_UNSOLVABLE") if method == "getTaskResult" else None

    @world.route("/page")
    def view(asked: Asked) -> Answer:
        if asked.path in seen:
            return page("<h1>content</h1>")
        seen.add(asked.path)
        return challenge_page(asked.path, challenge=world.geetest.issue())

    outcome = await world.crawl([f"{world.site.url}/page/{n}" for n in range(3)], {"mode": mode})
    assert outcome.texts("h1::text") == ["content"] * 3
    assert outcome.stats["accepted"] == outcome.stats["tasks_solved"] == 0
    assert outcome.stats["tasks_failed/ERROR_CAPTCHA_UNSOLVABLE"] == len(world.tasks) <= 3


async def test_a_crowd_of_first_requests_costs_a_gate_one_purchase(world: SmallWorld) -> None:
    """Each of the first eight requests got a session of its own; the jar holds the last of them."""
    opened: set[str] = set()

    @world.route("/")
    def view(asked: Asked) -> Answer:
        session = asked.cookies.get("sid") or secrets.token_hex(4)
        own = f"sid={session}; Path=/"
        if asked.method == "POST" and asked.fields["s"] == session and world.geetest.takes(asked.fields):
            opened.add(session)
            return page("thanks", Set_Cookie=own)
        if session in opened:
            return page("<h1>content</h1>", Set_Cookie=own)
        shown = challenge_page("/open", inside=f'<input type="hidden" name="s" value="{session}">')
        return type(shown)(shown.body, shown.status, headers={"Set-Cookie": own}, seconds=0.2)

    outcome = await world.crawl([f"{world.site.url}/{n}" for n in range(8)], {"mode": "gate"})
    assert outcome.texts("h1::text") == ["content"] * 8
    assert len(world.tasks) == 1
    assert outcome.stats["accepted"] == 1
    assert outcome.stats["shared"] == 7


async def test_a_replayed_challenge_page_is_fetched_again(world: SmallWorld, tmp_path: Path) -> None:
    """What Scrapy's cache stored before the plugin was there is no page of today."""
    challenges: list[str] = []

    @world.route("/")
    def view(asked: Asked) -> Answer:
        if asked.method == "POST":
            return page("<h1>content</h1>") if asked.fields["geetest_challenge"] == challenges[-1] else page("old")
        challenges.append(world.geetest.issue())
        return challenge_page("/", challenge=challenges[-1])

    cache = {"HTTPCACHE_ENABLED": True, "HTTPCACHE_DIR": str(tmp_path)}
    await world.crawl([world.site.url], GEETEST_ENABLED=False, **cache)
    outcome = await world.crawl([world.site.url], **cache)
    assert outcome.texts("h1::text") == ["content"]
    assert [task.json["challenge"] for task in world.tasks] == challenges[1:]


async def test_a_withheld_post_is_asked_again_for_its_next_challenge(world: SmallWorld) -> None:
    """Its answer renders the challenge; a second one comes from the same request, never from a GET of its address."""
    wrong = iter((True, False))

    def answer(asked: Asked) -> Answer:
        if "geetest_validate" in asked.fields:
            return data({"items": [1]}) if world.geetest.takes(asked.fields) else data({"need": True}, 403)
        return challenge_page(challenge=world.geetest.issue())

    world.route("/api")(answer)

    def service(method: str, _: dict[str, Any]) -> None:
        if method == "createTask":
            world.wrong = next(wrong)

    world.first = service
    from scrapy import FormRequest

    wanted = [FormRequest(f"{world.site.url}/api", formdata={"q": "1"})]
    outcome = await world.crawl(wanted, {"refused_jmespath": "need", "accepted_jmespath": "items"})
    assert [answer.json() for answer in outcome.pages] == [{"items": [1]}]
    assert world.count("GET", "/") == 0
    assert (outcome.stats["rejected"], outcome.stats["accepted"], outcome.stats["reported"]) == (1, 1, 1)

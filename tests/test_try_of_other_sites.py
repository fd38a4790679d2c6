"""``scrapy geetest try`` at sites of other kinds: two steps, headers, multipart forms, hooks that fail."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from attempt_trial import attempt
from scrapy.http import JsonRequest
from small_world import challenge_page, data, page, redirect

from scrapy_geetest import ChallengeNotNeeded, GeetestSite
from scrapy_geetest.commands.trial.endings import Ending
from scrapy_geetest.commands.trial.question import Consent

if TYPE_CHECKING:
    from pathlib import Path

    from scrapy import Request
    from scrapy.http import Response
    from small_world import Answer, Asked, SmallWorld

    from scrapy_geetest.challenge import Solution


def _here(world: SmallWorld, **attributes: Any) -> dict[str, Any]:
    return {"name": "here", "urls": [world.site.host], **attributes}


async def test_two_steps(world: SmallWorld) -> None:
    """Both requests are told; what the verification gave is not shown as a whole."""
    granted: list[str] = []

    @world.route("/verify")
    def verify(asked: Asked) -> Answer:
        assert world.geetest.takes(asked.fields)
        granted.append(secrets.token_urlsafe(9))
        return data({"code": 0, "data": {"token": granted[-1]}})

    @world.route("/page")
    def view(asked: Asked) -> Answer:
        return page("<h1>in</h1>") if asked.query.get("token") in granted else challenge_page()

    site = _here(world, submit_as="query", verify_url="/verify", verified_fields={"data.token": "token"})
    tried = await attempt(world, "/page", site)
    assert (tried.ending, tried.steps.count("request"), tried.steps.count("answer")) == (Ending.ACCEPTED, 2, 2)
    assert granted[0] not in f"{tried.text}{tried.told}"
    assert "data.token = " in tried.step("answer")["text"][0]
    assert "beside: token" in tried.text


async def test_headers(world: SmallWorld) -> None:
    """Fields that are headers are told as such."""

    @world.route("/api")
    def api(asked: Asked) -> Answer:
        return (
            data({"found": 1})
            if "geetest_challenge" in asked.headers or "lot_number" in asked.headers
            else challenge_page()
        )

    tried = await attempt(world, "/api", _here(world, submit_as="headers"))
    assert tried.ending is Ending.ACCEPTED
    assert {name.lower() for name in tried.step("request")["fields"]} >= {"lot_number", "pass_token"}
    assert "header lot_number = " in tried.text.lower()


async def test_a_multipart_form(world: SmallWorld) -> None:
    """Its fields are found; values that are no part of the solution are not shown."""

    @world.route("/page")
    def view(asked: Asked) -> Answer:
        if asked.method == "POST":
            return page("<h1>thanks</h1>", 500)
        csrf = (
            '<input type="hidden" name="csrf" value="c5d1e8a0f3"><button formenctype="multipart/form-data">Go</button>'
        )
        return challenge_page("/page", inside=csrf)

    tried = await attempt(world, "/page", _here(world))
    assert (tried.ending, tried.step("answer")["status"]) == (Ending.UNVERIFIED, 500)
    assert "lot_number" in tried.step("request")["fields"]
    assert tried.step("request")["other_fields"] == ["csrf"]
    assert "c5d1e8a0f3" not in tried.text


async def test_a_json_answer_that_shows_nothing(world: SmallWorld) -> None:
    """Its keys are named beside the attributes that are missing; tokens in it are shortened."""
    token = "4b1d" * 10
    world.route("/api")(lambda _: data({"list": [1, 2], "session_token": token}))
    site = _here(world, captcha_id="c" * 32)
    request = JsonRequest(f"{world.site.url}/api", data={"page": 1}, meta={"geetest": True}, dont_filter=True)
    tried = await attempt(world, request, site)
    assert (tried.ending, tried.steps[0]) == (Ending.UNVERIFIED, "challenge")
    assert tried.told["advice"][1:] == [
        "the keys list, session_token",
        '    accepted_jmespath = "..."',
        '    refused_jmespath = "..."',
    ]
    assert "list = [2], session_token = 4b1d4b…" in tried.text
    assert token not in f"{tried.text}{tried.told}"


class Failing(GeetestSite):
    """Its hooks say yes, and then fail."""

    urls = ("127.0.0.1",)

    def is_challenge(self, response: Response) -> bool:
        return b"captcha" in response.body

    def submit_request(self, request: Request, response: Response | None, solution: Solution) -> Request:
        raise KeyError("csrf", request, response, solution)


async def test_a_hook_that_fails_after_the_purchase(world: SmallWorld) -> None:
    """It is said that the solution was paid for and never sent."""
    world.route("/page")(lambda _: challenge_page())
    tried = await attempt(world, "/page", Failing)
    assert (tried.ending, tried.told["tasks"]) == (Ending.INCOMPLETE, 1)
    assert "KeyError: ('csrf'" in tried.told["why"]
    assert "1 task, cost 0.000600; it was never sent" in tried.text
    assert "is_challenge of site Failing: the hook's own decision" in tried.text


async def test_an_error_page_that_is_no_challenge_page(world: SmallWorld) -> None:
    """Scrapy keeps it from callbacks; it is told all the same."""
    world.route("/page")(lambda _: page("<p>gone</p>", 410))
    tried = await attempt(world, "/page", _here(world))
    assert (tried.ending, tried.step("page")["status"]) == (Ending.NOT_WITHHELD, 410)


async def test_no_answer_to_the_solution(world: SmallWorld) -> None:
    """It was sent: nobody knows whether the site took it."""

    @world.route("/page")
    def view(asked: Asked) -> Answer:
        if asked.method == "POST":
            return redirect("http://127.0.0.1:1/")
        return challenge_page("/page")

    tried = await attempt(world, "/page", _here(world), RETRY_ENABLED=False)
    assert (tried.ending, tried.told["tasks"]) == (Ending.UNVERIFIED, 1)
    assert tried.told["why"].startswith("no answer: The solution of task ")


async def test_what_a_site_sends_does_not_steer_the_terminal(world: SmallWorld) -> None:
    """Control characters are replaced."""
    world.route("/api")(lambda _: data({"message": "\x1b[2Jgone", "need": True}, 403))
    tried = await attempt(world, "/api", _here(world, detect_jmespath="nothing"))
    assert tried.ending is Ending.NOT_WITHHELD
    assert "\x1b" not in tried.text
    assert "message = \N{REPLACEMENT CHARACTER}[2Jgone" in tried.text


async def test_a_page_from_a_cache(world: SmallWorld, tmp_path: Path) -> None:
    """It is said, and the challenge comes from a fresh one."""
    world.route("/page")(lambda asked: page("<h1>in</h1>") if asked.method == "POST" else challenge_page("/page"))
    cache: dict[str, Any] = {"HTTPCACHE_ENABLED": True, "HTTPCACHE_DIR": str(tmp_path)}
    declined = await attempt(world, "/page", _here(world), consent=Consent(given=False, ask=None), **cache)
    assert declined.steps[:2] == ["page", "withheld"]
    tried = await attempt(world, "/page", _here(world), **cache)
    assert tried.steps[:4] == ["page", "withheld", "page again", "challenge"]
    assert "it came from a cache" in tried.text


class NotNeeding(GeetestSite):
    """A site that wants no CAPTCHA this time."""

    urls = ("127.0.0.1",)

    def challenge_request(self, request: Request, response: Response | None) -> Request:
        raise ChallengeNotNeeded(f"not for {request} after {response}")


async def test_no_captcha_is_wanted(world: SmallWorld) -> None:
    """Nothing is bought, and the request is sent as it is."""
    world.route("/api")(lambda _: data({"list": []}))
    request = JsonRequest(f"{world.site.url}/api", data={"page": 1}, meta={"geetest": True}, dont_filter=True)
    tried = await attempt(world, request, NotNeeding)
    assert (tried.ending, tried.steps) == (Ending.NOT_WITHHELD, ["request", "answer", "verdict", "bought"])
    assert tried.told["why"] == "the site gave the page without a CAPTCHA this time"

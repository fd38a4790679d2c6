"""Verdicts are evidence: accepted is counted only where something shows it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from crawl import all_stats, without_times
from scrapy import FormRequest
from small_world import Answer, challenge_page, data, page, redirect

if TYPE_CHECKING:
    from small_world import Asked, SmallWorld

REFUSALS = {
    "status": data({"status": "fail"}),
    "login": data({"login": "fail"}),
    "result": data({"result": False}),
    "success": data({"success": 0, "info": "验证码错误"}),
    "code": data({"code": -1, "msg": "captcha"}),
    "message": data({"code": 0, "data": {"msg": "verification failed"}}),
    "400": data({"error": "captcha"}, 400),
    "429": Answer("slow down", 429, "text/plain"),
    "plain": Answer("fail", 200, "text/plain"),
    "false": Answer("false", 200, "text/html"),
    "elsewhere": redirect("/login?error=captcha"),
}


def _always(answer: Answer, _: Asked) -> Answer:
    return answer


def _site(world: SmallWorld, refusal: Answer) -> None:
    world.route("/login")(lambda _: page("please log in"))

    @world.route("/page")
    def answer(asked: Asked) -> Answer:
        if asked.method == "GET":
            return challenge_page(asked.path)
        return data({"status": "success", "rows": [1]}) if world.geetest.takes(asked.fields) else refusal


@pytest.mark.parametrize("way", ["known form", "form of the page"])
@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_refusal_in_any_words_is_not_accepted(world: SmallWorld, refusal: str, way: str) -> None:
    """It reaches the callback, flagged, costs one task, is quoted in a warning, and nobody is told that it was wrong."""
    _site(world, REFUSALS[refusal])
    world.wrong = True
    url = f"{world.site.url}/page"
    wanted = FormRequest(url, formdata={"u": "a"}, meta={"geetest": True})
    outcome = await world.crawl([wanted if way == "known form" else url], RETRY_ENABLED=False)
    [answer] = outcome.pages
    assert "geetest-unverified" in answer.flags
    seen = int(way != "known form")
    assert without_times(outcome) == all_stats(
        detected=seen,
        detected__v4=seen,
        challenges_fetched=1,
        tasks_created=1,
        tasks_solved=1,
        polls=1,
        cost_millionths=600,
        unverified=1,
        parked_max=1,
    )
    assert world.reports == []


async def test_the_words_of_the_answer_are_told(world: SmallWorld, caplog: pytest.LogCaptureFixture) -> None:
    """Those that were not on the page before, with status and address, and first of all what to declare; then a count."""
    _site(world, page("<p>verification failed, code 7</p>"))
    world.wrong = True
    await world.crawl([f"{world.site.url}/page?n={n}" for n in range(2)])
    told, counted = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "verification failed, code 7" in told
    assert "status 200" in told
    assert told.startswith("GeeTest: declare accepted_… or refused_… of site here: it is not known whether")
    assert counted == (
        "GeeTest: and 1 more: the site here shows neither acceptance nor refusal, in answers that read like a failure"
    )


async def test_a_right_solution_at_the_pages_own_address_is_accepted(world: SmallWorld) -> None:
    """It was withheld there, and now is not."""
    _site(world, page("no"))
    outcome = await world.crawl([f"{world.site.url}/page"])
    assert outcome.stats["accepted"] == 1
    assert outcome.pages[0].flags == []


@pytest.mark.parametrize("status", [200, 401])
@pytest.mark.parametrize("rule", [{}, {"accepted_re": "wrong password"}])
async def test_a_wrong_password_is_no_refusal(world: SmallWorld, rule: dict[str, Any], status: int) -> None:
    """The login page, widget included, comes back: one purchase, whatever its status is."""

    @world.route("/login")
    def login(asked: Asked) -> Answer:
        told = "wrong password" if world.geetest.takes(asked.fields) else "captcha wrong"
        fields = '<input name="user"><input type="password" name="password">'
        return challenge_page("/login", inside=fields, beside=f"<p>{told}</p>", status=status)

    form = FormRequest(f"{world.site.url}/login", formdata={"user": "a", "password": "b"}, meta={"geetest": True})
    outcome = await world.crawl([form], rule)
    assert "wrong password" in outcome.pages[0].text
    assert len(world.tasks) == 1
    assert outcome.stats["rejected"] == 0
    assert outcome.stats["accepted"] == len(rule)
    assert world.reports == []


async def test_the_sites_rules_come_before_everything_else(world: SmallWorld) -> None:
    """``refused_…`` counts before ``accepted_…``, and is what may be reported."""
    _site(world, data({"status": "fail"}))
    world.wrong = True
    rules = {"refused_jmespath": "status == 'fail'", "accepted_re": "status"}
    outcome = await world.crawl([f"{world.site.url}/page"], rules, GEETEST_MAX_ATTEMPTS=2)
    assert (outcome.stats["rejected"], outcome.stats["reported"], len(world.tasks)) == (2, 2, 2)
    assert "refused_jmespath" in str(outcome.errors[0])
    assert "(docs: reference/messages): 2 solutions were bought" in str(outcome.errors[0])


async def test_a_page_that_only_carries_a_widget_is_left_alone(
    world: SmallWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """An article, a login page, a list of results: untouched, and once a site it is said what to send."""
    caplog.set_level("INFO")
    article = "<p>One long paragraph that the spider came for.</p>" * 20
    bodies = {
        "/article": ("/comment", '<textarea name="comment"></textarea>', article),
        "/login": ("/login", '<input name="user"><input type="password" name="password">', ""),
        "/results": ("/search", '<input name="q" value="x">', "<ul><li>1 EUR</li></ul>"),
        "/gallery": ("/like", "", '<a href="/1"><img src="1.png"></a>' * 20),
    }
    for path, (action, inside, beside) in bodies.items():
        world.route(path)(partial(_always, challenge_page(action, inside=inside, beside=beside, status=200)))
    outcome = await world.crawl([world.site.url + path for path in bodies])
    assert len(outcome.pages) == len(bodies)
    assert not any(answer.flags for answer in outcome.pages)
    assert world.tasks == []
    assert all(asked.method == "GET" for asked in world.site.asked)
    lines = [record.getMessage() for record in caplog.records if "only carries" in record.getMessage()]
    assert len(lines) == 1
    assert "geetest=True" in lines[0]


async def test_a_gate_takes_nothing_but_its_page_for_acceptance(world: SmallWorld) -> None:
    """It answers 429 or "thanks", whatever the solution was; whether the withheld page comes is the evidence."""
    opened: list[bool] = []

    @world.route("/")
    def answer(asked: Asked) -> Answer:
        if asked.method == "POST":
            opened.extend([True] * world.geetest.takes(asked.fields))
            return page("thanks")
        return page("<h1>content</h1>") if opened else challenge_page("/open")

    world.wrong = True
    refused = await world.crawl([world.site.url], {"mode": "gate"})
    assert (refused.stats["accepted"], refused.stats["rejected"]) == (0, 3)
    assert refused.pages == []
    world.wrong = False
    outcome = await world.crawl([world.site.url], {"mode": "gate"})
    assert outcome.texts("h1::text") == ["content"]
    assert (outcome.stats["accepted"], outcome.stats["tasks_created"]) == (1, 1)


async def test_a_gate_that_answers_with_an_error_is_unverified_and_not_bought_again(world: SmallWorld) -> None:
    """Three requests wait for it: one purchase, three errors that tell what came."""

    @world.route("/")
    def answer(asked: Asked) -> Answer:
        return Answer("slow down", 429, "text/plain") if asked.method == "POST" else challenge_page("/open")

    urls = [f"{world.site.url}/{n}" for n in range(3)]
    outcome = await world.crawl(urls, {"mode": "gate"}, RETRY_ENABLED=False)
    assert len(outcome.errors) == 3
    assert len(world.tasks) == outcome.stats["unverified"] == 1
    assert outcome.stats["accepted"] == outcome.stats["rejected"] == 0


async def test_a_failure_after_the_submission_keeps_the_books(world: SmallWorld) -> None:
    """A 503 that Retry cannot mend is unverified, a connection that breaks down too; the solution goes out once more each."""

    @world.route("/")
    def answer(asked: Asked) -> Answer | None:
        if asked.method == "GET":
            return challenge_page(asked.path)
        return page("<h1>503</h1>", 503) if asked.path == "/busy" else None

    outcome = await world.crawl([f"{world.site.url}/busy", f"{world.site.url}/gone"])
    assert [answer.status for answer in outcome.pages] == [503]
    assert [type(error).__name__ for error in outcome.errors] == ["SubmissionError"]
    assert "was sent" in str(outcome.errors[0])
    assert outcome.stats["unverified"] == outcome.stats["tasks_solved"] == 2
    assert world.count("POST", "/busy") == world.count("POST", "/gone") == 2

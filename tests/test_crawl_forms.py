"""Whole crawls of form sites, over real sockets: what reaches the spider, what it cost, what the site saw."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from crawl import all_stats, without_times
from form2request import form2request
from sandbox_crawl import (
    PRICE,
    api_site,
    crawl_sandbox,
    host,
    items,
    login_site,
    nested_site,
    searches,
)
from scrapy import FormRequest, Request
from scrapy.http import TextResponse

from scrapy_geetest import ChallengeError, GeetestSite, SolutionRejected, SolveError, SubmissionError, signals

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crawl import RecordingSpider
    from scrapy.http import Response

    from scrapy_geetest.sandbox import Sandbox


@pytest.mark.parametrize("solve_first", [True, None], ids=["solve-first", "react"])
async def test_v3_login_form(sandbox: Sandbox, solve_first: bool | None) -> None:  # noqa: FBT001  # a parameter
    """A login with session cookie and CSRF field gets through once, whether it is known to need a solution or not."""

    def wanted(spider: RecordingSpider) -> Iterable[Request]:
        def log_in(response: Response) -> Request:
            form = form2request(response.css("form"), {"user": "ann", "password": "sandbox"}, click=False)
            meta = {"geetest": True} if solve_first else {}
            request: Request = form.to_scrapy(spider.parse, errback=spider.failed, meta=meta, cb_kwargs={"n": 1})
            return request

        yield Request(f"{sandbox.url}/v3/login", callback=log_in, meta={"geetest": False})

    outcome = await crawl_sandbox(sandbox, wanted, login_site(sandbox))
    assert outcome.errors == []
    assert outcome.texts(".user::text") == ["ann"]
    assert outcome.kwargs == [{"n": 1}]
    assert "_geetest" not in outcome.pages[0].meta
    seen = 0 if solve_first else 1
    assert without_times(outcome) == all_stats(
        detected=seen,
        detected__v3=seen,
        challenges_fetched=1,
        tasks_created=1,
        tasks_solved=1,
        polls=1,
        cost_millionths=PRICE,
        accepted=1,
        parked_max=1,
    ) | {"detected/v3": seen}
    assert sandbox.books()["submissions"]["v3-login"]["accepted"] == 1


async def test_v3_page_form_every_request_needs_its_own(sandbox: Sandbox) -> None:
    """The challenge page's own form is submitted, hidden inputs kept; all else of each request survives."""
    kwargs: dict[str, Any] = {"meta": {"m": [1]}, "flags": ["f"], "headers": {"X-Mine": "1"}, "priority": 3}
    outcome = await crawl_sandbox(
        sandbox, searches(sandbox, "rope", "oar", cb_kwargs={"n": 2}, **kwargs), login_site(sandbox)
    )
    assert sorted(outcome.texts(".query::text")) == ["oar", "rope"]
    assert outcome.kwargs == [{"n": 2}, {"n": 2}]
    for page in outcome.pages:
        assert page.request is not None
        assert page.request.headers[b"X-Mine"] == b"1"
        assert page.meta["m"] == [1]
        assert page.request.flags == ["f"]
        assert page.request.url.startswith(f"{sandbox.url}/v3/search?q=")
    assert without_times(outcome) == all_stats(
        detected=2,
        detected__v3=2,
        challenges_fetched=2,
        tasks_created=2,
        tasks_solved=2,
        polls=2,
        cost_millionths=2 * PRICE,
        accepted=2,
        parked_max=2,
    )
    assert outcome.reason == "finished"


async def test_v3_nested_register_answer_with_a_token_posted_back(sandbox: Sandbox) -> None:
    """The register answer is found wherever it is, and a further value of it goes back with the form."""
    site = nested_site(sandbox, challenge_url="/nested/captcha?t={timestamp}")
    request = FormRequest(f"{sandbox.url}/nested/login", formdata={"username": "bo", "password": "x"})
    outcome = await crawl_sandbox(sandbox, lambda _: [request], site)
    assert outcome.texts(".user::text") == ["bo"]
    assert without_times(outcome) == all_stats(
        detected=1,
        detected__v3=1,
        challenges_fetched=1,
        tasks_created=1,
        tasks_solved=1,
        polls=1,
        cost_millionths=PRICE,
        accepted=1,
        parked_max=1,
    )


async def test_v4_json_api_with_nested_names(sandbox: Sandbox) -> None:
    """Every page of the API gets its five values where the site wants them."""
    outcome = await crawl_sandbox(sandbox, items(sandbox, 1, 2, 3), api_site(sandbox))
    assert sorted(page.json()["page"] for page in outcome.pages) == [1, 2, 3]
    assert without_times(outcome) == all_stats(
        detected=3,
        detected__v4=3,
        challenges_fetched=3,
        tasks_created=3,
        tasks_solved=3,
        polls=3,
        cost_millionths=3 * PRICE,
        accepted=3,
        parked_max=3,
    )
    assert all(check["result"] == "success" for check in sandbox.books()["v4_validates"])


async def test_v4_page_form(sandbox: Sandbox) -> None:
    """The id and the risk type are read from the page; its inputs are kept."""
    site = {"name": "form", "urls": [f"{host(sandbox)}/v4/form"], "accepted_css": ".keyword"}

    def wanted(spider: RecordingSpider) -> Iterable[Request]:
        def send(response: Response) -> Request:
            form = form2request(response.css("form"), click=False)
            request: Request = form.to_scrapy(spider.parse, errback=spider.failed, meta={"geetest": True})
            return request

        yield Request(f"{sandbox.url}/v4/form?keyword=rope", callback=send)

    outcome = await crawl_sandbox(sandbox, wanted, site)
    assert outcome.texts(".keyword::text") + outcome.texts(".town::text") == ["rope", "Wick"]
    assert sandbox.books()["tasks"][0]["task"]["initParameters"] == {"riskType": "slide"}
    assert without_times(outcome) == all_stats(
        challenges_fetched=1,
        tasks_created=1,
        tasks_solved=1,
        polls=1,
        cost_millionths=PRICE,
        accepted=1,
        parked_max=1,
    )


async def test_jsonp_query_and_headers_and_inline_challenges(sandbox: Sandbox) -> None:
    """The rarer ways: JSONP and a query, headers, and a challenge that the server renders into the page."""
    at = host(sandbox)
    plain = {"challenge": "challenge", "validate": "validate", "seccode": "seccode"}
    headers = {
        "captcha_id": None,
        "lot_number": "x-captcha-lot-number",
        "pass_token": "x-captcha-pass-token",
        "gen_time": "x-captcha-gen-time",
        "captcha_output": "x-captcha-output",
    }
    sites = [
        {
            "name": "jsonp",
            "urls": [f"{at}/jsonp"],
            "challenge_url": "/jsonp/register?callback=cb",
            "field_names": plain,
            "submit_as": "query",
        },
        {"name": "headers", "urls": [f"{at}/headers"], "submit_as": "headers", "field_names": headers},
        {"name": "inline", "urls": [f"{at}/inline"], "accepted_re": "tide tables"},
    ]
    urls = ("/jsonp/data?id=7", "/headers/data/8", "/inline/article/9")
    outcome = await crawl_sandbox(sandbox, lambda _: [Request(sandbox.url + url) for url in urls], *sites)
    assert outcome.errors == []
    answers = {page.url.removeprefix(sandbox.url).partition("?")[0]: page for page in outcome.pages}
    assert answers["/jsonp/data"].json()["id"] == "7"
    assert answers["/headers/data/8"].json()["id"] == 8
    assert "tide tables of 9" in answers["/inline/verify"].text
    assert outcome.stats["accepted"] == outcome.stats["tasks_created"] == 3


async def test_wrong_answer_then_right_answer(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """A refused solution is reported, and the next attempt has a fresh challenge and the page's new form."""
    sandbox.reset(solve_seconds=0.1, wrong=1)
    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), login_site(sandbox))
    assert outcome.texts(".query::text") == ["rope"]
    assert without_times(outcome) == all_stats(
        detected=1,
        detected__v3=1,
        challenges_fetched=2,
        tasks_created=2,
        tasks_solved=2,
        polls=2,
        cost_millionths=2 * PRICE,
        rejected=1,
        reported=1,
        accepted=1,
        parked_max=1,
    )
    books = sandbox.books()
    assert books["reports"] == [books["tasks"][0]["id"]]
    assert len({task["task"]["challenge"] for task in books["tasks"]}) == 2
    assert "the site refused the solution of task" in caplog.text


async def test_always_wrong_gives_up_after_the_attempts_allowed(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Exactly ``GEETEST_MAX_ATTEMPTS`` tasks, then one error in the errback and one line in the log."""
    sandbox.reset(solve_seconds=0.1, wrong="always")
    outcome = await crawl_sandbox(sandbox, items(sandbox, 1), api_site(sandbox), GEETEST_MAX_ATTEMPTS=3)
    assert outcome.pages == []
    [error] = outcome.errors
    assert isinstance(error, SolutionRejected)
    assert (error.site.name, json.loads(error.request.body)) == ("api", {"page": 1})
    assert error.response is not None
    assert error.response.status == 403
    assert without_times(outcome) == all_stats(
        detected=1,
        detected__v4=1,
        challenges_fetched=3,
        tasks_created=3,
        tasks_solved=3,
        polls=3,
        cost_millionths=3 * PRICE,
        rejected=3,
        reported=3,
        parked_max=1,
        gave_up=1,
        gave_up__rejected=1,
    )
    assert sandbox.books()["created"]["total"] == 3
    assert caplog.text.count("gave up") == 1
    assert "GEETEST_MAX_ATTEMPTS" in caplog.text


async def test_refusals_are_not_reported_where_that_is_turned_off(sandbox: Sandbox) -> None:
    """``GEETEST_REPORT_REJECTED = False``."""
    sandbox.reset(solve_seconds=0.1, wrong=1)
    outcome = await crawl_sandbox(sandbox, items(sandbox, 1), api_site(sandbox), GEETEST_REPORT_REJECTED=False)
    assert (outcome.stats["rejected"], outcome.stats["reported"], sandbox.books()["reports"]) == (1, 0, [])


async def test_an_offline_challenge_is_never_bought(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """``"success": 0``: registered again later, and given up without a task."""
    monkeypatch.setattr("scrapy_geetest._attempt.tries.CHALLENGE_PAUSE", 0.01)
    sandbox.reset(solve_seconds=0.1, offline="always")
    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), login_site(sandbox))
    [error] = outcome.errors
    assert isinstance(error, ChallengeError)
    assert without_times(outcome) == all_stats(
        detected=1, detected__v3=1, parked_max=1, gave_up=1, gave_up__challenge=1
    )
    assert sandbox.books()["created"]["total"] == 0


async def test_an_offline_challenge_is_registered_again(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """GeeTest was unreachable for a moment: the page is not lost."""
    monkeypatch.setattr("scrapy_geetest._attempt.tries.CHALLENGE_PAUSE", 0.01)
    sandbox.reset(solve_seconds=0.1, offline=2)
    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), login_site(sandbox))
    assert outcome.texts(".query::text") == ["rope"]
    assert (outcome.stats["challenges_fetched"], outcome.stats["tasks_created"]) == (1, 1)


async def test_register_endpoint_down(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Scrapy's own retries serve the register request, too; then the request is given up and nothing was bought."""
    sandbox.reset(solve_seconds=0.1, faults={"register": ["http-500", "..."]})
    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), login_site(sandbox))
    [error] = outcome.errors
    assert isinstance(error, ChallengeError)
    assert "500" in str(error)
    assert outcome.all_stats["retry/count"] == 1
    assert without_times(outcome) == all_stats(
        detected=1, detected__v3=1, parked_max=1, gave_up=1, gave_up__challenge=1
    )
    assert "Traceback" not in caplog.text


async def test_geetest_false_leaves_the_page_alone(sandbox: Sandbox) -> None:
    """The challenge page reaches the callback, and nothing is counted."""
    wanted = searches(sandbox, "rope", meta={"geetest": False, "handle_httpstatus_list": [403]})
    outcome = await crawl_sandbox(sandbox, wanted, login_site(sandbox))
    assert [page.status for page in outcome.pages] == [403]
    assert outcome.stats == all_stats()


async def test_geetest_true_of_an_undeclared_site(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """It is sent as it is, said once a host, and its challenge page counted as undeclared."""
    wanted = searches(sandbox, "rope", "oar", meta={"geetest": True, "handle_httpstatus_list": [403]})
    outcome = await crawl_sandbox(sandbox, wanted, api_site(sandbox))
    assert [page.status for page in outcome.pages] == [403, 403]
    assert outcome.stats == all_stats(undeclared=2)
    assert caplog.text.count("no site in GEETEST_SITES matches its URL") == 1


async def test_undeclared_challenge_pages_are_logged_once_a_host(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Counted each time; the log says what was seen and how to look closer."""
    wanted = searches(sandbox, "rope", "oar", meta={"handle_httpstatus_list": [403]})
    outcome = await crawl_sandbox(sandbox, wanted, api_site(sandbox))
    assert outcome.stats == all_stats(undeclared=2)
    assert caplog.text.count("carries a GeeTest v3 widget") == 1
    assert "scrapy geetest inspect" in caplog.text


@pytest.mark.parametrize("status", [(), (200,)])
async def test_a_rule_with_a_slip_in_it_is_told(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture, status: tuple[int, ...]
) -> None:
    """A page with a widget that the rules of its site do not match: once a site, and left alone."""
    wanted = searches(sandbox, "rope", "oar", meta={"handle_httpstatus_list": [403]})
    site = {"urls": [host(sandbox)], "detect_css": "#captcha-hold", "detect_status": status}
    outcome = await crawl_sandbox(sandbox, wanted, {**site, "name": "search"})
    assert [page.status for page in outcome.pages] == [403, 403]
    assert outcome.stats == all_stats()
    [told] = [record for record in caplog.records if "carries a GeeTest v3 widget" in record.getMessage()]
    assert told.levelname == "WARNING"
    assert 'scrapy geetest inspect --site search "' in told.getMessage()


async def test_a_rule_that_matches_content_is_told(sandbox: Sandbox) -> None:
    """The error names the rule by which the page wanted was taken for a challenge page again."""
    site = {**login_site(sandbox), "urls": [sandbox.url.partition("://")[2]], "detect_css": "body", "accepted_css": ()}
    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), site)
    [error] = outcome.errors
    assert isinstance(error, SolutionRejected)
    assert "detect_css 'body', but carries no widget: if that is the page wanted" in str(error)


@pytest.mark.parametrize(("hook", "says"), [("is_accepted", False), ("is_challenge", True)])
async def test_a_hook_that_refuses_every_answer_is_told(sandbox: Sandbox, hook: str, says: bool) -> None:  # noqa: FBT001
    """Where the site decides by a hook of its own, no rule is blamed."""
    own = {**login_site(sandbox, accepted_css=()), hook: lambda *_: says}
    site = type("Doubtful", (GeetestSite,), own)
    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), site)
    [error] = outcome.errors
    assert isinstance(error, SolutionRejected)
    assert f"{hook} of site login" in str(error)
    assert "the last answer is <200 " in str(error)


async def test_failure_can_pass_the_page_on(sandbox: Sandbox) -> None:
    """``GEETEST_ON_FAILURE = "pass"``: the challenge page reaches the callback, flagged."""
    sandbox.reset(solve_seconds=0.1, faults={"createTask": ["ERROR_CAPTCHA_UNSOLVABLE"]})
    wanted = searches(sandbox, "rope", meta={"handle_httpstatus_list": [403]})
    outcome = await crawl_sandbox(
        sandbox, wanted, login_site(sandbox), GEETEST_ON_FAILURE="pass", GEETEST_MAX_ATTEMPTS=1
    )
    [page] = outcome.pages
    assert (page.status, page.flags, "_geetest" in page.meta) == (403, ["geetest-unsolved"], False)
    assert outcome.errors == []
    assert outcome.stats["gave_up"] == outcome.stats["tasks_refused/ERROR_CAPTCHA_UNSOLVABLE"] == 1


async def test_failure_of_solve_first_can_pass_the_request_on(sandbox: Sandbox) -> None:
    """With nothing downloaded yet, the request is sent as it is, and what comes is flagged and not acted on again."""
    sandbox.reset(solve_seconds=0.1, faults={"createTask": ["ERROR_CAPTCHA_UNSOLVABLE"]})
    wanted = items(sandbox, 1, meta={"geetest": True, "handle_httpstatus_list": [403]})
    site = api_site(sandbox, captcha_id="0" * 32)
    outcome = await crawl_sandbox(sandbox, wanted, site, GEETEST_ON_FAILURE="pass", GEETEST_MAX_ATTEMPTS=1)
    [page] = outcome.pages
    assert (page.status, page.flags) == (403, ["geetest-unsolved"])
    assert outcome.stats["tasks_created"] == 0


async def test_unsolvable_tasks_are_tried_again_with_a_fresh_challenge(sandbox: Sandbox) -> None:
    """A failed task counts as an attempt; the next has its own challenge."""
    sandbox.reset(solve_seconds=0.1, faults={"getTaskResult": ["ERROR_CAPTCHA_UNSOLVABLE"]})
    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), login_site(sandbox))
    assert outcome.texts(".query::text") == ["rope"]
    assert (outcome.stats["tasks_created"], outcome.stats["tasks_failed/ERROR_CAPTCHA_UNSOLVABLE"]) == (2, 1)
    assert len({task["task"]["challenge"] for task in sandbox.books()["tasks"]}) == 2


async def test_a_wrong_key_ends_the_crawl(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """The request gets the reason, the spider is closed with it, and the key is nowhere."""
    outcome = await crawl_sandbox(
        sandbox, searches(sandbox, "rope"), login_site(sandbox), GEETEST_API_KEY="wrong-key-of-a-user"
    )
    [error] = outcome.errors
    assert isinstance(error, SolveError)
    assert (error.code, error.task_id, outcome.reason) == ("ERROR_KEY_DOES_NOT_EXIST", None, "geetest_bad_key")
    assert "GEETEST_API_KEY" in caplog.text
    assert "wrong-key-of-a-user" not in caplog.text + repr(error) + str(outcome.all_stats)


async def test_a_wrong_key_may_leave_the_crawl_running(sandbox: Sandbox) -> None:
    """``GEETEST_CLOSE_ON_FATAL = False``: everything else goes on, and the service is not asked again."""
    outcome = await crawl_sandbox(
        sandbox,
        searches(sandbox, "rope", "oar"),
        login_site(sandbox),
        GEETEST_API_KEY="wrong-key-of-a-user",
        GEETEST_CLOSE_ON_FATAL=False,
        GEETEST_MAX_CONCURRENT_SOLVES=1,
    )
    assert (len(outcome.errors), outcome.reason) == (2, "finished")
    assert sandbox.books()["calls"]["createTask"] == 1


async def test_a_form_that_leads_elsewhere_is_not_paid_for(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """A solution goes to the site that asked for it; a custom hook is checked, too."""

    class Elsewhere(GeetestSite):
        urls = (f"{host(sandbox)}/v3",)
        detect_css = "#captcha-holder"
        challenge_url = "/v3/gt/register-slide"

        def submit_request(self, request: Request, response: Any, solution: Any) -> Request:
            del response, solution
            return request.replace(url="http://127.0.0.2:9/steal")

    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), Elsewhere)
    [error] = outcome.errors
    assert isinstance(error, SubmissionError)
    assert "127.0.0.2:9/steal" in str(error)
    assert "Traceback" not in caplog.text


async def test_hooks_may_be_coroutines_and_their_errors_have_an_outcome(sandbox: Sandbox) -> None:
    """An exception of a hook is the request's error, named after the hook."""

    class Odd(GeetestSite):
        urls = (f"{host(sandbox)}/v3",)

        async def is_challenge(self, response: Response) -> bool:
            return bool(response.css("#captcha-holder"))

        async def parse_challenge(self, response: Response) -> Any:
            assert isinstance(response, TextResponse)
            return response.json()["nothing"]

    class Broken(GeetestSite):
        urls = (f"{host(sandbox)}/v4",)

        def is_challenge(self, response: Response) -> bool:
            assert isinstance(response, TextResponse)
            return bool(response.json()["nothing"])

    def wanted(_: RecordingSpider) -> Iterable[Request]:
        yield from searches(sandbox, "rope")
        yield from items(sandbox, 1)

    outcome = await crawl_sandbox(sandbox, wanted, Odd, Broken)
    words = sorted(str(error) for error in outcome.errors)
    assert "is_challenge of site Broken failed" in words[1] + words[0]
    assert "parse_challenge" in words[0] + words[1]
    assert outcome.stats["tasks_created"] == 0


async def test_signals_tell_what_happened(sandbox: Sandbox) -> None:
    """Each carries request, response, site, spider, and what it tells of."""
    sandbox.reset(solve_seconds=0.1, wrong=1)
    seen: list[tuple[str, dict[str, Any]]] = []

    def prepare(crawler: Any) -> None:
        for name in (
            "challenge_detected",
            "challenge_solved",
            "solution_accepted",
            "solution_rejected",
            "solve_failed",
        ):

            def handler(name: str = name, **facts: Any) -> None:
                seen.append((name, facts))

            crawler.signals.connect(handler, getattr(signals, name), weak=False)

    await crawl_sandbox(sandbox, searches(sandbox, "rope"), login_site(sandbox), prepare=prepare)
    assert [name for name, _ in seen] == [
        *("challenge_detected", "challenge_solved", "solution_rejected", "challenge_solved", "solution_accepted")
    ]
    for _, facts in seen:
        assert {"request", "response", "site", "spider"} <= facts.keys()
        assert facts["site"].name == "login"
    assert seen[0][1]["version"] == 3
    assert seen[1][1]["solution"].seccode.endswith("|jordan")
    assert [facts["attempt"] for name, facts in seen if name.startswith("solution_")] == [1, 2]

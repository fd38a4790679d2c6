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

from scrapy_geetest import SolutionRejected

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

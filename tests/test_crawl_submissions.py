"""Whole crawls in which a submission is judged: once, by what came of it, and hooks that break have an outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sandbox_crawl import (
    NESTED_FIELDS,
    api_site,
    crawl_sandbox,
    gate_pages,
    gate_site,
    host,
    items,
    search_site,
)
from scrapy import Request

from scrapy_geetest import GeetestError, GeetestSite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy.http import Response

    from scrapy_geetest.sandbox import Sandbox


async def test_a_broken_session_key_is_an_outcome(sandbox: Sandbox) -> None:
    """The hook is named."""

    class Accounts(GeetestSite):
        urls = (f"{host(sandbox)}/gate",)
        mode = "gate"

        def session_key(self, request: Request) -> str:
            return str(request.meta["account"])

    outcome = await crawl_sandbox(sandbox, gate_pages(sandbox, [1]), Accounts)
    [error] = outcome.errors
    assert isinstance(error, GeetestError)
    assert "Correct session_key of site Accounts: it failed on " in str(error)


SOLVE_FIRST = {"geetest": True, "handle_httpstatus_list": [403]}


async def test_what_was_judged_in_place_is_not_judged_again(sandbox: Sandbox) -> None:
    """A site that tells its content by ``is_accepted`` alone: the request before takes no second look."""

    class Api(GeetestSite):
        urls = (f"{host(sandbox)}/v4/api",)
        captcha_id = sandbox.captchas["v4-api"]
        field_names: Mapping[str, str | None] = NESTED_FIELDS
        detect_re = "."  # whatever comes

        def is_accepted(self, response: Response) -> bool:
            return response.status == 200

    outcome = await crawl_sandbox(sandbox, items(sandbox, 1, meta=SOLVE_FIRST), Api)
    assert [page.status for page in outcome.pages] == [200]
    assert (outcome.stats["tasks_created"], outcome.stats["accepted"]) == (1, 1)


async def test_a_refusal_in_place_is_counted_once(sandbox: Sandbox) -> None:
    """Solved first, refused, passed on: no second round for the page that is handed back."""
    sandbox.reset(solve_seconds=0.1, wrong="always")
    site = api_site(sandbox, captcha_id=sandbox.captchas["v4-api"])
    settings: dict[str, Any] = {"GEETEST_ON_FAILURE": "pass", "GEETEST_MAX_ATTEMPTS": 2}
    outcome = await crawl_sandbox(sandbox, items(sandbox, 1, meta=SOLVE_FIRST), site, **settings)
    assert [page.flags for page in outcome.pages] == [["geetest-unsolved"]]
    assert (outcome.stats["tasks_created"], outcome.stats["gave_up"]) == (2, 1)


async def test_a_form_that_breaks_down_is_sent_again_and_not_bought_again(sandbox: Sandbox) -> None:
    """Scrapy's retries are of the form with its solution; the page of the last one reaches the callback, meta clean."""
    sandbox.reset(solve_seconds=0.1, faults={"submit": ["http-500", "..."]})
    outcome = await crawl_sandbox(
        sandbox,
        lambda _: [Request(f"{sandbox.url}/v3/search?q=rope", meta={"handle_httpstatus_list": [500]})],
        search_site(sandbox),
        RETRY_TIMES=2,
    )
    [page] = outcome.pages
    assert page.status == 500
    assert not {"_geetest", "dont_cache", "dont_retry"} & page.meta.keys()
    assert (outcome.stats["tasks_created"], outcome.all_stats["retry/count"]) == (1, 2)


class Slower:
    """Answers forms with "too many requests"."""

    def process_response(self, request: Request, response: Response) -> Response:
        return response.replace(status=429) if request.url.endswith("/verify") else response


async def test_too_many_requests_says_nothing_of_a_solution(sandbox: Sandbox) -> None:
    """Not even when Scrapy has asked often enough."""
    outcome = await crawl_sandbox(
        sandbox,
        lambda _: [Request(f"{sandbox.url}/v3/search?q=rope", meta={"handle_httpstatus_list": [429]})],
        search_site(sandbox, accepted_css=()),
        RETRY_ENABLED=False,
        DOWNLOADER_MIDDLEWARES={Slower: 590},
    )
    assert [page.status for page in outcome.pages] == [429]
    assert (outcome.stats["accepted"], outcome.stats["rejected"]) == (0, 0)


async def test_a_form_that_cannot_be_delivered_in_place_leaves_the_challenge_page(sandbox: Sandbox) -> None:
    """``"pass"`` holds there, too, where the page is at hand; it is given up once."""
    sandbox.reset(solve_seconds=0.1, faults={"submit": ["lost-before", "..."]})
    outcome = await crawl_sandbox(
        sandbox,
        lambda _: [Request(f"{sandbox.url}/v3/search?q=rope", meta={"handle_httpstatus_list": [403]})],
        search_site(sandbox),
        GEETEST_ON_FAILURE="pass",
        RETRY_TIMES=0,
    )
    assert [(page.status, page.flags) for page in outcome.pages] == [(403, ["geetest-unsolved"])]
    assert outcome.stats["gave_up"] == 1


async def test_only_a_page_that_is_withheld_is_flagged(sandbox: Sandbox) -> None:
    """Nothing could be bought for it beforehand, and nothing was needed."""
    outcome = await crawl_sandbox(
        sandbox,
        lambda _: [Request(f"{sandbox.url}/plain/1", meta={"geetest": True})],
        {"urls": [host(sandbox)], "captcha_id": "0" * 32, "submit_as": "query"},
        GEETEST_ON_FAILURE="pass",
        GEETEST_MAX_ATTEMPTS=1,
        GEETEST_TASK_TYPE="NoSuchTask",
        GEETEST_CLOSE_ON_FATAL=False,
    )
    [page] = outcome.pages
    assert (page.flags, "_geetest" in page.meta, outcome.stats["gave_up"]) == ([], False, 1)


@pytest.mark.parametrize("hook", ["parse_challenge", "challenge_request", "session_key"])
async def test_a_hook_that_returns_nonsense_is_an_outcome(sandbox: Sandbox, hook: str) -> None:
    """The error names the hook, and nothing is paid."""
    site = type("Odd", (GeetestSite,), {**gate_site(sandbox), hook: lambda *_: ["nonsense"]})
    outcome = await crawl_sandbox(sandbox, gate_pages(sandbox, [1]), site)
    [error] = outcome.errors
    assert isinstance(error, GeetestError)
    assert hook in str(error)
    assert "it returned list" in str(error)
    assert (outcome.stats["tasks_created"], outcome.stats["gave_up"]) == (0, 1)

"""Whole crawls in which money would be wasted: what bounds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox_crawl import (
    crawl_sandbox,
    gate_site,
    host,
    requests,
    search_site,
    searches,
)
from scrapy import Request

from scrapy_geetest import SolutionRejected, SolveError, SubmissionError
from scrapy_geetest._pages import register, rules
from scrapy_geetest._pages.widget import find_widgets

if TYPE_CHECKING:
    import pytest
    from scrapy.http import Response

    from scrapy_geetest._pages.widget import Widget
    from scrapy_geetest.sandbox import Sandbox


async def test_solutions_that_always_become_too_old_are_bounded(sandbox: Sandbox) -> None:
    """A queue that is slower than ``GEETEST_SOLUTION_MAX_AGE`` costs no more than the attempts allowed."""
    outcome = await crawl_sandbox(
        sandbox,
        searches(sandbox, "rope"),
        search_site(sandbox),
        GEETEST_SOLUTION_MAX_AGE=1e-6,
    )
    [error] = outcome.errors
    assert isinstance(error, SolutionRejected)
    assert "GEETEST_SOLUTION_MAX_AGE" in str(error)
    assert outcome.stats["tasks_created"] == 3


async def test_robots_txt_is_asked_before_a_form_is_paid_for(sandbox: Sandbox) -> None:
    """A submission that robots.txt forbids would be bought for nothing."""
    sandbox.reset(solve_seconds=0.1, robots="User-agent: *\nDisallow: /gate/verify\nDisallow: /v3/search/verify\n")
    urls = ("/v3/search?q=rope", "/gate/page/1")
    outcome = await crawl_sandbox(
        sandbox,
        lambda _: [Request(sandbox.url + url) for url in urls],
        search_site(sandbox),
        gate_site(sandbox),
        ROBOTSTXT_OBEY=True,
    )
    assert [type(error) for error in outcome.errors] == [SubmissionError, SubmissionError]
    assert outcome.stats["tasks_created"] == 0


async def test_the_breaker_sees_forms_that_break_down(sandbox: Sandbox) -> None:
    """What is bought for a site whose form always fails is wasted: the breaker ends it, for gates and forms."""
    sandbox.reset(solve_seconds=0.1, faults={"submit": ["http-500", "..."]})
    for site, path in ((search_site(sandbox), "/v3/search?q=w{}"), (gate_site(sandbox), "/gate/page/{}")):
        outcome = await crawl_sandbox(
            sandbox,
            requests(sandbox, *(path.format(number) for number in range(10))),
            site,
            RETRY_ENABLED=False,
            GEETEST_BREAKER_FAILURES=3,
            CONCURRENT_REQUESTS=1,
            GEETEST_MAX_PARKED=0,
        )
        assert outcome.stats["tasks_created"] <= 4
        assert outcome.stats["budget_refused"] >= 5


async def test_stopping_does_not_wait_for_a_challenge_that_hangs(sandbox: Sandbox) -> None:
    """Its download is given up, and the request goes back to the queue instead of being given up."""
    sandbox.reset(solve_seconds=0.1, faults={"register": ["hang", "..."]})
    outcome = await crawl_sandbox(
        sandbox,
        searches(sandbox, "rope"),
        search_site(sandbox),
        CLOSESPIDER_TIMEOUT=1,
        DOWNLOAD_TIMEOUT=60,
    )
    assert (outcome.errors, outcome.reason) == ([], "closespider_timeout")
    assert outcome.all_stats["elapsed_time_seconds"] < 30


class TooManyRequests:
    """Serves challenge pages with a status that Scrapy retries."""

    def process_response(self, request: Request, response: Response) -> Response:
        del request
        return response.replace(status=429) if b"captcha-holder" in response.body else response


async def test_a_page_that_was_given_up_is_not_bought_again_by_a_retry(sandbox: Sandbox) -> None:
    """``GEETEST_ON_FAILURE = "pass"``: Scrapy may ask again, but nothing more is spent, and one outcome is counted."""
    sandbox.reset(solve_seconds=0.1, wrong="always")
    outcome = await crawl_sandbox(
        sandbox,
        lambda _: [Request(f"{sandbox.url}/v3/search?q=rope", meta={"handle_httpstatus_list": [429]})],
        search_site(sandbox),
        GEETEST_ON_FAILURE="pass",
        GEETEST_MAX_ATTEMPTS=2,
        DOWNLOADER_MIDDLEWARES={TooManyRequests: 590},
    )
    [page] = outcome.pages
    assert (page.status, page.flags) == (429, ["geetest-unsolved"])
    assert (outcome.stats["tasks_created"], outcome.stats["gave_up"]) == (2, 1)
    assert "_geetest" not in page.meta


async def test_a_service_that_is_down_is_no_fault_of_the_site(sandbox: Sandbox) -> None:
    """The breaker counts what was wasted on a site, not what could not be asked of the service."""
    outcome = await crawl_sandbox(
        sandbox,
        lambda _: [Request(f"{sandbox.url}/v3/search?q=w{number}") for number in range(3)],
        search_site(sandbox),
        GEETEST_API_URL="http://127.0.0.1:1",
        GEETEST_SOLVE_TIMEOUT=0.5,
        GEETEST_BREAKER_FAILURES=1,
        CONCURRENT_REQUESTS=1,
        GEETEST_MAX_PARKED=0,
    )
    assert [type(error) for error in outcome.errors] == [SolveError] * 3


async def test_tasks_that_are_asked_for_no_more_are_abandoned(sandbox: Sandbox) -> None:
    """The address is blocked while others are being solved: the books have them."""
    sandbox.reset(solve_seconds=3.0, faults={"createTask": ["ok", "ok", "ERROR_IP_BLOCKED", "..."]})
    outcome = await crawl_sandbox(
        sandbox,
        lambda _: [Request(f"{sandbox.url}/v3/search?q=w{number}") for number in range(3)],
        search_site(sandbox),
        GEETEST_FIRST_POLL=2.5,
        GEETEST_CLOSE_ON_FATAL=False,
    )
    assert [type(error) for error in outcome.errors] == [SolveError] * 3
    stats = outcome.stats
    assert (stats["tasks_created"], stats["tasks_solved"]) == (2, 0)
    assert stats["tasks_abandoned"] == 2


async def test_tasks_that_were_paid_for_are_waited_for_when_the_account_runs_dry(sandbox: Sandbox) -> None:
    """Only what was not bought comes to nothing."""
    sandbox.reset(solve_seconds=0.6, balance=0.0006 * 2)
    outcome = await crawl_sandbox(
        *(sandbox, searches(sandbox, "rope", "knot", "hook"), search_site(sandbox)),
        GEETEST_FIRST_POLL=0.7,
        GEETEST_CLOSE_ON_FATAL=False,
    )
    assert (len(outcome.pages), [type(error) for error in outcome.errors]) == (2, [SolveError])
    assert (outcome.stats["tasks_created"], outcome.stats["tasks_solved"]) == (2, 2)


async def test_a_register_endpoint_that_hangs_holds_its_permit_for_so_long_only(sandbox: Sandbox) -> None:
    """Other sites wait for permits, too: ``GEETEST_REQUEST_TIMEOUT`` bounds it, unless the hook says otherwise."""
    sandbox.reset(solve_seconds=0.1, faults={"register": ["hang"]})
    outcome = await crawl_sandbox(
        sandbox,
        searches(sandbox, "rope"),
        search_site(sandbox),
        GEETEST_REQUEST_TIMEOUT=1,
        RETRY_TIMES=1,
    )
    assert len(outcome.pages) == 1
    assert outcome.all_stats["elapsed_time_seconds"] < 20


async def test_a_page_is_searched_for_widgets_once(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Detection, challenge, version and verdict share what was found, whoever asks first."""
    read: list[bytes] = []

    def counting(body: bytes | str) -> tuple[Widget, ...]:
        read.append(body if isinstance(body, bytes) else body.encode())
        return find_widgets(body)

    for module in (register, rules):
        monkeypatch.setattr(module, "find_widgets", counting)
    site = {"urls": [f"{host(sandbox)}/inline"], "accepted_re": "tide tables"}
    outcome = await crawl_sandbox(sandbox, requests(sandbox, "/inline/article/1"), site)
    assert (len(outcome.pages), outcome.stats["accepted"]) == (1, 1)
    assert len(read) == len(set(read)) > 0

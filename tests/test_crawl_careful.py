"""What careful readers found: each of these wasted money or lost a page once."""

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
    nested_site,
    requests,
    search_site,
    searches,
)
from scrapy import FormRequest, Request, signals

from scrapy_geetest import GeetestError, GeetestSite, SolutionRejected, SolveError, SubmissionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from crawl import RecordingSpider
    from scrapy.http import Response
    from twisted.python.failure import Failure

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


async def test_robots_txt_that_redirects_to_a_captcha_page(sandbox: Sandbox) -> None:
    """Its request stays RobotsTxtMiddleware's after a redirect: the crawl would hang for ever."""
    sandbox.reset(solve_seconds=0.1, robots="challenge")

    class Redirecting(GeetestSite):
        urls = (f"{host(sandbox)}",)
        mode = "gate"

    outcome = await crawl_sandbox(
        sandbox, lambda _: [Request(f"{sandbox.url}/gater/page/1")], Redirecting, ROBOTSTXT_OBEY=True
    )
    assert outcome.texts("h1.title::text") == ["Page 1"]
    assert outcome.stats["tasks_created"] == 1


async def test_a_gate_has_one_key_before_and_after_the_proxy_login_moves(sandbox: Sandbox) -> None:
    """HttpProxyMiddleware takes the login out of ``meta["proxy"]`` after us: the session stays the same."""
    site = GeetestSite(urls="a.test", mode="gate")
    request = Request("https://a.test", meta={"proxy": "http://ann:s3cret@proxy.test:3128"})
    moved = Request(
        "https://a.test",
        meta={"proxy": "http://proxy.test:3128"},
        headers={"Proxy-Authorization": "Basic YW5uOnMzY3JldA=="},
    )
    other = Request("https://a.test", meta={"proxy": "http://bob:s3cret@proxy.test:3128"})
    assert site.session_key(request) == site.session_key(moved) != site.session_key(other)
    assert "s3cret" not in str(site.session_key(request))
    assert sandbox.books()["created"]["total"] == 0


async def test_cookies_of_a_request_that_was_not_sent_yet_are_kept(sandbox: Sandbox) -> None:
    """Solve first: CookiesMiddleware has not seen the request's own cookies when it goes out with the solution."""
    seen: list[Any] = []

    def prepare(crawler: Any) -> None:
        def remember(request: Request) -> None:
            seen.append((request.method, request.headers.get("Cookie")))

        crawler.signals.connect(remember, signals.request_reached_downloader, weak=False)

    request = FormRequest(
        f"{sandbox.url}/nested/login",
        formdata={"username": "bo"},
        cookies={"lang": "de"},
        meta={"geetest": True},
    )
    outcome = await crawl_sandbox(sandbox, [request], nested_site(sandbox), prepare=prepare)
    assert outcome.texts(".user::text") == ["bo"]
    assert [cookie for _, cookie in seen] == [b"lang=de", b"lang=de"]


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
    assert "session_key of site Accounts failed" in str(error)


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
        search_site(sandbox),
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


async def test_the_request_of_an_error_starts_anew(sandbox: Sandbox) -> None:
    """An errback that sends ``error.request`` once more gets new attempts."""
    sandbox.reset(solve_seconds=0.1, wrong=1)

    def wanted(spider: RecordingSpider) -> Iterable[Request]:
        def again(failure: Failure) -> Request:
            assert isinstance(failure.value, SolutionRejected)
            return failure.value.request.replace(dont_filter=True)

        yield Request(f"{sandbox.url}/v3/search?q=rope", spider.parse, errback=again)

    outcome = await crawl_sandbox(sandbox, wanted, search_site(sandbox), GEETEST_MAX_ATTEMPTS=1)
    assert len(outcome.pages) == 1
    assert (outcome.stats["tasks_created"], outcome.stats["gave_up"]) == (2, 1)


async def test_own_cookies_outlive_the_crawl_that_was_stopped(sandbox: Sandbox, tmp_path: Path) -> None:
    """The next run has another cookie jar, and needs them again."""
    seen: list[Any] = []

    def prepare(crawler: Any) -> None:
        def remember(request: Request) -> None:
            seen.append(request.headers.get("Cookie"))

        crawler.signals.connect(remember, signals.request_reached_downloader, weak=False)

    settings: dict[str, Any] = {
        "GEETEST_SITES": [search_site(sandbox)],
        "JOBDIR": str(tmp_path),
    }
    sandbox.reset(solve_seconds=60.0)
    request = Request(f"{sandbox.url}/v3/search?q=rope", cookies={"account": "me"})
    stopped = await crawl_sandbox(sandbox, [request], CLOSESPIDER_TIMEOUT=1, **settings)
    assert (stopped.pages, stopped.errors) == ([], [])
    sandbox.reset(solve_seconds=0.1)
    outcome = await crawl_sandbox(sandbox, [], prepare=prepare, **settings)
    assert len(outcome.pages) == 1
    assert len(seen) == 3
    assert all(b"account=me" in cookie for cookie in seen)


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
    """The account runs dry while others are being solved: the books have them."""
    sandbox.reset(solve_seconds=3.0, balance=0.0006 * 2)
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

"""What careful readers found: each of these wasted money or lost a page once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crawl import Crawl, crawl
from scrapy import FormRequest, Request

from scrapy_geetest import GeetestError, GeetestSite, SolutionRejected, SubmissionError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crawl import RecordingSpider
    from scrapy.http import Response

    from scrapy_geetest.sandbox import Sandbox


def _host(sandbox: Sandbox) -> str:
    return sandbox.url.partition("://")[2]


def _search_site(sandbox: Sandbox) -> dict[str, Any]:
    return {
        "name": "search",
        "urls": [f"{_host(sandbox)}/v3"],
        "detect_css": "#captcha-holder",
        "challenge_url": "/v3/gt/register-slide",
    }


def _gate_site(sandbox: Sandbox, name: str = "gate", **attributes: Any) -> dict[str, Any]:
    return {"name": name, "urls": [f"{_host(sandbox)}/{name}"], "mode": "gate", **attributes}


async def _crawl(sandbox: Sandbox, wanted: Any, *sites: Any, **settings: Any) -> Crawl:
    return await crawl(
        wanted,
        GEETEST_SITES=list(sites),
        GEETEST_API_KEY=sandbox.api_key,
        GEETEST_API_URL=sandbox.service_url,
        **settings,
    )


async def test_solutions_that_always_become_too_old_are_bounded(sandbox: Sandbox) -> None:
    """A queue that is slower than ``GEETEST_SOLUTION_MAX_AGE`` costs no more than the attempts allowed."""
    outcome = await _crawl(
        sandbox,
        lambda _: [Request(f"{sandbox.url}/v3/search?q=rope")],
        _search_site(sandbox),
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
    outcome = await _crawl(
        sandbox,
        lambda _: [Request(sandbox.url + url) for url in urls],
        _search_site(sandbox),
        _gate_site(sandbox),
        ROBOTSTXT_OBEY=True,
    )
    assert [type(error) for error in outcome.errors] == [SubmissionError, SubmissionError]
    assert outcome.stats["tasks_created"] == 0


async def test_robots_txt_that_redirects_to_a_captcha_page(sandbox: Sandbox) -> None:
    """Its request stays RobotsTxtMiddleware's after a redirect: the crawl would hang for ever."""
    sandbox.reset(solve_seconds=0.1, robots="challenge")

    class Redirecting(GeetestSite):
        urls = (f"{_host(sandbox)}",)
        mode = "gate"

    outcome = await _crawl(
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
        from scrapy import signals

        def remember(request: Request) -> None:
            seen.append((request.method, request.headers.get("Cookie")))

        crawler.signals.connect(remember, signals.request_reached_downloader, weak=False)

    request = FormRequest(
        f"{sandbox.url}/nested/login",
        formdata={"username": "bo"},
        cookies={"lang": "de"},
        meta={"geetest": True},
    )
    site = {
        "urls": [f"{_host(sandbox)}/nested"],
        "challenge_url": "/nested/captcha",
        "field_names": {"token": "token"},
        "detect_css": "#captcha-holder",
    }
    outcome = await crawl(
        lambda _: [request],
        prepare,
        GEETEST_SITES=[site],
        GEETEST_API_KEY=sandbox.api_key,
        GEETEST_API_URL=sandbox.service_url,
    )
    assert outcome.texts(".user::text") == ["bo"]
    assert [cookie for _, cookie in seen] == [b"lang=de", b"lang=de"]


async def test_copied_meta_does_not_replace_a_new_request_by_an_old_one(sandbox: Sandbox) -> None:
    """A spider that hands the meta of an unjudged 503 to its next form, to the same URL, gets that form's page."""
    sandbox.reset(solve_seconds=0.1, faults={"submit": ["http-503"]})

    def wanted(spider: RecordingSpider) -> Iterable[Request]:
        def then(response: Response) -> Request:
            url, form = f"{sandbox.url}/nested/login", {"username": "second"}
            meta = {k: v for k, v in response.meta.items() if k in {"_geetest", "handle_httpstatus_list"}}
            return FormRequest(url, formdata=form, meta=meta, callback=spider.parse, errback=spider.failed)

        meta = {"handle_httpstatus_list": [503], "geetest": True}
        yield FormRequest(f"{sandbox.url}/nested/login", formdata={"username": "first"}, meta=meta, callback=then)

    site = {
        "urls": [f"{_host(sandbox)}/nested"],
        "challenge_url": "/nested/captcha",
        "field_names": {"token": "token"},
        "detect_css": "#captcha-holder",
    }
    outcome = await _crawl(sandbox, wanted, site, RETRY_ENABLED=False)
    assert outcome.texts(".user::text") == ["second"]


async def test_the_breaker_sees_forms_that_break_down(sandbox: Sandbox) -> None:
    """What is bought for a site whose form always fails is wasted: the breaker ends it, for gates and forms."""
    sandbox.reset(solve_seconds=0.1, faults={"submit": ["http-500", "..."]})
    for site, path in ((_search_site(sandbox), "/v3/search?q=w{}"), (_gate_site(sandbox), "/gate/page/{}")):
        urls = [sandbox.url + path.format(number) for number in range(10)]
        outcome = await _crawl(
            sandbox,
            lambda _, urls=urls: [Request(url) for url in urls],
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
        urls = (f"{_host(sandbox)}/gate",)
        mode = "gate"

        def session_key(self, request: Request) -> str:
            return str(request.meta["account"])

    outcome = await _crawl(sandbox, lambda _: [Request(f"{sandbox.url}/gate/page/1")], Accounts)
    [error] = outcome.errors
    assert isinstance(error, GeetestError)
    assert "session_key of site Accounts failed" in str(error)


async def test_stopping_does_not_wait_for_a_challenge_that_hangs(sandbox: Sandbox) -> None:
    """Its download is given up, and the request goes back to the queue instead of being given up."""
    sandbox.reset(solve_seconds=0.1, faults={"register": ["hang", "..."]})
    outcome = await _crawl(
        sandbox,
        lambda _: [Request(f"{sandbox.url}/v3/search?q=rope")],
        _search_site(sandbox),
        CLOSESPIDER_TIMEOUT=1,
        DOWNLOAD_TIMEOUT=60,
    )
    assert (outcome.errors, outcome.reason) == ([], "closespider_timeout")
    assert outcome.all_stats["elapsed_time_seconds"] < 30

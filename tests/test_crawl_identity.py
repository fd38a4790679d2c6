"""Whole crawls in which a request, its session or its cookies could be taken for another's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox_crawl import (
    crawl_sandbox,
    host,
    nested_site,
    search_site,
)
from scrapy import FormRequest, Request, signals

from scrapy_geetest import GeetestSite, SolutionRejected

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from crawl import RecordingSpider
    from twisted.python.failure import Failure

    from scrapy_geetest.sandbox import Sandbox


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


def test_a_request_with_nothing_of_its_own_is_of_the_usual_session() -> None:
    """The same key, whether the meta says that there is nothing or says nothing; whatever it says beyond that is another one."""
    site = GeetestSite(urls="a.test", mode="gate")
    usual = site.session_key(Request("https://a.test"))
    nothing = {"cookiejar": None, "proxy": None, "playwright": False, "dont_merge_cookies": False}
    assert site.session_key(Request("https://a.test", meta=nothing)) == usual
    own: list[dict[str, Any]] = [{"cookiejar": 1}, {"proxy": "http://p.test:1"}, {"playwright": True}]
    keys = [site.session_key(Request("https://a.test", meta=meta)) for meta in own]
    cookie = Request("https://a.test", headers={"Cookie": "a=b"}, meta={"dont_merge_cookies": True})
    assert len({usual, *keys, site.session_key(cookie)}) == 5


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

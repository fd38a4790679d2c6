"""Traps of Scrapy that a solving middleware falls into, each as a whole crawl."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from sandbox_crawl import (
    crawl_sandbox,
    gate_site,
    host,
    requests,
    search_site,
    searches,
)
from scrapy import Request
from scrapy.core.downloader import Downloader
from scrapy.http.request import NO_CALLBACK

from scrapy_geetest import ChallengeError, GeetestSite, StoppedError

sys.path.insert(0, str(Path(__file__).parent / "proofs"))

import stop_and_resume

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crawl import RecordingSpider
    from scrapy.http import Response

    from scrapy_geetest.sandbox import Sandbox


def _gate_site(sandbox: Sandbox) -> dict[str, Any]:
    return gate_site(sandbox, urls=[f"{host(sandbox)}/gate", f"{host(sandbox)}/robots.txt"])


async def test_robots_txt_that_is_a_challenge_page(sandbox: Sandbox) -> None:
    """Its request is never taken for a challenge page nor made to wait at a gate: the crawl would hang for ever."""
    sandbox.reset(solve_seconds=0.1, robots="challenge")
    outcome = await crawl_sandbox(sandbox, requests(sandbox, "/gate/page/1"), _gate_site(sandbox), ROBOTSTXT_OBEY=True)
    assert outcome.texts("h1.title::text") == ["Page 1"]
    assert outcome.stats["tasks_created"] == 1


async def test_a_spiders_own_request_for_robots_txt_is_solved(sandbox: Sandbox) -> None:
    """Only RobotsTxtMiddleware's is left alone."""
    sandbox.reset(solve_seconds=0.1, robots="challenge")
    outcome = await crawl_sandbox(
        sandbox, requests(sandbox, "/robots.txt", meta={"dont_obey_robotstxt": True}), _gate_site(sandbox)
    )
    assert outcome.stats["detected"] >= 1
    assert outcome.stats["tasks_created"] >= 1


async def test_robots_txt_holds_for_the_challenge(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """A forbidden register endpoint is not fetched; the error says so and names the way out."""
    sandbox.reset(solve_seconds=0.1, robots="User-agent: *\nDisallow: /v3/gt/\n")
    outcome = await crawl_sandbox(
        sandbox, requests(sandbox, "/v3/search?q=rope"), search_site(sandbox), ROBOTSTXT_OBEY=True
    )
    [error] = outcome.errors
    assert isinstance(error, ChallengeError)
    assert "dont_obey_robotstxt" in str(error)
    assert sandbox.books()["registers"] == []
    assert "Traceback" not in caplog.text


async def test_the_hook_may_overrule_robots_txt(sandbox: Sandbox) -> None:
    """``dont_obey_robotstxt`` in the meta of the hook's request."""
    sandbox.reset(solve_seconds=0.1, robots="User-agent: *\nDisallow: /v3/gt/\n")

    class Allowed(GeetestSite):
        urls = (f"{host(sandbox)}/v3",)
        detect_css = "#captcha-holder"

        def challenge_request(self, request: Request, response: Response | None) -> Request:
            del request, response
            return Request(f"{sandbox.url}/v3/gt/register-slide", meta={"dont_obey_robotstxt": True})

    outcome = await crawl_sandbox(sandbox, requests(sandbox, "/v3/search?q=rope"), Allowed, ROBOTSTXT_OBEY=True)
    assert outcome.texts(".query::text") == ["rope"]


async def test_a_replayed_challenge_page_is_fetched_again_not_bought(sandbox: Sandbox, tmp_path: Path) -> None:
    """HttpCache stored the page that withheld; in the next crawl the session is open, and it need not be solved."""
    cache: dict[str, Any] = {"HTTPCACHE_ENABLED": True, "HTTPCACHE_DIR": str(tmp_path)}
    withheld = {"geetest": False, "handle_httpstatus_list": [403]}
    first = await crawl_sandbox(sandbox, requests(sandbox, "/gate/page/1", meta=withheld), _gate_site(sandbox), **cache)
    assert [page.status for page in first.pages] == [403]

    def wanted(spider: RecordingSpider) -> Iterable[Request]:
        def then(_: Response) -> Request:
            return Request(f"{sandbox.url}/gate/page/1", spider.parse, errback=spider.failed)

        yield Request(f"{sandbox.url}/gate/page/2", then)

    second = await crawl_sandbox(sandbox, wanted, _gate_site(sandbox), **cache)
    assert second.texts("h1.title::text") == ["Page 1"]
    assert second.all_stats["httpcache/hit"] == 1
    assert second.stats["tasks_created"] == 1


async def test_offsite_does_not_filter_the_challenge(sandbox: Sandbox) -> None:
    """The register endpoint is on a host that ``allowed_domains`` does not name."""
    endpoint = f"{sandbox.url}/v3/gt/register-slide".replace("127.0.0.1", "localhost")

    outcome = await crawl_sandbox(
        sandbox,
        searches(sandbox, "rope"),
        search_site(sandbox, challenge_url=endpoint),
        allowed_domains=["127.0.0.1"],
    )
    assert outcome.texts(".query::text") == ["rope"]


@pytest.mark.parametrize(("limit", "parked"), [(0, 0), (4, 4)])
async def test_lent_places_are_given_back(sandbox: Sandbox, limit: int, parked: int) -> None:
    """No limit stays no limit, and any other is what it was before."""
    if limit == 0 and Downloader.needs_backout(SimpleNamespace(total_concurrency=0, active=set())):  # type: ignore[arg-type]  # all it looks at
        pytest.skip("this Scrapy sends nothing with CONCURRENT_REQUESTS = 0")
    seen: list[Any] = []

    def wanted(spider: RecordingSpider) -> Iterable[Request]:
        seen.append(spider.crawler.engine)
        return searches(sandbox, *(f"w{number}" for number in range(12)))

    outcome = await crawl_sandbox(sandbox, wanted, search_site(sandbox), CONCURRENT_REQUESTS=limit)
    assert len(outcome.pages) == 12
    assert seen[0].downloader.total_concurrency == limit
    assert outcome.stats["parked_max"] > parked


async def test_no_more_places_are_lent_than_allowed(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Beyond ``GEETEST_MAX_PARKED`` waiting is back-pressure, said once."""
    paths = [f"/v3/search?q=w{number}" for number in range(12)]
    outcome = await crawl_sandbox(
        sandbox, requests(sandbox, *paths), search_site(sandbox), CONCURRENT_REQUESTS=2, GEETEST_MAX_PARKED=3
    )
    assert len(outcome.pages) == 12
    assert 3 < outcome.stats["parked_max"] <= 2 + 3
    assert caplog.text.count("GEETEST_MAX_PARKED") == 1


async def test_a_session_without_cookies_is_warned_about(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """``dont_merge_cookies`` at a gate cannot work: said once, and bounded in cost."""
    meta = {"dont_merge_cookies": True}
    outcome = await crawl_sandbox(
        sandbox, requests(sandbox, "/gate/page/1", "/gate/page/2", meta=meta), _gate_site(sandbox)
    )
    assert len(outcome.errors) == 2
    assert outcome.stats["tasks_created"] <= 3
    assert caplog.text.count("dont_merge_cookies") == 1


async def test_a_download_from_a_component_is_solved(sandbox: Sandbox) -> None:
    """Requests that never saw the scheduler (media, other middlewares) come back solved, too."""
    got: list[Response] = []

    def wanted(spider: RecordingSpider) -> Iterable[Request]:
        async def component(_: Response) -> None:
            request = Request(f"{sandbox.url}/v3/search?q=oar", callback=NO_CALLBACK)
            assert spider.crawler.engine is not None
            got.append(await spider.crawler.engine.download_async(request))

        yield Request(f"{sandbox.url}/plain/1", component)

    await crawl_sandbox(sandbox, wanted, search_site(sandbox))
    assert got[0].css(".query::text").get() == "oar"


@pytest.mark.slow
def test_stop_and_resume(running_sandbox: Sandbox, tmp_path: Path) -> None:
    """SIGTERM while tasks are pending: out within seconds, requests on disk, every page once after the resumption."""
    running_sandbox.reset(solve_seconds=30.0)
    wanted = stop_and_resume.plan(running_sandbox, tmp_path)

    def created() -> int:
        return int(running_sandbox.books()["created"]["total"])

    run = stop_and_resume.stop(wanted, lambda: created() >= 50, created)
    assert run.seconds < 3 * stop_and_resume.LIMIT  # the limit itself is for the proof, on a quiet machine
    assert run.stats["geetest/tasks_abandoned"] >= 50
    assert "was paid for and is abandoned" in run.log
    assert "Traceback" not in run.log
    running_sandbox.reset(solve_seconds=0.1)
    log = stop_and_resume.resume(wanted)
    assert stop_and_resume.scraped(wanted) == stop_and_resume.expected()
    assert "Traceback" not in log


def test_a_second_signal_ends_at_once(running_sandbox: Sandbox, tmp_path: Path) -> None:
    """As with any crawl of Scrapy."""
    running_sandbox.reset(solve_seconds=30.0)
    wanted = stop_and_resume.plan(running_sandbox, tmp_path)

    def created() -> int:
        return int(running_sandbox.books()["created"]["total"])

    run = stop_and_resume.stop(wanted, lambda: created() >= 20, created, signals=2)
    assert run.seconds < 3 * stop_and_resume.LIMIT


async def test_closing_the_spider_gives_parked_requests_up(sandbox: Sandbox) -> None:
    """CLOSESPIDER limits: nobody waits for solutions that take a minute."""
    sandbox.reset(solve_seconds=60.0)
    paths = [f"/v3/search?q=w{number}" for number in range(5)]
    outcome = await crawl_sandbox(
        sandbox, requests(sandbox, *paths), search_site(sandbox), CLOSESPIDER_TIMEOUT=1, EXTENSIONS=CLOSE_SPIDER
    )
    assert outcome.reason == "closespider_timeout"
    assert outcome.stats["tasks_abandoned"] == outcome.stats["tasks_created"] > 0
    assert outcome.errors == []


CLOSE_SPIDER = {"scrapy.extensions.closespider.CloseSpider": 0}


async def test_a_download_that_a_callback_awaits_ends_with_the_crawl(sandbox: Sandbox) -> None:
    """Nobody can put it back into a queue: it gets an error, instead of being sent for ever while the crawl ends."""
    sandbox.reset(solve_seconds=60.0)
    errors: list[BaseException] = []

    def wanted(spider: RecordingSpider) -> Iterable[Request]:
        async def callback(_: Response) -> None:
            assert spider.crawler.engine is not None
            try:
                await spider.crawler.engine.download_async(Request(f"{sandbox.url}/v3/search?q=oar"))
            except StoppedError as error:
                errors.append(error)

        yield Request(f"{sandbox.url}/plain/1", callback)

    await crawl_sandbox(sandbox, wanted, search_site(sandbox), CLOSESPIDER_TIMEOUT=1, EXTENSIONS=CLOSE_SPIDER)
    assert len(errors) == 1
    assert sandbox.books()["pages"]["v3-search"]["challenge"] <= 2

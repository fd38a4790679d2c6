"""Whole crawls of gate sites: one solution opens a session, and nobody pays for it twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from crawl import all_stats, without_times
from sandbox_crawl import (
    PRICE,
    crawl_sandbox,
    gate_pages,
    gate_site,
    host,
    requests,
)
from scrapy import FormRequest, Request
from scrapy.http import HtmlResponse

from scrapy_geetest import GeetestError, GeetestSite, SolutionRejected, SubmissionError
from scrapy_geetest._crawl.marks import META_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from crawl import RecordingSpider
    from scrapy.http import Response
    from twisted.python.failure import Failure

    from scrapy_geetest.sandbox import Sandbox


@pytest.mark.parametrize("gate", ["gate", "gate3", "gater"])
async def test_one_task_for_all_pages_of_a_session(sandbox: Sandbox, gate: str) -> None:
    """Sixty concurrent pages, one task; every page once; v4, v3, and a gate that redirects."""
    outcome = await crawl_sandbox(
        sandbox, gate_pages(sandbox, range(60), gate), gate_site(sandbox, gate), CONCURRENT_REQUESTS=32
    )
    assert outcome.errors == []
    assert sorted(outcome.texts("h1.title::text")) == sorted(f"Page {number}" for number in range(60))
    stats = without_times(outcome)
    shared, detected, parked = stats.pop("shared"), stats.pop("detected"), stats.pop("parked_max")
    assert 1 <= detected <= shared + 1 <= 60
    assert parked > 1
    version = "v3" if gate == "gate3" else "v4"
    assert stats.pop(f"detected/{version}") == detected
    expected = all_stats(
        challenges_fetched=1, tasks_created=1, tasks_solved=1, polls=1, cost_millionths=PRICE, accepted=1
    )
    assert stats == {name: value for name, value in expected.items() if name in stats}
    assert sandbox.books()["gates_opened"] == {gate: 1}
    assert all("_geetest" not in page.meta for page in outcome.pages)


async def test_each_cookie_jar_has_its_own_gate(sandbox: Sandbox) -> None:
    """Two sessions, two solutions."""

    def wanted(_: RecordingSpider) -> Iterable[Request]:
        for jar in ("a", "b"):
            for number in range(5):
                yield Request(f"{sandbox.url}/gate/page/{number}", meta={"cookiejar": jar}, dont_filter=True)

    outcome = await crawl_sandbox(sandbox, wanted, gate_site(sandbox))
    assert len(outcome.pages) == 10
    assert (outcome.stats["tasks_created"], sandbox.books()["gates_opened"]) == (2, {"gate": 2})


async def test_a_redirected_post_goes_again_as_the_spider_made_it(sandbox: Sandbox) -> None:
    """A closed gate answers a POST with a redirect; method and body come back after it."""
    request = FormRequest(f"{sandbox.url}/gater/page/1", formdata={"q": "rope"}, cb_kwargs={"n": 1}, meta={"m": 2})
    outcome = await crawl_sandbox(sandbox, lambda _: [request], gate_site(sandbox, "gater"))
    assert outcome.texts("p.received::text") == ["POST q=rope"]
    assert outcome.kwargs == [{"n": 1}]
    [page] = outcome.pages
    assert page.meta["m"] == 2
    assert "redirect_urls" not in page.meta


async def test_a_captcha_page_outside_the_sites_urls(sandbox: Sandbox) -> None:
    """A gate that redirects: the page that withholds belongs to the site of the request that was redirected."""
    site = gate_site(sandbox, "gater", urls=[f"{sandbox.url.partition('://')[2]}/gater/page"])
    outcome = await crawl_sandbox(sandbox, gate_pages(sandbox, range(5), "gater"), site)
    assert len(outcome.pages) == 5
    assert (outcome.stats["tasks_created"], outcome.stats["undeclared"]) == (1, 0)


async def test_solve_first_opens_the_gate_before_anything_is_sent(sandbox: Sandbox) -> None:
    """``geetest=True``: no page of the spider's is ever withheld."""
    outcome = await crawl_sandbox(sandbox, gate_pages(sandbox, range(8), meta={"geetest": True}), gate_site(sandbox))
    assert len(outcome.pages) == 8
    assert (outcome.stats["detected"], outcome.stats["tasks_created"]) == (0, 1)


async def test_solve_first_at_an_open_gate_buys_nothing(sandbox: Sandbox) -> None:
    """The page that would show the widget shows none."""

    def wanted(spider: RecordingSpider) -> Iterable[Request]:
        def follow(_: Any) -> Request:
            return Request(f"{sandbox.url}/gate/page/2", spider.parse, errback=spider.failed, meta={"geetest": True})

        yield Request(f"{sandbox.url}/gate/page/1", follow)

    outcome = await crawl_sandbox(sandbox, wanted, gate_site(sandbox, gate_max_age=0.001))
    assert outcome.texts("h1.title::text") == ["Page 2"]
    assert outcome.stats["tasks_created"] == 1


async def test_pages_that_are_followed_at_an_open_gate_keep_no_note(sandbox: Sandbox) -> None:
    """Their Referer is noted for a redirect; a spider sees nothing of that, and nothing is bought for them."""

    def wanted(spider: RecordingSpider) -> Iterable[Request]:
        def follow(response: Any) -> Iterable[Request]:
            for number in range(2, 5):
                yield response.follow(f"/gate/page/{number}", spider.parse, errback=spider.failed)
            yield response.follow("/plain/1", spider.parse, errback=spider.failed)

        yield Request(f"{sandbox.url}/gate/page/1", follow)

    outcome = await crawl_sandbox(sandbox, wanted, gate_site(sandbox))
    assert len(outcome.pages) == 4
    sent = [page.request for page in outcome.pages]
    assert all(one and "Referer" in one.headers and META_KEY not in one.meta for one in sent)
    assert outcome.stats["tasks_created"] == 1


async def test_a_gate_that_closes_again_is_opened_again(sandbox: Sandbox) -> None:
    """The site's session ends: the next page that is withheld buys the next solution, and none is lost."""
    sandbox.reset(solve_seconds=0.1, gate_seconds=1.0)

    def wanted(_: RecordingSpider) -> Iterable[Request]:
        yield from gate_pages(sandbox, range(12), meta={"download_slot": "slow"})

    outcome = await crawl_sandbox(
        sandbox, wanted, gate_site(sandbox), DOWNLOAD_SLOTS={"slow": {"concurrency": 1, "delay": 0.15, "jitter": 0}}
    )
    assert sorted(outcome.texts("h1.title::text")) == sorted(f"Page {number}" for number in range(12))
    opened = sandbox.books()["gates_opened"]["gate"]
    assert outcome.stats["tasks_created"] == outcome.stats["accepted"] == opened
    assert 2 <= opened <= 8


async def test_a_wrong_answer_at_a_gate(sandbox: Sandbox) -> None:
    """It is reported, the form of the new page is sent, and the waiting requests notice nothing."""
    sandbox.reset(solve_seconds=0.1, wrong=1)
    outcome = await crawl_sandbox(
        sandbox, gate_pages(sandbox, range(10)), gate_site(sandbox, detect_css="#captcha-holder")
    )
    assert len(outcome.pages) == 10
    assert [outcome.stats[name] for name in ("tasks_created", "rejected", "reported", "accepted")] == [2, 1, 1, 1]


async def test_a_gate_that_cannot_be_opened_fails_once_for_all(sandbox: Sandbox) -> None:
    """Everybody who waited or was bounced gets the reason, with its own request; nobody buys anew."""
    sandbox.reset(solve_seconds=0.1, wrong="always")
    outcome = await crawl_sandbox(
        sandbox, gate_pages(sandbox, range(10)), gate_site(sandbox), CONCURRENT_REQUESTS_PER_DOMAIN=16
    )
    assert outcome.pages == []
    assert {type(error) for error in outcome.errors} == {SolutionRejected}
    urls = {error.request.url for error in outcome.errors if isinstance(error, GeetestError)}
    assert urls == {f"{sandbox.url}/gate/page/{number}" for number in range(10)}
    assert (outcome.stats["tasks_created"], outcome.stats["gave_up"]) == (3, 10)


async def test_a_gate_that_never_lets_through_is_given_up(sandbox: Sandbox) -> None:
    """The form is accepted, the pages stay withheld: a bounded number of purchases, whatever the number of pages."""

    class Doubtful(GeetestSite):
        urls = (f"{sandbox.url.partition('://')[2]}/gate",)
        mode = "gate"
        detect_css = "h1"  # whatever comes

        def is_accepted(self, response: Response) -> bool:
            return not response.css("#captcha-holder")

    outcome = await crawl_sandbox(sandbox, gate_pages(sandbox, range(5)), Doubtful)
    assert len(outcome.errors) == 5
    assert outcome.stats["tasks_created"] <= 3


@pytest.mark.parametrize("first", [False, True])
async def test_a_gate_that_is_accepted_and_stays_closed_costs_one_solution(sandbox: Sandbox, *, first: bool) -> None:
    """The site's own rule says that the solution was taken: another one would not help."""

    class NoGate(GeetestSite):
        urls = (f"{sandbox.url.partition('://')[2]}/gate",)
        mode = "gate"
        captcha_id = sandbox.captchas["gate"]
        detect_css = "h1"  # whatever comes
        accepted_re = "."

    outcome = await crawl_sandbox(sandbox, gate_pages(sandbox, [1], meta={"geetest": True} if first else {}), NoGate)
    assert [type(error) for error in outcome.errors] == [SolutionRejected]
    assert "session_key" in str(outcome.errors[0])
    assert (outcome.stats["tasks_created"], outcome.stats["rejected"], outcome.stats["accepted"]) == (1, 0, 1)


async def test_who_waited_for_a_gate_in_vain_is_told_of_its_own_request(sandbox: Sandbox) -> None:
    """The error of each names its page, and what its gate's opener met."""
    sandbox.reset(solve_seconds=0.1, wrong="always")
    outcome = await crawl_sandbox(sandbox, gate_pages(sandbox, range(3)), gate_site(sandbox))
    for error in outcome.errors:
        assert isinstance(error, GeetestError)
        assert str(error.request) in str(error)
        assert "3 solutions were bought" in str(error)


async def test_the_gates_own_form_fails(sandbox: Sandbox) -> None:
    """The submission breaks down: an error for everybody, no second purchase for the same opening."""
    sandbox.reset(solve_seconds=0.1, faults={"submit": ["http-500", "..."]})
    outcome = await crawl_sandbox(sandbox, gate_pages(sandbox, range(3)), gate_site(sandbox), RETRY_TIMES=0)
    assert len(outcome.errors) == 3
    assert all(isinstance(error, GeetestError) for error in outcome.errors)
    assert outcome.stats["tasks_created"] == 1


async def test_the_gates_own_form_is_cut_off(sandbox: Sandbox) -> None:
    """A dropped connection while the form is sent is a ``GeetestError``, too."""
    sandbox.reset(solve_seconds=0.1, faults={"submit": ["lost-before", "..."]})
    outcome = await crawl_sandbox(sandbox, gate_pages(sandbox, range(2)), gate_site(sandbox), RETRY_TIMES=0)
    assert {type(error) for error in outcome.errors} == {SubmissionError}
    assert outcome.stats["tasks_created"] == 1


async def test_failure_can_pass_the_pages_on(sandbox: Sandbox) -> None:
    """``GEETEST_ON_FAILURE = "pass"``: bounced pages are flagged; those that waited unsent go and are flagged."""
    sandbox.reset(solve_seconds=0.1, wrong="always")
    outcome = await crawl_sandbox(
        sandbox,
        gate_pages(sandbox, range(6), meta={"handle_httpstatus_list": [403]}),
        gate_site(sandbox),
        GEETEST_ON_FAILURE="pass",
        CONCURRENT_REQUESTS_PER_DOMAIN=2,
    )
    assert [page.flags for page in outcome.pages] == [["geetest-unsolved"]] * 6
    assert outcome.stats["tasks_created"] == 3


class Rotating:
    """Loses the session of every page, as a proxy does that is another one each time."""

    def process_request(self, request: Request) -> None:
        if "/gate/page/" in request.url:
            request.headers.pop("Cookie", None)


async def test_a_gate_whose_session_never_holds_gets_a_pause(sandbox: Sandbox) -> None:
    """Every solution lets nobody through: the breaker ends that."""

    def wanted(spider: RecordingSpider) -> Iterable[Request]:
        def after(failure: Failure) -> Iterable[Request]:
            spider.failed(failure)
            if len(spider.crawl.errors) < 12:
                yield page()

        def page() -> Request:
            return Request(f"{sandbox.url}/gate/page/{len(spider.crawl.errors)}", spider.parse, errback=after)

        yield page()

    outcome = await crawl_sandbox(sandbox, wanted, gate_site(sandbox), DOWNLOADER_MIDDLEWARES={Rotating: 710})
    assert len(outcome.errors) == 12
    assert outcome.stats["tasks_created"] == outcome.stats["rejected"] <= 6
    assert outcome.stats["accepted"] == outcome.stats["reported"] == 0
    assert outcome.stats["gave_up/breaker"] >= 8


async def test_one_attempt_is_enough_for_a_session_that_ends(sandbox: Sandbox) -> None:
    """What others bought, and what let pages through, does not count against a page that comes later."""
    sandbox.reset(solve_seconds=0.1, gate_seconds=1.0)
    outcome = await crawl_sandbox(
        sandbox,
        gate_pages(sandbox, range(10), meta={"download_slot": "slow"}),
        gate_site(sandbox),
        GEETEST_MAX_ATTEMPTS=1,
        CONCURRENT_REQUESTS=1,
        GEETEST_MAX_PARKED=0,
        DOWNLOAD_SLOTS={"slow": {"concurrency": 1, "delay": 0.15, "jitter": 0}},
    )
    assert len(outcome.pages) == 10
    assert sandbox.books()["gates_opened"]["gate"] >= 2


class ByMarkup:
    """Makes of a redirect to a captcha page one by ``<meta http-equiv="refresh">``."""

    def process_response(self, request: Request, response: Response) -> Response:
        if response.status != 302 or "/gater/page/" not in request.url:
            return response
        to = response.urljoin((response.headers["Location"] or b"").decode())
        body = f'<html><head><meta http-equiv="refresh" content="0;url={to}"></head></html>'
        return HtmlResponse(response.url, body=body.encode(), encoding="utf-8")


async def test_a_gate_that_leads_to_its_captcha_page_by_markup(sandbox: Sandbox) -> None:
    """The request before the refresh is the one that goes again."""
    outcome = await crawl_sandbox(
        sandbox,
        gate_pages(sandbox, range(3), "gater"),
        gate_site(sandbox, "gater"),
        DOWNLOADER_MIDDLEWARES={ByMarkup: 610},
    )
    assert sorted(outcome.texts("h1.title::text")) == ["Page 0", "Page 1", "Page 2"]
    assert outcome.stats["tasks_created"] == 1
    assert not any(META_KEY in page.meta for page in outcome.pages)


@pytest.mark.parametrize("gate", ["gate", "gater"])
async def test_a_crawl_that_ends_at_a_closed_gate_is_resumed(sandbox: Sandbox, tmp_path: Path, gate: str) -> None:
    """Also a request that was redirected to the captcha page comes back as the spider made it."""
    sandbox.reset(solve_seconds=60.0)
    job: dict[str, Any] = {"JOBDIR": str(tmp_path), "GEETEST_FIRST_POLL": 0.3}
    stopped = await crawl_sandbox(
        sandbox, gate_pages(sandbox, range(6), gate), gate_site(sandbox, gate), CLOSESPIDER_TIMEOUT=2, **job
    )
    assert (stopped.pages, stopped.errors, stopped.stats["tasks_abandoned"]) == ([], [], 1)
    sandbox.reset(solve_seconds=0.1)
    outcome = await crawl_sandbox(sandbox, lambda _: [], gate_site(sandbox, gate), **job)
    assert sorted(outcome.texts("h1.title::text")) == [f"Page {number}" for number in range(6)]
    assert outcome.stats["tasks_created"] == 1


async def test_a_crawl_that_ends_while_the_gates_form_is_on_its_way_is_resumed(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """That is the end of the crawl, and no failure of the gate."""
    sandbox.reset(solve_seconds=0.1, faults={"submit": ["hang"]})
    job: dict[str, Any] = {"JOBDIR": str(tmp_path), "DOWNLOAD_TIMEOUT": 4, "RETRY_TIMES": 0}
    stopped = await crawl_sandbox(
        sandbox, gate_pages(sandbox, range(3)), gate_site(sandbox), CLOSESPIDER_TIMEOUT=2, **job
    )
    assert (stopped.pages, stopped.errors, stopped.stats["gave_up"]) == ([], [], 0)
    sandbox.reset(solve_seconds=0.1)
    outcome = await crawl_sandbox(sandbox, lambda _: [], gate_site(sandbox), **job)
    assert len(outcome.pages) == 3


class ToElsewhere:
    """Lets one site redirect to another."""

    to: ClassVar[str]

    def process_response(self, request: Request, response: Response) -> Response:
        if "/plain/" not in request.url:
            return response
        return response.replace(status=302, headers={"Location": self.to})


@pytest.mark.parametrize("path", ["/gate/page/1", "/v3/search?q=rope"])
async def test_a_redirect_from_one_declared_site_to_another(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """What comes is judged and solved by the rules of the site that it is from."""
    monkeypatch.setattr(ToElsewhere, "to", sandbox.url + path, raising=False)
    at = host(sandbox)
    sites = [
        {"name": "first", "urls": [f"{at}/plain"], "mode": "gate"},
        gate_site(sandbox),
        {"name": "search", "urls": [f"{at}/v3"], "challenge_url": "/v3/gt/register-slide", "accepted_css": ".query"},
    ]
    outcome = await crawl_sandbox(
        sandbox, requests(sandbox, "/plain/1"), *sites, DOWNLOADER_MIDDLEWARES={ToElsewhere: 610}
    )
    assert [page.status for page in outcome.pages] == [200]
    assert (outcome.errors, outcome.stats["tasks_created"], outcome.stats["accepted"]) == ([], 1, 1)


async def test_a_refused_form_is_no_page_to_fetch_a_challenge_from(sandbox: Sandbox) -> None:
    """A challenge that is rendered into the page comes from the page, not from the address of its form."""
    sandbox.reset(solve_seconds=0.1, wrong=1)
    url = f"{sandbox.url}/inline/article/1"
    for mode in ("form", "gate"):
        sandbox.reset(solve_seconds=0.1, wrong=1)
        site = {"urls": [f"{host(sandbox)}/inline"], "mode": mode, "accepted_re": "tide tables"}
        outcome = await crawl_sandbox(sandbox, lambda _: [Request(url)], site, GEETEST_MAX_ATTEMPTS=2)
        assert (outcome.stats["rejected"], outcome.stats["accepted"]) == (1, 1)
        assert [task["task"]["websiteURL"] for task in sandbox.books()["tasks"]] == [url, url]

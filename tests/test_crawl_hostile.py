"""Whole crawls of sites that mean harm: refused before anything is paid, with a bound on what it takes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field
from fault_crawl import quick
from sandbox_crawl import crawl_sandbox, search_site, searches
from scrapy import FormRequest, Request
from twisted.web.resource import Resource
from twisted.web.server import Site

from scrapy_geetest import ChallengeError, GeetestError, SolveError, SubmissionError
from scrapy_geetest._crawl import downloads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crawl import Crawl

    from scrapy_geetest.sandbox import Sandbox


def _refused(outcome: Crawl, kind: type[GeetestError]) -> str:
    """The words of the one error that the crawl ended in."""
    assert outcome.pages == []
    [error] = outcome.errors
    assert type(error) is kind
    return str(error)


@pytest.mark.parametrize("fault", ["huge", "gzip-bomb"])
async def test_a_register_answer_that_never_fits_is_cut_off(sandbox: Sandbox, fault: str) -> None:
    """A hundred megabytes, or as much in a gzip, are not read though ``DOWNLOAD_MAXSIZE`` would let them in."""
    sandbox.reset(solve_seconds=0.1, faults={"register": [fault, "..."]})
    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), search_site(sandbox))
    assert "No fresh challenge" in _refused(outcome, ChallengeError)
    assert sandbox.books()["created"]["total"] == 0
    assert outcome.all_stats["downloader/response_bytes"] < downloads.MAX_BYTES
    assert outcome.all_stats.get("httpcompression/response_bytes", 0) < downloads.MAX_BYTES


async def test_a_percent_sign_in_a_proxys_password_is_refused_before_anything_is_sent(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """The service would refuse and ban for it. Nothing is fetched, nothing bought, the password not named."""
    meta = {"geetest": True, "proxy": "http://ann:100%25sure@198.51.100.7:8080"}
    request = FormRequest(f"{sandbox.url}/v3/search", formdata={"q": "rope"}, meta=meta)
    outcome = await crawl_sandbox(sandbox, [request], search_site(sandbox), GEETEST_PASS_PROXY=True)
    assert "%" in _refused(outcome, SolveError)
    [error] = outcome.errors
    assert isinstance(error, SolveError)
    assert error.code == "ERROR_PROXY_CREDENTIALS_INVALID_CHARACTER"
    books = sandbox.books()
    assert (books["created"], books["calls"], books["pages"], books["registers"]) == ({"total": 0}, {}, {}, [])
    assert "100%sure" not in f"{error!r} {caplog.text}"
    assert "100%25sure" not in f"{error!r}"


async def test_what_came_to_nothing_is_told_with_its_tasks(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """The last word on a request names every task that it cost, what is billed, and what may have been."""
    faults = {"createTask": ["lost-after"], "getTaskResult": ["ERROR_TOKEN_EXPIRED", "..."]}
    sandbox.reset(solve_seconds=0.1, faults=faults)
    with quick():
        outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), search_site(sandbox))
    words = _refused(outcome, SolveError)
    lost, *known = [str(task["id"]) for task in sandbox.books()["tasks"]]
    assert (
        f"Tasks that came to nothing: {', '.join(known)}, of which 2 billed like a solution; 1 more may have" in words
    )
    assert lost not in words
    assert "challenge_request" in words  # what to do about it
    assert f"gave up: {words}" in caplog.text


PAGE = b"<html><form action=/go method=post><div id=captcha-holder></div><input type=hidden name=q value=rope></form></html>"


@define(slots=False)
class _Redirecting(Resource):
    """A site that withholds its page, and redirects its register endpoint and its form.

    Attributes:
        where: What it redirects to.
        status: How.
        seen: Method, path and body of what it got, and whether headers held a solution.
    """

    where: str = ""
    status: int = 302
    seen: list[tuple[str, str, bytes, bool]] = field(factory=list)
    isLeaf = True  # noqa: N815  # Twisted's name

    def __attrs_pre_init__(self) -> None:
        Resource.__init__(self)  # type: ignore[no-untyped-call]  # Twisted's

    def render(self, request: Any) -> bytes:
        has_solution = request.requestHeaders.hasHeader("lot_number")
        path, body = request.path.decode(), request.content.read()
        self.seen.append((request.method.decode(), path, body, has_solution))
        if path in {"/register", "/go"} or has_solution:
            request.setResponseCode(self.status)
            request.setHeader("location", self.where)
            return b""
        request.setHeader("content-type", "text/html")
        return PAGE if path == "/page" else b"<html><h1>elsewhere</h1></html>"


@contextmanager
def _listening(resource: Resource) -> Iterator[str]:
    from twisted.internet import reactor

    running: Any = reactor
    port = running.listenTCP(0, Site(resource), interface="127.0.0.1")  # type: ignore[no-untyped-call]  # Twisted's
    try:
        yield f"http://127.0.0.1:{port.getHost().port}"
    finally:
        port.stopListening()


async def _redirected(
    sandbox: Sandbox, *, declared: bool, status: int = 302, **site: Any
) -> tuple[Crawl, _Redirecting]:
    """Crawl a site that redirects to another origin; what became of it, and what the other origin got."""
    here, elsewhere = _Redirecting(status=status), _Redirecting()
    with _listening(here) as url, _listening(elsewhere) as other:
        here.where = f"{other}/elsewhere"
        urls = [url.partition("://")[2], *([other.partition("://")[2]] if declared else [])]
        own = {"name": "here", "urls": urls, "detect_css": "#captcha-holder", **site}
        return await crawl_sandbox(sandbox, [Request(f"{url}/page")], own, RETRY_TIMES=0), elsewhere


@pytest.mark.parametrize("declared", [False, True])
async def test_a_register_endpoint_cannot_send_the_plugin_elsewhere(sandbox: Sandbox, declared: bool) -> None:  # noqa: FBT001  # a parameter
    """A redirect out of the declared sites is not followed: the page does not choose what is fetched."""
    outcome, elsewhere = await _redirected(sandbox, declared=declared, challenge_url="/register")
    words = _refused(outcome, ChallengeError)
    assert ("belongs to no declared site" in words) is not declared
    assert len(elsewhere.seen) == declared
    assert sandbox.books()["created"]["total"] == 0


@pytest.mark.parametrize(("status", "way"), [(307, "form"), (308, "json"), (302, "headers")])
async def test_a_solution_is_not_redirected_to_somebody_else(sandbox: Sandbox, status: int, way: str) -> None:
    """A redirect that keeps body or headers would hand it on: refused, with the task's id."""
    here, elsewhere = _Redirecting(status=status), _Redirecting()
    with _listening(here) as url, _listening(elsewhere) as other:
        here.where = f"{other}/elsewhere"
        site = {
            "name": "here",
            "urls": [url.partition("://")[2]],
            "captcha_id": sandbox.captchas["v4-api"],
            "submit_as": way,
        }
        page = "page" if way == "headers" else "go"
        request = Request(f"{url}/{page}", method="GET" if way == "headers" else "POST", meta={"geetest": True})
        outcome = await crawl_sandbox(sandbox, [request], site)
    [task] = sandbox.books()["tasks"]
    words = _refused(outcome, SubmissionError)
    assert f"task {task['id']}" in words
    assert "belongs to no declared site" in words
    assert elsewhere.seen == []
    assert outcome.stats["gave_up/submission"] == 1


async def test_a_redirect_that_leaves_the_solution_behind_is_followed(sandbox: Sandbox) -> None:
    """After its form was sent a site may lead anywhere, as with any form."""
    outcome, elsewhere = await _redirected(sandbox, declared=False, captcha_id=sandbox.captchas["v4-api"])
    assert outcome.errors == []
    assert outcome.texts("h1::text") == ["elsewhere"]
    assert elsewhere.seen == [("GET", "/elsewhere", b"", False)]


async def test_a_solution_that_is_not_delivered_is_told_with_its_task(sandbox: Sandbox) -> None:
    """When Scrapy's retries are over, the errback gets one ``GeetestError`` with the task's id, and its cause."""
    sandbox.reset(solve_seconds=0.1, faults={"submit": ["lost-before", "..."]})
    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), search_site(sandbox), GEETEST_FIRST_POLL=0.1)
    [task] = sandbox.books()["tasks"]
    assert f"The solution of task {task['id']}" in _refused(outcome, SubmissionError)
    assert outcome.errors[0].__cause__ is not None
    assert outcome.stats["gave_up/submission"] == outcome.stats["gave_up"] == 1
    assert sandbox.books()["faults"] == {"submit:lost-before": 2}

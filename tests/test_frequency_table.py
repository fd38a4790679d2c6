"""Every row of two tables of how real sites use GeeTest: where the browser gets the parameters, how the answer is sent.

Each case is a whole crawl: of the sandbox where it has such a site, else of a small site of the test process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from frequency_table import HOW_V3, HOW_V4, OWN, SANDBOX, STORED, WHERE
from sandbox_crawl import crawl_sandbox, host
from scrapy.http import HtmlResponse
from table_site import ID, PAGES, TableSite

from scrapy_geetest import GeetestSite, signals
from scrapy_geetest._pages.widget import find_widgets
from scrapy_geetest.challenge import solution_values

if TYPE_CHECKING:
    from scrapy_geetest.challenge import Solution
    from scrapy_geetest.sandbox import Sandbox

pytestmark = pytest.mark.exhaustive


def test_every_row_has_a_case() -> None:
    """All that the tables list occurs, each way of sending for the versions that it was seen with."""
    where = {row.where for row in OWN.values()} | {case[0] for case in SANDBOX.values()}
    assert where | {STORED} == set(WHERE)
    for version, rows in ((3, HOW_V3), (4, HOW_V4)):
        own = {row.how for row in OWN.values() if row.case.version == version}
        sandboxed = {case[1] for case in SANDBOX.values() if case[2] == version}
        assert own | sandboxed == set(rows)


@pytest.mark.parametrize("name", OWN)
async def test_row_of_the_own_site(name: str, sandbox: Sandbox) -> None:
    """One task, and the site gets exactly its solution, where and as it wants it; the spider gets the content."""
    row = OWN[name]
    solutions: list[Solution] = []

    def prepare(crawler: Any) -> None:
        def solved(solution: Solution) -> None:
            solutions.append(solution)

        crawler.signals.connect(solved, signals.challenge_solved, weak=False)

    with TableSite.of(sandbox, [row.case]) as site:
        declared = row.cls(name="row", urls=site.host, **row.declared)
        outcome = await crawl_sandbox(sandbox, [row.request(site.url)], declared, prepare=prepare)
    assert outcome.errors == []
    assert outcome.texts(".content::text") == [row.case.name]
    [solution] = solutions
    [received] = site.received[row.case.name]
    values = solution_values(solution)
    assert received == {key: values[key] for key in received}
    assert (outcome.stats["tasks_created"], outcome.stats["accepted"], outcome.stats["rejected"]) == (1, 1, 0)


@pytest.mark.parametrize("name", SANDBOX)
async def test_row_of_the_sandbox(name: str, sandbox: Sandbox) -> None:
    """One task, and GeeTest's own server SDK, or the documented signature, finds its solution right."""
    _, _, _, attributes, request = SANDBOX[name]
    site = {"name": "row", "urls": host(sandbox), **attributes}
    outcome = await crawl_sandbox(sandbox, [request(sandbox.url)], site)
    assert (outcome.errors, len(outcome.pages)) == ([], 1)
    assert (outcome.stats["tasks_created"], outcome.stats["accepted"], outcome.stats["rejected"]) == (1, 1, 0)
    assert sandbox.books()["submissions"][name]["accepted"] == 1


@pytest.mark.parametrize(
    ("page", "gt", "challenge", "captcha_id", "register"),
    [
        ("comments-v3-nested.html", None, None, None, "/comments/captcha/start?t={timestamp}"),
        ("ticket-v3-global.html", ID, "5e9f3c1d7a2b4e6f8091a2b3c4d5e6f7", None, None),
        ("article-v3-rendered.html", ID, "5e9f3c1d7a2b4e6f8091a2b3c4d5e6f7", None, None),
        ("booking-v4-rendered.html", None, None, ID, None),
        ("forum-v4-linked-script.html", None, None, None, None),
        ("stock-v4-config.html", None, None, None, "/stock/api/settings?t={timestamp}"),
        ("archive-v4-literal.html", None, None, ID, None),
    ],
)
def test_what_a_page_shows(
    page: str, gt: str | None, challenge: str | None, captcha_id: str | None, register: str | None
) -> None:
    """Where the browser gets the parameters: literals are read, expressions are not, the endpoint is a hint."""
    body = (PAGES / page).read_bytes()
    [widget] = find_widgets(body)
    assert (widget.gt, widget.challenge, widget.captcha_id, widget.register_url) == (
        gt,
        challenge,
        captcha_id,
        register,
    )
    site = GeetestSite(urls="example.com")
    assert site.is_challenge(HtmlResponse("https://example.com/", body=body, status=403))
    asks_to_type = page == "booking-v4-rendered.html"
    assert site.is_challenge(HtmlResponse("https://example.com/", body=body)) != asks_to_type

"""Whole crawls that write a report: its figures are those of the statistics, and of the sandbox's books."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from crawl import RecordingSpider
from report_page import ReportPage
from sandbox_crawl import (
    crawl_sandbox,
    gate_pages,
    gate_site,
    host,
    requests,
    search_site,
    searches,
    service,
    several,
)
from scrapy import Request
from scrapy.settings import Settings
from scrapy.utils.test import get_crawler

from scrapy_geetest import GeetestMiddleware
from scrapy_geetest._assembly import assemble
from scrapy_geetest._attempt.books import Books
from scrapy_geetest._report import books as report_books
from scrapy_geetest._report import reporter
from scrapy_geetest.settings import Config

if TYPE_CHECKING:
    from crawl import Crawl
    from scrapy.http import Response

    from scrapy_geetest.sandbox import Sandbox

TESTS = Path(__file__).parent


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def _equal_books(shown: ReportPage, outcome: Crawl, sandbox: Sandbox) -> None:
    """What everything has to agree on."""
    assert shown.figures == outcome.stats
    books = sandbox.books()
    assert shown.tiles["Bought"] == str(outcome.stats["tasks_created"]) == str(books["created"]["total"])
    columns = {"Accepted": "accepted", "Refused": "rejected", "Unverified": "unverified", "Unused": "unused"}
    sites = shown.rows("By site").values()
    for column, stat in {**columns, "Bought": "tasks_created"}.items():
        assert sum(int(row[column]) for row in sites) == outcome.stats[stat], column
        assert shown.tiles[column] == str(outcome.stats[stat])
    times = shown.rows("Solve times").values()
    assert sum(int(row["Solutions"]) for row in times) == outcome.stats["tasks_solved"]


async def test_the_figures_of_a_crawl(sandbox: Sandbox, tmp_path: Path) -> None:
    """Two sites, two refusals; a folder that is not there yet is made."""
    sandbox.reset(solve_seconds=0.1, wrong=2)
    path = tmp_path / "reports" / "report.html"
    wanted = [*searches(sandbox, "rope", "knot", "hook"), *gate_pages(sandbox, range(5))]
    sites = (search_site(sandbox), gate_site(sandbox))
    outcome = await crawl_sandbox(sandbox, wanted, *sites, GEETEST_REPORT=str(path), CONCURRENT_REQUESTS=1)
    shown = ReportPage.at(path)
    _equal_books(shown, outcome, sandbox)
    assert (outcome.stats["accepted"], outcome.stats["rejected"]) == (4, 2)
    assert shown.tiles["Cost"] == "0.0036 USD"
    assert [row["Cost"] for row in shown.rows("By site").values()] in (
        ["0.0024 USD", "0.0012 USD"],
        ["0.003 USD", "0.0006 USD"],
    )
    assert "ended: finished" in shown.text
    assert [attempt["Verdict"].partition(":")[0] for attempt in shown.attempts] == ["refused", "refused"]


async def test_a_refusal_with_its_evidence(sandbox: Sandbox, tmp_path: Path) -> None:
    """Time, page, source of the challenge, fields, the answer's status and words, and the rule."""
    sandbox.reset(solve_seconds=0.1, wrong="always")
    path = tmp_path / "report.html"
    site = search_site(sandbox, refused_re="not passed")
    outcome = await crawl_sandbox(
        sandbox, searches(sandbox, "rope"), site, GEETEST_REPORT=str(path), GEETEST_MAX_ATTEMPTS=2
    )
    shown = ReportPage.at(path)
    _equal_books(shown, outcome, sandbox)
    first, second = shown.attempts
    assert first["Page"] == f"{sandbox.url}/v3/search?q=rope"
    assert first["Challenge from"] == f"{sandbox.url}/v3/gt/register-slide"
    assert first["Sent to"] == f"POST {sandbox.url}/v3/search/verify"
    assert "geetest_validate = " in first["Solution in"]
    assert "characters)" in first["Solution in"]
    assert first["Answer"].startswith("status ")
    assert first["Words in it"]
    assert first["Task"].endswith("at capmonster, solution 1 for this request")
    assert second["Task"].endswith("solution 2 for this request")
    gave_up = shown.rows("Requests that ended without their page")["rejected"]
    assert gave_up["How often"] == "1"
    assert gave_up["What to do"]


async def test_unverified_solutions_of_every_kind(sandbox: Sandbox, tmp_path: Path) -> None:
    """An answer that tells nothing, none at all, and one that was handed to a spider."""
    path = tmp_path / "report.html"

    async def asks(spider: Any, response: Response) -> None:
        await spider.crawler.get_downloader_middleware(GeetestMiddleware).solve(response)

    def wanted(spider: RecordingSpider) -> list[Request]:
        async def parse(response: Response) -> None:
            await asks(spider, response)

        return [
            Request(f"{sandbox.url}/answers/v4/thanks?q=rope"),
            Request(f"{sandbox.url}/v3/search?q=knot", meta={"geetest": False}, callback=parse),
        ]

    site = {"name": "answers", "urls": [f"{host(sandbox)}/answers"]}
    outcome = await crawl_sandbox(
        sandbox, wanted, site, search_site(sandbox), GEETEST_REPORT=str(path), HTTPERROR_ALLOW_ALL=True
    )
    shown = ReportPage.at(path)
    _equal_books(shown, outcome, sandbox)
    assert len(shown.attempts) == outcome.stats["unverified"] > 0
    assert "solve()" in shown.text


async def test_an_answer_that_never_came(sandbox: Sandbox, tmp_path: Path) -> None:
    """It is unverified, and the cause is among the failures."""
    sandbox.reset(solve_seconds=0.1, faults={"submit": ["closed", "..."]})
    path = tmp_path / "report.html"
    outcome = await crawl_sandbox(
        sandbox, searches(sandbox, "rope"), search_site(sandbox), GEETEST_REPORT=str(path), RETRY_ENABLED=False
    )
    shown = ReportPage.at(path)
    _equal_books(shown, outcome, sandbox)
    [attempt] = shown.attempts
    assert (attempt["Answer"], attempt["Verdict"]) == ("none", "unverified: no answer")
    assert set(shown.rows("Requests that ended without their page")) == {"submission"}


async def test_failures_with_their_cure(sandbox: Sandbox, tmp_path: Path) -> None:
    """Of the service: by code, with its advice; the reason why the spider was closed is on top."""
    sandbox.reset(
        solve_seconds=0.1, faults={"getTaskResult": ["ERROR_CAPTCHA_UNSOLVABLE"]}, balance=0.0006, price=0.0006
    )
    path = tmp_path / "report.html"
    outcome = await crawl_sandbox(
        sandbox,
        searches(sandbox, "rope", "knot"),
        search_site(sandbox),
        GEETEST_REPORT=str(path),
        GEETEST_MAX_CONCURRENT_SOLVES=1,  # the account is empty when the first task has come to nothing
    )
    shown = ReportPage.at(path)
    assert shown.figures == outcome.stats
    assert outcome.reason == "geetest_zero_balance"
    assert "The spider was closed: geetest_zero_balance." in shown.page.css(".notes").xpath("string()").getall()[0]
    created = shown.rows("Calls to the service that created no task")
    assert (
        created["ERROR_ZERO_BALANCE"]["What to do"] == "Top up the account at the service, then start the crawl again."
    )
    failed = shown.rows("Tasks that the service did not solve")
    assert failed["ERROR_CAPTCHA_UNSOLVABLE"]["How often"] == "1"
    assert failed["ERROR_CAPTCHA_UNSOLVABLE"]["What to do"]


async def test_several_services_each_in_its_currency(sandbox: Sandbox, tmp_path: Path) -> None:
    """What is paid in different currencies is not added up."""
    path = tmp_path / "report.html"
    site = {
        "services": ["rucaptcha"],
        "name": "other",
        "urls": [f"{host(sandbox)}/v3/search"],
        "challenge_url": "/v3/gt/register-slide",
    }
    outcome = await crawl_sandbox(
        sandbox,
        [*searches(sandbox, "rope"), *gate_pages(sandbox, [1])],
        *(site, gate_site(sandbox)),
        GEETEST_REPORT=str(path),
        GEETEST_SERVICES=several(sandbox, "capmonster", "rucaptcha"),
    )
    shown = ReportPage.at(path)
    assert shown.figures == outcome.stats
    services = shown.rows("By solving service")
    assert [row["Bought"] for row in services.values()] == ["1", "1"]
    assert services["capmonster"]["Cost"].endswith(" USD")
    assert services["rucaptcha"]["Cost"].endswith(" RUB")
    assert " + " in shown.tiles["Cost"]


async def test_a_crawl_of_several_runs_has_one_report(sandbox: Sandbox, tmp_path: Path) -> None:
    """With ``JOBDIR``: a row for each run, and all of them together."""
    path = tmp_path / "report.html"
    outcomes = [
        await crawl_sandbox(
            *(sandbox, searches(sandbox, *words), search_site(sandbox)),
            GEETEST_REPORT=str(path),
            JOBDIR=str(tmp_path / "job"),
        )
        for words in (("rope", "knot"), ("hook",))
    ]
    shown = ReportPage.at(path)
    together = {
        name: sum(outcome.stats[name] for outcome in outcomes) for name in ("tasks_created", "accepted", "polls")
    }
    assert {name: shown.figures[name] for name in together} == together
    assert shown.figures["solve_ms_max"] == max(outcome.stats["solve_ms_max"] for outcome in outcomes)
    rows = shown.rows("The crawl was stopped and went on (JOBDIR)")
    assert [row["Accepted"] for row in rows.values()] == ["2", "1"]
    assert shown.tiles["Accepted"] == "3"
    assert [row["Bought"] for row in shown.rows("By site").values()] == ["3"]


@pytest.mark.parametrize("content", ["{", "[]", '{"version": 0}', '{"version": 1, "runs": 3}'])
async def test_a_damaged_state_is_no_reason_to_stop(
    sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    """The report begins anew, and says so."""
    job = tmp_path / "job"
    job.mkdir()
    (job / "geetest-report.json").write_text(content)
    path = tmp_path / "report.html"
    await crawl_sandbox(sandbox, [], search_site(sandbox), GEETEST_REPORT=str(path), JOBDIR=str(job))
    assert "the report starts over" in caplog.text
    assert ReportPage.at(path).tiles["Bought"] == "0"


KILLED = """
import sys
from crawl import RecordingSpider, SETTINGS, Crawl
from scrapy.crawler import AsyncCrawlerProcess
from scrapy import Request
from scrapy_geetest._report import reporter
import json

reporter.EVERY = 0.0
url, settings = json.loads(sys.argv[1])
process = AsyncCrawlerProcess({**SETTINGS, **settings})
wanted = [Request(f"{url}/v3/search?q=w{number}") for number in range(200)]
process.crawl(RecordingSpider, crawl=Crawl(), wanted=lambda spider: wanted)
process.start()
"""


@pytest.mark.exhaustive
def test_a_killed_crawl_has_a_report(sandbox: Sandbox, tmp_path: Path) -> None:
    """``kill -9``: the last one that was written is whole, and says that the crawl was running."""
    sandbox.reset(solve_seconds=0.1, wrong=1)
    path = tmp_path / "report.html"
    settings = {
        **service(sandbox),
        "GEETEST_SITES": [search_site(sandbox)],
        "GEETEST_REPORT": str(path),
        "CONCURRENT_REQUESTS": 2,
    }
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, json.dumps([sandbox.url, settings])], env=environ, stderr=subprocess.DEVNULL
    ) as crawling:
        deadline = time.monotonic() + 60
        while not (
            path.exists() and ">0</dd>" in path.read_text() and ReportPage.at(path).tiles["Accepted"] not in ("", "0")
        ):
            assert time.monotonic() < deadline
            assert crawling.poll() is None
            time.sleep(0.05)
        crawling.kill()
    shown = ReportPage.at(path)
    assert shown.text.endswith("</html>")
    assert "running when this was written" in shown.text
    assert int(shown.tiles["Accepted"]) > 0
    assert shown.figures["tasks_created"] == int(shown.tiles["Bought"])


async def test_a_report_that_cannot_be_written_is_said_once(
    sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The crawl goes on."""
    monkeypatch.setattr(reporter, "EVERY", 0.0)
    folder = tmp_path / "reports"

    class Breaking(RecordingSpider):
        async def start(self) -> Any:
            folder.rename(tmp_path / "gone")
            async for request in super().start():
                yield request

    report = str(folder / "report.html")
    wanted, site = searches(sandbox, "rope"), search_site(sandbox)
    outcome = await crawl_sandbox(sandbox, wanted, site, spider=Breaking, GEETEST_REPORT=report)
    assert outcome.stats["accepted"] == 1
    assert caplog.text.count("the report could not be written") == 1


async def test_evidence_that_cannot_be_kept(
    sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attempt is counted and shown without it, and its request goes on."""

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a mistake of this package")

    monkeypatch.setattr(report_books, "attempt_of", fail)
    sandbox.reset(solve_seconds=0.1, wrong=1)
    path = tmp_path / "report.html"
    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), search_site(sandbox), GEETEST_REPORT=str(path))
    shown = ReportPage.at(path)
    _equal_books(shown, outcome, sandbox)
    assert (outcome.stats["accepted"], outcome.stats["rejected"]) == (1, 1)
    [attempt] = shown.attempts
    assert attempt["Verdict"] == "refused: its evidence could not be kept; see the log"
    assert "the evidence of task" in caplog.text


def _middleware(**settings: Any) -> GeetestMiddleware:
    told = {"GEETEST_SITES": [{"urls": ["shop.test"]}], "GEETEST_API_KEY": "k" * 32, **settings}
    return GeetestMiddleware.from_crawler(get_crawler(settings_dict=told))


@pytest.mark.parametrize("place", ["", "file/report.html"])
def test_a_place_that_cannot_be_written_to_stops_the_crawl(tmp_path: Path, place: str) -> None:
    """At start, before anything is bought."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="Name another file in GEETEST_REPORT: the report cannot be written to "):
        _middleware(GEETEST_REPORT=str(tmp_path / place))


async def test_the_name_of_the_spider_and_the_time_in_its_path(sandbox: Sandbox, tmp_path: Path) -> None:
    """As in ``FEEDS``; nothing else is left in the folder."""
    await crawl_sandbox(sandbox, [], search_site(sandbox), GEETEST_REPORT=tmp_path / "%(name)s-100%%-%(time)s.html")
    [name] = _names(tmp_path)
    assert name.startswith("recording-100%-20")


def test_without_the_setting_nothing_is_kept() -> None:
    """The books are the plain ones."""
    settings = Settings({"GEETEST_SITES": [{"urls": ["shop.test"]}], "GEETEST_API_KEY": "k" * 32})
    parts = assemble(get_crawler(), Config.from_settings(settings, environ={}), GeetestMiddleware)
    assert type(parts.common.books) is Books


async def test_the_report_says_what_else_came(sandbox: Sandbox, tmp_path: Path) -> None:
    """Pages that nothing withheld are counted, and a crawl without a CAPTCHA has a report as well."""
    path = tmp_path / "report.html"
    await crawl_sandbox(sandbox, requests(sandbox, "/"), search_site(sandbox), GEETEST_REPORT=str(path))
    shown = ReportPage.at(path)
    assert "No challenge page was met; nothing was bought." in shown.text
    assert "1 page came in" in shown.text
    assert "Nothing needs your attention." in shown.text

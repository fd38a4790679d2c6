"""What a report is made of: bounded, whatever comes; and a page that loads nothing and runs nothing."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
import report_examples as examples
from attrs import evolve
from parsel import Selector
from report_page import ReportPage

from scrapy_geetest._redaction import public
from scrapy_geetest._report import causes, words
from scrapy_geetest._report.attempts import KEPT, KINDS, Attempts
from scrapy_geetest._report.causes import MOST, Causes
from scrapy_geetest._report.distribution import Distribution
from scrapy_geetest._report.files import Files
from scrapy_geetest._report.history import RUNS, History
from scrapy_geetest._report.page import page_of
from scrapy_geetest._report.timeline import SPANS, Timeline

EXAMPLES = {"empty": examples.empty, "full": examples.full, "bad": examples.bad}


def _page(history: History) -> ReportPage:
    return ReportPage(page_of(history, examples.START + 5_000))


def test_all_attempts_are_kept_as_long_as_there_is_room() -> None:
    """Then a sample of each kind, and the number of each."""
    attempts = Attempts()
    for number in range(KEPT):
        attempts.add(examples.refused(float(number)))
    assert attempts.kept == attempts.count == KEPT
    rare = examples.unverified(1.0)
    attempts.add(rare)
    for number in range(3 * KEPT):
        attempts.add(examples.refused(float(number)))
    assert (attempts.kept, attempts.count) == (KEPT, 4 * KEPT + 1)
    assert [kind.kept for kind in attempts.kinds.values()][1] == [rare]
    [many, _] = attempts.kinds.values()
    assert max(one.at for one in many.kept) > 2 * KEPT  # not only the first ones


def test_kinds_are_bounded() -> None:
    """An answer that differs each time makes no kind of its own each time."""
    attempts = Attempts()
    for number in range(2 * KINDS):
        attempts.add(examples.refused(1.0, rule=f"refused_re 'error {number}'"))
    assert len(attempts.kinds) == 1
    for number in range(2 * KINDS):
        attempts.add(examples.refused(1.0, site="site " + "x" * number))
    assert len(attempts.kinds) == KINDS + 1
    assert attempts.count == 4 * KINDS


def test_causes_are_bounded() -> None:
    """Those beyond count as one more."""
    met = Causes()
    for number in range(3 * MOST):
        met.add(causes.FAILED, f"ERROR_{number}", "no")
    assert len(met.of(causes.FAILED)) == MOST + 1
    assert met.of(causes.FAILED)[0].count == 2 * MOST


def test_a_distribution() -> None:
    """Shares to a tenth of a second, and bars of a round width."""
    times = Distribution()
    for milliseconds in [*range(10_000, 20_000, 100), 10**9]:
        times.add(milliseconds)
    assert (times.count, times.share(0.5), times.share(0.9)) == (101, 15.1, 19.1)
    assert sum(bar.count for bar in times.bars()) == 101
    assert [(bar.start, bar.end, bar.count) for bar in Distribution.from_json({"3": 2, "4": 1}).bars()] == [
        *((0.3, 0.4, 2), (0.4, 0.5, 1)),
    ]
    assert (Distribution().bars(), Distribution().share(0.5)) == ([], 0.0)


def test_a_timeline_of_any_length() -> None:
    """The spans grow; nothing of what was seen is lost."""
    timeline = Timeline()
    for second in range(100_000):
        timeline.add(float(second), pages=2, waiting=3, is_idle=second % 2 == 1)
    assert len(timeline.spans) <= SPANS
    total = timeline.total()
    assert (total.pages, total.most, round(total.idle)) == (200_000, 3, 50_000)
    assert round(total.waited) == 3 * 99_999


def test_a_machine_that_slept() -> None:
    """A long gap between two looks."""
    timeline = Timeline()
    timeline.add(1.0, pages=1, waiting=0, is_idle=False)
    timeline.add(10_000.0, pages=1, waiting=0, is_idle=False)
    assert len(timeline.spans) <= SPANS
    assert timeline.total().pages == 2


def test_a_history_is_the_same_after_it_was_written_down() -> None:
    """As plain data; without the timeline, which is that of the last run."""
    history = examples.bad()
    read = History.from_json(json.loads(json.dumps(history.to_json())), history.spider, history.currencies)
    assert read.to_json() == history.to_json()
    assert read.copy().to_json() == history.to_json()


@pytest.mark.parametrize(
    ("jobdir", "storage", "state"),
    [
        (None, "memory://", None),
        (None, "redis://localhost", None),
        ("job", "memory://", "job/geetest-report.json"),
        ("job", "file:///var/lib/gates", "job/geetest-report.json"),
        (None, "file:///var/lib/the%20gates.db", "/var/lib/the gates.db.shop.geetest-report.json"),
    ],
)
def test_where_several_runs_meet(tmp_path: Path, jobdir: str | None, storage: str, state: str | None) -> None:
    """In ``JOBDIR``, or beside the file of the storage."""
    report = str(tmp_path / "report.html")
    files = Files.prepare(report, jobdir=jobdir, storage_uri=storage, spider="shop", now=0.0)
    assert files.state == (None if state is None else Path(state))


def test_runs_are_bounded() -> None:
    """Those before the last fifty are one, and the figures are those of all."""
    history = examples.empty()
    for number in range(2 * RUNS):
        history.begin(examples.START + number)
        history.run.figures = {"accepted": 1, "parked_max": number, "balance_millionths": number}
    assert (len(history.runs), sum(run.runs for run in history.runs)) == (RUNS, 2 * RUNS + 1)
    figures = history.figures
    assert (figures["accepted"], figures["parked_max"], figures["balance_millionths"]) == (100, 99, 99)
    assert next(iter(_page(history).rows("The crawl was stopped and went on (JOBDIR)"))) == "1 to 52"


@pytest.mark.exhaustive
def test_twenty_thousand_attempts() -> None:
    """Less than 2 MB, and every figure."""
    history = examples.many(20_000)
    page = _page(history)
    assert len(page.text.encode()) < 2_000_000
    assert page.tiles["Bought"] == "20,000"
    assert (int(page.tiles["Refused"].replace(",", "")), page.figures["rejected"]) == (13_333, 13_333)
    assert len(page.attempts) == KEPT


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_page_loads_nothing_and_runs_nothing(example: str) -> None:
    """No script, no address of anything that a browser would fetch, and a policy that forbids it."""
    page = _page(EXAMPLES[example]()).page
    assert page.css("script, link, img, iframe, object, embed, form, [style], [onload], [onclick]") == []
    assert all(address.startswith("#") for address in page.css("[href]::attr(href), [src]::attr(src)").getall())
    assert "url(" not in page.css("style::text").get("")
    assert "default-src 'none'" in page.css("meta[http-equiv]::attr(content)").get("")


@pytest.mark.parametrize("example", EXAMPLES)
def test_headings_follow_each_other(example: str) -> None:
    """One of the first level, and none is left out; what a link leads to is there."""
    page = _page(EXAMPLES[example]()).page
    levels = [int(heading.root.tag[1]) for heading in page.css("h1, h2, h3")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    linked = {link.removeprefix("#") for link in page.css("a::attr(href)").getall()}
    assert linked <= set(page.css("[id]::attr(id)").getall())


def test_the_figures_of_a_page_are_told_as_text() -> None:
    """What became of the tasks adds up, and each part is named."""
    page = _page(examples.bad()).page
    parts = [int(text.split()[0]) for text in page.css(".legend strong::text").getall()]
    assert sum(parts) == 70
    assert page.css("svg:not([aria-label])") == []


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "\u202e evil \x00\x1b[31m", "&amp;<b>"]
)
def test_what_a_site_says_is_text(text: str) -> None:
    """Whatever it says."""
    history = examples.empty()
    history.attempts.add(evolve(examples.refused(1.0), words=text, page=text, rule=text, site=text))
    history.causes.add(causes.REQUESTS, "error", text)
    page = _page(history)
    assert page.page.css("script, img, b") == []
    assert "\x1b" not in page.text
    assert Selector(page.text).css("q bdi::text").get("")[:4] in re.sub(r"[^\x20-\x7e]", "\ufffd", text)


def test_a_spider_that_is_called_strangely() -> None:
    """Its name is text, too."""
    page = _page(History("</title><script>", {}, examples.empty().runs)).page
    assert page.css("title::text").get() == "GeeTest report: </title><script>"


def test_what_other_processes_counted_is_named() -> None:
    """A collector that several share has more than this process has seen."""
    history = examples.full()
    history.run.figures["accepted"] += 7
    history.run.figures["tasks_solved"] += 7
    history.run.figures["tasks_created"] += 7
    assert _page(history).rows("By site")["not seen by this process"]["Accepted"] == "7"


def test_many_sites_share_a_row() -> None:
    """Fifty have their own."""
    history = examples.empty()
    for number in range(80):
        history.tallies.at(f"site{number}", "capmonster").created = 1
        history.tallies.at(f"site{number}", "capmonster").cost = 600
    history.run.figures["tasks_created"], history.run.figures["cost_millionths"] = 80, 48_000
    rows = _page(history).rows("By site")
    assert (len(rows), rows["30 more sites"]["Bought"], rows["30 more sites"]["Cost"]) == (51, "30", "0.018 USD")


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (words.money(600, "USD"), "0.0006 USD"),
        (words.money(138_000, "USD"), "0.138 USD"),
        (words.money(1_234_500_000, "RUB"), "1,234.50 RUB"),
        (words.money(0, ""), "0.00"),
        (words.share(1, 1_000), "under 1 %"),
        (words.share(999, 1_000), "over 99 %"),
        (words.share(0, 0), "0 %"),
        (words.duration(59.94), "59.9 s"),
        (words.duration(61), "1 min 1 s"),
        (words.duration(3_600), "1 h 0 min"),
        (words.duration(90_000), "1 d 1 h"),
        (words.some(1, "page"), "1 page"),
        (words.some(1_200, "page"), "1,200 pages"),
        (words.period(0, 86_400), "01 Jan 1970, 00:00:00 to 02 Jan 1970, 00:00:00 UTC"),
    ],
)
def test_numbers_for_people(shown: str, expected: str) -> None:
    """Exact where it is money, and short elsewhere."""
    assert shown == expected


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\n words", "two words"),
        (
            "see https://ann:pw@shop.test/a-long-path-to-page-1?token=abc&q=1 now",
            "see https://shop.test/a-long-path-to-page-1 now",
        ),
        ("the key 0123456789abcdef0123", "the key 012345…"),
        ("correct-horse is wrong", "correc… (13 characters) is wrong"),
        ("x" * 99, "x" * 39 + "…"),
        ("a PIN of 4711, not 147110", "a PIN of …, not 147110"),
    ],
)
def test_a_text_that_anybody_may_see(text: str, shown: str) -> None:
    """Short, on one line, without secrets."""
    assert public(text, 40 if text.startswith("x") else 400, {"correct-horse", "4711", "a"}) == shown

"""The assertions of the pytest plugin: true or false, with a reason that fits a line."""

from __future__ import annotations

from typing import Any

import pytest

from scrapy_geetest import GeetestError, SolutionRejected
from scrapy_geetest._testing.assertions import failed, solved, untouched
from scrapy_geetest._testing.crawl import Crawl, CrawlError
from scrapy_geetest._testing.transport import pack, unpack

REJECTED = CrawlError(
    kind=("SolutionRejected", "GeetestError", "Exception"), message="3 were refused", where="http://a/"
)


def crawl(*errors: CrawlError, seen: int = 0, **stats: int) -> Crawl:
    """A crawl with these statistics, whose sites accepted as many solutions as *seen* says."""
    return Crawl(
        items=[],
        errors=errors,
        all_stats={"item_scraped_count": 0, **{f"geetest/{name}": value for name, value in stats.items()}},
        reason="finished",
        log="",
        books={"submissions": {"shop": {"accepted": seen}}},
    )


@pytest.mark.parametrize(
    ("finding", "says"),
    [
        (solved(crawl(seen=1, tasks_created=1, accepted=1)), "<solved>"),
        (solved(crawl(seen=1, tasks_created=2, accepted=1, rejected=1), tasks=2), "<solved>"),
        (solved(crawl(seen=1, tasks_created=2, accepted=1), tasks=1), "<not solved: 2 tasks created instead of 1>"),
        (
            solved(crawl(REJECTED, tasks_created=3, gave_up=1, rejected=3, detected=1), tasks=3),
            (
                "<not solved: 1 request given up, the first error is SolutionRejected: 3 were refused; no solution was accepted, 3 "
                "refused, 1 challenges seen>"
            ),
        ),
        (
            solved(crawl(tasks_created=2, unverified=2)),
            "<not solved: 2 answers showed neither acceptance nor refusal: declare accepted_... or refused_...>",
        ),
        (
            solved(crawl(tasks_created=1, accepted=1)),
            "<not solved: 1 accepted by the statistics, 0 by the books of the sandbox>",
        ),
        (failed(crawl(REJECTED, tasks_created=3), "SolutionRejected", tasks=3), "<failed with SolutionRejected>"),
        (failed(crawl(REJECTED), SolutionRejected), "<failed with SolutionRejected>"),
        (failed(crawl(REJECTED), GeetestError), "<failed with GeetestError>"),
        (
            failed(crawl(REJECTED), KeyError),
            "<not failed with KeyError: the first error is SolutionRejected: 3 were refused>",
        ),
        (failed(crawl(), "SolveError"), "<not failed with SolveError: without an error>"),
        (untouched(crawl()), "<untouched>"),
        (untouched(crawl(tasks_created=1)), "<not untouched: 1 task created instead of 0>"),
    ],
)
def test_findings(finding: Any, says: str) -> None:
    """What is true is true; what is not says why."""
    assert repr(finding) == says
    assert bool(finding) is (not says.startswith("<not"))


def test_a_crawl_in_a_word() -> None:
    """pytest shows it so, not with the whole log."""
    assert repr(crawl(REJECTED, tasks_created=3)) == "<crawl: 0 items, 1 errors, 3 tasks, finished>"


MODULE = """
class Shop:
    urls = ("shop.example",)
"""


def test_a_job_takes_along_where_its_classes_are(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that cannot be found by its name is imported from its file."""
    import importlib.util
    import sys

    path = tmp_path / "sites_of_a_test.py"
    path.write_text(MODULE)
    spec = importlib.util.spec_from_file_location("sites_of_a_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "sites_of_a_test", module)
    spec.loader.exec_module(module)
    pack(tmp_path / "job", {"sites": [module.Shop], "settings": {"A": 1}})
    monkeypatch.delitem(sys.modules, "sites_of_a_test")
    job = unpack(tmp_path / "job")
    assert job["settings"] == {"A": 1}
    assert job["sites"][0].urls == ("shop.example",)
    assert job["sites"][0] is not module.Shop
    monkeypatch.delitem(sys.modules, "sites_of_a_test")

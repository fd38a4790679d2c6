"""Two workers, each with cookies of its own, over one Redis queue: what is paid for is used where it was made."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import scrapy

from scrapy_geetest.stats import NAMES

sys.path.insert(0, str(Path(__file__).parent / "proofs"))

import shared_queue
from shared_queue import PAGES, WORKERS, together

if TYPE_CHECKING:
    from shared_queue import Work

    from scrapy_geetest.sandbox import Sandbox

pytestmark = pytest.mark.skipif(bool(shared_queue.missing()), reason=f"not installed: {shared_queue.missing()}")

# Times, and what depends on who came first.
FREE = {"detected", "detected/v3", "detected/v4", "shared", "parked_max", "solve_ms", "solve_ms_max"}
SUBMITTED_TO = {"login": "v3-login"}  # the names in the books, where they differ


def _work(sandbox: Sandbox, folder: Path, kind: str, **settings: Any) -> list[Work]:
    sandbox.reset(**shared_queue.OPTIONS)
    with shared_queue.redis_server() as url:
        return shared_queue.run(sandbox, url, folder, kind, **settings)


def _check_workers(works: list[Work], kind: str) -> None:
    """Both took part, neither met an error, every page was scraped exactly once."""
    assert shared_queue.scraped(works) == shared_queue.expected(kind)
    for work in works:
        assert work.pages
        assert work.status == 0
        troubles = [line for line in work.log.splitlines() if "] ERROR: " in line or "] CRITICAL: " in line]
        warnings = [line for line in work.log.splitlines() if "Warning: " in line and "scrapy_geetest" in line]
        assert troubles + warnings == []


def _check_books(books: dict[str, Any], works: list[Work], kind: str, tasks: int) -> None:
    """So many tasks were bought, each was solved, submitted and accepted once, and both sides say so."""
    assert books["created"]["total"] == tasks
    assert books["outcomes"] == {"solved": tasks}
    assert books["submissions"] == {SUBMITTED_TO.get(kind, kind): {"accepted": tasks}}
    assert books["reports"] == []
    assert {name: value for name, value in together(works).items() if name not in FREE} == {
        **{name: 0 for name in NAMES if name not in FREE},
        **dict.fromkeys(("challenges_fetched", "tasks_created", "tasks_solved", "accepted"), tasks),
        "polls": books["polls"],
        "cost_millionths": books["cost_millionths"],
    }


def test_a_form_tied_to_a_session_is_sent_by_the_worker_that_has_the_session(sandbox: Sandbox, tmp_path: Path) -> None:
    """Sixty logins, a session each: sixty tasks, sixty accepted answers, every page once."""
    works = _work(sandbox, tmp_path, "login")
    _check_workers(works, "login")
    _check_books(sandbox.books(), works, "login", PAGES)
    assert together(works, "detected", "detected/v3", "shared") == {
        "detected": PAGES,
        "detected/v3": PAGES,
        "shared": 0,
    }
    assert all(work.stats["accepted"] == work.pages.total() for work in works)


@pytest.mark.parametrize("kind", ["gate", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("gate3", "gater"))])
def test_each_worker_opens_its_own_gate_once(sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    """Sixty pages, two sessions, two tasks, even where one worker follows the redirect that the other one got."""
    works = _work(sandbox, tmp_path, kind)
    _check_workers(works, kind)
    books = sandbox.books()
    _check_books(books, works, kind, WORKERS)
    assert [work.stats["accepted"] for work in works] == [1] * WORKERS
    assert books["gates_opened"] == {kind: WORKERS}


@pytest.mark.slow
def test_four_workers_waste_no_form_that_is_tied_to_a_session(sandbox: Sandbox, tmp_path: Path) -> None:
    """Sixty logins over four workers with one storage: sixty tasks, none of them left in the ledger."""
    sandbox.reset(**shared_queue.OPTIONS)
    with shared_queue.redis_server() as url:
        works = shared_queue.run(sandbox, url, tmp_path, "login", workers=4, GEETEST_STORAGE_URI=url)
        left = shared_queue.keys(url, "scrapy-geetest:{task}:*") + shared_queue.keys(
            url, "scrapy-geetest:{waiting-*}:*"
        )
    _check_workers(works, "login")
    _check_books(sandbox.books(), works, "login", PAGES)
    assert left == []


@pytest.mark.slow
def test_four_workers_open_a_gate_once(sandbox: Sandbox, tmp_path: Path) -> None:
    """Two hundred pages, one storage: one task, and each worker took part."""
    sandbox.reset(**shared_queue.OPTIONS)
    with shared_queue.redis_server() as url:
        works = shared_queue.run(sandbox, url, tmp_path, "gate", workers=4, pages=200, GEETEST_STORAGE_URI=url)
    assert shared_queue.scraped(works) == shared_queue.expected("gate", 200)
    assert all(work.pages for work in works)
    assert sandbox.books()["created"]["total"] == 1
    assert together(works, "tasks_created", "accepted") == {"tasks_created": 1, "accepted": 1}


@pytest.mark.slow
@pytest.mark.skipif(
    scrapy.version_info < (2, 14, 1),
    reason="Scrapy 2.14.0 opens no collector that wants a spider, as scrapy-redis's does",
)
def test_statistics_go_through_the_collector_of_scrapy_redis(sandbox: Sandbox, tmp_path: Path) -> None:
    """A backend that takes integers only gets all of them, and they are the same as with Scrapy's own."""
    works = _work(sandbox, tmp_path, "login", STATS_CLASS="scrapy_redis.stats.RedisStatsCollector")
    _check_workers(works, "login")
    _check_books(sandbox.books(), works, "login", PAGES)
    for work in works:
        assert set(NAMES) <= set(work.stats)
        assert 0 < work.stats["solve_ms_max"] <= work.stats["solve_ms"]
        assert work.stats["parked_max"] > 0

"""A crawl with open pages that is stopped: it ends soon, leaves no browser behind, and goes on where it was."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from browser_crawl import MARKS, SETTINGS, browse, visit
from sandbox_crawl import host
from scrapy import Request
from scrapy.exceptions import CloseSpider
from small_world import Answer, Asked, page

sys.path.insert(0, str(Path(__file__).parent / "proofs"))

from stop_and_resume import LIMIT, plan, resume, scraped, stop

if TYPE_CHECKING:
    import pytest
    from small_world import SmallWorld

    from scrapy_geetest.sandbox import Sandbox

try:
    from scrapy_playwright.page import PageMethod
except ImportError:  # then every test here is skipped
    PageMethod = None

pytestmark = MARKS

PAGES = 6
OPEN = 4


def _left_behind(mark: str) -> list[str]:
    """What still runs of the processes that were started with *mark* in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # it has ended, or is somebody else's
    return found


def test_a_stop_with_open_pages(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every page comes exactly once, in this run or the next."""
    sandbox.reset(solve_seconds=(30.0, 30.0))
    mark = uuid4().hex
    monkeypatch.setenv("MARK_OF_THIS_TEST", mark)
    site = {"name": "float", "urls": [f"{host(sandbox)}/browser"]}
    wanted = plan(sandbox, tmp_path, **{**SETTINGS, "GEETEST_SITES": [site], "CLOSESPIDER_TIMEOUT": 0})
    wanted["settings"]["PLAYWRIGHT_MAX_PAGES_PER_CONTEXT"] = OPEN
    wanted |= {"pages": PAGES, "path": "/browser/float?q=word{}", "meta": {"playwright": True}}

    def created() -> int:
        return int(sandbox.books()["created"]["total"])

    run = stop(wanted, lambda: created() >= OPEN, created)
    assert run.seconds <= LIMIT, run.log
    assert _left_behind(mark) == []
    assert (created(), run.stats["geetest/tasks_abandoned"], run.stats["geetest/gave_up"]) == (OPEN, OPEN, 0)
    sandbox.reset(solve_seconds=0.1)
    log = resume(wanted)
    assert sorted(scraped(wanted).elements()) == [f"{number} word{number}" for number in range(PAGES)], log
    assert _left_behind(mark) == []


async def test_the_end_of_a_crawl_lets_an_ordinary_page_finish(world: SmallWorld) -> None:
    """As every download that is under way."""

    @world.route("/plain")
    def plain(_: Asked) -> Answer:
        return page("<h1>plain</h1>")

    def close(_: Any) -> None:
        raise CloseSpider("enough")

    methods = [PageMethod("wait_for_timeout", 300), PageMethod("wait_for_selector", "h1")]
    wanted = [visit(f"{world.site.url}/plain/1", playwright_page_methods=methods)]
    outcome = await browse(world, [*wanted, Request(f"{world.site.url}/plain/2", close)])
    assert outcome.texts("h1::text") == ["plain"]
    assert outcome.reason == "enough"

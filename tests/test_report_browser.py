"""The evidence of a solution that the script of a page has sent, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from browser_crawl import MARKS, browse, form_site, visit
from report_page import ReportPage

if TYPE_CHECKING:
    from pathlib import Path

    from small_world import SmallWorld

pytestmark = MARKS


async def test_what_the_script_of_a_page_has_sent(world: SmallWorld, tmp_path: Path) -> None:
    """The same as of a request of the plugin's own: where it went, with which fields, and what the site answered."""
    form_site(world)
    world.wrong = True
    path = tmp_path / "report.html"
    site = {"refused_css": "b.no"}
    outcome = await browse(
        world, [visit(f"{world.site.url}/form")], site, GEETEST_REPORT=str(path), GEETEST_MAX_ATTEMPTS=1
    )
    assert outcome.stats["rejected"] == 1
    shown = ReportPage.at(path)
    assert shown.figures == outcome.stats
    [attempt] = shown.attempts
    assert attempt["Challenge from"] == "the script of the page, in the browser"
    assert attempt["Sent to"] == f"POST {world.site.url}/form"
    assert "geetest_validate = " in attempt["Solution in"]
    assert attempt["Verdict"] == "refused: refused_css 'b.no'"
    assert attempt["Words in it"] == "no"

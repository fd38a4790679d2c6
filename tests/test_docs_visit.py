"""The log of a visit that the tutorial begins with: a browser that does what the tutorial says writes one like it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from docs_blocks import DOCS
from sandbox_crawl import host

from scrapy_geetest.commands.inspect.har import load_har
from scrapy_geetest.commands.inspect.recording.report import read_visit

if TYPE_CHECKING:
    from pathlib import Path

    from scrapy_geetest.sandbox import Sandbox


@pytest.mark.browser
async def test_the_visit_of_the_tutorial(sandbox: Sandbox, chromium: Any, tmp_path: Path) -> None:
    """Nothing is in the browser's way, and what inspect reads is what the tutorial shows."""
    port, path = host(sandbox).rpartition(":")[2], tmp_path / "visit.har"
    context = await chromium.new_context(record_har_path=path, record_har_content="embed")
    page = await context.new_page()
    await page.goto(f"http://localhost:{port}/v3/search?q=rope")
    await page.get_by_role("button", name="I am human").click()
    await page.wait_for_selector("li.result")
    await context.close()
    path.write_text(path.read_text().replace(f"localhost:{port}", "localhost:8000"))
    made, kept = load_har(path), load_har(DOCS / "_static" / "visit.har")
    assert made is not None
    assert kept is not None
    made_site, kept_site = read_visit(made).to_json(), read_visit(kept).to_json()
    assert {**made_site, "requests": 0} == {**kept_site, "requests": 0}

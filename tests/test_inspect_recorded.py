"""Visits of the sandbox's sites, recorded with a headless Chromium: what inspect prints solves them, pasted as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from crawl import items_of
from forward_proxy import ForwardProxy
from har_recorder import record
from har_replay import pasted
from recorded_sites import TYPED, VISITS
from sandbox_crawl import host, service
from scrapy import Spider

from scrapy_geetest import GeetestSite
from scrapy_geetest.commands.inspect.har import load_har
from scrapy_geetest.commands.inspect.recording.report import read_visit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scrapy_geetest.sandbox import Sandbox

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def proxy(running_sandbox: Sandbox) -> Iterator[ForwardProxy]:
    """Every name is the sandbox."""
    with ForwardProxy(host(running_sandbox)) as running:
        yield running


@pytest.mark.parametrize("name", VISITS)
async def test_what_is_printed_solves_the_site(
    name: str, sandbox: Sandbox, chromium: Any, proxy: ForwardProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Class and spider without an edit; what a person types is given on the command line. One task, one page."""
    visit, path = VISITS[name], tmp_path / "visit.har"
    sandbox.reset(solve_seconds=0)
    await record(chromium, visit, sandbox.url, f"http://{name}.example", proxy.url, path)
    recording = load_har(path)
    assert recording is not None
    read = read_visit(recording)
    told = read.to_json()
    assert (told["version"], told["page"].partition("?")[0]) != (None, "")
    assert {"mode": told["mode"], **{key: told[key] for key in visit.told}} == {"mode": visit.mode, **visit.told}
    sandbox.reset(solve_seconds=0.1)
    proxy.asked.clear()
    declaration, spider_code = read.to_text().partition("\nThe site class\n")[2].split("\nThe spider\n")
    site = pasted(declaration, GeetestSite, tmp_path / "site.py")
    spider = pasted(spider_code, Spider, tmp_path / "spider.py")
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "")
    arguments = {key: value for key, value in TYPED.items() if hasattr(spider, key)}
    items = await items_of(spider, arguments, GEETEST_SITES=[site], **service(sandbox))
    assert set(proxy.asked) == {f"{name}.example"}
    books = sandbox.books()
    assert (len(items), books["outcomes"]) == (1, {"solved": 1})
    assert [outcome for outcomes in books["submissions"].values() for outcome in outcomes if outcome != "missing"] == [
        "accepted"
    ]

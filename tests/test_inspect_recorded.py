"""Visits of the sandbox's sites, recorded with a headless Chromium: what inspect prints solves them, pasted as it is."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from crawl import SETTINGS
from har_recorder import CHROMIUM, VISITS
from har_replay import pasted
from scrapy import Spider
from scrapy import signals as scrapy_signals
from scrapy.crawler import AsyncCrawlerRunner

from scrapy_geetest import GeetestSite
from scrapy_geetest.commands.inspect.har import load_har
from scrapy_geetest.commands.inspect.recording.report import read_visit

if TYPE_CHECKING:
    from scrapy_geetest.sandbox import Sandbox

TYPED = {"user": "ann", "password": "sandbox", "username": "ann", "keyword": "rope"}
GATES = {"gate", "gate3", "gater"}
EXPECTED: dict[str, dict[str, Any]] = {
    "v3-login": {"typed": ["user", "password"], "challenge_path": None},
    "v3-search": {"challenge_path": None, "typed": []},
    "nested": {"challenge_path": "data.geetest", "typed": ["username"]},
    "jsonp": {"submit_as": "query", "field_names": {key: key for key in ("challenge", "validate", "seccode")}},
    "inline": {"challenge_url": None, "version": 3},
    "v4-api": {"submit_as": "json", "version": 4, "challenge_url": None},
    "v4-form": {"risk_type": "slide", "typed": ["keyword", "town"]},
    "headers": {"submit_as": "headers"},
    "gate": {"version": 4},
    "gate3": {"version": 3},
    "gater": {"version": 4},
}


def record(name: str, sandbox: Sandbox, folder: Path) -> Path:
    """A recording of one site, made in a process of its own."""
    if find_spec("playwright") is None:
        pytest.skip("playwright, which drives the browser, is not installed")
    if not Path(CHROMIUM).exists():
        pytest.skip(f"there is no {CHROMIUM} (Debian's package chromium)")
    addresses = {name: getattr(sandbox, name) for name in ("url", "service_url", "api_key", "captchas")}
    recorder = str(Path(__file__).with_name("har_recorder.py"))
    command = [sys.executable, recorder, json.dumps(addresses), str(folder), name]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return folder / f"{name}.har"


@pytest.mark.browser
@pytest.mark.parametrize("name", VISITS)
async def test_what_is_printed_solves_the_site(name: str, sandbox: Sandbox, tmp_path: Path) -> None:
    """Class and spider without an edit; what a person types is given on the command line. One task, one page."""
    recording = load_har(record(name, sandbox, tmp_path))
    assert recording is not None
    sandbox.reset(solve_seconds=0.1)
    told = read_visit(recording).to_json()
    assert told["mode"] == ("gate" if name in GATES else "form")
    assert {key: told[key] for key in EXPECTED[name]} == EXPECTED[name]
    site = pasted(told["declaration"], GeetestSite, tmp_path / "site.py")
    spider = pasted(told["spider"], Spider, tmp_path / "spider.py")
    items: list[Any] = []
    settings = {
        **SETTINGS,
        "GEETEST_SITES": [site],
        "GEETEST_API_KEY": sandbox.api_key,
        "GEETEST_API_URL": sandbox.service_url,
    }
    runner = AsyncCrawlerRunner(settings)
    crawler = runner.create_crawler(spider)

    def scraped(item: Any) -> None:
        items.append(item)

    crawler.signals.connect(scraped, scrapy_signals.item_scraped)
    await runner.crawl(crawler, **{key: value for key, value in TYPED.items() if hasattr(spider, key)})
    assert len(items) == 1
    books = sandbox.books()
    assert books["outcomes"] == {"solved": 1}
    assert [outcome for outcomes in books["submissions"].values() for outcome in outcomes if outcome != "missing"] == [
        "accepted"
    ]

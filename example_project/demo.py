"""Crawls this project against the local sandbox and shows what came of it: no key, no network, no cost.

Exits with 1 if anything stayed unsolved.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrapy import signals
from twisted.internet.task import LoopingCall

import scrapy_geetest.signals as geetest_signals
from scrapy_geetest.sandbox import Sandbox

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler

PROJECT = Path(__file__).parent
REPORTS = PROJECT.parent / "dist" / "demo"
SPIDERS = {"search": 6, "login": 3, "items": 9, "gate": 40}  # spider -> items that are behind the CAPTCHA
IN_BROWSER = {"browser": 6}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SHOWN = 6  # items of each
STEPS = 4  # of a kind, of each
SOLVE_SECONDS = 1.5  # 10 to 30 is real
FIRST_POLL = 1.6  # the plugin would ask after 3 s, since it has seen no solution of this service so far
WITHOUT = ("-s", "GEETEST_ENABLED=False", "-s", "LOG_LEVEL=ERROR")


def main() -> int:
    """Run every spider of the project.

    Returns:
        The exit code: 0 if every spider came back with all its items.
    """
    print("Starting the sandbox: a website behind GeeTest, and a service that solves it …", flush=True)
    with Sandbox(solve_seconds=SOLVE_SECONDS) as sandbox:
        environ = {
            **{name: value for name, value in os.environ.items() if name != "CAPMONSTER_API_KEY"},
            # Scrapy's cookies would ask the internet for the list of public suffixes, though they come with one.
            "TLDEXTRACT_PUBLIC_SUFFIX_LIST_URLS": "",
            "SHOP_URL": sandbox.url,
            "SANDBOX_SERVICE_URL": sandbox.service_url,
            "SANDBOX_KEY": sandbox.api_key,
        }
        missing = _add_browser(environ)
        spiders = SPIDERS if missing else {**SPIDERS, **IN_BROWSER}
        failed = [] if show_without("search", environ) else ["search without the plugin"]
        failed += [spider for spider, expected in spiders.items() if not show(spider, expected, environ)]
    if missing:
        print(f"\nPages in a browser are not shown: {missing} is not installed.", flush=True)
    if failed:
        print(f"\nFAILED: {', '.join(failed)}", flush=True)
        return 1
    print("\nEvery page behind a CAPTCHA was scraped. What each crawl bought, and for what, is in its report:")
    for spider in spiders:
        print(f"  {REPORTS / spider}.html", flush=True)
    return 0


def _add_browser(environ: dict[str, str]) -> str:
    """Name the browser of this machine in *environ*, or return what is missing."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), "")
    if not browser:
        return "Chromium (Debian's package chromium)"
    if not find_spec("scrapy_playwright"):
        return "scrapy-playwright (pip install 'scrapy-geetest[playwright]')"
    environ["CHROMIUM"] = browser
    return ""


def show_without(spider: str, environ: dict[str, str]) -> bool:
    """Run a spider as if there were no plugin: the site withholds every page."""
    print(f"\n$ scrapy crawl {spider} -s GEETEST_ENABLED=False", flush=True)
    items, stats, _ = crawl(spider, environ, *WITHOUT)
    withheld = stats.get("downloader/response_status_count/403", 0)
    print(f"  Without the plugin: {withheld} pages withheld (status 403, a CAPTCHA), {len(items)} items.", flush=True)
    return withheld > 0 and not items


def show(spider: str, expected: int, environ: dict[str, str]) -> bool:
    """Run a spider as a user would, and show its steps, its items and its bill."""
    print(f"\n$ scrapy crawl {spider}", flush=True)
    began = time.monotonic()
    report = f"GEETEST_REPORT={REPORTS / spider}.html".replace("%", "%%")
    items, stats, is_well = crawl(
        *(spider, environ, "-s", report, "-s", "LOG_LEVEL=WARNING", "-s", f"GEETEST_FIRST_POLL={FIRST_POLL}")
    )
    for item in items[:SHOWN]:
        print("  item ", json.dumps(item, ensure_ascii=False))
    if len(items) > SHOWN:
        print(f"  … and {len(items) - SHOWN} more")
    bought, cost = stats.get("geetest/tasks_created", 0), stats.get("geetest/cost_millionths", 0) / 1e6
    solutions = f"{bought} solution{'s' * (bought != 1)} for ${cost:.4f}"
    took = time.monotonic() - began
    print(
        f"  With the plugin: {len(items)} of {expected} items, {solutions} (a made-up price), {took:.1f} s", flush=True
    )
    return is_well and len(items) == expected and stats.get("geetest/gave_up") == 0


def crawl(spider: str, environ: dict[str, str], *options: str) -> tuple[list[dict[str, Any]], dict[str, Any], bool]:
    """Run a spider in a process of its own.

    Returns:
        Its items, its statistics, and whether the process ended well.
    """
    with tempfile.TemporaryDirectory() as folder:
        output, stats_file = Path(folder, "items.json"), Path(folder, "stats.json")
        command = [
            *(sys.executable, "-m", "scrapy", "crawl", spider, "--overwrite-output", str(output), *options),
            *("-s", f"STATS_FILE={stats_file}", "-s", 'EXTENSIONS={"demo.Steps": 500}'),
        ]
        done = subprocess.run(command, cwd=PROJECT, env=environ, check=False, timeout=300)
        return _read(output) or [], _read(stats_file) or {}, done.returncode == 0


def _read(path: Path) -> Any:
    return json.loads(path.read_text()) if path.exists() and path.stat().st_size else None


class Steps:
    """An extension that prints each step of the plugin, and writes the statistics to the file that ``STATS_FILE`` names."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._began = time.monotonic()
        self._counts: dict[str, int] = {}
        self._ticker = LoopingCall(self._tick)
        crawler.signals.connect(self.withheld, geetest_signals.challenge_detected)
        crawler.signals.connect(self.fetched, geetest_signals.challenge_fetched)
        crawler.signals.connect(self.solved, geetest_signals.challenge_solved)
        crawler.signals.connect(self.accepted, geetest_signals.solution_accepted)
        crawler.signals.connect(self.spider_closed, signals.spider_closed)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Steps:
        return cls(crawler)

    def withheld(self, request: Request) -> None:
        self._step("withheld", f"a CAPTCHA instead of {request.url}")

    def fetched(self, request: Request) -> None:
        self._step("fetched", f"a fresh challenge goes to the service, for {request.url}")
        if not self._ticker.running:
            self._ticker.start(1.0, now=False)

    def solved(self, request: Request) -> None:
        self._step("solved", f"solved, and sent: {request.url}")

    def accepted(self, request: Request) -> None:
        self._step("accepted", f"accepted: {request.url}")
        if self._counts["accepted"] == self._counts.get("fetched"):
            self._stop()

    def spider_closed(self) -> None:
        self._stop()
        for kind, count in self._counts.items():
            if count > STEPS:
                print(f"         … and {count - STEPS} more that were {kind}")
        stats = self._crawler.stats.get_stats() if self._crawler.stats else {}
        shown = {name: value for name, value in stats.items() if isinstance(value, int)}
        Path(self._crawler.settings["STATS_FILE"]).write_text(json.dumps(shown))

    def _step(self, kind: str, words: str) -> None:
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if self._counts[kind] <= STEPS:
            print(f"  {self._seconds():4.1f} s  {words}", flush=True)

    def _tick(self) -> None:
        print(f"  {self._seconds():4.1f} s  waiting for the service …", flush=True)

    def _stop(self) -> None:
        if self._ticker.running:
            self._ticker.stop()

    def _seconds(self) -> float:
        return time.monotonic() - self._began


if __name__ == "__main__":
    sys.exit(main())

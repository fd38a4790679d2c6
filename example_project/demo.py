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

from scrapy_geetest.sandbox import Sandbox

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

PROJECT = Path(__file__).parent
SPIDERS = {"login": 3, "items": 9, "gate": 40}  # spider -> items that are behind the CAPTCHA
IN_BROWSER = {"browser": 6}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SHOWN = 9  # items of each
SOLVE_SECONDS = 1.5  # 10 to 30 is real


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
        browser = next(filter(None, map(shutil.which, BROWSERS)), "")
        missing = (
            "" if find_spec("scrapy_playwright") else "scrapy-playwright (pip install 'scrapy-geetest[playwright]')"
        )
        missing = missing if browser else "Chromium (Debian's package chromium)"
        spiders = SPIDERS if missing else {**SPIDERS, **IN_BROWSER}
        environ |= {"CHROMIUM": browser} if browser else {}
        failed = [spider for spider, expected in spiders.items() if not crawl(spider, expected, environ)]
    if missing:
        print(f"\nPages in a browser are not shown: {missing} is not installed.", flush=True)
    if failed:
        print(f"\nFAILED: {', '.join(failed)}", flush=True)
        return 1
    print("\nEvery page behind a CAPTCHA was scraped.", flush=True)
    return 0


def crawl(spider: str, expected: int, environ: dict[str, str]) -> bool:
    """Run one spider as a user would, and show its items and statistics."""
    print(f"\n$ scrapy crawl {spider}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        output, stats_file = Path(folder, "items.json"), Path(folder, "stats.json")
        command = [
            *(sys.executable, "-m", "scrapy", "crawl", spider, "--overwrite-output", str(output)),
            *("-s", "LOG_LEVEL=WARNING", "-s", f"STATS_FILE={stats_file}"),
            *("-s", 'EXTENSIONS={"demo.StatsFile": 500}'),
        ]
        done = subprocess.run(command, cwd=PROJECT, env=environ, check=False, timeout=300)
        items: list[dict[str, Any]] = _read(output) or []
        stats: dict[str, Any] = _read(stats_file) or {}
    for item in items[:SHOWN]:
        print("  item ", json.dumps(item, ensure_ascii=False))
    if len(items) > SHOWN:
        print(f"  … and {len(items) - SHOWN} more")
    for name, value in sorted(stats.items()):
        if value:
            print(f"  stat  {name}: {value}")
    tasks = stats.get("geetest/tasks_created")
    print(f"  {len(items)} of {expected} items, {tasks} task(s), {time.monotonic() - began:.1f} s", flush=True)
    return done.returncode == 0 and len(items) == expected and stats.get("geetest/gave_up") == 0


def _read(path: Path) -> Any:
    return json.loads(path.read_text()) if path.exists() and path.stat().st_size else None


class StatsFile:
    """An extension that writes the geetest/… statistics to the file that ``STATS_FILE`` names."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        crawler.signals.connect(self.spider_closed, signals.spider_closed)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> StatsFile:
        return cls(crawler)

    def spider_closed(self) -> None:
        stats = self._crawler.stats.get_stats() if self._crawler.stats else {}
        shown = {name: value for name, value in stats.items() if name.startswith("geetest/")}
        Path(self._crawler.settings["STATS_FILE"]).write_text(json.dumps(shown))


if __name__ == "__main__":
    sys.exit(main())

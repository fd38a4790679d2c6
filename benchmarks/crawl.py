"""Crawls in a process of their own, and what came of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any

from attrs import asdict, frozen

from benchmarks.spiders import Pages, Tally

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scrapy_geetest.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[1]
SETTINGS: Mapping[str, Any] = {"LOG_LEVEL": "CRITICAL", "TELNETCONSOLE_ENABLED": False}
LONGEST = 900.0  # seconds that the crawls of one process may take


@frozen
class Outcome:
    """What came of a crawl.

    Attributes:
        tallies: Of the pages, by label.
        cpu: Seconds of processor time that its process spent from the first request to the last page.
        details: What else the spider told.
    """

    tallies: Mapping[str, Tally]
    cpu: float
    details: Mapping[str, Any]

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Outcome:
        """The outcome that a crawl has told."""
        tallies = {label: Tally(**tally) for label, tally in told["tallies"].items()}
        return cls(tallies, told["cpu"], told["details"])

    @property
    def pages(self) -> int:
        """How many pages came with their content."""
        return sum(tally.pages for tally in self.tallies.values())

    @property
    def rate(self) -> float:
        """Pages a second, from the first one to the last one."""
        first, last = (
            min(tally.first for tally in self.tallies.values()),
            max(tally.last for tally in self.tallies.values()),
        )
        return (self.pages - 1) / (last - first)


@frozen
class Addresses:
    """Where a crawl finds the sites and the service.

    Attributes:
        url: Of the sites.
        service_url: Of the service.
        api_key: That the service accepts.
    """

    url: str
    service_url: str
    api_key: str

    @classmethod
    def of(cls, sandbox: Sandbox) -> Addresses:
        """Those of a sandbox."""
        return cls(sandbox.url, sandbox.service_url, sandbox.api_key)

    def plugin(self, path: str = "", **attributes: Any) -> dict[str, Any]:
        """Settings that turn the plugin on, with one declared site.

        Args:
            path: Of the site.
            attributes: More of the site's.
        """
        urls = [self.url.partition("://")[2] + path]
        return {
            "ADDONS": {"scrapy_geetest.Addon": 500},
            "GEETEST_API_KEY": self.api_key,
            "GEETEST_API_URL": self.service_url,
            "GEETEST_SITES": [{"name": "site", "urls": urls, **attributes}],
        }

    def peer(self, register: str = "", permits: int = 0) -> dict[str, Any]:
        """Settings that turn the plain-await middleware on, in the plugin's place.

        Args:
            register: Path of the site's register endpoint, for v3.
            permits: How many solutions it asks for at once; 0: any number.
        """
        return {
            "DOWNLOADER_MIDDLEWARES": {"benchmarks.peer.PlainAwait": 585},
            "PEER_API_KEY": self.api_key,
            "PEER_API_URL": self.service_url,
            "PEER_REGISTER": register,
            "PEER_PERMITS": permits,
        }


VIRTUAL = Addresses("http://forms.example", "http://service.example", "virtual")
"""Those of the crawls in virtual time."""
FORMS: Sequence[Mapping[str, Any]] = ({"name": "forms", "urls": ["forms.example"], "challenge_url": "/register"},)
"""The form site of those."""


def crawl(pages: Sequence[Pages], settings: Mapping[str, Any], **more: Any) -> Outcome:
    """Run one crawl in a process of its own; see :func:`take_turns`."""
    return take_turns(pages, [settings], **more)[0]


def crawl_virtually(
    pages: Sequence[Pages],
    settings: Mapping[str, Any],
    spider: str = "benchmarks.virtual_world.TimedSpider",
    arguments: Mapping[str, Any] | None = None,
    **world: float,
) -> Outcome:
    """Run one crawl in virtual time.

    Args:
        pages: What it fetches from sites without sockets: see :mod:`benchmarks.virtual_world`.
        settings: Its settings.
        spider: Import path of its spider.
        arguments: More of the spider's, all plain data.
        world: What these sites and the service are like.
    """
    own = {
        "ADDONS": {"scrapy_geetest.Addon": 500},
        "DOWNLOAD_HANDLERS": {"http": "benchmarks.virtual_world.Handler"},
        "GEETEST_API_KEY": "virtual",
        "CONCURRENT_ITEMS": 1,  # Scrapy makes as many tasks for each response, whether it has items or not
    }
    return take_turns(pages, [{**own, **settings}], spider, "benchmarks.virtual", world=world, **(arguments or {}))[0]


def side_by_side(pages: Sequence[Pages], turns: Sequence[Mapping[str, Any]], **arguments: Any) -> list[Outcome]:
    """Run crawls of the same pages in one process of their own, where they take turns: a page of each kind at a time.

    The details of the outcomes have the processor time of each turn (``seconds``).

    Args:
        pages: What they fetch, as many of each kind.
        turns: The settings of each, all plain data.
        arguments: More of their spider's, all plain data.
    """
    return take_turns(pages, turns, module="benchmarks.side_by_side", **arguments)


def take_turns(
    pages: Sequence[Pages],
    turns: Sequence[Mapping[str, Any]],
    spider: str = "benchmarks.spiders.PagesSpider",
    module: str = "benchmarks.child",
    **arguments: Any,
) -> list[Outcome]:
    """Run crawls of the same pages, one after the other, in one process of their own.

    Args:
        pages: What they fetch.
        turns: The settings of each, all plain data.
        spider: Import path of their spider.
        module: What runs as their process.
        arguments: More of the spider's, all plain data.

    Raises:
        RuntimeError: They told no outcome; their messages are on stderr.
    """
    plan = {
        "turns": [{**SETTINGS, **settings} for settings in turns],
        "spider": spider,
        "arguments": {**arguments, "pages": [asdict(kind) for kind in pages if kind.count]},
    }
    process = subprocess.Popen([sys.executable, "-m", module, json.dumps(plan)], cwd=ROOT, stdout=subprocess.PIPE)
    guard = Timer(LONGEST, process.kill)
    guard.start()
    with process:
        line = process.stdout.readline() if process.stdout else b""
        guard.cancel()
        process.kill()  # it has told everything; requests may still be parked in it
    if not line:
        raise RuntimeError(f"the crawls of {[kind.url for kind in pages]} ended without an outcome")
    return [Outcome.of(told) for told in json.loads(line)]

"""What a long crawl leaves in the storage: the file and the memory of Redis do not grow with its requests.

Usage: ``python tests/proofs/storage_bounds.py [REQUESTS]``: it crawls as many pages (100,000) of a gate with each storage. Every
fifty of them are a session of their own, which is kept for some seconds. It prints what the storage holds after each tenth, and
fails where the last three tenths hold a quarter more than the three before.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import shared_queue
from scrapy import Request, Spider
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.http import HtmlResponse

from scrapy_geetest import SolvingService, V4Solution

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from scrapy.http import Response

    from scrapy_geetest._services.task import Task

REQUESTS = 100_000
PER_SESSION = 50
GATE_SECONDS = 20.0
RUN_SECONDS = 3000
MOST_GROWTH = 1.25
CAPTCHA_ID = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
WITHHELD = (
    b'<form method="post" action="/verify"><div id="captcha"></div></form>'
    b'<script>initGeetest4({captchaId: "' + CAPTCHA_ID.encode() + b'"}, function (o) {});</script>'
)


class Gate:
    """The site, in the place of a download handler: no sockets, since what is measured is the storage."""

    lazy = False

    def __init__(self) -> None:
        self._open: set[str] = set()

    @classmethod
    def from_crawler(cls, _: Any) -> Gate:
        return cls()

    async def download_request(self, request: Request) -> Response:
        """A page, or the gate before it."""
        cookie = (request.headers.get("Cookie") or b"").decode().partition("=")[2]
        if urlsplit(request.url).path == "/verify":
            session = secrets.token_hex(16)
            self._open.add(session)
            return HtmlResponse(request.url, headers={"Set-Cookie": f"pass={session}; Path=/"}, body=b"welcome")
        if cookie not in self._open:
            return HtmlResponse(request.url, 403, body=WITHHELD, encoding="utf-8")
        return HtmlResponse(request.url, body=b"<h1>content</h1>", encoding="utf-8")

    async def close(self) -> None:
        """Nothing is open."""


class Solver(SolvingService):
    """Solves at once."""

    name = "solver"

    async def solve(self, task: Task) -> V4Solution:
        del task
        return V4Solution(
            captcha_id=CAPTCHA_ID,
            lot_number=secrets.token_hex(16),
            pass_token="p" * 64,
            gen_time="1700000000",
            captcha_output="o" * 40,
        )


class Pages(Spider):
    """Asks for page after page, in session after session, and measures the storage in between."""

    name = "pages"
    plan: dict[str, Any]

    async def start(self) -> AsyncIterator[Any]:
        self.came = 0
        self.measured: list[int] = []
        for number in range(self.plan["requests"]):
            jar = number // PER_SESSION
            yield Request(f"http://gate.test/page/{number}", meta={"cookiejar": jar}, dont_filter=True)

    def parse(self, _: Response) -> None:
        """Count it."""
        self.came += 1
        if self.came % (self.plan["requests"] // 10) == 0:
            self.measured.append(_measure(self.plan["uri"])())


def _measure(uri: str) -> Callable[[], int]:
    if uri.startswith("file:"):
        path = Path(uri.partition("://")[2])
        return lambda: sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))
    import redis

    def used() -> int:
        with redis.Redis.from_url(uri) as server:
            return int(server.info("memory")["used_memory"])

    return used


def crawl(plan: dict[str, Any]) -> None:
    """One crawl, whose measurements it prints."""
    settings = {
        "ADDONS": {"scrapy_geetest.Addon": 500},
        "CONCURRENT_ITEMS": 1,  # Scrapy starts as many asyncio tasks for each page
        "CONCURRENT_REQUESTS": 32,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 32,
        "DOWNLOAD_HANDLERS": {"http": Gate},
        "GEETEST_BUDGET": "100000/minute",
        "GEETEST_SERVICES": [Solver],
        "GEETEST_SITES": [
            {"name": "gate", "urls": ["gate.test"], "mode": "gate", "gate_max_age": GATE_SECONDS},
        ],
        "GEETEST_STORAGE_URI": plan["uri"],
        "LOG_LEVEL": "WARNING",
        "TELNETCONSOLE_ENABLED": False,
    }
    process = AsyncCrawlerProcess(settings)
    crawler = process.create_crawler(Pages)
    process.crawl(crawler, plan=plan)
    process.start()
    spider: Any = crawler.spider
    assert crawler.stats is not None
    print(json.dumps([spider.measured, crawler.stats.get_value("geetest/tasks_created")]))


def main() -> int:
    """Both storages."""
    if sys.argv[1:2] == ["crawl"]:
        crawl(json.loads(sys.argv[2]))
        return 0
    if lacking := shared_queue.missing():
        print(f"not installed: {lacking}")
        return 1
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS
    with tempfile.TemporaryDirectory() as folder, shared_queue.redis_server() as url:
        holds = [_report(requests, uri) for uri in (f"file://{folder}/geetest.db", url)]
    return 0 if all(holds) else 1


def _report(requests: int, uri: str) -> bool:
    command = [sys.executable, __file__, "crawl", json.dumps({"uri": uri, "requests": requests})]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=RUN_SECONDS).stdout
    measured, tasks = json.loads(output)
    before, after = (sum(part) / 3 for part in (measured[4:7], measured[7:]))
    holds = len(measured) == 10 and after < MOST_GROWTH * before
    kind = uri.partition(":")[0]
    print(
        f"{kind}: {requests} requests, {tasks} sessions; KiB after each tenth: "
        f"{', '.join(str(one // 1024) for one in measured)}{'' if holds else '  GROWS'}",
        flush=True,
    )
    return holds


if __name__ == "__main__":
    sys.exit(main())

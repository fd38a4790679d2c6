"""One of several workers that take their requests from one Redis queue, each with cookies of its own.

Usage: ``python redis_worker.py '{"worker": 0, "kind": "login", "url": …, "pages": 60, "out": …, "settings": {…}}'``

With ``"opener_seconds"`` in it, a gate is free so soon after the worker that opens it died, and ``<out>.opens`` shows that it
has begun to. It tells that it is ready by ``worker:ready`` in Redis, and begins when there is something in ``worker:go``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from form2request import form2request
from scrapy import Request, Spider
from scrapy.crawler import AsyncCrawlerProcess

from scrapy_geetest import GeetestSite
from scrapy_geetest._attempt import stored_sessions
from scrapy_geetest._attempt.stored_sessions import StoredSessions
from scrapy_geetest._storage.lease import Lease

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scrapy.http import Response

    from scrapy_geetest.challenge import V3Solution, V4Solution

GO_SECONDS = 60


class Login(GeetestSite):
    """A login: its form's token and its CAPTCHA are good only in the session that they were made for."""

    name = "login"
    detect_css = ("#captcha-holder",)
    challenge_url = "/v3/gt/register-slide"
    accepted_css = "span.user"

    def submit_request(self, request: Request, response: Response | None, solution: V3Solution | V4Solution) -> Request:
        assert response is not None
        values = {"user": f"user{request.cb_kwargs['number']}", "password": "sandbox", **self.fields(solution)}
        form = form2request(response.css("#guarded"), values, click=False)
        return request.replace(url=form.url, method=form.method, body=form.body, headers=dict(form.headers))


class Worker(Spider):
    """Asks for all pages, as every worker does: the shared dupefilter lets each through once."""

    name = "shared"
    plan: dict[str, Any]

    async def start(self) -> AsyncIterator[Any]:
        for number in range(self.plan["pages"]):
            kwargs = {"number": number}
            if self.plan["kind"] == "login":
                # A jar each: who logs in twice in one session has lost the first form.
                yield Request(f"{self.plan['url']}/v3/login?n={number}", cb_kwargs=kwargs, meta={"cookiejar": number})
            else:
                yield Request(f"{self.plan['url']}/{self.plan['kind']}/page/{number}", cb_kwargs=kwargs)

    def parse(self, response: Response, number: int) -> None:
        """One line a page, written at once."""
        shown = response.css("span.user::text, h1.title::text").get()
        with Path(self.plan["out"]).open("a") as out:
            out.write(f"{number} {shown}\n")


def site(plan: dict[str, Any]) -> GeetestSite:
    """What is declared of the site that the plan is about."""
    host, kind = plan["url"].partition("://")[2], plan["kind"]
    if kind == "login":
        return Login(urls=[f"{host}/v3"])
    registers = {"challenge_url": f"/{kind}/register"} if kind == "gate3" else {}
    return GeetestSite(name=kind, urls=[f"{host}/{kind}"], mode="gate", **registers)


def wait_for_the_others(url: str) -> None:
    """Return when all workers are ready."""
    import redis

    with redis.Redis.from_url(url, socket_timeout=None) as server:
        server.rpush("worker:ready", 1)
        if server.blpop(["worker:go"], GO_SECONDS) is None:
            raise TimeoutError("the other workers did not get ready")


def note_openings(plan: dict[str, Any]) -> None:
    """Show when this worker begins to open a gate."""
    claim, opens = StoredSessions.claim, Path(plan["out"] + ".opens")
    stored_sessions.OPENER_SECONDS = plan["opener_seconds"]

    async def noted(*args: Any) -> Any:
        claimed = await claim(*args)
        if isinstance(claimed, Lease):
            opens.touch()  # noqa: ASYNC240  # nothing else has to go on
        return claimed

    patched: Any = noted
    StoredSessions.claim = patched  # type: ignore[method-assign]


def main() -> None:
    """Crawl, then write all statistics."""
    plan = json.loads(sys.argv[1])
    if "opener_seconds" in plan:
        note_openings(plan)
    process = AsyncCrawlerProcess({**plan["settings"], "GEETEST_SITES": [site(plan)]})
    crawler = process.create_crawler(Worker)
    process.crawl(crawler, plan=plan)
    wait_for_the_others(plan["settings"]["REDIS_URL"])
    process.start()
    stats = crawler.stats.get_stats() if crawler.stats else {}
    Path(plan["out"] + ".stats").write_text(json.dumps(stats, default=str))


if __name__ == "__main__":
    main()

"""Crawls with a real Chromium: a site of the test process whose pages send the answer by their own scripts."""

from __future__ import annotations

import json
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from har_recorder import ARGUMENTS, CHROMIUM
from scrapy import Request
from small_world import CAPTCHA_ID, GT, Answer, Asked, data, page

if TYPE_CHECKING:
    from collections.abc import Callable

    from crawl import Crawl
    from small_world import SmallWorld

MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(find_spec("scrapy_playwright") is None, reason="scrapy-playwright is not installed"),
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"there is no {CHROMIUM} (Debian's package chromium)"),
]
HANDLER = "scrapy_playwright.handler.ScrapyPlaywrightDownloadHandler"
SETTINGS: dict[str, Any] = {
    "DOWNLOAD_HANDLERS": {"http": HANDLER},
    "PLAYWRIGHT_LAUNCH_OPTIONS": {"executable_path": CHROMIUM, "args": list(ARGUMENTS)},
    "CLOSESPIDER_TIMEOUT": 90,
    "GEETEST_FIRST_POLL": 0.1,
}
GEETEST_SCRIPT = '<script src="https://static.geetest.com/v4/gt4.js"></script>'


def visit(url: str, **meta: Any) -> Request:
    """A request for a page in the browser."""
    return Request(url, meta={"playwright": True, **meta}, dont_filter=True)


async def browse(world: SmallWorld, wanted: list[Request], *sites: Any, **settings: Any) -> Crawl:
    """One crawl in the browser."""
    return await world.crawl(wanted, *sites, **{**SETTINGS, **settings})


def v3(script: str, *, product: str = "float", challenge: str = "") -> str:
    """A script that makes a v3 widget, of a challenge in the page or of ``/register``, and then does *script* with ``o``."""
    make = f'initGeetest({{gt: d.gt, challenge: d.challenge, offline: !d.success, product: "{product}"}}, function (o) {{ {script} }});'
    if challenge:
        return f'<script>var d = {{gt: "{GT}", challenge: "{challenge}", success: 1}}; {make}</script>'
    return f'<script>fetch("/register").then(r => r.json()).then(function (d) {{ {make} }});</script>'


def v4(script: str, *, product: str = "float") -> str:
    """A script that makes a v4 widget, and then does *script* with ``o``."""
    return f'<script>initGeetest4({{captchaId: "{CAPTCHA_ID}", product: "{product}"}}, function (o) {{ {script} }});</script>'


def register(world: SmallWorld) -> None:
    """The endpoint that hands out challenges."""

    @world.route("/register")
    def answer(_: Asked) -> Answer:
        return world.geetest.register()


def form_site(world: SmallWorld) -> None:
    """v3: a page withheld by a form that a script submits once it is solved; its answer is the content."""
    register(world)

    @world.route("/form")
    def form(asked: Asked) -> Answer:
        if asked.method == "POST":
            is_form = asked.headers.get("content-type") == "application/x-www-form-urlencoded"
            if is_form and world.geetest.takes(asked.fields):
                return page(f"<h1>{asked.path}</h1>")
            return page("<b class=no>no</b>")
        body = f'<form method="post" action="{asked.path}" id="f"><div id="captcha"></div></form>'
        script = 'o.appendTo("#captcha"); o.bindForm("#f"); o.onSuccess(function () { document.getElementById("f").submit(); });'
        return page(body + GEETEST_SCRIPT + v3(script), 403)


def bind_site(world: SmallWorld) -> None:
    """v4: a page withheld by a script that calls for a solution at once, sends it as JSON and loads the page again."""

    @world.route("/bind")
    def bind(asked: Asked) -> Answer:
        if f"open{asked.path.rpartition('/')[2]}" in asked.cookies:
            return page(f"<h1>{asked.path}</h1>")
        script = """o.onReady(function () { o.showCaptcha(); });
        o.onSuccess(function () {
          fetch("/check" + location.pathname, {method: "POST", body: JSON.stringify(o.getValidate())})
            .then(r => r.json()).then(function (d) { if (d.ok) location.reload(); else o.reset(); });
        });"""
        return page(GEETEST_SCRIPT + v4(script, product="bind"), 403)

    @world.route("/check")
    def check(asked: Asked) -> Answer:
        if world.geetest.takes(json.loads(asked.body)):
            opened = asked.path.rpartition("/")[2]
            return Answer('{"ok": 1}', type="application/json", headers={"Set-Cookie": f"open{opened}=1; Path=/"})
        return data({"ok": 0, "msg": "captcha failed"})


def slow(seconds: float) -> Callable[[str, Any], Answer | None]:
    """A service whose solutions take *seconds*."""
    since: dict[int, float] = {}

    def answer(method: str, body: Any) -> Answer | None:
        if method == "getTaskResult":
            now = time.monotonic()
            if now - since.setdefault(body["taskId"], now) < seconds:
                return data({"errorId": 0, "status": "processing"})
        return None

    return answer

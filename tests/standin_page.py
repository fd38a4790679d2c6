"""Pages in a real Chromium with the stand-in in them, and a desk that plays the crawl's part."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from attrs import Factory, define, field

from scrapy_geetest._browser.standin import make_script

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from playwright.async_api import Browser, Page, Route

ASK = "ask_the_crawl"
SHOP = "http://shop.test"
GT, CHALLENGE, CAPTCHA_ID = "0" * 32, "1" * 32, "2" * 32
V3 = f'{{gt: "{GT}", challenge: "{CHALLENGE}", offline: false, new_captcha: true'
V4 = f'{{captchaId: "{CAPTCHA_ID}"'
_MILLISECONDS = 5_000


def v3_solution(number: int = 1) -> dict[str, str]:
    """What a service has solved, as the page gets it."""
    return {
        "geetest_challenge": f"{CHALLENGE}a{number}",
        "geetest_validate": f"validate{number}",
        "geetest_seccode": f"validate{number}|jordan",
    }


def v4_solution(number: int = 1) -> dict[str, str]:
    """The same for v4, without the id."""
    return {
        "lot_number": f"lot{number}",
        "captcha_output": "output==",
        "pass_token": "token",
        "gen_time": "1764345600",
    }


@define(slots=False)  # playwright notes something on the objects whose methods it is handed
class Desk:
    """Takes the stand-in's messages, and answers a round when it is wanted, at once, or when the test says so.

    Attributes:
        when: ``"wanted"``, ``"at once"`` or ``"never"``.
        messages: All of them, in order.
    """

    when: str = "wanted"
    messages: list[dict[str, Any]] = field(factory=list)
    _rounds: dict[tuple[str, int], asyncio.Future[Any]] = field(factory=dict)
    _numbers: Any = Factory(lambda: count(1))

    async def take(self, source: Any, message: dict[str, Any]) -> Any:
        """The exposed function."""
        del source
        self.messages.append(message)
        key = (message["widget"], message.get("round", 0))
        if message["kind"] in {"made", "again"}:
            self._rounds[key] = asyncio.get_running_loop().create_future()
            if self.when == "at once":
                self.solve(message)
            return await self._rounds[key]
        if message["kind"] == "wanted" and self.when == "wanted":
            self.solve(message)
        return None

    def solve(self, message: Mapping[str, Any]) -> None:
        """Answer the round of a message with a solution."""
        [made] = [each for each in self.messages if each["widget"] == message["widget"] and each["kind"] == "made"]
        solution = v3_solution if made["version"] == 3 else v4_solution
        self.answer(message, {"solution": solution(next(self._numbers))})

    def answer(self, message: Mapping[str, Any], answer: Any) -> None:
        """Answer the round of a message."""
        self._rounds[message["widget"], message["round"]].set_result(answer)

    def leave(self) -> None:
        """End the rounds that are still open, as the page goes away."""
        for each in self._rounds.values():
            if not each.done():
                each.set_result({"untouched": True})

    async def heard(self, *kinds: str) -> None:
        """Wait for exactly these messages, in this order."""
        for _ in range(_MILLISECONDS // 10):
            if self.kinds() == list(kinds):
                return
            await asyncio.sleep(0.01)
        assert self.kinds() == list(kinds)

    def kinds(self, widget: str | None = None) -> list[str]:
        """What was said, in order, of one widget or of all."""
        return [each["kind"] for each in self.messages if widget in (None, each["widget"])]

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """The messages of a kind."""
        return [each for each in self.messages if each["kind"] == kind]


@define(slots=False)
class Shop:
    """A website inside the browser's network: pages by path, and what was asked for."""

    pages: dict[str, tuple[str, Mapping[str, str]]] = field(factory=dict)
    sent: list[tuple[str, str, str]] = field(factory=list)
    elsewhere: list[str] = field(factory=list)

    def add(self, path: str, body: str, **headers: str) -> None:
        """Publish something; headers in Python's spelling."""
        kind = "text/javascript" if path.endswith(".js") else "text/html; charset=utf-8"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.pages[path] = body, {"content-type": kind, **named}

    async def serve(self, route: Route) -> None:
        """Answer a request of the browser's."""
        request = route.request
        parts = urlsplit(request.url)
        if f"{parts.scheme}://{parts.netloc}" != SHOP:
            self.elsewhere.append(request.url)
            await route.fulfill(body=_loaded(parts.query), headers=_OF_GEETEST)
            return
        if parts.path == "/send":
            self.sent.append((request.method, parts.query, request.post_data or ""))
        body, headers = self.pages.get(parts.path, ("<p>sent</p>", {"content-type": "text/html"}))
        await route.fulfill(body=body, headers=dict(headers))


_OF_GEETEST = {"content-type": "text/javascript", "access-control-allow-origin": "*"}
_V3_LOADED = {"type": "fullpage", "static_servers": ["static.geetest.com/"], "fullpage": "/static/js/fullpage.0.0.0.js"}
_V4_LOADED = {
    "type": "slide",
    "static_servers": ["static.geetest.com"],
    "static_path": "/v4/static",
    "js": "/js/gcaptcha4.js",
}


def _loaded(query: str) -> str:
    """What the crawl answers for GeeTest's hosts: scripts that do nothing, and what a loader has to know."""
    values = dict(parse_qsl(query))
    data = _V4_LOADED if "captcha_id" in values else _V3_LOADED
    return f"{values['callback']}({json.dumps({'status': 'success', 'data': data})})" if "callback" in values else ""


@asynccontextmanager
async def open_page(browser: Browser, shop: Shop, desk: Desk, *, errors: tuple[str, ...] = ()) -> AsyncIterator[Page]:
    """The shop's page with the stand-in in it; its scripts throw nothing but the errors that are expected."""
    context = await browser.new_context()
    context.set_default_timeout(_MILLISECONDS)
    thrown: list[str] = []
    try:
        await context.route("**/*", shop.serve)
        await context.expose_binding(ASK, desk.take)
        await context.add_init_script(make_script(ASK))
        page = await context.new_page()
        page.on("pageerror", lambda error: thrown.append(str(error)))
        await page.goto(f"{SHOP}/")
        yield page
        assert thrown == list(errors)
    finally:
        desk.leave()
        await context.close()


def document(script: str, body: str = '<div id="box"></div>', head: str = "") -> str:
    """A page with a script at its end."""
    return f"<!DOCTYPE html><html><head><title>Shop</title>{head}</head><body>{body}<script>{script}</script></body></html>"


FIELDS = {**v4_solution(), "captcha_id": CAPTCHA_ID}
"""What getValidate gives for the first v4 solution."""
LOGGING = """
  window.log = [];
  function note(name) { return function (argument) { log.push(argument === undefined ? name : [name, argument]); }; }
  function watch(captcha) {
    window.captcha = captcha;
    ["onReady", "onNextReady", "onBoxShow", "onSuccess", "onFail", "onError", "onClose"].forEach(function (name) {
      captcha[name](note(name));
    });
    return captcha;
  }
"""


def v3(then: str = "", product: str = "float") -> str:
    """A script that makes a v3 widget, watched."""
    return f'{LOGGING} initGeetest({V3}, product: "{product}"}}, function (c) {{ watch(c).appendTo("#box"); {then} }});'


def v4(then: str = "", product: str = "float") -> str:
    """A script that makes a v4 widget, watched."""
    return (
        f'{LOGGING} initGeetest4({V4}, product: "{product}"}}, function (c) {{ watch(c).appendTo("#box"); {then} }});'
    )


def shop_with(script: str, body: str = '<div id="box"></div>') -> Shop:
    """A shop of one page."""
    shop = Shop()
    shop.add("/", document(script, body))
    return shop


async def log(page: Page, *, until: str = "onReady") -> list[Any]:
    """What the page has noted, once it has noted a certain event."""
    await page.wait_for_function("name => window.log.flat().includes(name)", arg=until)
    return list(await page.evaluate("log"))

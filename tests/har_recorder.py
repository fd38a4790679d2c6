"""Visits the sandbox's sites with a headless Chromium, each under a host name of its own, and saves HAR files of it."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import urlopen

from attrs import define

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Browser, Page, Route
    from recorded_sites import Visit

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_MILLISECONDS = 15_000
_SCRIPTS = re.compile(r"/(?:gt|gt4)\.js(?:\?|$)")
_SERVERS = {"gt.js": "http://api.geetest.com", "gt4.js": "http://gcaptcha4.geetest.com"}


@define(slots=False)
class StandIn:
    """Answers for GeeTest's hosts with what the sandbox serves in their place.

    Not frozen, without slots: playwright notes something on the objects whose methods it is handed.
    """

    sandbox: str

    async def attach(self, page: Page) -> None:
        """Answer instead of the internet."""
        await page.route("http://*.geetest.com/**", self._call)
        await page.route(_SCRIPTS, self._script)
        await page.route("**/favicon.ico", self._nothing)

    async def _nothing(self, route: Route) -> None:
        await route.fulfill(status=404)

    async def _script(self, route: Route) -> None:
        """The widget, whose calls go to the hosts that a real one asks."""
        name = urlsplit(route.request.url).path.rpartition("/")[2]
        text = await self._fetched(f"/static/{name}")
        await route.fulfill(body=text.replace("/geetest/", f"{_SERVERS[name]}/"), content_type="text/javascript")

    async def _call(self, route: Route) -> None:
        parts = urlsplit(route.request.url)
        text = await self._fetched(f"/geetest{parts.path}?{parts.query}")
        await route.fulfill(body=text, content_type="text/javascript; charset=utf-8")

    async def _fetched(self, path: str) -> str:
        def asked() -> str:
            with urlopen(self.sandbox + path, timeout=20) as answer:
                content: bytes = answer.read()
                return content.decode()

        return await asyncio.to_thread(asked)


async def record(browser: Browser, visit: Visit, sandbox: str, site: str, proxy: str, path: Path) -> None:
    """Make a visit, and save it.

    Args:
        browser: That makes it.
        visit: What is done.
        sandbox: Its address.
        site: The address that stands for it.
        proxy: The address of the proxy behind which the site is.
        path: Of the HAR file.
    """
    context = await browser.new_context(
        proxy={"server": proxy}, record_har_path=path, record_har_content="embed", service_workers="block"
    )
    try:
        page = await context.new_page()
        page.set_default_timeout(_MILLISECONDS)
        await StandIn(sandbox).attach(page)
        if visit.before:
            await page.add_init_script(visit.before)
        await page.goto(site + visit.path)
        await _pass(page, visit)
        await page.wait_for_function(f"() => !!({visit.done})")
        for following in visit.then:
            await page.goto(site + following)
    finally:
        await context.close()


async def _pass(page: Page, visit: Visit) -> None:
    for selector, text in visit.typed.items():
        await page.fill(selector, text)
    if visit.first:
        await page.click(visit.first)
    place: Any = page.frame_locator(visit.frame) if visit.frame else page
    for button in visit.passes:
        await place.locator(button).wait_for()
        if visit.script:
            await page.evaluate(visit.script)
        await place.locator(button).click()
    if visit.last:
        await page.click(visit.last)

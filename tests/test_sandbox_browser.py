"""The sandbox's sites for a browser: their own scripts, in a real Chromium, with solutions of the sandbox's service."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define
from sandbox_visitor import WRONG_V3, WRONG_V4, Visitor, prefixed
from standin_page import ASK, Desk, Shop

from scrapy_geetest._browser.standin import make_script

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from playwright.async_api import Browser, Page

ITEMS = "#items li.item"


@define(slots=False)
class Buyer(Desk):
    """A desk that buys from the sandbox's service what the page handed over."""

    visitor: Any = None
    spoil: int = 0

    def solve(self, message: Mapping[str, Any]) -> None:
        """Buy in a thread, and answer; the first ones can be spoilt."""
        [made] = [each for each in self.messages if each["widget"] == message["widget"] and each["kind"] == "made"]
        asyncio.get_running_loop().create_task(self._buy(message, made))

    async def _buy(self, message: Mapping[str, Any], made: Mapping[str, Any]) -> None:
        challenge = made.get("challenge")
        site = "browser-v3" if challenge else "browser-v4"
        solution = await asyncio.to_thread(self.visitor.solve, site, challenge)
        if self.spoil:
            self.spoil -= 1
            wrong: Mapping[str, str] = {**WRONG_V3, "challenge": f"{challenge}00"} if challenge else WRONG_V4
            solution = {**solution, **wrong}
        self.answer(message, {"solution": prefixed(solution) if challenge else solution})


@asynccontextmanager
async def visit(browser: Browser, desk: Desk, url: str) -> AsyncIterator[Page]:
    """A page of the sandbox; what it would ask GeeTest is answered in the browser."""
    shop = Shop()
    context = await browser.new_context()
    context.set_default_timeout(8_000)
    try:
        await context.route("**/*.geetest.com/**", shop.serve)
        await context.route("**/favicon.ico", lambda route: route.fulfill(status=404))
        await context.expose_binding(ASK, desk.take)
        await context.add_init_script(make_script(ASK))
        page = await context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        await page.goto(url)
        yield page
        assert errors == []
    finally:
        desk.leave()
        await context.close()


async def _enter(page: Page, selector: str, **typed: str) -> None:
    for name, text in typed.items():
        await page.fill(f"#{name}", text)
    await page.click(selector)


# site -> when the desk solves, what a visitor does, what then stands there, the solutions that it takes
SITES: dict[str, tuple[str, Callable[[Page], Any] | None, str, int]] = {
    "float?q=rope": ("at once", None, "li.result", 1),
    "bind": ("wanted", None, ITEMS, 1),
    "popup": ("at once", None, ITEMS, 1),
    "formdata": ("wanted", lambda page: _enter(page, "#enter", keyword="lantern"), ITEMS, 1),
    "two": ("at once", None, "body:has(#prices li.item):has(#stock li.item)", 2),
    "click": ("at once", lambda page: _enter(page, "#show"), ITEMS, 1),
    "frame": ("at once", None, ITEMS, 1),
    "gate/page/1": ("at once", None, "h1.title", 1),
    "steps": ("at once", None, "li.tide", 1),
    "password": ("at once", lambda page: _enter(page, "#enter:enabled", user="ann", password="sandbox"), ".user", 1),
}


@pytest.mark.browser
@pytest.mark.parametrize("name", SITES)
async def test_the_script_of_the_page_gets_in(chromium: Browser, visitor: Visitor, name: str) -> None:
    """What the page's own script sends is what the site wants: the page behind, for as many solutions as it has widgets."""
    when, act, there, solutions = SITES[name]
    async with visit(chromium, Buyer(when, visitor=visitor), f"{visitor.sandbox.url}/browser/{name}") as page:
        if act is not None:
            await act(page)
        await page.wait_for_selector(there)
        assert await page.query_selector(".broken, .error") is None
    books = visitor.sandbox.books()
    book = f"browser/{name.partition('?')[0].removesuffix('/page/1')}"
    assert books["submissions"] == {book: {"accepted": solutions}}
    assert books["outcomes"] == {"solved": solutions}
    assert books["pages"][book]["content"] >= 1


@pytest.mark.browser
@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("float?q=rope", "p.error"),
        ("bind", "#message:has-text('not passed')"),
        ("popup", "#items .error"),
        ("steps", "#message:has-text('no ticket')"),
        ("gate/page/1", ".geetest_captcha:not(.geetest_lock_success)"),
    ],
)
async def test_a_wrong_solution_is_refused(chromium: Browser, visitor: Visitor, name: str, there: str) -> None:
    """The script says so, or resets its widget."""
    desk = Buyer("at once" if name != "bind" else "wanted", visitor=visitor, spoil=9)
    async with visit(chromium, desk, f"{visitor.sandbox.url}/browser/{name}") as page:
        await page.wait_for_selector(there)
    book = f"browser/{name.partition('?')[0].removesuffix('/page/1')}"
    submissions = visitor.sandbox.books()["submissions"][book]
    assert submissions["refused"] >= 1
    assert "accepted" not in submissions


def test_the_same_sites_without_a_browser(visitor: Visitor) -> None:
    """Every page is there, and says what it withholds."""
    links = visitor.get("/browser/").text.split('href="/browser/')[1:]
    assert [link.partition('"')[0] for link in links] == list(SITES)
    for name in SITES:
        response = visitor.get(f"/browser/{name}")
        assert response.status_code in {200, 403}
        assert "[[" not in response.text
    assert "[[" not in visitor.get("/browser/click/page.js").text


def test_multipart_data_are_read(visitor: Visitor) -> None:
    """A form with the content type of FormData is a form as any other."""
    solution = visitor.solve("browser-v4")
    parts = {name: (None, value) for name, value in {**solution, "keyword": "oar"}.items()}
    response = visitor.post("/browser/formdata/items", files=parts)
    assert response.status_code == 200
    assert response.text.count('class="item"') == 3

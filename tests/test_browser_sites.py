"""The sandbox's sites for a browser: the page behind each, a task for each widget, and the books of both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from browser_crawl import MARKS, SETTINGS, visit
from sandbox_crawl import crawl_sandbox, host

from scrapy_geetest import SolutionRejected

if TYPE_CHECKING:
    from scrapy import Request

    from scrapy_geetest.sandbox import Sandbox

try:
    from scrapy_playwright.page import PageMethod
except ImportError:  # then every test here is skipped
    PageMethod = None

pytestmark = MARKS

ITEM = "li.item"
PAGES: dict[str, tuple[str, list[tuple[str, ...]]]] = {  # path -> what is behind, the page methods
    "float?q=rope": (".query", []),
    "bind": (ITEM, []),
    "popup": (ITEM, []),
    "formdata": (ITEM, [("click", "#enter"), ("wait_for_selector", ITEM)]),
    "two": ("#prices li ~ li", []),
    "click": (ITEM, [("click", "#show")]),
    "frame": (ITEM, []),
    "gate/page/1": (ITEM, []),
    "gate/page/2": (ITEM, []),
    "steps": ("li.tide", []),
    "password": (".user", [("fill", "#user", "ann"), ("fill", "#password", "sandbox"), ("click", "#enter")]),
}
TASKS = 1 + 1 + 1 + 1 + 2 + 1 + 1 + 1 + 1 + 1  # one opens the gate


def _sites(sandbox: Sandbox) -> list[dict[str, Any]]:
    gate = {"name": "gate", "urls": [f"{host(sandbox)}/browser/gate"], "mode": "gate"}
    login = {"name": "login", "urls": [f"{host(sandbox)}/browser/password"], "accepted_css": ".user"}
    login["refused_re"] = "captcha wrong"
    return [gate, login, {"name": "other", "urls": [f"{host(sandbox)}/browser"]}]


def _request(sandbox: Sandbox, path: str, **meta: Any) -> Request:
    methods = [PageMethod(*method) for method in PAGES[path][1]]
    meta |= {"geetest": True} if path == "password" else {}
    return visit(f"{sandbox.url}/browser/{path}", playwright_page_methods=methods, **meta)


async def test_every_site(sandbox: Sandbox) -> None:
    """The page behind, one task for each widget; what shows nothing is unverified."""
    outcome = await crawl_sandbox(sandbox, [_request(sandbox, path) for path in PAGES], *_sites(sandbox), **SETTINGS)
    shown = {one.url.partition("/browser/")[2].partition("?ticket")[0]: one for one in outcome.pages}
    shown["steps"], shown["float?q=rope"] = shown.pop("steps/result"), shown.pop("float")
    assert [path for path, (css, _) in PAGES.items() if not shown[path].css(css)] == []
    books, stats = sandbox.books(), outcome.stats
    assert (books["created"]["total"], stats["tasks_solved"], len(outcome.errors)) == (TASKS, TASKS, 0)
    assert (stats["rejected"], stats["unused"], stats["accepted"] + stats["unverified"]) == (0, 0, TASKS)
    unverified = sorted(path for path, one in shown.items() if "geetest-unverified" in one.flags)
    assert unverified == ["float?q=rope", "formdata", "steps"]
    assert books["errors"] == []


async def test_what_the_sites_refuse(sandbox: Sandbox) -> None:
    """Refused, loaded again, solved: also where only a script hears of it."""
    sandbox.reset(solve_seconds=0.1, wrong="always")
    limits: dict[str, Any] = {"GEETEST_MAX_ATTEMPTS": 2, "GEETEST_BREAKER_FAILURES": 0}
    paths = ["float?q=rope", "bind", "popup", "password"]
    outcome = await crawl_sandbox(
        sandbox, [_request(sandbox, path) for path in paths], *_sites(sandbox), **SETTINGS, **limits
    )
    assert [type(one) for one in outcome.errors] == [SolutionRejected] * len(paths)
    assert (outcome.stats["rejected"], outcome.stats["accepted"]) == (2 * len(paths), 0)

"""Pages that another handler keeps open for the callback: it gets one, and no request holds one while it waits.

scrapy-playwright's own are worked in instead: ``test_crawl_in_browser.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from attrs import define
from scrapy import Request
from small_world import Answer, Asked, challenge_page, page

if TYPE_CHECKING:
    from scrapy.http import Response
    from small_world import SmallWorld


@define(eq=False)
class BrowserPage:
    """As much of Playwright's page as counts."""

    is_open: bool = True

    async def close(self) -> None:
        if not self.is_open:
            raise RuntimeError("Target page, context or browser has been closed")
        self.is_open = False


@define
class Browser:
    """Opens pages as scrapy-playwright's handler does: where none is open in the meta, and keeps them open if asked to."""

    pages: ClassVar[list[BrowserPage]] = []

    def process_response(self, request: Request, response: Response) -> Response:
        if request.meta.get("playwright_include_page"):
            current = request.meta.get("playwright_page")
            if current is None or not current.is_open:
                self.pages.append(BrowserPage())
                request.meta["playwright_page"] = self.pages[-1]
        return response


@pytest.fixture(autouse=True)
def _no_page_is_open() -> None:
    Browser.pages.clear()


def _wanted(world: SmallWorld, path: str, count: int) -> list[Request]:
    meta = {"playwright": True, "playwright_include_page": True}
    return [Request(f"{world.site.url}{path}/{number}", meta=dict(meta)) for number in range(count)]


def _form(world: SmallWorld) -> None:
    @world.route("/form")
    def form(asked: Asked) -> Answer:
        if asked.method == "POST":
            return page(f"<h1>{asked.path}</h1>") if world.geetest.takes(asked.fields) else page("<b class=no>no</b>")
        return challenge_page(asked.path, challenge=world.geetest.issue())


SETTINGS: dict[str, Any] = {"DOWNLOADER_MIDDLEWARES": {Browser: 950}, "GEETEST_MAX_CONCURRENT_SOLVES": 2}
REFUSED = {"refused_css": "b.no"}


async def test_the_callback_gets_the_one_page_that_stays_open(world: SmallWorld) -> None:
    """Those of challenge pages are closed before anything is waited for."""
    _form(world)
    outcome = await world.crawl(_wanted(world, "/form", 6), **SETTINGS)
    assert len(outcome.texts("h1::text")) == 6
    kept = [response.meta["playwright_page"] for response in outcome.pages]
    assert all(one.is_open for one in kept)
    assert sum(one.is_open for one in Browser.pages) == len(set(kept)) == 6
    assert len(Browser.pages) > 2 * 6


async def test_a_refused_answer_is_closed(world: SmallWorld) -> None:
    """Whatever it looks like; the errback's request has no page."""
    _form(world)
    world.wrong = True
    outcome = await world.crawl(_wanted(world, "/form", 2), REFUSED, GEETEST_MAX_ATTEMPTS=2, **SETTINGS)
    assert len(outcome.errors) == 2
    assert not any(one.is_open for one in Browser.pages)
    assert all("playwright_page" not in error.request.meta for error in outcome.errors)  # type: ignore[attr-defined]


async def test_a_page_that_is_passed_on_has_an_open_one(world: SmallWorld) -> None:
    """``GEETEST_ON_FAILURE = "pass"``: the challenge page is fetched once more for that."""
    _form(world)
    world.wrong = True
    settings = {"GEETEST_MAX_ATTEMPTS": 1, "GEETEST_ON_FAILURE": "pass"}
    outcome = await world.crawl(_wanted(world, "/form", 2), REFUSED, **settings, **SETTINGS)
    assert [response.flags for response in outcome.pages] == [["geetest-unsolved"]] * 2
    assert all(response.meta["playwright_page"].is_open for response in outcome.pages)
    assert sum(one.is_open for one in Browser.pages) == 2


async def test_pages_behind_a_gate(world: SmallWorld) -> None:
    """The answer to the gate's form is closed, and so is every page that waited."""

    @world.route("/page")
    def behind(asked: Asked) -> Answer:
        if asked.cookies.get("open") == "1":
            return page(f"<h1>{asked.path}</h1>")
        return challenge_page("/enter", challenge=world.geetest.issue())

    @world.route("/enter")
    def enter(asked: Asked) -> Answer:
        return page("refused") if not world.geetest.takes(asked.fields) else page("in", Set_Cookie="open=1; Path=/")

    outcome = await world.crawl(_wanted(world, "/page", 5), {"mode": "gate"}, **SETTINGS)
    assert len(outcome.texts("h1::text")) == 5
    assert all(response.meta["playwright_page"].is_open for response in outcome.pages)
    assert sum(one.is_open for one in Browser.pages) == 5


async def test_pages_without_a_challenge_are_left_alone(world: SmallWorld) -> None:
    """What is not withheld keeps the page that it came with."""

    @world.route("/plain")
    def plain(_: Asked) -> Answer:
        return page("<h1>plain</h1>")

    outcome = await world.crawl(_wanted(world, "/plain", 2), **SETTINGS)
    assert all(response.meta["playwright_page"].is_open for response in outcome.pages)
    assert len(Browser.pages) == 2

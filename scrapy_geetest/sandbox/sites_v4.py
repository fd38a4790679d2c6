"""The v4 sites: a JSON API, a form, and answers in headers."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from . import pages
from .captchas import CAPTCHAS
from .checks import HEADER_NAMES, judge, v4_values
from .web import Answer, Call, Route, data, html, route

if TYPE_CHECKING:
    from .world import World

LAST_PAGE = 5
"""Pages of the JSON API."""


async def app_page(world: World, call: Call) -> Answer:
    """The page whose scripts use the API; the id comes from a configuration endpoint."""
    del call
    world.books.pages["v4-api"]["challenge"] += 1
    submit = """var showItems = function (answer) { document.getElementById("items").textContent = answer; };
        $.post("/v4/api/items", JSON.stringify({page: 1, captcha: result}), showItems);"""
    body = '    <h1>Catalogue</h1>\n    <div id="items"></div>\n    <div id="captcha-holder"></div>'
    return html(pages.document("Catalogue", body, pages.v4_configured("/v4/api/config", submit)))


async def api_config(world: World, call: Call) -> Answer:
    """What the page's scripts ask first."""
    del world, call
    return data({"captcha_id": CAPTCHAS["v4-api"].id, "version": 4})


async def api_items(world: World, call: Call) -> Answer:
    """Items of a page: ``{"page": n, "captcha": {…}}``, every request with an answer of its own."""
    sent = call.json_object()
    captcha = sent.get("captcha")
    values = v4_values(captcha if isinstance(captcha, dict) else {})
    if not await judge(world, "v4-api", "v4-api", values):
        world.books.pages["v4-api"]["challenge"] += 1
        message = "please pass the check" if values is None else "the check was not passed"
        return data({"need_captcha": True, "captcha_id": CAPTCHAS["v4-api"].id, "message": message}, 403)
    page = sent.get("page", 1)
    if not isinstance(page, int) or not 1 <= page <= LAST_PAGE:
        return data({"error": "page"}, 400)
    world.books.pages["v4-api"]["content"] += 1
    return data({"page": page, "pages": LAST_PAGE, "items": pages.goods(f"item{page}")})


async def form_page(world: World, call: Call) -> Answer:
    """A form; its keyword can be given in the query."""
    return _form(world, call.query.get("keyword", ""), "")


def _form(world: World, keyword: str, message: str) -> Answer:
    world.books.pages["v4-form"]["challenge"] += 1
    visible = pages.text_input("keyword", "Keyword", keyword) + pages.text_input("town", "Town", "Wick")
    form = pages.form("/v4/form", {"source": "form"}, visible, button="Search")
    body = f"    <h1>Find a chandler</h1>\n{pages.error(message)}{form}"
    return html(pages.document("Find a chandler", body, pages.v4(CAPTCHAS["v4-form"].id, risk_type="slide")))


async def form_result(world: World, call: Call) -> Answer:
    """What was looked for, if the answer is right; ``captcha_id`` may be missing but not wrong."""
    keyword = call.form.get("keyword", "")
    captcha_id = CAPTCHAS["v4-form"].id
    values = v4_values(call.form) if call.form.get("captcha_id", captcha_id) == captcha_id else None
    if not await judge(world, "v4-form", "v4-form", values):
        return _form(world, keyword, "The check was not passed. Please try again.")
    world.books.pages["v4-form"]["content"] += 1
    place = f'{escape(keyword)}</span> in <span class="town">{escape(call.form.get("town", ""))}'
    body = f'    <h1>Chandlers for <span class="keyword">{place}</span></h1>\n'
    return html(pages.document("Chandlers", body + pages.items("shop", pages.goods(keyword))))


async def headers_data(world: World, call: Call, number: str) -> Answer:
    """Data for an answer in the headers; a challenge page without one."""
    values = v4_values(call.headers, HEADER_NAMES)
    if values is not None and await judge(world, "headers", "headers", values):
        world.books.pages["headers"]["content"] += 1
        return data({"id": int(number), "goods": pages.goods(number)})
    world.books.pages["headers"]["challenge"] += 1
    submit = pages.fill(pages.SUBMIT_HEADERS, target=f"/headers/data/{number}")
    body = '    <h1>Please confirm</h1>\n    <div id="captcha-holder"></div>'
    return html(pages.document("Please confirm", body, pages.v4(CAPTCHAS["headers"].id, submit=submit)), 403)


ROUTES: tuple[Route, ...] = (
    route("/v4/?", app_page, "GET"),
    route("/v4/api/config", api_config, "GET"),
    route("/v4/api/items", api_items, "POST", call="submit"),
    route("/v4/form", form_page, "GET"),
    route("/v4/form", form_result, "POST", call="submit"),
    route(r"/headers/data/(?P<number>\d{1,9})", headers_data, call="submit"),
)

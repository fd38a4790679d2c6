"""Sites for a browser: a script of each page's own hands the challenge to GeeTest, and sends the answer its own way."""

from __future__ import annotations

import secrets
from html import escape
from typing import TYPE_CHECKING

from . import pages
from .captchas import CAPTCHAS
from .checks import judge, register, v3_values, v4_values
from .gates import Gate
from .web import Answer, Call, Route, data, html, route
from .widgets import read_script

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .world import World

_PASSWORD = "sandbox"  # noqa: S105  # opens every account, as at the other logins
_REFUSED = "The check was not passed. Please try again."
_PLACE = '    <div id="captcha-holder"></div>\n'
_RESULTS = '    <p id="message"></p>\n    <ul id="items"></ul>\n'
_V3, _V4 = "browser-v3", "browser-v4"
# Some pages link GeeTest's own address, which no request may reach; others have a copy at home, as most sites do.
_GT_JS = "https://static.geetest.com/static/tools/gt.js"
_GT4_JS = "https://static.geetest.com/v4/gt4.js"
_OWN_GT_JS, _OWN_GT4_JS = "/static/gt.js", "/static/gt4.js"


def _script(name: str, target: str = "", **values: str) -> str:
    known = {"register": "/browser/register", "captcha_id": CAPTCHAS[_V4].id, "loader": _GT4_JS, "target": target}
    return pages.fill(read_script(name), **known, **values)


def _inline(name: str, loader: str, target: str = "", **values: str) -> str:
    text = _script(name, target, **values)
    return f'  <script src="{loader}"></script>\n  <script>\n{text}  </script>'


def _book(name: str) -> str:
    return f"browser/{name}"


def _page(world: World, name: str, body: str, scripts: str, status: int = 200) -> Answer:
    """A page with a widget, or with a button that brings one."""
    world.books.pages[_book(name)]["challenge"] += 1
    return html(pages.document(name.capitalize(), f"    <h1>{name.capitalize()}</h1>\n{body}", scripts), status)


def _content(world: World, name: str, body: str) -> Answer:
    world.books.pages[_book(name)]["content"] += 1
    return html(body if body.startswith("<li") else pages.document(name.capitalize(), body))


def _entries(seed: str) -> str:
    return "".join(f'<li class="item">{escape(row["name"])}</li>' for row in pages.goods(seed))


async def _judge(world: World, name: str, values: Mapping[str, str] | None, captcha: str) -> bool:
    return await judge(world, _book(name), captcha, values)


async def index(world: World, call: Call) -> Answer:
    """Links to all of these sites."""
    del world, call
    names = ("float?q=rope", "bind", "popup", "formdata", "two", "click", "frame", "gate/page/1", "steps", "password")
    links = "".join(f'      <li><a href="/browser/{name}">{name}</a></li>\n' for name in names)
    return html(pages.document("For a browser", f"    <ul>\n{links}    </ul>"))


async def v3_register(world: World, call: Call) -> Answer:
    """The register endpoint of the v3 sites."""
    del call
    return data({**await register(world, _V3), "new_captcha": True})


async def float_page(world: World, call: Call) -> Answer:
    """v3, float: a search is withheld; its form goes once the widget has put its inputs into it."""
    return _float(world, call.query.get("q", ""))


def _float(world: World, query: str, message: str = "") -> Answer:
    form = pages.error(message) + pages.form("/browser/float", {"q": query})
    return _page(world, "float", form, _inline("float", _OWN_GT_JS), 200 if message else 403)


async def float_submitted(world: World, call: Call) -> Answer:
    """The results."""
    query = call.form.get("q", "")
    if not await _judge(world, "float", v3_values(call.form), _V3):
        return _float(world, query, _REFUSED)
    heading = f'    <h1>Results for <span class="query">{escape(query)}</span></h1>\n'
    return _content(world, "float", heading + pages.items("result", pages.found(query)))


async def bind_page(world: World, call: Call) -> Answer:
    """v3, bind: a script verifies as soon as it can, and posts JSON."""
    del call
    return _page(world, "bind", _RESULTS, _inline("bind", _GT_JS, "/browser/bind/items"))


async def bind_items(world: World, call: Call) -> Answer:
    """``{"page": 1, "captcha": {"challenge": …}}``."""
    captcha = call.json_object().get("captcha")
    values = v3_values(captcha, "") if isinstance(captcha, dict) else None
    if not await _judge(world, "bind", values, _V3):
        return data({"message": _REFUSED}, 403)
    world.books.pages[_book("bind")]["content"] += 1
    return data({"items": pages.goods("bind")})


async def popup_page(world: World, call: Call) -> Answer:
    """v4, popup: the answer goes into a query."""
    del call
    return _page(world, "popup", _PLACE + _RESULTS, _inline("popup", _GT4_JS, "/browser/popup/items"), 403)


async def popup_items(world: World, call: Call) -> Answer:
    """The list, as markup."""
    return await _list(world, "popup", v4_values(call.query))


async def _list(
    world: World, name: str, values: Mapping[str, str] | None, captcha: str = _V4, seed: str = ""
) -> Answer:
    if not await _judge(world, name, values, captcha):
        return html(f'<li class="error">{_REFUSED}</li>', 403)
    return _content(world, name, _entries(seed or name))


async def formdata_page(world: World, call: Call) -> Answer:
    """v4, bind: a button opens it, and multipart data are posted."""
    del call
    form = f"""    <form id="search">
{pages.text_input("keyword", "Keyword", "rope")}      <button id="enter">Search</button>
    </form>\n"""
    scripts = _inline("formdata", _OWN_GT4_JS, "/browser/formdata/items")
    return _page(world, "formdata", form + _RESULTS, scripts)


async def formdata_items(world: World, call: Call) -> Answer:
    """The list for a keyword."""
    return await _list(world, "formdata", v4_values(call.form), seed=call.form.get("keyword", ""))


async def two_page(world: World, call: Call) -> Answer:
    """Two widgets, each for a list of its own."""
    del call
    body = '    <ul id="prices"></ul>\n    <ul id="stock"></ul>\n'
    scripts = f'  <script src="{_OWN_GT_JS}"></script>\n' + _inline("two", _GT4_JS, "/browser/two/items")
    return _page(world, "two", body, scripts, 403)


async def two_items(world: World, call: Call) -> Answer:
    """One of the lists."""
    if call.query.get("list") == "prices":
        return await _list(world, "two", v3_values(call.query), _V3, "prices")
    return await _list(world, "two", v4_values(call.query), seed="stock")


async def click_page(world: World, call: Call) -> Answer:
    """Nothing of GeeTest's is there before a click; the script is linked."""
    del call
    body = f'    <button id="show">Show the offers</button>\n{_PLACE}{_RESULTS}'
    return _page(world, "click", body, '  <script src="/browser/click/page.js" defer></script>')


async def click_script(world: World, call: Call) -> Answer:
    """The linked script."""
    del world, call
    return Answer(_script("click", "/browser/click/items").encode(), content_type="text/javascript; charset=utf-8")


async def click_items(world: World, call: Call) -> Answer:
    """The list, as markup in JSON."""
    captcha = call.json_object().get("captcha")
    if not await _judge(world, "click", v4_values(captcha) if isinstance(captcha, dict) else None, _V4):
        return data({"message": _REFUSED}, 403)
    world.books.pages[_book("click")]["content"] += 1
    return data({"html": _entries("click")})


async def frame_page(world: World, call: Call) -> Answer:
    """The widget is in a frame of the same site."""
    del call
    body = '    <iframe src="/browser/frame/inner" width="400" height="120"></iframe>\n' + _RESULTS
    scripts = f"  <script>\n{_script('frame', '/browser/frame/items')}  </script>"
    return _page(world, "frame", body, scripts)


async def frame_inner(world: World, call: Call) -> Answer:
    """The page in the frame."""
    del world, call
    return html(pages.document("Check", _PLACE, _inline("inner", _OWN_GT_JS)))


async def frame_items(world: World, call: Call) -> Answer:
    """The list for an answer in the headers."""
    return await _list(world, "frame", v3_values(call.headers, "geetest-"), _V3)


class _BrowserGate(Gate):
    """A gate whose script opens the session and loads the page again."""

    def challenge(self, world: World, target: str, message: str = "") -> Answer:
        """The page that withholds."""
        del target
        body = pages.error(message) + _PLACE
        return _page(world, "gate", body, _inline("gate", _OWN_GT4_JS, f"/{self.name}/verify"), 403)


async def steps_page(world: World, call: Call) -> Answer:
    """Two steps: the answer earns a ticket."""
    del call
    scripts = _inline("steps", _GT_JS, "/browser/steps/ticket", next="/browser/steps/result")
    return _page(world, "steps", _PLACE + _RESULTS, scripts, 403)


async def steps_ticket(world: World, call: Call) -> Answer:
    """The ticket."""
    if not await _judge(world, "steps", v3_values(call.form), _V3):
        return data({"ticket": None, "message": _REFUSED})
    ticket = secrets.token_hex(16)
    world.tokens[ticket] = "steps"
    return data({"ticket": ticket})


async def steps_result(world: World, call: Call) -> Answer:
    """What a ticket is good for, once."""
    if world.tokens.pop(call.query.get("ticket", ""), None) != "steps":
        return html(pages.document("Steps", pages.error("The ticket is not valid.")), 403)
    return _content(world, "steps", "    <h1>Tides</h1>\n" + pages.items("tide", pages.goods("steps")))


async def password_page(world: World, call: Call) -> Answer:
    """A login with a widget."""
    del call
    return _password(world)


def _password(world: World, message: str = "") -> Answer:
    fields = pages.text_input("user", "User") + pages.text_input("password", "Password", kind="password")
    form = f"""    <form id="guarded" action="/browser/password" method="post">
{fields}{_PLACE}      <button id="enter">Log in</button>
    </form>\n"""
    return _page(world, "password", pages.error(message) + form, _inline("password", _OWN_GT_JS))


async def password_submitted(world: World, call: Call) -> Answer:
    """The login again, for a wrong solution and for a wrong password, in different words."""
    user = call.form.get("user", "")
    if not await _judge(world, "password", v3_values(call.form), _V3):
        return _password(world, "captcha wrong")
    if not user or call.form.get("password") != _PASSWORD:
        return _password(world, "wrong password")
    return _content(world, "password", f'    <h1>Welcome, <span class="user">{escape(user)}</span></h1>')


ROUTES: tuple[Route, ...] = (
    route("/browser/?", index, "GET"),
    route("/browser/register", v3_register, "GET", call="register"),
    route("/browser/float", float_page, "GET"),
    route("/browser/float", float_submitted, "POST", call="submit"),
    route("/browser/bind", bind_page, "GET"),
    route("/browser/bind/items", bind_items, "POST", call="submit"),
    route("/browser/popup", popup_page, "GET"),
    route("/browser/popup/items", popup_items, "GET", call="submit"),
    route("/browser/formdata", formdata_page, "GET"),
    route("/browser/formdata/items", formdata_items, "POST", call="submit"),
    route("/browser/two", two_page, "GET"),
    route("/browser/two/items", two_items, "GET", call="submit"),
    route("/browser/click", click_page, "GET"),
    route("/browser/click/page.js", click_script, "GET"),
    route("/browser/click/items", click_items, "POST", call="submit"),
    route("/browser/frame", frame_page, "GET"),
    route("/browser/frame/inner", frame_inner, "GET"),
    route("/browser/frame/items", frame_items, "GET", call="submit"),
    *_BrowserGate("browser/gate", captcha_of=_V4).routes(),
    route("/browser/steps", steps_page, "GET"),
    route("/browser/steps/ticket", steps_ticket, "POST", call="submit"),
    route("/browser/steps/result", steps_result, "GET"),
    route("/browser/password", password_page, "GET"),
    route("/browser/password", password_submitted, "POST", call="submit"),
)

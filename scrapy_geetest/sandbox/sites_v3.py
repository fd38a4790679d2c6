"""The v3 sites: a login, a search, a nested register answer, JSONP, and a challenge rendered into the page."""

from __future__ import annotations

import hmac
import re
import secrets
from html import escape
from urllib.parse import quote, urlencode

from . import pages
from .checks import judge, register, v3_values, v3_values_of_token
from .web import HTML, Answer, Call, Route, data, html, redirect, route
from .world import Visit, World

DEMO_LOGIN = "sandbox"
"""What opens every account."""

_COOKIE = "shop_session"
_REFUSED = "The check was not passed. Please try again."


def _visit(world: World, call: Call) -> Visit | None:
    return world.visits.get(call.cookies.get(_COOKIE, ""))


def _open_visit(world: World) -> tuple[str, Visit]:
    name = secrets.token_hex(16)
    world.visits[name] = Visit()
    return name, world.visits[name]


async def login_page(world: World, call: Call) -> Answer:
    """The login form; a new visitor gets a session."""
    return _login(world, call)


def _login(world: World, call: Call, message: str = "") -> Answer:
    name, visit = "", _visit(world, call)
    if visit is None:
        name, visit = _open_visit(world)
    token = secrets.token_hex(16)
    visit.tokens.add(token)
    fields = pages.text_input("user", "User") + pages.text_input("password", "Password", kind="password")
    form = pages.form("/v3/login", {"csrf": token}, fields, button="Log in")
    body = f"    <h1>Log in</h1>\n{pages.error(message)}{form}"
    world.books.pages["v3-login"]["challenge"] += 1
    answer = html(pages.document("Log in", body, pages.v3_xhr("/v3/gt/register-slide")))
    return answer.with_cookie(_COOKIE, name, "/v3") if name else answer


async def v3_register(world: World, call: Call) -> Answer:
    """The register endpoint; the SDK's status goes into the session, as GeeTest's demos do it."""
    answer = await register(world, "v3")
    visit = _visit(world, call)
    if visit is not None:
        visit.status = answer["success"]
        return data(answer)
    name, visit = _open_visit(world)
    visit.status = answer["success"]
    return data(answer).with_cookie(_COOKIE, name, "/v3")


async def login(world: World, call: Call) -> Answer:
    """Log in: CSRF token, then the answer, then the password."""
    visit = _visit(world, call)
    if visit is None or call.form.get("csrf") not in visit.tokens:
        return html(pages.document("Log in", "    <p class='error'>The form has expired.</p>"), 403)
    if not await judge(world, "v3-login", "v3", v3_values(call.form), visit.status):
        return _login(world, call, _REFUSED)
    user = call.form.get("user", "")
    if not user or call.form.get("password") != DEMO_LOGIN:
        body = "    <h1>Log in</h1>\n" + pages.error("User or password is wrong.")
        return html(pages.document("Log in", body + '    <p><a href="/v3/login">Again</a></p>'))
    visit.users.add(user)
    return redirect("/v3/account?" + urlencode({"user": user}))


async def account(world: World, call: Call) -> Answer:
    """The orders of a user who has logged in within this session."""
    visit, user = _visit(world, call), call.query.get("user", "")
    if visit is None or user not in visit.users:
        return redirect("/v3/login")
    world.books.pages["v3-login"]["content"] += 1
    body = (
        pages.OLD_WIDGET
        + f'    <h1>Orders of <span class="user">{escape(user)}</span></h1>\n'
        + pages.items("order", pages.goods(user))
    )
    return html(pages.document("Orders", body))


def _sign(world: World, query: str) -> str:
    return hmac.new(world.signing_key, query.encode(), "sha256").hexdigest()


async def search(world: World, call: Call) -> Answer:
    """Every search is withheld until its form has been sent with an answer."""
    return _search_challenge(world, call.query.get("q", ""))


def _search_challenge(world: World, query: str, message: str = "") -> Answer:
    hidden = {"q": query, "csrf": _sign(world, query), "next": "/v3/search?" + urlencode({"q": query})}
    body = f"    <h1>One moment</h1>\n{pages.error(message)}" + pages.form("/v3/search/verify", hidden)
    world.books.pages["v3-search"]["challenge"] += 1
    return html(pages.document("One moment", body, pages.v3_xhr("/v3/gt/register-slide")), 403)


async def search_verify(world: World, call: Call) -> Answer:
    """The results; the answer opens this one search only."""
    query = call.form.get("q", "")
    if not hmac.compare_digest(_sign(world, query).encode(), call.form.get("csrf", "").encode()):
        return html(pages.document("Search", "    <p class='error'>The form was changed.</p>"), 400)
    if not await judge(world, "v3-search", "v3", v3_values(call.form)):
        return _search_challenge(world, query, _REFUSED)
    world.books.pages["v3-search"]["content"] += 1
    body = f'    <h1>Results for <span class="query">{escape(query)}</span></h1>\n'
    return html(pages.document("Results", body + pages.items("result", pages.found(query))))


async def nested_page(world: World, call: Call) -> Answer:
    """A login page without a form: scripts send the answer."""
    del call
    return _nested(world, "", 200)


def _nested(world: World, message: str, status: int) -> Answer:
    world.books.pages["nested"]["challenge"] += 1
    submit = pages.fill(pages.SUBMIT_XHR, target="/nested/login")
    body = f'    <h1>Members</h1>\n{pages.error(message)}    <div id="captcha-holder"></div>'
    scripts = pages.v3_xhr("/nested/captcha", path=".data.geetest", submit=submit, before=pages.POSTED_BACK)
    return html(pages.document("Members", body, scripts), status)


async def nested_register(world: World, call: Call) -> Answer:
    """A nested register answer without ``success``, served as text/html, with a token to be posted back."""
    del call
    answer = await register(world, "nested")
    token = secrets.token_hex(16)
    world.tokens[token] = answer["challenge"]
    inner = {
        "type": "geetest",
        "token": token,
        "geetest": {"challenge": answer["challenge"], "gt": answer["gt"]},
        "tencent": {"appid": ""},
    }
    return data({"code": 0, "message": "OK", "ttl": 1, "data": inner}, content_type=HTML)


async def nested_login(world: World, call: Call) -> Answer:
    """Needs the answer and the token that came with its challenge."""
    if not await judge(world, "nested", "nested", v3_values_of_token(world, call)):
        return _nested(world, _REFUSED, 412)
    world.books.pages["nested"]["content"] += 1
    user = call.form.get("username", "")
    body = f'    <h1>Welcome, <span class="user">{escape(user)}</span></h1>\n' + pages.items("offer", pages.goods(user))
    return html(pages.document("Members", body))


async def jsonp_register(world: World, call: Call) -> Answer:
    """A register answer as JSONP."""
    callback = call.query.get("callback", "")
    if not re.fullmatch(r"[A-Za-z_$][\w$.]{0,60}", callback):
        return data({"error": "callback"}, 400)
    answer = {**await register(world, "jsonp"), "new_captcha": True}
    return Answer(pages.jsonp(callback, answer).encode(), content_type="application/javascript; charset=utf-8")


async def jsonp_data(world: World, call: Call) -> Answer:
    """Data for an answer in the query; a challenge page without one."""
    wanted = call.query.get("id", "1")
    values = v3_values(call.query, "")
    if values is not None and await judge(world, "jsonp", "jsonp", values):
        world.books.pages["jsonp"]["content"] += 1
        return data({"id": wanted, "goods": pages.goods(wanted)})
    world.books.pages["jsonp"]["challenge"] += 1
    body = '    <h1>Please confirm</h1>\n    <div id="captcha-holder"></div>'
    scripts = pages.v3_jsonp("/jsonp/register", f"/jsonp/data?id={quote(wanted, safe='')}")
    return html(pages.document("Please confirm", body, scripts), 403)


async def inline_article(world: World, call: Call, number: str) -> Answer:
    """An article that is withheld: the challenge is in the page, a fresh one in every view."""
    del call
    return await _inline(world, number, "")


async def _inline(world: World, number: str, message: str) -> Answer:
    answer = await register(world, "inline")
    world.books.pages["inline"]["challenge"] += 1
    body = f"    <h1>Article {number}</h1>\n{pages.error(message)}" + pages.form("/inline/verify", {"id": number})
    return html(pages.document("Article", body, pages.v3_inline(answer["gt"], answer["challenge"])))


async def inline_verify(world: World, call: Call) -> Answer:
    """The article."""
    number = "".join(filter(str.isdecimal, call.form.get("id", ""))) or "0"
    if not await judge(world, "inline", "inline", v3_values(call.form)):
        return await _inline(world, number, _REFUSED)
    world.books.pages["inline"]["content"] += 1
    body = f'    <h1>Article {number}</h1>\n    <p class="article">The tide tables of {number}.</p>'
    return html(pages.document("Article", body))


ROUTES: tuple[Route, ...] = (
    route("/v3/login", login_page, "GET"),
    route("/v3/login", login, "POST", call="submit"),
    route("/v3/gt/register-slide", v3_register, call="register"),
    route("/v3/account", account, "GET"),
    route("/v3/search", search, "GET"),
    route("/v3/search/verify", search_verify, "POST", call="submit"),
    route("/nested/login", nested_page, "GET"),
    route("/nested/captcha", nested_register, call="register"),
    route("/nested/login", nested_login, "POST", call="submit"),
    route("/jsonp/register", jsonp_register, "GET", call="register"),
    route("/jsonp/data", jsonp_data, "GET", call="submit"),
    route(r"/inline/article/(?P<number>\d{1,9})", inline_article, "GET"),
    route("/inline/verify", inline_verify, "POST", call="submit"),
)

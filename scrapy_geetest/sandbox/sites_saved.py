"""Sites made of saved pages: their addresses are those that the pages were saved from."""

from __future__ import annotations

import json
import secrets
from functools import partial
from typing import TYPE_CHECKING, Any

from . import pages, plain
from .checks import judge, register
from .saved_page import OWN_HOST, Check, SavedPage, host_of, is_at
from .web import Answer, Call, data, html

if TYPE_CHECKING:
    from .web import Found
    from .world import World

_COOKIE = "sandbox_pass"
_FOR_EVER = float("inf")
_ROBOTS = "/robots.txt"


def find(world: World, call: Call) -> Found | None:
    """What answers a request with a saved page or a part of one; ``None``: the sandbox's own sites do."""
    guarded = [(page, page.check) for page in world.saved if page.check is not None]
    for _, check in guarded:
        if check.register_url and is_at(check.register_url, call):
            return "register", partial(_register, world, call, check)
    at = [(page, check) for page, check in guarded if is_at(check.submit_url, call) or is_at(page.url, call)]
    sent = [(page, check) for page, check in at if check.values(call) is not None]
    unread = [(page, check) for page, check in at if call.method != "GET" and is_at(check.submit_url, call)]
    if candidates := sent or unread:
        page, check = max(candidates, key=lambda each: (is_at(each[0].url, call), each[1].likeness(call)))
        return "submit" if sent else None, partial(_submitted, world, call, page, check)
    for page in world.saved:
        if is_at(page.url, call):
            return None, partial(_page, world, call, page)
    if host_of(call) == OWN_HOST:
        return None
    return None, partial(plain.robots if call.path == _ROBOTS else _nothing, world, call)


async def _nothing(world: World, call: Call) -> Answer:
    known = ", ".join(page.url for page in world.saved) or f"its own sites at http://{OWN_HOST}/"
    text = f"The sandbox has no page for {host_of(call)}{call.target}. It has {known}."
    return html(pages.document("Not found", pages.error(text)), 404)


async def _page(world: World, call: Call, page: SavedPage) -> Answer:
    check = page.check
    if check is None or (check.is_gate and _is_open(world, call)):
        return _content(world, page)
    return await _challenge(world, page, check)


def _content(world: World, page: SavedPage) -> Answer:
    world.books.pages[page.url]["content"] += 1
    return Answer(page.body.encode(), page.status, page.content_type)


async def _challenge(world: World, page: SavedPage, check: Check) -> Answer:
    world.books.pages[page.url]["challenge"] += 1
    fresh = (await register(world, check.captcha_id))["challenge"] if check.challenge else ""
    text = check.html.replace(check.challenge, fresh) if fresh else check.html
    return Answer(text.encode(), check.status, check.content_type)


async def _register(world: World, call: Call, check: Check) -> Answer:
    """The challenge where the page's script looks for it, and at the top."""
    if not check.captcha.is_v3:
        return data({"captcha_id": check.captcha_id})
    answer: Any = {**await register(world, check.captcha_id), "new_captcha": True}
    nested = answer
    for key in reversed(check.register_path):
        nested = {key: nested}
    answer = {**answer, **nested}
    callback = call.query.get(check.register_callback) if check.register_callback else None
    if callback and callback.isidentifier():
        return Answer(f"{callback}({json.dumps(answer)});".encode(), content_type="application/javascript")
    return data(answer)


async def _submitted(world: World, call: Call, page: SavedPage, check: Check) -> Answer:
    if not await judge(world, page.url, check.captcha_id, check.values(call)):
        return _refused(check) or await _challenge(world, page, check)
    answer = _content(world, page) if page.body or check.accepted is None else data(check.accepted)
    if not check.is_gate:
        return answer
    session = secrets.token_hex(16)
    seconds = world.options.gate_seconds
    world.passes[host_of(call), session] = world.clock() + (_FOR_EVER if seconds is None else seconds)
    world.books.gates_opened[page.url] += 1
    return answer.with_cookie(_COOKIE, session, "/")


def _refused(check: Check) -> Answer | None:
    if check.refused_page:
        content_type, body = check.refused_page
        return Answer(body.encode(), content_type=content_type)
    return None if check.refused is None else data(check.refused)


def _is_open(world: World, call: Call) -> bool:
    return world.clock() <= world.passes.get((host_of(call), call.cookies.get(_COOKIE, "")), -1.0)

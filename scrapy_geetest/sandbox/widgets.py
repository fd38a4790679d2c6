"""What lets a person pass the CAPTCHAs in a browser: scripts in the place of GeeTest's, and the answers to their calls.

The calls have the names and the fields of the real ones, so that a network log of a visit reads like one of a real site.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from . import pages
from .web import Answer, Call, Route, data, route

if TYPE_CHECKING:
    from .world import World

_FILES = {"gt.js": "gt", "gt4.js": "gt4", "jquery.min.js": "jquery"}
_JAVASCRIPT = "text/javascript; charset=utf-8"
_CALLBACK = re.compile(r"[A-Za-z_$][\w$.]{0,60}")


@cache
def read_script(name: str) -> str:
    """A script of the sandbox, without its places filled in."""
    return files(__package__).joinpath("scripts", f"{name}.js").read_text(encoding="utf-8")


async def script(world: World, call: Call, name: str) -> Answer:
    """A script that pages load."""
    del world, call
    text = pages.fill(read_script(_FILES[name]), widget=read_script("widget"))
    return Answer(text.encode(), content_type=_JAVASCRIPT)


async def get_v3(world: World, call: Call) -> Answer:
    """A v3 widget is shown: from here on its challenge has two more characters."""
    captcha, challenge = world.geetest.captchas.get(call.query.get("gt", "")), call.query.get("challenge", "")
    if captcha is None or not captcha.is_v3 or not world.geetest.take(captcha, challenge)[1]:
        return _told(call, None, "old challenge")
    solution = world.geetest.solve_v3(captcha, challenge, world.clock(), wrong=False)
    return _told(call, {"challenge": solution["challenge"], "type": "click"})


async def ajax_v3(world: World, call: Call) -> Answer:
    """The button of a v3 widget was pressed."""
    solution = world.geetest.solution(call.query.get("challenge", ""))
    return _told(call, solution and {"result": "success", "validate": solution["validate"]}, "old challenge")


async def load_v4(world: World, call: Call) -> Answer:
    """A v4 widget is shown."""
    captcha = world.geetest.captchas.get(call.query.get("captcha_id", ""))
    if captcha is None or captcha.is_v3:
        return _told(call, None, "unknown captcha_id")
    solution = world.geetest.solve_v4(captcha, world.clock(), wrong=False)
    return _told(call, {"lot_number": solution["lot_number"], "captcha_type": "ai"})


async def verify_v4(world: World, call: Call) -> Answer:
    """The button of a v4 widget was pressed."""
    solution = world.geetest.solution(call.query.get("lot_number", ""))
    seccode = solution and {"captcha_id": call.query.get("captcha_id", ""), **solution}
    return _told(call, seccode and {"result": "success", "seccode": seccode}, "unknown lot_number")


def _told(call: Call, answer: Any, problem: str = "") -> Answer:
    callback = call.query.get("callback", "")
    if not _CALLBACK.fullmatch(callback):
        return data({"status": "error", "msg": "callback"}, 400)
    told = {"status": "success", "data": answer} if answer else {"status": "error", "msg": problem}
    return Answer(pages.jsonp(callback, told).encode(), content_type=_JAVASCRIPT)


ROUTES: tuple[Route, ...] = (
    route(f"/static/(?P<name>{'|'.join(map(re.escape, _FILES))})", script, "GET"),
    route(r"/geetest/get\.php", get_v3, "GET"),
    route(r"/geetest/ajax\.php", ajax_v3, "GET"),
    route("/geetest/load", load_v4, "GET"),
    route("/geetest/verify", verify_v4, "GET"),
)

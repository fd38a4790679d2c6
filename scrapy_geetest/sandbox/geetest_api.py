"""The addresses of the sandbox's GeeTest: ``/register.php``, ``/validate.php``, and the v4 ``/validate``."""

from __future__ import annotations

from hashlib import md5
from typing import TYPE_CHECKING

from .web import Answer, Call, Route, data, route

if TYPE_CHECKING:
    from .world import World


async def _register(world: World, call: Call) -> Answer:
    return Answer(world.geetest.register(call.query.get("gt", "")).encode())


async def _validate_v3(world: World, call: Call) -> Answer:
    seccode = call.form.get("seccode", "")
    good = world.geetest.validate_v3(call.form.get("challenge", ""), seccode)
    return Answer(md5(seccode.encode()).hexdigest().encode() if good else b"false")


async def _validate_v4(world: World, call: Call) -> Answer:
    result, reason = world.geetest.validate_v4(call.query.get("captcha_id", ""), call.form)
    return data({"status": "success", "result": result, "reason": reason, "captcha_args": {}})


ROUTES: tuple[Route, ...] = (
    route("/register.php", _register, "GET"),
    route("/validate.php", _validate_v3, "POST"),
    route("/validate", _validate_v4, "GET", "POST"),
)

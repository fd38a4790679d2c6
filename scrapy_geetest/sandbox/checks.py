"""What the sites have in common: registering with GeeTest's SDK, and checking answers with GeeTest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .captchas import V3_FIELDS, V4_FIELDS, sign_token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .web import Call
    from .world import World

PREFIX = "geetest_"
HEADER_NAMES = {
    "lot_number": "x-captcha-lot-number",
    "captcha_output": "x-captcha-output",
    "pass_token": "x-captcha-pass-token",
    "gen_time": "x-captcha-gen-time",
}
_TELLTALES = ("validate", "pass_token", "pass-token")
_SDK_TRIES = 3


def missing_extra() -> str | None:
    """What to install where the packages of the extra ``[sandbox]`` are missing; ``None`` where all are there."""
    from importlib.util import find_spec

    missing = [name for name in ("geetest", "requests") if find_spec(name) is None]
    if not missing:
        return None
    return f"the sandbox needs {' and '.join(missing)}: pip install 'scrapy-geetest[sandbox]'"


def carries_answer(call: Call) -> bool:
    """Whether a request brings a solution along, right or wrong."""
    names = [*call.query, *call.form, *call.headers]
    body = call.json_object()
    names += [*body, *(name for value in body.values() if isinstance(value, dict) for name in value)]
    return any(name.endswith(_TELLTALES) for name in names)


def make_sdk(world: World, site: str) -> Any:
    """GeeTest's own server SDK, pointed at the sandbox's GeeTest."""
    from geetest import GeetestLib

    captcha = world.captcha(site)
    sdk = GeetestLib(captcha.id, captcha.key)
    sdk.API_URL = world.geetest_url  # on the instance: the class stays as it is
    return sdk


async def register(world: World, site: str) -> dict[str, Any]:
    """The answer of a site's register endpoint: success, gt, challenge, as the SDK makes them.

    The SDK gives GeeTest two seconds; on an overloaded machine that says nothing about ``offline``, so it tries again.
    """
    sdk = make_sdk(world, site)
    for _ in range(_SDK_TRIES):
        if await world.in_thread(sdk.pre_process) or world.options.offline:
            break
    return dict(json.loads(sdk.get_response_str()))


async def check_v3(world: World, site: str, values: Mapping[str, Any], status: int | None = 1) -> bool:
    """Check a v3 answer with the SDK.

    Args:
        world: The sandbox.
        site: Whose id and key.
        values: The answer by the names ``challenge``, ``validate``, ``seccode``.
        status: What the SDK said at registration: 1; 0 (GeeTest was offline); ``None`` (nothing known: refused).
    """
    sdk = make_sdk(world, site)
    answer = [str(values.get(name, "")) for name in V3_FIELDS]
    if status == 1:
        return bool(await world.in_thread(sdk.success_validate, *answer))
    try:
        return status == 0 and bool(sdk.failback_validate(*answer))
    except (IndexError, ValueError):  # the SDK takes the fallback's answers for well-formed
        return False


async def check_v4(world: World, site: str, values: Mapping[str, Any]) -> bool:
    """Check a v4 answer with GeeTest, as its documentation tells a site to: only ``"result": "success"`` lets in."""
    captcha = world.captcha(site)
    fields = {name: str(values.get(name, "")) for name in V4_FIELDS}
    fields["sign_token"] = sign_token(captcha, fields["lot_number"])
    body = await world.post(f"{world.geetest_url}/validate?captcha_id={captcha.id}", fields)
    verdict = json.loads(body)
    return bool(verdict["status"] == "success" and verdict["result"] == "success")


def v3_values(source: Mapping[str, str], prefix: str = PREFIX) -> dict[str, str] | None:
    """The three v3 values by their plain names; ``None`` where one is missing or empty."""
    values = {name: source.get(prefix + name, "") for name in V3_FIELDS}
    return values if all(values.values()) else None


def v3_values_of_token(world: World, call: Call) -> dict[str, str] | None:
    """The three v3 values of a form whose ``token`` belongs to a challenge; with another challenge's they are wrong."""
    values = v3_values(call.form)
    challenge = world.tokens.pop(call.form.get("token", ""), None)
    if values is not None and (challenge is None or not values["challenge"].startswith(challenge)):
        values["validate"] = "-"
    return values


def v4_values(source: Mapping[str, Any], names: Mapping[str, str] | None = None) -> dict[str, Any] | None:
    """The four v4 values by their plain names; ``None`` where one is missing or no text."""
    values = {name: source.get((names or {}).get(name, name)) for name in V4_FIELDS}
    return values if all(isinstance(value, str) and value for value in values.values()) else None


async def judge(world: World, book: str, site: str, values: Mapping[str, Any] | None, status: int | None = 1) -> bool:
    """Check an answer, if there is one, and write into the books under ``book`` what became of the submission."""
    accepted = False
    if values is not None:
        checked = check_v3(world, site, values, status) if world.captcha(site).is_v3 else check_v4(world, site, values)
        accepted = await checked
    outcome = "missing" if values is None else "accepted" if accepted else "refused"
    world.books.submissions[book][outcome] += 1
    return accepted

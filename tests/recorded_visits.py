"""Visits to a site as a log of a browser records them, made exchange by exchange."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from attrs import evolve
from har_replay import Replay, as_exchange, values_of

from scrapy_geetest.commands.inspect.har import Exchange, Recording
from scrapy_geetest.commands.inspect.recording.report import read_visit

if TYPE_CHECKING:
    from pathlib import Path

HOST = "https://a.example"
GT, CHALLENGE, VALIDATE = "0a1b2c3d4e5f60718293a4b5c6d7e8f9", "c0" * 16, "d1" * 16
CAPTCHA_ID = "1a2b3c4d5e6f708192a3b4c5d6e7f809"
V3 = {"challenge": CHALLENGE + "k2", "validate": VALIDATE, "seccode": VALIDATE + "|jordan"}
GEETEST_V3 = {f"geetest_{key}": value for key, value in V3.items()}
V4 = {
    "captcha_id": CAPTCHA_ID,
    "lot_number": "2b" * 16,
    "pass_token": "3c" * 32,
    "gen_time": "1791191717",
    "captcha_output": "4d" * 30 + "==",
}
ASKED_V3 = f"https://api.geetest.com/ajax.php?gt={GT}&challenge={CHALLENGE}&w=1&callback=g"
VERIFIED_V3 = f"g({json.dumps({'status': 'success', 'data': {'validate': VALIDATE}})})"
ASKED_V4 = f"https://gcaptcha4.geetest.com/verify?captcha_id={CAPTCHA_ID}&lot_number={V4['lot_number']}&w=1&callback=g"
VERIFIED_V4 = f"g({json.dumps({'status': 'success', 'data': {'seccode': V4}})})"
WIDGET = f'<div id="captcha"></div><script>initGeetest4({{captchaId: "{CAPTCHA_ID}"}}, f)</script>'


def page(path: str, text: str, status: int = 200, **more: Any) -> Exchange:
    """A GET of a page."""
    text = f"<html><head><title>{path}</title></head><body>{text}</body></html>"
    return Exchange(number=0, method="GET", url=HOST + path, text=text, media_type="text/html", status=status, **more)


def answer(path: str, data: Any, method: str = "GET", **more: Any) -> Exchange:
    """A request that is answered with JSON."""
    text = data if isinstance(data, str) else json.dumps(data)
    more = {"status": 200, "media_type": "application/json", **more}
    return Exchange(number=0, method=method, url=HOST + path, text=text, **more)


def form(path: str, fields: Any, data: Any, **more: Any) -> Exchange:
    """A POST of a form."""
    return answer(path, data, "POST", body=urlencode(fields), body_type="application/x-www-form-urlencoded", **more)


def posted(path: str, sent: Any, data: Any, **more: Any) -> Exchange:
    """A POST of JSON."""
    return answer(path, data, "POST", body=json.dumps(sent), body_type="application/json", **more)


def geetest(version: int = 4) -> Exchange:
    """The widget's call."""
    url, text = (ASKED_V3, VERIFIED_V3) if version == 3 else (ASKED_V4, VERIFIED_V4)
    return Exchange(number=0, method="GET", url=url, text=text, media_type="text/javascript", status=200)


def visit(*exchanges: Exchange) -> Recording:
    """A log of them, a second apart."""
    return Recording(
        tuple(evolve(one, number=number, seconds=1791191700 + number) for number, one in enumerate(exchanges))
    )


def told(*exchanges: Exchange) -> dict[str, Any]:
    """What is printed, as JSON."""
    return read_visit(visit(*exchanges)).to_json()


async def made_again(tmp_path: Path, *exchanges: Exchange) -> dict[str, Any]:
    """What is printed; the recorded request was made again from it, value for value."""
    replay = Replay.of(visit(*exchanges), tmp_path)
    recorded = replay.recorded.submission.exchange
    made = as_exchange(await replay.sent(), recorded.seconds)
    assert (made.method, made.url.partition("?")[0]) == (recorded.method, recorded.url.partition("?")[0])
    assert values_of(made) == values_of(recorded)
    return told(*exchanges)


REGISTER = answer("/register", {"success": 1, "gt": GT, "challenge": CHALLENGE})
"""The challenge, as most sites hand it out."""

"""What a page says of the answer, asked in one line."""

from __future__ import annotations

from typing import Any

from scrapy.http import HtmlResponse

from scrapy_geetest.commands.inspect.report import inspect

URL = "https://site.test/dir/page.html"
ID = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
V3 = ("geetest_challenge", "geetest_validate", "geetest_seccode")
V4 = ("lot_number", "captcha_output", "pass_token", "gen_time")
START4 = f"initGeetest4({{captchaId: '{ID}'}}, captcha => {{ captcha.appendTo('#box'); %s }});"
START3 = (
    "$.get('/gt/start?t=' + Date.now(), function (d) { initGeetest({gt: d.gt, challenge: d.challenge, "
    "offline: !d.success}, function (captcha) { captcha.appendTo('#box'); %s }); });"
)


def look(script: str, markup: str = '<div id="box"></div>', **options: Any) -> Any:
    body = f"<html><body>{markup}<script>{script}</script></body></html>"
    return inspect(HtmlResponse(URL, body=body.encode(), encoding="utf-8", **options))


def sent(script: str, markup: str = '<div id="box"></div>') -> tuple[str, str, tuple[str, ...], str | None]:
    sending = look(script, markup).sending
    return sending.method, sending.url.removeprefix("https://site.test"), sending.fields, sending.way

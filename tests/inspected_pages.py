"""Responses to inspect, and the site that a pasted declaration makes."""

from __future__ import annotations

import json
from typing import Any

from scrapy.http import HtmlResponse

from scrapy_geetest import GeetestSite

URL = "https://shop.example.com/login"
ID = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
V3_FORM = """<html><body><form action="/login?next=1" method="post"><input name="user" value="ann">
<input type="hidden" name="csrf" value="s3cret"><div id="captcha-box"></div></form>
<script>$.get("/gt/register?t=" + Date.now(), function (data) {
  initGeetest({gt: data.gt, challenge: data.challenge, offline: !data.success}, show);
});</script></body></html>"""
HIDDEN_FORM = V3_FORM.replace('<input name="user" value="ann">', '<input type="hidden" name="user" value="ann">')
REGISTER_ANSWER = json.dumps(
    {"success": 1, "gt": ID, "challenge": "5e9f3c1d7a2b4e6f8091a2b3c4d5e6f7", "new_captcha": True}
)


def page(body: str, url: str = URL, **kwargs: Any) -> HtmlResponse:
    return HtmlResponse(url, body=body, encoding="utf-8", **kwargs)


def declared(text: str) -> GeetestSite:
    """The site that a pasted declaration makes."""
    names: dict[str, Any] = {}
    exec(text, names)
    [cls] = [
        value
        for value in names.values()
        if isinstance(value, type) and issubclass(value, GeetestSite) and value is not GeetestSite
    ]
    return cls()

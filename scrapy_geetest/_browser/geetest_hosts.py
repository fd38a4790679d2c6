"""The page's requests to GeeTest's hosts: answered inside the browser, so that none leaves it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from scrapy_geetest._pages.calls import BRANDS

if TYPE_CHECKING:
    from collections.abc import Collection

HOSTS = tuple(host for host, brand in BRANDS.items() if brand == "GeeTest")
_TYPES = {
    "script": ("text/javascript", "/* nothing is loaded from here */"),
    "stylesheet": ("text/css", ""),
    "document": ("text/html", "<!DOCTYPE html><title></title>"),
    "image": ("image/svg+xml", '<svg xmlns="http://www.w3.org/2000/svg"/>'),
}
_FUNCTION = re.compile(r"[A-Za-z_$][\w$.]{0,200}", re.ASCII)
# Where a loader would find its further scripts: at GeeTest's own hosts, which are answered in the same way.
_V3_SCRIPTS = {
    "type": "fullpage",
    "static_servers": ["static.geetest.com/"],
    "fullpage": "/static/js/fullpage.0.0.0.js",
}
_V4_SCRIPTS = {
    "type": "slide",
    "captcha_type": "slide",
    "static_servers": ["static.geetest.com"],
    "static_path": "/v4/static/v0.0.0",
    "js": "/js/gcaptcha4.js",
    "gct_path": "/v4/gct/gct4.js",
}
_ANYTHING_ELSE = ("application/json", "{}")


def is_geetest(url: str, others: Collection[str] = ()) -> bool:
    """Whether *url* is on a host of GeeTest's, or on one of *others*, the API servers that pages have named."""
    try:
        name = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    return name in others or any(name == host or name.endswith(f".{host}") for host in HOSTS)


def _called_back(url: str) -> str:
    """What a loader's question for its further scripts is answered with (JSONP); empty: it is no such question."""
    parts = urlsplit(url)
    names = parse_qs(parts.query).get("callback", [""])
    if not _FUNCTION.fullmatch(names[0]):
        return ""
    data = _V4_SCRIPTS if parts.path.endswith("/load") else _V3_SCRIPTS
    return f"{names[0]}({json.dumps({'status': 'success', 'data': data})});"


async def answer_for_geetest(route: Any) -> None:
    """Answer a request: a linked loader loads, and does nothing."""
    request = route.request
    content_type, body = _TYPES.get(request.resource_type, _ANYTHING_ELSE)
    if request.resource_type == "script" and (called := _called_back(request.url)):
        body = called
    allowed = request.headers.get("origin", "*")
    headers = {"Access-Control-Allow-Origin": allowed, "Access-Control-Allow-Headers": "*", "Cache-Control": "no-store"}
    if allowed != "*":
        headers["Access-Control-Allow-Credentials"] = "true"
    await route.fulfill(status=200, content_type=content_type, headers=headers, body=body)

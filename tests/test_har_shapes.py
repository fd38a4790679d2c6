"""One visit in the shapes that other browsers and tools give it: the class and the spider that are printed stay the same."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest
from docs_blocks import DOCS

from scrapy_geetest.commands.inspect.har import read_har
from scrapy_geetest.commands.inspect.recording.report import read_visit

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.exhaustive
FILES = [*sorted(Path(__file__).with_name("hars").glob("*.har")), DOCS / "_static" / "visit.har"]
OTHER_PAGE = "<html><script>initGeetest4({captchaId: '0123456789abcdef0123456789abcdef'}, show)</script></html>"


def _told(log: Any) -> dict[str, Any]:
    told = read_visit(read_har(json.dumps(log).encode())).to_json()
    return {key: told[key] for key in ("mode", "page", "wanted", "submit", "refused_tries", "declaration", "spider")}


def _in_base64(entry: Any) -> None:
    content = entry["response"].get("content", {})
    if content.get("text") and content.get("encoding") != "base64":
        content.update(text=base64.b64encode(content["text"].encode()).decode(), encoding="base64")


def _plain(entry: Any) -> None:
    """What only Chromium writes is gone."""
    for key in [key for key in entry if key.startswith("_")]:
        del entry[key]


def _described(entry: Any) -> None:
    """Firefox's forms."""
    sent = entry["request"].get("postData") or {}
    if sent.get("text") and "urlencoded" in sent["mimeType"]:
        sent["text"] = f"Content-Type: {sent['mimeType']}\r\nContent-Length: {len(sent['text'])}\r\n\r\n{sent['text']}"


def _without_cookie_lists(entry: Any) -> None:
    """The headers alone tell them, where there are any."""
    for message, header in ((entry["request"], "cookie"), (entry["response"], "set-cookie")):
        if any(one["name"].lower() == header for one in message.get("headers", [])):
            message["cookies"] = []


def _with_pseudo_headers(entry: Any) -> None:
    entry["request"].setdefault("headers", [])[:0] = [{"name": f":{name}", "value": "x"} for name in ("method", "path")]


def _params_alone(entry: Any) -> None:
    sent = entry["request"].get("postData") or {}
    if sent.get("text", "{")[0] != "{" and "urlencoded" in sent["mimeType"]:
        pairs = parse_qsl(sent.pop("text"), keep_blank_values=True)
        sent["params"] = [{"name": name, "value": value} for name, value in pairs]


def _without_answers_of_geetest(entry: Any) -> None:
    if "geetest.com" in entry["request"]["url"]:
        entry["response"]["content"].pop("text", None)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize(
    "change",
    [
        _in_base64,
        _plain,
        _described,
        _without_cookie_lists,
        _with_pseudo_headers,
        _params_alone,
        _without_answers_of_geetest,
    ],
)
def test_shapes(path: Path, change: Callable[[Any], None]) -> None:
    """Entry by entry."""
    log = json.loads(path.read_bytes())
    before = _told(log)
    for entry in log["log"]["entries"]:
        change(entry)
    assert _told(log) == before


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_twice(path: Path) -> None:
    """Every request logged twice."""
    log = json.loads(path.read_bytes())
    before = _told(log)
    log["log"]["entries"] = [one for entry in log["log"]["entries"] for one in (entry, entry)]
    assert _told(log) == before


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_beside_another_tab(path: Path) -> None:
    """A page of another site, withheld and not, between all that the visit did."""
    log = json.loads(path.read_bytes())
    before = _told(log)
    mixed = []
    for entry in log["log"]["entries"]:
        for status, text in ((403, OTHER_PAGE), (200, "<html>news</html>")):
            answer = {"status": status, "content": {"mimeType": "text/html", "text": text}}
            asked = {"method": "GET", "url": "https://www.news.example/"}
            mixed.append({"startedDateTime": entry["startedDateTime"], "request": asked, "response": answer})
        mixed.append(entry)
    log["log"]["entries"] = mixed
    assert _told(log) == before

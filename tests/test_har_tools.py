"""What is peculiar to HAR files of one browser or tool, and how it reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from recorded_visits import HOST, V4, WIDGET, answer, geetest, page, posted, told

from scrapy_geetest.commands.inspect.har import Exchange, load_har, read_har
from scrapy_geetest.commands.inspect.recording.fields import request_fields

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.exhaustive


def _read(url: str = HOST, request: Any = None, response: Any = None) -> Exchange:
    log = {
        "log": {"entries": [{"request": {"url": url, "method": "POST", **(request or {})}, "response": response or {}}]}
    }
    [one] = read_har(json.dumps(log).encode()).exchanges
    return one


@pytest.mark.parametrize("type_", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=-b"])
def test_a_form_of_firefox(type_: str) -> None:
    """Its body begins with the headers that describe it."""
    body = "a=1&b=2"
    if "multipart" in type_:
        body = "".join(
            f'---b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{n}\r\n' for n, name in ((1, "a"), (2, "b"))
        )
    text = f"Content-Type: {type_}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    read = _read(request={"postData": {"mimeType": type_, "text": text}})
    assert [(one.name, one.text) for one in request_fields(read)] == [("a", "1"), ("b", "2")]


@pytest.mark.parametrize("text", ["content-type: a", "Content-Type: x\r\nrest", "log\nContent-Length: 1\n\n"])
def test_a_body_that_only_begins_like_headers(text: str) -> None:
    """It stays as it is."""
    assert _read(request={"postData": {"mimeType": "text/plain", "text": text}}).body == text


def test_cookies_of_safari() -> None:
    """Several in one header, with commas between them and in their dates."""
    header = "a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/, b=x,y; Path=/,c=3; Secure"
    read = _read(response={"headers": [{"name": "Set-Cookie", "value": header}]})
    assert read.set_cookies == (("a", "1"), ("b", "x,y"), ("c", "3"))


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("https://Shop.Example:443/A", "https://shop.example/A"),
        ("http://shop.example:80", "http://shop.example/"),
        ("http://shop.example:443/", "http://shop.example:443/"),
        ("https://ann:pw@shop.example:8443/?a=1#b", "https://shop.example:8443/?a=1"),
        ("http://[::1]:80/", "http://[::1]/"),
    ],
)
def test_addresses_as_tools_write_them(url: str, read: str) -> None:
    """One host is written in one way, so that what belongs together is found."""
    assert _read(url).url == read


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_encodings_of_the_file(encoding: str, tmp_path: Path) -> None:
    """A shell that redirects output may write UTF-16."""
    path = tmp_path / "visit.har"
    path.write_bytes(json.dumps({"log": {"entries": [{"request": {"url": HOST}}]}}).encode(encoding))
    read = load_har(path)
    assert read is not None
    assert [one.url for one in read.exchanges] == [f"{HOST}/"]


def test_what_a_service_worker_asked_for_a_page() -> None:
    """Chromium logs both; the worker's has the cookies. What the worker had in a cache is kept."""
    asked = {"method": "GET", "url": f"{HOST}/rows"}
    times = ("2026-11-22T10:00:01.000Z", "2026-11-22T10:00:01.020Z", "2026-11-22T10:00:09.000Z")
    answers = (
        {"_fetchedViaServiceWorker": True},
        {"cookies": [{"name": "a", "value": "1"}]},
        {"_fetchedViaServiceWorker": True},
    )
    entries = [
        {"request": asked, "response": one, "startedDateTime": at} for one, at in zip(answers, times, strict=True)
    ]
    read = read_har(json.dumps({"log": {"entries": entries}}).encode()).exchanges
    assert [one.set_cookies for one in read] == [(("a", "1"),), ()]


def test_a_log_without_cookies_proves_no_form_site() -> None:
    """Chromium's sanitized one; that is said of the mode."""
    exchanges = [
        page("/x", WIDGET + '<input name="q">'),
        geetest(),
        posted("/api/x", {"q": "rope", **V4}, {"ok": True}),
    ]
    exchanges.append(answer("/api/y", {"ok": True}))
    note = "the log has no cookies, which would show one"
    assert note in told(*exchanges)["why_mode"]
    exchanges[-1] = evolve(exchanges[-1], cookies=(("a", "1"),))
    assert note not in told(*exchanges)["why_mode"]

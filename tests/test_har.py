"""HAR files as browsers and other tools write them: what is missing or wrong is left out, the rest is read."""

from __future__ import annotations

import ast
import base64
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from scrapy_geetest.commands.inspect import har
from scrapy_geetest.commands.inspect.har import Recording, load_har, looks_like_har, read_har
from scrapy_geetest.commands.inspect.recording.fields import request_fields
from scrapy_geetest.commands.inspect.recording.report import read_visit

pytestmark = pytest.mark.exhaustive


def _har(*entries: Any, **log: Any) -> bytes:
    return json.dumps({"log": {"entries": entries, **log}}).encode()


def _entry(url: str = "https://a.example/", request: Any = None, response: Any = None, **more: Any) -> dict[str, Any]:
    return {"request": {"url": url, **(request or {})}, "response": response or {}, **more}


def test_next_to_nothing() -> None:
    """An address is enough; everything else has a value that says nothing."""
    [one] = read_har(_har(_entry())).exchanges
    assert (one.method, one.url, one.status, one.text, one.headers) == ("GET", "https://a.example/", 0, "", ())


@pytest.mark.parametrize(
    "entry",
    [
        None,
        7,
        {},
        {"request": None, "response": []},
        _entry(""),
        _entry("wss://a.example/socket", _webSocketMessages=[{"data": "hello"}]),
        _entry("data:image/png;base64,AAAA"),
        _entry("chrome-extension://abc/x.js"),
        _entry("http://[/"),
        _entry("http://a.example:x/"),
        _entry("http://a<b/"),
        _entry("https:///no-host"),
    ],
)
def test_what_is_no_request(entry: Any) -> None:
    """WebSockets, extensions, ``data:`` URLs, nonsense: left out, the rest stays."""
    assert [one.url for one in read_har(_har(entry, _entry())).exchanges] == ["https://a.example/"]


def test_values_of_wrong_types() -> None:
    """They are as good as missing."""
    request = {"method": "\\", "headers": "x", "cookies": [1, {"name": None}], "postData": ["a"]}
    response = {
        "status": "200",
        "headers": [{"name": "X"}, 3],
        "content": {"text": 5, "mimeType": None},
        "redirectURL": 0,
    }
    [one] = read_har(_har(_entry(request=request, response=response, startedDateTime=5))).exchanges
    assert (one.method, one.headers, one.cookies, one.body, one.status, one.text) == ("GET", (), (), "", 0, "")
    assert one.answer_headers == (("X", ""),)


def test_bodies_in_base64() -> None:
    """Of the answer and of the request; what cannot be decoded is left out."""
    text = base64.b64encode("<p>ü</p>".encode()).decode()
    content = {"text": text, "encoding": "base64", "mimeType": "text/html"}
    posted = {"text": base64.b64encode(b"a=1").decode(), "encoding": "base64", "mimeType": "application/octet-stream"}
    [one] = read_har(_har(_entry(request={"postData": posted}, response={"content": content}))).exchanges
    assert (one.text, one.body) == ("<p>ü</p>", "a=1")
    broken = {"content": {"text": "é", "encoding": "base64", "mimeType": "text/html"}}
    assert read_har(_har(_entry(response=broken))).exchanges[0].text == ""


def test_http2_pseudo_headers() -> None:
    """They are no headers of the request."""
    headers = [{"name": ":authority", "value": "a.example"}, {"name": "x-token", "value": "t"}]
    [one] = read_har(_har(_entry(request={"headers": headers}))).exchanges
    assert one.headers == (("x-token", "t"),)
    assert one.header("x-token") == "t"


def test_cookies_where_only_headers_tell_them() -> None:
    """As some tools write it; Firefox puts several ``Set-Cookie`` into one header."""
    request = {"headers": [{"name": "Cookie", "value": "a=1; b=x=y"}]}
    response = {"headers": [{"name": "set-cookie", "value": "c=2; Path=/\nd=3; HttpOnly"}]}
    [one] = read_har(_har(_entry(request=request, response=response))).exchanges
    assert one.cookies == (("a", "1"), ("b", "x=y"))
    assert one.set_cookies == (("c", "2"), ("d", "3"))


def test_credentials_in_an_address() -> None:
    """They are not kept, nor is a fragment."""
    [one] = read_har(_har(_entry("https://ann:secret@a.example/x?y=1#z"))).exchanges
    assert one.url == "https://a.example/x?y=1"


def test_order() -> None:
    """That in which the requests began, in whatever time zones; as they stand where one does not tell."""
    first = _entry("https://a.example/1", startedDateTime="2026-10-05T10:00:00.5+02:00")
    second = _entry("https://a.example/2", startedDateTime="2026-10-05T08:00:01.1234567Z")
    assert [one.url[-1] for one in read_har(_har(second, first)).exchanges] == ["1", "2"]
    unknown = _entry("https://a.example/3", startedDateTime="yesterday")
    assert [one.url[-1] for one in read_har(_har(second, unknown, first)).exchanges] == ["2", "3", "1"]
    assert [one.number for one in read_har(_har(second, first)).exchanges] == [0, 1]


def test_pictures_are_not_kept() -> None:
    """Only what can be read."""
    content = {"text": "AAAA", "encoding": "base64", "mimeType": "image/png"}
    assert read_har(_har(_entry(response={"content": content}))).exchanges[0].text == ""


def test_bounds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of a body, of the number of requests, of the file."""
    monkeypatch.setattr(har, "MAX_TEXT", 10)
    monkeypatch.setattr(har, "MAX_EXCHANGES", 3)
    content = {"text": "x" * 50, "mimeType": "text/html"}
    read = read_har(_har(*[_entry(response={"content": content})] * 5)).exchanges
    assert (len(read), len(read[0].text)) == (3, 10)
    monkeypatch.setattr(har, "MAX_FILE", 5_000)
    path = tmp_path / "long.har"
    path.write_bytes(_har(_entry(response={"content": {"text": "x" * 5_000}})))
    with pytest.raises(ValueError, match="larger than"):
        load_har(path)


@pytest.mark.parametrize("data", [b"", b"<html>", b"{}", b'{"log": 5}', b'{"log": {"entries": {}}}', b"[" * 100_000])
def test_what_is_no_log(data: bytes) -> None:
    """A plain error."""
    with pytest.raises(ValueError, match="no HAR file"):
        read_har(data)


def test_files_by_name_and_by_content(tmp_path: Path) -> None:
    """A log may be called anything; what is called a HAR file has to be one; other files are pages."""
    log, page, json_answer, wrong = (tmp_path / name for name in ("visit.json", "page.html", "answer.json", "x.har"))
    log.write_bytes(b"\xef\xbb\xbf" + _har(_entry()))
    page.write_text('<script>var x = {"log": {}}</script>')
    json_answer.write_text('{"log": {"level": 1}}')
    wrong.write_text("<html>")
    assert isinstance(load_har(log), Recording)
    assert load_har(page) is None
    assert load_har(json_answer) is None
    with pytest.raises(ValueError, match="no HAR file"):
        load_har(wrong)
    assert not looks_like_har(b"[1]")


def test_multipart() -> None:
    """From the text, or from what the log names apart where the text is missing; files are left out."""
    kind = "multipart/form-data; boundary=--x"
    text = (
        '----x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
        '----x\r\nContent-Disposition: form-data; name="f"; filename="p.png"\r\nContent-Type: image/png\r\n\r\nPNG\r\n'
        "----x--\r\n"
    )
    params = [{"name": "b", "value": "2"}]
    for posted, expected in (({"text": text}, [("a", "1")]), ({"params": params}, [("b", "2")])):
        [one] = read_har(_har(_entry(request={"method": "POST", "postData": {"mimeType": kind, **posted}}))).exchanges
        assert [(field.name, field.value) for field in request_fields(one)] == expected


def test_a_log_without_a_captcha() -> None:
    """It says so, and what to record; so does one in which GeeTest was asked but no solution was sent."""
    visit = read_visit(read_har(_har(_entry())))
    assert not visit.is_challenge
    assert "none of its requests asked GeeTest" in visit.to_text()
    asked = _entry(f"https://gcaptcha4.geetest.com/load?captcha_id={'a1' * 16}&callback=x")
    told = read_visit(read_har(_har(asked))).to_json()
    assert told["version"] is None
    assert "1 of its 1 requests went to GeeTest" in told["problem"]


def test_a_log_cannot_steer_the_terminal() -> None:
    """Control characters in it are replaced."""
    values = {"lot_number": "a1" * 16, "pass_token": "b2" * 32, "gen_time": "1791191717", "captcha_output": "c3" * 20}
    posted = {"mimeType": "application/json", "text": json.dumps({"\x1b[2J": values})}
    entry = _entry("https://a.example/x", request={"method": "POST", "postData": posted}, response={"status": 200})
    text = read_visit(read_har(_har(entry))).to_text()
    assert "\x1b" not in text
    assert "pass_token" in text


_JUNK: list[Any] = [None, 0, "", [], {}, True, "{", "[1]", "<p>", '"', "\\", "\n", "http://[", "1791191717000"]


def _places(data: Any) -> list[tuple[Any, Any]]:
    """Every object or list in *data* with each of its keys or indexes."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [place for key, value in list(items) for place in ((data, key), *_places(value))]


@pytest.mark.parametrize("seed", range(40))
def test_damaged_logs(seed: int) -> None:
    """Whatever is missing or wrong: something is said, and what is printed is Python that can be loaded."""
    random = Random(seed)
    log = json.loads(random.choice(sorted((Path(__file__).parent / "hars").glob("*.har"))).read_text())
    for _ in range(random.choice((1, 3, 6))):
        holder, key = random.choice(_places(log["log"]["entries"]))
        if random.random() < 0.4:
            del holder[key]
        else:
            holder[key] = random.choice(_JUNK)
    told = read_visit(read_har(json.dumps(log).encode())).to_json()
    if told["version"]:
        namespace: dict[str, Any] = {"__name__": "pasted"}
        exec(told["declaration"], namespace)
        namespace[told["class"]]()
        ast.parse(told["spider"])

"""Saved pages as sites of the sandbox: what is read in them, and what is served."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests

from scrapy_geetest._testing.pages import pages_of, saved_page
from scrapy_geetest.sandbox import Options
from scrapy_geetest.sandbox.saved_page import HOST_HEADER
from scrapy_geetest.sandbox.troubles import TROUBLES

if TYPE_CHECKING:
    from pathlib import Path

    from scrapy_geetest._testing.pages import SavedCheck
    from scrapy_geetest.sandbox import Sandbox

URL = "https://shop.example.com/a/check"
V3 = """<form action="/send" method="post" enctype="multipart/form-data"><input type="hidden" name="q" value="rope"></form>
<script>initGeetest({gt: "%s", challenge: "%s", product: "float"}, function (c) { c.appendTo("form"); });</script>"""
V4 = """<div id="box"></div><script>
initGeetest4({captchaId: "c0ffee00c0ffee00c0ffee00c0ffee00"}, function (captcha) {
  captcha.appendTo("#box");
  captcha.onSuccess(function () {
    $.ajax({url: "/send", type: "POST", data: captcha.getValidate(), success: function (reply) {
      if (reply.status === "success") { location.reload(); }
    }});
  });
});
</script>"""
GT, CHALLENGE = "0123456789abcdef" * 2, "fedcba9876543210" * 2


def read(folder: Path, text: str, name: str = "check.html", **told: Any) -> dict[str, Any]:
    """What the sandbox is given of a saved page."""
    (folder / name).write_text(text)
    page: SavedCheck | str = saved_page(name, **told) if told else name
    [given] = pages_of({URL: page}, [folder])
    return given


def ask(sandbox: Sandbox, url: str, **sent: Any) -> requests.Response:
    """A request that goes to the sandbox, whatever its host."""
    host, _, path = url.partition("://")[2].partition("/")
    method = "POST" if sent else "GET"
    return requests.request(method, f"{sandbox.url}/{path}", headers={HOST_HEADER: host}, timeout=20, **sent)


def test_a_v3_page_with_its_challenge_in_it(tmp_path: Path, running_sandbox: Sandbox) -> None:
    """Every view has a fresh challenge; the form leads where it says, and may be multipart."""
    running_sandbox.reset(pages=[read(tmp_path, V3 % (GT, CHALLENGE), status=403)])
    first, second = (ask(running_sandbox, URL) for _ in range(2))
    assert first.status_code == 403
    assert CHALLENGE not in first.text
    assert first.text != second.text
    files = {f"geetest_{name}": (None, "x") for name in ("challenge", "validate", "seccode")}
    assert "initGeetest" in ask(running_sandbox, "https://shop.example.com/send", files=files).text
    books = running_sandbox.books()
    assert books["submissions"] == {URL: {"refused": 1}}
    assert books["errors"] == []
    assert [one["gt"] for one in books["registers"]] == [GT] * 3


def test_a_page_that_a_script_sends(tmp_path: Path) -> None:
    """Its replies are those that the script of the page tells apart."""
    check = read(tmp_path, V4)["check"]
    assert (check["version"], check["captcha_id"]) == (4, "c0ffee00" * 4)
    assert check["submit_url"] == "https://shop.example.com/send"
    assert (check["accepted"], check["refused"]) == ({"status": "success"}, {"status": "fail"})


def test_what_a_page_does_not_tell_is_asked_for(tmp_path: Path) -> None:
    """In one line, with the way out."""
    linked = '<script src="gt.js"></script><script>initGeetest(options, show)</script>'
    with pytest.raises(ValueError, match=r'where its challenge comes from; say it: register="/path"'):
        read(tmp_path, '<script src="//static.geetest.com/static/js/gt.js"></script>')
    with pytest.raises(ValueError, match=r"does not tell its captcha_id; say it"):
        read(tmp_path, '<script src="//static.geetest.com/v4/gt4.js"></script>')
    with pytest.raises(ValueError, match=r"no GeeTest widget in it; say which version"):
        read(tmp_path, "<p>nothing</p>", then="check.html")
    told = read(tmp_path, linked, version=3, register="/start?t={timestamp}", submit="/go", fields={"a": "challenge"})
    assert told["check"]["register_url"] == "https://shop.example.com/start"
    assert (told["check"]["submit_url"], told["check"]["names"]) == (
        "https://shop.example.com/go",
        {"a": "challenge"},
    )


def test_an_ordinary_page_and_none(tmp_path: Path, running_sandbox: Sandbox) -> None:
    """A page without a widget is served as it is, JSON as JSON; other addresses get a 404 that says so."""
    (tmp_path / "items.json").write_text(json.dumps({"items": []}))
    (tmp_path / "plain.html").write_text("<p>Grüße</p>", encoding="utf-8")
    pages = {"https://api.example.com/items/*?page=2": "items.json", "/plain": "plain.html"}
    running_sandbox.reset(pages=pages_of(pages, [tmp_path]))
    found = ask(running_sandbox, "https://api.example.com/items/all?page=2&x=1")
    assert found.json() == {"items": []}
    assert "json" in found.headers["content-type"]
    assert "Grüße" in ask(running_sandbox, "http://sandbox.test/plain").text
    missing = ask(running_sandbox, "https://api.example.com/items/all?page=3")
    assert missing.status_code == 404
    assert "no page for api.example.com/items/all?page=3. It has https://api.example.com/items/*?page=2" in missing.text
    assert ask(running_sandbox, "https://api.example.com/robots.txt").status_code == 200
    assert "Log in" in ask(running_sandbox, "http://sandbox.test/v3/login").text


def test_checks_of_one_address_are_told_apart(tmp_path: Path, running_sandbox: Sandbox) -> None:
    """By the hidden fields of their forms; what lacks an answer is noted as missing."""
    for word in ("rope", "oar"):
        (tmp_path / f"{word}.html").write_text((V3 % (GT, CHALLENGE)).replace("rope", word))
    pages = {
        f"https://shop.example.com/search?q={word}": saved_page(f"{word}.html", submit="/send")
        for word in ("rope", "oar")
    }
    running_sandbox.reset(pages=pages_of(pages, [tmp_path]))
    ask(running_sandbox, "https://shop.example.com/send", data={"q": "oar"})
    assert running_sandbox.books()["submissions"] == {"https://shop.example.com/search?q=oar": {"missing": 1}}


def test_troubles_by_name() -> None:
    """Each is a set of options; what cannot happen together is refused."""
    for name in TROUBLES:
        assert Options.make({"faults": [name]}) != Options()
    both = Options.make({"faults": ["bad-key", "register-down"], "solve_seconds": 3})
    assert both.faults.keys() == {"createTask", "register"}
    assert both.solve_seconds == (3, 3)
    with pytest.raises(ValueError, match="'busy-service' cannot happen together with another of bad-key, busy-service"):
        Options.make({"faults": ["bad-key", "busy-service"]})
    with pytest.raises(ValueError, match="there is no 'sunshine'; there are refused-once, "):
        Options.make({"faults": ["sunshine"]})


def test_pages_are_checked() -> None:
    """What is no page is refused at once."""
    with pytest.raises(ValueError, match=r"pages: a list of pages, as scrapy_geetest.pytest_plugin.saved_page makes"):
        Options.make({"pages": {"https://shop.example.com/": "check.html"}})
    with pytest.raises(ValueError, match="pages: a page has url, body, "):
        Options.make({"pages": [{"address": "https://shop.example.com/"}]})

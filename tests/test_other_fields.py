"""What a script sends beside the answer: constants and values of the register answer are printed, the rest is named."""

from __future__ import annotations

import pytest
from inspected_pages import URL, declared, page
from scrapy import Request

from scrapy_geetest import V3Solution
from scrapy_geetest.commands.inspect.report import Inspection, inspect

PAGE = """<html><body><div id="captcha"></div><script>
%s
$.get("/gt/register", function (d) {
  var kept = {token: d.token};
  initGeetest({gt: d.data.gt, challenge: d.data.challenge, offline: !d.success}, function (c) {
    c.onSuccess(function () { var result = c.getValidate(); %s });
  });
});</script></body></html>"""
PLAIN = "function plain(r) { return {challenge: r.geetest_challenge, validate: r.geetest_validate, seccode: r.geetest_seccode}; }"
SOLUTION = V3Solution(challenge="c", validate="v", seccode="s")


def _inspected(sends: str, before: str = "") -> Inspection:
    return inspect(page(PAGE % (before, sends), status=403))


def _sent(found: Inspection) -> tuple[str, str, bytes]:
    request = declared(found.declaration).submit_request(Request(URL), page("", status=403), SOLUTION)
    assert isinstance(request, Request)
    return request.method, request.url.removeprefix("https://shop.example.com"), request.body


ANSWER = b"geetest_challenge=c&geetest_validate=v&geetest_seccode=s"


@pytest.mark.parametrize(
    ("sends", "before", "sent"),
    [
        ('$.post("/in", $.extend({scene: "login"}, result));', "", ("POST", "/in", b"scene=login&" + ANSWER)),
        (
            '$.post("/in", $.extend({n: 7, on: true, t: Date.now()}, result));',
            "",
            ("POST", "/in", b"n=7&on=true&" + ANSWER),
        ),
        ('$.post("/in", $.param(plain(result)));', PLAIN, ("POST", "/in", b"challenge=c&validate=v&seccode=s")),
        (
            'fetch("/in", {method: "POST", body: JSON.stringify({n: 7, on: false, a: {b: "x"}, r: plain(result)})});',
            PLAIN,
            (
                "POST",
                "/in",
                b'{"n": 7, "on": false, "a": {"b": "x"}, "r": {"challenge": "c", "validate": "v", "seccode": "s"}}',
            ),
        ),
        (
            'location.href = "/go?x=1&" + $.param(plain(result));',
            PLAIN,
            ("GET", "/go?x=1&challenge=c&validate=v&seccode=s", b""),
        ),
    ],
)
def test_what_is_printed_is_sent(sends: str, before: str, sent: tuple[str, str, bytes]) -> None:
    """Constants as what they are, the clock of a cache buster left out."""
    assert _sent(_inspected(sends, before)) == sent


@pytest.mark.parametrize("value", ["d.token", "d.data.token", "kept.token"])
def test_posted_back(value: str) -> None:
    """A value of the register answer is one of ``field_names``."""
    found = _inspected(f'$.post("/in", $.extend({{t: {value}}}, result));')
    assert declared(found.declaration).field_names == {"token": "t"}
    assert "submit_request" in found.declaration


@pytest.mark.parametrize(
    ("sends", "names"),
    [
        ('$.post("/in", $.extend({user: $("#user").val()}, result));', "user"),
        ('$.post("/in", $.extend({user: other.name, scene: "x"}, result));', "user"),
        ('$.post("/in", $.extend(window.more, result));', "..."),
        ('$.post("/in", $.extend(more(), result));', "..."),
    ],
)
def test_what_is_not_in_the_page(sends: str, names: str) -> None:
    """It is named; no hook is printed that would send the answer without it, and buy in vain."""
    found = _inspected(sends)
    assert f"which is not in the page: {names}." in found.declaration
    assert "def submit_request" not in found.declaration
    assert any("override submit_request" in remark for remark in found.remarks)


@pytest.mark.parametrize(
    "function",
    [
        "function plain(r) { if (r) { return {a: 1}; } return {b: r.geetest_validate}; }",
        "function plain(r) { return {a: r.geetest_validate}; } function plain(r) { return {b: r.geetest_validate}; }",
        "function plain(r) { return plain(r); }",
        "function plain(r) { $.each(r, function () { return {a: r.geetest_validate}; }); }",
    ],
)
def test_a_function_whose_end_cannot_be_known(function: str) -> None:
    """Several ends, several functions, itself, or none: nothing is claimed."""
    found = _inspected('$.post("/in", plain(result));', function)
    assert (found.sending.by, found.sending.fields) == (None, ())


@pytest.mark.parametrize(("option", "callback"), [("", "&callback=callback"), (', jsonp: "cb"', "&cb=callback")])
def test_jsonp(option: str, callback: str) -> None:
    """jQuery names the callback in the query, which is not in the address that stands in the script."""
    script = (
        f'$.ajax({{url: "/gt/register?t=" + Date.now(), dataType: "jsonp"{option}, success: function (d) {{'
        "initGeetest({gt: d.gt, challenge: d.challenge}, f); }});"
    )
    found = inspect(page(f"<script>{script}</script>", status=403))
    assert found.register_urls == ("https://shop.example.com/gt/register?t={timestamp}",)
    assert declared(found.declaration).challenge_url == "/gt/register?t={timestamp}" + callback

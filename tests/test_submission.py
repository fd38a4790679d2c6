"""Solutions go into requests, and everything else about the request stays."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from scrapy import FormRequest, Request
from scrapy.http import HtmlResponse, JsonRequest, TextResponse

from scrapy_geetest._submission.plan import plan_submission as plan
from scrapy_geetest._submission.target import resolve_action

FIELDS = {"geetest_challenge": "c" * 34, "geetest_validate": "v" * 32, "geetest_seccode": "v" * 32 + "|jordan"}
PAGE = """
<form action="/search"><input name="q" value="shoes"></form>
<form id="login" method="post" action="login?next=%2Fa">
  <input type="hidden" name="csrf" value="t0k&eacute;n"><input type="hidden" name="user" value="ann">
  <input type="checkbox" name="stay" value="1" checked><input type="checkbox" name="spam" value="1">
  <select name="lang"><option value="de">de<option value="en" selected>en</select>
  <textarea name="note" readonly>hi</textarea><div class="geetest_holder"></div><button name="go" value="1">Log in</button>
</form>
"""


def _page(body: str = PAGE, url: str = "https://shop.test/account/start") -> HtmlResponse:
    return HtmlResponse(url, body=body.encode(), encoding="utf-8")


def _pairs(request: Request) -> list[tuple[str, str]]:
    return parse_qsl(request.body.decode(), keep_blank_values=True)


def test_form_body_gets_the_fields_and_keeps_its_own_byte_by_byte() -> None:
    """A form body in another character set survives, blank and repeated fields included."""
    body = b"name=%C4%E3&empty=&tag=a&tag=b+c"
    request = Request(
        "https://shop.test/login",
        method="POST",
        body=body,
        headers={"Content-Type": "application/x-www-form-urlencoded; charset=gbk", "X-A": "1"},
        cb_kwargs={"n": 1},
        meta={"m": 2},
        flags=["f"],
        priority=7,
        callback=print,
        errback=repr,
    )
    filled = plan(request, None).fill(FIELDS)
    assert filled.body.startswith(body + b"&geetest_challenge=")
    assert dict(_pairs(filled)).items() >= FIELDS.items()
    assert (filled.method, filled.url, filled.headers) == (request.method, request.url, request.headers)
    assert (filled.cb_kwargs, filled.meta, filled.flags, filled.priority) == ({"n": 1}, {"m": 2}, ["f"], 7)
    assert (filled.callback, filled.errback) == (print, repr)


def test_fields_of_an_earlier_solution_are_replaced() -> None:
    """A second attempt sends one solution, not two."""
    request = FormRequest("https://shop.test/login", formdata={"user": "ann", "geetest_challenge": "old"})
    filled = plan(plan(request, None).fill(FIELDS), None).fill(FIELDS)
    assert type(filled) is FormRequest
    assert _pairs(filled) == [("user", "ann"), *FIELDS.items()]


def test_post_without_a_body_becomes_a_form() -> None:
    """An empty POST is a form without other fields."""
    filled = plan(Request("https://shop.test/go", method="POST"), None).fill(FIELDS)
    assert _pairs(filled) == list(FIELDS.items())
    assert filled.headers[b"Content-Type"] == b"application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"validate": "v"}, {"page": 1, "captcha": {"old": True}, "validate": "v"}),
        ({"captcha.validate": "v"}, {"page": 1, "captcha": {"old": True, "validate": "v"}}),
        ({"page.deep.er": "v"}, {"page": {"deep": {"er": "v"}}, "captcha": {"old": True}}),
    ],
)
def test_json_body_gets_keys_nested_by_dots(names: dict[str, str], expected: dict[str, Any]) -> None:
    """Dots in a field name nest, what stands there as an object is added to, anything else gives way."""
    request = JsonRequest("https://shop.test/api", data={"page": 1, "captcha": {"old": True}})
    filled = plan(request, None).fill(names)
    assert json.loads(filled.body) == expected
    assert type(filled) is JsonRequest


def test_json_without_a_content_type_is_recognised() -> None:
    """A body that begins like a JSON object is one."""
    filled = plan(Request("https://shop.test/api", method="PUT", body="{}"), None).fill({"a": "b"})
    assert (json.loads(filled.body), filled.method) == ({"a": "b"}, "PUT")


def test_a_query_gets_the_fields() -> None:
    """The rest of the query stays as it is, an old solution goes."""
    request = Request("https://shop.test/data?q=%C4%E3&validate=old&x=#part")
    filled = plan(request, _page("<p>nothing</p>"), "query").fill({"validate": "v|1"})
    assert urlsplit(filled.url).query == "q=%C4%E3&x=&validate=v%7C1"


def test_form_of_the_page_is_submitted_with_all_its_inputs() -> None:
    """The form that speaks of the widget is taken, its values are kept, its unchecked boxes left out, its button pressed."""
    request = Request("https://shop.test/account", headers={"X-A": "1", "Referer": "https://else.test/"}, meta={"m": 2})
    planned = plan(request, _page())
    assert planned.url == "https://shop.test/account/login?next=%2Fa"
    filled = planned.fill(FIELDS)
    assert _pairs(filled) == [
        ("csrf", "t0kén"),
        ("user", "ann"),
        ("stay", "1"),
        ("lang", "en"),
        ("note", "hi"),
        ("go", "1"),
        *FIELDS.items(),
    ]
    assert (filled.method, filled.url, filled.meta) == ("POST", planned.url, {"m": 2})
    assert filled.headers[b"X-A"] == b"1"
    assert b"Referer" not in filled.headers


def test_headers() -> None:
    """A site that wants headers gets headers."""
    filled = plan(Request("https://shop.test/data"), None, "headers").fill({"X-Captcha-Lot": "1"})
    assert filled.headers[b"X-Captcha-Lot"] == b"1"


def test_a_get_of_an_api_stays_a_get() -> None:
    """A content type on a request without a body says nothing about how to submit."""
    request = Request("https://shop.test/data", headers={"Content-Type": "application/json"})
    assert plan(request, None, "query").fill({"a": "b"}).url == "https://shop.test/data?a=b"


@pytest.mark.parametrize(("way", "method"), [("form", "POST"), ("json", "POST"), ("query", "GET")])
def test_a_get_can_be_told_how(way: str, method: str) -> None:
    """``submit_as`` wins over what the request looks like."""
    filled = plan(Request("https://shop.test/data"), _page("<p>"), way).fill({"a": "b"})
    assert filled.method == method


@pytest.mark.parametrize(
    ("request_", "page", "words"),
    [
        (Request("https://a.test", method="POST", body=b"--x", headers={"Content-Type": "multipart/form-data"}), None, "multipart"),
        (Request("https://a.test", method="POST", body=b"\x00", headers={"Content-Type": "image/png"}), None, "image/png"),
        (Request("https://a.test", method="POST", body=b"[1]", headers={"Content-Type": "application/json"}), None, "list"),
        (Request("https://a.test", method="POST", body=b"{"), None, "cannot be read"),
        (Request("https://a.test"), _page('<form method="dialog">'), "DIALOG"),
        (Request("https://a.test"), _page("<p>"), "holds no form"),
        (Request("https://a.test"), None, "no page whose form"),
        (Request("https://a.test"), _page("<form></form><form></form>"), "none of them is the widget's for sure"),
        (Request("https://a.test"), _page("<form><input name=user></form>"), "fill in 'user'"),
    ],
)  # fmt: skip
def test_what_cannot_carry_a_solution_says_so_before_anything_is_bought(
    request_: Request, page: HtmlResponse | None, words: str
) -> None:
    """The reason names what is in the way and the hook that gets around it."""
    with pytest.raises(ValueError, match=words) as caught:
        plan(request_, page)
    assert "override submit_request" in str(caught.value)


def test_a_page_that_is_no_html_has_no_form() -> None:
    """A JSON challenge page does not hold a form, whatever it says."""
    response = TextResponse("https://a.test", body=b"<form>", encoding="utf-8")
    with pytest.raises(ValueError, match="not an HTML page but TextResponse"):
        plan(Request("https://a.test"), response)


@pytest.mark.parametrize(
    ("way", "body", "kind"),
    [
        ("form", b'{"a": 1}', "application/json"),
        ("form", b'{"a": 1}', ""),
        ("form", b"--x", "multipart/form-data; boundary=x"),
        ("json", b"a=1", "application/x-www-form-urlencoded"),
        ("json", b"--x", "multipart/form-data; boundary=x"),
    ],
)
def test_a_declared_way_that_the_body_does_not_fit_is_refused(way: str, body: bytes, kind: str) -> None:
    """Before anything is bought."""
    headers = {"Content-Type": kind} if kind else {}
    with pytest.raises(ValueError, match=f'submit_as = "{way}" does not fit'):
        plan(Request("https://a.test", method="POST", body=body, headers=headers), None, way)


WIDGET = '<script>initGeetest4({captchaId: "x"}, function (o) { o.appendTo("#here"); });</script>'


def test_the_widgets_form_is_neither_the_first_nor_the_fullest() -> None:
    """It is the one that its script puts it into; a search form and a form with many fields are passed over."""
    full = "".join(f"<input type=hidden name=f{number}>" for number in range(9))
    body = f"""<form action="/search"><input name="q"></form><form action="/full" method="post">{full}</form>
        <form action="/verify" method="post"><input type="hidden" name="t" value="1"><i id="here"></i></form>{WIDGET}"""
    planned = plan(Request("https://shop.test/"), _page(body))
    assert planned.url == "https://shop.test/verify"
    assert planned.is_page_form


def test_a_form_is_sent_as_a_browser_sends_it() -> None:
    """Its character set, controls outside of it, no disabled ones, line breaks, the first button, its own address."""
    body = """<meta charset="gbk"><form id="f" method="post" action="" accept-charset="x-unknown gbk">
        <input type="hidden" name="city" value="\u5317\u4eac"><input type="hidden" name="sign" value="\U0001f600">
        <input name="off" type="hidden" disabled value="1">
        <fieldset disabled><legend><input type="hidden" name="in" value="1"></legend><input type="hidden" name="out"></fieldset>
        <select name="s"><option>a<option>b</select><input type="hidden" name="text" value="a&#10;b"><i class="captcha"></i>
        <input type="button" name="no" value="1"></form>
        <input type="hidden" name="outside" form="f" value="2"><button form="f" name="go">Go</button>"""
    page = HtmlResponse("https://shop.test/a?b=1", body=body.encode("gb18030"), encoding="gbk")
    filled = plan(Request("https://shop.test/a?b=1"), page).fill({"lot_number": "l"})
    assert filled.url == "https://shop.test/a?b=1"
    assert filled.body == (b"city=%B1%B1%BE%A9&sign=%26%23128512%3B&in=1&s=a&text=a%0D%0Ab&outside=2&go=&lot_number=l")


def test_a_multipart_form() -> None:
    """Each field is a part."""
    body = '<form method="post" enctype="multipart/form-data"><input type="hidden" name="a" value="1"><i id="captcha"></i></form>'
    filled = plan(Request("https://shop.test/"), _page(body)).fill({"b": "2"})
    kind = (filled.headers[b"Content-Type"] or b"").decode()
    boundary = kind.removeprefix("multipart/form-data; boundary=").encode()
    part = b'--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    assert filled.body == part % (boundary, b"a", b"1") + part % (boundary, b"b", b"2") + b"--" + boundary + b"--\r\n"


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("HTTP://SHOP.test/v", "http://SHOP.test/v"),
        ("  /v ", "http://shop.test/v"),
        ("ht\ttp://shop.test/v\n", "http://shop.test/v"),
        ("///evil.test/v", "http://evil.test/v"),
        ("\\\\evil.test\\v", "http://evil.test/v"),
        ("http:/\\evil.test", "http://evil.test"),
        ("http://evil.test\\@shop.test/", "http://evil.test/@shop.test/"),
        ("http:v", "http://shop.test/a/v"),
        ("https:v", "https://v"),
        ("?x=1#y", "http://shop.test/a/b?x=1"),
    ],
)
def test_an_action_is_read_as_a_browser_reads_it(action: str, expected: str) -> None:
    """So that the address that is judged is the one that is sent."""
    assert resolve_action("http://shop.test/a/b", action) == expected


@pytest.mark.parametrize(
    "action",
    ["javascript:x()", "ftp://shop.test/", "data:,x", "http://[::1/", "http://a.test:99999/", "http://u@shop.test/"],
)
def test_an_action_that_leads_nowhere_is_refused(action: str) -> None:
    """Nothing but http and https, and no address that could be read in two ways."""
    with pytest.raises(ValueError, match="the form leads to"):
        resolve_action("http://shop.test/a/b", action)

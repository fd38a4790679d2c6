"""Selectors, or the built-in detection, tell a challenge page from another."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scrapy.http import HtmlResponse, JsonResponse, Response, TextResponse, XmlResponse

from scrapy_geetest._pages.rules import Finding, Rules, widgets_of
from scrapy_geetest._pages.widget import Widget, find_widgets

URL = "https://shop.test/login"
ID = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
WIDGET = f"<script>initGeetest4({{captchaId: '{ID}'}}, cb)</script>".encode()
PAGE = b"<html><body><div id='captcha' class=''><p class='error'>Prove that you are no robot</p></div></body></html>"
NOTHING: dict[str, Any] = {"css": (), "xpath": (), "re": (), "jmespath": (), "status": ()}


def rules(**selectors: Any) -> Rules:
    return Rules.compile(**{**NOTHING, **selectors}, source="site Shop: detect_")


def html(body: bytes = PAGE, **options: Any) -> HtmlResponse:
    return HtmlResponse(URL, body=body, **options)


@pytest.mark.parametrize(
    ("selectors", "rule"),
    [
        ({"css": "div#captcha"}, "css 'div#captcha'"),
        ({"css": ["#other", ".error::text"]}, "css '.error::text'"),
        ({"css": "div::attr(id)"}, "css 'div::attr(id)'"),
        ({"css": "div::attr(class)"}, None),
        ({"css": "#other"}, None),
        ({"xpath": "//div[@id='captcha']"}, "xpath \"//div[@id='captcha']\""),
        ({"xpath": "boolean(//div)"}, "xpath 'boolean(//div)'"),
        ({"xpath": "boolean(//table)"}, None),
        ({"xpath": "count(//table)"}, None),
        ({"xpath": "string(//table)"}, None),
        ({"xpath": "//div/p[re:test(@class, '(')]"}, None),
        ({"xpath": "//div/p[has-class(1)]"}, None),
        ({"re": r"no\s+robot"}, r"re 'no\\s+robot'"),
        ({"re": "^robot"}, None),
        ({"jmespath": "need_captcha"}, None),
        ({"jmespath": "need_captcha", "re": "robot"}, "re 'robot'"),
        ({"re": "robot", "status": 200}, "re 'robot'"),
        ({"re": "robot", "status": [403, 429]}, None),
        ({}, None),
    ],
)
def test_selectors_on_a_page(selectors: dict[str, Any], rule: str | None) -> None:
    """Any match of any selector counts; a scalar counts by its truth; the rule that matched is told."""
    assert rules(**selectors).match(html()) == rule
    assert rules(**selectors).match(html()) == rule  # a second look is no different


@pytest.mark.parametrize(
    ("body", "expression", "expected"),
    [
        (b'{"need_captcha": true}', "need_captcha", True),
        (b'{"need_captcha": false}', "need_captcha", False),
        (b'{"need_captcha": 0}', "need_captcha", False),
        (b'{"code": 1001}', "code == `1001`", True),
        (b'{"data": [{"type": "geetest"}]}', "data[?type=='geetest']", True),
        (b'{"data": []}', "data[?type=='geetest']", False),
        (b'{"a": "b"}', "abs(a)", False),
        (b"{broken", "need_captcha", False),
        (b"", "need_captcha", False),
    ],
)
def test_jmespath(body: bytes, expression: str, expected: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """JSON however it is served; what cannot be applied does not match."""
    for response in (JsonResponse(URL, body=body), html(body), TextResponse(URL, body=body, encoding="utf-8")):
        assert (rules(jmespath=expression).match(response) is not None) is expected


def test_built_in_detection() -> None:
    """Where no selector is named, a widget in a page counts, and in nothing but a page."""
    found = "built-in detection: a GeeTest v4 widget"
    plain = TextResponse(URL, body=WIDGET, headers={"Content-Type": "text/plain"})
    assert rules().match(html(WIDGET)) == found
    assert rules(status=[200]).match(html(WIDGET)) == found
    assert rules().match(TextResponse(URL, body=b"\n" + WIDGET)) == found
    assert rules().match(XmlResponse(URL, body=b"<?xml version='1.0'?><html>" + WIDGET + b"</html>")) == found
    for other in (
        plain,
        JsonResponse(URL, body=WIDGET),
        TextResponse(URL, body=b"x" + WIDGET),
        Response(URL, body=WIDGET),
    ):
        assert rules().match(other) is None
    assert rules(status=[403]).match(html(WIDGET)) is None
    assert rules(css="#other").match(html(WIDGET)) is None


def test_encodings_whose_bytes_look_like_ascii() -> None:
    """In GBK, the second byte of a character may be a backslash; in UTF-16, every other byte is zero, and a byte order mark may be missing."""
    page = f"<meta charset=gbk><script>var a = '\u8a98'; initGeetest4({{captchaId: '{ID}'}}, cb)</script>"
    for encoding in ("gbk", "utf-16", "utf-16-le", "utf-16-be", "utf-8"):
        (widget,) = widgets_of(HtmlResponse(URL, body=page.encode(encoding), encoding=encoding))
        assert widget.captcha_id == ID


@pytest.mark.parametrize(
    "response",
    [
        Response(URL, body=b"\x89PNG\r\n" + WIDGET),
        html(b""),
        html(b"\x00\xff\xfe<div"),
        html(b"<div" * 2000),
        html(b"\xff\xfeg\x00e\x00e\x00t"),
        HtmlResponse(URL, body=PAGE, encoding="utf-16"),
        XmlResponse(URL, body=b"<a><b></a>"),
        TextResponse(URL, body=b"[" * 100_000),
        JsonResponse(URL, body=b"[1, 2"),
    ],
    ids=str,
)
def test_no_response_raises(response: Response) -> None:
    """Images, broken markup, wrong encodings, empty bodies: no match, no error."""
    every = rules(css=["div#none", "em::text"], xpath="//none", re="never there", jmespath="a.b")
    assert every.match(response) is None
    assert rules().match(response) is None
    assert every.explain(response)


@settings(deadline=None)
@given(st.binary(), st.sampled_from([HtmlResponse, XmlResponse, TextResponse, JsonResponse, Response]))
def test_anything_may_be_a_response(body: bytes, kind: type[Response]) -> None:
    """Whatever a body is, the rules say yes or no."""
    assert (
        rules(css="no-such-element", xpath="//no-such-element", jmespath="no_such_key").match(kind(URL, body=body))
        is None
    )


def test_explain() -> None:
    """Rule by rule: the outcome and what was seen, also where a rule does not apply."""
    every = rules(css=["#captcha", "#other"], xpath="//p", re=["robot", "android"], jmespath="a", status=[200])
    assert every.explain(html()) == (
        Finding("status 200", None, "the status is 200, which is among them"),
        Finding(
            "css '#captcha'",
            matched=True,
            seen='1 found, the first <div id="captcha" class=""><p class="error">Prove that you are no robot</p></div>',
        ),
        Finding("css '#other'", matched=False, seen="none found"),
        Finding(
            "xpath '//p'", matched=True, seen='1 found, the first <p class="error">Prove that you are no robot</p>'
        ),
        Finding("re 'robot'", matched=True, seen="found robot"),
        Finding("re 'android'", matched=False, seen="not found in the text"),
        Finding("jmespath 'a'", None, "the response is not JSON"),
    )
    assert rules(jmespath="a", css="p").explain(JsonResponse(URL, body=b'{"a": [1]}')) == (
        Finding("css 'p'", None, "the response is neither HTML nor XML"),
        Finding("jmespath 'a'", matched=True, seen="it gives [1]"),
    )
    assert rules(status=[403]).explain(html()) == (
        Finding("status 403", matched=False, seen="the status is 200, which is not among them"),
    )
    assert rules().explain(html()) == (
        Finding("built-in detection", matched=False, seen="no GeeTest widget in the page"),
    )
    assert rules().explain(html(WIDGET))[0].seen == (
        "GeeTest v4: a call of initGeetest4 in a script; it leaves a person nothing to type, and shows hardly any text"
    )
    assert rules().explain(Response(URL))[0].seen == "the response is not text (Response)"
    assert rules(re="(?s)P.*").explain(html(b"P" + b"x" * 300))[0].seen == "found P" + "x" * 98 + "\u2026"


def test_selectors_on_a_page_without_a_type() -> None:
    """A page that was served as some other text is looked at as HTML."""
    assert rules(css="#captcha").match(TextResponse(URL, body=PAGE)) == "css '#captcha'"


@pytest.mark.parametrize(
    ("selectors", "name"),
    [
        ({"css": "div["}, "detect_css = 'div['"),
        ({"css": "div::nothing"}, "detect_css"),
        ({"css": ""}, "detect_css = ''"),
        ({"css": ["a", 1]}, "detect_css = 1"),
        ({"css": 1}, "detect_css = 1"),
        ({"css": b"a"}, "detect_css"),
        ({"xpath": "//["}, "detect_xpath"),
        ({"xpath": "no-function()"}, "detect_xpath"),
        ({"re": "("}, "detect_re"),
        ({"re": "a{99999999999}"}, "detect_re"),
        ({"jmespath": "a["}, "detect_jmespath"),
        ({"jmespath": "@@"}, "detect_jmespath"),
        ({"status": [20]}, "detect_status"),
        ({"status": "403"}, "detect_status"),
        ({"status": [True]}, "detect_status"),
        ({"status": None}, "detect_status"),
    ],
)
def test_mistakes(selectors: dict[str, Any], name: str) -> None:
    """A selector that is none names what it is called, its value, and what to write."""
    with pytest.raises(ValueError, match=r"is invalid: .*write a") as caught:
        rules(**selectors)
    assert f"site Shop: {name}" in str(caught.value)
    with pytest.raises(ValueError, match=r"^GEETEST_DETECT_[A-Z]+ = "):
        Rules.compile(**{**NOTHING, **selectors}, source="GEETEST_DETECT_")


def test_rules_are_plain_data() -> None:
    """They compare by their selectors, and know whether any was named."""
    assert rules(css="a", re="b", jmespath="c") == rules(css=["a"], re=["b"], jmespath=["c"])
    assert rules(jmespath="c") != rules(jmespath="d")
    assert [rules(**{kind: "a"}).named for kind in ("css", "xpath", "re", "jmespath")] == [True] * 4
    assert not rules(status=[403]).named


def test_a_response_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every rule and hook that asks for its widgets gets what the first one read; another response is read anew."""
    read: list[object] = []

    def find(body: bytes | str) -> tuple[Widget, ...]:
        read.append(body)
        return find_widgets(body)

    monkeypatch.setattr("scrapy_geetest._pages.rules.find_widgets", find)
    response = HtmlResponse("https://example.com/", body=b"<script>initGeetest({gt: data.gt}, f)</script>")
    assert widgets_of(response) is widgets_of(response)
    assert len(read) == 1
    assert widgets_of(response.replace(status=403)) == widgets_of(response)
    assert len(read) == 2


@pytest.mark.parametrize(
    "unit", [b"<a href=x>a</a>", b"<input name=a>", b"<form><input type=hidden name=a></form>", b"<div><p>a</p></div>"]
)
def test_a_long_page_is_judged_in_little_time(unit: bytes) -> None:
    """Four million bytes beside a widget: a fifth of a second, on a loaded machine somewhat more."""
    body = b"<script>initGeetest4({captchaId: a}, f)</script>" + unit * (4_000_000 // len(unit))
    response = HtmlResponse("https://site.test/", body=body, encoding="utf-8")
    begin = time.process_time()
    Rules().match(response)
    assert time.process_time() - begin < 1.0


@pytest.mark.parametrize("place", ["beginning", "end"])
def test_a_long_page_with_content_somewhere(place: str) -> None:
    """A long script before or behind it hides nothing."""
    script = "<script>initGeetest4({captchaId: a}, f)</script><script>" + "var a = 1;\n" * 60_000 + "</script>"
    content = "<p>" + "Bread is on the shelf. " * 20 + "</p>"
    withheld = "<div id=captcha></div>"
    for text, is_challenge in ((content, False), ("<input name=user>", False), (withheld, True)):
        body = f"<body>{text}{script}" if place == "beginning" else f"<body>{script}{text}"
        response = HtmlResponse("https://site.test/", body=body.encode(), encoding="utf-8")
        assert bool(Rules().match(response)) is is_challenge

"""What the browser integration is made of, without a browser: messages, requests of a page, GeeTest's hosts, proxies, places."""

from __future__ import annotations

import base64
import json
import pickle
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import define, field
from scrapy import Request
from scrapy.http import HtmlResponse

from scrapy_geetest import ChallengeError, GeetestSite, V3Challenge, V3Solution, V4Challenge, V4Solution
from scrapy_geetest._browser.geetest_hosts import answer_for_geetest, is_geetest
from scrapy_geetest._browser.handler import Handlers, proxy_url
from scrapy_geetest._browser.messages import read_asked
from scrapy_geetest._browser.pages import Preparation
from scrapy_geetest._browser.rendered import encode
from scrapy_geetest._browser.rounds import page_values
from scrapy_geetest._browser.sendings import carries, holds
from scrapy_geetest._crawl.marks import give_meta_back, lift, note_taken

GT, CHALLENGE = "0a1b2c3d4e5f60718293a4b5c6d7e8f9", "1a1b2c3d4e5f60718293a4b5c6d7e8f9"


def _context(**attributes: Any) -> Any:
    site = GeetestSite(urls=["shop.example.com"], **attributes)
    return SimpleNamespace(
        site=site, parts={"request": Request("https://shop.example.com"), "response": None, "site": site}
    )


def test_what_a_page_hands_over() -> None:
    """Its own API server and risk type; what it does not say, the site's declaration does."""
    v3 = read_asked({"version": 3, "gt": GT, "challenge": CHALLENGE, "apiServer": "api-na.geetest.com"})
    assert v3.to_challenge(_context()) == V3Challenge(GT, CHALLENGE, api_server="api-na.geetest.com")
    v4 = read_asked({"version": 4, "captchaId": GT, "riskType": "", "product": "bind"})
    assert v4.is_bind
    assert v4.to_challenge(_context(risk_type="slide")) == V4Challenge(GT, risk_type="slide")
    assert read_asked({"version": 4, "captchaId": ""}).to_challenge(_context(captcha_id=GT)) == V4Challenge(GT)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"version": 3, "gt": GT, "challenge": ["x"]},
        {"version": 3, "gt": GT, "challenge": "x" * 100_000},
        {"version": 3, "gt": {"a": 1}, "challenge": CHALLENGE},
        {"version": 4, "captchaId": "undefined"},
        {"version": "4", "gt": GT},
    ],
)
def test_what_cannot_be_solved(message: Any) -> None:
    """Nothing is bought for it, and the error quotes no more than a line."""
    with pytest.raises(ChallengeError) as raised:
        read_asked(message).to_challenge(_context())
    assert len(str(raised.value)) < 400


def test_a_solution_under_geetests_names() -> None:
    """As ``getValidate()`` gives it."""
    solution = V3Solution(challenge="c", validate="v", seccode="s", extra={"token": "t"})
    assert page_values(solution) == {"geetest_challenge": "c", "geetest_validate": "v", "geetest_seccode": "s"}
    v4 = V4Solution(captcha_id=GT, lot_number="l", pass_token="p", gen_time="1", captcha_output="o")
    assert page_values(v4) == {
        "captcha_id": GT,
        "lot_number": "l",
        "pass_token": "p",
        "gen_time": "1",
        "captcha_output": "o",
    }


VALUE = "9f/8e+7d|jordan=="


def _sent(url: str = "https://shop.example.com/", body: str | None = None, **headers: str) -> Any:
    return SimpleNamespace(url=url, post_data_buffer=None if body is None else body.encode(), headers=headers)


@pytest.mark.parametrize(
    "request_",
    [
        _sent(f"https://shop.example.com/?s={VALUE}"),
        _sent("https://shop.example.com/?s=9f%2F8e%2B7d%7Cjordan%3D%3D"),
        _sent(body="a=1&s=9f%2F8e%2B7d%7Cjordan%3D%3D"),
        _sent(body=json.dumps({"a": {"s": VALUE}})),
        _sent(body=json.dumps({"s": VALUE}).replace("/", "\\/")),
        _sent(body=json.dumps({"packed": json.dumps({"s": VALUE})})),
        _sent(body=f'------b\r\nContent-Disposition: form-data; name="s"\r\n\r\n{VALUE}\r\n------b--'),
        _sent(body="d=" + base64.b64encode(json.dumps({"s": VALUE, "more": "x" * 40}).encode()).decode()),
        _sent(**{"x-captcha": VALUE}),
    ],
    ids=["query", "escaped", "form", "json", "escaped json", "json in json", "multipart", "base64", "header"],
)
def test_a_request_that_carries_a_solution(request_: Any) -> None:
    """However it is packed."""
    assert carries(request_, [VALUE])
    assert not carries(request_, ["another value"])


def test_a_request_without_a_solution() -> None:
    """Nor does a WebSocket's message without one."""
    assert not carries(_sent(body="\udcff".encode("utf-8", "surrogatepass").decode("latin-1")), [VALUE])
    assert holds(json.dumps({"s": VALUE}), [VALUE])
    assert not holds(b"\xff\xfe", [VALUE])


def test_geetests_hosts() -> None:
    """Known ones, and the API servers that pages name; nothing that only looks like them."""
    assert is_geetest("https://static.geetest.com/v4/gt4.js")
    assert is_geetest("http://geevisit.com:8080/")
    assert is_geetest("https://captcha.example.com/load", {"captcha.example.com"})
    assert not is_geetest("https://notgeetest.com/gt.js")
    assert not is_geetest("https://geetest.com.example.com/")
    assert not is_geetest("https://[::1/")


@define
class Route:
    """Playwright's, as much as counts."""

    request: Any
    fulfilled: dict[str, Any] = field(factory=dict)

    async def fulfill(self, **answer: Any) -> None:
        self.fulfilled = answer


@pytest.mark.parametrize(
    ("url", "kind", "begins"),
    [
        ("https://static.geetest.com/v4/gt4.js", "script", "/*"),
        ("https://api.geetest.com/gettype.php?gt=1&callback=geetest_1", "script", 'geetest_1({"status": "success"'),
        ("https://gcaptcha4.geetest.com/load?callback=alert(1)//", "script", "/*"),
        ("https://monitor.geetest.com/", "fetch", "{}"),
        ("https://static.geetest.com/a.css", "stylesheet", ""),
    ],
)
async def test_what_geetests_hosts_are_answered_with(url: str, kind: str, begins: str) -> None:
    """A loader loads, and finds what it goes on with."""
    route = Route(SimpleNamespace(url=url, resource_type=kind, headers={"origin": "https://shop.example.com"}))
    await answer_for_geetest(route)
    assert route.fulfilled["status"] == 200
    assert route.fulfilled["body"].startswith(begins)
    assert route.fulfilled["headers"]["Access-Control-Allow-Origin"] == "https://shop.example.com"


def test_the_proxy_of_a_context() -> None:
    """As Playwright describes it, and as services take it."""
    assert proxy_url({"server": "http://p.example:3128"}) == "http://p.example:3128"
    assert (
        proxy_url({"server": "p.example:1", "username": "a@b", "password": "c:d"}) == "http://a%40b:c%3Ad@p.example:1"
    )


def test_where_the_proxy_of_a_context_is_named() -> None:
    """In the settings, or by the first request of the context; else the browser's own."""

    def named(name: str) -> dict[str, Any]:
        return {"proxy": {"server": f"http://{name}.example:1"}}

    handlers = Handlers(SimpleNamespace(engine=None))  # type: ignore[arg-type]  # a crawler has more
    config = SimpleNamespace(startup_context_kwargs={"started": named("a")}, launch_options=named("b"))
    handler = SimpleNamespace(config=config)
    handlers._context_kwargs["made"] = named("c")
    found = [
        handlers.proxy_of(handler, Request("https://a.example", meta={"playwright_context": name}))
        for name in ("started", "made", "other")
    ]
    assert found == ["http://a.example:1", "http://c.example:1", "http://b.example:1"]
    assert handlers.find(Request("https://a.example", meta={"playwright": False})) is None


def test_meta_is_given_back() -> None:
    """What was set in its place is gone, and a copy of the request can be restored as well."""
    request = Request("https://shop.example.com", meta={"a": 1, "b": None, "_geetest": {"gate": {"run": "x"}}})
    note_taken(request, ("a", "b", "c"))
    request.meta.update(a=2, b=3, c=4)
    copy = request.copy()
    assert give_meta_back(request)
    assert request.meta == {"a": 1, "b": None, "_geetest": {"gate": {"run": "x"}}}
    assert not give_meta_back(request)
    lift(copy)
    assert copy.meta == {"a": 1, "b": None}


async def _own(_page: Any, _request: Request) -> None:
    """A spider's callback."""


def test_a_queue_stores_the_spiders_own_callback() -> None:
    """Where another middleware sends a prepared request back to it."""
    for own in (None, "project.init", _own):
        assert pickle.loads(pickle.dumps(Preparation(own, print))) is own or own == "project.init"


def test_the_encoding_of_a_rendered_page() -> None:
    """Its own, where that can spell the text."""
    assert encode(b"text/html; charset=gbk", "中文") == ("中文".encode("gbk"), "gb18030")
    assert encode("", '<meta charset="latin-1">é') == ('<meta charset="latin-1">é'.encode("cp1252"), "cp1252")
    assert encode(None, "é") == ("é".encode(), "utf-8")
    assert encode("text/html; charset=latin-1", "中") == ("中".encode(), "utf-8")
    body, encoding = encode("text/html; charset=utf-8", "ü")
    assert HtmlResponse("https://a.example", body=body, encoding=encoding).text == "ü"

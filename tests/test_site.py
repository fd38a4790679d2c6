"""Sites are declared by class or by dict, and a URL belongs to the first that matches."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from scrapy import Request
from scrapy.http import HtmlResponse, TextResponse

from scrapy_geetest import GeetestSite, V3Challenge, V3Solution, V4Challenge, V4Solution
from scrapy_geetest._hooks import Hook, resolve
from scrapy_geetest._pages.register import RegisterError
from scrapy_geetest._pages.rules import Rules
from scrapy_geetest._sites import SiteIndex, load_sites
from scrapy_geetest.sandbox.captchas import CAPTCHAS

if TYPE_CHECKING:
    from scrapy_geetest.challenge import Challenge

NO_RULES = Rules.compile(css=(), xpath=(), re=(), jmespath=(), status=(), source="")
GT, CHALLENGE = "a" * 32, "b" * 32
V3 = V3Solution(challenge="c", validate="v", seccode="s", extra={"token": "t"})
V4 = V4Solution(captcha_id="i", lot_number="l", pass_token="p", gen_time="1", captcha_output="o")


class Shop(GeetestSite):
    urls = ("shop.test/login",)


class SlowShop(GeetestSite):
    urls = ("slow.test",)

    async def matches(self, url: str) -> bool:
        return "slow" in url

    async def is_challenge(self, response: Any) -> bool:
        return "captcha" in response.text


@pytest.mark.parametrize(
    ("pattern", "url", "expected"),
    [
        ("example.com", "https://example.com/", True),
        ("example.com", "https://example.com", True),
        ("example.com", "http://www.EXAMPLE.com:8080/a?b#c", True),
        ("EXAMPLE.com.", "https://example.com./", True),
        ("example.com", "https://badexample.com/", False),
        ("example.com", "https://example.com.evil.test/", False),
        ("example.com", "https://evil.test/example.com", False),
        ("example.com", "https://example.com@evil.test/", False),
        ("www.example.com", "https://example.com/", False),
        ("shop.test/login", "https://shop.test/login", True),
        ("shop.test/login", "https://shop.test/login/step?x=1", True),
        ("shop.test/login/", "https://shop.test/login", True),
        ("shop.test/login", "https://shop.test/loginpage", False),
        ("shop.test/login", "https://shop.test/Login", False),
        ("127.0.0.1:8000/v3", "http://127.0.0.1:8000/v3/x", True),
        ("127.0.0.1:8000/v3", "http://127.0.0.1:8001/v3/x", False),
        ("shop.test:443", "https://shop.test/", True),
        ("shop.test:80", "https://shop.test/", False),
        ("[::1]:8000", "http://[::1]:8000/", True),
        ("bücher.test", "https://xn--bcher-kva.test/", True),
        ("example.com", "data:text/plain,example.com", False),
        ("example.com", "http://[broken", False),
        ("example.com", "http://example.com:99999999/", False),
    ],
)
def test_url_patterns(pattern: str, url: str, expected: bool) -> None:  # noqa: FBT001  # a column of the table
    """A host with its subdomains, any port unless one is named, a path prefix by whole segments."""
    assert GeetestSite(urls=[pattern]).matches(url) is expected


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"urls": []}, "urls .* name at least one"),
        ({"urls": ["https://example.com"]}, "leave out the scheme: 'example.com'"),
        ({"urls": ["*.example.com"]}, "write a host"),
        ({"urls": [""]}, "write a host"),
        ({"urls": ["/login"]}, "a host, a port and a path"),
        ({"urls": ["a.test?x=1"]}, "nothing else"),
        ({"urls": ["a.test:port"]}, "invalid"),
        ({"urls": ["a.test"], "mode": "door"}, "mode = 'door' .* one of"),
        ({"urls": ["a.test"], "version": 5}, "version = 5 .* 3, 4 or None"),
        ({"urls": ["a.test"], "submit_as": "xml"}, "submit_as = 'xml'"),
        ({"urls": ["a.test"], "field_names": ["x"]}, "field_names"),
        ({"urls": ["a.test"], "gt": ""}, "gt = ''"),
        ({"urls": ["a.test"], "captcha_id": 7}, "captcha_id = 7"),
        ({"urls": ["a.test"], "get_lib": 7}, "get_lib = 7"),
        ({"urls": ["a.test"], "website_url": "a.test"}, "website_url"),
        ({"urls": ["a.test"], "detect_css": "["}, "detect_"),
        ({"urls": ["a.test"], "challenge_path": "a["}, "challenge_path"),
        ({"urls": ["a.test"], "challange_url": "/x"}, "did you mean 'challenge_url'"),
        ({"urls": ["a.test"], "matches": None}, "no attribute 'matches': it is a method; override it in a subclass"),
        ({"urls": 5}, "GeetestSite: urls = 5 .* name at least one"),
        ({"urls": b"a.test"}, "urls = b'a.test' .* name at least one"),
        ({"urls": [["a.test"]]}, "write a host"),
        ({"urls": ["a.test"], "name": ["a"]}, r"name = \['a'\] .* a string"),
        ({"urls": ["a.test"], "mode": ["gate"]}, "mode = .* one of"),
        ({"urls": ["a.test"], "version": [3]}, r"version = \[3\] .* 3, 4 or None"),
        ({"urls": ["a.test"], "version": 3, "captcha_id": GT}, "captcha_id = .* it is v4's, and version is 3"),
        ({"urls": ["a.test"], "version": 4, "gt": GT}, "gt = .* it is v3's, and version is 4"),
        ({"urls": ["a.test"], "field_names": {"validate": 5}}, "field_names = .* field name, both non-empty strings"),
        (
            {"urls": ["a.test"], "field_names": {"validate": ["x"]}},
            "field_names = .* field name, both non-empty strings",
        ),
        ({"urls": ["a.test"], "field_names": {"validate": ""}}, "field_names = .* non-empty strings"),
        ({"urls": ["a.test"], "field_names": {1: "x"}}, "field_names = .* field name, both non-empty strings"),
        ({"urls": ["a.test"], "website_url": "https://"}, "website_url = 'https://' .* name a host"),
        ({"urls": ["a.test"], "website_url": "https://a.test:port/"}, "website_url"),
        ({"urls": ["a.test"], "captcha_id": "..."}, r"captcha_id = '\.\.\.' .* GeeTest id"),
        ({"urls": ["a.test"], "gt": "your gt"}, "gt = .* GeeTest id"),
        ({"urls": ["a.test"], "risk_type": {"a": 1}}, "risk_type = .* a word"),
        ({"urls": ["a.test"], "api_server": "https://api-na.geetest.com/"}, "api_server = .* without a scheme"),
        ({"urls": ["a.test"], "challenge_url": "http://[x"}, "challenge_url = .* an http or https URL"),
        ({"urls": ["a.test"], "challenge_url": "ftp://a.test/x"}, "challenge_url = .* an http or https URL"),
        ({"urls": ["a.test"], "challenge_url": {"a": 1}}, "challenge_url = .* an http or https URL"),
        ({"urls": ["a.test"], "challenge_path": ["a"]}, "challenge_path = .* JMESPath"),
        ({"urls": ["a.test"], "get_lib": "{bad"}, "get_lib = '{bad' .* as JSON"),
        ({"urls": ["a.test"], "get_lib": "[]"}, "get_lib"),
        ({"urls": ["a.test"], "get_lib": {"a": {1}}}, "get_lib"),
        ({"urls": ["a.test"], "gate_max_age": True}, "gate_max_age = True .* seconds above 0"),
        ({"urls": ["a.test"], "gate_max_age": "60"}, "gate_max_age = '60' .* seconds above 0"),
    ],
)
def test_a_bad_declaration_is_named_with_its_rule(attributes: dict[str, Any], words: str) -> None:
    """The message names the attribute, the value and the rule."""
    with pytest.raises(ValueError, match=words):
        GeetestSite(**attributes)


@pytest.mark.parametrize(
    "attributes",
    [
        {"captcha_id": "shop-4711_Login-id"},
        {"gt": GT, "version": 3},
        {"gt": GT, "captcha_id": GT},
        {"api_server": "API-na.geetest.com"},
        {"challenge_url": "gt/register?t={timestamp}"},
        {"challenge_url": "//cdn.a.test:8000/captcha/{timestamp}"},
        {"website_url": "http://127.0.0.1:8000/login?next=/#top"},
        {"get_lib": MappingProxyType({"slide": "/x.js"})},
        {"get_lib": '{"slide": "/x.js"}'},
        {"field_names": {"validate": "captcha.validate", "token": "token", "seccode": None}},
        {"gate_max_age": 0.5},
        {"urls": {"a.test", "b.test"}},
    ],
)
def test_whatever_keeps_the_rules_is_taken(attributes: dict[str, Any]) -> None:
    """Ids of other lengths, addresses relative to the page, every kind of list and dict."""
    site = GeetestSite(**{"urls": "a.test", **attributes})
    assert all(getattr(site, name) == value for name, value in attributes.items())
    json.loads(site.get_lib_text() or "{}")


def test_the_ids_of_the_sandbox_are_ids() -> None:
    """A project can be developed with them."""
    for captcha in CAPTCHAS.values():
        assert GeetestSite(urls="a.test", gt=captcha.id).gt == captcha.id


def test_sites_come_as_classes_paths_dicts_and_instances() -> None:
    """All ways to declare one, names included."""
    named = GeetestSite(urls="d.test", name="mine")
    sites = load_sites([Shop, "test_site.SlowShop", {"urls": ["c.test/x"]}, named], NO_RULES)
    assert [site.name for site in sites] == ["Shop", "SlowShop", "c.test/x", "mine"]
    assert "c.test/x" in repr(sites[2])


def test_a_site_that_two_crawls_share_has_the_selectors_of_each() -> None:
    """The second crawl's ``GEETEST_DETECT_…`` hold for it, and the instance stays as it was declared."""
    shared = GeetestSite(urls="shop.test")
    rules = [Rules.compile(css="#first"), Rules.compile(css="#second"), NO_RULES]
    assert [load_sites([shared], default)[0].rules for default in rules] == rules
    assert shared.rules == NO_RULES


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ("test_site.Shop", "must be a list"),
        ({"urls": []}, "must be a list"),
        (["nowhere.Shop"], "'nowhere.Shop' cannot be imported"),
        (["test_site"], "cannot be imported"),
        (["test_site.Forum"], r"GEETEST_SITES: 'test_site\.Forum' cannot be imported"),
        (["test_site.Shopp"], r"GEETEST_SITES: did you mean 'test_site\.Shop'\? 'test_site\.Shopp' cannot be imported"),
        ([{"register_url": "/gt"}], r"did you mean 'challenge_url'\? A GeetestSite has no attribute 'register_url'\."),
        (["Shop"], "cannot be imported"),
        ([object], "is not a site"),
        ([5], "is not a site"),
        ([Shop, Shop], "several sites are called 'Shop'"),
        ([{}], "name at least one"),
        ([{"urls": 5}], "urls = 5 .* name at least one"),
        ([{"urls": ["a.test"], 1: "x"}], "a GeetestSite has no attribute 1; it has: name, urls"),
    ],
)
def test_what_is_no_site_is_refused(declared: Any, words: str) -> None:
    """The message says what was met and what is taken."""
    with pytest.raises(ValueError, match=words):
        load_sites(declared, NO_RULES)


async def _resolved(outcome: Hook[bool]) -> bool:
    return await resolve(outcome)


async def _challenge(outcome: Hook[Challenge]) -> Challenge:
    return await resolve(outcome)


async def test_the_first_match_wins_and_hooks_may_be_coroutines() -> None:
    """``matches`` and ``is_challenge`` are awaited where they are to be awaited."""
    slow, shop = SlowShop(), GeetestSite(urls="slow.test", name="late")
    assert await SiteIndex([slow, shop]).find("https://slow.test/") is slow
    assert await SiteIndex([shop]).find("https://else.test/") is None
    page = TextResponse("https://slow.test", body=b"a captcha", encoding="utf-8")
    assert await _resolved(slow.is_challenge(page)) is True


def test_challenge_request_of_v3() -> None:
    """The register endpoint, relative to the page, with the time in milliseconds."""
    site = GeetestSite(urls="shop.test", challenge_url="gt/register?t={timestamp}")
    page = HtmlResponse("https://shop.test/account/login", body=b"")
    query = site.challenge_request(Request("https://shop.test/other"), page)
    assert isinstance(query, Request)
    path, _, stamp = query.url.partition("?t=")
    assert path == "https://shop.test/account/gt/register"
    assert len(stamp) == 13


def test_challenge_request_without_an_endpoint_is_the_page_again() -> None:
    """Its server renders a fresh challenge into it."""
    site = GeetestSite(urls="shop.test", version=3)
    query = site.challenge_request(Request("https://shop.test/login", method="POST"), None)
    assert isinstance(query, Request)
    assert (query.url, query.method) == ("https://shop.test/login", "GET")


@pytest.mark.parametrize("attributes", [{"version": 4}, {"captcha_id": GT}, {}])
def test_challenge_request_of_v4_is_none(attributes: dict[str, Any]) -> None:
    """The page or the attributes tell everything."""
    page = HtmlResponse(
        "https://shop.test", body=b"<script>initGeetest4({captchaId:'%s'},function(){})</script>" % GT.encode()
    )
    assert GeetestSite(urls="shop.test", **attributes).challenge_request(Request("https://shop.test"), page) is None


async def test_parse_challenge_of_v3() -> None:
    """The attributes fill what the answer leaves open."""
    site = GeetestSite(urls="shop.test", get_lib={"fullpage": "/x.js"}, api_server="api-na.geetest.com")
    body = json.dumps({"success": 1, "gt": GT, "challenge": CHALLENGE}).encode()
    challenge = await _challenge(site.parse_challenge(TextResponse("https://shop.test/r", body=body, encoding="utf-8")))
    assert challenge == V3Challenge(
        GT, CHALLENGE, api_server="api-na.geetest.com", get_lib='{"fullpage": "/x.js"}', extra=challenge.extra
    )


def test_known_challenge() -> None:
    """Where nothing was downloaded, the attributes have to tell."""
    site = GeetestSite(urls="shop.test", captcha_id=GT, risk_type="slide")
    assert site.known_challenge() == V4Challenge(GT, risk_type="slide")
    with pytest.raises(RegisterError, match="set captcha_id"):
        GeetestSite(urls="shop.test").known_challenge()


def test_fields() -> None:
    """GeeTest's own names by default; other names, further values, and values left out on demand."""
    assert GeetestSite(urls="a.test").fields(V3) == {
        "geetest_challenge": "c",
        "geetest_validate": "v",
        "geetest_seccode": "s",
    }
    assert GeetestSite(urls="a.test").fields(V4) == {
        "captcha_id": "i",
        "lot_number": "l",
        "pass_token": "p",
        "gen_time": "1",
        "captcha_output": "o",
    }
    renamed = GeetestSite(urls="a.test", field_names={"validate": "v", "token": "captcha.token", "seccode": None})
    assert renamed.fields(V3) == {"geetest_challenge": "c", "v": "v", "captcha.token": "t"}


def test_names_that_nothing_will_fill_are_known_before_anything_is_bought() -> None:
    """A further value that ``field_names`` wants and the register answer lacks."""
    site = GeetestSite(urls="a.test", field_names={"token": "token", "lot_number": "lot", "absent": None})
    assert site.unfilled(V3Challenge(GT, CHALLENGE)) == ["token"]
    assert site.unfilled(V3Challenge(GT, CHALLENGE, extra={"token": "t"})) == []


@pytest.mark.parametrize(
    ("attributes", "body", "version"),
    [
        ({"version": 3}, b"", 3),
        ({"captcha_id": GT}, b"", 4),
        ({"challenge_url": "/r"}, b"", 3),
        ({}, b"<script>initGeetest({gt: data.gt}, function () {})</script>", 3),
        ({}, b"", None),
    ],
)
def test_page_version(attributes: dict[str, Any], body: bytes, version: int | None) -> None:
    """As declared, else as the attributes imply, else as the widget tells."""
    site = GeetestSite(urls="a.test", **attributes)
    assert site.page_version(HtmlResponse("https://a.test", body=body)) == version

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapy_geetest._services.task import Proxy, Task
from scrapy_geetest.challenge import V3Challenge, V4Challenge

V3 = V3Challenge("a" * 32, "b" * 32)
V4 = V4Challenge("c" * 32)
PROXY = Proxy.from_url("http://us%65r:p%40ss@proxy.example:3128")


def test_a_v3_task_holds_the_documented_fields() -> None:
    """No field without a value is sent."""
    assert Task(V3, "https://example.com/login?a=1#top").to_json() == {
        "type": "GeeTestTaskProxyless",
        "websiteURL": "https://example.com/login?a=1",
        "gt": "a" * 32,
        "challenge": "b" * 32,
        "version": 3,
    }


def test_a_v3_task_with_everything() -> None:
    """All optional fields of v3, with a proxy."""
    challenge = V3Challenge("a" * 32, "b" * 32, api_server="api-na.geetest.com", get_lib='{"slide": "x"}')
    assert Task(challenge, "https://example.com/", proxy=PROXY, user_agent="Mozilla/5.0").to_json() == {
        "type": "GeeTestTask",
        "websiteURL": "https://example.com/",
        "gt": "a" * 32,
        "challenge": "b" * 32,
        "version": 3,
        "geetestApiServerSubdomain": "api-na.geetest.com",
        "geetestGetLib": '{"slide": "x"}',
        "userAgent": "Mozilla/5.0",
        "proxyType": "http",
        "proxyAddress": "proxy.example",
        "proxyPort": 3128,
        "proxyLogin": "user",
        "proxyPassword": "p@ss",
    }


def test_a_v4_task_sends_its_id_as_gt() -> None:
    """The service calls v4's captcha_id gt, and takes the risk type only where there is one."""
    assert Task(V4, "http://example.com").to_json() == {
        "type": "GeeTestTaskProxyless",
        "websiteURL": "http://example.com",
        "gt": "c" * 32,
        "version": 4,
    }
    task = Task(V4Challenge("c" * 32, risk_type="slide"), "http://example.com", type="GeeTestTask")
    assert task.to_json()["initParameters"] == {"riskType": "slide"}
    assert task.to_json()["type"] == "GeeTestTask"


def test_credentials_in_the_websites_url_stay_at_home() -> None:
    """What opens the site is nothing that the service needs."""
    assert Task(V4, "https://user:secret@example.com:8443/x").to_json()["websiteURL"] == "https://example.com:8443/x"


@pytest.mark.parametrize(
    "url", ["", "example.com", "ftp://example.com/", "https:///x", "https://[::1", "data:text/html,x"]
)
def test_a_websites_url_is_absolute_http(url: str) -> None:
    """Anything else would be ERROR_RECAPTCHA_INVALID_DOMAIN."""
    with pytest.raises(ValueError, match="absolute http or https"):
        Task(V4, url).to_json()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://proxy.example", Proxy("http", "proxy.example", 80)),
        ("HTTPS://proxy.example", Proxy("https", "proxy.example", 443)),
        ("socks4://8.8.4.4", Proxy("socks4", "8.8.4.4", 1080)),
        ("socks5://u@203.0.113.9:1", Proxy("socks5", "203.0.113.9", 1, "u")),
        ("http://u:@[2606:4700::1]:65535/", Proxy("http", "2606:4700::1", 65535, "u")),
        (" http://u%3A:p%20w@proxy.example:8080 ", Proxy("http", "proxy.example", 8080, "u:", "p w")),
    ],
)
def test_a_proxys_url_is_read(url: str, expected: Proxy) -> None:
    """Schemes, default ports, and percent-encoded credentials."""
    assert Proxy.from_url(url) == expected


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("proxy.example:8080", "scheme must be one of"),
        ("ftp://user:s3cret@proxy.example", "scheme must be one of"),
        ("http://", "names no host"),
        ("http://user:s3cret@", "names no host"),
        ("http://user:s3cret@:8080", "names no host"),
        ("http://user:s3cret@proxy.example:99999", "malformed"),
        ("http://user:s3cret/x@proxy.example", "malformed"),
        ("http://user:s3cret@[::1", "malformed"),
        ("http://user:s3cret@proxy\u2100.example", "malformed"),
        ("http://user:s3cret@proxy.example:0", "between 1 and 65535"),
        ("http://user:s3cret@pro xy.example", "a name or an IP address"),
        ("http://user:s3cret%25@proxy.example", "ERROR_PROXY_CREDENTIALS_INVALID_CHARACTER"),
        ("http://us%25er:s3cret@proxy.example", "ERROR_PROXY_CREDENTIALS_INVALID_CHARACTER"),
        ("http://user:s3cret%2525@proxy.example", "ERROR_PROXY_CREDENTIALS_INVALID_CHARACTER"),
        ("http://user:s3cret%0A@proxy.example", "must be printable"),
        (f"http://user:s3cret{'x' * 300}@proxy.example", "256 characters"),
    ],
)
def test_a_bad_proxy_is_refused_before_it_costs(url: str, message: str) -> None:
    """The message names the rule, never the credentials."""
    with pytest.raises(ValueError, match=message) as failure:
        Proxy.from_url(url)
    assert "s3cret" not in str(failure.value)
    assert failure.value.__cause__ is None
    assert failure.value.__suppress_context__ or failure.value.__context__ is None


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST.", "a.localhost", "proxy", "printer.local", "vm.internal", "box.home.arpa"),
        *("127.0.0.1", "127.1", "0x7f000001", "2130706433", "10.1.2.3", "172.31.0.1", "192.168.0.1", "169.254.1.1"),
        *("100.64.0.1", "0.0.0.0", "[::1]", "[::]", "[fe80::1]", "[fd00::1]", "[::ffff:10.0.0.1]"),
    ],
)
def test_a_local_proxy_is_refused(host: str) -> None:
    """The service takes no proxy that it cannot reach, however the address is spelt."""
    with pytest.raises(ValueError, match="no local proxies"):
        Proxy.from_url(f"http://{host}:8080")


def test_a_proxy_made_of_its_parts_is_checked_too() -> None:
    """Not only one that was read from a URL."""
    with pytest.raises(ValueError, match="scheme must be one of"):
        Proxy("ftp", "proxy.example", 80)


def test_credentials_are_in_no_repr() -> None:
    """Tasks and proxies may be logged."""
    text = repr(Task(V3, "https://example.com/", proxy=Proxy("http", "proxy.example", 1, "l0gin", "s3cret")))
    assert "proxy.example" in text
    assert "l0gin" not in text
    assert "s3cret" not in text


@given(st.text())
def test_any_text_is_a_proxy_or_a_value_error(text: str) -> None:
    """No other exception, and what passes can be sent."""
    for url in (text, f"http://{text}", f"socks5://user:{text}@proxy.example"):
        try:
            fields: dict[str, Any] = Proxy.from_url(url).to_json()
        except ValueError:
            continue
        assert json.loads(json.dumps(fields)) == fields
        assert "%" not in fields.get("proxyPassword", "")


@given(st.text())
def test_any_text_is_a_website_or_a_value_error(text: str) -> None:
    """No other exception."""
    for url in (text, f"https://{text}"):
        try:
            assert "#" not in Task(V3, url).to_json()["websiteURL"]
        except ValueError:
            continue

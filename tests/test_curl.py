"""Requests that the command line describes: options, and ``curl`` commands as browsers copy them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import pytest

from scrapy_geetest.commands.inspect.curl import request_arguments
from scrapy_geetest.commands.inspect.request_options import add_options, is_address, make_request

if TYPE_CHECKING:
    from scrapy import Request

CHROMIUM = r"""curl 'https://www.example.com/api/search?page=2' \
  -H 'accept: application/json' \
  -H 'accept-encoding: gzip, deflate, br, zstd' \
  -H 'content-type: application/json' \
  -b 'sid=abc; prefs={"a":[1]}; theme=dark' \
  -H 'if-none-match: "x"' \
  -H 'user-agent: Mozilla/5.0 (X11; Linux x86_64)' \
  --data-raw $'{"q":"it\'s \u00e9\u0021","lines":"a\\nb"}' \
  --compressed \
  --insecure"""
FIREFOX = (
    "curl 'http://www.example.com/login' --compressed -X POST -H 'User-Agent: Mozilla/5.0' "
    "-H 'Content-Type: application/x-www-form-urlencoded' -H 'Origin: http://www.example.com' -H 'Connection: keep-alive' "
    "-H 'Referer: http://www.example.com/login' -H 'Cookie: sid=abc; x=1' -H 'Priority: u=0, i' "
    "--data-raw 'user=ann&password=x'"
)


def _request(*arguments: str) -> Request:
    parser = argparse.ArgumentParser()
    add_options(parser)
    options = parser.parse_args(arguments)
    assert is_address(options)
    return make_request(options)


def test_chromiums() -> None:
    """Quoted as bash has it, every cookie kept, nothing that would change how the answer is packed."""
    request = _request("--curl", CHROMIUM)
    assert (request.method, request.url) == ("POST", "https://www.example.com/api/search?page=2")
    assert request.body.decode() == '{"q":"it\'s é!","lines":"a\\nb"}'
    assert request.cookies == {"sid": "abc", "prefs": '{"a":[1]}', "theme": "dark"}
    assert sorted(request.headers) == [b"Accept", b"Content-Type", b"User-Agent"]
    assert request.dont_filter


def test_firefoxes() -> None:
    """The same, in its own way."""
    request = _request("--curl", FIREFOX)
    assert (request.method, request.url, request.body) == (
        "POST",
        "http://www.example.com/login",
        b"user=ann&password=x",
    )
    assert request.cookies == {"sid": "abc", "x": "1"}
    assert request.headers[b"Referer"] == b"http://www.example.com/login"
    assert b"Connection" not in request.headers


def test_a_plain_one() -> None:
    """A GET, as both copy it."""
    request = _request("--curl", "curl 'https://www.example.com/a' -H 'accept: */*'")
    assert (request.method, request.url, request.body) == ("GET", "https://www.example.com/a", b"")


@pytest.mark.exhaustive  # Scrapy 2.14 reads fewer options
@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("curl https://a.example/ --data-binary 'x=1' -k -L --http2", {"method": "POST", "body": "x=1"}),
        ("curl --url https://a.example/ -A agent -e https://b.example/", {"method": "GET"}),
        (
            "curl -G https://a.example/?a=1 -d b=2 --data-urlencode 'c=ä b'",
            {"url": "https://a.example/?a=1&b=2&c=%C3%A4+b"},
        ),
        ("curl https://a.example/ --json '{\"a\": 1}'", {"method": "POST", "body": '{"a": 1}'}),
        ("curl -XPUT -Hx:1 https://a.example/ -d a=1", {"method": "PUT", "headers": [("x", "1")]}),
        ("curl https://a.example/ --max-time 10 -x http://p:1 -o /dev/null", {"method": "GET"}),
        ("curl -sSL https://a.example/ -vk -d -token=x", {"method": "POST", "body": "-token=x"}),
        ("curl https://a.example/#top -G -d a=1", {"url": "https://a.example/?a=1"}),
        ("curl https://a.example/ -H 'X-Empty;'", {"headers": [("X-Empty", "")]}),
        ("curl https://a.example/ --header='x: 1'", {"headers": [("x", "1")]}),
        ("curl $'https://a.example/\\x41\\101\\U00000042'", {"url": "https://a.example/AAB"}),
    ],
)
def test_other_options(command: str, expected: dict[str, Any]) -> None:
    """Those that people add."""
    arguments = request_arguments(command)
    assert {key: arguments[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", "begins with"),
        ("wget https://a.example/", "begins with"),
        ("curl -H 'a: secret'", "is there an address"),
        ("curl https://a.example/ 'secret", "cannot be read: No closing quotation"),
        ("curl https://a.example/ --frobnicate secret", r"unknown options \(--frobnicate\)"),
        ("curl https://a.example/ -E -secret", r"unknown options \(-E\)"),
        ("curl https://a.example/ --oauth2-bearer -secret", r"unknown options \(--oauth2-bearer\)"),
        ("curl https://a.example/ --frobnicate", r"unknown options \(--frobnicate\)"),
        ("curl https://a.example/ -F file=@secret", "cannot be replayed"),
        ('curl ^"https://a.example/^" ^\n -H ^"a: secret^"', "copy it as cURL"),
    ],
)
def test_what_cannot_be_read(command: str, message: str) -> None:
    """The message says why, and has no value of the command."""
    with pytest.raises(ValueError, match=message) as caught:
        request_arguments(command)
    assert "secret" not in str(caught.value)


def test_options() -> None:
    """Method, headers and body; the type of the body is told by itself, a cookie is one."""
    request = _request(
        *("https://a.example/x", "--header", "X-A: 1", "--header", "Cookie: s=1; t=2", "--data", '{"a": 1}')
    )
    assert (request.method, request.body, request.headers[b"Content-Type"]) == (
        "POST",
        b'{"a": 1}',
        b"application/json",
    )
    assert (request.headers[b"X-A"], request.cookies) == (b"1", {"s": "1", "t": "2"})
    form = _request("https://a.example/x", "--method", "put", "--data", "a=1")
    assert (form.method, form.headers[b"Content-Type"]) == ("PUT", b"application/x-www-form-urlencoded")


def test_options_beside_a_command() -> None:
    """They count for more."""
    request = _request("--curl", FIREFOX, "--header", "referer: http://b.example/", "--data", "user=eva")
    assert (request.method, request.body, request.headers.getlist(b"Referer")) == (
        "POST",
        b"user=eva",
        [b"http://b.example/"],
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "either a URL or a file"),
        (["https://a.example/", "--curl", "curl https://a.example/"], "either a URL or a file"),
        (["page.html", "--data", "x"], "a file needs none"),
        (["https://a.example/", "--header", "nonsense"], "NAME: VALUE"),
    ],
)
def test_options_that_contradict_each_other(arguments: list[str], message: str) -> None:
    """A plain error."""
    with pytest.raises(ValueError, match=message):
        _request(*arguments)

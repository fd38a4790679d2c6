"""Logs with something in them that must not be printed, or must not end the reading of all the rest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from recorded_visits import CAPTCHA_ID, HOST, V4, WIDGET, answer, form, geetest, page, posted, visit
from scrapy.http import HtmlResponse

from scrapy_geetest.commands.inspect.candidates import css_candidate, jmespath_candidate
from scrapy_geetest.commands.inspect.recording.answers import Reading, find_verdicts, matches, read_answer
from scrapy_geetest.commands.inspect.recording.report import read_visit

if TYPE_CHECKING:
    from scrapy_geetest.commands.inspect.har import Exchange

pytestmark = pytest.mark.exhaustive

OK = {"code": 0, "msg": "ok"}


def _printed(*exchanges: Exchange) -> str:
    read = read_visit(visit(*exchanges))
    return read.to_text() + json.dumps(read.to_json())


@pytest.mark.parametrize("name", ["pin", "otp", "cvv", "user_pwd", "login-otp", "password"])
@pytest.mark.parametrize("value", [4821, "48", "abc1"])
def test_what_is_secret_by_its_name_is_typed(name: str, value: Any) -> None:
    """However short it is, and though a script of the page holds the same word."""
    start = page("/start", f'{WIDGET}<script>var other = "{value}";</script>')
    read = read_visit(visit(start, geetest(), posted("/send", {**V4, name: value}, OK)))
    assert read.to_json()["typed"] == [name]
    assert f"{value}" not in read.to_text().replace(CAPTCHA_ID, "")


def test_what_stands_before_a_carried_value() -> None:
    """A word like "Bearer" is printed; what may be half of a credential is not."""
    token = "5f60718293a4b5c6"  # an example
    start = page("/start", f'{WIDGET}<meta name="csrf" content="{token}">')
    headers = (("Authorization", f"MAC id=HALFASECRET1,t={token}"),)
    printed = _printed(start, geetest(), posted("/send", V4, OK, headers=headers))
    assert "HALFASECRET1" not in printed


@pytest.mark.parametrize("address", ["/start;jsessionid=ASECRET1", "/start?pwd=ASECRET1", "/start?code=ASECRET1"])
def test_sessions_in_addresses(address: str) -> None:
    """In the path, or under a name that the query of a log-in has."""
    assert "ASECRET1" not in _printed(page(address, WIDGET), geetest(), posted("/send", V4, OK))


def test_a_code_that_is_no_number() -> None:
    """That of a log-in by another site is in the answer under the name of a status."""
    start = page("/start", WIDGET)
    assert "ASECRET1" not in _printed(start, geetest(), posted("/send", V4, {"success": True, "code": "9f8ASECRET1"}))


BAD = "http://[bad"


@pytest.mark.parametrize(
    "exchanges",
    [
        (page("/start", f'<form action="{BAD}"></form>{WIDGET}'), geetest(), form("/send", V4, OK)),
        (page("/start", WIDGET), geetest(), answer("/send", "", "POST", body=json.dumps(V4), status=302, location=BAD)),
        (answer("/old", "", status=302, location=BAD), page("/start", WIDGET), geetest(), posted("/send", V4, OK)),
        (page("/start", f'<base href="{BAD}"><form>{WIDGET}</form>'), geetest(), posted("/send", V4, OK)),
    ],
    ids=["action", "redirect", "earlier redirect", "base"],
)
def test_a_malformed_address(exchanges: tuple[Exchange, ...]) -> None:
    """It leads nowhere, and everything else is read."""
    assert read_visit(visit(*exchanges)).to_json()["submit"]["url"] == f"{HOST}/send"


def test_a_page_with_a_malformed_base() -> None:
    """Its widget's place is found."""
    body = f'<base href="{BAD}"><div id="captcha-box"></div>'.encode()
    assert css_candidate(HtmlResponse(HOST, body=body)) == "#captcha-box"


@pytest.mark.parametrize("text", ["it`s 'bad'", "back\\slash", 'a "quote"', "line\nbreak"])
def test_a_rule_for_any_words(text: str) -> None:
    """Quotes of all kinds are escaped as JMESPath wants it."""
    refused, taken = posted("/send", V4, {"success": False, "msg": text}), posted("/send", V4, {"success": True})
    rules = find_verdicts(taken, [refused], [], frozenset()).refused
    assert matches("jmespath", rules["refused_jmespath"], refused)


def test_a_key_with_a_line_break() -> None:
    """It is quoted as JMESPath wants it."""
    response = HtmlResponse(HOST, body=json.dumps({"captcha\n": True}).encode(), encoding="utf-8")
    assert jmespath_candidate(response) == '"captcha\\n"'


@pytest.mark.parametrize(
    "said", ["login failed", "-1", {"code": 3, "msg": "verification failed"}, {"errcode": 3}, {"result": 0}]
)
def test_a_refusal_is_read_as_in_a_crawl(said: Any) -> None:
    """What a crawl takes for a failure is no success here."""
    assert read_answer(answer("/send", said, "POST")) is Reading.REFUSED

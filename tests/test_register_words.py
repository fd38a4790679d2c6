"""Register answers that name things their own way, tell the version, or say "not needed" and "later" in words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scrapy_geetest import ChallengeNotNeeded, ChallengeNotReady
from scrapy_geetest._pages.register import RegisterError, parse_register
from scrapy_geetest.challenge import V3Challenge, V4Challenge

GT = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
CHALLENGE = "5e9f3c1d7a2b4e6f8091a2b3c4d5e6f7"
PAIR = {"gt": GT, "challenge": CHALLENGE}
QUERY = f"gt={GT}&challenge={CHALLENGE}"


@pytest.mark.parametrize(
    "answer",
    [
        {"code": 0, "data": {"recaptcha_type": "gee", "gee_challenge": CHALLENGE, "gee_gt": GT}},
        {"data": {"geeChallenge": CHALLENGE, "geeGt": GT}},
        {"Captcha": {"GT": GT, "Challenge": CHALLENGE}},
        {"captcha_challenge": CHALLENGE, "captcha_key": GT},
        {"challengeId": CHALLENGE, "geetest-id": GT, "flow": "login"},
        {"gt": GT, "data": {"challenge": CHALLENGE}},
        {"code": -105, "data": {"url": f"https://passport.example.com/v.html?success=1&{QUERY}&ct=1&hash=3991ad"}},
        {"redirect": f"/captcha#/check?{QUERY}"},
        {"result": {"jump": f"myapp://captcha?type=slide&{QUERY}"}},
        {"verify": f"ok&{QUERY}"},
        {"use_v4": False, **PAIR},
        {"version": 3, **PAIR},
        {"version": 4, "data": PAIR},
        {"captcha_type": "geetest_v3", "data": PAIR},
        {"captcha_type": 4, **PAIR},
        {"captcha_type": "geetest", "version": "2.4.1", **PAIR},
    ],
)
def test_v3_by_other_names(answer: Any) -> None:
    """Whatever the keys are called, inside a URL too; a number that may be anybody's decides no version."""
    found = parse_register(json.dumps(answer))
    assert isinstance(found, V3Challenge)
    assert (found.gt, found.challenge) == (GT, CHALLENGE)


@pytest.mark.parametrize(
    "answer",
    [
        {"data": {"mmt_data": {"gt": GT, "new_captcha": 1, "risk_type": "slide", "use_v4": True, "mmt_key": "K"}}},
        {"gt": GT, "useV4": 1},
        {"gt": GT, "is_v4": "true"},
        {"gee_gt": GT, "gee_v4": True},
        {"gt": GT, "version": 4},
        {"gt": GT, "version": "v4"},
        {"version": "4.0", "data": {"gt": GT}},
        {"captcha_type": "geetest_v4", "data": {"gt": GT}},
        {"captchaType": "GEETEST4", "geetest": {"gt": GT}},
        {"captcha_type": "gt4_slide", "gt": GT, "challenge": ""},
        {"geetest_version": 4, **PAIR},
        {"gt": GT, "risk_type": "slide"},
        {"geetestCaptchaId": GT},
        {"url": f"https://site.test/captcha?captcha_id={GT}&risk_type=slide"},
        {"captcha_id": GT, "challenge": "required"},
    ],
)
def test_v4_is_told(answer: Any) -> None:
    """``use_v4``, ``version`` and ``captcha_type`` decide, and so does a risk type without a challenge."""
    found = parse_register(json.dumps(answer))
    assert isinstance(found, V4Challenge)
    assert found.captcha_id == GT
    assert found.risk_type in {None, "slide"}


@pytest.mark.parametrize(
    ("answer", "version", "words"),
    [
        (PAIR, 4, "the answer is of GeeTest v3, but version = 4"),
        ({"data": {"mmt_data": {"success": 1, **PAIR, "new_captcha": 1}}}, 4, "the answer is of GeeTest v3"),
        ({"url": f"/x?{QUERY}"}, 4, "the answer is of GeeTest v3"),
        ({"gt": GT, "use_v4": True}, 3, "the answer is of GeeTest v4, but version = 3"),
        ({"captcha_id": GT}, 3, "the answer is of GeeTest v4"),
        ({"geetest_version": 4, **PAIR}, 3, "the answer is of GeeTest v4"),
    ],
)
def test_a_declared_version_is_never_forced_upon_an_answer(answer: Any, version: int, words: str) -> None:
    """A v3 ``gt`` never becomes a v4 task, not even where the declaration knows a ``captcha_id``."""
    known: dict[str, Any] = {"captcha_id": "f" * 32} if version == 4 else {"gt": "f" * 32}
    fixed: dict[str, Any]
    for fixed in ({}, known):
        with pytest.raises(RegisterError, match=words):
            parse_register(json.dumps(answer), version=version, **fixed)


def test_a_page_of_the_other_version() -> None:
    """The same for a page that shows its widget's values."""
    v3 = f"<script>initGeetest({{gt: '{GT}', challenge: '{CHALLENGE}'}}, f)</script>"
    with pytest.raises(RegisterError, match="a page with a GeeTest v3 widget, but version = 4"):
        parse_register(v3, version=4, captcha_id="f" * 32)
    with pytest.raises(RegisterError, match="a page with a GeeTest v4 widget, but version = 3"):
        parse_register(f"<script>initGeetest4({{captchaId: '{GT}'}}, f)</script>", version=3)


@pytest.mark.parametrize(
    "answer",
    [
        {"code": 200, "data": {"mmt_data": {"mmt_key": "K1"}, "mmt_type": 0, "msg": "成功", "status": 1}},
        {"need_captcha": False},
        {"data": {"needGeetest": 0}},
        {"success": 1, "data": {"captcha_required": "0"}},
        {"captchaType": "none"},
        {"geetest_enabled": False},
        {"code": 0, "captcha": False},
        {"skip_captcha": True},
        {"enabled": False},
        {"message": "No captcha needed"},
        {"code": "CAPTCHA_NOT_REQUIRED"},
        {"msg": "captcha is not required for this account"},
        {"msg": "You do not need to pass a captcha"},
        {"msg": "verification is disabled"},
        {"msg": "当前无需验证"},
        {"msg": "不需要滑动验证"},
        "Captcha not needed.",
        "<html><body><p>No verification required</p></body></html>",
    ],
)
def test_no_captcha_is_wanted(answer: Any) -> None:
    """By a flag or in words."""
    with pytest.raises(ChallengeNotNeeded, match="wants no CAPTCHA this time"):
        parse_register(answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False))


@pytest.mark.parametrize(
    ("answer", "retry_after"),
    [
        ({"code": -1, "msg": "too often"}, None),
        ({"success": 0, "info": "Requests are too frequent, please try later"}, None),
        ({"retcode": -3101, "message": "操作过于频繁, 请稍后再试"}, None),
        ({"error": {"message": "Try again in 30 seconds."}}, 30),
        ({"msg": "请60秒后再试"}, 60),
        ({"msg": "try again later", "data": {"retry_after": 5}}, 5),
        ({"code": "TOO_MANY_REQUESTS", "retryAfterMs": "1500"}, 1.5),
        ({"errorCode": "RateLimitExceeded"}, None),
        ({"code": 429}, None),
        ({"status": "wait", "wait_seconds": 10}, 10),
        ({"success": 0, **PAIR, "retry_after": 3}, 3),
        ({"retry_after": "2 min"}, 120),
        ({"msg": "server is busy"}, None),
        ("Too many requests, slow down", None),
        ("<html><title>Wait</title><body><h1>Please wait 5 s</h1></body></html>", 5),
    ],
)
def test_later(answer: Any, retry_after: float | None) -> None:
    """The seconds are read where the answer names them."""
    with pytest.raises(ChallengeNotReady) as caught:
        parse_register(answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False))
    assert caught.value.retry_after == retry_after


@pytest.mark.parametrize(
    "answer",
    [
        {"code": 401, "message": "log in first"},
        {"success": False, "need_captcha": False, "msg": "log in first"},
        {"status": "error", "captcha": False},
        {"msg": "no captcha"},
        {"msg": "captcha required"},
        {"need_captcha": True},
        {"retry": 3, "limit": 10, "page": 1},
        {"next": 2, "total": 0, "type": 0},
        {"wait": False, "retry_after": "soon"},
        {"retry_after": 0},
        {"captcha_type": "slide"},
        "x" * 5_000 + " too often",
        "<p>" + "word " * 200 + "try again later</p>",
    ],
)
def test_other_answers_are_failures(answer: Any) -> None:
    """What a failure says of a CAPTCHA is a default; a count is no time; long texts say anything."""
    with pytest.raises(RegisterError):
        parse_register(answer if isinstance(answer, str) else json.dumps(answer))


def test_a_challenge_counts_for_more_than_words() -> None:
    """Where there is one, it is taken; a declared ``captcha_id`` needs no answer, unless that says "not needed"."""
    assert parse_register(json.dumps({**PAIR, "msg": "too often"})).version == 3
    assert parse_register('{"msg": "too often, captcha please"}', captcha_id=GT).version == 4
    with pytest.raises(ChallengeNotNeeded):
        parse_register('{"need_captcha": false}', captcha_id=GT)
    with pytest.raises(ChallengeNotReady):
        parse_register('{"msg": "too often"}', path="data")


def test_hooks_raise_them_bare() -> None:
    """As the documentation shows it."""
    assert str(ChallengeNotNeeded()) == "the site wants no CAPTCHA this time"
    assert ChallengeNotReady(retry_after=30).retry_after == 30
    assert ChallengeNotReady("later").retry_after is None

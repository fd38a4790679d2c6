from __future__ import annotations

import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapy_geetest._services.errors import (
    ADVICE,
    CLOSE_REASONS,
    CREATE_LOST_ADVICE,
    REACTIONS,
    Reaction,
    ServiceError,
    clean_code,
    clean_text,
)
from scrapy_geetest._services.secret import Secret

KEY = "5ecre7k3yOfThisTest"
SECRET = Secret(KEY)

TABLE = {
    Reaction.STOP_CRAWL: """
        ERROR_KEY_DOES_NOT_EXIST ERROR_KEY_DENIED_ACCESS ERROR_ZERO_BALANCE ERROR_IP_NOT_ALLOWED ERROR_IP_BANNED
        ERROR_IP_BLOCKED ERROR_ACCOUNT_SUSPENDED ERROR_NO_SUCH_METHOD ERROR_TASK_NOT_SUPPORTED ERROR_TASK_ABSENT""",
    Reaction.STOP_SITE: "ERROR_DOMAIN_NOT_ALLOWED ERROR_RECAPTCHA_INVALID_DOMAIN",
    Reaction.STOP_REQUEST: """
        ERROR_INVALID_TASK ERROR_INVALID_TASK_DATA ERROR_BAD_REQUEST ERROR_BAD_PARAMETERS
        ERROR_RECAPTCHA_INVALID_SITEKEY ERROR_WRONG_USERAGENT ERROR_PROXY_MISSING ERROR_PROXY_NOT_AUTHORISED
        ERROR_PROXY_CREDENTIALS_INVALID_CHARACTER ERROR_PROXY_BANNED""",
    Reaction.FRESH_CHALLENGE: """
        ERROR_TOKEN_EXPIRED ERROR_CAPTCHA_UNSOLVABLE ERROR_NO_SUCH_CAPCHA_ID WRONG_CAPTCHA_ID
        ERROR_TASKID_INVALID ERROR_RECAPTCHA_TIMEOUT ERROR_TASK_TIMEOUT ERROR_PROXY_CONNECT_REFUSED
        ERROR_PROXY_CONNECT_TIMEOUT ERROR_PROXY_READ_TIMEOUT ANSWER_LOST CHALLENGE_TOO_OLD""",
    Reaction.SAME_CALL_LATER: """
        ERROR_NO_SLOT_AVAILABLE ERROR_SERVICE_NOT_AVAILABLE ERROR_SERVICE_UNAVALIABLE ERROR_RATE_LIMIT CAPTCHA_NOT_READY
        ERROR_TOO_MUCH_REQUESTS NOT_SENT HTTP_429 HTTP_500 HTTP_502 HTTP_503 HTTP_504 HTTP_599
        HTTP_301 HTTP_401 HTTP_402 HTTP_403 HTTP_404""",
    Reaction.FAILED: "BAD_ANSWER SOLVE_TIMEOUT UNKNOWN ERROR_OF_TOMORROW",
}


@pytest.mark.parametrize(("reaction", "code"), [(r, code) for r, codes in TABLE.items() for code in codes.split()])
def test_every_code_has_its_reaction(reaction: Reaction, code: str) -> None:
    """The table of the service's documentation; what it does not hold has failed."""
    assert ServiceError(code).reaction is reaction


def test_every_code_that_stops_the_crawl_has_a_close_reason() -> None:
    """And no other has one."""
    assert set(CLOSE_REASONS) == {code for code, reaction in REACTIONS.items() if reaction is Reaction.STOP_CRAWL}
    assert set(CLOSE_REASONS.values()) == {
        "geetest_bad_key",
        "geetest_zero_balance",
        "geetest_blocked",
        "geetest_misconfigured",
    }
    assert ServiceError("ERROR_ZERO_BALANCE").close_reason == "geetest_zero_balance"
    assert ServiceError("ERROR_TOKEN_EXPIRED").close_reason is None


def test_every_code_comes_with_advice() -> None:
    """One sentence, for unknown codes and statuses as well."""
    codes = (*REACTIONS, "ERROR_OF_TOMORROW", "HTTP_302", "HTTP_404")
    for advice in (CREATE_LOST_ADVICE, *(ServiceError(code).advice for code in codes)):
        assert advice.endswith(".")
        assert len(advice) < 120
        assert "\n" not in advice
    assert set(REACTIONS) >= set(ADVICE)


def test_an_error_tells_what_is_known() -> None:
    """Code, description and task, in one line."""
    assert str(ServiceError("ERROR_X")) == "ERROR_X"
    assert str(ServiceError("ERROR_X", "it broke", task_id=5)) == "ERROR_X: it broke (task 5)"
    assert ServiceError("ERROR_TOKEN_EXPIRED").billed
    assert not ServiceError("ERROR_CAPTCHA_UNSOLVABLE").billed
    assert ServiceError("ERROR_X").sent


@pytest.mark.parametrize(
    "code", [None, 5, "", "error_lower", "A B", "A\n", "A" * 65, ["A"], KEY.upper(), f"ERROR_{KEY.upper()}", "É"]
)
def test_a_code_that_is_none_is_unknown(code: object) -> None:
    """Codes become parts of stats' names: nothing else may."""
    assert clean_code(code, SECRET) == "UNKNOWN"


def test_a_description_is_one_short_line_without_the_key() -> None:
    """Whatever the service says, a log line stays a line, and the key stays out of it."""
    assert clean_text(f"key {KEY} is bad,\r\n\x1b[31mKEY {KEY.upper()}\u2028x\x00", SECRET) == (
        "key *** is bad, [31mKEY *** x"
    )
    assert clean_text(None, SECRET) == clean_text(7, SECRET) == ""
    assert clean_text("Ключ не найден, ключ!", SECRET) == "Ключ не найден, ключ!"
    assert len(clean_text("x" * 1_000_000, SECRET)) == 301


@given(st.text(), st.text())
def test_the_key_never_comes_through(before: str, after: str) -> None:
    """Not at the cut, not in between, not in other letters."""
    for key in (KEY, KEY.upper()):
        text = clean_text(f"{before}{key}{after}", SECRET)
        assert KEY.lower() not in text.lower()
        assert re.search(r"[\r\n\x00-\x1f\x7f-\x9f]", text) is None
        text.encode()


@pytest.mark.parametrize("key", ["KEY", "ERROR", "ERROR_KEY_DOES_NOT_EXIST", "example.com", "e", "DOES_NOT"])
def test_a_key_that_is_part_of_a_word_hides_nothing(key: str) -> None:
    """Codes are decided before anything is masked, and a short key is masked where it stands alone."""
    secret = Secret(key)
    assert clean_code("ERROR_KEY_DOES_NOT_EXIST", secret) == "ERROR_KEY_DOES_NOT_EXIST"
    assert clean_text("no host named api.examples.community", secret) == "no host named api.examples.community"
    assert clean_text(f"the key is {key}.", secret) == "the key is ***."


def test_a_secret_is_shown_to_nobody() -> None:
    """Not by any way to make a text of it; it compares by its value."""
    assert KEY not in f"{SECRET} {SECRET!r} {SECRET:s} {[SECRET]}"
    assert SECRET == Secret(Secret(KEY)) != Secret("other")
    assert {SECRET: 1}[Secret(KEY)] == 1
    assert not Secret("")
    with pytest.raises(TypeError, match="not to be stored"):
        pickle.dumps(SECRET)


def test_what_is_known_of_the_bill() -> None:
    """Nothing is said to be free that may have been charged."""
    assert ServiceError("ERROR_TOKEN_EXPIRED").bill == "billed"
    assert ServiceError("ANSWER_LOST", may_be_charged=True).bill == "may have been charged"
    assert ServiceError("ERROR_CAPTCHA_UNSOLVABLE", task_id=1).bill == "may have been charged"
    assert ServiceError("ERROR_CAPTCHA_UNSOLVABLE").bill == "no task was created"
    assert ServiceError("NOT_SENT", sent=False).bill == "nothing was sent"


def test_whose_fault_an_error_is() -> None:
    """What the service or the network failed at is not held against the site."""
    assert all(ServiceError(code).is_the_services_fault for code in ("HTTP_503", "ANSWER_LOST", "ERROR_ZERO_BALANCE"))
    assert not ServiceError("ERROR_CAPTCHA_UNSOLVABLE").is_the_services_fault

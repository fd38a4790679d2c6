"""What a person reads in the log of a crawl: the first of a kind in full, the steps of an attempt in a line each."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from sandbox_crawl import api_site, crawl_sandbox, gate_pages, gate_site, items, search_site, searches
from scrapy import Request

from scrapy_geetest._crawl.repeated_lines import MAX_KINDS, RepeatedLines
from scrapy_geetest._crawl.shortened import short_request, shortened

if TYPE_CHECKING:
    import pytest

    from scrapy_geetest.sandbox import Sandbox


def _lines(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    """Those of the plugin, of that level, without what differs from run to run."""
    told = [
        one.getMessage() for one in caplog.records if one.levelno == level and one.name.startswith("scrapy_geetest")
    ]
    return [
        re.sub(r"127\.0\.0\.1:\d+", "HOST", re.sub(r"task \d+", "task T", re.sub(r"\d\.\d s", "S", one)))
        for one in told
    ]


async def test_the_steps_of_an_attempt(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """One short line each, joined by the number of the request; a solution in a query is not shown."""
    caplog.set_level(logging.DEBUG)
    sandbox.reset(solve_seconds=0.1, wrong=1)
    await crawl_sandbox(sandbox, searches(sandbox, "rope"), search_site(sandbox))
    steps = _lines(caplog, logging.DEBUG)
    assert [re.sub("[0-9a-f]{8}…", "…", one) for one in steps] == [
        "GeeTest: challenge page #1 <GET http://HOST/v3/search?q=rope> (site search), status 403",
        "GeeTest: #1 a v3 challenge: …",
        "GeeTest: #1 attempt 1: task T at capmonster",
        "GeeTest: #1 task T was solved in S",
        "GeeTest: #1 sends the solution of task T: POST http://HOST/v3/search/verify",
        "GeeTest: #1 the page is fetched again",
        "GeeTest: #1 a v3 challenge: …",
        "GeeTest: #1 attempt 2: task T at capmonster",
        "GeeTest: #1 task T was solved in S",
        "GeeTest: #1 sends the solution of task T: POST http://HOST/v3/search/verify",
        "GeeTest: #1 the solution of task T was accepted: accepted_css '.query, .user'",
    ]
    assert max(map(len, steps)) < 120
    [refusal] = _lines(caplog, logging.WARNING)
    assert refusal.startswith("GeeTest: see each step with scrapy geetest try; the usual causes are field_names, ")
    assert ": the site refused the solution of task T for #1 <GET " in refusal


async def test_thirty_requests_with_a_wrong_key(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """One line, which begins with the cure, and one that counts the others."""
    caplog.set_level(logging.INFO)
    wanted = searches(sandbox, *map(str, range(30)))
    outcome = await crawl_sandbox(sandbox, wanted, search_site(sandbox), GEETEST_API_KEY="wrong-key-of-a-user")
    assert len(outcome.errors) == outcome.stats["gave_up"] > 1
    first, others = _lines(caplog, logging.ERROR)
    assert first.startswith(
        "GeeTest: gave up: Check GEETEST_API_KEY (or GEETEST_SERVICES, or the environment) against the key"
    )
    more = len(outcome.errors) - 1
    assert others == f"GeeTest: and {more} more: requests of the site search given up (ERROR_KEY_DOES_NOT_EXIST)"


async def test_unverified_answers_are_told_once(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """With the way out at the beginning."""
    caplog.set_level(logging.INFO)
    await crawl_sandbox(sandbox, searches(sandbox, "a", "b", "c"), search_site(sandbox, accepted_css=()))
    first, others = _lines(caplog, logging.WARNING)
    assert first.startswith("GeeTest: declare accepted_… or refused_… of site search: it is not known whether")
    assert others == "GeeTest: and 2 more: the site search shows neither acceptance nor refusal"


async def test_a_request_that_is_solved_first(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Its address is in the first line, since no page was met."""
    caplog.set_level(logging.DEBUG)
    site = api_site(sandbox, captcha_id=sandbox.captchas["v4-api"])
    await crawl_sandbox(sandbox, items(sandbox, 1, meta={"geetest": True}), site)
    first, second, *_ = _lines(caplog, logging.DEBUG)
    assert first == "GeeTest: #1 <POST http://HOST/v4/api/items> (site api) is solved before it is sent"
    assert second == f"GeeTest: #1 a v4 challenge: captcha_id {sandbox.captchas['v4-api'][:8]}…"


async def test_those_that_wait_for_a_gate_say_nothing(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """The attempt that opens it has its lines; each of the others is a challenge page at most."""
    caplog.set_level(logging.DEBUG)
    await crawl_sandbox(sandbox, gate_pages(sandbox, range(5)), gate_site(sandbox))
    steps = [one for one in _lines(caplog, logging.DEBUG) if "challenge page" not in one]
    assert len({one.split()[1] for one in steps}) == 1


async def test_a_gate_that_is_declared_as_a_form(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Its pages pay for a solution each, and one line says so; a form that shows its results elsewhere is none."""
    await crawl_sandbox(sandbox, gate_pages(sandbox, range(1, 5)), gate_site(sandbox, mode="form"))
    assert sandbox.books()["created"]["total"] > 1
    [told] = _lines(caplog, logging.WARNING)
    assert told.startswith(
        'GeeTest: set mode = "gate" for the site gate, if one solution opens its other pages as well'
    )
    caplog.clear()
    await crawl_sandbox(sandbox, searches(sandbox, "a", "b"), search_site(sandbox))
    assert _lines(caplog, logging.WARNING) == []


def test_lines_are_counted_by_kind_and_level(caplog: pytest.LogCaptureFixture) -> None:
    """Each count is told once; kinds are bounded."""
    caplog.set_level(logging.DEBUG)
    lines = RepeatedLines()
    levels = [lines.level(logging.WARNING, "wet") for _ in range(3)] + [lines.level(logging.INFO, "wet")]
    assert levels == [logging.WARNING, logging.DEBUG, logging.DEBUG, logging.INFO]
    lines.tell()
    lines.tell()
    assert [(one.levelno, one.getMessage()) for one in caplog.records] == [
        (logging.WARNING, "GeeTest: and 2 more: wet")
    ]
    assert lines.level(logging.WARNING, "wet") == logging.DEBUG
    for number in range(MAX_KINDS):
        lines.level(logging.INFO, str(number))
    assert lines.level(logging.INFO, "one too many") == logging.DEBUG


def test_long_addresses_are_cut() -> None:
    """In the middle: host and end are what people look for."""
    url = f"http://shop.example.com/{'a' * 200}/the-end"
    assert len(shortened(url)) == 100
    assert short_request(Request(url)).startswith("<GET http://shop.example.com/aaa")
    assert short_request(Request(url)).endswith("/the-end>")
    assert shortened("http://a/") == "http://a/"

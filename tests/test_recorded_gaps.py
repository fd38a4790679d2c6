"""Logs that lack something: what cannot be known from them is said, and not guessed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve
from recorded_visits import (
    GEETEST_V3,
    HOST,
    REGISTER,
    V4,
    WIDGET,
    form,
    geetest,
    page,
    posted,
    told,
    visit,
)

from scrapy_geetest.commands.inspect.har import Exchange, read_har
from scrapy_geetest.commands.inspect.recording.report import read_visit

LOST: dict[str, Any] = {"text": "", "lacks_text": True}


def test_the_answer_to_the_solution_is_lost() -> None:
    """A browser drops it when a script goes on to the next page at once: whether that needs a value of it is unknown."""
    verified = evolve(posted("/verify", V4, {"ticket": "tk-1100aa"}), **LOST)
    exchanges = (page("/x", WIDGET, 403), geetest(), verified, page("/rows?ticket=tk-1100aa", "rows"))
    said = told(*exchanges)
    assert (said["without_body"], said["verified_fields"]) == ([f"POST {HOST}/verify"], {})
    assert f"    # What was answered to POST {HOST}/verify is not in the log" in said["declaration"]
    text = read_visit(visit(*exchanges)).to_text()
    needed = (
        f"it may have held ticket of GET {HOST}/rows, as in sites with two steps, and what tells success is unknown"
    )
    assert f"not in the log  what was answered to POST {HOST}/verify: {needed}" in text
    quiet = told(page("/x", WIDGET, 403), geetest(), verified, page("/rows?page=2", "rows"))
    assert "is not in the log: what tells success is unknown." in quiet["declaration"]


def test_the_register_answer_is_lost() -> None:
    """It is named, where the challenge is in no other answer."""
    exchanges = [page("/x", "a page"), evolve(REGISTER, **LOST), geetest(3), form("/send", GEETEST_V3, {"ok": 1})]
    assert told(*exchanges)["without_body"] == [f"GET {HOST}/register"]
    exchanges[1] = REGISTER
    assert told(*exchanges)["without_body"] == []


def test_the_bodies_of_requests_are_lost() -> None:
    """Nothing carried a solution as far as the log tells, and that is said of it."""
    sent = evolve(posted("/send", V4, {"ok": True}), body="", lacks_body=True)
    said = told(page("/x", WIDGET), geetest(), sent)
    assert said["version"] is None
    assert f"the log lacks what POST {HOST}/send sent" in said["problem"]


@pytest.mark.parametrize(
    ("request_", "response", "lacks_body", "lacks_text"),
    [
        ({}, {"content": {"size": 20, "mimeType": "application/json"}}, False, True),
        ({}, {"content": {"size": -1, "mimeType": "text/html"}, "bodySize": 46}, False, True),
        (
            {},
            {"content": {"mimeType": "text/html"}, "headers": [{"name": "Content-Length", "value": "3"}]},
            False,
            True,
        ),
        ({}, {"content": {"size": 20, "mimeType": "image/png"}}, False, False),
        ({}, {"content": {"size": 2, "mimeType": "text/html", "text": "<a"}}, False, False),
        ({"bodySize": 4}, {}, True, False),
        ({"headers": [{"name": "content-length", "value": "12"}], "bodySize": -1}, {}, True, False),
        ({"headers": [{"name": "content-length", "value": "0"}]}, {"bodySize": 0}, False, False),
        ({"bodySize": 4, "postData": {"mimeType": "text/plain", "text": "a=12"}}, {}, False, False),
        ({"bodySize": 4, "postData": {"params": [{"name": "a", "value": "1"}]}}, {}, False, False),
    ],
)
def test_what_a_log_lacks(request_: Any, response: Any, *, lacks_body: bool, lacks_text: bool) -> None:
    """By the sizes that it gives of what it has not."""
    entry = {"request": {"method": "POST", "url": HOST, **request_}, "response": response}
    [read] = read_har(json.dumps({"log": {"entries": [entry]}}).encode()).exchanges
    assert isinstance(read, Exchange)
    assert (read.lacks_body, read.lacks_text) == (lacks_body, lacks_text)

"""Which requests concern the plugin, by what their meta says."""

from __future__ import annotations

from typing import Any

import pytest
from scrapy import Request

from scrapy_geetest._crawl.marks import META_KEY, is_usual, note_departure, note_gate, raise_fences

OPEN_GATE = {"run": "a1", "openings": 1, "failures": 0}
URL = "https://shop.example.com/"


@pytest.mark.parametrize(
    "meta",
    [
        {"geetest": False},
        {"geetest": True},
        {"playwright": True},
        {"allow_offsite": True},
        {"redirect_urls": [URL]},
        {"dont_obey_robotstxt": True},
    ],
    ids=lambda meta: next(iter(meta)),
)
def test_meta_that_the_plugin_looks_at(meta: dict[str, Any]) -> None:
    """A request with such a key is looked at more closely, whatever else it has."""
    assert is_usual({"depth": 1, "cookiejar": 2})
    assert not is_usual({"depth": 1, "cookiejar": 2, **meta})


@pytest.mark.parametrize("headers", [{}, {"Referer": URL}, {"Cookie": "a=1"}], ids=["bare", "followed", "own-cookie"])
def test_a_page_that_a_spider_follows_at_an_open_gate_is_usual(headers: dict[str, str]) -> None:
    """What is noted of its departure, for a redirect, matters to nobody once its page has come."""
    request = Request(URL, headers=headers)
    note_departure(request, OPEN_GATE)
    assert META_KEY in request.meta
    assert is_usual(request.meta)


def test_a_request_that_waited_for_its_gate_is_not_usual() -> None:
    """Its page is counted as one that shared the solution."""
    request = Request(URL)
    note_departure(request, OPEN_GATE)
    note_gate(request, {**OPEN_GATE, "waited": True})
    assert not is_usual(request.meta)


def test_requests_of_a_pool_and_those_answered_in_place_are_not_usual() -> None:
    """Others have to know of both."""
    pooled, answered = Request(URL), Request(URL)
    note_departure(pooled, OPEN_GATE, {"session": "0", "headers": {}, "meta": {}})
    raise_fences(answered)
    assert not is_usual(pooled.meta)
    assert not is_usual(answered.meta)


@pytest.mark.parametrize("note", ["text", 3, ["gate"]])
def test_a_note_that_is_none_of_the_plugins_is_not_usual(note: object) -> None:
    """A spider may write anything."""
    assert not is_usual({META_KEY: note})

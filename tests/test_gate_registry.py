"""The gates that are remembered: bounded, and none is dropped that somebody is opening."""

from __future__ import annotations

import pytest
from scrapy import Request
from scrapy.http import HtmlResponse
from twisted.internet.defer import CancelledError, Deferred

from scrapy_geetest import ChallengeError, GeetestSite
from scrapy_geetest._attempt import gate
from scrapy_geetest._attempt.gate import Gate, GateRegistry


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> GateRegistry:
    """One that remembers three sessions."""
    monkeypatch.setattr(gate, "MAX_GATES", 3)
    return GateRegistry(lambda: 0.0)


def _known(registry: GateRegistry, sessions: str) -> str:
    return "".join(session for session in sessions if registry.get("site", session))


def test_the_session_unused_for_longest_is_forgotten(registry: GateRegistry) -> None:
    """Asked for again, a gate counts as used."""
    for session in "abcad":
        registry.make("site", session, None)
    assert _known(registry, "abcd") == "acd"


def test_a_gate_that_is_being_opened_is_kept(registry: GateRegistry) -> None:
    """However many there are; once they are open, the number falls to the limit again."""
    for session in "abcdefgh":
        registry.make("site", session, None).begin()
    assert _known(registry, "abcdefgh") == "abcdefgh"
    for session in "abcdefgh":
        registry.make("site", session, None).succeed()
    for session in "klmnop":
        registry.make("site", session, None)
    assert _known(registry, "abcdefghklmnop") == "nop"


def test_ten_thousand_more_than_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them are being opened at once: none is lost, and each that is made looks at two at most."""
    monkeypatch.setattr(gate, "MAX_GATES", 10)
    registry = GateRegistry(lambda: 0.0)
    for number in range(10_000):
        registry.make("site", str(number), None).begin()
    assert all(registry.get("site", str(number)) for number in range(10_000))


def test_a_gate_keeps_no_page_of_a_failure() -> None:
    """Ten thousand are remembered: what one failed with keeps its words, not the page and not the frames that held it."""
    shut = Gate(None, lambda: 0.0)
    shut.begin()
    request = Request("https://shop.test/")
    page = HtmlResponse(request.url, body=b"x" * 200_000)
    site = GeetestSite(name="shop", urls=["shop.test"])
    with pytest.raises(ChallengeError) as failed:
        raise ChallengeError("no challenge", request=request, response=page, site=site)
    shut.fail(failed.value)
    assert failed.value.response is page
    assert isinstance(shut.failure, ChallengeError)
    assert (str(shut.failure), shut.failure.response, shut.failure.__traceback__) == ("no challenge", None, None)


def test_those_who_wait_for_an_opener_that_left_go_on() -> None:
    """It was cancelled: nobody knows how the gate stands, and that is no failure."""
    left = Gate(None, lambda: 0.0)
    left.begin()
    waiter: Deferred[None] = left.wait()
    left.fail(CancelledError())
    assert (waiter.result, left.is_opening, left.is_open, left.failures) == (None, False, False, 0)

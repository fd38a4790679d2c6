"""The gates that are remembered: bounded, and none is dropped that somebody is opening."""

from __future__ import annotations

import pytest

from scrapy_geetest._attempt import gate
from scrapy_geetest._attempt.gate import GateRegistry


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

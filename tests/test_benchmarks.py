"""Each benchmark runs, at a scale that proves nothing but that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import __main__ as command
from benchmarks import crowd, fair, fresh, gate, memory, overhead, sites, stall, throughput
from benchmarks.report import Ratio, Table

if TYPE_CHECKING:
    from pathlib import Path

    from scrapy_geetest.sandbox import Sandbox

pytestmark = pytest.mark.slow

SOON = {"GEETEST_FIRST_POLL": 0.2, "PEER_POLL_SECONDS": 0.2}


def _cells(table: Table, what: str) -> tuple[str, ...]:
    """The row of a table that begins with these words."""
    [row] = [row[1:] for row in table.rows if row[0].startswith(what)]
    return row


def test_stall() -> None:
    """In virtual time every page of both hosts comes, withheld or not, with either middleware."""
    table = stall.compare(stall.Scale(count=20))
    assert _cells(table, "pages of both hosts") == ("40 of 40", "40 of 40")
    assert _cells(table, "solutions bought") == ("4", "4")
    assert all(ratio.plugin > 0 for ratio in table.ratios)


def test_gate(sandbox: Sandbox) -> None:
    """The plugin buys one task for the session, the other middleware one for each page."""
    scale = gate.Scale(count=8, solve=0.1, latency=0.1, few=20, many=200, repeats=1, settings=SOON)
    table = gate.compare(sandbox, scale)
    assert _cells(table, "tasks bought") == ("1", "8")
    assert all(ratio.is_met for ratio in table.ratios[:2])


def test_fresh() -> None:
    """In virtual time nobody who is careful pays for a challenge that has expired; who queues with one in hand does."""
    table = fresh.compare(fresh.Scale(count=12, idle=3, permits=2, sessions=3, expiry=30.0))
    assert _cells(table, "pages")[:2] == ("12 of 12", "12 of 12")
    expired, careful, hasty = map(int, _cells(table, "of these"))
    assert expired == careful == 0 < hasty


def test_overhead(sandbox: Sandbox) -> None:
    """Every page comes with the plugin on and with it off; the gate is open when the measurement begins."""
    table = overhead.compare(sandbox, overhead.Scale(turns=20))
    for kind in ("form", "gate"):
        assert _cells(table, f"{kind} site: pages") == ("40", "40")
    assert sandbox.books()["gates_opened"] == {"gate": 1}


def test_sites(sandbox: Sandbox) -> None:
    """Every page comes, whatever is declared."""
    table = sites.compare(sandbox, sites.Scale(count=5, rounds=2, sites=10))
    assert _cells(table, "pages of each crawl") == ("10", "10", "10")


def test_memory(sandbox: Sandbox) -> None:
    """The requests of each step are parked and weighed."""
    table = memory.compare(sandbox, memory.Scale(sizes=(4, 8, 12), permits=2, look=0.03, few=(4, 8, 12)))
    assert [row[0] for row in table.rows] == ["8 parked: KB each", "12 parked: KB each"]


def test_crowd() -> None:
    """In virtual time every page comes once, with many places and with few."""
    table = crowd.compare(crowd.Scale(count=12, turns=2, solve=5.0, few=3))
    assert _cells(table, "pages of both hosts") == ("24 of 24", "24 of 24")
    assert _cells(table, "most tasks at once") == ("2", "2")


def test_fair() -> None:
    """In virtual time the others do not wait for all the forms that came before them."""
    table = fair.compare(fair.Scale(forms=24, turns=2, solve=5.0, few=3, after=2.0, slow=4))
    assert _cells(table, "pages of b") == ("3",)
    assert all(ratio.is_met for ratio in table.ratios if ratio.what.startswith("first page"))


def test_throughput() -> None:
    """In virtual time every page comes, and no turn more is used than there are."""
    table = throughput.compare(throughput.Scale(cases=[throughput.Case(4, 0.3, 0.0)], rounds=3, solve=5.0, known=8))
    assert _cells(table, "4 turns, 0.3 s: most tasks at once") == ("4",)
    assert all(ratio.is_met for ratio in table.ratios if "pages that came" in ratio.what)


def _found(value: float) -> Table:
    rows = (("pages", "7", "7"),)
    return Table("found", "What was found", "So it was found.", rows, (Ratio("half", value, 0.125, at_most=0.5),))


def test_the_command_prints_and_writes_what_it_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A whole run rewrites the results; a missed bound is shown, and fails where it is checked."""
    results = tmp_path / "RESULTS.md"
    monkeypatch.setattr(command, "RESULTS", results)
    monkeypatch.setattr(command, "BENCHMARKS", {"found": lambda: _found(0.75)})
    assert (command.main([]), command.main(["--check"])) == (0, 1)
    text = results.read_text(encoding="utf-8")
    assert "| Scrapy |" in text
    assert "| half | 0.75 | 0.12 | at most 0.5: MISSED |" in text
    assert "found  half  0.75" in capsys.readouterr().out


def test_the_command_runs_single_benchmarks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One by name leaves the results alone; a name that is none is refused."""
    results = tmp_path / "RESULTS.md"
    monkeypatch.setattr(command, "RESULTS", results)
    monkeypatch.setattr(command, "BENCHMARKS", {"found": lambda: _found(0.25)})
    assert command.main(["found", "--check"]) == 0
    assert not results.exists()
    with pytest.raises(SystemExit):
        command.main(["lost"])

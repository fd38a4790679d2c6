"""A killed or stopped crawl, and what the next run or another worker makes of it: a short form of the proof."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

sys.path.insert(0, str(Path(__file__).parent / "proofs"))

import kill_and_collect
import shared_queue

if TYPE_CHECKING:
    from scrapy_geetest.sandbox import Sandbox

needs_redis = pytest.mark.skipif(bool(shared_queue.missing()), reason=f"not installed: {shared_queue.missing()}")
IN_SHORT: dict[str, Any] = {"pages": 12, "pending": 6, "solve_seconds": (1.5, 2.0)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "signal_name", "is_alive"),
    [
        ("file", "KILL", False),
        ("file", "TERM", False),
        pytest.param("redis", "KILL", False, marks=needs_redis),
        pytest.param("redis", "TERM", True, marks=needs_redis),
    ],
)
def test_paid_tasks_outlive_their_process(sandbox: Sandbox, kind: str, signal_name: str, is_alive: bool) -> None:  # noqa: FBT001
    """Six are pending: each is used, none is bought a second time, every page comes, and none comes twice."""
    findings = kill_and_collect.once(sandbox, kind, signal_name, number=int(is_alive), seconds=0.2, **IN_SHORT)
    assert findings.is_good(signal_name, is_shared=kind == "redis"), str(findings)
    assert findings.recovered > 0

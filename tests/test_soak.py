"""The soak of ``tests/proofs/soak.py`` with fewer pages: two crawls, one budget, a service that fails three times in ten."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent / "proofs"))

import soak

if TYPE_CHECKING:
    from scrapy_geetest.sandbox import Sandbox

pytestmark = pytest.mark.exhaustive

PAGES = 60


@pytest.mark.skipif(
    shutil.which("redis-server") is None or find_spec("redis") is None, reason="redis-server or redis is not installed"
)
def test_all_of_the_money_adds_up(running_sandbox: Sandbox) -> None:
    """Never more tasks than allowed, an outcome for every request, and books and statistics agree to the last task."""
    with soak.redis_server() as redis:
        outcome = soak.soak(running_sandbox, redis, PAGES, every=2.0, outage_seconds=0.7)
    assert outcome.problems() == []
    assert outcome.outcomes["page"] > PAGES / 3
    assert outcome.outcomes["BudgetExhausted"] > 0
    assert outcome.sum("tasks_failed") > 0
    assert outcome.outages.calls.total() > 0

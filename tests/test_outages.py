"""A cheap slice of ``tests/proofs/outages.py``: outages of half a second, few pages, all kinds at once."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "proofs"))

from outage_crawl import LOST_BUT_DONE, REDIS_KINDS, REFUSED, crawl_through, missing

CHEAP = (REFUSED, LOST_BUT_DONE, "HTML with 403", "redirect 307", "no task id", "closed")


async def test_a_short_outage_costs_time_only() -> None:
    """Every page comes, no challenge is sent twice, and no failure of the service is charged to the site."""
    outcomes = await asyncio.gather(*(crawl_through(kind, 0.5, 8) for kind in CHEAP))
    assert [problem for outcome in outcomes for problem in outcome.problems()] == []


@pytest.mark.parametrize("kind", REDIS_KINDS)
async def test_so_does_a_redis_that_restarts_or_stalls(kind: str) -> None:
    """It is waited for as the service is."""
    if missing(kind):
        pytest.skip("redis-server or redis is not installed")
    outcome = await crawl_through(kind, 0.5, 10)
    assert outcome.problems() == []

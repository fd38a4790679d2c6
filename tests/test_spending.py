"""What may be spent is counted before it is spent, and a site that wastes it gets a pause."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import define, field
from crawl import collected
from scrapy import Request
from scrapy.settings import Settings
from scrapy.utils.defer import maybe_deferred_to_future

from scrapy_geetest import BudgetExhausted, CircuitOpen, GeetestSite
from scrapy_geetest._attempt.context import Context
from scrapy_geetest._crawl.identity import Visitor
from scrapy_geetest._spending.breaker import Breaker
from scrapy_geetest._spending.budget import Budget
from scrapy_geetest._storage.opening import open_storage
from scrapy_geetest._storage.patience import Patience
from scrapy_geetest._storage.protocol import StorageFailedError
from scrapy_geetest.settings import Config
from scrapy_geetest.stats import Stats


def _context(site: str = "a.test") -> Context:
    request = Request(f"https://{site}/")
    visitor = Visitor(request, request)
    return Context(GeetestSite(urls=[site], name=site), request, None, visitor, request, was_sent=False)


def _budget(**settings: Any) -> tuple[Budget, dict[str, Any]]:
    collector = collected()
    config = Config.from_settings(Settings({"GEETEST_API_KEY": "k", **settings}), environ={})
    waiting: Any = SimpleNamespace()
    storage = open_storage(config.storage_uri, solve_timeout=config.solve_timeout, waiting=waiting)
    return Budget(config, storage=storage, stats=Stats(collector)), collector.get_stats()


def _breaker(**options: Any) -> tuple[Breaker, list[float]]:
    now = [0.0]
    breaker = Breaker(**{"failures": 2, "seconds": 10.0, **options}, stats=Stats(collected()), clock=lambda: now[0])
    return breaker, now


async def _spend(budget: Budget, site: str = "a.test", times: int = 1) -> None:
    for _ in range(times):
        await budget.spend(_context(site))


async def test_without_limits_everything_may_be_spent() -> None:
    """The defaults count nothing."""
    budget, stats = _budget()
    await _spend(budget, times=50)
    assert "geetest/budget_refused" not in stats


async def test_max_solves_is_for_the_crawl() -> None:
    """One task more is refused, with the setting in the message."""
    budget, stats = _budget(GEETEST_MAX_SOLVES=2)
    await _spend(budget, times=2)
    with pytest.raises(BudgetExhausted, match="GEETEST_MAX_SOLVES = 2"):
        await _spend(budget)
    assert stats["geetest/budget_refused"] == 1


async def test_max_solves_holds_while_a_storage_is_asked() -> None:
    """A storage on another machine takes its time, in which others ask, too."""
    budget, stats = _budget(GEETEST_MAX_SOLVES=2, GEETEST_BUDGET="3/hour")
    waiting: Any = SimpleNamespace(wait=maybe_deferred_to_future, sleep=None)
    budget._patience = Patience(check=lambda: True, errors=(OSError,), limit=9.0, waiting=waiting)
    outcomes = await asyncio.gather(*(_spend(budget) for _ in range(5)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(BudgetExhausted) == 3
    assert stats["geetest/budget_refused"] == 3


class _Away:
    """A limiter in a storage that fails, after or before it counts, as long as there is something to say of it."""

    def __init__(self, *failures: str, room: int = 100) -> None:
        self.failures = list(failures)
        self.room = room
        self.counted = 0

    def test(self, *_: Any) -> bool:
        if self.failures[:1] == ["test"]:
            self.failures.pop(0)
            raise OSError
        return self.counted < self.room

    def hit(self, *_: Any) -> bool:
        if self.failures[:1] == ["hit"]:
            self.failures.pop(0)
            raise OSError
        self.counted += 1
        if self.failures[:1] == ["hit, counted"]:
            self.failures.pop(0)
            raise OSError
        return self.counted <= self.room


@define
class _Waiting:
    """Waits in virtual time."""

    stopping: bool = False
    now: float = 0.0
    naps: list[float] = field(factory=list)

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds

    async def wait(self, asking: Any) -> Any:
        return await maybe_deferred_to_future(asking)


def _stored(limiter: _Away, **options: Any) -> tuple[Budget, _Waiting]:
    budget, _ = _budget(GEETEST_BUDGET="9/hour")
    limiter_: Any = limiter
    budget._limiter = limiter_
    budget._patience, waiting = _patience(**options)
    return budget, waiting


def _patience(**options: Any) -> tuple[Patience, _Waiting]:
    waiting: Any = _Waiting()
    defaults: dict[str, Any] = {"check": lambda: True, "errors": (OSError,), "limit": 60.0}
    return Patience(**{**defaults, **options}, waiting=waiting, clock=lambda: waiting.now), waiting


@pytest.mark.parametrize(
    ("failures", "counted"),
    [([], 1), (["test"], 1), (["test", "test", "test"], 1), (["hit, counted"], 1), (["hit"], 0)],
)
async def test_what_a_storage_may_have_counted_is_not_counted_twice(failures: list[str], counted: int) -> None:
    """Its answer was lost: it is not known whether it counted."""
    limiter = _Away(*failures)
    budget, _ = _stored(limiter)
    assert await budget.spend(_context()) is bool(failures)
    assert limiter.counted == counted
    assert budget._spent == 1


async def test_what_may_have_been_the_last_of_a_budget_is_refused() -> None:
    """Too little rather than too much."""
    budget, _ = _stored(_Away("hit, counted", room=1))
    with pytest.raises(BudgetExhausted, match="GEETEST_BUDGET"):
        await budget.spend(_context())
    assert budget._spent == 0


async def test_a_storage_that_is_away_is_looked_at_now_and_then() -> None:
    """Not more often than the service, and not for longer."""
    looks: list[float] = []

    def check() -> bool:
        looks.append(waiting.now)
        return False

    budget, waiting = _stored(_Away("test"), check=check)
    with pytest.raises(BudgetExhausted, match=r"fails: OSError|fails: no answer: no call was taken for 6\d s"):
        await budget.spend(_context())
    assert 8 <= len(looks) <= 25
    assert budget._patience is not None
    assert "the storage (GEETEST_STORAGE_URI) cannot be reached since 6" in budget._patience.trouble
    with pytest.raises(BudgetExhausted):
        await budget.ready(_context())
    waiting.now += 100.0
    assert budget._patience.trouble == ""


async def test_a_storage_that_can_be_read_and_not_written_is_given_up() -> None:
    """A replica answers the looks, and takes nothing."""
    asked: list[float] = []

    def question() -> None:
        asked.append(waiting.now)
        raise OSError

    patience, waiting = _patience()
    with pytest.raises(StorageFailedError, match="OSError: no call was taken for 6"):
        await patience.ask(question)
    assert len(asked) <= 25


async def test_a_refused_task_is_not_counted() -> None:
    """Where a budget refuses, ``GEETEST_MAX_SOLVES`` has one left for later."""
    budget, _ = _budget(GEETEST_MAX_SOLVES=2, GEETEST_SITE_BUDGET="1/hour")
    await _spend(budget)
    with pytest.raises(BudgetExhausted, match="GEETEST_SITE_BUDGET"):
        await _spend(budget)
    await _spend(budget, "b.test")


async def test_what_was_counted_is_not_counted_again() -> None:
    """A site says "later" many times before one task: the budgets by time count one."""
    budget, _ = _budget(GEETEST_BUDGET="2/hour", GEETEST_MAX_SOLVES=1)
    await _spend(budget)
    for _ in range(10):
        budget.give_back()
        await budget.spend(_context(), is_counted=True)
    budget.give_back()
    await _spend(budget)
    budget.give_back()
    with pytest.raises(BudgetExhausted, match="GEETEST_BUDGET"):
        await _spend(budget)


def test_a_blocked_site_stays_blocked() -> None:
    """Whatever becomes of tasks that were under way then."""
    breaker, now = _breaker()
    breaker.block(_context(), "the service solves nothing for it")
    breaker.failed(_context())
    breaker.failed(_context())
    breaker.succeeded(_context())
    now[0] = 1e6
    with pytest.raises(CircuitOpen, match="no other try in this crawl"):
        breaker.check(_context())


async def test_budgets_are_counted_together_and_for_each_site() -> None:
    """Whichever is used up first refuses; one refused by its site costs the others nothing."""
    budget, _ = _budget(GEETEST_BUDGET="3/hour; 100/day", GEETEST_SITE_BUDGET="2/hour")
    await _spend(budget, "a.test", 2)
    with pytest.raises(BudgetExhausted, match="GEETEST_SITE_BUDGET = 2 per 1 hour"):
        await _spend(budget, "a.test")
    await _spend(budget, "b.test")
    with pytest.raises(BudgetExhausted, match="GEETEST_BUDGET = 3 per 1 hour"):
        await _spend(budget, "c.test")


@pytest.mark.parametrize("uri", ["redis://user:secret@127.0.0.1:1/0", "reddis://:secret@127.0.0.1:1"])
def test_a_storage_that_cannot_be_used_is_an_error_at_start(uri: str) -> None:
    """The message names the setting and not the password."""
    with pytest.raises(ValueError, match="GEETEST_STORAGE_URI") as caught:
        _budget(GEETEST_BUDGET="1/hour", GEETEST_STORAGE_URI=uri)
    assert "secret" not in str(caught.value)


def test_the_breaker_opens_after_failures_in_a_row() -> None:
    """And only for the site that failed."""
    breaker, _ = _breaker()
    breaker.failed(_context())
    breaker.succeeded(_context())
    breaker.failed(_context())
    breaker.check(_context())
    breaker.failed(_context())
    with pytest.raises(CircuitOpen, match=r"GEETEST_BREAKER_FAILURES\); the next try is in 10 s"):
        breaker.check(_context())
    breaker.check(_context("b.test"))


def test_a_failure_that_every_purchase_would_share_opens_it_at_once() -> None:
    """Unless the site has accepted a solution before, or no number of failures is to open it."""
    breaker, _ = _breaker()
    breaker.failed(_context(), cure="correct field_names", is_certain=True)
    with pytest.raises(
        CircuitOpen, match=r"^Correct field_names\. No solution is bought for .*the next try is in 10 s"
    ):
        breaker.check(_context())
    breaker.adopt("a.test", failures=1, seconds=0)  # as all processes together have counted
    with pytest.raises(CircuitOpen):
        breaker.check(_context())
    breaker.succeeded(_context("b.test"))
    breaker.failed(_context("b.test"), is_certain=True)
    breaker.check(_context("b.test"))
    never, _ = _breaker(failures=0)
    never.failed(_context(), is_certain=True)
    never.check(_context())


def test_when_its_time_is_over_one_purchase_finds_out() -> None:
    """The others still wait; its failure opens the circuit again, its success closes it."""
    breaker, now = _breaker(failures=1)
    breaker.failed(_context())
    now[0] = 10.0
    breaker.check(_context())
    with pytest.raises(CircuitOpen):
        breaker.check(_context())
    breaker.failed(_context())
    now[0] = 19.9
    with pytest.raises(CircuitOpen):
        breaker.check(_context())
    now[0] = 20.0
    breaker.check(_context())
    breaker.succeeded(_context())
    breaker.check(_context())


def test_the_purchase_that_finds_out_may_be_told_later() -> None:
    """The site has no challenge yet: its request asks again, and no other does."""
    breaker, now = _breaker(failures=1)
    breaker.failed(_context())
    now[0] = 10.0
    probing = _context()
    breaker.check(probing)
    with pytest.raises(CircuitOpen):
        breaker.check(_context())
    breaker.check(probing)
    breaker.failed(probing)
    with pytest.raises(CircuitOpen):
        breaker.check(probing)


def test_an_answer_that_shows_no_refusal_ends_a_row() -> None:
    """But it does not close a circuit that opened after it was bought for, unless it is the one that finds out."""
    breaker, now = _breaker()
    breaker.failed(_context())
    breaker.succeeded(_context(), is_sure=False)
    breaker.failed(_context())
    breaker.check(_context())
    breaker.failed(_context())
    breaker.succeeded(_context(), is_sure=False)
    with pytest.raises(CircuitOpen):
        breaker.check(_context())
    now[0] = 10.0
    probing = _context()
    breaker.check(probing)
    breaker.succeeded(probing, is_sure=False)
    breaker.check(_context())


def test_a_site_that_the_service_refuses_is_blocked_for_the_crawl() -> None:
    """No time ends it."""
    breaker, now = _breaker()
    breaker.block(_context(), "the service solves nothing for it (ERROR_DOMAIN_NOT_ALLOWED)")
    now[0] = 1e9
    with pytest.raises(CircuitOpen, match="ERROR_DOMAIN_NOT_ALLOWED"):
        breaker.check(_context())


def test_a_breaker_can_be_turned_off() -> None:
    """``GEETEST_BREAKER_FAILURES = 0``."""
    breaker, _ = _breaker(failures=0)
    for _ in range(100):
        breaker.failed(_context())
    breaker.check(_context())

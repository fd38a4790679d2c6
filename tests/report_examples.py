"""Crawls as a report shows them, made up: one that went well, one without a CAPTCHA, one that went wrong, and a long one."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from attrs import evolve

from scrapy_geetest._report import causes
from scrapy_geetest._report.attempts import REFUSED, UNVERIFIED, Attempt
from scrapy_geetest._report.history import History
from scrapy_geetest._services.errors import ADVICE
from scrapy_geetest.stats import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

START = 1_790_000_000.0
PRICE = 600  # millionths of a task
_SERVICES = {"capmonster": "USD"}
_FIELDS = (
    ("form", "geetest_challenge", "8f14e4… (34 characters)"),
    ("form", "geetest_validate", "c9f0f8… (32 characters)"),
    ("form", "geetest_seccode", "c9f0f8… (39 characters)"),
)


def refused(at: float, **more: Any) -> Attempt:
    """A login that the site refused."""
    attempt = Attempt(
        at=at,
        outcome=REFUSED,
        site="shop-login",
        service="capmonster",
        task=str(7_000_000 + int(at) % 100_000),
        number=1,
        page="https://shop.example.com/account/login?next=/orders",
        rule="refused_jmespath 'status == `fail`'",
        source="https://shop.example.com/gt/register?t=1790000000123",
        sent_to="POST https://shop.example.com/account/login",
        fields=_FIELDS,
        beside=("user", "password", "csrf"),
        status=403,
        answered_by="https://shop.example.com/account/login",
        words="The security check has expired. Please try again.",
    )
    return evolve(attempt, **more)


def unverified(at: float) -> Attempt:
    """A form whose answer says nothing."""
    return refused(
        at,
        outcome=UNVERIFIED,
        site="news-comments",
        page="https://news.example.org/articles/tide-tables",
        rule="nothing in it shows whether the solution was accepted",
        source="the page itself",
        sent_to="POST https://news.example.org/comments",
        status=200,
        answered_by="https://news.example.org/comments/thanks",
        words="Thank you.",
    )


def empty() -> History:
    """No page was withheld."""
    history = _history("catalogue", 75.0)
    for second in range(76):
        history.timeline.add(float(second), pages=3 + second % 4, waiting=0, is_idle=False)
    return _finished(history, "finished")


def full() -> History:
    """Half an hour of three sites and two services; nearly all went well."""
    history = _history("shop", 1_834.0, {"capmonster": "USD", "2captcha": "USD"})
    draw = random.Random(7)
    for site, service, bought in (
        ("shop-login", "capmonster", 412),
        ("shop-search", "capmonster", 96),
        ("shop-search", "2captcha", 31),
        ("news-comments", "2captcha", 58),
    ):
        _buy(history, site, service, bought, lambda: round(draw.gammavariate(9, 1_700)))
    for number in range(7):
        _judge(history, refused(START + 200 * number))
    for number in range(4):
        _judge(history, unverified(START + 300 * number))
    for second in range(1_835):
        waiting = round(18 + 14 * draw.random() - 22 * (second > 1_650)) if second > 40 else 0
        history.timeline.add(
            float(second), pages=draw.randrange(5, 12), waiting=max(0, waiting), is_idle=draw.random() < 0.03
        )
    return _finished(history, "finished", detected=604, shared=118, gave_up=0)


def bad() -> History:
    """A wrong declaration, a service that fails, and an account that runs dry."""
    history = _history("tickets", 412.0)
    draw = random.Random(3)
    _buy(history, "tickets", "capmonster", 61, lambda: round(draw.uniform(9_000, 55_000)))
    for number in range(44):
        _judge(
            history,
            refused(
                START + 7 * number,
                site="tickets",
                page=f"https://tickets.example.com/seat/{number}",
                source="https://tickets.example.com/gt/register?t=1790000000123",
                sent_to=f"POST https://tickets.example.com/seat/{number}/reserve",
                answered_by=f"https://tickets.example.com/seat/{number}/reserve",
                beside=("seat", "csrf"),
                number=1 + number % 3,
            ),
        )
    for number in range(9):
        _judge(history, unverified(START + 31 * number), "tickets")
    tally = history.tallies.at("tickets", "capmonster")
    tally.accepted -= 5
    tally.unused, tally.failed, tally.abandoned = 5, 6, 3
    tally.created += 9
    _fail(history)
    for second in range(413):
        history.timeline.add(
            float(second), pages=draw.randrange(0, 4), waiting=min(32, second // 4), is_idle=second % 3 == 0
        )
    return _finished(
        history,
        "geetest_zero_balance",
        detected=97,
        undeclared=12,
        tasks_refused=2,
        tasks_refused__ERROR_ZERO_BALANCE=2,
        tasks_failed__ERROR_CAPTCHA_UNSOLVABLE=6,
        gave_up=31,
        gave_up__rejected=22,
        gave_up__solve=9,
    )


def many(attempts: int) -> History:
    """As many refused and unverified attempts, at forty sites."""
    history = _history("everything", 86_400.0)
    for number in range(attempts):
        site, at = f"site-{number % 40}", START + 4 * number
        kind: Callable[[float], Attempt] = refused if number % 3 else unverified
        history.tallies.at(site, "capmonster").created += 1
        history.tallies.at(site, "capmonster").solved += 1
        history.solved("capmonster", 5_000 + number % 30_000)
        _judge(history, evolve(kind(at), page=f"https://{site}.example.com/a/rather/long/path/to/page/{number}"), site)
    for second in range(0, 86_400, 10):
        history.timeline.add(float(second), pages=second % 50, waiting=second % 32, is_idle=False)
    return _finished(history, "finished", detected=attempts, gave_up=attempts // 3)


def _history(spider: str, seconds: float, services: dict[str, str] | None = None) -> History:
    history = History(spider, services or _SERVICES, [])
    history.begin(START)
    history.run.ended = START + seconds
    return history


def _buy(history: History, site: str, service: str, count: int, milliseconds: Callable[[], int]) -> None:
    tally = history.tallies.at(site, service)
    tally.created, tally.solved, tally.accepted, tally.cost = count, count, count, PRICE * count
    for _ in range(count):
        history.solved(service, milliseconds())


def _judge(history: History, attempt: Attempt, site: str = "") -> None:
    """An attempt that was accepted before is one of another kind."""
    attempt = evolve(attempt, site=site or attempt.site)
    service = next(iter(history.tallies.of_site(attempt.site)))
    tally = history.tallies.at(attempt.site, service)
    tally.accepted -= tally.accepted > 0
    tally.refused += attempt.outcome == REFUSED
    tally.unverified += attempt.outcome == UNVERIFIED
    history.attempts.add(evolve(attempt, service=service))


def _fail(history: History) -> None:
    met = history.causes
    for _ in range(22):
        met.add(
            causes.REQUESTS,
            "rejected",
            "3 solutions were bought for <GET https://tickets.example.com/seat/4> (site tickets) (GEETEST_MAX_ATTEMPTS), and none was accepted",
        )
    for _ in range(9):
        met.add(
            causes.REQUESTS,
            "solve",
            "No solution for <GET https://tickets.example.com/seat/57> (site tickets) after 1 attempt: ERROR_ZERO_BALANCE: Balance is zero",
        )
    for _ in range(2):
        met.add(causes.REFUSED, "ERROR_ZERO_BALANCE", "Balance is zero", ADVICE["ERROR_ZERO_BALANCE"])
    for _ in range(6):
        met.add(
            causes.FAILED, "ERROR_CAPTCHA_UNSOLVABLE", "Workers could not solve it", ADVICE["ERROR_CAPTCHA_UNSOLVABLE"]
        )
    for _ in range(3):
        met.add(causes.ABANDONED, "the crawl is ending", "task 7000411")
    for _ in range(5):
        met.add(causes.UNUSED, "it became too old before it was sent (GEETEST_SOLUTION_MAX_AGE)", "task 7000207")


def _finished(history: History, reason: str, **more: int) -> History:
    """The statistics that belong to it."""
    tally, run = history.tallies.total(), history.run
    times = [one for times in history.times.values() for one in times.bars(10**9)]
    seen = history.timeline.total()
    run.reason, run.pages, run.waited, run.idle = reason, seen.pages, seen.waited, seen.idle
    run.figures = {
        **dict.fromkeys(NAMES, 0),
        "tasks_created": tally.created,
        "tasks_solved": tally.solved,
        "tasks_failed": tally.failed,
        "tasks_abandoned": tally.abandoned,
        "accepted": tally.accepted,
        "rejected": tally.refused,
        "unverified": tally.unverified,
        "unused": tally.unused,
        "cost_millionths": tally.cost,
        "parked_max": seen.most,
        "solve_ms": round(sum(1_000 * bar.start * bar.count for bar in times)),
        "solve_ms_max": round(max((1_000 * bar.start for bar in times), default=0.0)),
        **{name.replace("__", "/"): value for name, value in more.items()},
    }
    return history

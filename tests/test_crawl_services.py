"""Whole crawls with several services: the preferred one fails in every way, and every page comes all the same."""

from __future__ import annotations

import asyncio
import logging
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from failover_crawl import AT_ONCE, NAMES, books_of, of_services, run_failover, unbalanced
from fault_crawl import quick
from sandbox_crawl import crawl_sandbox, search_site, searches, several
from service_relay import Relay
from small_world import Answer, challenge_page, failure, page

from scrapy_geetest import GeetestSite, SolveError, SolvingService, V4Challenge, V4Solution

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crawl import Crawl
    from small_world import Asked, SmallWorld

    from scrapy_geetest import Task
    from scrapy_geetest.sandbox import Sandbox


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with quick():
        yield


def assert_balanced(outcome: Crawl) -> None:
    """Both equations, in all and at each service; the parts make up the whole."""
    assert unbalanced(outcome) == []


async def test_every_page_comes_whatever_the_services_do(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """``tests/proofs/failover.py`` with fewer pages: killed, back, out of money; busy for a while."""
    caplog.set_level(logging.INFO)
    run = await run_failover(sandbox, 50)
    assert run.problems() == []
    assert caplog.text.count("the service capmonster is out for this crawl, and 2captcha goes on") == 1


async def crawl_words(sandbox: Sandbox, number: int, *names: str, **settings: Any) -> Crawl:
    """Search pages, with some services of the sandbox."""
    own = {"GEETEST_SERVICES": several(sandbox, *names), "GEETEST_API_URL": "", "GEETEST_API_KEY": ""}
    site = search_site(sandbox, **settings.pop("site", {}))
    return await crawl_sandbox(sandbox, searches(sandbox, *map(str, range(number))), site, **{**own, **settings})


OUT = [
    ("createTask", "ERROR_KEY_DOES_NOT_EXIST"),
    ("createTask", "ERROR_ZERO_BALANCE"),
    ("createTask", "ERROR_IP_BLOCKED"),
    ("createTask", "ERROR_TASK_NOT_SUPPORTED"),
    ("getTaskResult", "ERROR_IP_BANNED"),
    ("getTaskResult", "ERROR_KEY_DOES_NOT_EXIST"),
]


@pytest.mark.parametrize(("call", "code"), OUT)
async def test_a_service_that_can_never_solve_is_out(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture, call: str, code: str
) -> None:
    """One WARNING; the next one goes on. A purchase that came to nothing takes no attempt and no part of the budget."""
    sandbox.reset(**AT_ONCE, faults={call: [code, "..."]})
    attempts = {"GEETEST_MAX_ATTEMPTS": 1, "GEETEST_MAX_SOLVES": 3} if call == "createTask" else {}
    outcome = await crawl_words(sandbox, 3, "capmonster", "2captcha", GEETEST_MAX_CONCURRENT_SOLVES=1, **attempts)
    assert (len(outcome.pages), outcome.errors, outcome.reason) == (3, [], "finished")
    lines = [one.getMessage() for one in caplog.records if "is out for this crawl" in one.message]
    assert len(lines) == 1
    assert f"the service capmonster is out for this crawl, and 2captcha goes on: {code}" in lines[0]
    charged = [one for one in caplog.records if "(may have been charged); trying again" in one.getMessage()]
    assert bool(charged) == (call == "getTaskResult")
    assert all(one.levelname == "WARNING" for one in charged)
    assert_balanced(outcome)
    assert outcome.stats["failover"] == outcome.stats["tasks_created/service/2captcha"] == 3


async def test_the_spider_is_closed_when_no_service_is_left(sandbox: Sandbox) -> None:
    """With the reason of the last one; the error names it."""
    sandbox.reset(balance=0, services={"2captcha": {"api_key": "another"}})
    services = [*several(sandbox, "capmonster"), {**several(sandbox, "2captcha")[0], "api_key": "wrong"}]
    outcome = await crawl_words(sandbox, 1, GEETEST_SERVICES=services)
    [error] = outcome.errors
    assert isinstance(error, SolveError)
    assert (error.service, error.code, outcome.reason) == ("2captcha", "ERROR_KEY_DOES_NOT_EXIST", "geetest_bad_key")
    assert "after 1 attempt: 2captcha: ERROR_KEY_DOES_NOT_EXIST" in str(error)
    assert outcome.stats["challenges_fetched"] == 2  # none was shown to both
    assert books_of(sandbox)["capmonster"]["refused"] == {"ERROR_ZERO_BALANCE": 1}


async def test_a_site_names_its_own_services(sandbox: Sandbox) -> None:
    """Its last one is out, which closes nothing, since other sites have others."""
    sandbox.reset(**AT_ONCE, balance=0, services={"2captcha": {"balance": 1}, "capsolver": {"balance": 1}})
    services = several(sandbox, "capmonster", "2captcha", "capsolver")
    sites = [
        search_site(sandbox, services=["capsolver", "2captcha"]),
        {**search_site(sandbox), "name": "poor", "urls": [f"{sandbox.url[7:]}/nested"], "services": ["capmonster"]},
    ]
    sites[1]["challenge_url"] = "/nested/captcha"
    wanted = [*searches(sandbox, "one"), *searches(sandbox, "two")]
    wanted += [wanted[0].replace(url=f"{sandbox.url}/nested/login", meta={"geetest": True}, method="POST", body="a=b")]
    wanted[2].headers["Content-Type"] = "application/x-www-form-urlencoded"
    outcome = await crawl_sandbox(sandbox, wanted, *sites, GEETEST_SERVICES=services, GEETEST_API_URL="")
    assert len(outcome.pages) == 2
    [error] = outcome.errors
    assert isinstance(error, SolveError)
    assert (error.service, error.close_reason, outcome.reason) == ("capmonster", None, "finished")
    assert outcome.stats["tasks_created/service/capsolver"] == 2
    assert outcome.stats["failover"] == 0


class Solver(SolvingService):
    """One of the project's own."""

    world: ClassVar[SmallWorld]
    tasks: ClassVar[list[Task]]

    async def solve(self, task: Task) -> V4Solution:
        self.tasks.append(task)
        await asyncio.sleep(0.01)
        challenge = task.challenge
        assert isinstance(challenge, V4Challenge)
        values = self.world.geetest.solve({"gt": challenge.captcha_id, "version": 4}, wrong=False)
        assert values is not None
        return V4Solution(**values)


@pytest.mark.parametrize("is_alone", [True, False])
async def test_a_service_of_ones_own(world: SmallWorld, is_alone: bool) -> None:  # noqa: FBT001  # a parameter
    """Alone it needs no key; as the second one it takes what the first one cannot."""
    solver: Any = type("Here", (Solver,), {"world": world, "tasks": []})

    @world.route("/page")
    def view(asked: Asked) -> Answer:
        return page("<h1>content</h1>") if world.geetest.takes(asked.fields) else challenge_page(asked.path)

    world.first = lambda method, _: failure("ERROR_ZERO_BALANCE") if method == "createTask" else None
    services = [solver] if is_alone else ["capmonster", solver]
    keys = {"GEETEST_API_KEY": "", "GEETEST_API_URL": ""} if is_alone else {}
    outcome = await world.crawl(
        [f"{world.site.url}/page/{number}" for number in range(3)], GEETEST_SERVICES=services, **keys
    )
    assert (len(outcome.pages), len(solver.tasks), outcome.errors) == (3, 3, [])
    assert (outcome.stats["tasks_created"], outcome.stats["failover"]) == (3, 0 if is_alone else 3)
    assert solver.tasks[0].website_url.startswith(world.site.url)


@pytest.mark.parametrize("code", ["ERROR_CAPTCHA_UNSOLVABLE", "ready-without-solution"])
async def test_what_one_cannot_solve_goes_to_the_next(sandbox: Sandbox, code: str) -> None:
    """With a fresh challenge, as another attempt."""
    sandbox.reset(**AT_ONCE, faults={"getTaskResult": [code, "..."]})
    outcome = await crawl_words(sandbox, 2, "capmonster", "2captcha")
    assert (len(outcome.pages), outcome.stats["challenges_fetched"]) == (2, 4)
    assert of_services(outcome, "tasks_failed", NAMES[:2]) == {"capmonster": 2, "2captcha": 0}
    assert_balanced(outcome)
    outcome = await crawl_words(sandbox, 1, "capmonster", "2captcha", GEETEST_MAX_ATTEMPTS=1)
    [error] = outcome.errors
    assert isinstance(error, SolveError)
    assert (error.service, outcome.reason) == ("capmonster", "finished")


async def test_a_service_without_its_limit_takes_what_the_first_one_has_no_room_for(sandbox: Sandbox) -> None:
    """That is no failover. Where all have a limit, requests wait before their challenge is fetched."""
    sandbox.reset(**AT_ONCE)
    services = several(sandbox, "capmonster", "anticaptcha")
    services[0]["max_concurrent"] = 1
    outcome = await crawl_words(sandbox, 4, GEETEST_SERVICES=services)
    created = of_services(outcome, "tasks_created", ("capmonster", "anticaptcha"))
    assert (len(outcome.pages), outcome.stats["failover"]) == (4, 0)
    assert created["capmonster"] >= 1
    assert created["anticaptcha"] >= 1
    outcome = await crawl_words(sandbox, 3, GEETEST_SERVICES=services[:1])
    assert len(outcome.pages) == 3


async def test_purchases_go_on_when_there_is_a_balance_again(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With GEETEST_CLOSE_ON_FATAL = False; what comes meanwhile fails as ever."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("scrapy_geetest._services.account._LOOK", 0.2)
    sandbox.reset(**AT_ONCE, faults={"createTask": ["ERROR_ZERO_BALANCE"]})
    outcome = await crawl_words(*(sandbox, 6, "capmonster"), GEETEST_CLOSE_ON_FATAL=False, DOWNLOAD_DELAY=0.3)
    assert len(outcome.pages) + len(outcome.errors) == 6
    assert {error.code for error in outcome.errors if isinstance(error, SolveError)} == {"ERROR_ZERO_BALANCE"}
    assert len(outcome.pages) >= 2
    assert sandbox.books()["faults"] == {"createTask:ERROR_ZERO_BALANCE": 1}
    assert "capmonster has a balance again (10.0); purchases go on there" in caplog.text


async def test_a_task_that_a_service_does_not_document_goes_to_one_that_does(sandbox: Sandbox) -> None:
    """Before anything is sent, and with the same challenge; where none takes it, the request ends."""
    sandbox.reset(**AT_ONCE)
    library = {"get_lib": {"a": "/b.js"}}
    outcome = await crawl_words(sandbox, 1, "capsolver", "capmonster", site=library)
    assert (len(outcome.pages), outcome.stats["challenges_fetched"]) == (1, 1)
    assert outcome.stats["tasks_created/service/capmonster"] == 1
    outcome = await crawl_words(sandbox, 1, "capsolver", "2captcha", site=library)
    assert (len(outcome.errors), outcome.stats["tasks_created"]) == (1, 0)
    assert "documents no field for get_lib" in str(outcome.errors[0])


async def test_all_are_away(sandbox: Sandbox) -> None:
    """They are waited for, as one would be; nothing is sent, and nothing counts."""
    relays = [await Relay(one["api_url"]).start() for one in several(sandbox, "capmonster", "2captcha")]
    urls = dict(zip(("capmonster", "2captcha"), (relay.url for relay in relays), strict=True))
    for relay in relays:
        await relay.kill()
    sandbox.reset(**AT_ONCE)
    later = asyncio.get_running_loop().call_later(1.5, lambda: asyncio.ensure_future(relays[1].start()))
    outcome = await crawl_words(
        sandbox, 3, GEETEST_SERVICES=several(sandbox, "capmonster", "2captcha", **urls), GEETEST_MAX_ATTEMPTS=1
    )
    later.cancel()
    await relays[1].stop()
    assert (len(outcome.pages), outcome.stats["tasks_created/service/2captcha"]) == (3, 3)
    outcome = await crawl_words(
        *(sandbox, 1),
        GEETEST_SERVICES=several(sandbox, "capmonster", "2captcha", **urls),
        GEETEST_SOLVE_TIMEOUT=0.3,
    )
    [error] = outcome.errors
    assert isinstance(error, SolveError)
    assert (error.code, outcome.reason, outcome.stats["tasks_refused"]) == ("NOT_SENT", "finished", 0)


@pytest.mark.parametrize(
    "faults", [{"getTaskResult": ["ERROR_CAPTCHA_UNSOLVABLE", "..."]}, {"createTask": ["ERROR_INVALID_TASK", "..."]}]
)
async def test_what_another_service_solves_is_no_fault_of_the_site(
    sandbox: Sandbox, faults: dict[str, list[str]]
) -> None:
    """However many fail at the preferred one: the site's breaker stays closed, and every page comes."""
    sandbox.reset(**AT_ONCE, faults=faults)
    outcome = await crawl_words(sandbox, 8, "capmonster", "2captcha", GEETEST_BREAKER_FAILURES=3)
    assert (len(outcome.pages), outcome.errors) == (8, [])
    assert outcome.stats["tasks_created/service/2captcha"] == outcome.stats["failover"] == 8
    assert_balanced(outcome)
    one_by_one = {"GEETEST_MAX_ATTEMPTS": 1, "GEETEST_MAX_CONCURRENT_SOLVES": 1}  # nothing is left for the next one
    outcome = await crawl_words(sandbox, 5, "capmonster", "2captcha", GEETEST_BREAKER_FAILURES=3, **one_by_one)
    assert outcome.stats["budget_refused"] == 2


async def test_a_site_whose_services_are_away_holds_up_no_other_site(sandbox: Sandbox) -> None:
    """It has no place at a service while it waits; its pages come when its service is back."""
    sandbox.reset(**AT_ONCE)
    relay = await Relay(several(sandbox, "capsolver")[0]["api_url"]).start()
    await relay.kill()
    services = several(sandbox, "capmonster", "capsolver", capsolver=relay.url)
    declared = {**search_site(sandbox, services=["capsolver"]), "name": "poor"}
    poor = type("Poor", (GeetestSite,), {**declared, "matches": lambda _, url: "q=poor" in url})
    wanted = [one.replace(priority=9) for one in searches(sandbox, *(f"poor{n}" for n in range(4)))]
    wanted += searches(sandbox, *"abcdef")
    accepted = count(1)

    async def is_accepted(*_: object) -> bool:
        if next(accepted) == 6:  # of the other site
            await relay.start()
        return True

    rich = type(
        "Rich",
        (GeetestSite,),
        {**search_site(sandbox, services=["capmonster"], accepted_css=()), "is_accepted": is_accepted},
    )
    outcome = await crawl_sandbox(
        *(sandbox, wanted, poor, rich),
        GEETEST_SERVICES=services,
        GEETEST_API_URL="",
        GEETEST_MAX_CONCURRENT_SOLVES=2,
    )
    await relay.stop()
    assert outcome.errors == []
    assert ["poor" in str(one.request) for one in outcome.pages] == [False] * 6 + [True] * 4
    assert_balanced(outcome)

"""Whole crawls in which something fails: what it costs, and what the spider is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crawl import all_stats, without_times
from sandbox_crawl import (
    api_site,
    crawl_sandbox,
    items,
    login_site,
    searches,
)

from scrapy_geetest import ChallengeError, SolveError

if TYPE_CHECKING:
    import pytest

    from scrapy_geetest.sandbox import Sandbox


async def test_an_offline_challenge_is_never_bought(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """``"success": 0``: registered again later, and given up without a task."""
    monkeypatch.setattr("scrapy_geetest._attempt.tries.CHALLENGE_PAUSE", 0.01)
    sandbox.reset(solve_seconds=0.1, offline="always")
    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), login_site(sandbox))
    [error] = outcome.errors
    assert isinstance(error, ChallengeError)
    assert without_times(outcome) == all_stats(
        detected=1, detected__v3=1, parked_max=1, gave_up=1, gave_up__challenge=1
    )
    assert sandbox.books()["created"]["total"] == 0


async def test_an_offline_challenge_is_registered_again(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """GeeTest was unreachable for a moment: the page is not lost."""
    monkeypatch.setattr("scrapy_geetest._attempt.tries.CHALLENGE_PAUSE", 0.01)
    sandbox.reset(solve_seconds=0.1, offline=2)
    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), login_site(sandbox))
    assert outcome.texts(".query::text") == ["rope"]
    assert (outcome.stats["challenges_fetched"], outcome.stats["tasks_created"]) == (1, 1)


async def test_register_endpoint_down(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Scrapy's own retries serve the register request, too; then the request is given up and nothing was bought."""
    sandbox.reset(solve_seconds=0.1, faults={"register": ["http-500", "..."]})
    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), login_site(sandbox))
    [error] = outcome.errors
    assert isinstance(error, ChallengeError)
    assert "500" in str(error)
    assert outcome.all_stats["retry/count"] == 1
    assert without_times(outcome) == all_stats(
        detected=1, detected__v3=1, parked_max=1, gave_up=1, gave_up__challenge=1
    )
    assert "Traceback" not in caplog.text


async def test_failure_can_pass_the_page_on(sandbox: Sandbox) -> None:
    """``GEETEST_ON_FAILURE = "pass"``: the challenge page reaches the callback, flagged."""
    sandbox.reset(solve_seconds=0.1, faults={"createTask": ["ERROR_CAPTCHA_UNSOLVABLE"]})
    wanted = searches(sandbox, "rope", meta={"handle_httpstatus_list": [403]})
    outcome = await crawl_sandbox(
        sandbox, wanted, login_site(sandbox), GEETEST_ON_FAILURE="pass", GEETEST_MAX_ATTEMPTS=1
    )
    [page] = outcome.pages
    assert (page.status, page.flags, "_geetest" in page.meta) == (403, ["geetest-unsolved"], False)
    assert outcome.errors == []
    assert outcome.stats["gave_up"] == outcome.stats["tasks_refused/ERROR_CAPTCHA_UNSOLVABLE"] == 1


async def test_failure_of_solve_first_can_pass_the_request_on(sandbox: Sandbox) -> None:
    """With nothing downloaded yet, the request is sent as it is, and what comes is flagged and not acted on again."""
    sandbox.reset(solve_seconds=0.1, faults={"createTask": ["ERROR_CAPTCHA_UNSOLVABLE"]})
    wanted = items(sandbox, 1, meta={"geetest": True, "handle_httpstatus_list": [403]})
    site = api_site(sandbox, captcha_id="0" * 32)
    outcome = await crawl_sandbox(sandbox, wanted, site, GEETEST_ON_FAILURE="pass", GEETEST_MAX_ATTEMPTS=1)
    [page] = outcome.pages
    assert (page.status, page.flags) == (403, ["geetest-unsolved"])
    assert outcome.stats["tasks_created"] == 0


async def test_unsolvable_tasks_are_tried_again_with_a_fresh_challenge(sandbox: Sandbox) -> None:
    """A failed task counts as an attempt; the next has its own challenge."""
    sandbox.reset(solve_seconds=0.1, faults={"getTaskResult": ["ERROR_CAPTCHA_UNSOLVABLE"]})
    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), login_site(sandbox))
    assert outcome.texts(".query::text") == ["rope"]
    assert (outcome.stats["tasks_created"], outcome.stats["tasks_failed/ERROR_CAPTCHA_UNSOLVABLE"]) == (2, 1)
    assert len({task["task"]["challenge"] for task in sandbox.books()["tasks"]}) == 2


async def test_a_wrong_key_ends_the_crawl(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """The request gets the reason, the spider is closed with it, and the key is nowhere."""
    outcome = await crawl_sandbox(
        sandbox, searches(sandbox, "rope"), login_site(sandbox), GEETEST_API_KEY="wrong-key-of-a-user"
    )
    [error] = outcome.errors
    assert isinstance(error, SolveError)
    assert (error.code, error.task_id, outcome.reason) == ("ERROR_KEY_DOES_NOT_EXIST", None, "geetest_bad_key")
    assert "GEETEST_API_KEY" in caplog.text
    assert "wrong-key-of-a-user" not in caplog.text + repr(error) + str(outcome.all_stats)


async def test_a_wrong_key_may_leave_the_crawl_running(sandbox: Sandbox) -> None:
    """``GEETEST_CLOSE_ON_FATAL = False``: everything else goes on, and the service is not asked again."""
    outcome = await crawl_sandbox(
        sandbox,
        searches(sandbox, "rope", "oar"),
        login_site(sandbox),
        GEETEST_API_KEY="wrong-key-of-a-user",
        GEETEST_CLOSE_ON_FATAL=False,
        GEETEST_MAX_CONCURRENT_SOLVES=1,
    )
    assert (len(outcome.errors), outcome.reason) == (2, "finished")
    assert sandbox.books()["calls"]["createTask"] == 1

"""Whole crawls over what a project declares, or does not: rules, hooks, signals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from crawl import all_stats
from reactor import turns
from sandbox_crawl import (
    api_site,
    crawl_sandbox,
    gate_pages,
    gate_site,
    host,
    items,
    login_site,
    search_site,
    searches,
)
from scrapy.exceptions import IgnoreRequest
from scrapy.http import TextResponse

from scrapy_geetest import (
    BudgetExhausted,
    ChallengeNotReady,
    GeetestSite,
    SolutionRejected,
    SubmissionError,
    signals,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crawl import RecordingSpider
    from scrapy import Request
    from scrapy.http import Response

    from scrapy_geetest.sandbox import Sandbox


async def test_geetest_false_leaves_the_page_alone(sandbox: Sandbox) -> None:
    """The challenge page reaches the callback, and nothing is counted."""
    wanted = searches(sandbox, "rope", meta={"geetest": False, "handle_httpstatus_list": [403]})
    outcome = await crawl_sandbox(sandbox, wanted, login_site(sandbox))
    assert [page.status for page in outcome.pages] == [403]
    assert outcome.stats == all_stats()


async def test_geetest_true_of_an_undeclared_site(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """It is sent as it is, said once a host, and its challenge page counted as undeclared."""
    wanted = searches(sandbox, "rope", "oar", meta={"geetest": True, "handle_httpstatus_list": [403]})
    outcome = await crawl_sandbox(sandbox, wanted, api_site(sandbox))
    assert [page.status for page in outcome.pages] == [403, 403]
    assert outcome.stats == all_stats(undeclared=2)
    assert caplog.text.count("no site in GEETEST_SITES matches its URL") == 1


async def test_undeclared_challenge_pages_are_logged_once_a_host(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Counted each time; the log says what was seen and how to look closer."""
    wanted = searches(sandbox, "rope", "oar", meta={"handle_httpstatus_list": [403]})
    outcome = await crawl_sandbox(sandbox, wanted, api_site(sandbox))
    assert outcome.stats == all_stats(undeclared=2)
    assert caplog.text.count("carries a GeeTest v3 widget") == 1
    assert "scrapy geetest inspect" in caplog.text


@pytest.mark.parametrize("status", [(), (200,)])
async def test_a_rule_with_a_slip_in_it_is_told(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture, status: tuple[int, ...]
) -> None:
    """A page with a widget that the rules of its site do not match: once a site, and left alone."""
    wanted = searches(sandbox, "rope", "oar", meta={"handle_httpstatus_list": [403]})
    site = {"urls": [host(sandbox)], "detect_css": "#captcha-hold", "detect_status": status}
    outcome = await crawl_sandbox(sandbox, wanted, {**site, "name": "search"})
    assert [page.status for page in outcome.pages] == [403, 403]
    assert outcome.stats == all_stats()
    [told] = [record for record in caplog.records if "carries a GeeTest v3 widget" in record.getMessage()]
    assert told.levelname == "WARNING"
    assert 'scrapy geetest inspect --site search "' in told.getMessage()


async def test_a_rule_that_matches_content_is_told(sandbox: Sandbox) -> None:
    """The error begins with the rule by which the page wanted was taken for a challenge page again."""
    site = {**login_site(sandbox), "urls": [sandbox.url.partition("://")[2]], "detect_css": "body", "accepted_css": ()}
    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), site)
    [error] = outcome.errors
    assert isinstance(error, SolutionRejected)
    assert str(error).startswith(
        "Narrow detect_css 'body' of site login if the answer is the page wanted: it matches a page"
    )


async def test_a_rule_that_matches_what_is_behind_a_gate_is_told(sandbox: Sandbox) -> None:
    """A page without a form and a widget, for which nothing was bought: the rule may be wrong, or the way to send it."""
    site = {**gate_site(sandbox), "detect_css": "body", "detect_status": ()}
    outcome = await crawl_sandbox(sandbox, gate_pages(sandbox, (1, 2)), site)
    told = (
        "Narrow detect_css 'body' of site gate if this page is the one wanted: it carries no widget; else set submit_as"
    )
    assert sum(str(error).startswith(told) for error in outcome.errors) == 1
    assert sandbox.books()["created"]["total"] == 1


async def test_wrong_field_names_cost_one_solution_a_request(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """The page names its fields: after the first refusal nothing is bought that would be refused in the same way."""
    site = search_site(sandbox, field_names={"challenge": "gt_challenge", "validate": "gt_validate"})
    outcome = await crawl_sandbox(
        sandbox, searches(sandbox, "rope", "oar", "tar"), site, GEETEST_MAX_CONCURRENT_SOLVES=1
    )
    cure = (
        "orrect field_names of site search: the page sends geetest_challenge, geetest_validate, geetest_seccode, the plugin "
        "sent gt_challenge, gt_validate, geetest_seccode"
    )
    assert [str(error).startswith(f"C{cure}. No solution is bought for #") for error in outcome.errors] == [True] * 3
    assert f"GeeTest: c{cure}: the site refused the solution of task" in caplog.text
    assert f"GeeTest: c{cure}: purchases are paused for 600 s: site search: it would refuse the next" in caplog.text
    assert sandbox.books()["created"]["total"] == 1


async def test_field_names_are_not_blamed_where_they_are_right(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """The names are those of the page: the refusal has another cause, and another solution is tried."""
    sandbox.reset(solve_seconds=0.1, wrong=1)
    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), search_site(sandbox))
    assert outcome.stats["accepted"] == outcome.stats["rejected"] == 1
    assert "GeeTest: see each step with scrapy geetest try; the usual causes are field_names" in caplog.text


async def test_a_register_endpoint_that_is_not_there(sandbox: Sandbox) -> None:
    """The error begins with what to correct."""
    site = search_site(sandbox, challenge_url="/v3/gt/register-slyde")
    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), site)
    [error] = outcome.errors
    assert str(error).startswith(
        "Correct challenge_url: it is answered with status 404. No fresh challenge for #1 <GET "
    )


@pytest.mark.parametrize(("hook", "says"), [("is_accepted", False), ("is_challenge", True)])
async def test_a_hook_that_refuses_every_answer_is_told(sandbox: Sandbox, hook: str, says: bool) -> None:  # noqa: FBT001
    """Where the site decides by a hook of its own, no rule is blamed."""
    own = {**login_site(sandbox, accepted_css=()), hook: lambda *_: says}
    site = type("Doubtful", (GeetestSite,), own)
    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), site)
    [error] = outcome.errors
    assert isinstance(error, SolutionRejected)
    assert f"{hook} of site login" in str(error)
    assert "the last answer is <200 " in str(error)


async def test_a_form_that_leads_elsewhere_is_not_paid_for(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """A solution goes to the site that asked for it; a custom hook is checked, too."""

    class Elsewhere(GeetestSite):
        urls = (f"{host(sandbox)}/v3",)
        detect_css = "#captcha-holder"
        challenge_url = "/v3/gt/register-slide"

        def submit_request(self, request: Request, response: Any, solution: Any) -> Request:
            del response, solution
            return request.replace(url="http://127.0.0.2:9/steal")

    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), Elsewhere)
    [error] = outcome.errors
    assert isinstance(error, SubmissionError)
    assert "127.0.0.2:9/steal" in str(error)
    assert "Traceback" not in caplog.text


async def test_hooks_may_be_coroutines_and_their_errors_have_an_outcome(sandbox: Sandbox) -> None:
    """An exception of a hook is the request's error, named after the hook."""

    class Odd(GeetestSite):
        urls = (f"{host(sandbox)}/v3",)

        async def is_challenge(self, response: Response) -> bool:
            return bool(response.css("#captcha-holder"))

        async def parse_challenge(self, response: Response) -> Any:
            assert isinstance(response, TextResponse)
            return response.json()["nothing"]

    class Broken(GeetestSite):
        urls = (f"{host(sandbox)}/v4",)

        def is_challenge(self, response: Response) -> bool:
            assert isinstance(response, TextResponse)
            return bool(response.json()["nothing"])

    def wanted(_: RecordingSpider) -> Iterable[Request]:
        yield from searches(sandbox, "rope")
        yield from items(sandbox, 1)

    outcome = await crawl_sandbox(sandbox, wanted, Odd, Broken)
    words = sorted(str(error) for error in outcome.errors)
    assert "Correct is_challenge of site Broken: it failed on " in words[1] + words[0]
    assert "parse_challenge" in words[0] + words[1]
    assert outcome.stats["tasks_created"] == 0


async def test_signals_tell_what_happened(sandbox: Sandbox) -> None:
    """Each carries request, response, site, spider, and what it tells of."""
    sandbox.reset(solve_seconds=0.1, wrong=1)
    seen: list[tuple[str, dict[str, Any]]] = []

    def prepare(crawler: Any) -> None:
        for name in (
            "challenge_detected",
            "challenge_fetched",
            "task_created",
            "challenge_solved",
            "solution_accepted",
            "solution_rejected",
            "solve_failed",
        ):

            def handler(name: str = name, **facts: Any) -> None:
                seen.append((name, facts))

            crawler.signals.connect(handler, getattr(signals, name), weak=False)

    await crawl_sandbox(sandbox, searches(sandbox, "rope"), login_site(sandbox), prepare=prepare)
    assert [name for name, _ in seen] == [
        "challenge_detected",
        *("challenge_fetched", "task_created", "challenge_solved", "solution_rejected"),
        *("challenge_fetched", "task_created", "challenge_solved", "solution_accepted"),
    ]
    for _, facts in seen:
        assert {"request", "response", "site", "spider"} <= facts.keys()
        assert facts["site"].name == "login"
    assert seen[0][1]["version"] == 3
    assert seen[1][1]["challenge"] == seen[2][1]["challenge"] == seen[3][1]["challenge"] != seen[5][1]["challenge"]
    assert seen[2][1]["task_id"] == seen[3][1]["task_id"] == seen[4][1]["task_id"]
    assert seen[3][1]["solution"].seccode.endswith("|jordan")
    assert seen[4][1]["evidence"] == "it is a challenge page again, by detect_css '#captcha-holder'"
    assert seen[8][1]["evidence"] == "accepted_css '.query, .user'"
    assert [facts["attempt"] for name, facts in seen if name.startswith("solution_")] == [1, 2]


@pytest.mark.parametrize("kind", ["coroutine", "function"])
async def test_a_handler_declines_a_purchase(sandbox: Sandbox, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is bought, and the limit of tasks is not used up; the next one may be."""
    declined: list[str] = []

    def decide(challenge: Any) -> None:
        if not declined:
            declined.append(challenge.challenge)
            raise IgnoreRequest("not at night")

    async def decide_later(challenge: Any) -> None:
        await turns()
        decide(challenge)

    def prepare(crawler: Any) -> None:
        handler = decide_later if kind == "coroutine" else decide
        crawler.signals.connect(handler, signals.challenge_fetched, weak=False)

    outcome = await crawl_sandbox(
        *(sandbox, searches(sandbox, "rope", "tar"), search_site(sandbox)),
        prepare=prepare,
        GEETEST_MAX_SOLVES=1,
        GEETEST_MAX_CONCURRENT_SOLVES=1,
    )
    [error] = outcome.errors
    assert isinstance(error, BudgetExhausted)
    assert str(error).startswith("Nothing was bought for #1 <GET ")
    assert str(error).endswith(" (site search): not at night")
    assert (outcome.stats["tasks_created"], outcome.stats["accepted"], outcome.stats["gave_up/budget"]) == (1, 1, 1)
    assert "Error caught on signal handler" not in caplog.text


async def test_a_handler_that_is_never_ready(sandbox: Sandbox) -> None:
    """The challenge is fetched again, three times in all; nothing is bought."""

    def decide() -> None:
        raise ChallengeNotReady("it took too long", retry_after=0)

    def prepare(crawler: Any) -> None:
        crawler.signals.connect(decide, signals.challenge_fetched, weak=False)

    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), search_site(sandbox), prepare=prepare)
    assert str(outcome.errors[0]).endswith("a handler of challenge_fetched wants another one: it took too long")
    assert (outcome.stats["challenges_fetched"], outcome.stats["tasks_created"]) == (3, 0)


async def test_a_handler_that_fails_changes_nothing(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Scrapy logs it, and the solution is bought."""

    def decide() -> None:
        raise KeyError("a slip")

    def prepare(crawler: Any) -> None:
        crawler.signals.connect(decide, signals.challenge_fetched, weak=False)

    outcome = await crawl_sandbox(sandbox, searches(sandbox, "rope"), search_site(sandbox), prepare=prepare)
    assert (outcome.stats["accepted"], "Error caught on signal handler" in caplog.text) == (1, True)

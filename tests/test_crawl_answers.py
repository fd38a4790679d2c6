"""Whole crawls over sites that answer a submission as real servers do: accepted never counts a refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from crawl import all_stats, crawl, without_times
from scrapy import FormRequest, Request

from scrapy_geetest.sandbox.answer_kinds import KINDS

if TYPE_CHECKING:
    from crawl import Crawl

    from scrapy_geetest.sandbox import Sandbox

pytestmark = pytest.mark.exhaustive

PRICE = 600  # millionths, what the sandbox charges
WITHHELD_AGAIN = {"form-again"}  # what shows the widget again is the one refusal that needs no rule


async def _crawl(sandbox: Sandbox, request: Request, version: str, **site: Any) -> Crawl:
    host = sandbox.url.partition("://")[2]
    place, gate, _ = request.url.removeprefix(sandbox.url).partition("/gate/")
    address = f"{place}/gate/register" if gate else f"/answers/{version}/register"
    declared = {"name": "answers", "urls": [f"{host}/answers"], **site}
    if version == "v3":
        declared["challenge_url"] = address
    return await crawl(
        lambda _: [request],
        GEETEST_SITES=[declared],
        GEETEST_API_KEY=sandbox.api_key,
        GEETEST_API_URL=sandbox.service_url,
        GEETEST_MAX_ATTEMPTS=2,
        HTTPERROR_ALLOW_ALL=True,
        RETRY_ENABLED=False,
    )


def _expected(version: str, tasks: int, **more: int) -> dict[str, int]:
    return all_stats(
        detected=1,
        **{f"detected__{version}": 1},
        challenges_fetched=tasks,
        tasks_created=tasks,
        tasks_solved=tasks,
        polls=tasks,
        cost_millionths=PRICE * tasks,
        parked_max=1,
        **more,
    )


@pytest.mark.parametrize("version", ["v3", "v4"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_wrong_solution_for_a_form(sandbox: Sandbox, kind: str, version: str) -> None:
    """One task and the site's words, flagged; only the form that is shown again is a refusal, and bought again."""
    sandbox.reset(solve_seconds=0.1, wrong="always")
    outcome = await _crawl(sandbox, Request(f"{sandbox.url}/answers/{version}/{kind}?q=rope"), version)
    if kind in WITHHELD_AGAIN:
        assert without_times(outcome) == _expected(version, 2, rejected=2, gave_up=1, gave_up__rejected=1)
        return
    [page] = outcome.pages
    assert page.flags == ["geetest-unverified"]
    assert without_times(outcome) == _expected(version, 1, unverified=1)


@pytest.mark.parametrize("version", ["v3", "v4"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_right_solution_for_a_form(sandbox: Sandbox, kind: str, version: str) -> None:
    """Its content comes after one task; it is never counted as refused, and accepted where its own address shows it."""
    outcome = await _crawl(sandbox, Request(f"{sandbox.url}/answers/{version}/{kind}?q=rope"), version)
    assert "rope" in outcome.pages[0].text
    books = sandbox.books()["submissions"]
    assert books[f"answers/{version}/{kind}"] == {"accepted": 1}
    assert outcome.stats["accepted"] + outcome.stats["unverified"] == outcome.stats["tasks_created"] == 1


@pytest.mark.parametrize("version", ["v3", "v4"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_gate(sandbox: Sandbox, kind: str, version: str) -> None:
    """Whatever it answers, the page behind it is the evidence; a wrong solution never counts as accepted."""
    sandbox.reset(solve_seconds=0.1, wrong="always")
    request = Request(f"{sandbox.url}/answers/{version}/{kind}/gate/page/1")
    refused = await _crawl(sandbox, request, version, mode="gate")
    assert refused.pages == []
    assert refused.stats["accepted"] == 0
    assert refused.stats["rejected"] + refused.stats["unverified"] == refused.stats["tasks_created"]
    sandbox.reset(solve_seconds=0.1)
    outcome = await _crawl(sandbox, request.replace(dont_filter=True), version, mode="gate")
    assert outcome.texts("h1.title::text") == ["Page 1"]
    assert without_times(outcome) == _expected(version, 1, accepted=1)


@pytest.mark.parametrize("version", ["v3", "v4"])
@pytest.mark.parametrize("rule", [{}, {"accepted_re": "wrong password", "refused_re": "captcha wrong"}])
async def test_a_right_solution_with_a_wrong_password(sandbox: Sandbox, version: str, rule: dict[str, Any]) -> None:
    """One task, no report, and accepted only by the site's rule."""
    form = FormRequest(
        f"{sandbox.url}/answers/{version}/wrong-password",
        formdata={"user": "ann", "password": "guess"},
        meta={"geetest": True},
    )
    captcha = {} if version == "v3" else {"captcha_id": sandbox.captchas["answers-v4"]}
    outcome = await _crawl(sandbox, form, version, **captcha, **rule)
    assert "wrong password" in outcome.pages[0].text
    assert (outcome.stats["tasks_created"], outcome.stats["accepted"], outcome.stats["unverified"]) == (
        *(1, len(rule) // 2, 1 - len(rule) // 2),
    )
    assert sandbox.books()["reports"] == []


async def test_the_second_purchase_goes_to_a_fresh_pages_form(sandbox: Sandbox) -> None:
    """Challenge and token are of one view, also after a refusal."""
    sandbox.reset(solve_seconds=0.1, wrong=1)
    request = Request(f"{sandbox.url}/answers/v3/page-token?q=rope")
    host = sandbox.url.partition("://")[2]
    outcome = await crawl(
        lambda _: [request],
        GEETEST_SITES=[{"urls": [f"{host}/answers"], "refused_re": "not passed"}],
        GEETEST_API_KEY=sandbox.api_key,
        GEETEST_API_URL=sandbox.service_url,
        HTTPERROR_ALLOW_ALL=True,
    )
    assert "rope" in outcome.pages[0].text
    assert (outcome.stats["tasks_created"], outcome.stats["rejected"]) == (2, 1)


@pytest.mark.parametrize("version", ["v3", "v4"])
async def test_an_article_is_left_alone(sandbox: Sandbox, version: str) -> None:
    """Its comment form is nobody's business."""
    outcome = await _crawl(sandbox, Request(f"{sandbox.url}/answers/{version}/article"), version)
    assert (outcome.pages[0].flags, outcome.stats) == ([], all_stats())
    assert sandbox.books()["submissions"] == {}

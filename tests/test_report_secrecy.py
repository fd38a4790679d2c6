"""Nothing that was sent can be read in a report, whatever a site repeats of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox_crawl import crawl_sandbox, login_site
from scrapy import FormRequest
from small_world import CAPTCHA_ID, challenge_page, data, page, redirect

from scrapy_geetest import signals

if TYPE_CHECKING:
    from pathlib import Path

    from small_world import Answer, Asked, SmallWorld

    from scrapy_geetest.sandbox import Sandbox


async def test_nothing_secret_is_in_it(sandbox: Sandbox, tmp_path: Path) -> None:
    """No key, password, cookie, header, whole solution; neither in the page nor in what the next run goes on from."""
    sandbox.reset(solve_seconds=0.1, wrong="always")
    path, jobdir = tmp_path / "report.html", tmp_path / "job"
    secrets = ["correct-horse", "cookie-7f3a", "bearer-91bc", "query-55d1"]
    form = FormRequest(
        f"{sandbox.url}/v3/login?session_token=query-55d1",
        formdata={"user": "ann", "kennwort": "correct-horse"},
        cookies={"sid": "cookie-7f3a"},
        headers={"Authorization": "Bearer bearer-91bc"},
        meta={"geetest": True},
    )
    solutions: list[str] = []

    def listen(crawler: Any) -> None:
        crawler.signals.connect(
            lambda solution: solutions.append(solution.validate), signals.challenge_solved, weak=False
        )

    outcome = await crawl_sandbox(
        *(sandbox, [form], login_site(sandbox, refused_re=".")),
        prepare=listen,
        GEETEST_REPORT=str(path),
        JOBDIR=str(jobdir),
    )
    assert outcome.stats["rejected"] == len(solutions) == 3
    for text in (path.read_text(), (jobdir / "geetest-report.json").read_text()):
        assert "kennwort" in text
        assert [secret for secret in [*secrets, *solutions, sandbox.api_key] if secret in text] == []


async def test_a_site_that_says_everything_it_was_sent(world: SmallWorld, tmp_path: Path) -> None:
    """Passwords, cookies, tokens and the solution, in the words of its answer and in its address: none gets into the report."""
    granted = ["grant-5d1c"]

    @world.route("/verify")
    def verify(asked: Asked) -> Answer:
        return data({"token": granted[0]}) if world.geetest.takes(asked.fields) else data({"token": ""})

    @world.route("/shop")
    def view(asked: Asked) -> Answer:
        if not asked.body:
            return challenge_page()
        headers = (asked.headers.get("x-token", ""), asked.headers["authorization"])
        said = [*asked.fields.values(), *asked.cookies.values(), *headers]
        answer = page("".join(f"<p>You sent {value}!</p>" for value in said), Set_Cookie="sid=cookie-new-4b")
        return answer if "again" in asked.path else redirect(f"/shop/again?{asked.body.decode()}", 307)

    sent = {"kennwort": "correct-horse", "pin": "zx8q"}
    form = FormRequest(
        f"{world.site.url}/shop",
        formdata=sent,
        cookies={"sid": "cookie-7f3a"},
        headers={"Authorization": "Bearer bearer-91bc"},
        meta={"geetest": True},
    )
    path = tmp_path / "report.html"
    for site in (
        {"captcha_id": CAPTCHA_ID},
        {
            "captcha_id": CAPTCHA_ID,
            "verify_url": "/verify",
            "verified_fields": {"token": "header:X-Token"},
            "submit_as": "headers",
        },
    ):
        outcome = await world.crawl(
            [form], {"refused_re": "You sent", **site}, GEETEST_REPORT=str(path), GEETEST_MAX_ATTEMPTS=1
        )
        assert outcome.stats["rejected"] == 1
        text = path.read_text()
        assert "You sent" in text
        solutions = [
            task.solution[key] for task in world.tasks if task.solution for key in ("pass_token", "captcha_output")
        ]
        secrets = [*sent.values(), "cookie-7f3a", "cookie-new-4b", "bearer-91bc", *granted, *solutions]
        assert len(solutions) == 2 * len(world.tasks)
        assert [secret for secret in secrets if secret in text] == []

"""Attempts of ``scrapy geetest try`` in this process, against the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen
from crawl import SETTINGS
from sandbox_crawl import service
from scrapy import Request
from scrapy.crawler import AsyncCrawlerRunner
from scrapy.settings import Settings
from small_world import KEY, SmallWorld

from scrapy_geetest import signals
from scrapy_geetest.challenge import solution_values
from scrapy_geetest.commands.trial.notes import noted
from scrapy_geetest.commands.trial.observer import Observer
from scrapy_geetest.commands.trial.question import Consent
from scrapy_geetest.commands.trial.report import conclude, to_json
from scrapy_geetest.commands.trial.spider import spider_settings
from scrapy_geetest.commands.trial.transcript import Transcript
from scrapy_geetest.commands.trial.trial import Trial

if TYPE_CHECKING:
    from scrapy_geetest.commands.trial.endings import Ending
    from scrapy_geetest.sandbox import Sandbox

YES = Consent(given=True, ask=None)


@frozen
class Tried:
    """What came of an attempt.

    Attributes:
        ending: How it ended.
        text: All that was printed.
        told: The same as JSON.
    """

    ending: Ending
    text: str
    told: dict[str, Any]

    @property
    def steps(self) -> list[str]:
        """The names of the steps."""
        return [step["step"] for step in self.told["steps"]]

    def step(self, name: str) -> dict[str, Any]:
        """The first step of that name."""
        return next(step for step in self.told["steps"] if step["step"] == name)


async def attempt(
    where: Sandbox | SmallWorld,
    wanted: str | Request,
    *sites: Any,
    consent: Consent = YES,
    site: str | None = None,
    spider: str | None = None,
    **settings: Any,
) -> Tried:
    """One attempt, to its end; no solution and no key is in what it tells.

    Args:
        where: Whose site it is, and whose service.
        wanted: What is tried, or its path.
        sites: What ``GEETEST_SITES`` declares.
        consent: Whether a solution may be bought.
        site: What ``--site`` names.
        spider: What ``--spider`` names.
        settings: In addition, or instead.
    """
    url, services = _place(where)
    request = wanted if isinstance(wanted, Request) else Request(url + wanted, dont_filter=True)
    own = Settings({**SETTINGS, "GEETEST_SITES": list(sites), **services, **settings})
    made, own = spider_settings(own, spider, site)
    lines: list[str] = []
    transcript = Transcript(lines.append)
    trial = Trial(request, Observer(transcript, Consent(consent.given, consent.ask)), site=site)
    runner = AsyncCrawlerRunner(own)
    crawler = runner.create_crawler(made)
    secrets = [services["GEETEST_API_KEY"]]

    def solved(solution: Any) -> None:
        secrets.extend(solution_values(evolve(solution, extra={})).values())

    crawler.signals.connect(solved, signals.challenge_solved)
    with noted(transcript):
        await runner.crawl(crawler, trial=trial)
    conclude(trial)
    tried = Tried(trial.ending, "".join(lines), to_json(trial))
    shown = f"{tried.text}{tried.told}".replace(_public_id(tried), "")
    leaked = [secret for secret in secrets if secret in shown]
    assert leaked == []
    return tried


def _place(where: Sandbox | SmallWorld) -> tuple[str, dict[str, str]]:
    if isinstance(where, SmallWorld):
        return where.site.url, {"GEETEST_API_KEY": KEY, "GEETEST_API_URL": where.service.url}
    return where.url, service(where)


def _public_id(tried: Tried) -> str:
    """The id of a v4 site, which is a part of the solution as well."""
    lines = [step["text"][0] for step in tried.told["steps"] if step["step"] == "challenge"]
    return lines[0].partition("captcha_id ")[2].partition(",")[0] if lines and "captcha_id" in lines[0] else "\0"

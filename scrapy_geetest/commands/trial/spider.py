"""The spider of an attempt: one request, sent as any spider's, in the project's settings or those of one of its spiders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scrapy import Spider
from scrapy.spiderloader import get_spider_loader
from scrapy.spidermiddlewares.httperror import HttpError

from scrapy_geetest._sites import SiteIndex, belongs
from scrapy_geetest.commands.crawl_once import named_site
from scrapy_geetest.commands.trial.advice import declare
from scrapy_geetest.commands.trial.endings import Ending, ending_of
from scrapy_geetest.commands.trial.observer import findings
from scrapy_geetest.exceptions import GeetestError
from scrapy_geetest.middleware import GeetestMiddleware
from scrapy_geetest.settings import Config

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from scrapy.settings import Settings
    from twisted.python.failure import Failure
    from typing_extensions import Self

    from scrapy_geetest.commands.trial.trial import Trial
    from scrapy_geetest.site import GeetestSite

_AT_MOST_ONE: Mapping[str, Any] = {
    "GEETEST_MAX_ATTEMPTS": 1,
    "GEETEST_MAX_SOLVES": 1,
    "GEETEST_ON_FAILURE": "raise",
    "GEETEST_REPORT": None,  # the one that is there is of a whole crawl
}
# What Scrapy reads from a spider itself.
_OF_SPIDERS = (
    *("allowed_domains", "user_agent", "http_user", "http_pass", "http_auth_domain"),
    *("download_delay", "download_timeout", "download_maxsize", "download_warnsize", "max_concurrent_requests"),
)


class TrySpider(Spider):
    """Sends one request."""

    name = "geetest-try"
    trial: Trial

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Let the observer listen from the start."""
        spider = super().from_crawler(crawler, *args, **kwargs)
        spider.trial.observer.connect(crawler)
        return spider

    async def start(self) -> AsyncIterator[Any]:
        """The one request, unless the crawl would do nothing about its page."""
        trial, config = self.trial, Config.from_settings(self.settings)
        trial.observer.services = {one.name: urlsplit(one.api_url).netloc or one.name for one in config.services}
        if self.crawler.get_downloader_middleware(GeetestMiddleware) is None:
            trial.end(Ending.FAILED, _why_off(config))
            return
        site = named_site(config.sites, trial.site)
        if site is not None and not await belongs(trial.request.url, site):
            trial.end(
                Ending.INCOMPLETE, f"the address does not belong to site {site.name}, whose urls are {_urls(site)}"
            )
            return
        yield trial.request.replace(callback=self.parse, errback=self.failed)

    async def parse(self, response: Response) -> None:
        """The page, or the answer, that a spider gets."""
        try:
            await self._look(response)
        except Exception as error:  # noqa: BLE001  # whatever the project's code raises, the command has to tell
            self.trial.end(Ending.FAILED, f"{type(error).__name__}: {error}")

    async def failed(self, failure: Failure) -> None:
        """Nothing came, or a page that Scrapy keeps from callbacks because of its status."""
        trial, seen, error = self.trial, self.trial.seen, failure.value
        if isinstance(error, HttpError):
            await self.parse(error.response)
        elif not isinstance(error, GeetestError):
            hint = "; if you may fetch it all the same: -s ROBOTSTXT_OBEY=False" * ("robots.txt" in str(error))
            trial.end(Ending.FAILED, f"{type(error).__name__}: {error}{hint}")
        elif seen.outcome == Ending.REFUSED.word:
            trial.end(Ending.REFUSED, seen.evidence)
        elif seen.outcome == Ending.UNVERIFIED.word:
            trial.end(Ending.UNVERIFIED, f"{seen.evidence}: {error}")
        else:
            trial.end(ending_of(error), seen.declined or str(error))

    async def _look(self, response: Response) -> None:
        trial, seen = self.trial, self.trial.seen
        if seen.outcome:
            [ending] = [one for one in Ending if one.word == seen.outcome]
            trial.end(ending, seen.evidence)
            return
        if seen.site is not None or seen.answer is not None:
            trial.end(Ending.NOT_WITHHELD, "the site gave the page without a CAPTCHA this time")
            return
        trial.observer.arrived(trial.request, response)
        sites = Config.from_settings(self.settings).sites
        index = SiteIndex(sites)
        for url in (response.url, *response.meta.get("redirect_urls", ())):
            if (site := await index.find(url)) is not None:
                seen.site = site
                why = "; ".join(f"{finding.rule}: {finding.seen}" for finding in findings(site, response))
                trial.end(Ending.NOT_WITHHELD, f"no challenge page, by site {site.name}: {why}", response)
                return
        trial.end_undeclared(declare(response, sites))


def spider_settings(settings: Settings, name: str | None, site: str | None) -> tuple[type[TrySpider], Settings]:
    """The spider of the attempt, and the settings that it crawls with.

    Args:
        settings: Of the project.
        name: Of the spider whose settings hold; ``None``: no spider's.
        site: Of the site that comes first, whatever the others match.

    Raises:
        ValueError: The project has no such spider or site, or a setting breaks its rule.
    """
    own: Settings = settings.copy()
    spider: Any = TrySpider
    if name is not None:
        try:
            named = get_spider_loader(settings).load(name)
        except KeyError as error:
            raise ValueError(f"the project has no spider called {name!r}") from error
        named.update_settings(own)
        attributes = {key: getattr(named, key) for key in _OF_SPIDERS if hasattr(named, key)}
        spider = type(TrySpider.__name__, (TrySpider,), attributes)
    own.setdict(_AT_MOST_ONE, priority="cmdline")
    if site is not None:
        sites = Config.from_settings(own).sites
        first = named_site(sites, site)
        own.set("GEETEST_SITES", [first, *(one for one in sites if one is not first)], priority="cmdline")
    return spider, own


def _why_off(config: Config) -> str:
    if not config.enabled:
        return "the plugin is turned off (GEETEST_ENABLED = False)"
    if not config.sites:
        return "no site is declared: run scrapy geetest inspect URL, and name the class that it prints in GEETEST_SITES"
    return 'the plugin is not turned on: add ADDONS = {"scrapy_geetest.Addon": 500} to the settings'


def _urls(site: GeetestSite) -> str:
    return ", ".join([site.urls] if isinstance(site.urls, str) else site.urls)

"""Page objects for scrapy-poet, and a spider that gets them; a module, because their annotations are read at run time."""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from attrs import define
from crawl import Crawl
from scrapy import Request, Spider
from scrapy.http import Response
from web_poet import HttpClient, WebPage


class TitledPage(WebPage):
    """Any page with a heading."""

    @property
    def title(self) -> str:
        return str(self.css(".query::text").get() or self.css("h1::text").get())


@define
class LongPage(WebPage):
    """A page whose rest is another page."""

    http: HttpClient

    async def rest(self) -> str:
        response = await self.http.get(str(self.response.url).removesuffix("1") + "7")
        return str(response.css("h1::text").get())


class PoetSpider(Spider):
    """Its callbacks ask for page objects instead of responses."""

    name = "poet"
    crawl: Crawl
    wanted: Callable[[Spider], Iterable[Request]]

    async def start(self) -> AsyncIterator[Any]:
        for request in self.wanted(self):
            callback = self.parse_long if request.meta.get("long") else self.parse_titled
            yield request.replace(callback=callback, errback=self.failed)

    async def parse_titled(self, _: Response, page: TitledPage) -> None:
        self.crawl.kwargs.append({"title": page.title})

    async def parse_long(self, _: Response, page: LongPage, title: TitledPage) -> None:
        self.crawl.kwargs.append({"title": title.title, "rest": await page.rest()})

    def failed(self, failure: Any) -> None:
        self.crawl.errors.append(failure.value)

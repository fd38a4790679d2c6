"""What crawls in a benchmark, and what it counts."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from attrs import asdict, define, field, frozen
from scrapy import Request, Spider
from scrapy.http.request import NO_CALLBACK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from scrapy.http import Response
    from twisted.python.failure import Failure

WITHHELD = b"captcha-holder"
"""What only the sandbox's challenge pages contain."""


@frozen
class Pages:
    """Some pages of a crawl.

    Attributes:
        label: What they are called in the outcome.
        url: Their address; ``{}`` stands for a number.
        count: How many there are.
        priority: Of their requests, where a spider looks at it.
        after: Seconds after which they are asked for, where a spider looks at it.
        is_known: Whether they are form requests that need a solution, where a spider looks at it.
        sessions: Cookie jars that they are spread over, where a spider looks at it; 0: the usual one.
    """

    label: str
    url: str
    count: int
    priority: int = 0
    after: float = 0.0
    is_known: bool = False
    sessions: int = 0


@define
class Tally:
    """What became of the pages of one label.

    Attributes:
        pages: How many reached their callback with their content.
        withheld: How many reached it as challenge pages.
        errors: How many reached their errback, by the exception's text.
        first: When the first page came, in seconds of a monotonic clock.
        last: When the last page came.
    """

    pages: int = 0
    withheld: int = 0
    errors: dict[str, int] = field(factory=Counter)
    first: float = 0.0
    last: float = 0.0

    def note(self, response: Response) -> None:
        """Count a page."""
        self.last = time.perf_counter()
        self.first = self.first or self.last
        if WITHHELD in response.body:
            self.withheld += 1
        else:
            self.pages += 1

    @property
    def rate(self) -> float:
        """Pages a second, from the first one to the last one."""
        return (self.pages - 1) / (self.last - self.first)


class PagesSpider(Spider):
    """Fetches pages of several kinds, evenly mixed.

    Attributes:
        pages: The kinds, as plain data.
        first: Address of a page that is fetched before, and does not count; empty: none.
        cookies: That it is asked for with; the crawl keeps them.
        tallies: What became of them, by label.
        details: What else there is to tell.
    """

    name = "pages"
    pages: Sequence[Mapping[str, Any]]
    first: str = ""
    cookies: Sequence[Any] = ()

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.tallies = {kind["label"]: Tally() for kind in self.pages}
        self.details: dict[str, Any] = {}
        self._began = self._last = 0.0

    async def start(self) -> AsyncIterator[Any]:
        """The requests for all pages."""
        await self.fetch_first()
        self._began = self._last = time.process_time()
        for label, url in mixed([Pages(**kind) for kind in self.pages]):
            yield self.request(label, url)

    async def fetch_first(self) -> None:
        """Fetch the page that does not count."""
        if self.first and self.crawler.engine is not None:
            await self.crawler.engine.download_async(
                Request(self.first, cookies=list(self.cookies), callback=NO_CALLBACK)
            )

    def request(self, label: str, url: str) -> Request:
        """A request that is counted under its label."""
        return Request(url, self.parse, errback=self.failed, cb_kwargs={"label": label})

    def parse(self, response: Response, label: str) -> None:
        """Count a page."""
        self.tallies[label].note(response)
        self._last = time.process_time()

    def failed(self, failure: Failure) -> None:
        """Count a page that was lost."""
        request: Request = failure.request  # type: ignore[attr-defined]  # Scrapy adds it
        errors = self.tallies[request.cb_kwargs["label"]].errors
        name = str(failure.value)[:60] or type(failure.value).__name__
        errors[name] = errors.get(name, 0) + 1

    def outcome(self) -> dict[str, Any]:
        """What came of it, as plain data."""
        tallies = {label: asdict(tally) for label, tally in self.tallies.items()}
        return {"tallies": tallies, "cpu": self._last - self._began, "details": self.details}


def mixed(kinds: Sequence[Pages]) -> Iterator[tuple[str, str]]:
    """Labels and addresses of all pages, those of each kind spread evenly over the whole."""
    places = sorted(
        ((number + 0.5) / kind.count, index, number) for index, kind in enumerate(kinds) for number in range(kind.count)
    )
    for _, index, number in places:
        yield kinds[index].label, kinds[index].url.format(number)

"""How many bytes does a request hold while it is parked?"""

from __future__ import annotations

import asyncio
import gc
import os
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen
from scrapy import signals

from benchmarks.child import tell
from benchmarks.crawl import FORMS, Addresses, crawl, crawl_virtually
from benchmarks.report import Ratio, Table
from benchmarks.spiders import Pages, PagesSpider
from benchmarks.virtual_world import Handler, World
from scrapy_geetest.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from typing_extensions import Self

REGISTER = "/v3/gt/register-slide"
QUIET_LOOKS = 10
STEEPEST = 1.25
METHOD = """\
One crawl parks {sizes} requests, step by step, at a GeeTest v3 form site whose solutions never come; {permits} of them hold a
permit, the others wait for one. At each step, when nothing moves any more, its process collects garbage and reads its resident
memory. Bytes per request: what the memory has grown by since the first step ({first} parked), divided by the requests that
were parked since; nothing is taken off for the bodies of their challenge pages ({body} bytes each). The slope of a step is the
same since the step before it; the last one divided by the first one is 1 if memory grows linearly. The plain await holds as
many requests, for which it needs a `CONCURRENT_REQUESTS` above their number; it has a semaphore of {permits}. Large: the same with
pages of {large:,} bytes each, and {few:,} requests, in virtual time."""


@frozen
class Scale:
    """How large.

    Attributes:
        sizes: Numbers of parked requests; the first one is what the others are compared with.
        permits: Solutions asked for at once.
        look: Seconds between two looks at whether anything still moves; it does not if ten of them see nothing move.
        large: Bytes of a large page.
        few: Numbers of parked requests with large pages.
    """

    sizes: tuple[int, ...] = (100, 1000, 2500, 5000)
    permits: int = 32
    look: float = 0.1
    large: int = 200_000
    few: tuple[int, ...] = (100, 600, 1100)


class ParkingSpider(PagesSpider):
    """Sends requests step by step, and reads the memory when all of them are parked."""

    sizes: Sequence[int]
    look: float

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Watch the challenge pages that come."""
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider.downloaded, signals.response_downloaded)
        return spider

    def downloaded(self, response: Response, request: Request) -> None:
        """Sum up the bodies of the pages that are held."""
        self.details["responses"] = self.details.get("responses", 0) + 1
        if "label" in request.cb_kwargs:
            self.details["body_bytes"] = self.details.get("body_bytes", 0) + len(response.body)

    async def start(self) -> AsyncIterator[Any]:
        """The requests of each step, when those of the step before it are parked."""
        self.details["resident"] = []
        for before, size in pairwise((0, *self.sizes)):
            for number in range(before, size):
                yield self.request("parked", self.pages[0]["url"].format(number))
            await self._all_parked(size)
            self.details["resident"].append(resident())
        tell([self.outcome()])

    async def _all_parked(self, size: int) -> None:
        """Wait until *size* requests wait, and no response has come for a while."""
        engine = self.crawler.engine
        assert engine is not None  # it runs
        quiet, seen = 0, -1
        while quiet < QUIET_LOOKS:
            await asyncio.sleep(self.look)
            moved = len(engine.downloader.active) != size or self.details.get("responses") != seen
            quiet = 0 if moved else quiet + 1
            seen = self.details.get("responses", 0)


class VirtualParkingSpider(ParkingSpider):
    """The same, in virtual time.

    Attributes:
        world: What the world is like, as plain data.
    """

    world: Mapping[str, Any]

    async def start(self) -> AsyncIterator[Any]:
        """As soon as there is a world."""
        Handler.world = World(**self.world)
        async for request in super().start():
            yield request


def resident() -> int:
    """Bytes of memory that this process holds, garbage collected (from Linux's ``/proc``)."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure() -> Table:
    """Measure at full size."""
    with Sandbox() as sandbox:
        return compare(sandbox, Scale())


def compare(sandbox: Sandbox, scale: Scale) -> Table:
    """Park with each middleware."""
    site = Addresses.of(sandbox)
    most = scale.sizes[-1] + 2 * scale.permits
    plugin = {
        **site.plugin("/v3/search", challenge_url=REGISTER),
        "GEETEST_MAX_PARKED": most,
        "GEETEST_MAX_CONCURRENT_SOLVES": scale.permits,
    }
    plain = {**site.peer(REGISTER, scale.permits), "CONCURRENT_REQUESTS": most}
    held, body = _park(sandbox, scale, plugin)
    large = _means(scale.few, _park_large(scale))
    plainly_held, _ = _park(sandbox, scale, plain)
    sizes = ", ".join(f"{size:,}" for size in scale.sizes[1:])
    first = scale.sizes[0]
    return Table(
        name="memory",
        title="Memory of parked requests",
        method=METHOD.format(
            sizes=sizes, permits=scale.permits, first=first, body=f"{body:.0f}", large=scale.large, few=scale.few[-1]
        ),
        rows=(
            *(
                (f"{size:,} parked: KB each", f"{mean:.1f}", f"{plain_mean:.1f}")
                for size, mean, plain_mean in zip(
                    scale.sizes[1:], _means(scale.sizes, held), _means(scale.sizes, plainly_held), strict=True
                )
            ),
        ),
        ratios=(
            Ratio(
                f"KB (1,024 bytes) each, {scale.sizes[-1]:,} parked",
                _means(scale.sizes, held)[-1],
                _means(scale.sizes, plainly_held)[-1],
                at_most=20,
            ),
            Ratio(f"KB each with pages of {scale.large / 1000:g} KB, {scale.few[-1]:,} parked", large[-1], at_most=20),
            Ratio(
                "slope of the last step ÷ slope of the first step",
                _steepening(scale, held),
                _steepening(scale, plainly_held),
                at_most=STEEPEST,
            ),
        ),
    )


def _park(sandbox: Sandbox, scale: Scale, settings: Mapping[str, Any]) -> tuple[list[int], float]:
    """Resident bytes at each size, and the mean body of a challenge page."""
    sandbox.reset(solve_seconds=86_400)
    count = scale.sizes[-1]
    pages = [Pages("parked", f"{sandbox.url}/v3/search?q={{}}", count)]
    details = crawl(
        pages, settings, spider="benchmarks.memory.ParkingSpider", sizes=scale.sizes, look=scale.look
    ).details
    return details["resident"], details["body_bytes"] / count


def _park_large(scale: Scale) -> list[int]:
    """Resident bytes at each size, with large pages."""
    settings = {"GEETEST_SITES": FORMS, "GEETEST_MAX_CONCURRENT_SOLVES": scale.permits}
    details = crawl_virtually(
        [Pages("parked", "http://forms.example/form/{}", scale.few[-1])],
        settings,
        "benchmarks.memory.VirtualParkingSpider",
        {"sizes": scale.few, "look": scale.look},
        solve=86_400.0,
        page_bytes=scale.large,
    ).details
    return list(details["resident"])


def _means(sizes: Sequence[int], held: Sequence[int]) -> list[float]:
    """KB for each request parked since the first step."""
    return [((now - held[0]) / (size - sizes[0])) / 1024 for size, now in zip(sizes[1:], held[1:], strict=True)]


def _steepening(scale: Scale, held: Sequence[int]) -> float:
    steps = zip(pairwise(held), pairwise(scale.sizes), strict=True)
    slopes = [(after - before) / (more - fewer) for (before, after), (fewer, more) in steps]
    return slopes[-1] / slopes[0]

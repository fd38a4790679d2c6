"""Pages whose widget only a linked script makes: left alone, told of once a host, and counted by no stat."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from crawl import all_stats, without_times
from scrapy import Request
from scrapy.http import HtmlResponse
from small_world import page

from scrapy_geetest._crawl import suspects
from scrapy_geetest._crawl.suspects import EACH, FIRST, SuspectPages

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crawl import RecordingSpider
    from small_world import SmallWorld

SCRIPTS = '<script src="/js/gt.js"></script><script src="/js/check.js"></script>'
WITHHELD = f'<h1>One moment</h1><div id="captcha"></div>{SCRIPTS}'
LOGIN = f'<form><input name="user"><div id="captcha"></div></form>{SCRIPTS}'


def _told(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if "linked script" in record.getMessage()]


async def _crawl(world: SmallWorld, *sites: dict[str, Any]) -> Any:
    def wanted(_: RecordingSpider) -> Iterable[Request]:
        for number in range(3):
            yield Request(f"{world.site.url}/page/{number}")

    return await world.crawl(wanted, *sites)


@pytest.mark.parametrize(
    ("body", "level", "seen"),
    [(WITHHELD, logging.WARNING, "nothing to type"), (LOGIN, logging.INFO, "a person types 'user'")],
)
async def test_undeclared(
    world: SmallWorld, caplog: pytest.LogCaptureFixture, body: str, level: int, seen: str
) -> None:
    """What was seen, what would settle it, and what to declare: once a host, whatever the number of pages."""
    caplog.set_level(logging.INFO)
    world.route("/page")(lambda _: page(body))
    outcome = await _crawl(world, {"urls": ["elsewhere.example"]})
    [record] = _told(caplog)
    message = record.getMessage()
    assert record.levelno == level
    for words in ("gt.js", seen, f'inspect "{world.site.url}/page/', "declare a site", "detect_css"):
        assert words in message
    assert without_times(outcome) == all_stats()
    assert len(outcome.pages) == 3


async def test_declared_without_rules(world: SmallWorld, caplog: pytest.LogCaptureFixture) -> None:
    """The built-in detection sees nothing in it: the message names the site to be completed."""
    world.route("/page")(lambda _: page(WITHHELD))
    outcome = await _crawl(world, {"name": "Shop", "urls": [world.site.host]})
    [record] = _told(caplog)
    assert "complete the site Shop" in record.getMessage()
    assert without_times(outcome) == all_stats()


async def test_declared_with_rules(world: SmallWorld, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever named what challenge pages have is told nothing of the others."""
    world.route("/page")(lambda _: page(WITHHELD))
    await _crawl(world, {"urls": [world.site.host], "detect_css": ".withheld"})
    assert _told(caplog) == []


async def test_nothing_to_suspect(world: SmallWorld, caplog: pytest.LogCaptureFixture) -> None:
    """A ``gt.js`` of somebody's on a page that speaks of no captcha."""
    world.route("/page")(lambda _: page(f"<h1>Cars</h1>{SCRIPTS}"))
    await _crawl(world, {"urls": ["elsewhere.example"]})
    assert _told(caplog) == []


def _responses(body: str, status: int = 200) -> Iterable[tuple[Request, HtmlResponse]]:
    while True:
        request = Request("https://shop.example.com/")
        yield request, HtmlResponse(request.url, status=status, body=body.encode(), request=request)


def test_how_many_pages_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ones of a host, then some, and each that came with an error or by a redirect."""
    looked: list[bytes] = []
    monkeypatch.setattr(suspects, "find_suspect", looked.append)
    pages = SuspectPages()
    for _, (request, response) in zip(range(10 * EACH), _responses("<p>bread</p>"), strict=False):
        pages.look(request, response)
    assert len(looked) == FIRST + 10
    for request, response in [next(iter(_responses("<p>no</p>", status=403)))] * 3:
        pages.look(request, response)
    assert len(looked) == FIRST + 13


def test_one_that_is_withheld_is_told_of_after_one_that_is_not(caplog: pytest.LogCaptureFixture) -> None:
    """And not the other way round: the more urgent message says it all."""
    pages = SuspectPages()
    with caplog.at_level(logging.INFO):
        for body in (LOGIN, LOGIN, WITHHELD, WITHHELD, LOGIN):
            pages.look(*next(iter(_responses(body))))
    assert [record.levelno for record in _told(caplog)] == [logging.INFO, logging.WARNING]


def test_hosts_are_bounded(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A broad crawl remembers so many hosts, no more."""
    monkeypatch.setattr(suspects, "MAX_HOSTS", 1)
    pages = SuspectPages()
    for host in ("a", "b"):
        request = Request(f"https://{host}.example.com/")
        pages.look(request, HtmlResponse(request.url, body=WITHHELD.encode(), request=request))
    assert len(_told(caplog)) == 1

"""Receivers that are connected only while they are needed: Scrapy's dispatcher, and a clock that is turned by hand."""

from __future__ import annotations

from typing import Any

from attrs import define, field
from scrapy import Request
from scrapy.signalmanager import SignalManager
from scrapy.signals import response_received
from twisted.internet.task import Clock

from scrapy_geetest._crawl.listener import Listener
from scrapy_geetest._crawl.marks import META_KEY
from scrapy_geetest._crawl.received import ReceivedResponses


@define(eq=False)
class Crawl:
    """As much of a crawl as is listened to, and what its own extension is told."""

    clock: Clock = field(factory=Clock)
    told: list[Request] = field(factory=list)
    signals: SignalManager = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.signals = SignalManager(self)

    def extension(self, request: Request) -> None:
        """One that was connected after the plugin."""
        self.told.append(request)

    def receive(self, request: Request) -> None:
        """A response is received."""
        self.signals.send_catch_log(response_received, request=request)


def _receivers(crawl: Crawl) -> int:
    return len(crawl.signals.send_catch_log(response_received, request=Request("https://other.test/")))


def test_notes_are_taken_out_of_what_is_received_and_no_response_costs_anything_afterwards() -> None:
    """And no receiver behind the plugin's is passed over when the last one has come."""
    crawl = Crawl()
    whole: Any = crawl
    received = ReceivedResponses(whole, reactor=crawl.clock)
    assert _receivers(crawl) == 0
    noted = Request("https://a.test/", meta={META_KEY: {"before": {"method": "POST", "body": ""}}})
    received.expect(noted)
    crawl.signals.connect(crawl.extension, response_received)
    assert _receivers(crawl) == 2
    crawl.receive(noted)
    assert META_KEY not in noted.meta
    assert noted in crawl.told
    crawl.clock.advance(0)
    assert _receivers(crawl) == 1


def test_a_noted_request_that_never_comes_is_forgotten() -> None:
    """Another middleware made a request of its own in its place."""
    crawl = Crawl()
    whole: Any = crawl
    received = ReceivedResponses(whole, reactor=crawl.clock)
    received.expect(Request("https://a.test/", meta={META_KEY: {"before": {}}}))
    crawl.receive(Request("https://b.test/"))
    crawl.clock.advance(0)
    assert _receivers(crawl) == 0


def test_who_is_needed_again_at_once_stays_connected() -> None:
    """The end of one need and the beginning of the next come close together."""
    crawl = Crawl()
    whole: Any = crawl
    needed = [True]
    listener = Listener(whole, response_received, crawl.extension, is_needed=lambda: bool(needed), reactor=crawl.clock)
    listener.begin()
    needed.clear()
    listener.end()
    needed.append(True)
    listener.begin()
    crawl.clock.advance(0)
    assert _receivers(crawl) == 1
    needed.clear()
    listener.end()
    listener.end()
    crawl.clock.advance(0)
    assert _receivers(crawl) == 0
    assert not crawl.clock.getDelayedCalls()

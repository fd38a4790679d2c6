"""Listening to a signal of Scrapy only while it matters: each receiver costs every request of a crawl."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy.crawler import Crawler


class Listener:
    """Connects a receiver to a signal, and disconnects it again.

    Args:
        crawler: The crawl.
        signal: One of Scrapy's.
        receiver: A bound method; it is not kept alive.
        is_needed: Whether it is to stay connected.
        reactor: The Twisted reactor, or a clock in tests.
    """

    def __init__(
        self, crawler: Crawler, signal: object, receiver: Any, *, is_needed: Callable[[], bool], reactor: Any
    ) -> None:
        self._crawler = crawler
        self._signal = signal
        self._receiver = receiver
        self._is_needed = is_needed
        self._reactor = reactor
        self._is_connected = False
        self._is_leaving = False

    def begin(self) -> None:
        """From now on the receiver is told."""
        if not self._is_connected:
            self._is_connected = True
            self._crawler.signals.connect(self._receiver, self._signal)

    def end(self) -> None:
        """The receiver is needed no more, if nothing else happens.

        It is disconnected a moment later: whoever leaves while a signal is sent makes the dispatcher skip the next receiver.
        """
        if self._is_connected and not self._is_leaving:
            self._is_leaving = True
            self._reactor.callLater(0, self._leave)

    def _leave(self) -> None:
        self._is_leaving = False
        if not self._is_needed():
            self._is_connected = False
            self._crawler.signals.disconnect(self._receiver, self._signal)

"""An exchange bounds what it keeps of an answer."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest

from scrapy_geetest._services.exchange import Exchange, _Body

pytestmark = pytest.mark.usefixtures("nothing_unhandled")


def test_a_gzip_bomb_is_not_inflated_past_the_cap() -> None:
    """Of a chunk that inflates a thousandfold, no more than the cap and one byte is ever in memory."""
    from twisted.internet.defer import Deferred

    exchange = Exchange(1000, set())
    exchange.gzip = True
    complete: Deferred[bytes] = Deferred()
    body = _Body(exchange, complete)
    body.dataReceived(gzip.compress(b" " * 50_000_000))
    failures: list[Any] = []
    complete.addErrback(failures.append)
    assert "longer than 1000" in str(failures[0].value)
    assert len(body._content) == 1001
    body.dataReceived(b"more")
    assert len(body._content) == 1001


def test_an_exchange_that_has_not_begun_can_be_stopped() -> None:
    """The reason is kept, and nothing has to be closed."""
    exchange = Exchange(1000, set())
    exchange.stop("closed")
    exchange.abort()
    assert exchange.stopped == "closed"


def test_junk_after_a_compressed_body_is_bounded() -> None:
    """What comes after the end of the compressed stream counts, too."""
    from twisted.internet.defer import Deferred

    exchange = Exchange(1000, set())
    exchange.gzip = True
    complete: Deferred[bytes] = Deferred()
    body = _Body(exchange, complete)
    body.dataReceived(gzip.compress(b"{}"))
    body.dataReceived(b"x" * 2000)
    failures: list[Any] = []
    complete.addErrback(failures.append)
    assert "longer than 1000" in str(failures[0].value)
    assert not isinstance(failures[0].value, zlib.error)

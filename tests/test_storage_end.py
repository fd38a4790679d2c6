"""The end of a crawl whose storage hangs: it takes the time of one question, however many there are."""

from __future__ import annotations

import asyncio
import threading
from functools import partial

import pytest
from storages import Waits

from scrapy_geetest._storage.patience import AT_ONCE, Patience
from scrapy_geetest._storage.protocol import StorageFailedError


async def test_questions_behind_the_first_that_failed_are_not_asked() -> None:
    """Hundreds of records are given back when a crawl is stopped, and a dead Redis takes seconds for each answer."""
    asked: list[int] = []
    ending = threading.Event()

    def question(number: int) -> int:
        asked.append(number)
        ending.wait(10)
        raise ConnectionError("timed out")

    patience = Patience(check=lambda: False, errors=(OSError,), limit=60.0, waiting=Waits(stopping=True))
    questions = [asyncio.ensure_future(patience.ask_in_any_case(partial(question, number))) for number in range(100)]
    for _ in range(1000):
        await asyncio.sleep(0 if len(asked) == AT_ONCE else 0.01)
    ending.set()
    outcomes = await asyncio.gather(*questions, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StorageFailedError}
    assert sorted(asked) == list(range(AT_ONCE))


async def test_what_failed_at_the_start_is_asked_at_the_end() -> None:
    """A crawl does not run yet while it is opened; in between the storage came back."""
    waits, is_away = Waits(stopping=True), True

    def question() -> int:
        if is_away:
            raise ConnectionError("away")
        return 1

    patience = Patience(check=lambda: True, errors=(OSError,), limit=60.0, waiting=waits)
    with pytest.raises(StorageFailedError):
        await patience.ask_in_any_case(question)
    waits.stopping = is_away = False
    assert await patience.ask_in_any_case(question) == 1
    waits.stopping = True
    assert await patience.ask_in_any_case(question) == 1

"""Requests that wait are written down where the queue is shared: they go back to it if their process dies, and come once."""

from __future__ import annotations

import pickle
from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, evolve, field
from crawl import RecordingSpider
from scrapy import Request, Spider, signals
from scrapy.core.scheduler import Scheduler
from scrapy.http.request import NO_CALLBACK
from scrapy.utils.defer import deferred_from_coro
from scrapy.utils.request import request_from_dict
from small_world import Answer, Asked, challenge_page, data, page

from scrapy_geetest import _recovery
from scrapy_geetest._crawl.shared_queue import shared_queue_of
from scrapy_geetest._crawl.waiting_requests import RequestTakenError
from scrapy_geetest._services.adapters.capmonster import CapMonster
from scrapy_geetest._storage import workers
from scrapy_geetest._storage.file import File, FileBackend
from scrapy_geetest._storage.workers import Process

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from crawl import Crawl
    from small_world import SmallWorld

QUEUE = "requests of all"
KIND = f"waiting-{sha256(QUEUE.encode()).hexdigest()[:16]}"


class SharedScheduler(Scheduler):
    """Scrapy's own, which offers what one with a shared queue would."""

    shared_queue = QUEUE

    def encode_request(self, request: Request) -> bytes:
        return pickle.dumps(request.to_dict(spider=self.spider))

    def decode_request(self, data: bytes) -> Request:
        return request_from_dict(pickle.loads(data), spider=self.spider)


@define
class Shared:
    """A crawl whose storage others see, and what they would see in it."""

    world: SmallWorld
    path: Path
    backend: FileBackend = field(init=False)
    seen: list[list[str]] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.backend = FileBackend(File(self.path))
        self.world.route("/page/")(self.page)
        self.world.first = self._first

    def page(self, asked: Asked) -> Answer:
        """A page that is withheld until its form brings a solution."""
        is_right = self.world.geetest.takes(asked.fields)
        return page(f"<h1>{asked.path}</h1>") if is_right else challenge_page(action=asked.path)

    @property
    def there(self) -> list[str]:
        """The records that say something."""
        return [entry.value for entry in self.backend.entries(KIND) if entry.value.partition("\n")[2]]

    def leave(self, spider: type[Spider], request: Request, process: Process, holder: str = "ghost") -> None:
        """Let another process have left a request that waited in it."""
        one: Any = spider()
        process = evolve(process, kinds=(KIND,))
        text = b64encode(pickle.dumps(request.to_dict(spider=one))).decode()
        self.backend.put("worker", holder, str(process), 1000.0)
        self.backend.put(KIND, f"{holder}:1", f"{holder}\n{text}", 1000.0)

    async def crawl(self, *requests: Request, **settings: Any) -> Crawl:
        """One crawl."""
        own = {"SCHEDULER": SharedScheduler, "GEETEST_STORAGE_URI": f"file://{self.path}", **settings}
        return await self.world.crawl(list(requests), {"detect_css": "#captcha"}, **own)

    def _first(self, method: str, _: dict[str, Any]) -> Answer | None:
        if method == "getTaskResult":
            self.seen.append(self.there)
        return None


@pytest.fixture
def shared(world: SmallWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shared:
    """With looks that suit a test."""
    monkeypatch.setattr(CapMonster, "poll_floor", 0.2)
    monkeypatch.setattr(_recovery, "LOOK", 0.1)
    monkeypatch.setattr(workers, "_SURE_AFTER", 0.2)
    return Shared(world, tmp_path / "storage.db")


def _page(shared: Shared, number: int = 1, **kwargs: Any) -> Request:
    return Request(f"{shared.world.site.url}/page/{number}", **kwargs)


async def test_a_request_is_written_down_for_as_long_as_it_waits(shared: Shared) -> None:
    """As its spider made it, and no longer than until its page is delivered."""
    at_callback: list[list[str]] = []

    def prepare(crawler: Any) -> None:
        def response_received(request: Request) -> None:
            if request.callback is not NO_CALLBACK:
                at_callback.append(shared.there)

        crawler.signals.connect(response_received, signals.response_received, weak=False)

    outcome = await shared.crawl(_page(shared, cb_kwargs={"mine": 1}, meta={"own": 2}), prepare=prepare)
    assert outcome.kwargs == [{"mine": 1}]
    [waiting] = [one for one in shared.seen if one]
    assert len(waiting) == 1
    assert at_callback == [[]]
    assert shared.there == []


async def test_a_request_of_a_dead_worker_goes_back_to_the_queue(
    shared: Shared, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, though the dupefilter knows it; its callback and arguments are its own."""
    caplog.set_level("INFO")
    left = _page(shared, 2, callback=None, cb_kwargs={"mine": 3}, dont_filter=True)
    spider = RecordingSpider
    left = left.replace(callback=spider().parse)
    shared.leave(spider, left, Process("elsewhere", 1, "1", is_over=True))
    outcome = await shared.crawl(_page(shared, 1))
    assert sorted(outcome.texts("h1::text")) == ["/page/1", "/page/2"]
    assert {"mine": 3} in outcome.kwargs
    assert caplog.text.count("1 request(s) of a worker that is gone are back in the queue") == 1
    assert shared.there == []


async def test_a_worker_without_work_stays_for_those_that_wait_elsewhere(shared: Shared) -> None:
    """Their worker may die: it does, a second after this one has nothing to do."""
    spider = RecordingSpider
    request = _page(shared, 2).replace(callback=spider().parse)
    shared.leave(spider, request, Process("elsewhere", 1, "1"))
    shared.backend.put("lease", "ghost", "", 1.0)
    outcome = await shared.crawl()
    assert outcome.texts("h1::text") == ["/page/2"]
    assert outcome.reason == "finished"


async def test_a_worker_without_work_leaves_when_nobody_waits(shared: Shared) -> None:
    """What other workers do otherwise is none of its business."""
    shared.backend.put("worker", "ghost", str(Process("elsewhere", 1, "1")), 1000.0)
    shared.backend.put("lease", "ghost", "", 1000.0)
    outcome = await shared.crawl()
    assert outcome.reason == "finished"


async def test_a_request_that_another_worker_took_is_not_delivered(
    shared: Shared, caplog: pytest.LogCaptureFixture
) -> None:
    """This process was held up for so long that it seemed dead: the page comes there."""

    def rob(method: str, _: dict[str, Any]) -> Answer | None:
        if method == "getTaskResult":
            for entry in shared.backend.entries(KIND):
                content = entry.value.partition("\n")[2]
                shared.backend.put(KIND, entry.key, f"robber\n{content}", 1000.0)
                shared.backend.put(KIND, entry.key, "robber\n", 1000.0)
        return None

    shared.world.first = rob
    outcome = await shared.crawl(_page(shared))
    assert outcome.pages == []
    assert [type(error) for error in outcome.errors] == [RequestTakenError]
    assert "is dropped here: this process was held up for so long that another worker" in caplog.text
    assert outcome.stats["accepted"] == 1


async def test_a_request_that_cannot_be_stored_is_told_of(shared: Shared, caplog: pytest.LogCaptureFixture) -> None:
    """It is crawled all the same."""

    class Odd(RecordingSpider):
        name = "odd"

        async def start(self) -> AsyncIterator[Any]:
            for number in (1, 2):
                yield _page(shared, number, callback=lambda response: self.parse(response, odd=1))

    outcome = await shared.crawl(spider=Odd)
    assert sorted(outcome.texts("h1::text")) == ["/page/1", "/page/2"]
    assert caplog.text.count("cannot be written down while it waits, and is lost if this process is killed") == 1


async def test_what_somebody_awaits_is_not_written_down(shared: Shared) -> None:
    """A spider's own download never was in the queue."""

    class Awaiting(RecordingSpider):
        name = "awaiting"

        async def start(self) -> AsyncIterator[Any]:
            engine = self.crawler.engine
            assert engine is not None
            response: Any = await engine.download_async(_page(shared, callback=NO_CALLBACK))
            self.crawl.pages.append(response)
            return
            yield

    outcome = await shared.crawl(spider=Awaiting)
    assert outcome.texts("h1::text") == ["/page/1"]
    assert not any(shared.seen)


@pytest.mark.parametrize(
    "settings",
    [{"SCHEDULER": Scheduler}, {"GEETEST_STORAGE_URI": "memory://"}],
    ids=["a queue of its own", "a storage of its own"],
)
async def test_nothing_is_written_where_no_other_process_could_take_it(
    shared: Shared, settings: dict[str, Any]
) -> None:
    """Neither the queue nor the storage is shared."""
    outcome = await shared.crawl(_page(shared), **settings)
    assert outcome.texts("h1::text") == ["/page/1"]
    assert not any(shared.seen)


async def test_a_record_that_nobody_can_read_ends_there(shared: Shared, caplog: pytest.LogCaptureFixture) -> None:
    """It is of another version: logged once, and gone."""
    shared.backend.put("worker", "ghost", str(Process("elsewhere", 1, "1", is_over=True, kinds=(KIND,))), 1000.0)
    shared.backend.put(KIND, "ghost:1", "ghost\n!", 1000.0)
    outcome = await shared.crawl(_page(shared))
    assert len(outcome.pages) == 1
    assert caplog.text.count("a request that waited in a worker which is gone cannot be read") == 1


async def test_requests_of_a_stopped_crawl_are_only_in_the_queue(shared: Shared) -> None:
    """They went back in order, so that nobody else may put them back as well."""
    given_back: list[str] = []

    def prepare(crawler: Any) -> None:
        def first_poll(method: str, _: dict[str, Any]) -> Answer | None:
            if method != "getTaskResult":
                return None
            deferred_from_coro(crawler.engine.close_spider_async(reason="enough"))
            return data({"errorId": 0, "status": "processing"})

        def scheduled(request: Request) -> None:
            if request.dont_filter:
                given_back.append(request.url)

        shared.world.first = first_poll
        crawler.signals.connect(scheduled, signals.request_scheduled, weak=False)

    await shared.crawl(*(_page(shared, number) for number in range(3)), prepare=prepare)
    assert len(given_back) == 3
    assert shared.there == []


def test_a_scheduler_without_a_shared_queue_has_none() -> None:
    """Only one that offers all of it is taken for one."""
    assert shared_queue_of(object()) is None
    assert shared_queue_of(None) is None

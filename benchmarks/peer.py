"""What a user would write: a downloader middleware that awaits the solution where it stands."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import treq
from form2request import form2request
from scrapy import Request
from scrapy.exceptions import IgnoreRequest
from scrapy.http import TextResponse
from scrapy.http.request import NO_CALLBACK
from scrapy.utils.defer import maybe_deferred_to_future
from twisted.internet.defer import Deferred, DeferredLock, DeferredSemaphore
from twisted.internet.task import deferLater

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from typing_extensions import Self

POLL_SECONDS = 2.0  # the service's floor


class PlainAwait:
    """Challenge page, fresh challenge, createTask, getTaskResult every two seconds, and the form with the solution.

    It lends no place and knows no gates. Who is careful keeps attempts of one session apart, and takes a permit, where there are
    any, before the challenge is fetched, which grows old otherwise.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._key = crawler.settings["PEER_API_KEY"]
        self._url = crawler.settings["PEER_API_URL"]
        self._register = crawler.settings["PEER_REGISTER"]
        self._poll_seconds = crawler.settings.getfloat("PEER_POLL_SECONDS", POLL_SECONDS)
        permits = crawler.settings.getint("PEER_PERMITS")
        self._permits = DeferredSemaphore(permits) if permits else None
        self._is_careful = crawler.settings.getbool("PEER_IS_CAREFUL")
        self._sessions: defaultdict[Any, DeferredLock] = defaultdict(DeferredLock)  # by cookie jar

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Read the settings."""
        return cls(crawler)

    async def process_response(self, request: Request, response: Response) -> Request | Response:
        """Solve what is withheld."""
        if request.callback is NO_CALLBACK or b"initGeetest" not in response.body:
            return response
        assert isinstance(response, TextResponse)  # it is a page of the sandbox
        task = None if self._is_careful else await self._challenge(response)
        async with AsyncExitStack() as stack:
            session = self._sessions[request.meta.get("cookiejar")] if self._is_careful else None
            for one in filter(None, (session, self._permits)):
                acquiring: Deferred[Any] = one.acquire()
                await maybe_deferred_to_future(acquiring)
                stack.callback(one.release)
            task = task or await self._challenge(response)
            solution = await self._solve({"type": "GeeTestTaskProxyless", "websiteURL": response.url, **task})
        names = {name: name if task["version"] == 4 else f"geetest_{name}" for name in solution}
        fields = {names[name]: value for name, value in solution.items()}
        form = form2request(response.css("form")[0], fields, click=False)
        solved: Request = form.to_scrapy(
            callback=request.callback,
            errback=request.errback,
            cb_kwargs=request.cb_kwargs,
            dont_filter=True,
            priority=100,
        )
        return solved

    async def _challenge(self, response: TextResponse) -> dict[str, Any]:
        if not self._register:
            return {"version": 4, "gt": re.findall(r'captchaId: "(\w+)"', response.text)[0]}
        engine = self._crawler.engine
        assert engine is not None  # it has made the response
        answer = await engine.download_async(Request(response.urljoin(self._register), NO_CALLBACK, dont_filter=True))
        data = json.loads(answer.body)
        return {"version": 3, "gt": data["gt"], "challenge": data["challenge"]}

    async def _solve(self, task: dict[str, Any]) -> dict[str, str]:
        task_id = (await self._call("createTask", {"task": task}))["taskId"]
        while True:
            await self._sleep()
            answer = await self._call("getTaskResult", {"taskId": task_id})
            if answer["status"] == "ready":
                solution: dict[str, str] = answer["solution"]
                return solution

    async def _call(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        response = await maybe_deferred_to_future(
            treq.post(f"{self._url}/{method}", json={"clientKey": self._key, **body})
        )
        data: dict[str, Any] = await maybe_deferred_to_future(response.json())
        if data["errorId"]:
            raise IgnoreRequest(data["errorCode"])
        return data

    async def _sleep(self) -> None:
        from twisted.internet import reactor

        done: Deferred[None] = deferLater(reactor, self._poll_seconds, lambda: None)
        await maybe_deferred_to_future(done)

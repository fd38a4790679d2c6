"""One open page that the plugin works in: the stand-in inside it, what it sends and receives, and when it is at rest."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from scrapy_geetest._browser.geetest_hosts import answer_for_geetest, is_geetest
from scrapy_geetest._browser.messages import read_asked, text
from scrapy_geetest._browser.rounds import Round
from scrapy_geetest._browser.sendings import Sending, carries, holds, make_response
from scrapy_geetest._browser.standin import make_script
from scrapy_geetest._submission.target import origin

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from scrapy import Request

_MAX_ROUNDS = 100  # of one document; a page that makes more of them goes round in a circle
_AWAITED = frozenset({"document", "script", "xhr", "fetch"})  # the requests that a page at rest has none of
_NO_CONTENT = 204
_REDIRECTS = range(300, 400)
_TO_FOLLOW = 0.3  # seconds
_LONGEST_ERROR = 160
UNTOUCHED = {"untouched": True}
TOO_LATE = {
    "error": {"code": "", "msg": "The page was handed to the spider, and the crawl solves nothing in it any more."}
}


class OpenPage:
    """A page of the browser.

    Args:
        page: Playwright's.
        is_own: Whether an address is of the site that the page belongs to, so that a widget there may be solved.

    Attributes:
        rounds: What its widgets may need, or got, since the page was loaded.
        documents: Playwright's responses of the documents that the main frame has shown since then.
        is_gone: Whether it crashed or was closed.
        is_handed_over: Whether the spider has it.
        has_opened_window: Whether it has opened another window since it was loaded.
        has_asked_geetest: Whether it has asked a host of GeeTest's for anything since it was loaded.
        shadowed: The name of a global that the page has locked, so that the stand-in could not keep it.
    """

    def __init__(self, page: Any, is_own: Callable[[str], bool]) -> None:
        self.page = page
        self.rounds: list[Round] = []
        self.documents: list[Any] = []
        self.is_gone = False
        self.is_handed_over = False
        self.has_asked_geetest = False
        self.has_opened_window = False
        self.shadowed = ""
        self._script_error = ""
        self.on_late: Callable[[str], None] = lambda _url: None
        self._is_own = is_own
        self._api_servers: set[str] = set()
        self._arriving: dict[Any, Any] = {}  # frame -> the response of the document that it is about to show
        self._in_flight: set[Any] = set()
        self._redirected: dict[Any, Any] = {}  # request -> the redirect that answered it
        self._is_first = True
        self._latest = 0.0
        self._reading: set[asyncio.Task[None]] = set()
        self._waiters: set[asyncio.Future[None]] = set()

    async def install(self) -> None:
        """Put the stand-in into every document of the page, before any script of it."""
        name = f"_{token_hex(16)}"
        await self.page.expose_binding(name, self._hear)
        await self.page.add_init_script(script=make_script(name))
        for event, listener in {
            "request": self._requested,
            "response": self._responded,
            "requestfinished": self._finished,
            "requestfailed": self._finished,
            "framenavigated": self._navigated,
            "framedetached": self._detached,
            "websocket": self._opened_socket,
            "pageerror": self._threw,
            "popup": self._opened_window,
            "crash": self._is_lost,
            "close": self._is_lost,
        }.items():
            self.page.on(event, listener)

    async def begin(self, is_own: Callable[[str], bool]) -> None:
        """The page is about to be loaded for a request, anew or for the first time."""
        self._end_rounds(lambda _: True)
        self._is_own = is_own
        self._is_first, self.is_handed_over, self.has_asked_geetest, self.shadowed = True, False, False, ""
        self.rounds, self.documents, self._script_error, self.has_opened_window = [], [], "", False
        self._in_flight.clear()
        # The route that was added last comes first; scrapy-playwright has just added its own.
        with suppress(Exception):
            await self.page.unroute(self._is_geetest, answer_for_geetest)
        await self.page.route(self._is_geetest, answer_for_geetest)

    def hand_over(self) -> None:
        """The spider gets the page: nothing is solved in it any more."""
        self.is_handed_over = True

    def is_first_navigation(self, request: Any) -> bool:
        """Whether *request* is the one that loads the page for its spider; asked once for each navigation."""
        is_first = self._is_first and request.frame == self.page.main_frame
        if is_first:
            self._is_first = False
        return is_first

    @property
    def url(self) -> str:
        """The address that the page shows."""
        return str(self.page.url)

    @property
    def open_rounds(self) -> list[Round]:
        """Rounds whose widget could take a solution."""
        return [one for one in self.rounds if not (one.is_over or one.is_repeated or one.purchase)]

    @property
    def is_busy(self) -> bool:
        """Whether it waits for answers to its requests."""
        return bool(self._in_flight)

    def script_error(self, secrets: Collection[str] = ()) -> str:
        """What to add to a message: the first error of the page's scripts, unless it shows any of *secrets*."""
        if not self._script_error or any(secret in self._script_error for secret in secrets):
            return ""
        return f". The first error of its scripts is {self._script_error[:_LONGEST_ERROR]!r}"

    async def pause(self, seconds: float) -> None:
        """Wait until something happens in the page, *seconds* at most."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        await asyncio.wait([waiter], timeout=seconds)
        self._waiters.discard(waiter)

    async def rest(self, quiet: float, most: float, check: Callable[[], None] = lambda: None) -> None:
        """Wait until the page has sent and received nothing for *quiet* seconds; *most* seconds in all.

        Args:
            quiet: Seconds.
            most: Seconds; a page may poll its server for ever.
            check: Called while it waits; may raise.
        """
        began = self._now()
        self._latest = max(self._latest, began)
        while not self.is_gone and self._now() - began < most:
            left = quiet - (self._now() - self._latest)
            if left <= 0 and not self._in_flight:
                return
            check()
            await self.pause(min(max(left, 0.01), 0.5) if not self._in_flight else 0.5)

    # ---- What the stand-in says

    async def _hear(self, source: Mapping[str, Any], message: Any) -> dict[str, Any] | None:
        if not isinstance(message, dict):
            return None
        kind, widget, number = message.get("kind"), text(message, "widget"), message.get("round")
        if kind in {"made", "again"}:
            return await self._made(source["frame"], widget, number if isinstance(number, int) else 0, message)
        rounds = [one for one in self.rounds if one.widget == widget and not one.is_over]
        latest = rounds[-1] if rounds else None
        if kind == "shadowed":
            self.shadowed = text(message, "name")
        elif latest is not None:
            self._note(kind, latest, rounds)
        self._touch()
        return None

    async def _made(self, frame: Any, widget: str, number: int, message: Mapping[Any, Any]) -> dict[str, Any]:
        if len(self.rounds) >= _MAX_ROUNDS or not self._may_ask(frame):
            return UNTOUCHED
        for one in self.rounds:
            one.is_repeated |= one.widget == widget
        asked = read_asked(message)
        if asked.api_server and not self._is_own(f"https://{asked.api_server}/"):
            self._api_servers.add(asked.api_server)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self.rounds.append(Round(widget, number, asked, frame, answer, len(self.documents)))
        self._touch()
        return await answer

    def _note(self, kind: Any, latest: Round, rounds: list[Round]) -> None:
        if kind == "wanted":
            latest.is_wanted = True
            if self.is_handed_over:
                self.on_late(self.url)
                latest.tell(TOO_LATE)
        elif kind == "passed":
            latest.is_passed = True
        elif kind == "destroy":
            for one in rounds:
                one.is_over = True
                one.tell(UNTOUCHED)

    def _may_ask(self, frame: Any) -> bool:
        """Whether a frame belongs to the site: a page may hold frames of others, whose widgets are their own affair."""
        while frame is not None:
            url = str(frame.url)
            if url.startswith(("http:", "https:")):
                return self._is_own(url) or origin(url) == origin(self.url)
            frame = frame.parent_frame
        return True

    def _is_geetest(self, url: str) -> bool:
        return is_geetest(url, self._api_servers)

    # ---- What the browser says

    def _requested(self, request: Any) -> None:
        if request.resource_type in _AWAITED:
            self._in_flight.add(request)
        self.has_asked_geetest |= self._is_geetest(request.url)
        for one in self.rounds if request.redirected_from is None else ():
            if one.purchase is not None and carries(request, one.secrets):
                one.sendings.append(Sending(request))
        self._touch()

    def _responded(self, response: Any) -> None:
        request = response.request
        if response.status in _REDIRECTS and "location" in response.headers:
            self._redirected[request] = response
            return
        for one in self._sendings_of(request):
            task = asyncio.ensure_future(one.read(response))
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)
        with suppress(Exception):  # Playwright's, for a frame that is not there yet
            if request.is_navigation_request() and response.status != _NO_CONTENT:
                self._arriving[request.frame] = response
        self._touch()

    def _finished(self, request: Any) -> None:
        self._in_flight.discard(request)
        if request in self._redirected:  # most are followed at once, by another request
            asyncio.get_running_loop().call_later(_TO_FOLLOW, self._end_redirect, request)
            return
        for one in self._sendings_of(request):
            asyncio.ensure_future(self._settle(one))  # noqa: RUF006  # it ends with the reading, which is kept
        self._touch()

    def _end_redirect(self, request: Any) -> None:
        response = self._redirected.pop(request)
        if request.redirected_to is None:  # as with ``fetch(…, {redirect: "manual"})``
            for one in self._sendings_of(request):
                one.answer = make_response(response.url, response.status, response.headers, b"")
                one.is_over = True
            self._touch()

    async def _settle(self, sending: Sending) -> None:
        if self._reading:
            await asyncio.wait(set(self._reading))
        sending.is_over = True
        self._touch()

    def _threw(self, error: Any) -> None:
        told = " ".join(f"{error.name or 'Error'}: {error.message}".splitlines()[:1])
        self._script_error = self._script_error or told

    def _opened_window(self, _: Any) -> None:
        self.has_opened_window = True

    def _opened_socket(self, socket: Any) -> None:
        socket.on("framesent", self._sent_through_socket)

    def _sent_through_socket(self, payload: str | bytes) -> None:
        for one in self.rounds:
            if one.purchase is not None and holds(payload, one.secrets):
                one.sendings.append(Sending(None, is_over=True))
        self._touch()

    def _navigated(self, frame: Any) -> None:
        """A frame shows another document, or only another fragment or state of the same one."""
        response = self._arriving.pop(frame, None)
        if response is None:
            return
        if frame == self.page.main_frame:
            self.documents.append(response)
            self._end_rounds(lambda _: True)
            for one in self.rounds:
                one.is_left = True
        else:
            self._end_rounds(lambda one: one.frame == frame)
        self._touch()

    def _detached(self, frame: Any) -> None:
        self._end_rounds(lambda one: one.frame == frame)

    def _is_lost(self, *_: Any) -> None:
        self.is_gone = True
        self._end_rounds(lambda _: True)
        self._touch()

    def _end_rounds(self, is_meant: Callable[[Round], bool]) -> None:
        for one in self.rounds:
            if is_meant(one):
                one.is_over = True
                one.tell(UNTOUCHED)

    def _sendings_of(self, request: Any) -> list[Sending]:
        first = request
        while first.redirected_from is not None:
            first = first.redirected_from
        return [
            sent for one in self.rounds for sent in one.sendings if sent.request is not None and sent.request == first
        ]

    def _touch(self) -> None:
        self._latest = self._now()
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def own_address(request: Request, has_host: Callable[[str], bool]) -> Callable[[str], bool]:
    """What tells the addresses of a request's site from others."""
    return lambda url: has_host(url) or origin(url) == origin(request.url)

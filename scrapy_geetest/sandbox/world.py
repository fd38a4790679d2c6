"""All that one sandbox knows: made anew by every reset."""

from __future__ import annotations

import secrets
import time
from random import Random
from typing import TYPE_CHECKING, Any

from attrs import Factory, define, field

from .books import Books
from .captchas import CAPTCHAS, Captcha
from .dialects import CAPMONSTER, DIALECTS, Dialect
from .faults import Schedule
from .geetest import GeeTest
from .service import Service

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from .options import Options
    from .saved_page import SavedPage


@define
class Visit:
    """A visitor's session at a site: what the site keeps under the cookie's value."""

    tokens: set[str] = field(factory=set)
    status: int | None = None
    users: set[str] = field(factory=set)


@define
class World:
    """The state of a sandbox.

    Attributes:
        options: What it was told.
        geetest_url: Where the sites find their GeeTest.
        in_thread: Runs a blocking function of GeeTest's SDK elsewhere.
        post: Sends a form to an address and returns the answer's body.
        numbers: The ids of tasks, never the same twice in a process.
        visits: Sessions of the sites, by the value of their cookies.
        tokens: Tokens that belong to a challenge: token -> challenge.
        passes: Sessions that a gate has opened: gate and cookie's value -> until when.
        dialect: Of its service.
        others: The other services, each a world of its own but for GeeTest, by name.
        queries: The secret that the search form is signed with.
        saved: Pages of a user's own.
    """

    options: Options
    geetest_url: str
    in_thread: Callable[..., Awaitable[Any]]
    post: Callable[[str, dict[str, str]], Awaitable[bytes]]
    numbers: Iterator[int]
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    books: Books = field(factory=Books)
    random: Random = Factory(lambda self: Random(self.options.seed), takes_self=True)
    geetest: GeeTest = field(init=False)
    service: Service = field(init=False)
    visits: dict[str, Visit] = field(factory=dict)
    tokens: dict[str, str] = field(factory=dict)
    passes: dict[tuple[str, str], float] = field(factory=dict)
    signing_key: bytes = field(factory=lambda: secrets.token_bytes(16))
    dialect: Dialect = CAPMONSTER
    others: dict[str, World] = field(factory=dict)
    saved: tuple[SavedPage, ...] = field(init=False)
    _faults: dict[str, Schedule] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        # Challenges and solutions never repeat: a leftover of an earlier world must not be good in this one.
        self.saved = self.options.saved_pages()
        self.geetest = GeeTest(self.options, self.books, self.clock, self.wall, Random())
        self._open_service()
        if self.dialect is CAPMONSTER:
            others = [dialect for dialect in DIALECTS.values() if dialect is not CAPMONSTER]
            self.others = {dialect.name: self._other(dialect) for dialect in others}

    def _other(self, dialect: Dialect) -> World:
        """The world of another service: books, key and faults of its own, the same GeeTest."""
        options = self.options.of_service(dialect)
        other = World(options, self.geetest_url, self.in_thread, self.post, self.numbers, dialect=dialect)
        other.geetest = self.geetest
        other._open_service()  # its own class
        return other

    def _open_service(self) -> None:
        self.service = Service(
            *(self.options, self.books, self.geetest, self.clock, self.wall, self.random, self.numbers, self.dialect)
        )
        self._faults = {call: Schedule.make(call, wanted) for call, wanted in self.options.faults.items()}

    def captcha(self, site: str) -> Captcha:
        """The captcha of a site of the sandbox, or that of a saved page by its public id."""
        return CAPTCHAS[site] if site in CAPTCHAS else self.geetest.captchas[site]

    def draw_fault(self, call: str | None) -> str:
        """The fault that this call is to have, ``"ok"`` for none, noted in the books."""
        schedule = self._faults.get(call or "")
        fault = schedule.draw() if schedule else "ok"
        if fault != "ok":
            self.books.faults[f"{call}:{fault}"] += 1
        return fault

"""The question before a purchase."""

from __future__ import annotations

import os
import sys
import time
from threading import Thread
from typing import TYPE_CHECKING

from attrs import define
from scrapy.exceptions import IgnoreRequest
from scrapy.utils.defer import maybe_deferred_to_future
from twisted.internet.defer import Deferred

from scrapy_geetest.commands.terminal import write
from scrapy_geetest.exceptions import ChallengeNotReady

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

NO_TERMINAL = "standard input is not a terminal, so nobody can be asked; --yes buys without asking"
DECLINED = "it was declined"
MAX_THINKING = 10.0  # seconds after which a challenge is fetched again, which would grow old otherwise


@define
class Consent:
    """Whether a solution may be bought: asked for once.

    Attributes:
        given: Whether it may, without asking.
        ask: Asks a person; ``None``: there is nobody to be asked.
    """

    given: bool
    ask: Callable[[str], Deferred[str]] | None

    async def obtain(self, service: str) -> None:
        """Return if a solution may be bought.

        Raises:
            ChallengeNotReady: It may, but the answer took long.
            IgnoreRequest: It may not.
        """
        if self.given:
            return
        if self.ask is None:
            raise IgnoreRequest(NO_TERMINAL)
        since = time.monotonic()
        answer = await maybe_deferred_to_future(self.ask(f"Buy one solution from {service}? [y/N] "))
        if answer.strip().lower() not in {"y", "yes"}:
            raise IgnoreRequest(DECLINED)
        self.given = True
        if time.monotonic() - since > MAX_THINKING:
            raise ChallengeNotReady("the challenge is old by now", retry_after=0.0)


def terminal(stream: TextIO) -> Callable[[str], Deferred[str]] | None:
    """What asks on the terminal, with the question on *stream*; ``None``: standard input is none."""
    try:
        number = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else None
    except (OSError, ValueError):
        number = None
    return None if number is None else lambda question: _asked(question, stream, number)


def _asked(question: str, stream: TextIO, number: int) -> Deferred[str]:
    """Ask, without holding up the reactor, which has to see Ctrl-C."""
    from twisted.internet import reactor

    write(question, stream)
    answered: Deferred[str] = Deferred(lambda _: write("\n", stream))  # the crawl is ending

    def tell(line: str) -> None:
        if not answered.called:
            answered.callback(line)

    def read() -> None:
        # Not sys.stdin.readline: Python cannot end while a thread holds that lock.
        try:
            line = os.read(number, 1024).decode("utf-8", "replace")
        except OSError:
            line = ""
        reactor.callFromThread(tell, line)

    Thread(target=read, daemon=True).start()
    return answered

"""What is known of an attempt when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from scrapy_geetest._redaction import tidied, without_credentials
from scrapy_geetest.commands.trial.advice import advise
from scrapy_geetest.commands.trial.endings import Ending

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scrapy import Request
    from scrapy.http import Response

    from scrapy_geetest.commands.trial.observer import Observer, Seen


@define
class Trial:
    """An attempt.

    Attributes:
        request: What is tried.
        observer: Tells of it.
        site: Name of the site that has to be the one.
        ending: How it ended.
        why: In words.
        advice: What to do or to declare, in lines.
    """

    request: Request
    observer: Observer
    site: str | None = None
    ending: Ending = Ending.FAILED
    why: str = "it was interrupted"
    advice: list[str] = field(factory=list)

    @property
    def seen(self) -> Seen:
        """What the attempt has shown."""
        return self.observer.seen

    def end(self, ending: Ending, why: str, page: Response | None = None) -> None:
        """It is over.

        Args:
            ending: How.
            why: In words.
            page: What the spider got where nothing was solved.
        """
        self._set(ending, why)
        self.advice = list(advise(ending, self.seen, page))

    def end_undeclared(self, advice: Iterable[str]) -> None:
        """The address belongs to no site."""
        self._set(Ending.INCOMPLETE, "no site in GEETEST_SITES matches the address, so that a crawl leaves it alone")
        self.advice = list(advice)

    def end_without_crawl(self, why: str) -> None:
        """The crawl did not start."""
        self._set(Ending.FAILED, why)

    def _set(self, ending: Ending, why: str) -> None:
        self.ending, self.why = ending, tidied(without_credentials(why, self.request.url))

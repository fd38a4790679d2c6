"""Answers whose bodies a log lacks, though what they said counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from scrapy_geetest._redaction import is_telling
from scrapy_geetest.commands.inspect.recording.fields import request_fields
from scrapy_geetest.commands.inspect.recording.geetest_calls import V3
from scrapy_geetest.commands.inspect.recording.origins import is_clock, without_clock
from scrapy_geetest.commands.inspect.recording.sessions import is_content

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scrapy_geetest.commands.inspect.har import Exchange
    from scrapy_geetest.commands.inspect.recording.challenge_source import ChallengeSource
    from scrapy_geetest.commands.inspect.recording.origins import Origins
    from scrapy_geetest.commands.inspect.recording.submissions import Submission


@frozen(kw_only=True)
class Gap:
    """An answer without its body.

    Attributes:
        exchange: Its request.
        what: What it may have held, in words.
    """

    exchange: Exchange
    what: str

    @property
    def request(self) -> str:
        """The method and the address."""
        return f"{self.exchange.method} {without_clock(self.exchange.url)}"


def find_gaps(
    exchanges: Sequence[Exchange], submission: Submission, source: ChallengeSource, origins: Origins
) -> tuple[Gap, ...]:
    """The answer to the solution; where the log does not show the challenge, those that may have held it.

    Args:
        exchanges: Of the site.
        submission: The one that counts.
        source: Of the challenge.
        origins: Of values.
    """
    cut = [one for one in exchanges if one.lacks_text and is_content(one)]
    found = [_of_solution(one, exchanges, origins) for one in cut if _answers(one, submission)]
    if source.version == V3 and source.exchange is None:  # the versions of GeeTest
        earlier = [one for one in cut if one.number < submission.exchange.number]
        found += [Gap(exchange=one, what="it may have held the challenge") for one in earlier]
    return tuple(found)


def _answers(one: Exchange, submission: Submission) -> bool:
    return one.number in {submission.exchange.number, submission.final.number}


def _of_solution(cut: Exchange, exchanges: Sequence[Exchange], origins: Origins) -> Gap:
    what = "what tells success is unknown"
    for one in exchanges:
        if one.number > cut.number and (names := list(_unexplained(one, origins))):
            needed = f"{', '.join(names)} of {one.method} {without_clock(one.url).partition('?')[0]}"
            return Gap(exchange=cut, what=f"it may have held {needed}, as in sites with two steps, and {what}")
    return Gap(exchange=cut, what=what)


def _unexplained(one: Exchange, origins: Origins) -> Iterator[str]:
    """Names of values that look like secrets and are in no earlier answer."""
    for field in request_fields(one) if is_content(one) else ():
        if is_telling(field.text) and not is_clock(field, one) and origins.find(field, one.number) is None:
            yield field.name

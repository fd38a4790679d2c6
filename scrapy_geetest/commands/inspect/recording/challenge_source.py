"""Where a recorded visit had gt and challenge, or the captcha_id, from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from scrapy_geetest._pages.register import RegisterError, parse_register
from scrapy_geetest.challenge import Challenge, V3Challenge
from scrapy_geetest.commands.inspect.paths import jmespath_of
from scrapy_geetest.commands.inspect.recording.answers import json_of
from scrapy_geetest.commands.inspect.recording.fields import leaves
from scrapy_geetest.commands.inspect.recording.origins import with_timestamp, without_clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scrapy_geetest.commands.inspect.har import Exchange
    from scrapy_geetest.commands.inspect.recording.geetest_calls import GeetestCall
    from scrapy_geetest.commands.inspect.recording.submissions import Submission

_V3 = 3
_GEN_TIME = 16  # characters that no gen_time has
_LONGER = 2  # characters that a slide adds to its challenge


@frozen(kw_only=True)
class ChallengeSource:
    """Where the parameters came from.

    Attributes:
        version: 3 or 4.
        id: The ``gt`` or ``captcha_id``; empty if the log does not show it.
        id_from: Where it stood, in words.
        exchange: v3: the request whose answer held the challenge. v4: the one whose answer held the id.
        is_page: Whether that answer is the page itself, or none is in the log.
        challenge_url: v3: its address, the clock in it as ``{timestamp}``; ``None``: the page.
        challenge_path: The JMESPath expression to the object with gt and challenge; ``None``: none is needed.
        needs_id: v3: whether the answer does not tell gt, so that the site has to name it.
        extra: Further values of the answer that the plugin keeps with the challenge.
    """

    version: int
    id: str
    id_from: str = ""
    exchange: Exchange | None = None
    is_page: bool = True
    challenge_url: str | None = None
    challenge_path: str | None = None
    needs_id: bool = False
    extra: dict[str, str] = field(factory=dict)


def find_source(
    exchanges: Sequence[Exchange], submission: Submission, calls: Sequence[GeetestCall], page: Exchange | None
) -> ChallengeSource:
    """Find it before *submission*, in *exchanges* of the site."""
    earlier = [one for one in exchanges if one.number < submission.exchange.number and one.text]
    site_id = _id(submission, calls)
    if submission.version != _V3:
        holder = next((one for one in earlier if site_id and site_id in one.text), None)
        return ChallengeSource(
            version=submission.version,
            id=site_id,
            id_from=_id_from(holder, page, site_id),
            exchange=holder,
            is_page=holder is None or holder.is_page,
        )
    sent = submission.solution.get("challenge")
    challenge = _registered(sent.text if sent else "", calls)
    holder = next((one for one in reversed(earlier) if challenge and challenge in one.text), None)
    if holder is None:
        return ChallengeSource(version=_V3, id=site_id, id_from=_id_from(_holder(earlier, site_id), page, site_id))
    return _v3(holder, page, site_id, challenge, _id_from(_holder_of_id(holder, earlier, site_id), page, site_id))


def _holder(earlier: Sequence[Exchange], site_id: str) -> Exchange | None:
    return next((one for one in earlier if site_id and site_id in one.text), None)


def _holder_of_id(holder: Exchange, earlier: Sequence[Exchange], site_id: str) -> Exchange | None:
    return holder if site_id and site_id in holder.text else _holder(earlier, site_id)


def _id(submission: Submission, calls: Sequence[GeetestCall]) -> str:
    """Of the widget whose solution was sent: the last one asked for before it."""
    sent = submission.solution.get("captcha_id")
    if sent:
        return sent.text
    values = submission.values()
    of_solution = [call for call in calls if _is_about(call, values)]
    before = [call for call in calls if call.exchange.number < submission.exchange.number]
    found = of_solution or before or list(calls)
    return found[-1].id if found else ""


def _is_about(call: GeetestCall, values: frozenset[str]) -> bool:
    told = {str(value) for _, value in leaves(call.answer)} | set(call.values.values())
    return any(value in told for value in values if len(value) > _GEN_TIME)  # no gen_time


def _registered(sent: str, calls: Sequence[GeetestCall]) -> str:
    """The challenge that the site handed out for the one that was sent, which may be two characters longer."""
    asked = [call.challenge for call in calls if call.challenge]
    if sent:
        alike = [one for one in asked if one[:-_LONGER] == sent[: len(one) - _LONGER]]
        return min(alike, key=len, default=sent[:32])
    return asked[-1] if asked else ""


def _v3(holder: Exchange, page: Exchange | None, site_id: str, challenge: str, id_from: str) -> ChallengeSource:
    is_page = holder.is_page or (page is not None and holder.url == page.url)
    path, read = _path(holder, site_id, challenge)
    return ChallengeSource(
        version=_V3,
        id=site_id or (read.gt if read else ""),
        id_from=id_from,
        exchange=holder,
        is_page=is_page,
        challenge_url=None if is_page else with_timestamp(holder.url),
        challenge_path=path,
        needs_id=bool(site_id) and (read is None or site_id not in holder.text),
        extra=dict(read.extra) if read else {},
    )


def _path(holder: Exchange, site_id: str, challenge: str) -> tuple[str | None, V3Challenge | None]:
    """The ``challenge_path`` under which the plugin reads just this challenge out of the answer, if any is needed."""
    for path in _paths(holder, site_id, challenge):
        read = _read(holder.text, path, None if site_id in holder.text else site_id)
        if isinstance(read, V3Challenge) and read.challenge == challenge and (not site_id or read.gt == site_id):
            return path, read
    return None, None


def _read(text: str, path: str | None, gt: str | None) -> Challenge | None:
    try:
        return parse_register(text, path=path, version=_V3, gt=gt or None)
    except RegisterError:
        return None


def _paths(holder: Exchange, site_id: str, challenge: str) -> Iterator[str | None]:
    data = json_of(holder)
    places = list(leaves(data)) if data is not None else []
    at_challenge = next((keys for keys, value in places if value == challenge), None)
    at_id = next((keys for keys, value in places if value == site_id), None)
    if at_challenge is None:
        yield None
        return
    if len(at_challenge) == 1:
        yield None
    elif at_id is None or at_id[:-1] == at_challenge[:-1]:
        yield jmespath_of(at_challenge[:-1])
    if at_id is not None:
        yield f"{{gt: {jmespath_of(at_id)}, challenge: {jmespath_of(at_challenge)}}}"
    yield None


def _id_from(holder: Exchange | None, page: Exchange | None, site_id: str) -> str:
    """Where an id stood, in words."""
    if holder is None or not site_id:
        return ""
    if page is not None and (holder.number == page.number or (holder.is_page and holder.url == page.url)):
        return "the page"
    data = json_of(holder)
    keys = next((keys for keys, value in leaves(data) if value == site_id), None) if data is not None else None
    address = f"{holder.method} {without_clock(holder.url)}"
    return f"{address}, {jmespath_of(keys)}" if keys else address

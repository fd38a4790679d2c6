"""Who carries a value of an earlier answer into the request: the challenge's further values, or the spider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from scrapy_geetest.commands.inspect.recording.origins import without_clock
from scrapy_geetest.commands.inspect.recording.parts import CARRIED, TYPED, Part

if TYPE_CHECKING:
    from scrapy_geetest.commands.inspect.har import Exchange
    from scrapy_geetest.commands.inspect.recording.site import RecordedSite

_V3 = 3


@frozen(kw_only=True)
class Extra:
    """A value that comes along with the challenge.

    Attributes:
        part: The value in the submission.
        key: What the challenge's further values call it.
        is_read: Whether the plugin reads it by itself.
    """

    part: Part
    key: str
    is_read: bool


def challenge_exchange(site: RecordedSite) -> Exchange | None:
    """The request that yields what belongs to one challenge; ``None``: the attributes tell it.

    v3: where the challenge came from. v4: a configuration whose answer holds values that the submission repeats.
    """
    source = site.source
    if source.version == _V3:
        return source.exchange
    carried = [part.origin for part in site.parts.all if part.role == CARRIED and part.origin]
    of_json = [
        origin.exchange for origin in carried if origin.kind == "json" and origin.exchange.method in {"GET", "POST"}
    ]
    return of_json[-1] if of_json else None


def extras(site: RecordedSite) -> tuple[Extra, ...]:
    """The values of the submission that come along with the challenge."""
    exchange = challenge_exchange(site)
    if exchange is None or (exchange.is_page and site.plan != "request"):
        return ()
    found = []
    for part in site.parts.all:
        if part.role != CARRIED or not part.origin or not _is_of(part.origin.exchange, exchange):
            continue
        key = str(part.origin.keys[-1]) if part.origin.keys else str(part.field.keys[-1])
        is_read = site.source.version == _V3 and site.source.extra.get(key) == part.field.text
        found.append(Extra(part=part, key=key, is_read=is_read))
    return tuple(found)


def needs_challenge_request(site: RecordedSite) -> bool:
    """Whether no attribute can say how the challenge, or what comes with it, is asked for."""
    exchange = challenge_exchange(site)
    if exchange is None or exchange.is_page or exchange is site.session.withheld:
        return False
    is_v4 = site.source.version != _V3
    return is_v4 or exchange.method != "GET" or any(one.role == CARRIED for one in site.source_parts.all)


def handed_on(site: RecordedSite) -> dict[tuple[str, tuple[str | int, ...]], Part]:
    """Values of earlier answers that hooks need, by place and keys, where only the spider has these answers.

    A request that is solved before it is sent has no page that a hook could read.
    """
    if site.session.withheld is not None or site.plan not in {"request", "steps"}:
        return {}
    own = {(one.part.field.place, one.part.field.keys) for one in extras(site)}
    parts = site.parts.all if site.plan == "steps" else ()
    asked = site.source_parts.all if needs_challenge_request(site) else ()
    found = {(one.field.place, one.field.keys): one for one in parts if one.role == CARRIED and one.origin}
    found = {key: part for key, part in found.items() if key not in own}
    for one in asked:
        if one.role == CARRIED and one.origin:
            found.setdefault((one.field.place, one.field.keys), one)
    return found


def _is_of(one: Exchange, other: Exchange) -> bool:
    return one.method == other.method and without_clock(one.url) == without_clock(other.url)


def fetched_before(site: RecordedSite, parts: tuple[Part, ...], sent: Exchange) -> tuple[Exchange, ...]:
    """The answers that a spider needs before it can send the request *sent*, in order."""
    own = (
        {(one.part.field.place, one.part.field.keys) for one in extras(site)}
        if sent is site.submission.exchange
        else set()
    )
    found: dict[str, Exchange] = {}
    for part in parts:
        origin = part.origin
        if part.role == CARRIED and origin and (part.field.place, part.field.keys) not in own:
            found.setdefault(without_clock(origin.exchange.url), origin.exchange)
    page = site.page
    if page is not None and site.plan in {"request", "steps"} and _needs_its_cookies(page, sent, site):
        found.setdefault(without_clock(page.url), page)
    return tuple(sorted(found.values(), key=lambda one: one.number))


def _needs_its_cookies(page: Exchange, sent: Exchange, site: RecordedSite) -> bool:
    """Whether the page opened the session that the request was sent in; unknown where a log has no cookies at all."""
    if not any((page.set_cookies, sent.cookies, site.submission.exchange.cookies)):
        return site.parts.form is not None
    sent_names = {name for name, _ in sent.cookies}
    return any(name in sent_names for name, _ in page.set_cookies)


def typed(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """What a person typed, or chose."""
    return tuple(part for part in parts if part.role == TYPED)

"""What ``scrapy geetest inspect`` prints of a recorded visit: text, and a stable form as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from scrapy_geetest.commands.inspect.declaration import class_name
from scrapy_geetest.commands.inspect.recording.answers import describe
from scrapy_geetest.commands.inspect.recording.carrying import challenge_exchange
from scrapy_geetest.commands.inspect.recording.geetest_calls import find_calls, of_the_site
from scrapy_geetest.commands.inspect.recording.origins import with_timestamp, without_clock
from scrapy_geetest.commands.inspect.recording.parts import CARRIED, CONSTANT, TYPED, Part
from scrapy_geetest.commands.inspect.recording.site import read_site
from scrapy_geetest.commands.inspect.recording.site_class import challenge_url, class_code, site_urls, submit_as
from scrapy_geetest.commands.inspect.recording.spider_class import spider_code

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scrapy_geetest.commands.inspect.har import Recording
    from scrapy_geetest.commands.inspect.recording.site import RecordedSite

_V3 = 3
_WIDTH = 16
_FEW = 3


@frozen(kw_only=True)
class RecordedVisit:
    """What was read from a HAR file.

    Attributes:
        size: How many requests the log has.
        asked: How many of them asked GeeTest.
        unread: What may have carried the solution: requests whose bodies the log lacks, as method and URL.
        site: What it tells of the site; ``None``: no request of it carried a solution.
    """

    size: int
    asked: int
    unread: tuple[str, ...]
    site: RecordedSite | None

    @property
    def is_challenge(self) -> bool:
        """Whether a CAPTCHA was passed in it."""
        return self.site is not None

    def to_json(self) -> dict[str, Any]:
        """The documented form; ``version`` is ``None`` where no CAPTCHA was passed."""
        if self.site is None:
            return {"kind": "recording", "requests": self.size, "version": None, "problem": self._problem}
        return _site_json(self.site)

    def to_text(self) -> str:
        """For a terminal; what came from the log cannot steer it."""
        lines = _lines(self.site) if self.site else (f"No GeeTest CAPTCHA was passed in this log: {self._problem}.",)
        return "".join(
            character if character.isprintable() or character == "\n" else "\N{REPLACEMENT CHARACTER}"
            for character in "\n".join(lines) + "\n"
        )

    @property
    def _problem(self) -> str:
        asked = (
            f"{self.asked} of its {self.size} requests went to GeeTest"
            if self.asked
            else "none of its requests asked GeeTest"
        )
        if self.unread:
            return f"{asked}, and the log lacks what {', '.join(self.unread[:_FEW])} sent; record with another browser"
        return f"{asked}, and none carried a solution to the site; record the visit until the page behind the CAPTCHA has come"


def read_visit(recording: Recording) -> RecordedVisit:
    """Read a log."""
    exchanges = recording.exchanges
    calls = find_calls(exchanges)
    first = calls[0].exchange.number if calls else len(exchanges)
    later = [one for one in of_the_site(exchanges, calls) if one.number > first and one.lacks_body]
    unread = tuple(f"{one.method} {without_clock(one.url)}" for one in later)
    return RecordedVisit(size=len(exchanges), asked=len(calls), unread=unread, site=read_site(recording))


def _site_json(site: RecordedSite) -> dict[str, Any]:
    source, submission, session = site.source, site.submission, site.session
    id_name = "gt" if source.version == _V3 else "captcha_id"
    return {
        "kind": "recording",
        "requests": site.size,
        "page": site.page_url,
        "version": source.version,
        id_name: source.id or None,
        f"{id_name}_from": source.id_from or None,
        "risk_type": site.risk_type,
        "api_server": site.api_server,
        "challenge_url": challenge_url(site),
        "challenge_path": source.challenge_path,
        "mode": session.mode,
        "why_mode": session.why,
        "submit": {
            "url": submission.target if submission.way == "query" else without_clock(submission.exchange.url),
            "method": submission.exchange.method,
            "way": submission.way,
            "answered": describe(submission.exchange),
        },
        "packed_in": submission.packed_in,
        "field_names": submission.field_names,
        "posted_back": {one.field.name: _from(one, site) for one in site.parts.body if one.role == CARRIED},
        "headers": {one.field.name: _header(one, site) for one in site.parts.headers},
        "typed": [one.field.name for one in site.parts.body if one.role == TYPED],
        "wanted": {"url": with_timestamp(site.wanted_url), "method": session.wanted.method},
        "verify_url": submission.target if session.carried else None,
        "verified_fields": dict(one.entry for one in session.carried),
        **_rules(site),
        "refused_tries": len(site.refused),
        "without_body": [gap.request for gap in site.gaps],
        "other_widgets": [{"version": version, "id": other} for version, other in site.others],
        "urls": site_urls(site),
        "submit_as": submit_as(site) or None,
        "class": class_name(site.page_url),
        "declaration": class_code(site),
        "spider": spider_code(site),
    }


def _rules(site: RecordedSite) -> dict[str, Mapping[str, str]]:
    return {
        "detect": dict(site.detect),
        "accepted": dict(site.verdicts.accepted),
        "refused": dict(site.verdicts.refused),
    }


def _from(part: Part, site: RecordedSite) -> str:
    if part.origin is None:
        return "not in the log"
    told = part.origin.describe(site.page)
    others = [field.text for one in site.refused for field in one.others if field.keys == part.field.keys]
    exchange = challenge_exchange(site)
    is_fresh = part.field.text not in others and bool(others)
    of_challenge = exchange is not None and part.origin.exchange.number == exchange.number and not exchange.is_page
    return f"{told}, another one for each solution" if is_fresh or of_challenge else told


def _header(part: Part, site: RecordedSite) -> str:
    if part.role == CONSTANT:
        return part.field.text
    if part.role == CARRIED:
        return _from(part, site)
    return "the clock" if part.role == "clock" else "its value is not shown, and is not in an earlier answer of the log"


def _lines(site: RecordedSite) -> Iterator[str]:
    told = _site_json(site)
    yield f"A GeeTest v{told['version']} CAPTCHA was passed on {told['page']} ({told['requests']} requests in the log)."
    yield ""
    yield from (f"  {name:<{_WIDTH}}{value}" for name, value in _values(told, site) if value)
    yield from ("", "The site class", "")
    yield from told["declaration"].splitlines()
    yield from ("", "The spider", "")
    yield from told["spider"].splitlines()


def _values(told: Mapping[str, Any], site: RecordedSite) -> Iterator[tuple[str, str]]:
    id_name = "gt" if told["version"] == _V3 else "captcha_id"
    yield "page", told["page"]
    yield (
        id_name,
        (told[id_name] or "not in the log") + (f" (from {told[f'{id_name}_from']})" if told[f"{id_name}_from"] else ""),
    )
    yield "risk_type", told["risk_type"] or ""
    yield "api_server", told["api_server"] or ""
    yield from _challenge(told, site)
    submit = told["submit"]
    ways = {"form": "in a form body", "json": "in a JSON body", "query": "in the query", "headers": "in headers"}
    yield "sent", f"{submit['method']} {submit['url']}, {ways[submit['way']]}; answered {submit['answered']}"
    names = [f"{key}: {name}" for key, name in told["field_names"].items() if name]
    yield "as", ", ".join([*names, *(f"{key}: {field.name}, too" for key, field in site.submission.repeats)])
    yield "packed in", f"{told['packed_in']}, as a string of JSON" if told["packed_in"] else ""
    for title, entries in (("carried along", told["posted_back"]), ("headers", told["headers"])):
        for number, (name, value) in enumerate(entries.items()):
            yield title if number == 0 else " ", f"{name}: {value}"
    yield "typed", ", ".join(told["typed"]) + " (the values are not shown)" if told["typed"] else ""
    for path, name in told["verified_fields"].items():
        yield (
            "second step",
            f"{path} of that answer goes into {told['wanted']['method']} {site.session.wanted.url.partition('?')[0]} as {name}",
        )
    yield "mode", f"{told['mode']}: {told['why_mode']}"
    for kind in ("accepted", "refused"):
        yield kind, ", ".join(f"{attribute} = {selector}" for attribute, selector in told[kind].items())
    if told["refused_tries"]:
        yield "refused tries", f"{told['refused_tries']}; the last success counts"
    for gap in site.gaps:
        yield "not in the log", f"what was answered to {gap.request}: {gap.what}"
    for other in told["other_widgets"]:
        yield "another widget", f"v{other['version']}, {other['id']}"


def _challenge(told: Mapping[str, Any], site: RecordedSite) -> Iterator[tuple[str, str]]:
    exchange = site.source.exchange
    if told["version"] != _V3:
        return
    if exchange is None:
        yield "challenge from", "not in the log"
        return
    address = told["challenge_url"] or without_clock(exchange.url)
    path = f"challenge_path {told['challenge_path']}" if told["challenge_path"] else "no challenge_path is needed"
    yield "challenge from", "the page" if exchange.is_page else f"{exchange.method} {address} ({path})"

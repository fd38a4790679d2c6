"""What a recorded visit tells of a site: all that its class and a spider for it are made of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import frozen

from scrapy_geetest._redaction import shown_url
from scrapy_geetest.commands.inspect.har import http_url
from scrapy_geetest.commands.inspect.reading import site_of
from scrapy_geetest.commands.inspect.recording.answers import (
    Reading,
    Verdicts,
    detection,
    find_verdicts,
    json_of,
)
from scrapy_geetest.commands.inspect.recording.challenge_source import ChallengeSource, find_source
from scrapy_geetest.commands.inspect.recording.fields import Field, request_fields
from scrapy_geetest.commands.inspect.recording.gaps import Gap, find_gaps
from scrapy_geetest.commands.inspect.recording.geetest_calls import (
    V3,
    GeetestCall,
    Known,
    find_calls,
    is_geetests,
    of_the_site,
)
from scrapy_geetest.commands.inspect.recording.origins import Origins
from scrapy_geetest.commands.inspect.recording.parts import TYPED, Classifier, Parts
from scrapy_geetest.commands.inspect.recording.sessions import Session, Typed, find_session
from scrapy_geetest.commands.inspect.recording.submissions import Submission, distinct, find_submissions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scrapy_geetest.commands.inspect.har import Exchange, Recording


_PASSWORD = re.compile(r"passw|passcode|\bpwd\b|[a-z_]pwd\b", re.IGNORECASE)


@frozen(kw_only=True)
class RecordedSite:
    """What was read from a visit.

    Attributes:
        size: How many requests the log has.
        page: That the widget was on, if the log has it.
        page_url: Its address, also where only a Referer tells it.
        submission: The request that carried the solution which counts.
        refused: Those whose solution the site did not take.
        parts: The values of the submission beside the solution.
        source: Where gt and challenge, or the captcha_id, came from.
        session: What the solution opened.
        source_parts: The values of the request that yielded the challenge.
        wanted_parts: The values of the wanted request, where it is another one.
        verdicts: Rules that tell what an answer shows.
        risk_type: Of v4, where the widget said one.
        api_server: Of the widget, where it is not a usual one.
        others: Ids of further widgets that were asked for, with their versions.
        gaps: Answers that would tell more if the log had them.
    """

    size: int
    page: Exchange | None
    page_url: str
    submission: Submission
    refused: tuple[Submission, ...]
    parts: Parts
    source: ChallengeSource
    session: Session
    source_parts: Parts
    wanted_parts: Parts
    verdicts: Verdicts
    risk_type: str | None
    api_server: str | None
    others: tuple[tuple[int, str], ...]
    gaps: tuple[Gap, ...]

    @property
    def plan(self) -> str:
        """How a spider gets there.

        ``"steps"``: the verification's answer goes into its request; ``"page form"``: the form of the withheld page is
        sent; ``"same"``: the withheld request again, with the solution; ``"hook"``: another request opens the withheld
        one; ``"request"``: it sends the submission itself.
        """
        if self.session.carried:
            return "steps"
        withheld, sent = self.session.withheld, self.submission.exchange
        if (
            self.session.mode == "form"
            and any(part.role == TYPED for part in self.parts.body)
            and not self._repeats(withheld)
        ):
            return "request"
        if withheld is None:
            return "request" if self.session.mode == "form" and not self._is_bare_form() else self._gate()
        if self._repeats(withheld):
            return "same"
        return "page form" if self._is_bare_form() else "hook" if sent is not withheld else "request"

    def _gate(self) -> str:
        return "page form" if self._is_bare_form() else "hook"

    @property
    def withheld(self) -> Exchange | None:
        """The request that was withheld, the page with nothing but the form included; ``None``: none was."""
        is_the_page = self.session.mode == "form" and self.plan == "page form"
        return self.session.withheld or (self.page if is_the_page else None)

    @property
    def detect(self) -> Mapping[str, str]:
        """Attribute and selector by which a withheld answer is told; empty: the built-in detection will do."""
        withheld = self.withheld
        if withheld is None:
            return {}
        page = self.page
        if page is not None and withheld.is_redirect and withheld.leads_to == page.url:
            withheld = page
        contents = (self.submission.final, self.session.wanted)
        rest = [one for one in contents if one.text and one is not withheld and one is not self.withheld]
        return detection(withheld, rest)

    def _repeats(self, withheld: Exchange | None) -> bool:
        """Whether the submission is the withheld request once more, with the solution added to it."""
        sent = self.submission.exchange
        if withheld is None or (withheld.method, withheld.url.partition("?")[0]) != (
            sent.method,
            self.submission.target,
        ):
            return False
        before = {(field.place, field.keys) for field in request_fields(withheld)}
        return {(part.field.place, part.field.keys) for part in self.parts.all} <= before

    def _is_bare_form(self) -> bool:
        """Whether the submission is a form of the page that leaves a person nothing to type."""
        form = self.parts.form
        return form is not None and not form.visible and not self.parts.headers

    @property
    def wanted_url(self) -> str:
        """Of the request that a spider makes."""
        if self.plan == "request":
            return self.submission.target
        return shown_url((self.withheld or self.session.wanted).url, self.secrets)

    @property
    def secrets(self) -> frozenset[str]:
        """Values that no address may show."""
        carried = {one.value for one in self.session.carried}
        typed = {part.field.text for part in self.parts.all if part.role == TYPED}
        return frozenset(carried | self.submission.values() | typed)


def read_site(recording: Recording) -> RecordedSite | None:
    """Read what a visit tells; ``None``: no request of it carried a solution of GeeTest's to the site."""
    exchanges = recording.exchanges
    calls = find_calls(exchanges)
    submissions = find_submissions(exchanges, Known.of(calls))
    if not submissions:
        return None
    submission = _that_counts(distinct(submissions))
    page, page_url = _page(recording, submission, calls)
    own = of_the_site(exchanges, calls)
    origins = Origins(own)
    classifier = Classifier(origins=origins, page=page, scripts=_scripts(own, page))
    same_target = [one for one in submissions if one is not submission and one.is_like(submission)]
    others = [{field.name: field.text for field in one.others} for one in same_target]
    parts = classifier.classify(submission.exchange, submission.others, others)
    session = find_session(own, submission, submissions, page_url, _typed(parts))
    refused = tuple(one for one in distinct(submissions) if one.reading is Reading.REFUSED and one is not submission)
    private = frozenset(part.field.text for part in parts.body if part.role == TYPED)
    of_version = [call for call in calls if call.version == submission.version]
    source = find_source(own, submission, of_version, page)
    return RecordedSite(
        size=len(exchanges),
        page=page,
        page_url=shown_url(page_url),
        submission=submission,
        refused=refused,
        parts=parts,
        source=source,
        session=session,
        source_parts=_source_parts(classifier, source, parts),
        wanted_parts=_wanted_parts(classifier, session),
        verdicts=_verdicts(submission, refused, session, page, private),
        risk_type=next((call.risk_type for call in of_version if call.risk_type), None),
        api_server=_server(of_version),
        others=tuple(dict.fromkeys((call.version, call.id) for call in calls if call.id != source.id)),
        gaps=find_gaps(own, submission, source, origins),
    )


def _typed(parts: Parts) -> Typed:
    typed = parts.named(TYPED)
    is_password = any(part.control == "password" or _PASSWORD.search(part.field.name) for part in typed)
    by_control = any(part.control for part in typed)
    return Typed(anything=bool(typed), by_control=by_control, password=is_password)


def _that_counts(submissions: Sequence[Submission]) -> Submission:
    """The last one that the site took; else the last that it did not refuse; else the last."""
    for reading in (Reading.TAKEN, Reading.UNCLEAR):
        if found := [one for one in submissions if one.reading is reading]:
            return found[-1]
    return submissions[-1]


def _page(recording: Recording, submission: Submission, calls: Sequence[GeetestCall]) -> tuple[Exchange | None, str]:
    """The page that the widget was on, and its address."""
    sent = submission.exchange
    pages = [
        one
        for one in recording.exchanges[: sent.number]
        if one.is_page and not is_geetests(one.url) and one.kind not in {"xhr", "fetch"}
    ]
    referer = http_url(sent.header("referer"))
    referers = [url for url in (referer, *(call.exchange.header("referer") for call in calls)) if url]
    sites = {site_of(url) for url in (sent.url, *referers)}
    own = [one for one in pages if site_of(one.url) in sites]
    pages = own or ([] if referers else pages)  # other tabs load pages, too
    by_referer = [one for one in pages if one.url == referer]
    first_call = next(
        (call.exchange.number for call in reversed(calls) if call.exchange.number < sent.number), sent.number
    )
    before_call = [one for one in pages if one.number < first_call]
    found = by_referer or before_call or pages
    if found:
        return found[-1], found[-1].url
    title = next((url for one in recording.titles if (url := http_url(one))), "")
    return None, referer or title or sent.url.partition("?")[0]


def _scripts(exchanges: Sequence[Exchange], page: Exchange | None) -> tuple[str, ...]:
    scripts = [one.text for one in exchanges if "script" in one.media_type]
    return (*([page.text] if page else []), *scripts)


def _source_parts(classifier: Classifier, source: ChallengeSource, parts: Parts) -> Parts:
    """Of the register request; of v4, of the request whose answer the submission repeats values of."""
    carried = [one.origin.exchange for one in parts.all if one.origin and one.origin.kind == "json"]
    exchange = source.exchange if source.version == V3 else carried[-1] if carried else None  # the versions of GeeTest
    return classifier.classify(exchange, request_fields(exchange)) if exchange else Parts(all=(), form=None)


def _wanted_parts(classifier: Classifier, session: Session) -> Parts:
    if not session.carried:
        return Parts(all=(), form=None)
    names = {(one.place, one.name) for one in session.carried}
    fields: list[Field] = [one for one in request_fields(session.wanted) if (one.place, one.name) not in names]
    return classifier.classify(session.wanted, fields)


def _verdicts(
    submission: Submission,
    refused: Sequence[Submission],
    session: Session,
    page: Exchange | None,
    private: frozenset[str],
) -> Verdicts:
    taken = session.wanted if session.carried else submission.final
    others = [one for one in (page, session.withheld) if one is not None and one is not taken]
    verdicts = find_verdicts(taken, [one.final for one in refused], others, private)
    if session.mode == "gate" and json_of(taken) is None:
        return Verdicts(refused=verdicts.refused)  # the withheld page, asked for again, is the evidence
    return verdicts


def _server(calls: Sequence[GeetestCall]) -> str | None:
    """The widget's API server, where none of the calls went to a usual one."""
    servers = {call.server for call in calls}
    return None if None in servers else min(filter(None, servers), default=None)

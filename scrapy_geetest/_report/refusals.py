"""The attempts that were refused or are unverified, with their evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_geetest._report.attempts import REFUSED, UNVERIFIED
from scrapy_geetest._report.html import element, foreign, joined
from scrapy_geetest._report.tables import facts, folded
from scrapy_geetest._report.words import clock, moment, number, some

if TYPE_CHECKING:
    from scrapy_geetest._report.attempts import Attempt, Kind
    from scrapy_geetest._report.history import History
    from scrapy_geetest._report.html import Html

_OTHERS = "Others of many kinds"
_TITLES = {REFUSED: "Refused by", UNVERIFIED: "Unverified at"}


def refusals(history: History) -> Html | None:
    """Grouped by what they came to, the most frequent first."""
    attempts = history.attempts
    if not attempts.count:
        return None
    shown = (
        "Every one of them is below"
        if attempts.kept == attempts.count
        else f"{number(attempts.kept)} of {number(attempts.count)} are below, some of each kind"
    )
    intro = f"{shown}, with what was sent and what the site answered. Values are shortened, and nothing here can be used again."
    groups = sorted(attempts.kinds.items(), key=lambda one: -one[1].count)
    return element(
        "section",
        element("h2", "Refused and unverified solutions"),
        element("p", intro),
        *(_group(key, kind) for key, kind in groups),
        id="attempts",
    )


def _group(key: tuple[str, str, str, int], kind: Kind) -> Html:
    site, outcome, _, status = key
    rule = kind.kept[0].rule if kind.kept and outcome else ""
    title = (
        joined(
            element("span", _TITLES[outcome], class_=f"badge {outcome}"),
            " ",
            foreign(site),
            f": {some(kind.count, 'solution')}",
        )
        if outcome
        else joined(f"{_OTHERS}: {number(kind.count)}")
    )
    answered = f"status {status}" if status else "no answer"
    period = f"first {moment(kind.first)}" + (f", last {moment(kind.last)}" if kind.count > 1 else "")
    kept = f"; {some(len(kind.kept), 'is', 'are')} shown" if len(kind.kept) < kind.count else ""
    attempts = sorted(kind.kept, key=lambda one: one.at)
    return element(
        "section",
        element("h3", title),
        element("p", foreign(rule), f" ({answered})") if outcome else None,
        element("p", f"{period}{kept}", class_="note"),
        *(_attempt(attempt) for attempt in attempts),
        class_=f"group {outcome}".strip(),
    )


def _attempt(attempt: Attempt) -> Html:
    fields = [
        element("li", f"{place} ", element("code", name), " = ", element("code", value))
        for place, name, value in attempt.fields
    ]
    beside = element("span", *_codes(attempt.beside)) if attempt.beside else None
    answer = f"status {attempt.status} from " if attempt.status else ""
    return folded(
        joined(element("time", clock(attempt.at)), " ", foreign(attempt.page or attempt.site)),
        facts(
            [
                ("Page", foreign(attempt.page) if attempt.page else None),
                ("Challenge from", attempt.source),
                ("Task", f"{attempt.task} at {attempt.service}, solution {attempt.number} for this request"),
                ("Sent to", attempt.sent_to),
                ("Solution in", element("ul", *fields) if fields else None),
                ("Other fields", beside),
                ("Answer", joined(answer, foreign(attempt.answered_by)) if answer else "none"),
                ("Words in it", element("q", foreign(attempt.words)) if attempt.words else None),
                ("Verdict", joined(f"{attempt.outcome}: ", foreign(attempt.rule))),
            ]
        ),
    )


def _codes(names: tuple[str, ...]) -> list[Html]:
    return [joined(", " if at else "", element("code", name)) for at, name in enumerate(names)]

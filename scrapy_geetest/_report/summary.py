"""The top of the page: whose crawl, what it came to, and what needs attention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_geetest._report.causes import FAILED, REFUSED
from scrapy_geetest._report.html import element, foreign, joined
from scrapy_geetest._report.outcomes import Totals, cost_of
from scrapy_geetest._report.words import duration, moment, number, period, share, some
from scrapy_geetest._services.errors import ADVICE, CLOSE_REASONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy_geetest._report.history import History
    from scrapy_geetest._report.html import Child, Html

_MANY = 0.05  # of the solutions that were sent


def header(history: History, totals: Totals, now: float) -> Html:
    """Name, time and one sentence."""
    run, runs = history.run, sum(one.runs for one in history.runs)
    of_all = f"{some(runs, 'run')}; the last one from " if runs > 1 else ""
    if run.reason:
        when = f"{of_all}{period(run.started, run.ended)} ({duration(run.seconds)})"
        state = element("span", f"ended: {run.reason}", class_=f"state {_class_of(run.reason)}")
    else:
        when = f"{of_all}{moment(run.started)}, {duration(run.seconds)} so far"
        state = element("span", f"running when this was written, {moment(now)}", class_="state running")
    return element(
        "header",
        element("p", "GeeTest report", class_="eyebrow"),
        element("h1", foreign(history.spider)),
        element("p", when, " ", state, class_="when"),
        element("p", _sentence(history, totals), class_="lead"),
    )


def tiles(history: History, totals: Totals) -> Html:
    """The figures that most people come for."""
    tally = totals.tally
    shown: list[tuple[str, Child, str]] = [
        ("Bought", number(totals.bought), "tasks at the service"),
        ("Cost", cost_of(history, totals), "as the service reports it"),
        ("Accepted", number(tally.accepted), f"{share(tally.accepted, totals.sent)} of those sent"),
        ("Refused", number(tally.refused), f"{share(tally.refused, totals.sent)} of those sent"),
        ("Unverified", number(tally.unverified), "sent, outcome not known"),
        ("Unused", number(tally.unused), "paid for, never sent"),
        ("Given up", number(totals.value("gave_up")), "requests without their page"),
        ("Withheld", number(totals.value("detected")), "challenge pages met"),
    ]
    return element(
        "dl",
        *(
            element("div", element("dt", name), element("dd", value), element("dd", note, class_="note"))
            for name, value, note in shown
        ),
        class_="tiles",
    )


def attention(history: History, totals: Totals) -> Html:
    """What somebody should look at, if anything."""
    notes = list(_notes(history, totals))
    body = element("ul", *(element("li", note) for note in notes), class_="notes") if notes else None
    calm = element("p", "Nothing needs your attention.", class_="calm") if not notes else None
    return element("section", element("h2", "What needs attention"), body, calm)


def _sentence(history: History, totals: Totals) -> str:
    tally = totals.tally
    if not totals.bought:
        detected = totals.value("detected")
        met = f"{some(detected, 'challenge page')} met" if detected else "No challenge page was met"
        return f"{met}; nothing was bought."
    bought = f"{some(totals.bought, 'task was', 'tasks were')} bought for {cost_of(history, totals)}."
    if not totals.sent:
        return f"{bought} No solution was sent to a site{' so far' if not history.run.reason else ''}."
    if tally.accepted == totals.sent:
        took = f"The sites accepted {'the one solution' if totals.sent == 1 else f'all {number(totals.sent)} solutions'} that they were sent."
    else:
        took = f"Of {some(totals.sent, 'solution')} sent, the sites accepted {number(tally.accepted)} and refused {number(tally.refused)}."
        if tally.unverified:
            took += f" Whether they took the other {number(tally.unverified)} is not known."
    return f"{bought} {took}"


def _notes(history: History, totals: Totals) -> Iterator[Child]:
    tally, reason = totals.tally, history.run.reason
    if reason in CLOSE_REASONS.values():
        seen = (one.code for one in history.causes.of(REFUSED, FAILED))
        code = next((code for code in (*seen, *CLOSE_REASONS) if CLOSE_REASONS.get(code) == reason), "")
        yield joined(element("strong", f"The spider was closed: {reason}."), f" {ADVICE[code]}")
    if tally.refused > _MANY * totals.sent:
        told = f"{some(tally.refused, 'solution was', 'solutions were')} refused ({share(tally.refused, totals.sent)})."
        yield joined(
            element("strong", told), " They are paid for. ", _link("attempts", "See what the sites answered"), "."
        )
    if tally.unverified:
        told = f"{some(tally.unverified, 'solution is', 'solutions are')} unverified."
        rules = joined(element("code", "accepted_…"), " and ", element("code", "refused_…"))
        cure = joined(" Declare ", rules, " of the site, so that its answers show what became of them. ")
        yield joined(element("strong", told), cure, _link("attempts", "See the answers"), ".")
    wasted = tally.unused + tally.abandoned
    if wasted:
        told = f"{some(wasted, 'task was', 'tasks were')} paid for, and no solution was sent."
        yield joined(element("strong", told), " ", _link("failures", "See why"), ".")
    if gave_up := totals.value("gave_up"):
        told = f"{some(gave_up, 'request')} ended without {'its page' if gave_up == 1 else 'their pages'}."
        yield joined(element("strong", told), " ", _link("failures", "See the causes"), ".")
    if undeclared := totals.value("undeclared"):
        told = f"{some(undeclared, 'page')} with a GeeTest widget {'belongs' if undeclared == 1 else 'belong'} to no declared site."
        yield joined(element("strong", told), " They were left alone; the log names the first of each host.")


def _link(section: str, text: str) -> Html:
    return element("a", text, href=f"#{section}")


def _class_of(reason: str) -> str:
    return "good" if reason == "finished" else "bad" if reason.startswith("geetest_") else "running"

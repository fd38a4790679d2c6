"""How long solutions took, and what waiting for them cost the crawl."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_geetest._report.charts import area, bars
from scrapy_geetest._report.html import element, foreign, joined
from scrapy_geetest._report.tables import folded, table
from scrapy_geetest._report.timeline import Span
from scrapy_geetest._report.words import duration, number, share, some

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scrapy_geetest._report.distribution import Distribution
    from scrapy_geetest._report.history import History
    from scrapy_geetest._report.html import Html
    from scrapy_geetest._report.outcomes import Totals

_ROWS = 24
_MINUTE = 60


def solve_times(history: History, totals: Totals) -> Html | None:
    """A distribution for each service."""
    if not history.times:
        return None
    solved, waited, most = (totals.value(name) for name in ("tasks_solved", "solve_ms", "solve_ms_max"))
    told = (
        f"{some(solved, 'solution')} took {duration(waited / 1000 / max(1, solved))} on average, the slowest "
        f"{duration(most / 1000)}."
    )
    several = len(history.times) > 1
    return element(
        "section",
        element("h2", "How long solutions took"),
        element("p", told),
        *(_distribution(service if several else "", times) for service, times in sorted(history.times.items())),
    )


def _distribution(service: str, times: Distribution) -> Html:
    shown = times.bars()
    half, most = times.share(0.5), times.share(0.9)
    said = f"Half of the solutions came within {duration(half)}, nine of ten within {duration(most)}."
    rows = ([f"{bar.start:g} to {bar.end:g} s", number(bar.count)] for bar in shown)
    return element(
        "figure",
        element("h3", foreign(service)) if service else None,
        bars([bar.count for bar in shown], f"Solve times from {shown[0].start:g} to {shown[-1].end:g} seconds. {said}"),
        element("div", *_axis([f"{shown[0].start:g} s", f"{shown[-1].end:g} s"]), class_="axis"),
        element("figcaption", said),
        folded("The same as a table", table("Solve times", ("Time", "Solutions"), rows)),
    )


def over_time(history: History, totals: Totals) -> Html:
    """Pages and waiting requests of the last run, and what the waiting came to in all of them."""
    most = totals.value("parked_max")
    told = element("section", element("h2", "What waiting cost" if most else "Pages"), _told(history, most))
    spans, width = history.timeline.spans, history.timeline.width
    if not spans:
        return told
    is_one = len(history.runs) == 1 and history.run.runs == 1
    subject = "Pages and waiting" if most else "Pages over time"
    charts = [_pages(spans, width), _waits(spans, width)] if most else [_pages(spans, width)]
    return joined(
        told,
        element(
            "section",
            element("h3", subject if is_one else f"{subject} in the last run"),
            *charts,
            folded("The same as a table", _as_table(spans, width)),
            class_="more",
        ),
    )


def _pages(spans: Sequence[Span], width: float) -> Html:
    told = f"up to {_rate(max(span.pages for span in spans), width)}"
    drawn = bars([span.pages for span in spans], f"Pages over time, {told}", "pages")
    return element("figure", element("figcaption", f"Pages that came: {told}"), drawn, _from_start(spans, width))


def _waits(spans: Sequence[Span], width: float) -> Html:
    told = f"up to {number(max(span.most for span in spans))} when counted"
    drawn = area([span.most for span in spans], f"Waiting requests over time, {told}", "waits")
    title = f"Requests that waited for solutions: {told}"
    return element("figure", element("figcaption", title), drawn, _from_start(spans, width))


def _from_start(spans: Sequence[Span], width: float) -> Html:
    whole = len(spans) * width
    return element("div", *_axis(["start", duration(whole / 2), duration(whole)]), class_="axis")


def _rate(pages: int, width: float) -> str:
    """Pages in a span, by the minute where that is shorter."""
    if width >= _MINUTE:
        return f"{number(pages / width * _MINUTE)} a minute"
    return f"{number(pages)} in {width:g} s"


def _told(history: History, most: int) -> Html:
    pages, waited, idle, seconds = (
        sum(getattr(run, name) for run in history.runs) for name in ("pages", "waited", "idle", "seconds")
    )
    came = f"{some(pages, 'page')} came in {duration(seconds)}."
    if not most:
        return element("p", f"No request waited for a solution. {came}")
    stood = (
        f"For {duration(idle)} of {duration(seconds)} ({share(round(idle * 10), round(seconds * 10))}) there was nothing else to "
        "download: this is what waiting added to the crawl, at most."
        if idle
        else "Meanwhile there was always something else to download, so waiting hardly added to the crawl."
    )
    waited_in_all = f"At most {some(most, 'request')} waited at once, and all of them together for {duration(waited)}."
    return joined(
        element("p", f"{waited_in_all} {stood}"),
        element("p", f"{came} What waits is counted once a second.", class_="note"),
    )


def _as_table(spans: Sequence[Span], width: float) -> Html:
    together = -(-len(spans) // _ROWS)
    rows = []
    for at in range(0, len(spans), together):
        span = sum(spans[at : at + together], Span())
        rows.append([duration(at * width), number(span.pages), number(span.most), duration(span.idle)])
    return table("Over time", ("From", "Pages", "Most waiting", "Nothing else to do"), rows)


def _axis(labels: list[str]) -> list[Html]:
    return [element("span", label) for label in labels]

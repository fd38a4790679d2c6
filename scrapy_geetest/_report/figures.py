"""All statistics, and those of each run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_geetest._report.html import element, foreign
from scrapy_geetest._report.tables import folded, table
from scrapy_geetest._report.words import duration, moment, number
from scrapy_geetest.stats import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy_geetest._report.history import History, Run
    from scrapy_geetest._report.html import Child, Html
    from scrapy_geetest._report.outcomes import Totals

_OF_A_RUN = ("tasks_created", "accepted", "rejected", "unverified", "unused", "gave_up")


def runs(history: History) -> Html | None:
    """One row for each run of a crawl that was stopped and went on."""
    if len(history.runs) == 1 and history.run.runs == 1:
        return None
    head = (
        "Run",
        "Begun",
        "Took",
        "Ended",
        "Pages",
        "Bought",
        "Accepted",
        "Refused",
        "Unverified",
        "Unused",
        "Given up",
    )
    rows: list[list[Child]] = []
    number_of_next = 1
    for run in history.runs:
        last = number_of_next + run.runs - 1
        name = f"{number_of_next}" if run.runs == 1 else f"{number_of_next} to {last}"
        rows.append([name, *_run(run, is_last=run is history.run)])
        number_of_next = last + 1
    return element("section", element("h2", "Runs"), table("The crawl was stopped and went on (JOBDIR)", head, rows))


def _run(run: Run, *, is_last: bool) -> list[Child]:
    return [
        moment(run.started),
        duration(run.seconds),
        foreign(run.reason or ("goes on" if is_last else "not seen")),
        number(run.pages),
        *(number(run.figures.get(stat, 0)) for stat in _OF_A_RUN),
    ]


def all_figures(totals: Totals) -> Html:
    """Every statistic by its name, to be compared with the log's."""
    rows: Iterator[list[Child]] = (
        [element("code", f"{PREFIX}{name}"), value] for name, value in sorted(totals.figures.items())
    )
    return element(
        "section",
        element("h2", "All figures"),
        element(
            "p",
            "As Scrapy's statistics have them; what each means is in the reference of scrapy-geetest.",
            class_="note",
        ),
        folded("Show all figures", table("Statistics", ("Name", "Value"), rows), class_="figures"),
    )

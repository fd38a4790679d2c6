"""The page: one file that loads nothing from elsewhere and runs no script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_geetest._report.failures import failures
from scrapy_geetest._report.figures import all_figures, runs
from scrapy_geetest._report.html import Html, element, joined
from scrapy_geetest._report.outcomes import Totals
from scrapy_geetest._report.refusals import refusals
from scrapy_geetest._report.spending import costs, outcomes
from scrapy_geetest._report.style import STYLE
from scrapy_geetest._report.summary import attention, header, tiles
from scrapy_geetest._report.waiting import over_time, solve_times
from scrapy_geetest._report.words import moment
from scrapy_geetest._version import __version__

if TYPE_CHECKING:
    from scrapy_geetest._report.history import History

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page_of(history: History, now: float) -> str:
    """The report as HTML.

    Args:
        history: What it shows.
        now: When it is written, in seconds since 1970.
    """
    totals = Totals.of(history)
    main = element(
        "main",
        header(history, totals, now),
        tiles(history, totals),
        attention(history, totals),
        outcomes(totals),
        costs(history, totals),
        solve_times(history, totals),
        over_time(history, totals),
        refusals(history),
        failures(history),
        runs(history),
        all_figures(totals),
    )
    made = f"Written {moment(now)} by scrapy-geetest {__version__}. It holds no keys, cookies or passwords."
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"GeeTest report: {history.spider}"),
        element("style", Html(STYLE)),
    )
    body = element("body", main, element("footer", element("p", made)))
    return joined(Html("<!DOCTYPE html>\n"), element("html", head, body, lang="en"))

"""What went wrong, by cause, with what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_geetest._report import causes
from scrapy_geetest._report.html import element, foreign
from scrapy_geetest._report.tables import table
from scrapy_geetest._report.words import number

if TYPE_CHECKING:
    from scrapy_geetest._report.history import History
    from scrapy_geetest._report.html import Html

_GROUPS = (
    ("Requests that ended without their page", (causes.REQUESTS,)),
    ("Calls to the service that created no task", (causes.REFUSED,)),
    ("Tasks that the service did not solve", (causes.FAILED,)),
    ("Paid for and never sent", (causes.ABANDONED, causes.UNUSED)),
)


def failures(history: History) -> Html | None:
    """One table for each kind of failure."""
    tables = [
        table(
            title,
            ("Cause", "How often", "What to do", "For example"),
            ([foreign(one.code), number(one.count), one.cure, foreign(one.example)] for one in found),
            numbers=False,
        )
        for title, kinds in _GROUPS
        if (found := history.causes.of(*kinds))
    ]
    return element("section", element("h2", "Failures and what to do"), *tables, id="failures") if tables else None

"""Tables that become cards on a narrow page, and stay tables for a screen reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_geetest._report.html import Html, element, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scrapy_geetest._report.html import Child


def table(caption: str, headers: Sequence[str], rows: Iterable[Sequence[Child]], *, numbers: bool = True) -> Html:
    """A table whose first column names the rows.

    Args:
        caption: What it shows.
        headers: Of the columns.
        rows: As many cells as there are headers; ``None``: an empty one.
        numbers: Whether all but the first column are numbers.
    """
    head = (element("th", header, scope="col", role="columnheader") for header in headers)
    return element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *head, role="row"), role="rowgroup"),
        element("tbody", *(_row(headers, row) for row in rows), role="rowgroup"),
        role="table",
        class_="numbers" if numbers else None,
    )


def facts(pairs: Iterable[tuple[str, Child]]) -> Html:
    """Names and what is known of them; what is empty is left out."""
    return element(
        "dl",
        *(joined(element("dt", name), element("dd", value)) for name, value in pairs if value not in ("", None)),
        class_="facts",
    )


def folded(summary: Child, *children: Child, class_: str | None = None) -> Html:
    """What is shown when somebody asks for it."""
    return element("details", element("summary", summary), *children, class_=class_)


def _row(headers: Sequence[str], row: Sequence[Child]) -> Html:
    first, *rest = row
    cells = (
        element(
            "td", "" if cell is None else cell, role="cell", data_label=header, class_="zero" if cell == "0" else None
        )
        for header, cell in zip(headers[1:], rest, strict=True)
    )
    return element("tr", element("th", first, scope="row", role="rowheader"), *cells, role="row")

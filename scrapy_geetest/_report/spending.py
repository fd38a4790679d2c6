"""What became of what was bought, and what it cost, by site and by service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_geetest._report.charts import stack
from scrapy_geetest._report.html import element, foreign
from scrapy_geetest._report.outcomes import WORDS, Totals
from scrapy_geetest._report.tables import table
from scrapy_geetest._report.tallies import NAMES, NOWHERE, Tally
from scrapy_geetest._report.words import money, number, share, some

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scrapy_geetest._report.history import History
    from scrapy_geetest._report.html import Child, Html

SITES = 50
"""Sites that have a row of their own."""

_COLUMNS = ("accepted", "refused", "unverified", "unused", "failed", "abandoned")


def outcomes(totals: Totals) -> Html | None:
    """One bar, and the same in words."""
    if not totals.bought:
        return None
    parts = [(name, count) for name, count in totals.outcomes if count]
    spoken = ", ".join(f"{number(count)} {WORDS[name][0].lower()}" for name, count in parts)
    legend = (
        element(
            "li",
            element("span", class_=f"key {name}"),
            element("strong", f"{number(count)} {WORDS[name][0].lower()}"),
            f" ({share(count, totals.bought)})",
            element("span", WORDS[name][1], class_="note"),
        )
        for name, count in parts
    )
    return element(
        "section",
        element("h2", "What became of the tasks"),
        stack(parts, f"Of {some(totals.bought, 'task')}: {spoken}"),
        element("ul", *legend, class_="legend"),
    )


def costs(history: History, totals: Totals) -> Html | None:
    """By site, and by service where there are several."""
    if not totals.bought:
        return None
    rest = _rest(history, totals)
    sites = dict(history.tallies.by_site())
    elsewhere = sites.pop(NOWHERE, Tally()) + rest
    rows = [_row(foreign(name), tally, _site_cost(history, name)) for name, tally in list(sites.items())[:SITES]]
    rows += _joint_row(history, list(sites)[SITES:])
    if elsewhere != Tally():
        rows.append(_row("not seen by this process", elsewhere, money(elsewhere.cost, _only_currency(history))))
    head = ("Site", "Bought", *(WORDS[name][0] for name in _COLUMNS), "Cost")
    parts = [element("h2", "Cost"), table("By site", head, rows)]
    if len(history.currencies) > 1:
        by_service = history.tallies.by_service()
        of_services = (
            _row(foreign(name), by_service.get(name, Tally()), money(by_service.get(name, Tally()).cost, currency))
            for name, currency in history.currencies.items()
        )
        parts.append(table("By solving service", ("Service", *head[1:]), of_services))
    parts.append(
        element(
            "p",
            "The cost is what came with the solutions. Tasks that failed or were abandoned may be on the bill as well.",
            class_="note",
        )
    )
    return element("section", *parts)


def _row(name: Child, tally: Tally, cost: str) -> list[Child]:
    return [name, number(tally.bought), *(number(getattr(tally, column)) for column in _COLUMNS), cost]


def _joint_row(history: History, sites: list[str]) -> Iterator[list[Child]]:
    """The sites that have no row of their own."""
    if sites:
        by_site = history.tallies.by_site()
        together = sum((by_site[name] for name in sites), Tally())
        yield _row(
            f"{some(len(sites), 'more site')}",
            together,
            _sum([history.tallies.of_site(name) for name in sites], history),
        )


def _site_cost(history: History, site: str) -> str:
    return _sum([history.tallies.of_site(site)], history)


def _sum(sites: list[dict[str, Tally]], history: History) -> str:
    sums: dict[str, int] = {}
    for of_site in sites:
        for service, tally in of_site.items():
            currency = history.currencies.get(service, "")
            sums[currency] = sums.get(currency, 0) + tally.cost
    paid: Mapping[str, int] = {currency: cost for currency, cost in sums.items() if cost}
    return " + ".join(money(cost, currency) for currency, cost in paid.items()) or money(0, _only_currency(history))


def _only_currency(history: History) -> str:
    named = set(history.currencies.values())
    return named.pop() if len(named) == 1 else ""


def _rest(history: History, totals: Totals) -> Tally:
    """What the statistics have and no site: another process keeps its figures in the same place, say."""
    seen = history.tallies.total()
    return Tally(*(max(0, getattr(totals.tally, name) - getattr(seen, name)) for name in NAMES))

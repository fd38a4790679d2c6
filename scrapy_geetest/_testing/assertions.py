"""Assertions that read well: each returns what is true if it holds, and else says why it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy_geetest._testing.crawl import Crawl


@frozen(repr=False)
class Finding:
    """The outcome of an assertion: true if nothing speaks against it."""

    claim: str
    against: tuple[str, ...]

    def __bool__(self) -> bool:
        return not self.against

    def __repr__(self) -> str:
        return f"<not {self.claim}: {'; '.join(self.against)}>" if self.against else f"<{self.claim}>"


def solved(crawl: Crawl, tasks: int | None = None) -> Finding:
    """Whether the crawl got past every check: solutions were accepted, none stayed unverified, no request was given up.

    Args:
        crawl: What ``geetest_crawl`` returned.
        tasks: How many tasks were created for it; ``None``: any number.
    """
    return Finding("solved", tuple(_against_solved(crawl, tasks)))


def failed(crawl: Crawl, kind: str | type[BaseException], tasks: int | None = None) -> Finding:
    """Whether a request ended in an error of that class, or of one derived from it.

    Args:
        crawl: What ``geetest_crawl`` returned.
        kind: The class, or its name: ``"SolutionRejected"``.
        tasks: How many tasks were created; ``None``: any number.
    """
    name = kind if isinstance(kind, str) else kind.__name__
    seen = [str(error) for error in crawl.errors]
    against = () if any(name in error.kind for error in crawl.errors) else (_errors(seen),)
    return Finding(f"failed with {name}", (*_wrong_number(crawl, tasks), *against))


def untouched(crawl: Crawl) -> Finding:
    """Whether nothing was bought and no request was given up."""
    return Finding("untouched", (*_wrong_number(crawl, 0), *_given_up(crawl)))


def _against_solved(crawl: Crawl, tasks: int | None) -> Iterator[str]:
    stats = crawl.stats
    yield from _wrong_number(crawl, tasks)
    yield from _given_up(crawl)
    if unverified := stats.get("unverified", 0):
        yield f"{_counted(unverified, 'answer')} showed neither acceptance nor refusal: declare accepted_... or refused_..."
    accepted = stats.get("accepted", 0)
    if not accepted and not unverified:
        yield f"no solution was accepted, {stats.get('rejected', 0)} refused, {stats.get('detected', 0)} challenges seen"
    seen = sum(site.get("accepted", 0) for site in crawl.books["submissions"].values())
    if accepted > seen:
        yield f"{accepted} accepted by the statistics, {seen} by the books of the sandbox"


def _wrong_number(crawl: Crawl, tasks: int | None) -> Iterator[str]:
    created = crawl.stats.get("tasks_created", 0)
    if tasks is not None and created != tasks:
        yield f"{_counted(created, 'task')} created instead of {tasks}"


def _given_up(crawl: Crawl) -> Iterator[str]:
    if gave_up := crawl.stats.get("gave_up", 0):
        seen = [str(error) for error in crawl.errors if "GeetestError" in error.kind]
        yield f"{_counted(gave_up, 'request')} given up, {_errors(seen)}"


def _errors(seen: list[str]) -> str:
    return f"the first error is {seen[0]}" if seen else "without an error"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

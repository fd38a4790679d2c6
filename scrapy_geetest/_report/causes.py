"""What went wrong, by cause: how often, what to do about it, and one example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import asdict, define, evolve, field

if TYPE_CHECKING:
    from collections.abc import Iterable

REQUESTS, REFUSED, FAILED, ABANDONED, UNUSED = "requests", "refused", "failed", "abandoned", "unused"
"""Requests that were given up; tasks that no service took; tasks that failed; tasks and solutions that came to nothing."""
MOST = 60
"""Causes that are told apart."""

_CURES = {
    (
        REQUESTS,
        "challenge",
    ): "Correct challenge_url, challenge_path or the hooks of the site: it gave no challenge that could be solved.",
    (
        REQUESTS,
        "submission",
    ): "Set submit_as, send the form request itself with geetest=True in its meta, or add the host that it goes to to urls.",
    (REQUESTS, "solve"): "See the error code of the solving service, in this table and in the example.",
    (
        REQUESTS,
        "rejected",
    ): "Look at the refused attempts above: their answers say why. scrapy geetest try shows each step for one page.",
    (
        REQUESTS,
        "budget",
    ): "Raise GEETEST_MAX_SOLVES, GEETEST_BUDGET or GEETEST_SITE_BUDGET, or wait. Nothing was paid for these.",
    (
        REQUESTS,
        "breaker",
    ): "Find the first failure of this site: after several in a row, purchases for it are paused (GEETEST_BREAKER_FAILURES).",
    (REQUESTS, "stopped"): "Nothing to do: the crawl ended before these were solved.",
    (REQUESTS, "error"): "The example names the hook of the site and its exception.",
}
_PAID = {
    ABANDONED: "These tasks are paid for. Let the crawl end by itself, or stop it once (Ctrl-C), so that they are waited for.",
    UNUSED: "These solutions are paid for. Lower GEETEST_MAX_CONCURRENT_SOLVES or the delay of the site if they grow too old.",
}


def cure_of(kind: str, code: str) -> str:
    """What to do about a cause of the plugin's own; a service's code comes with its advice."""
    return _CURES.get((kind, code)) or _PAID.get(kind, "")


@define
class Cause:
    """A cause.

    Attributes:
        kind: What it ended: one of the words above.
        code: A reason for giving up, an error code, or a sentence.
        cure: What to do about it.
        example: What was said the first time.
        count: How often it was met.
    """

    kind: str
    code: str
    cure: str
    example: str
    count: int = 0


@define(eq=False)
class Causes:
    """A bounded number of causes; those beyond count as one more."""

    _of: dict[tuple[str, str], Cause] = field(factory=dict)

    def add(self, kind: str, code: str, example: str, cure: str = "") -> None:
        """It happened once more."""
        if (kind, code) not in self._of and len(self._of) >= MOST:
            code, example, cure = "others", "", "See the log."
        cause = self._of.setdefault((kind, code), Cause(kind, code, cure or cure_of(kind, code), example))
        cause.count += 1

    def of(self, *kinds: str) -> list[Cause]:
        """Those of some kinds, the most frequent first."""
        return sorted((one for one in self._of.values() if one.kind in kinds), key=lambda one: -one.count)

    def copy(self) -> Causes:
        """As they are at this moment."""
        return Causes({key: evolve(cause) for key, cause in self._of.items()})

    def to_json(self) -> list[Any]:
        """As plain data."""
        return [asdict(cause) for cause in self._of.values()]

    @classmethod
    def from_json(cls, data: Iterable[Any]) -> Causes:
        """Read what :meth:`to_json` made."""
        return cls({(one["kind"], one["code"]): Cause(**one) for one in data})

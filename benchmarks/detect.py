"""What does it cost to tell that a page has nothing to do with GeeTest, and what to read one that has?"""

from __future__ import annotations

import json
import random
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

from attrs import frozen
from parsel import Selector

from benchmarks.detect_pages import HOSTILE, MENTIONS, ORDINARY
from benchmarks.detect_peer import NAME, Peer, look, looks_like_id
from benchmarks.report import Ratio, Table
from scrapy_geetest._pages.widget import find_widgets, may_carry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

SHARED = Path(__file__).parents[2] / "shared" / "pages"
"""Saved pages of public repositories, where they are beside the project."""

WITH, WITHOUT = "saved, with a widget", "saved, without"

METHOD = """\
Microseconds a page. Ordinary pages: {variants} of each kind, {size} bytes each, made at random from one seed; they take turns,
so that no page is still known to the processor when it comes again, and the best of {repeats} rounds counts. Saved pages: each
by itself, the mean of all. The floor is one search for `geetest` in the body; `parsel` is `Selector(text=…)`, which any CSS or
XPath rule needs. Hostile pages: {kinds} kinds, doubled from {first:g} to {last:g} MB; that kind counts which takes longest.
Growth is the geometric mean of its doublings. Times are of the processor. {peer}"""


@frozen
class Scale:
    """How large.

    Attributes:
        variants: Pages of each ordinary kind.
        size: Of each, in bytes.
        repeats: Rounds of which the best counts.
        doublings: Sizes of the hostile pages, in bytes.
        shared: Where the saved pages are, if anywhere.
        peer: Whether the other detector is installed and measured.
    """

    variants: int = 16
    size: int = 100_000
    repeats: int = 15
    doublings: tuple[int, ...] = (1_250_000, 2_500_000, 5_000_000, 10_000_000)
    shared: Path = SHARED
    peer: bool = True


@frozen
class Costs:
    """Microseconds a page: of the detection, the floor, a parse, and the other detector, if it could be had."""

    detection: float
    floor: float
    parse: float
    peer: float | None = None

    def cells(self) -> tuple[str, str, str, str]:
        """As the cells of a row."""
        return tuple("-" if value is None else f"{value:.0f}" for value in self._values())  # type: ignore[return-value]  # four

    def _values(self) -> tuple[float | None, ...]:
        return self.detection, self.floor, self.parse, self.peer


def measure() -> Table:
    """Measure at full size."""
    return compare(Scale())


def compare(scale: Scale) -> Table:
    """Measure the detection, and what it is compared with, on the same pages."""
    groups = {**_ordinary(scale), **_saved(scale)}
    peer = look(groups) if scale.peer else Peer(words=f"`{NAME}` was not measured.")
    costs = {name: _costs(pages, scale.repeats, peer.times.get(name)) for name, pages in groups.items()}
    worst_kind, times = _worst_hostile(scale)
    ordinary = [costs[name] for name in groups if name.startswith("ordinary")]
    return Table(
        name="detect",
        title="Telling pages with a widget from others",
        method=METHOD.format(
            variants=scale.variants,
            size=scale.size,
            repeats=scale.repeats,
            first=scale.doublings[0] / 1e6,
            last=scale.doublings[-1] / 1e6,
            kinds=len(HOSTILE),
            peer=peer.words,
        ),
        columns=("detection", "floor", "parsel", NAME),
        rows=(
            *((name, *costs[name].cells()) for name in groups),
            *_found(groups, peer),
            (f"hostile ({worst_kind}): ms for {_megabytes(scale.doublings)} MB", _milliseconds(times)),
        ),
        ratios=(
            Ratio(
                "ordinary pages: time ÷ floor, the worst kind",
                max(one.detection / one.floor for one in ordinary),
                at_most=3,
            ),
            Ratio(
                "pages that merely name GeeTest: milliseconds for 100 kB, the worst kind",
                _worst_mention(scale),
                at_most=2,
            ),
            Ratio("hostile pages: seconds for the longest, the worst kind", times[-1], at_most=0.2),
            Ratio("ordinary pages that were more than searched", _more_than_searched(groups), at_most=0),
            Ratio("hostile pages: time ÷ time of half the page, the worst kind", _step(times), at_most=2.5),
        ),
    )


def _found(groups: Mapping[str, Sequence[bytes]], peer: Peer) -> Iterator[tuple[str, ...]]:
    """What was found in the saved pages, right or wrong."""
    for name, label in (
        (WITH, "saved, with a widget: pages where one was found"),
        (WITHOUT, "saved, without: false alarms"),
    ):
        if pages := groups.get(name):
            found = sum(bool(find_widgets(page)) for page in pages)
            theirs = f"{peer.found[name]} of {len(pages)}" if name in peer.found else "-"
            yield label, f"{found} of {len(pages)}", "-", "-", theirs
    if WITH in peer.expressions:
        wrong = peer.expressions[WITH] + peer.expressions[WITHOUT]
        yield "saved: ids that are JavaScript expressions", str(_expressions(groups)), "-", "-", str(wrong)


def _expressions(groups: Mapping[str, Sequence[bytes]]) -> int:
    widgets = [widget for name in (WITH, WITHOUT) for page in groups[name] for widget in find_widgets(page)]
    return sum(not looks_like_id(value) for widget in widgets for value in (widget.gt, widget.captcha_id) if value)


def _ordinary(scale: Scale) -> dict[str, list[bytes]]:
    draw = random.Random(2026)
    return {
        f"ordinary: {kind}": [make(draw, scale.size) for _ in range(scale.variants)] for kind, make in ORDINARY.items()
    }


def _saved(scale: Scale) -> dict[str, list[bytes]]:
    manifest = scale.shared / "manifest.json"
    if not manifest.is_file():
        return {}
    entries = json.loads(manifest.read_text(encoding="utf-8"))
    names = {True: WITH, False: WITHOUT}
    return {
        name: [(scale.shared / entry["file"]).read_bytes() for entry in entries if bool(entry["widget"]) is has_widget]
        for has_widget, name in names.items()
    }


def _costs(pages: Sequence[bytes], repeats: int, peer: float | None) -> Costs:
    return Costs(
        detection=each(find_widgets, pages, repeats),
        floor=each(lambda page: page.find(b"geetest"), pages, repeats),
        parse=each(lambda page: Selector(text=page.decode("utf-8", "replace"), type="html"), pages, 2),
        peer=peer,
    )


def each(function: Callable[[Any], object], pages: Sequence[Any], repeats: int) -> float:
    """Microseconds a page: the best round over all pages, one after the other."""
    best = float("inf")
    for _ in range(repeats):
        began = process_time()
        for page in pages:
            function(page)
        best = min(best, process_time() - began)
    return best / len(pages) * 1e6


def _more_than_searched(groups: Mapping[str, Sequence[bytes]]) -> int:
    return sum(may_carry(page) for name, pages in groups.items() if name.startswith("ordinary") for page in pages)


def _worst_mention(scale: Scale) -> float:
    """Milliseconds for a page of 100 kB that merely names GeeTest in its middle, of the kind that takes longest."""
    draw = random.Random(2026)
    size = 100_000
    pages = [make(draw, size) for make in ORDINARY.values()]
    # Between two elements: behind the end of a line, or of a style sheet.
    places = [page.find(b"\n", size // 2) + 1 or page.find(b"</style>", size // 2) + len(b"</style>") for page in pages]
    mixed = [
        page[:place] + mention + page[place:]
        for page, place in zip(pages, places, strict=True)
        for mention in MENTIONS.values()
    ]
    return max(each(find_widgets, [page], scale.repeats) for page in mixed) / 1e3


def _worst_hostile(scale: Scale) -> tuple[str, list[float]]:
    """The kind that takes longest at its largest size, and its seconds for each size."""
    found = {kind: [_seconds(unit, size) for size in scale.doublings] for kind, unit in HOSTILE.items()}
    worst = max(found, key=lambda kind: found[kind][-1])
    return worst, found[worst]


def _seconds(unit: tuple[bytes, bytes], size: int) -> float:
    start, repeated = unit
    page = start + repeated * (size // len(repeated))
    return each(find_widgets, [page], 2) / 1e6


def _step(times: Sequence[float]) -> float:
    """By how much the time grows with each doubling, in the geometric mean."""
    return float((times[-1] / times[0]) ** (1 / (len(times) - 1)))


def _megabytes(sizes: Sequence[int]) -> str:
    return ", ".join(f"{size / 1e6:g}" for size in sizes)


def _milliseconds(times: Sequence[float]) -> str:
    return ", ".join(f"{1000 * seconds:.0f}" for seconds in times)

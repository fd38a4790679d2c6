"""Drawings without text, which stretch with the page; what they show is said beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_geetest._report.html import Html, element

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEIGHT = 100
_GAP = 0.12  # of a bar's width


def bars(values: Sequence[float], label: str, kind: str = "") -> Html:
    """Bars side by side, the highest of which fills the height.

    Args:
        values: One for each bar.
        label: What the drawing shows, for those who do not see it.
        kind: The class of the bars, which gives them their colour.
    """
    top = max([*values, 1e-9])
    drawn = (
        element(
            "rect",
            x=at + _GAP / 2,
            y=_shown(_HEIGHT - _HEIGHT * value / top),
            width=1 - _GAP,
            height=_shown(_HEIGHT * value / top),
        )
        for at, value in enumerate(values)
        if value > 0
    )
    return _drawing(len(values), label, kind, *drawn)


def area(values: Sequence[float], label: str, kind: str = "") -> Html:
    """The same as one surface."""
    top = max([*values, 1e-9])
    steps = "".join(f"V{_shown(_HEIGHT - _HEIGHT * value / top)}H{at + 1}" for at, value in enumerate(values))
    return _drawing(len(values), label, kind, element("path", d=f"M0 {_HEIGHT}{steps}V{_HEIGHT}Z"))


def stack(parts: Sequence[tuple[str, int]], label: str) -> Html:
    """One bar, cut into parts of different kinds."""
    whole, at, drawn = sum(value for _, value in parts), 0.0, []
    for kind, value in parts:
        width = _HEIGHT * value / whole if whole else 0.0
        drawn.append(element("rect", x=_shown(at), y=0, width=_shown(width), height=1, class_=kind))
        at += width
    return element(
        "svg",
        *drawn,
        class_="stack",
        viewBox=f"0 0 {_HEIGHT} 1",
        preserveAspectRatio="none",
        role="img",
        aria_label=label,
    )


def _drawing(width: int, label: str, kind: str, *drawn: Html) -> Html:
    return element(
        "svg",
        *drawn,
        class_=f"chart {kind}".strip(),
        viewBox=f"0 0 {max(width, 1)} {_HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        aria_label=label,
    )


def _shown(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")

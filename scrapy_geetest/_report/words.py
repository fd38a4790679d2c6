"""Numbers, money and times as people read them."""

from __future__ import annotations

from datetime import datetime, timezone

MILLION = 1_000_000
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_CENTS = 2


def number(value: float) -> str:
    """With commas between the thousands."""
    return f"{value:,.0f}"


def some(count: int, one: str, many: str = "") -> str:
    """A number and its noun: ``1 page``, ``2 pages``."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def share(part: int, whole: int) -> str:
    """A percentage; what is more than nothing is never 0 %, and what is less than all never 100 %."""
    if not whole:
        return "0 %"
    percent = 100 * part / whole
    if 0 < percent < 1:
        return "under 1 %"
    if 99 < percent < 100:  # noqa: PLR2004  # percent
        return "over 99 %"
    return f"{percent:.0f} %"


def money(millionths: int, currency: str) -> str:
    """Exactly, with two decimals at least."""
    whole, rest = divmod(millionths, MILLION)
    decimals = f"{rest:06d}".rstrip("0")
    return f"{whole:,}.{decimals:0<{_CENTS}} {currency}".rstrip()


def duration(seconds: float) -> str:
    """In the two largest units."""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def moment(seconds: float) -> str:
    """Date and time."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%d %b %Y, %H:%M:%S UTC")


def period(start: float, end: float) -> str:
    """From when to when; a day that is the same is named once."""
    first, last = (datetime.fromtimestamp(seconds, timezone.utc) for seconds in (start, end))
    shown = "%H:%M:%S UTC" if first.date() == last.date() else "%d %b %Y, %H:%M:%S UTC"
    return f"{first.strftime('%d %b %Y, %H:%M:%S')} to {last.strftime(shown)}"


def clock(seconds: float) -> str:
    """The time of a day."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%d %b, %H:%M:%S")

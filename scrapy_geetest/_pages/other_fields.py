"""What a script sends beside the widget's answer: constants, values of the register answer, and what cannot be known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import frozen

from scrapy_geetest._pages.requests import has_answer
from scrapy_geetest._pages.script_values import Clock, Fields, Json, Number, Result, Text, Unread

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from scrapy_geetest._pages.script_values import Value
    from scrapy_geetest._pages.widget import Widget

_ROOT = re.compile(r"\w+: ([A-Za-z_$][\w$]*)\.")
_WORDS = frozenset({"true", "false"})
SOMETHING = "..."
"""Stands for fields whose names cannot be known."""


@frozen
class OtherFields:
    """Fields beside the answer's.

    Attributes:
        constants: Names and values.
        posted_back: Names, each with the key of its value in the register answer.
        untold: Names of those whose values cannot be known from the page.
    """

    constants: tuple[tuple[str, str | int | bool], ...] = ()
    posted_back: tuple[tuple[str, str], ...] = ()
    untold: tuple[str, ...] = ()


def other_fields(data: Value, register_names: Collection[str]) -> OtherFields:
    """What of *data* is not the answer.

    Args:
        data: Of a request that carries the answer.
        register_names: Of variables that hold the register answer.
    """
    constants: dict[str, str | int | bool] = {}
    posted_back: dict[str, str] = {}
    untold: dict[str, None] = {}
    for name, value in _leaves(data.value if isinstance(data, Json) else data, ""):
        if isinstance(value, Number):
            constants[name] = int(value.text)
        elif isinstance(value, Text):
            constants[name] = value.text
        elif isinstance(value, Unread) and value.path in _WORDS:
            constants[name] = value.path == "true"
        elif isinstance(value, Unread) and value.path.partition(".")[0] in register_names:
            posted_back[name] = value.path.rpartition(".")[2]
        elif not isinstance(value, Clock):  # which keeps caches away
            untold[name] = None
    return OtherFields(tuple(constants.items()), tuple(posted_back.items()), tuple(untold))


def register_names(widgets: Collection[Widget]) -> frozenset[str]:
    """Names of the variables that a page's widgets take gt and challenge from."""
    roots = (_ROOT.match(unread) for widget in widgets for unread in widget.unread)
    return frozenset(root[1] for root in roots if root)


def _leaves(value: Value, prefix: str) -> Iterator[tuple[str, Value]]:
    if isinstance(value, Fields):
        for name, inner in value.entries:
            yield from _leaves(inner, f"{prefix}.{name}" if prefix and name else name or prefix)
    elif not has_answer(value) and not isinstance(value, Result):
        yield prefix or SOMETHING, value

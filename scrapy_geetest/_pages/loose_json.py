"""JSON as sites serve it: JSONP, with guards before it, inside an HTML page."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any, Final

MAX_TEXT = 1_048_576  # characters of a text that are decoded

ABSENT: Final = object()
"""The text is no JSON."""

_GUARD = re.compile(r"\s{0,64}(?:\)\]\}',?|while\s?\(1\);?|for\s?\(;;\);?|\{\}\s?&&|/\*\*/)\s{0,64}")
_CALLBACK = re.compile(
    r"(?:typeof [\w$.]{1,128} ?={2,3} ?[\"']function[\"'] ?&& ?|[\w$.]{1,128} ?&& ?)?[A-Za-z_$][\w$.\[\]\"']{0,127}\s{0,8}\("
)
_PRE = re.compile(r"<(pre|textarea)\b[^<>]{0,400}>\s{0,64}(?=[\[{)\w])", re.IGNORECASE)


def load(text: str) -> Any:
    """Decode *text*: JSON, JSONP, either with a guard or a byte order mark before it, or in the ``<pre>`` of a page.

    Args:
        text: Anything; more than a million characters are not decoded.

    Returns:
        What it says, or :data:`ABSENT` where it is none of these.
    """
    if len(text) > MAX_TEXT:
        return ABSENT
    text = text.strip(" \t\r\n\ufeff\x00")
    if text.startswith("<"):
        text = _in_page(text)
    for _ in range(2):
        text = text[guard.end() :] if (guard := _GUARD.match(text)) else text
    if text[:1] in {"{", "[", '"'}:
        return _decode(text)
    if callback := _CALLBACK.match(text):
        inner = text[callback.end() :].rstrip("; \t\r\n")
        return _decode(inner[:-1]) if inner.endswith(")") else ABSENT
    return ABSENT


def _in_page(text: str) -> str:
    opening = _PRE.search(text)
    if opening is None:
        return ""
    end = text.find(f"</{opening[1]}", opening.end())
    return unescape(text[opening.end() : end if end >= 0 else len(text)]).strip()


def _decode(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return ABSENT

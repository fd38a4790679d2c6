"""JMESPath expressions for keys as they come."""

from __future__ import annotations

import json
import re


def jmespath_of(keys: tuple[str | int, ...]) -> str:
    """The JMESPath expression that leads to a value."""
    path = ""
    for key in keys:
        if isinstance(key, int):
            path += f"[{key}]"
        else:
            is_plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key)
            path += ("." if path else "") + (key if is_plain else json.dumps(key))
    return path or "@"

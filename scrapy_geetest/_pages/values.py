"""Values from pages and register answers, checked before anything is paid for them."""

from __future__ import annotations

import re
from typing import Any

_HEX32 = re.compile(r"[0-9a-fA-F]{32}")
_ID = re.compile(r"[0-9A-Za-z_-]{16,64}")
_CHALLENGE = re.compile(r"[0-9A-Za-z]{32,40}")
_WORD = re.compile(r"[A-Za-z][0-9A-Za-z_-]{0,31}")
_HOST = re.compile(r"(?:[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?\.){1,8}[A-Za-z][0-9A-Za-z-]{0,61}[0-9A-Za-z]")
_STAND_IN = re.compile(
    r"your|xxxx|placeholder|example|insert|replace|undefined|captcha|geetest|interface", re.IGNORECASE
)
_FEWEST_CHARACTERS = 6  # different ones in an id that is not hexadecimal: fewer are a stand-in
_LONGEST_HOST = 253  # RFC 1035


def is_site_id(value: Any) -> bool:
    """Whether *value* can be a ``gt`` or ``captcha_id``: 32 hexadecimal digits, or a similar id that is no stand-in."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        return False
    if _HEX32.fullmatch(value):
        return True
    has_digit = any(character.isdigit() for character in value)
    return has_digit and len(set(value)) >= _FEWEST_CHARACTERS and not _STAND_IN.search(value)


def is_challenge(value: Any) -> bool:
    """Whether *value* can be a v3 challenge: 32 characters, 34 from a local fallback, digits and letters."""
    return isinstance(value, str) and bool(_CHALLENGE.fullmatch(value)) and not _STAND_IN.search(value)


def word(value: Any) -> str | None:
    """*value* if it is a short word, as risk types and products are."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None


def host(value: Any) -> str | None:
    """*value* as a plain host name (scheme and path left out), or ``None`` where it is none."""
    if not isinstance(value, str) or len(value) > _LONGEST_HOST + len("https:///"):
        return None
    name = re.sub(r"^(?:https?:)?//", "", value.strip()).partition("/")[0].lower()
    return name if len(name) <= _LONGEST_HOST and _HOST.fullmatch(name) else None

"""What is shown of answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from scrapy.http import TextResponse

from scrapy_geetest._pages import loose_json
from scrapy_geetest._redaction import MAX_DEPTH, leaves, tidied

if TYPE_CHECKING:
    from scrapy.http import Response

_LONGEST = 160  # characters of an answer
_MAX_KEYS = 12


def cookie_names(response: Response) -> list[str]:
    """The names of the cookies that *response* sets."""
    return [name for name, _ in _cookies(response)]


def cookie_values(response: Response) -> list[str]:
    """The values of the cookies that *response* sets."""
    return [value for _, value in _cookies(response)]


def head(response: Response) -> str:
    """Status, kind and size of an answer."""
    kind = (response.headers.get(b"Content-Type") or b"").decode("latin-1").partition(";")[0] or "no content type"
    return f"{response.status}, {kind}, {len(response.body)} bytes"


def json_summary(response: Response) -> str:
    """The keys of a JSON object with their values, tokens shortened; empty: it is none."""
    data = loose_json.load(response.text) if isinstance(response, TextResponse) else None
    if not isinstance(data, Mapping):
        return ""
    values = list(leaves(data, "", MAX_DEPTH))
    shown = ", ".join(f"{name} = {value}" for name, value in values[:_MAX_KEYS])
    return _cut(tidied(shown)) + ", …" * (len(values) > _MAX_KEYS)


def _cookies(response: Response) -> Iterator[tuple[str, str]]:
    for header in response.headers.getlist(b"Set-Cookie"):
        name, _, value = header.decode("latin-1").partition(";")[0].partition("=")
        yield name.strip(), value.strip()


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

"""What is shown of requests and answers: enough to compare with a browser's network tab, and no secret as a whole."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from attrs import frozen
from scrapy.http import TextResponse

from scrapy_geetest._pages import loose_json
from scrapy_geetest.commands.inspect.recording.origins import shown_url
from scrapy_geetest.commands.terminal import without_credentials

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response

_HEAD = 6  # characters of a secret that are shown
_LONGEST = 160  # characters of an answer
_MAX_KEYS = 12
_MAX_DEPTH = 5
_TOKEN = re.compile(r"(?<![\w+=|-])(?=[\w+=|-]*\d)[A-Za-z0-9_+=|-]{16,}")
_MULTIPART = re.compile(r'[\s;]name="([^"]{1,200})"[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n(.*?)\r\n--', re.DOTALL)


@frozen
class Field:
    """One value that a request carries.

    Attributes:
        place: ``"form"``, ``"JSON"``, ``"query"`` or ``"header"``.
        name: Its name there.
        value: As it is sent.
    """

    place: str
    name: str
    value: str


def shortened(value: str) -> str:
    """The beginning of a secret, never more than half of it."""
    return f"{value[: min(_HEAD, len(value) // 2)]}… ({len(value)} characters)"


def tidied(text: str) -> str:
    """*text* with whatever looks like a token in it shortened, and no credentials in its addresses."""
    return _TOKEN.sub(lambda match: match[0][:_HEAD] + "…", without_credentials(text))


def address(url: str) -> str:
    """*url* without credentials, and without the values of its query that are secret by their names."""
    return without_credentials(shown_url(url))


def fields_of(request: Request) -> Iterator[Field]:
    """All that a request carries but its headers."""
    yield from (
        Field("query", name, value) for name, value in parse_qsl(urlsplit(request.url).query, keep_blank_values=True)
    )
    content_type = (request.headers.get(b"Content-Type") or b"").lower()
    text = request.body.decode("utf-8", "replace")
    data = loose_json.load(text) if text.lstrip()[:1] in {"{", "["} else None
    if isinstance(data, dict | list):
        yield from (Field("JSON", name, value) for name, value in _leaves(data, "", _MAX_DEPTH))
    elif content_type.startswith(b"multipart/"):
        yield from (Field("form", match[1], match[2]) for match in _MULTIPART.finditer(text))
    elif text:
        yield from (Field("form", name, value) for name, value in parse_qsl(text, keep_blank_values=True))


def carrying(request: Request, values: Collection[str]) -> tuple[list[Field], list[str]]:
    """What of a request carries one of *values*, its headers included, and the names of the rest."""
    fields = list(fields_of(request))
    own = [field for field in fields if any(value in field.value for value in values)]
    headers = [
        Field("header", name.decode("latin-1"), value.decode("latin-1"))
        for name, all_values in request.headers.items()
        for value in all_values
    ]
    carried = [*own, *(header for header in headers if any(value in header.value for value in values))]
    return carried, list(dict.fromkeys(field.name for field in fields if field not in own))


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
    leaves = list(_leaves(data, "", _MAX_DEPTH))
    shown = ", ".join(f"{name} = {value}" for name, value in leaves[:_MAX_KEYS])
    return _cut(tidied(shown)) + ", …" * (len(leaves) > _MAX_KEYS)


def _cookies(response: Response) -> Iterator[tuple[str, str]]:
    for header in response.headers.getlist(b"Set-Cookie"):
        name, _, value = header.decode("latin-1").partition(";")[0].partition("=")
        yield name.strip(), value.strip()


def _leaves(data: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(data, Mapping) and data and depth:
        for key, value in data.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key), depth - 1)
    elif isinstance(data, list):
        yield path, f"[{len(data)}]"
    else:
        yield path, data if isinstance(data, str) else json.dumps(data)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

"""What may be shown of requests and addresses: enough to compare with a browser's network tab, and no secret as a whole."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from attrs import frozen

from scrapy_geetest._pages import loose_json

if TYPE_CHECKING:
    from scrapy import Request

SHORTEST = 6
"""Characters of a value that can be told from others by itself."""
MAX_DEPTH = 5
"""Levels of a JSON object that are looked at."""
_LONG_ENOUGH = 16  # without a digit
_HEAD = 6  # characters of a secret that are shown
_PIN = 3  # characters of a secret that is looked for among whole words only
_CREDENTIALS = re.compile(r"(?<=//)[^/?#\s]*@")
_ADDRESS = re.compile(r"(https?://[^\s<>\"']+)")
_TOKEN = re.compile(r"(?<![\w+=|-])(?=[\w+=|-]*\d)[A-Za-z0-9_+=|-]{16,}")
_SECRET_PARAMETER = re.compile(
    r"(?:^|[_-])(?:token|auth|secret|session|sessid|sid|jwt|passw\w*|pwd|sig|sign|signature|csrf\w*|ticket)(?:$|[_-])|token$|(?:api|access)_?key$",
    re.IGNORECASE,
)
_CODES = frozenset({"code", "state"})  # of a log-in by another site: secret unless short
_PATH_PARAMETER = re.compile(r";[^/]*")  # ";jsessionid=..."
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


def is_telling(value: str) -> bool:
    """Whether a value can be told from others by itself: ``"search"`` and ``1`` cannot."""
    has_digit = any(character.isdigit() for character in value)
    return len(value) >= (SHORTEST if has_digit else _LONG_ENOUGH) and not value.isspace()


def shortened(value: str) -> str:
    """The beginning of a secret, never more than half of it."""
    return f"{value[: min(_HEAD, len(value) // 2)]}… ({len(value)} characters)"


def without_secrets(text: str, secrets: Collection[str]) -> str:
    """*text* with *secrets* shortened, those that are too short to be told from other words left out."""
    for secret in sorted({secret for secret in secrets if len(secret) >= SHORTEST}, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, shortened(secret))
    return text


def tidied(text: str) -> str:
    """*text* with whatever looks like a token in it shortened, and no credentials in its addresses."""
    return _TOKEN.sub(lambda match: match[0][:_HEAD] + "…", without_credentials(text))


def printable(text: str) -> str:
    """*text* without control characters and line breaks."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def public(text: str, most: int, secrets: Collection[str] = ()) -> str:
    """*text* as anybody may see it, on one line: no secrets, tokens, credentials or queries, at most *most* characters."""
    told = without_secrets(" ".join(text.split()), secrets)
    for secret in secrets:
        if _PIN <= len(secret) < SHORTEST:
            told = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "…", told)
    pieces = _ADDRESS.split(told)
    shown = (address(piece.partition("?")[0]) if at % 2 else tidied(piece) for at, piece in enumerate(pieces))
    return _cut("".join(shown), most)


def public_address(url: str, most: int, secrets: Collection[str] = ()) -> str:
    """*url* as anybody may see it: of its query no secrets and no tokens; its path is what tells pages apart."""
    place, mark, query = address(without_secrets(url, secrets)).partition("?")
    return _cut(f"{place}{mark}{tidied(query)}", most)


def _cut(text: str, most: int) -> str:
    text = printable(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def without_credentials(text: str, url: str = "") -> str:
    """*text* with every address in it without a user and a password; those of *url* are nowhere in it."""
    user, at, _ = url.partition("//")[2].partition("/")[0].rpartition("@")
    return _CREDENTIALS.sub("", text.replace(user + at, "") if at else text)


def address(url: str) -> str:
    """*url* without credentials, and without the values of its query that are secret by their names."""
    return without_credentials(shown_url(url))


def shown_url(url: str, secrets: frozenset[str] = frozenset()) -> str:
    """*url* without the values of its query that are secret: by their names, or because they are among *secrets*.

    What servers add to a path behind a semicolon is left out, too: it is a session, as a rule.
    """
    place, mark, query = url.partition("?")
    place = _PATH_PARAMETER.sub("", place)
    pairs = [pair.partition("=") for pair in query.split("&")] if mark else []
    kept = [
        f"{name}{equals}{value}"
        for name, equals, value in pairs
        if unquote_plus(value) not in secrets and not (value and _is_secret(name, value))
    ]
    return f"{place}?{'&'.join(kept)}" if kept else place


def _is_secret(name: str, value: str) -> bool:
    return bool(_SECRET_PARAMETER.search(name)) or (name.lower() in _CODES and is_telling(value))


def fields_of(request: Request) -> Iterator[Field]:
    """All that a request carries but its headers."""
    yield from (
        Field("query", name, value) for name, value in parse_qsl(urlsplit(request.url).query, keep_blank_values=True)
    )
    content_type = (request.headers.get(b"Content-Type") or b"").lower()
    text = request.body.decode("utf-8", "replace")
    data = loose_json.load(text) if text.lstrip()[:1] in {"{", "["} else None
    if isinstance(data, dict | list):
        yield from (Field("JSON", name, value) for name, value in leaves(data, "", MAX_DEPTH))
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


def leaves(data: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    """The values of a JSON object as texts, by their paths; of a list only how long it is."""
    if isinstance(data, Mapping) and data and depth:
        for key, value in data.items():
            yield from leaves(value, f"{path}.{key}" if path else str(key), depth - 1)
    elif isinstance(data, list):
        yield path, f"[{len(data)}]"
    else:
        yield path, data if isinstance(data, str) else json.dumps(data)

"""The single values of a recorded request: in its query, its form, its JSON, its headers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from attrs import evolve, frozen

if TYPE_CHECKING:
    from scrapy_geetest.commands.inspect.har import Exchange

MAX_FIELDS = 2_000
_MAX_DEPTH = 16
_PART_NAME = re.compile(r'(?i)content-disposition:[^\r\n]*?\bname="([^"\r\n]*)"(?![^\r\n]*\bfilename=)')
_BOUNDARY = re.compile(r"--[^\r\n]+")

ORDINARY = frozenset(
    [
        "accept",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        "access-control-request-headers",
        "access-control-request-method",
        "alt-used",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "dnt",
        "expect",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "keep-alive",
        "origin",
        "pragma",
        "priority",
        "proxy-connection",
        "purpose",
        "range",
        "referer",
        "save-data",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "upgrade-insecure-requests",
        "user-agent",
        "via",
        "x-client-data",
        "x-forwarded-for",
        "downlink",
        "rtt",
        "ect",
        "viewport-width",
        "device-memory",
        "dpr",
    ]
)
"""Headers that a browser sends by itself."""


@frozen
class Field:
    """One value of a request.

    Attributes:
        place: ``"query"``, ``"form"``, ``"json"`` or ``"headers"``.
        keys: Its name; in JSON, the keys and indexes that lead to it.
        value: A string, or a number, a boolean or ``None`` in JSON.
        packed_in: The field that holds it in a string of JSON, if it is in one.
    """

    place: str
    keys: tuple[str | int, ...]
    value: Any
    packed_in: str | None = None

    @property
    def name(self) -> str:
        """Its name as ``field_names`` of a site takes it: dots nest."""
        return ".".join(map(str, self.keys))

    @property
    def text(self) -> str:
        """The value as a string."""
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        return "" if self.value is None else str(self.value)


def request_fields(exchange: Exchange) -> tuple[Field, ...]:
    """All values of a request, its ordinary headers left out."""
    fields = [*_query(exchange), *_body(exchange)]
    fields += [
        Field("headers", (name,), value)
        for name, value in exchange.headers
        if name.lower() not in ORDINARY and not name.lower().startswith(("sec-", "proxy-", "access-control-"))
    ]
    return tuple(fields[:MAX_FIELDS])


def json_body(exchange: Exchange) -> Any:
    """The request's JSON, whatever type it is sent as (jQuery's is that of a form); ``None``: it has none."""
    text = exchange.body.lstrip("\ufeff \t\r\n")
    if text[:1] not in {"{", "["} or "multipart" in exchange.body_type:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def leaves(data: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """The single values of decoded JSON, with the keys and indexes that lead to them, in order."""
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), data)]
    for _ in range(20 * MAX_FIELDS):
        if not waiting:
            return
        keys, value = waiting.pop()
        if isinstance(value, Mapping | list) and len(keys) < _MAX_DEPTH:
            inner = value.items() if isinstance(value, Mapping) else enumerate(value)
            waiting.extend(reversed([((*keys, key), one) for key, one in inner]))
        elif not isinstance(value, Mapping | list):
            yield keys, value


def _query(exchange: Exchange) -> Iterator[Field]:
    for name, value in parse_qsl(urlsplit(exchange.url).query, keep_blank_values=True):
        yield from _unpacked(Field("query", (name,), value))


def _body(exchange: Exchange) -> Iterator[Field]:
    data = json_body(exchange)
    if data is not None:
        for keys, value in leaves(data):
            if keys:
                yield from _unpacked(Field("json", keys, value))
        return
    for name, value in _form(exchange):
        yield from _unpacked(Field("form", (name,), value))


def _form(exchange: Exchange) -> tuple[tuple[str, str], ...]:
    if "multipart" in exchange.body_type:
        return _multipart(exchange.body) or exchange.params
    if exchange.body and ("urlencoded" in exchange.body_type or "=" in exchange.body.partition("&")[0]):
        return tuple(parse_qsl(exchange.body, keep_blank_values=True))
    return exchange.params


def _multipart(body: str) -> tuple[tuple[str, str], ...]:
    boundary = _BOUNDARY.match(body.lstrip())
    if not boundary:
        return ()
    found = []
    for part in body.split(boundary[0])[1:]:
        head, _, value = part.replace("\r\n", "\n").partition("\n\n")
        if name := _PART_NAME.search(head):
            found.append((name[1], value.removesuffix("\n")))
    return tuple(found)


def _unpacked(field: Field) -> Iterator[Field]:
    """The field itself, or what is in it where it holds an object as a string of JSON."""
    if isinstance(field.value, str) and field.value[:1] == "{":
        try:
            inner = list(leaves(json.loads(field.value)))
        except (ValueError, RecursionError):
            inner = []
        if inner:
            yield from (evolve(field, keys=keys, value=value, packed_in=field.name) for keys, value in inner)
            return
    yield field

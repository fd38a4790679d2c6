"""The little that the sandbox needs of a web framework: a call, an answer, routes."""

from __future__ import annotations

import json
import re
import traceback
from email.message import Message
from email.parser import BytesParser
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from attrs import evolve, field, frozen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from .books import Books

HTML = "text/html; charset=utf-8"
JSON = "application/json; charset=utf-8"


@frozen
class Call:
    """A request as the handlers see it. Names of headers are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str] = field(factory=dict)
    body: bytes = b""
    path: str = field(init=False)
    query: Mapping[str, str] = field(init=False)
    form: Mapping[str, str] = field(init=False)
    cookies: Mapping[str, str] = field(init=False)

    @path.default
    def _read_path(self) -> str:
        return urlsplit(self.target).path

    @query.default
    def _read_query(self) -> Mapping[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @form.default
    def _read_form(self) -> Mapping[str, str]:
        content_type = self.headers.get("content-type", "")
        if "multipart/form-data" in content_type:
            return _read_multipart(content_type, self.body)
        if "urlencoded" not in content_type:
            return {}
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @cookies.default
    def _read_cookies(self) -> Mapping[str, str]:
        pairs = (part.strip().partition("=") for part in self.headers.get("cookie", "").split(";"))
        return {name: value for name, _, value in pairs}

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object; an empty one where it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


def _read_multipart(content_type: str, body: bytes) -> Mapping[str, str]:
    whole = BytesParser().parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    parts = whole.get_payload() if whole.is_multipart() else []
    fields = {}
    for part in parts:
        name = part.get_param("name", header="content-disposition") if isinstance(part, Message) else None
        if isinstance(part, Message) and isinstance(name, str):
            content = part.get_payload(decode=True)
            fields[name] = content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
    return fields


@frozen
class Answer:
    """What a handler answers with."""

    body: bytes
    status: int = 200
    content_type: str = HTML
    headers: Mapping[str, str] = field(factory=dict)
    cookies: tuple[str, ...] = ()

    def with_cookie(self, name: str, value: str, path: str) -> Answer:
        """The same, setting a session cookie for a path."""
        return evolve(self, cookies=(*self.cookies, f"{name}={value}; Path={path}; HttpOnly"))


def html(text: str, status: int = 200) -> Answer:
    """An HTML page."""
    return Answer(text.encode(), status)


def data(value: Any, status: int = 200, content_type: str = JSON) -> Answer:
    """A JSON document."""
    return Answer(json.dumps(value, ensure_ascii=False).encode(), status, content_type)


def redirect(location: str) -> Answer:
    """A 302 to a local address."""
    return Answer(b"", 302, headers={"location": location})


Handler: TypeAlias = "Callable[..., Awaitable[Answer]]"


@frozen
class Route:
    """Which handler answers which requests.

    Attributes:
        pattern: Matched against the whole path; its named groups are handed to the handler.
        handler: ``async def handler(world, call, **groups) -> Answer``, where ``world`` is what the port serves.
        methods: Those that it answers to; empty: to all.
        call: The name by which ``faults`` speaks of it, if any.
    """

    pattern: re.Pattern[str]
    handler: Handler
    methods: tuple[str, ...] = ()
    call: str | None = None


def route(pattern: str, handler: Handler, *methods: str, call: str | None = None) -> Route:
    """A route for a path pattern, a regular expression."""
    return Route(re.compile(pattern), handler, methods, call)


Found: TypeAlias = "tuple[str | None, Callable[[], Awaitable[Answer]]]"
"""The name by which ``faults`` speaks of a call, and what answers it."""


def dispatch(routes: Sequence[Route], world: Any, call: Call) -> Found:
    """Find what answers a call.

    Returns:
        The name by which ``faults`` speaks of it, and the handler, bound to the call.
    """
    for candidate in routes:
        match = candidate.pattern.fullmatch(call.path)
        if match and (not candidate.methods or call.method in candidate.methods):
            return candidate.call, partial(candidate.handler, world, call, **match.groupdict())
    return None, partial(_not_found, call)


async def _not_found(call: Call) -> Answer:
    return html(f"<!DOCTYPE html><title>Not found</title><p>There is no {call.method} {call.path!a} here.", 404)


async def carry_out(handler: Callable[[], Awaitable[Answer]], books: Books) -> Answer:
    """The answer of a handler; a 500 for a defect, whose traceback goes into the books."""
    try:
        return await handler()
    except Exception:  # noqa: BLE001  # whatever it is, it is in the books
        books.errors.append(traceback.format_exc())
        return html("<!DOCTYPE html><title>Error</title><p>The sandbox has a defect; see its books.", 500)

"""A solution into the body of the spider's own request: a form, or JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from scrapy_geetest._submission.pairs import with_pairs
from scrapy_geetest._submission.types import Fields, NoWayError, Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scrapy import Request

_FORM_TYPE = b"application/x-www-form-urlencoded"
_JSON_TYPE = b"application/json"
_CURE = "set submit_as to what the body is, or override submit_request"


def plan_form(request: Request) -> Plan:
    """The fields are added to a urlencoded body.

    Raises:
        ValueError: The body is something else.
    """
    content_type = (request.headers.get(b"Content-Type") or b"").lower()
    looks_like_json = not content_type and request.body[:1] in {b"{", b"["}
    if request.body and (looks_like_json or (content_type and not content_type.startswith(_FORM_TYPE))):
        kind = "JSON" if looks_like_json else f"of the type {content_type.decode('latin-1')!r}"
        raise NoWayError(f'submit_as = "form" does not fit: the body of the request is {kind}', cure=_CURE)

    def fill(fields: Fields) -> Request:
        headers = request.headers.copy()
        headers.setdefault(b"Content-Type", _FORM_TYPE)
        method = "POST" if request.method in {"GET", "HEAD"} else request.method
        return request.replace(method=method, headers=headers, body=with_pairs(request.body, fields))

    return Plan(request.url, fill)


def plan_json(request: Request) -> Plan:
    """The fields become keys of a JSON object; a dot in a name nests.

    Raises:
        ValueError: The body is something else.
    """
    content_type = (request.headers.get(b"Content-Type") or b"").lower()
    if request.body and content_type and b"json" not in content_type and not content_type.startswith(b"text/plain"):
        kind = content_type.decode("latin-1")
        raise NoWayError(
            f'submit_as = "json" does not fit: the body of the request is of the type {kind!r}', cure=_CURE
        )
    try:
        data = json.loads(request.body or b"{}")
    except (ValueError, RecursionError) as error:
        raise NoWayError(f"the request's JSON body cannot be read ({error})", cure="override submit_request") from error
    if not isinstance(data, dict):
        kind = type(data).__name__
        raise NoWayError(f"the request's JSON body is a {kind}, not an object", cure="override submit_request")

    def fill(fields: Fields) -> Request:
        body: dict[str, Any] = json.loads(request.body or b"{}")
        for name, value in fields.items():
            _set_path(body, name.split("."), value)
        headers = request.headers.copy()
        headers.setdefault(b"Content-Type", _JSON_TYPE)
        method = "POST" if request.method in {"GET", "HEAD"} else request.method
        return request.replace(method=method, headers=headers, body=json.dumps(body).encode())

    return Plan(request.url, fill)


def _set_path(target: dict[str, Any], path: Sequence[str], value: str) -> None:
    for key in path[:-1]:
        inner = target.get(key)
        if not isinstance(inner, dict):
            inner = target[key] = {}
        target = inner
    target[path[-1]] = value

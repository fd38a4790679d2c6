"""A solution into the query or the headers of the spider's own request."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scrapy_geetest._submission.pairs import with_pairs
from scrapy_geetest._submission.types import Fields, Plan

if TYPE_CHECKING:
    from scrapy import Request


def plan_query(request: Request) -> Plan:
    """The fields are set in the query."""
    parts = urlsplit(request.url)

    def fill(fields: Fields) -> Request:
        query = with_pairs(parts.query.encode(), fields).decode()
        return request.replace(url=parts._replace(query=query).geturl())

    return Plan(request.url, fill)


def plan_headers(request: Request) -> Plan:
    """The fields become headers."""

    def fill(fields: Fields) -> Request:
        headers = request.headers.copy()
        for name, value in fields.items():
            headers[name] = value
        return request.replace(headers=headers)

    return Plan(request.url, fill)

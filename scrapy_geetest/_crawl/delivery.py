"""The response that a spider gets: to its own request, with nothing of the plugin's in it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote_plus, urlsplit

if TYPE_CHECKING:
    from collections.abc import Collection

    from scrapy import Request
    from scrapy.http import Response

_DOWNLOAD_META = ("download_timeout", "download_slot", "download_latency")


def as_answer_to(request: Request, response: Response) -> Response:
    """*response*, downloaded in place, as the response to the spider's own *request*."""
    if response.request is not None and response.request is not request:
        for key in _DOWNLOAD_META:
            if key in response.request.meta:
                request.meta[key] = response.request.meta[key]
    response.request = request
    return response


def without_values(response: Response, values: Collection[str]) -> Response:
    """*response* with an address that shows none of *values*, those of a solution, in its query."""
    query = urlsplit(response.url).query
    kept = [pair for pair in query.split("&") if unquote_plus(pair.partition("=")[2]) not in values]
    if not query or len(kept) == query.count("&") + 1:
        return response
    return response.replace(url=urlsplit(response.url)._replace(query="&".join(kept)).geturl())

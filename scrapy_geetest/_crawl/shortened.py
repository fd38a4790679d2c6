"""Requests and responses in log lines: long addresses are cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response

LONGEST = 100  # characters of an address


def shortened(url: str, longest: int = LONGEST) -> str:
    """An address without its middle, if it is long."""
    if len(url) <= longest:
        return url
    end = longest // 4
    return f"{url[: longest - end - 1]}…{url[-end:]}"


def short_request(request: Request) -> str:
    """As Scrapy shows a request."""
    return f"<{request.method} {shortened(request.url)}>"


def short_response(response: Response) -> str:
    """As Scrapy shows a response."""
    return f"<{response.status} {shortened(response.url)}>"

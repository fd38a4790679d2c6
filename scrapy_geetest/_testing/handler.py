"""The network of a crawl under test: every host but this machine is the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler

from scrapy_geetest.sandbox.saved_page import HOST_HEADER

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

SANDBOX_URL = "SCRAPY_SANDBOX_URL"
"""The setting that says where the sandbox's sites are."""

_LOCAL = ("127.0.0.1", "localhost", "::1")
_TIMES = ("download_latency",)


class SandboxHandler(HTTP11DownloadHandler):
    """Downloads everything from the sandbox, as if it were the host that a request names."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._sandbox = urlsplit(crawler.settings[SANDBOX_URL]).netloc

    async def download_request(self, request: Request) -> Response:
        """Send a request for whichever host to the sandbox; its response is from the address that was asked for."""
        parts = urlsplit(request.url)
        if parts.hostname in _LOCAL:
            return await super().download_request(request)
        headers = request.headers.copy()
        headers[HOST_HEADER] = parts.netloc.rpartition("@")[2]
        meta = {name: value for name, value in request.meta.items() if name != "proxy"}
        url = urlunsplit(("http", self._sandbox, parts.path, parts.query, ""))
        sent = request.replace(url=url, headers=headers, meta=meta)
        response = await super().download_request(sent)
        request.meta.update({name: sent.meta[name] for name in _TIMES if name in sent.meta})
        return response.replace(url=request.url)

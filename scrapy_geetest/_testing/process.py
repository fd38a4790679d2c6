"""Starts the process of a crawl and waits for it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from scrapy_geetest._testing.crawl import Crawl, CrawlError
from scrapy_geetest._testing.transport import pack
from scrapy_geetest.sandbox.handle import child_environment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scrapy_geetest.sandbox import Sandbox

_MODULE = "scrapy_geetest._testing.child"
_LAST_LINES = 30


def crawl_in_process(sandbox: Sandbox, job: Mapping[str, Any], folder: Path, seconds: float) -> Crawl | str:
    """Run a crawl against a sandbox.

    Args:
        sandbox: To which its requests and its purchases go.
        job: ``spider``, ``settings`` and ``arguments``.
        folder: Where its files are.
        seconds: After which it is ended.

    Returns:
        What became of it; or why it did not start, or did not end.

    Raises:
        ValueError: A part of the job cannot be handed to another process.
    """
    services = {"capmonster": {"url": sandbox.service_url, "api_key": sandbox.api_key}, **sandbox.services}
    pack(folder / "job", {**job, "services": services, "sandbox_url": sandbox.url})
    # The list of public suffixes that comes with Scrapy's cookies is good enough; no test asks the internet for one.
    environment = {"TLDEXTRACT_PUBLIC_SUFFIX_LIST_URLS": "", **child_environment()}
    if sandbox.ca is not None:
        environment["SSL_CERT_FILE"] = sandbox.ca
    command = [sys.executable, "-m", _MODULE, str(folder / "job"), str(folder / "result")]
    with (folder / "log").open("wb") as log:
        try:
            subprocess.run(  # noqa: S603  # this interpreter, this package
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, timeout=seconds, check=False
            )
            ended = "the process of the crawl ended without a result"
        except subprocess.TimeoutExpired:
            ended = f"the crawl did not end within {seconds:g} s (geetest_crawl_timeout)"
    text = (folder / "log").read_text("utf-8", "replace")
    return _crawl(folder / "result", text, sandbox) or f"{ended}; its last lines:\n{_last(text)}"


def _crawl(result: Path, log: str, sandbox: Sandbox) -> Crawl | str | None:
    if not result.exists():
        return None
    told = pickle.loads(result.read_bytes())  # noqa: S301  # written by the process started above
    if problem := told.pop("problem"):
        return f"the crawl did not start: {problem}"
    errors = [CrawlError(**error) for error in told.pop("errors")]
    return Crawl(**told, errors=errors, log=log, books=sandbox.books())


def _last(text: str) -> str:
    return "\n".join(text.splitlines()[-_LAST_LINES:])

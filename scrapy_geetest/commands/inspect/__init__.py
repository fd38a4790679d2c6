"""``scrapy geetest inspect``: is it a challenge page, why or why not, and what would be sent."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from contextlib import suppress
from inspect import isawaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from attrs import define
from scrapy import Request, Spider
from twisted.internet.defer import Deferred

from scrapy_geetest._hooks import resolve
from scrapy_geetest._pages.rules import Finding
from scrapy_geetest._redaction import without_credentials
from scrapy_geetest._sites import belongs
from scrapy_geetest.commands.crawl_once import crawl_once, named_site
from scrapy_geetest.commands.inspect.har import load_har
from scrapy_geetest.commands.inspect.reading import (
    MAX_LINKED_BYTES,
    linked_scripts,
    response_of_file,
    scripts_beside,
)
from scrapy_geetest.commands.inspect.recording.report import RecordedVisit, read_visit
from scrapy_geetest.commands.inspect.report import Inspection, inspect
from scrapy_geetest.commands.inspect.request_options import add_options, is_address, make_request
from scrapy_geetest.commands.terminal import write
from scrapy_geetest.settings import Config
from scrapy_geetest.site import GeetestSite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from scrapy.http import Response
    from scrapy.settings import Settings
    from twisted.python.failure import Failure

DESCRIPTION = """\
Says whether a page is a GeeTest challenge page and why or why not, rule by rule; what its widgets show; where a fresh
challenge seems to come from; how a solution would be sent; and what a site class for it could look like. An address is
downloaded once, through the project's own settings (User-Agent, proxies, robots.txt, ...). Of a HAR file, the network log
of a browser in which a person passed the CAPTCHA once, it prints the whole site class and a spider. Nothing is sent to the
solving service, and no key is needed."""
EXIT_CODES = (
    "Exit codes: 0 it is a challenge page, 1 it is not, 2 it could not be read. "
    "Of a HAR file: 0 the CAPTCHA was passed in it, 1 it was not."
)
CHALLENGE, NO_CHALLENGE, UNREADABLE = 0, 1, 2
_OK = 200

FILE_URL = "https://example.com/"
"""Where a file is taken to be from, unless ``--url`` says."""
_MADE_UP = f"The address {FILE_URL} is made up: give --url."

_OVERRIDES: Mapping[str, Any] = {
    "GEETEST_ENABLED": False,
    # The page as the middleware would be handed it: redirected by status, but not yet by its markup or retried.
    "METAREFRESH_ENABLED": False,
    "RETRY_ENABLED": False,
    "HTTPCACHE_ENABLED": False,
}


@define
class Outcome:
    """What came of it: one of the two."""

    inspection: Inspection | RecordedVisit | None = None
    problem: str = "the crawl ended without a response"

    def failed(self, error: BaseException | None) -> None:
        """Keep what *error* says."""
        self.problem = f"{type(error).__name__}: {error}"


def run(arguments: Sequence[str], settings: Settings) -> int:
    """Inspect an address or a file, and print what was found out.

    Args:
        arguments: See ``--help``.
        settings: Of the project.

    Returns:
        The exit code: 0 for a challenge page, 1 for none, 2 if it could not be read.
    """
    options = _parser().parse_args(arguments)
    outcome = Outcome()
    try:
        sites = Config.from_settings(settings).sites
        _inspect(options, sites, named_site(sites, options.site), settings, outcome)
    except (OSError, ValueError) as error:
        outcome.problem = str(error)
    except Exception as error:  # noqa: BLE001  # whatever it is: the page could not be read, as the exit code has to say
        outcome.failed(error)
    if outcome.inspection is None:
        target = "--curl" if options.target is None else options.target
        line = without_credentials(f"scrapy geetest inspect: {target}: {outcome.problem}", options.target or "")
        sys.stderr.write(" ".join(line.split()) + "\n")
        return UNREADABLE
    write(json.dumps(outcome.inspection.to_json(), indent=2) + "\n" if options.json else outcome.inspection.to_text())
    return CHALLENGE if outcome.inspection.is_challenge else NO_CHALLENGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scrapy geetest inspect", description=DESCRIPTION, epilog=EXIT_CODES)
    add_options(parser)
    parser.add_argument("--site", metavar="NAME", help="try the rules of this site of GEETEST_SITES")
    parser.add_argument("--url", help=f"where a file is from (default: {FILE_URL}, which is made up)")
    parser.add_argument(
        "--no-scripts", action="store_true", help="do not read the scripts of the site that the page links"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _inspect(
    options: argparse.Namespace,
    sites: Sequence[GeetestSite],
    site: GeetestSite | None,
    settings: Settings,
    outcome: Outcome,
) -> None:
    if is_address(options):
        _download(make_request(options), sites, site, settings, outcome, reads_scripts=not options.no_scripts)
        return
    path = _path(options.target)
    try:
        recording = load_har(path)
        body = path.read_bytes() if recording is None else b""
    except OSError as error:
        hint = "" if path.exists() else "; an address begins with http:// or https://"
        raise OSError(f"{error.strerror}{hint}") from error
    if recording is not None:
        if site or options.url:
            raise ValueError("--site and --url are for pages; a HAR file has addresses of its own")
        outcome.inspection = read_visit(recording)
        return
    response = response_of_file(path.name, options.url or FILE_URL, body)
    linked = {} if options.no_scripts else scripts_beside(path, response)
    remarks = () if options.url else (_MADE_UP,)
    outcome.inspection = asyncio.run(_examine(response, sites, site, _settled_by_asyncio, remarks, linked))


def _path(target: str) -> Path:
    return Path(unquote(urlsplit(target).path) if target.startswith("file://") else target)


async def _settled_by_asyncio(outcome: Any) -> Any:
    """What a hook returned, where there is an asyncio loop but no reactor."""
    if isinstance(outcome, Deferred):
        outcome = outcome.asFuture(asyncio.get_running_loop())
    return await outcome if isawaitable(outcome) else outcome


async def _examine(
    response: Response,
    sites: Sequence[GeetestSite],
    site: GeetestSite | None,
    settle: Callable[[Any], Awaitable[Any]] = resolve,
    remarks: Sequence[str] = (),
    linked: Mapping[str, bytes] | None = None,
) -> Inspection:
    declared = [one.name for one in sites if await belongs(response.url, one, settle)]
    verdict = await _verdict(response, site, settle) if site else None
    return inspect(response, site, verdict=verdict, declared=declared, remarks=remarks, linked=linked)


async def _verdict(response: Response, site: GeetestSite, settle: Callable[[Any], Awaitable[Any]]) -> Finding | None:
    """What a site's own ``is_challenge`` says, where there is one."""
    if type(site).is_challenge is GeetestSite.is_challenge:
        return None
    rule = f"is_challenge of site {site.name}"
    try:
        matched = bool(await settle(site.is_challenge(response)))
    except Exception as error:  # noqa: BLE001  # whatever a user's code raises is what it says
        return Finding(rule, matched=False, seen=f"it failed: {type(error).__name__}: {error}")
    return Finding(rule, matched=matched, seen="the hook's own decision")


class InspectSpider(Spider):
    """Downloads one page."""

    name = "geetest-inspect"
    request: Request
    sites: Sequence[GeetestSite]
    site: GeetestSite | None
    outcome: Outcome
    reads_scripts: bool

    async def start(self) -> AsyncIterator[Any]:
        """The one request."""
        meta = {"handle_httpstatus_list": list(range(400, 600))}
        yield self.request.replace(callback=self.parse, errback=self.failed, meta=meta)

    async def parse(self, response: Response) -> None:
        """Look at what came."""
        try:
            linked = await self._linked(response) if self.reads_scripts else {}
            self.outcome.inspection = await _examine(response, self.sites, self.site, linked=linked)
        except Exception as error:  # noqa: BLE001  # it is told where the command ends
            self.outcome.failed(error)

    async def _linked(self, response: Response) -> dict[str, bytes]:
        """The linked scripts of the same site, as far as they can be fetched."""
        found: dict[str, bytes] = {}
        for url in linked_scripts(response):
            request = Request(url, headers={"Referer": response.url}, meta={"download_maxsize": MAX_LINKED_BYTES})
            with suppress(Exception):  # what cannot be fetched is not read
                assert self.crawler.engine is not None  # noqa: S101  # it is running
                answer = await self.crawler.engine.download_async(request)
                if answer.status == _OK:
                    found[url] = answer.body
        return found

    def failed(self, failure: Failure) -> None:
        """Nothing came."""
        self.outcome.failed(failure.value)


def _download(
    request: Request,
    sites: Sequence[GeetestSite],
    site: GeetestSite | None,
    settings: Settings,
    outcome: Outcome,
    *,
    reads_scripts: bool = True,
) -> None:
    own = settings.copy()
    own.setdict(_OVERRIDES, priority="cmdline")
    error = crawl_once(
        own, InspectSpider, request=request, sites=sites, site=site, outcome=outcome, reads_scripts=reads_scripts
    )
    if error is not None:
        outcome.failed(error)

"""``scrapy geetest try``: one attempt for real, at most one purchase, every step told as it happens."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from scrapy_geetest.commands.crawl_once import crawl_once
from scrapy_geetest.commands.inspect.request_options import add_request_options, make_request
from scrapy_geetest.commands.terminal import write
from scrapy_geetest.commands.trial.endings import EXIT_CODES
from scrapy_geetest.commands.trial.notes import noted
from scrapy_geetest.commands.trial.observer import Observer
from scrapy_geetest.commands.trial.question import Consent, terminal
from scrapy_geetest.commands.trial.report import conclude, to_json
from scrapy_geetest.commands.trial.spider import spider_settings
from scrapy_geetest.commands.trial.transcript import Transcript
from scrapy_geetest.commands.trial.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scrapy import Request
    from scrapy.settings import Settings

DESCRIPTION = """\
Tries one address for real: downloads it through the project's own settings and, if it is a challenge page of a declared
site, goes the whole way that a crawl goes: a fresh challenge, one task at the solving service, the request with the
solution, the verdict. Every step is printed as it happens, without keys, values of cookies, or whole solutions. At most one
solution is bought, and you are asked before it is. In the end it says what is missing in the site class."""
USAGE = 2


def run(arguments: Sequence[str], settings: Settings) -> int:
    """Try an address, and print what happens.

    Args:
        arguments: See ``--help``.
        settings: Of the project.

    Returns:
        The exit code: how the attempt ended.
    """
    options = _parser().parse_args(arguments)
    try:
        request = _request(options)
        spider, own = spider_settings(settings, options.spider, options.site)
    except Exception as error:  # noqa: BLE001  # a project's code may raise anything
        write(f"scrapy geetest try: {_words(error)}\n", sys.stderr)
        return USAGE
    transcript = Transcript(_nothing if options.json else write)
    consent = Consent(given=options.yes, ask=terminal(sys.stderr if options.json else sys.stdout))
    trial = Trial(request, Observer(transcript, consent), site=options.site)
    with noted(transcript):
        obstacle = crawl_once(own, spider, trial=trial)
    if obstacle is not None:
        trial.end_without_crawl(_words(obstacle))
    conclude(trial)
    if options.json:
        write(json.dumps(to_json(trial), indent=2) + "\n")
    return trial.ending.code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scrapy geetest try", description=DESCRIPTION, epilog=EXIT_CODES)
    parser.add_argument("target", nargs="?", metavar="URL", help="an http(s) address")
    add_request_options(parser)
    parser.add_argument("--solve-first", action="store_true", help="solve before the request is sent (geetest=True)")
    parser.add_argument("--site", metavar="NAME", help="use this site of GEETEST_SITES, even if an earlier one matches")
    parser.add_argument("--spider", metavar="NAME", help="crawl with the settings of this spider of the project")
    parser.add_argument("--yes", action="store_true", help="buy a solution without asking")
    parser.add_argument("--json", action="store_true", help="print JSON, in the end")
    return parser


def _request(options: argparse.Namespace) -> Request:
    if (options.target is None) == (options.curl is None):
        raise ValueError("give either a URL or --curl")
    if options.target is not None and not options.target.lower().startswith(("http://", "https://")):
        raise ValueError("an address begins with http:// or https://; of a file, see scrapy geetest inspect")
    request = make_request(options)
    return request.replace(meta={"geetest": True}) if options.solve_first else request


def _words(error: BaseException) -> str:
    return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"


def _nothing(text: str) -> None:
    """Nothing is printed before the end."""

"""What to put into the site class, in the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from scrapy.http import TextResponse

from scrapy_geetest._attempt.evidence import told_by
from scrapy_geetest._pages import loose_json
from scrapy_geetest._pages.rules import widgets_of
from scrapy_geetest._redaction import address, tidied
from scrapy_geetest.commands.inspect.declaration import relative
from scrapy_geetest.commands.inspect.report import inspect
from scrapy_geetest.commands.trial.endings import Ending
from scrapy_geetest.exceptions import ChallengeError, SubmissionError
from scrapy_geetest.site import GeetestSite

if TYPE_CHECKING:
    from scrapy.http import Response

    from scrapy_geetest.commands.trial.observer import Seen

_MAX_KEYS = 12
_REFUSED = (
    "Compare the request above with the one that a browser sends (docs: recipes/network-tab): its address, the names of its "
    "fields (field_names, submit_as), its cookies. Other causes: docs, "
    "reference/messages: When a site refuses good solutions."
)
_SOLVE_FIRST = (
    "To try that request: scrapy geetest try --solve-first, with its URL, --method, --header and --data; if it carries values "
    "of this page, run the spider with -s GEETEST_MAX_SOLVES=1."
)
_REGISTERED = (
    "Look at the answer to the register request above: challenge_url, challenge_path and version must match it "
    "(docs: register-request)."
)


def advise(ending: Ending, seen: Seen, page: Response | None) -> Iterator[str]:
    """What is missing, in lines.

    Args:
        ending: How it ended.
        seen: What the attempt has shown.
        page: What the spider got where nothing was solved.
    """
    if ending is Ending.UNVERIFIED and seen.answer is not None and seen.site is not None:
        yield from _of_verdict(seen.answer, seen)
    elif ending is Ending.REFUSED:
        yield _REFUSED
    elif isinstance(seen.error, ChallengeError) and seen.page is not None and seen.site is not None:
        yield from _of_challenge(seen.page, seen.site)
    elif isinstance(seen.error, SubmissionError) and seen.page is not None and seen.site is not None:
        yield from inspect(seen.page, seen.site).remarks
    elif ending is Ending.NOT_WITHHELD and page is not None and seen.site is not None and widgets_of(page):
        yield "The page carries a GeeTest widget. If it withholds its content, name in detect_… what shows that."
        yield from inspect(page, seen.site).remarks
        yield _SOLVE_FIRST


def declare(page: Response, sites: Sequence[GeetestSite]) -> Iterator[str]:
    """The site class for a page that none of *sites* is declared for."""
    found = inspect(page)
    names = ", ".join(site.name for site in sites)
    yield f'Why it is a challenge page, or not: scrapy geetest inspect "{address(page.url)}"'
    if not found.declaration:
        yield "The page shows no sign of a widget. If it belongs to a declared site, add its host to that site's urls."
        return
    yield f"Add its host to the urls of a declared site ({names}), or begin with this class, and name it in GEETEST_SITES:"
    yield ""
    yield from (f"    {line}" for line in found.declaration.rstrip().splitlines())


def _of_verdict(answer: Response, seen: Seen) -> Iterator[str]:
    yield "Name what an answer shows only if the site took the solution, and what only if it did not. This answer has:"
    data = loose_json.load(answer.text) if isinstance(answer, TextResponse) else None
    if isinstance(data, Mapping):
        yield f"the keys {', '.join(list(map(str, data))[:_MAX_KEYS])}"
        yield '    accepted_jmespath = "..."'
        yield '    refused_jmespath = "..."'
        return
    yield tidied(told_by(answer, seen.page))
    yield '    accepted_css = "..."'
    yield '    refused_css = "..."  # or refused_re, for plain text'


def _of_challenge(page: Response, site: GeetestSite) -> Iterator[str]:
    has_hook = type(site).challenge_request is not GeetestSite.challenge_request
    if site.challenge_url or has_hook:
        yield _REGISTERED
        return
    urls = inspect(page).register_urls
    if not urls:
        yield "Name the address where the page's script gets a fresh challenge (docs: register-request):"
    yield f'    challenge_url = "{relative(urls[0], page.url) if urls else "..."}"'

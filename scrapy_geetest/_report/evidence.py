"""What is kept of an attempt that was refused or is unverified: enough to see why, and nothing that is secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_geetest._attempt.evidence import new_words
from scrapy_geetest._crawl.identity import may_go_to_anybody
from scrapy_geetest._redaction import carrying, fields_of, public, public_address, shortened
from scrapy_geetest._report.attempts import Attempt
from scrapy_geetest.challenge import solution_values
from scrapy_geetest.site import GeetestSite

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response

    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._attempt.purchase import Purchase

_LINE = 200  # characters of a sentence
ADDRESS = 300
"""Characters of an address that are kept."""
_NAME = 60  # characters of a field's name
_FIELDS = 20


def attempt_of(
    outcome: str, context: Context, purchase: Purchase, *, answer: Response | None, rule: str, source: str, at: float
) -> Attempt:
    """Keep what can be shown of a solution that was sent.

    Args:
        outcome: ``"refused"`` or ``"unverified"``.
        context: With the page whose challenge was solved.
        purchase: The solution, and the request that carried it.
        answer: Of the site; ``None``: none came, or a spider sends the solution itself.
        rule: What the verdict rests on.
        source: Where the challenge came from.
        at: Seconds since 1970.
    """
    request = purchase.request
    solution = set(solution_values(purchase.solution).values())
    carried, beside = ([], []) if request is None else carrying(request, solution)
    sent = None if answer is None else answer.request
    secrets = solution | values_of(request) | values_of(context.request) | values_of(sent) | _set_by(answer)
    return Attempt(
        at=at,
        outcome=outcome,
        site=context.site.name,
        service=purchase.task.service,
        task=public(str(purchase.task.id), _NAME),
        number=purchase.attempt,
        page=public_address(context.page_url, ADDRESS, solution),
        source=source,
        sent_to="" if request is None else f"{request.method} {public(request.url, ADDRESS, solution)}",
        fields=tuple((one.place, public(one.name, _NAME), shortened(one.value)) for one in carried[:_FIELDS]),
        beside=tuple(public(name, _NAME) for name in beside[:_FIELDS]),
        status=0 if answer is None else answer.status,
        answered_by="" if answer is None else public(answer.url, ADDRESS, solution),
        words="" if answer is None else public(new_words(answer, context.whole_page), _LINE, secrets),
        rule=public(rule, _LINE, secrets),
    )


def source_of(context: Context, answer: Response | None) -> str:
    """Where a challenge came from, in words: *answer* held it; ``None``: nothing was downloaded for it."""
    site = context.site
    if context.handed is not None:
        return "the script of the page, in the browser"
    if answer is None:
        return f"captcha_id of site {site.name}"
    if answer is context.page:
        return "the page itself"
    is_own = type(site).challenge_request is not GeetestSite.challenge_request
    return f"{public_address(answer.url, ADDRESS)}{f', by challenge_request of site {site.name}' if is_own else ''}"


def values_of(request: Request | None) -> set[str]:
    """All that a request carries in its address and body, a form's password among it, and its credentials."""
    if request is None:
        return set()
    cookies = b"; ".join(request.headers.getlist(b"Cookie")).decode("latin-1").split("; ")
    own = (name for name in request.headers if not may_go_to_anybody(name))
    words = (
        word for name in own for value in request.headers.getlist(name) for word in value.decode("latin-1").split()
    )
    return {one.value for one in fields_of(request)} | {cookie.partition("=")[2] for cookie in cookies} | set(words)


def _set_by(answer: Response | None) -> set[str]:
    """The cookies that an answer sets."""
    headers = () if answer is None else answer.headers.getlist(b"Set-Cookie")
    return {header.decode("latin-1").partition(";")[0].partition("=")[2] for header in headers}

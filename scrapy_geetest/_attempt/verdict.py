"""What the answer to a submission shows: accepted, refused, or neither. Verdicts are evidence."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import urldefrag

from attrs import frozen
from scrapy.http import TextResponse

from scrapy_geetest._crawl.parking import Stopping
from scrapy_geetest._pages.failure import reads_like_failure
from scrapy_geetest._pages.forms import typed_controls
from scrapy_geetest._pages.rules import widgets_of
from scrapy_geetest._pages.tree import page_root
from scrapy_geetest._pages.wanted_page import asks_for_password, lacks_content
from scrapy_geetest._pages.withholding import ERROR_STATUS
from scrapy_geetest.exceptions import GeetestError
from scrapy_geetest.site import GeetestSite

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy.http import Response

    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._hooks import Hook


class Outcome(Enum):
    """The three verdicts."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNVERIFIED = "unverified"


@frozen
class Verdict:
    """A verdict and what it rests on.

    Attributes:
        outcome: Accepted, refused, or unverified.
        evidence: What shows it, in words.
        is_site_rule: Whether a rule of the site shows it, so that a refusal may be reported to the service.
        is_failure: Of an unverified answer: whether it reads like a failure.
        cure: Of a refusal: what the project can do, where it is known.
    """

    outcome: Outcome
    evidence: str
    is_site_rule: bool = False
    is_failure: bool = False
    cure: str = ""


async def ask(hook: Callable[[Response], Hook[bool | None]], context: Context, response: Response) -> bool | None:
    """Ask a hook of the site about a response.

    Raises:
        GeetestError: The hook failed.
        Stopping: The crawl began to end before it had answered.
    """
    try:
        told = await context.settle(hook(response))
        return None if told is None else bool(told)
    except Stopping:
        raise
    except Exception as error:
        raise GeetestError(
            f"Correct {getattr(hook, '__name__', hook)} of site {context.site.name}: it failed on {response}: "
            f"{type(error).__name__}: {error}",
            **context.parts,
        ) from error


async def is_withheld(context: Context, response: Response) -> bool:
    """Whether *response* is a challenge page of the site.

    Raises:
        GeetestError: The hook failed.
    """
    return bool(await ask(context.site.is_challenge, context, response))


async def judge(context: Context, answer: Response, *, is_page_form: bool) -> Verdict:
    """What *answer*, to a request that carried a solution, shows.

    Args:
        context: With the page whose challenge was solved, if there was one.
        answer: What the submission ended with, redirects followed.
        is_page_form: Whether the form of the page was sent, rather than the spider's own request.

    Raises:
        GeetestError: A hook failed.
    """
    if (verdict := await by_site_rules(context, answer)) is not None:
        return verdict
    if await is_withheld(context, answer):
        return withheld_again(context, answer, is_page_form=is_page_form)
    if (failed := failure_of(answer)) is not None:
        return failed
    return by_address(context, answer, is_page_form=is_page_form)


def by_address(context: Context, answer: Response, *, is_page_form: bool) -> Verdict:
    """The verdict on an answer that neither is withheld nor tells of a failure."""
    if context.page is None or not is_at_own_address(context, answer):
        return Verdict(Outcome.UNVERIFIED, "nothing in it shows whether the solution was accepted")
    if lacking := lacks_content(context.request, context.page, answer, is_page_form=is_page_form):
        return Verdict(Outcome.UNVERIFIED, lacking)
    return Verdict(Outcome.ACCEPTED, "the page that was withheld is not withheld any more")


def of_page_behind(context: Context, page: Response) -> Verdict:
    """The verdict on what came for the page behind a gate, and is not withheld."""
    if page.status >= ERROR_STATUS:
        return Verdict(Outcome.UNVERIFIED, f"the page behind it came with status {page.status}")
    if (failed := failure_of(page)) is not None:
        return Verdict(Outcome.UNVERIFIED, f"the page behind the gate: {failed.evidence}", is_failure=True)
    if context.page is not None:
        lacking = lacks_content(context.request, context.page, page, is_page_form=False)
        if lacking:
            return Verdict(Outcome.UNVERIFIED, f"the page behind the gate: {lacking}")
    if page.url != context.request.url and asks_for_password(page):
        return Verdict(
            Outcome.UNVERIFIED, "the page behind the gate: it is at another address, and asks for a password"
        )
    return Verdict(Outcome.ACCEPTED, "the page that was withheld came")


def failure_of(answer: Response) -> Verdict | None:
    """The verdict on an answer that is an error, or reads like one; ``None``: it does not."""
    if answer.status >= ERROR_STATUS:
        return Verdict(Outcome.UNVERIFIED, f"the status is {answer.status}", is_failure=True)
    if failure := reads_like_failure(answer):
        return Verdict(Outcome.UNVERIFIED, f"it reads like a failure: {failure}", is_failure=True)
    return None


async def by_site_rules(context: Context, answer: Response) -> Verdict | None:
    """The verdict by what the site declares; ``None``: that says nothing.

    Raises:
        GeetestError: A hook failed.
    """
    site = context.site
    if hook := _own_hook(site, "is_accepted"):
        told = await ask(site.is_accepted, context, answer)
        if told is not None:
            return Verdict(Outcome.ACCEPTED if told else Outcome.REFUSED, hook, is_site_rule=True)
    rule = site.verdict_rule(answer)
    if rule is None:
        return None
    outcome = Outcome.REFUSED if rule.startswith("refused_") else Outcome.ACCEPTED
    return Verdict(outcome, rule, is_site_rule=True)


def withheld_again(context: Context, answer: Response, *, is_page_form: bool) -> Verdict:
    """The verdict on a challenge page as the answer."""
    site = context.site
    own_hook = _own_hook(site, "is_challenge")
    if own_hook or site.rules.named:
        rule = f"detect_{site.rules.match(answer)}"
        told = f"it is a challenge page again, by {own_hook or rule}"
        if own_hook or widgets_of(answer):
            return Verdict(Outcome.REFUSED, told, is_site_rule=True)
        cure = f"narrow {rule} of site {site.name} if the answer is the page wanted: it matches a page without a widget"
        return Verdict(Outcome.REFUSED, told, is_site_rule=True, cure=cure)
    # A login page, given back because of a wrong password, carries its widget whatever its status is.
    typed = isinstance(answer, TextResponse) and (root := page_root(answer)) is not None and typed_controls(root)
    if typed and not is_page_form:
        return Verdict(Outcome.UNVERIFIED, "it carries a widget, and asks a person to type", is_failure=True)
    return Verdict(Outcome.REFUSED, "it is a challenge page again, by the built-in detection")


def _own_hook(site: GeetestSite, hook: str) -> str:
    is_own = getattr(type(site), hook) is not getattr(GeetestSite, hook)
    return f"{hook} of site {site.name}" if is_own else ""


def is_at_own_address(context: Context, answer: Response) -> bool:
    """Whether the page was withheld at the address that the spider asked for, and *answer* is from there."""
    asked = urldefrag(context.request.url).url
    return context.page is not None and urldefrag(context.page.url).url == asked == urldefrag(answer.url).url

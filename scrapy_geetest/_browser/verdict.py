"""What the answer to a page's own sending shows, together with the page that is shown then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_geetest._attempt.evidence import new_words
from scrapy_geetest._attempt.verdict import (
    Outcome,
    Verdict,
    by_address,
    by_site_rules,
    failure_of,
    is_withheld,
    withheld_again,
)
from scrapy_geetest._pages.failure import reads_like_failure
from scrapy_geetest._sites import is_built_in

LABELS = frozenset({"Click to verify", "Verifying", "Verified", "Not verified"})
"""What the stand-in's own box shows."""

if TYPE_CHECKING:
    from scrapy.http import Response

    from scrapy_geetest._attempt.context import Context


async def judge_page(
    context: Context, answer: Response | None, shown: Response, *, was_withheld: bool, is_same_document: bool
) -> Verdict:
    """The verdict on a solution that a page's script has sent.

    Args:
        context: With the page whose challenge was solved.
        answer: What the site answered, if it is not the page that is shown.
        shown: The page that is shown then.
        was_withheld: Whether the page was a challenge page.
        is_same_document: Whether it is still the document that has sent the solution.

    Raises:
        GeetestError: A hook failed.
    """
    for one in (answer, shown):
        if one is not None and (verdict := await by_site_rules(context, one)) is not None:
            return verdict
    if await is_withheld(context, shown):
        return withheld_again(context, shown, is_page_form=False)
    # A document keeps the status that it came with, whatever its scripts make of it.
    judged = answer if answer is not None else None if is_same_document else shown
    if judged is not None and (failed := failure_of(judged)) is not None:
        return failed
    if was_withheld and is_same_document and is_built_in(context.site):
        return _by_new_words(shown, context.page)
    if was_withheld and is_same_document:
        return Verdict(Outcome.ACCEPTED, "the page that was withheld is not withheld any more")
    return by_address(context if was_withheld else context.on(None), shown, is_page_form=True)


def _by_new_words(shown: Response, page: Response | None) -> Verdict:
    """The built-in detection cannot tell whether a document is still withheld in which a widget was passed."""
    if failure := reads_like_failure(shown):
        return Verdict(Outcome.UNVERIFIED, f"the page reads like a failure: {failure}", is_failure=True)
    if new_words(shown, page, besides=LABELS):
        return Verdict(Outcome.ACCEPTED, "the page that was withheld shows what it did not show before")
    return Verdict(Outcome.UNVERIFIED, "the page shows nothing that it did not show before")


def judge_answer(verdict: Verdict | None, answer: Response | None) -> Verdict:
    """The verdict on a solution after which the page has asked for another one: the page that is shown says nothing of it."""
    if verdict is not None:
        return verdict
    failed = failure_of(answer) if answer is not None else None
    return failed or Verdict(Outcome.UNVERIFIED, "the page has asked for another solution since")

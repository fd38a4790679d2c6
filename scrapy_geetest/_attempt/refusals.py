"""What a project can do about a refusal: the likeliest cause that the page and its site show."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urldefrag

from attrs import frozen
from scrapy.http import TextResponse
from scrapy.utils.response import get_base_url

from scrapy_geetest._pages.page_answer import page_answer
from scrapy_geetest._pages.rules import widgets_of
from scrapy_geetest._pages.tree import page_root
from scrapy_geetest._pages.widget import PageReading
from scrapy_geetest.site import GeetestSite

if TYPE_CHECKING:
    from scrapy_geetest._attempt.context import Context
    from scrapy_geetest._attempt.purchase import Purchase
    from scrapy_geetest._attempt.verdict import Verdict

REFUSAL_CURE = (
    "see each step with scrapy geetest try; the usual causes are field_names, a lost session, another proxy or User-Agent "
    "(docs: reference/messages)"
)


@frozen
class Cure:
    """What a project can do about a refusal.

    Attributes:
        words: As a log line begins with them.
        is_certain: Whether every solution would be refused until it is done.
    """

    words: str
    is_certain: bool = False


def refusal_cure(context: Context, purchase: Purchase, verdict: Verdict) -> Cure:
    """Find what to do about a refusal.

    Args:
        context: With the page whose challenge was solved.
        purchase: With the request that took the solution to the site.
        verdict: The refusal.
    """
    if verdict.cure:
        return Cure(verdict.cure)
    wanted = _names_of_page(context, purchase)
    sent = tuple(context.site.fields(purchase.solution)) if wanted else ()
    if set(wanted) <= set(sent):
        return Cure(REFUSAL_CURE)
    return Cure(
        f"correct field_names of site {context.site.name}: the page sends {', '.join(wanted)}, the plugin sent "
        f"{', '.join(sent) or 'none'}",
        is_certain=True,
    )


def _names_of_page(context: Context, purchase: Purchase) -> tuple[str, ...]:
    """The fields in which the page sends its answer to where the solution went; none where that cannot be known."""
    page, request = context.whole_page, purchase.request
    site = type(context.site)
    is_own = site.submit_request is not GeetestSite.submit_request or site.fields is not GeetestSite.fields
    if request is None or not isinstance(page, TextResponse) or is_own or context.site.is_two_step:
        return ()
    reading = PageReading.of(page.text)
    found = page_answer(reading.read_scripts, page_root(page), _base_url(page), page.url, widgets_of(page))
    names = tuple(name for name, key in found.fields if key)
    is_same = _place(found.url) == _place(request.url) and found.method == request.method
    is_flat = not any("." in name for name in names)
    return names if found.by and is_same and is_flat else ()


def _place(url: str) -> str:
    return urldefrag(url).url.partition("?")[0]


def _base_url(page: TextResponse) -> str:
    try:
        return get_base_url(page)
    except ValueError:  # the address in its <base> is none
        return page.url

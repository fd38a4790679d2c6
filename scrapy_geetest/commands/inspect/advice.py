"""What to do about a page, in sentences: above all which request carries the answer where the plugin sends none by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_geetest._submission.plan import WAYS_OUT
from scrapy_geetest.commands.inspect.declaration import relative

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy_geetest.commands.inspect.sending import Sending

REGISTER_ANSWER = "This looks like a register answer: use its URL as challenge_url."
_CARRIES = "This is no challenge page, it only carries the widget. "
_LEAVE_PAGE = "get the page with geetest=False in its meta and "


def advise(url: str, sending: Sending, sent_to: str | None, *, only_carries: bool) -> Iterator[str]:
    """Which request the spider sends.

    Args:
        url: Of the page.
        sending: How a solution would be sent.
        sent_to: Where the spider sends it, or the page's script, if that is elsewhere than the plugin would.
        only_carries: Whether the page only carries its widget.
    """
    if not sent_to and sending.way != "request":
        if only_carries:
            yield f"{_CARRIES}Send the request that needs a solution with geetest=True in its meta (docs: recipes/answers)."
        return
    place = relative(sent_to, url) if sent_to else ""
    known = " (add it to urls if you know that it is the site's)" if sent_to and place == sent_to else ""
    problem = sending.problem
    start = _CARRIES if only_carries else ""
    if sent_to in sending.script_urls:
        told = f"The page's script sends the answer to {place}{known}"
    elif sent_to:
        told = f"{problem[:1].upper()}{problem[1:]}, and sends {sending.method} {place}{known}"
    else:
        yield f"{start}{problem[:1].upper()}{problem[1:]}: {WAYS_OUT}."
        return
    lead = "" if only_carries else _LEAVE_PAGE
    meta = " in its meta" if only_carries else ""
    yield (
        f"{start}{told}: let the spider {lead}send that request with geetest=True{meta}, or override submit_request "
        "(docs: recipes/answers)."
    )

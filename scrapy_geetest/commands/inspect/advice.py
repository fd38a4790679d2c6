"""What to do about a page, in sentences: above all which request carries the answer where the plugin sends none by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_geetest._submission.plan import WAYS_OUT
from scrapy_geetest.commands.inspect.declaration import relative

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy_geetest.commands.inspect.sending import Sending

REGISTER_ANSWER = "This looks like a register answer: use its URL as challenge_url."
_CARRIES = "This is not a challenge page; it only carries the widget. "
_LEAVE_PAGE = "get the page with geetest=False in its meta and "
_SHOWN = 5


def advise(url: str, sending: Sending, *, is_challenge: bool, has_hook: bool) -> Iterator[str]:
    """Which request the spider sends.

    Args:
        url: Of the page.
        sending: How a solution would be sent.
        is_challenge: Whether the page is one; else it only carries its widget.
        has_hook: Whether the class that is printed sends what the page's script does.
    """
    start = "" if is_challenge else _CARRIES
    target = sending.url or next(iter(sending.script_urls), "")
    place = relative(target, url) if target else ""
    if sending.by == "form" and sending.typed:
        typed = ", ".join(map(repr, sending.typed[:_SHOWN]))
        told = f"The form of the page asks a person to fill in {typed}, and sends {sending.method} {place}"
    elif sending.by == "script" or (place and sending.url != target):
        known = " (add it to urls if you know that it is the site's)" if place == target else ""
        told = f"The page's script sends the answer to {place}{known}"
    else:
        yield from _without_address(sending, start, is_challenge=is_challenge)
        return
    if is_challenge and has_hook:
        return
    lead, meta = (_LEAVE_PAGE, "") if is_challenge else ("", " in its meta")
    yield (
        f"{start}{told}: let the spider {lead}send that request with geetest=True{meta}, or override submit_request "
        "(docs: recipes/answers)."
    )


def _without_address(sending: Sending, start: str, *, is_challenge: bool) -> Iterator[str]:
    if not is_challenge:
        yield f"{start}Send the request that needs a solution with geetest=True in its meta (docs: recipes/answers)."
    elif sending.problem and not sending.by:
        ways_out = "" if "submit_request" in sending.problem else f": {WAYS_OUT}"  # some problems name them already
        yield f"{sending.problem[:1].upper()}{sending.problem[1:].rstrip('.')}{ways_out}."

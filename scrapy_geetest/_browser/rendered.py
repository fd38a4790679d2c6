"""What a page shows, as a Scrapy response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy.http import TextResponse
from w3lib.encoding import html_body_declared_encoding, http_content_type_encoding

from scrapy_geetest._browser.sendings import make_response
from scrapy_geetest._pages.rules import note_widgets
from scrapy_geetest._pages.widget import Widget

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scrapy.http import Response

    from scrapy_geetest._browser.page import OpenPage
    from scrapy_geetest._browser.rounds import Round

_TRIES = 40
_PAUSE = 0.25  # seconds; a page that goes from one document to another has no content


class PageGoneError(Exception):
    """The page crashed, or was closed."""


async def render(opened: OpenPage, response: Response) -> Response:
    """The page as it is now, in the place of *response*, as which scrapy-playwright has returned it.

    Status and headers are those of the document that it shows.

    Raises:
        PageGoneError: There is nothing to be seen.
    """
    if not isinstance(response, TextResponse):
        return response  # a download, which the page does not show
    text = await _content(opened)
    if len(opened.documents) <= 1:
        body, encoding = encode(response.headers.get(b"Content-Type"), text)
        return response.replace(url=opened.url, body=body, encoding=encoding)
    document = opened.documents[-1]
    try:
        headers = await document.all_headers()
    except Exception:  # noqa: BLE001  # Playwright's, where the document is gone already
        headers = document.headers
    body, encoding = encode(headers.get("content-type"), text)
    shown = make_response(opened.url, document.status, headers, body, encoding)
    return shown.replace(flags=list(response.flags), request=response.request)


def show_widgets(response: Response, rounds: Iterable[Round]) -> None:
    """Let the detection know the widgets of *response*, which its HTML need not show: linked scripts make them."""
    note_widgets(response, tuple(_widget(one) for one in rounds))


def _widget(one: Round) -> Widget:
    asked = one.asked
    is_v4 = asked.version == 4  # noqa: PLR2004  # the versions of GeeTest
    return Widget(
        version=asked.version,
        gt=None if is_v4 else asked.site_id or None,
        captcha_id=asked.site_id or None if is_v4 else None,
        challenge=asked.challenge or None,
        api_server=asked.api_server,
        risk_type=asked.risk_type,
        product=asked.product or None,
        evidence="a script of the page makes it in the browser",
        is_called=True,
    )


def why_not_bought(opened: OpenPage) -> tuple[str, str]:
    """What to do about a page in which nothing called for a solution (empty: nothing helps), and why it did not, in words."""
    cure, why = "let a PageMethod click, if a click makes the widget", "its scripts made no GeeTest widget"
    if opened.shadowed:
        cure, why = "", f"its own code answers for {opened.shadowed}, which it has locked"
    elif opened.rounds:
        products = ", ".join(sorted({one.asked.product for one in opened.rounds}))
        cure, why = "let a PageMethod click what calls for the widget", f"its widget ({products}) was not called for"
    return cure, why + opened.script_error()


async def _content(opened: OpenPage) -> str:
    error: Exception | None = None
    for _ in range(_TRIES):
        if opened.is_gone:
            break
        try:
            text: str = await opened.page.content()
        except Exception as failure:  # noqa: BLE001  # Playwright's errors, which are not imported
            error = failure
            await opened.pause(_PAUSE)
        else:
            return text
    raise PageGoneError(str(error or "the page crashed or was closed")) from error


def encode(content_type: Any, text: str) -> tuple[bytes, str]:
    """The text of a page in its own encoding, where that can spell it."""
    header = content_type.decode("latin-1") if isinstance(content_type, bytes) else content_type or ""
    for encoding in (http_content_type_encoding(header), html_body_declared_encoding(text)):
        try:
            if encoding:
                return text.encode(encoding), encoding
        except UnicodeEncodeError:
            continue
    return text.encode("utf-8"), "utf-8"

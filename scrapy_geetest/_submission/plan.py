"""The plan of a submission: made before the purchase, it is the object that fills the request afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_geetest._submission.page_form import form_to_send, plan_page_form
from scrapy_geetest._submission.request_body import plan_form, plan_json
from scrapy_geetest._submission.request_parts import plan_headers, plan_query
from scrapy_geetest._submission.types import NoWayError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scrapy import Request
    from scrapy.http import Response

    from scrapy_geetest._submission.types import Plan

SUBMIT_AS = ("auto", "form", "json", "query", "headers")

WAYS_OUT = (
    'set submit_as ("form", "json", "query" or "headers") to say how this request carries the answer; or let the spider '
    "get this page with geetest=False in its meta and send the form request with geetest=True; or override submit_request"
)
_FORM_TYPE = b"application/x-www-form-urlencoded"
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_PLANS: Mapping[str, Callable[[Request], Plan]] = {
    "form": plan_form,
    "json": plan_json,
    "query": plan_query,
    "headers": plan_headers,
}


def plan_submission(request: Request, page: Response | None, submit_as: str = "auto") -> Plan:
    """Find out how *request* is to carry a solution.

    Args:
        request: The request as the spider made it.
        page: The page that it got, or ``None`` where nothing was downloaded.
        submit_as: One of :data:`SUBMIT_AS`. ``"auto"``: a form or JSON body gets the fields added; a request without a
            body whose page holds the widget's form gets that form submitted, if it leaves a person nothing to type.

    Raises:
        ValueError: There is no such way; the message names the ways out.
    """
    if request.body or request.method not in _SAFE_METHODS:
        return _PLANS[_way_of_body(request) if submit_as == "auto" else submit_as](request)
    if submit_as in {"auto", "form"}:
        form = form_to_send(page)
        if form.element is not None and page is not None:
            return plan_page_form(request, page, form.element)
        if submit_as == "auto":
            raise NoWayError(f"it is not known where its answer goes: {form.problem}", cure=WAYS_OUT)
    return _PLANS[submit_as](request)


def _way_of_body(request: Request) -> str:
    content_type = (request.headers.get(b"Content-Type") or b"").lower()
    if b"json" in content_type or (not content_type and request.body[:1] == b"{"):
        return "json"
    if not request.body or not content_type or content_type.startswith(_FORM_TYPE):
        return "form"
    raise NoWayError(
        f"the solution's fields cannot be added to the request's body of the type {content_type.decode('latin-1')!r}, which "
        "is neither a form nor JSON",
        cure='set submit_as to "query" or "headers", or override submit_request',
    )

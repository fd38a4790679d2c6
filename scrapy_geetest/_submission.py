"""A solution into a request: as a form, as JSON, in the query, in headers, or in the form of the challenge page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote_plus, unquote_to_bytes, urlsplit

from attrs import frozen
from form2request import form2request
from scrapy.http import HtmlResponse, Response
from scrapy.selector import Selector

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from scrapy import Request

SUBMIT_AS = ("auto", "form", "json", "query", "headers")

Fields: TypeAlias = "Mapping[str, str]"

_FORM_TYPE = b"application/x-www-form-urlencoded"
_JSON_TYPE = b"application/json"


@frozen
class Submission:
    """How a request gets its solution, known before anything is bought.

    Attributes:
        url: Where the solution will be sent.
        fill: Puts the fields (field name -> value) into the request.
    """

    url: str
    fill: Callable[[Fields], Request]


def plan(request: Request, response: Response | None, submit_as: str = "auto") -> Submission:
    """Find out how *request* is to carry a solution.

    Args:
        request: The request as the spider made it.
        response: The challenge page it got, or ``None`` where nothing was downloaded.
        submit_as: One of :data:`SUBMIT_AS`. ``"auto"``: a form or JSON body gets the fields added; a GET whose
            challenge page holds a form gets that form submitted; any other GET gets them in its query.

    Raises:
        ValueError: The request has a body that none of these ways fits.
    """
    way = _auto(request, response) if submit_as == "auto" else submit_as
    if way == "form":
        form = None if request.body else page_form(response)
        return _plan_page_form(request, form) if form is not None else _plan_form(request)
    return _PLANS[way](request)


def _auto(request: Request, response: Response | None) -> str:
    if not request.body and request.method in {"GET", "HEAD"}:
        return "query" if page_form(response) is None else "form"
    content_type = (request.headers.get(b"Content-Type") or b"").lower()
    if b"json" in content_type or (not content_type and request.body[:1] == b"{"):
        return "json"
    if not request.body or not content_type or content_type.startswith(_FORM_TYPE):
        return "form"
    raise ValueError(
        f"the request has a body of the type {content_type.decode('latin-1')!r}, neither a form nor JSON, which the "
        "solution's fields cannot be added to; set submit_as, or override submit_request"
    )


def _plan_form(request: Request) -> Submission:
    def fill(fields: Fields) -> Request:
        headers = request.headers.copy()
        headers.setdefault(b"Content-Type", _FORM_TYPE)
        method = "POST" if request.method in {"GET", "HEAD"} else request.method
        return request.replace(method=method, headers=headers, body=_with_pairs(request.body, fields))

    return Submission(request.url, fill)


def _plan_query(request: Request) -> Submission:
    parts = urlsplit(request.url)

    def fill(fields: Fields) -> Request:
        query = _with_pairs(parts.query.encode(), fields).decode()
        return request.replace(url=parts._replace(query=query).geturl())

    return Submission(request.url, fill)


def _plan_headers(request: Request) -> Submission:
    def fill(fields: Fields) -> Request:
        headers = request.headers.copy()
        for name, value in fields.items():
            headers[name] = value
        return request.replace(headers=headers)

    return Submission(request.url, fill)


def _plan_json(request: Request) -> Submission:
    try:
        data = json.loads(request.body or b"{}")
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the request's JSON body cannot be read ({error}); override submit_request") from error
    if not isinstance(data, dict):
        raise ValueError(f"the request's JSON body is a {type(data).__name__}, not an object; override submit_request")

    def fill(fields: Fields) -> Request:
        body: dict[str, Any] = json.loads(request.body or b"{}")
        for name, value in fields.items():
            _set_path(body, name.split("."), value)
        headers = request.headers.copy()
        headers.setdefault(b"Content-Type", _JSON_TYPE)
        method = "POST" if request.method in {"GET", "HEAD"} else request.method
        return request.replace(method=method, headers=headers, body=json.dumps(body).encode())

    return Submission(request.url, fill)


_PLANS: Mapping[str, Callable[[Request], Submission]] = {
    "json": _plan_json,
    "query": _plan_query,
    "headers": _plan_headers,
}


def _plan_page_form(request: Request, form: Selector) -> Submission:
    def fill(fields: Fields) -> Request:
        filled = form2request(form, dict(fields), click=False)
        headers = request.headers.copy()
        # The form goes out from the challenge page: what the request said of its own body and origin does not hold.
        for name in (b"Content-Type", b"Content-Length", b"Referer"):
            headers.pop(name, None)
        headers.update(filled.headers)
        return request.replace(url=filled.url, method=filled.method, headers=headers, body=filled.body)

    try:
        target = form2request(form, click=False).url
    except (NotImplementedError, ValueError) as error:
        raise ValueError(
            f"the form of the challenge page cannot be submitted ({error}); override submit_request"
        ) from error
    return Submission(target, fill)


def page_form(response: Response | None) -> Selector | None:
    """The form of a challenge page that the widget belongs to: one that speaks of it, else the fullest of those that post, else the first."""
    if not isinstance(response, HtmlResponse):
        return None
    try:
        # A selector of our own: the response would keep its, tree and all, for as long as it is parked.
        forms: Sequence[Selector] = Selector(response).xpath("//form")
    except ValueError:  # the address in its <base> is none, so that no form of it leads anywhere
        return None
    return max(forms, key=_form_score, default=None)


def _form_score(form: Selector) -> tuple[bool, bool, int]:
    text = form.get().lower()
    speaks = any(word in text for word in ("geetest", "captcha", "lot_number"))
    posts = (form.attrib.get("method") or "").lower() == "post"
    return speaks, posts, len(form.xpath(".//input[@type='hidden']"))


def _with_pairs(encoded: bytes, fields: Fields) -> bytes:
    """Set *fields* in a urlencoded text and leave every other byte of it as it is, whatever its character set."""
    kept = [pair for pair in encoded.split(b"&") if pair and _pair_name(pair) not in fields]
    added = [f"{quote_plus(name)}={quote_plus(value)}".encode() for name, value in fields.items()]
    return b"&".join(kept + added)


def _pair_name(pair: bytes) -> str:
    return unquote_to_bytes(pair.partition(b"=")[0].replace(b"+", b" ")).decode("utf-8", "replace")


def _set_path(target: dict[str, Any], path: Sequence[str], value: str) -> None:
    for key in path[:-1]:
        inner = target.get(key)
        if not isinstance(inner, dict):
            inner = target[key] = {}
        target = inner
    target[path[-1]] = value

"""How a solution for a page would be sent: by the plugin, with a GET of the page, or by a request of the spider's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from attrs import evolve, frozen
from scrapy import Request
from scrapy.utils.response import get_base_url

from scrapy_geetest._pages.forms import likely_form
from scrapy_geetest._submission.page_form import form_to_send
from scrapy_geetest._submission.plan import plan_submission
from scrapy_geetest._submission.target import resolve_action

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy.http import Response

    from scrapy_geetest.site import GeetestSite

_NAMED_INPUTS = ".//*[self::input or self::select or self::textarea][@name]/@name"
_WAYS = {
    "page form": "with the page's form",
    "request": "with a request of the spider's own",
    "form": "in a form body",
    "json": "in a JSON body",
    "query": "in the query",
    "headers": "in headers",
}
_MAX_KEPT = 40  # names of a form's fields that are told


@frozen(kw_only=True)
class Sending:
    """How a solution would be sent with a plain GET of the page's URL, or which request takes its place.

    Attributes:
        way: ``"page form"``, ``"form"``, ``"json"``, ``"query"`` or ``"headers"``; ``"request"``: the spider sends one of
            its own; ``None``: there is none.
        method: Of the request; empty where nothing tells it.
        url: Where it goes; empty where nothing tells it.
        fields: Names that the solution's values get.
        kept: Names of the form's own fields; their values are not told.
        problem: Why there is no way, or why the plugin sends nothing by itself.
        script_urls: Where the page's own scripts send the widget's result.
    """

    way: str | None = None
    method: str = ""
    url: str = ""
    fields: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    problem: str = ""
    script_urls: tuple[str, ...] = ()

    def sent_to(self) -> str | None:
        """Where the spider sends the answer, or the page's script, if that is elsewhere than the plugin would."""
        if self.way == "request":
            return self.url or None
        return None if _place(self.url) in map(_place, self.script_urls) else next(iter(self.script_urls), None)

    def shows_acceptance(self, page_url: str) -> bool:
        """Whether the answer comes from the address of the page, so that the page's coming shows that it was accepted."""
        return self.way in {"query", "headers"} or (
            self.way == "page form" and self.method == "POST" and self.url == page_url
        )

    def lines(self) -> Iterator[tuple[str, str]]:
        """What is told of it: captions and texts."""
        if self.way is None:
            yield "sent", f"not at all: {self.problem}"
        else:
            yield "sent", f"{_WAYS[self.way]}: {self.method} {self.url}".replace("  ", " ").rstrip(": ")
        if self.way == "request":
            yield "", self.problem
        if self.way in {"page form", "query", "request"}:
            yield "", "a request that has a body of its own (a form, JSON) gets them in that"
        if self.fields:
            yield "as", ", ".join(self.fields)
        if self.kept:
            yield "beside", ", ".join(self.kept)
        yield from (("scripts send to", url) for url in self.script_urls)


def find_sending(response: Response, site: GeetestSite | None, known: Sending) -> Sending:
    """Find out how a solution would be sent.

    Args:
        response: The page.
        site: Whose rules are tried, if any.
        known: With the names of the fields, and where the scripts of the page send the answer.
    """
    request, submit_as = Request(response.url), site.submit_as if site else "auto"
    try:
        plan = plan_submission(request, response, submit_as)
    except ValueError as error:
        problem = form_to_send(response).problem.replace("its page", "the page") if submit_as == "auto" else ""
        return _by_spider(response, evolve(known, problem=problem)) if problem else evolve(known, problem=str(error))
    form = form_to_send(response).element if plan.is_page_form else None
    if form is None:
        method = "POST" if submit_as in {"form", "json"} else "GET"
        return evolve(known, way=submit_as, method=method, url=public(plan.url))
    return evolve(known, way="page form", method=plan.fill({}).method, url=public(plan.url), kept=_names(form))


def public(url: str) -> str:
    """*url* without a user and a password in it."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _by_spider(response: Response, known: Sending) -> Sending:
    """The request that the page's form would send, or else its script."""
    form = likely_form(response)
    url = "" if form is None else _action(response, form)
    if known.script_urls and _place(url) not in map(_place, known.script_urls):
        return evolve(known, way="request", url=known.script_urls[0])
    if form is None or not url:
        return evolve(known, way="request")
    method = (form.get("method") or "get").strip().upper()
    return evolve(known, way="request", method=method, url=url, kept=_names(form))


def _action(response: Response, form: Any) -> str:
    action = (form.get("action") or "").strip()
    try:
        return public(resolve_action(get_base_url(response), action) if action else response.url)  # type: ignore[arg-type]  # only pages have forms
    except ValueError:
        return ""


def _names(form: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(form.xpath(_NAMED_INPUTS)))[:_MAX_KEPT]


def _place(url: str) -> str:
    return url.partition("?")[0]

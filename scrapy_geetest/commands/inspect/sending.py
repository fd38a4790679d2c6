"""How a solution would be sent: as the page does it, or as a declared site says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen
from scrapy import Request

from scrapy_geetest._pages.forms import typed_controls
from scrapy_geetest._submission.page_form import form_to_send
from scrapy_geetest._submission.plan import plan_submission
from scrapy_geetest.commands.inspect.declaration import public
from scrapy_geetest.site import V3_FIELDS, V4_FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy.http import Response

    from scrapy_geetest._pages.page_answer import PageAnswer
    from scrapy_geetest.site import GeetestSite

_NAMED_INPUTS = ".//*[self::input or self::select or self::textarea][@name]/@name"
_MAX_KEPT = 40  # names of a form's fields that are told


@frozen(kw_only=True)
class Sending:
    """How a solution would be sent.

    Attributes:
        by: ``"form"`` (the page's), ``"script"`` (the page's), ``"site"`` (as a declared site says); ``None``: not known.
        way: ``"page form"``, ``"form"``, ``"json"``, ``"query"``, ``"multipart"`` or ``"headers"``; ``None``: not known.
        method: Of the request.
        url: Where it goes.
        fields: Names that the solution's values get.
        kept: Names of the form's own fields; their values are not told.
        typed: Names of those that a person fills in, so that the plugin does not send the form by itself.
        accepted: JMESPath of a reply that the page's script takes for success.
        problem: Why nothing is known, or why nothing would be sent.
        script_urls: Where the page's own scripts send the widget's answer.
    """

    by: str | None = None
    way: str | None = None
    method: str = ""
    url: str = ""
    fields: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    typed: tuple[str, ...] = ()
    accepted: str | None = None
    problem: str = ""
    script_urls: tuple[str, ...] = ()


REGISTER_SENDING = Sending(problem="this is where a challenge comes from, not where a solution goes")


def page_sending(answer: PageAnswer) -> Sending:
    """As the page itself does it."""
    script_urls = tuple(map(public, answer.others)) if answer.by is None else (answer.url,) * (answer.by == "script")
    kept = () if answer.form is None else tuple(dict.fromkeys(answer.form.xpath(_NAMED_INPUTS)))[:_MAX_KEPT]
    names = tuple(name for name, _ in answer.fields)
    return Sending(
        by=answer.by,
        way="page form" if answer.by == "form" else answer.way,
        method=answer.method,
        url=public(answer.url),
        fields=names,
        kept=tuple(name for name in kept if name not in names),
        typed=() if answer.form is None else tuple(dict.fromkeys(map(_unquoted, typed_controls(answer.form)))),
        accepted=answer.accepted,
        problem=answer.problem,
        script_urls=tuple(map(public, script_urls)),
    )


def site_sending(response: Response, site: GeetestSite, answer: PageAnswer, version: int | None) -> Sending:
    """As *site* would do it with a plain GET of the page's URL."""
    names: Mapping[str, str | None] = {**{3: V3_FIELDS, 4: V4_FIELDS}.get(version or 0, {}), **site.field_names}
    told: dict[str, Any] = {
        "fields": tuple(name for name in names.values() if name),
        "script_urls": (public(answer.url),) if answer.by == "script" else tuple(map(public, answer.others)),
    }
    try:
        plan = plan_submission(Request(response.url), response, site.submit_as)
    except ValueError as error:
        return Sending(problem=str(error), **told)
    form = form_to_send(response).element if plan.is_page_form else None
    if form is not None:
        kept = tuple(dict.fromkeys(form.xpath(_NAMED_INPUTS)))[:_MAX_KEPT]
        method = plan.fill({}).method
        return Sending(by="form", way="page form", method=method, url=public(plan.url), kept=kept, **told)
    way = "query" if site.submit_as == "auto" else site.submit_as
    method = "POST" if way in {"form", "json"} else "GET"
    return Sending(by="site", way=way, method=method, url=public(plan.url), **told)


def _unquoted(name: str) -> str:
    return name.strip("'\"")

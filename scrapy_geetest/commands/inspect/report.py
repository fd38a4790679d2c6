"""What ``scrapy geetest inspect`` finds out about a response: plain data. It fetches nothing and buys nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from attrs import asdict, frozen
from scrapy import Request
from scrapy.http import TextResponse

from scrapy_geetest._pages import loose_json
from scrapy_geetest._pages.register import RegisterError, parse_register
from scrapy_geetest._pages.rules import Finding, Rules, widgets_of
from scrapy_geetest._pages.widget import Signs, Widget, find_signs, register_hints, submit_hints
from scrapy_geetest._submission.page_form import form_to_send
from scrapy_geetest._submission.plan import plan_submission
from scrapy_geetest.challenge import Challenge, V3Challenge, V4Challenge
from scrapy_geetest.commands.inspect.candidates import css_candidate, jmespath_candidate
from scrapy_geetest.commands.inspect.declaration import Seen, declare, relative
from scrapy_geetest.site import V3_FIELDS, V4_FIELDS, GeetestSite

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scrapy.http import Response

_HOOKS = (
    *("matches", "challenge_request", "parse_challenge", "submit_request"),
    *("is_challenge", "is_accepted", "session_key"),
)
_NAMED_INPUTS = ".//*[self::input or self::select or self::textarea][@name]/@name"
_WIDTH = 17
_MARKS = {True: "+", False: "-", None: "o"}
_WAYS = {
    "page form": "with the page's form",
    "form": "in a form body",
    "json": "in a JSON body",
    "query": "in the query",
    "headers": "in headers",
}
NOTHING = "nothing"
"""There is nothing to buy a solution for."""
_REGISTER_ANSWER = "This looks like a register answer: use its URL as challenge_url."

_MAX_KEPT = 40  # names of a form's fields that are told


@frozen(kw_only=True)
class Sending:
    """How a solution would be sent with a plain GET of the page's URL.

    Attributes:
        way: ``"page form"``, ``"form"``, ``"json"``, ``"query"`` or ``"headers"``; ``None``: there is none.
        method: Of the request.
        url: Where it goes.
        fields: Names that the solution's values get.
        kept: Names of the form's own fields; their values are not told.
        problem: Why there is no way, or nothing.
        script_urls: Where the page's own scripts send the widget's result.
    """

    way: str | None = None
    method: str = ""
    url: str = ""
    fields: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    problem: str = ""
    script_urls: tuple[str, ...] = ()


_REGISTER_SENDING = Sending(problem="this is where a challenge comes from, not where a solution goes")


@frozen(kw_only=True)
class Inspection:
    """What was found out.

    Attributes:
        url: Of the response.
        status: Its HTTP status.
        kind: What Scrapy takes it for: ``"HtmlResponse"``.
        size: Its length in bytes.
        site: Name of the declared site whose rules were tried; ``None``: the built-in detection.
        overridden: Hooks that this site overrides; but for ``is_challenge``, they are not run.
        declared: Names of declared sites that the URL belongs to.
        is_challenge: Whether it is a challenge page.
        findings: What each of the rules that decide says.
        signs: What there is of GeeTest in it, whether it counts or not.
        widgets: Those that it carries.
        register_urls: Candidates for the register endpoint, the likeliest first.
        purchase: What a solution would be bought for, or why none could be.
        sending: How it would be sent.
        remarks: What to mind, in sentences; the declaration has them, too.
        declaration: What a site class for it would look like, as Python text.
    """

    url: str
    status: int
    kind: str
    size: int
    site: str | None
    overridden: tuple[str, ...]
    declared: tuple[str, ...]
    is_challenge: bool
    findings: tuple[Finding, ...]
    signs: tuple[Finding, ...]
    widgets: tuple[Widget, ...]
    register_urls: tuple[str, ...]
    purchase: str
    sending: Sending
    remarks: tuple[str, ...]
    declaration: str

    def to_json(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)

    def to_text(self) -> str:
        """The same for a terminal; what came from the page cannot steer it."""
        return "".join(
            character if character.isprintable() or character == "\n" else "\N{REPLACEMENT CHARACTER}"
            for character in "\n".join(_lines(self)) + "\n"
        )


def inspect(
    response: Response,
    site: GeetestSite | None = None,
    *,
    verdict: Finding | None = None,
    declared: Sequence[str] = (),
    remarks: Sequence[str] = (),
) -> Inspection:
    """Find out all that there is to know of *response* without asking anybody.

    Args:
        response: What was downloaded.
        site: A declared site whose rules are to be tried; ``None``: the built-in detection.
        verdict: What the site's own ``is_challenge`` said, where it overrides that hook; it decides.
        declared: Names of declared sites that the URL belongs to.
        remarks: What else is to be minded.
    """
    findings = (site.rules if site else Rules()).explain(response)
    matched = any(finding.matched for finding in findings)
    url = public(response.url)
    widgets = widgets_of(response)
    page = _page(response)
    is_register_answer = site is None and not widgets and _is_register_answer(response)
    register_urls = (url,) if is_register_answer else register_hints(page, url) if widgets else ()
    sending = _REGISTER_SENDING if is_register_answer else _sending(response, site, widgets, register_urls)
    sent_to = _sent_to(sending, site)
    remarks = (*remarks, *_remarks(url, sent_to, is_register_answer=is_register_answer))
    return Inspection(
        url=url,
        status=response.status,
        kind=type(response).__name__,
        size=len(response.body),
        site=site.name if site else None,
        overridden=_overridden(site) if site else (),
        declared=tuple(declared),
        is_challenge=bool(verdict.matched) if verdict else matched,
        findings=(verdict, *findings) if verdict else findings,
        signs=_sign_findings(find_signs(page)),
        widgets=widgets,
        register_urls=register_urls,
        purchase=_purchase(response, site, widgets, register_urls),
        sending=sending,
        remarks=remarks,
        declaration=_declaration(response, widgets, register_urls, sent_to, remarks, matched=matched),
    )


def public(url: str) -> str:
    """*url* without a user and a password in it."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _page(response: Response) -> bytes | str:
    """What the page's scripts are read from; of a response that is no text, nothing."""
    return response.text if isinstance(response, TextResponse) else b""


def _is_register_answer(response: Response) -> bool:
    """Whether it is nothing but what a register endpoint answers: a v3 challenge in JSON, or GeeTest's refusal of one."""
    if loose_json.load(_text(response)) is loose_json.ABSENT or jmespath_candidate(response):
        return False
    try:
        return isinstance(_challenge(response, None), V3Challenge)
    except RegisterError as error:
        return error.transient


def _text(response: Response) -> str:
    return response.text if isinstance(response, TextResponse) else ""


def _sent_to(sending: Sending, site: GeetestSite | None) -> str | None:
    """Where the page's script sends the answer, if that is elsewhere than it would be sent."""
    if site and "submit_request" in _overridden(site):
        return None
    places = {url.partition("?")[0] for url in sending.script_urls}
    return None if sending.url.partition("?")[0] in places else next(iter(sending.script_urls), None)


def _remarks(url: str, sent_to: str | None, *, is_register_answer: bool) -> Iterator[str]:
    if is_register_answer:
        yield _REGISTER_ANSWER
    if sent_to:
        place = relative(sent_to, url)
        known = " (add it to urls if you know that it is the site's)" if place == sent_to else ""
        yield (
            f"The page's script sends the answer to {place}{known}: let the spider get the page with geetest=False in its "
            "meta and send that request with geetest=True, or override submit_request (docs: recipes/answers)."
        )


def _overridden(site: GeetestSite) -> tuple[str, ...]:
    return tuple(hook for hook in _HOOKS if getattr(type(site), hook) is not getattr(GeetestSite, hook))


def _sign_findings(signs: Signs) -> tuple[Finding, ...]:
    idle = f"; {signs.idle} in comments, strings or text, which do not count" if signs.idle else ""
    namesakes = f"; {', '.join(signs.namesakes)} may be anybody's, the page speaks of GeeTest nowhere else"
    return (
        Finding("GeeTest is named", signs.named > 0, f"{signs.named} time{'s' * (signs.named != 1)} in the whole text"),
        Finding(
            "a live script calls GeeTest's function", bool(signs.calls), (", ".join(signs.calls) or "no call") + idle
        ),
        Finding(
            "GeeTest's loader is linked, loaded or inside",
            bool(signs.loaders),
            ("; ".join(signs.loaders) or "none") + (namesakes if signs.namesakes else ""),
        ),
    )


def _purchase(
    response: Response, site: GeetestSite | None, widgets: Sequence[Widget], register_urls: Sequence[str]
) -> str:
    if site and site.challenge_url:
        return f"what {site.challenge_url} answers, asked for anew for each solution"
    try:
        challenge = _challenge(response, site)
    except RegisterError as error:
        if not site and not widgets:
            return f"{NOTHING}: {error}" if error.transient else NOTHING
        if site or not register_urls:
            return f"{NOTHING}: {error}"
    else:
        if site or widgets or not register_urls:
            return _described(challenge)
    return f"what {register_urls[0]} answers, asked for anew for each solution"


def _challenge(response: Response, site: GeetestSite | None) -> Challenge:
    """The challenge that the response itself tells."""
    text = _text(response)
    if site is None:
        return parse_register(text)
    return parse_register(
        text,
        path=site.challenge_path,
        version=site.version,
        gt=site.gt,
        captcha_id=site.captcha_id,
        risk_type=site.risk_type,
        api_server=site.api_server,
    )


def _described(challenge: Challenge) -> str:
    server = f", API server {challenge.api_server}" if challenge.api_server else ""
    if isinstance(challenge, V4Challenge):
        risk = f", risk type {challenge.risk_type}" if challenge.risk_type else ""
        return f"v4, captcha_id {challenge.captcha_id}{risk}{server}"
    return f"v3, gt {challenge.gt}{server}, and the challenge that the page shows when it is fetched again"


def _sending(
    response: Response, site: GeetestSite | None, widgets: Sequence[Widget], register_urls: Sequence[str]
) -> Sending:
    request, submit_as = Request(response.url), site.submit_as if site else "auto"
    hints = submit_hints(_page(response), public(response.url)) if widgets else ()
    told: dict[str, Any] = {
        "fields": _field_names(response, site, widgets),
        "script_urls": tuple(url for url in hints if url not in register_urls),
    }
    try:
        plan = plan_submission(request, response, submit_as)
    except ValueError as error:
        return Sending(problem=str(error), **told)
    target = plan.url
    form = form_to_send(response).element if plan.is_page_form else None
    if form is not None:
        method = plan.fill({}).method
        kept = tuple(dict.fromkeys(form.xpath(_NAMED_INPUTS)))[:_MAX_KEPT]
        return Sending(way="page form", method=method, url=public(target), kept=kept, **told)
    way = "query" if submit_as == "auto" else submit_as
    return Sending(way=way, method="POST" if way in {"form", "json"} else "GET", url=public(target), **told)


def _field_names(response: Response, site: GeetestSite | None, widgets: Sequence[Widget]) -> tuple[str, ...]:
    version = site.page_version(response) if site else None
    if version is None:
        version = widgets[0].version if widgets else 4 if _json_id(response) else None
    names = {3: V3_FIELDS, 4: V4_FIELDS}.get(version or 0, {})
    named: Mapping[str, str | None] = {**names, **(site.field_names if site else {})}
    return tuple(name for name in named.values() if name)


def _declaration(
    response: Response,
    widgets: Sequence[Widget],
    register_urls: Sequence[str],
    sent_to: str | None,
    remarks: Sequence[str],
    *,
    matched: bool,
) -> str:
    key = None if widgets else jmespath_candidate(response)
    captcha_id = None if widgets else _json_id(response)
    if not (widgets or key or captcha_id or matched):
        return ""
    return declare(
        Seen(
            url=public(response.url),
            status=response.status,
            widgets=widgets,
            register_urls=register_urls,
            css=css_candidate(response) if widgets else None,
            jmespath=key,
            captcha_id=captcha_id,
            sent_to=sent_to,
            remarks=remarks,
        )
    )


def _json_id(response: Response) -> str | None:
    if not isinstance(response, TextResponse) or response.text.lstrip()[:1] != "{":
        return None
    try:
        challenge = _challenge(response, None)
    except RegisterError:
        return None
    return challenge.captcha_id if isinstance(challenge, V4Challenge) else None


def _lines(inspection: Inspection) -> Iterator[str]:
    yield f"{inspection.url}: status {inspection.status}, {inspection.kind}, {inspection.size} bytes"
    yield from _verdict_lines(inspection)
    for number, widget in enumerate(inspection.widgets, 1):
        yield from ("", f"Widget {number} of {len(inspection.widgets)}: {widget.brand} v{widget.version}")
        yield from (f"  {name:<{_WIDTH}}{value}" for name, value in _widget_values(widget))
    if inspection.register_urls:
        yield from ("", "Register endpoint, the likeliest first")
        yield from (f"  {url}" for url in inspection.register_urls)
    if inspection.purchase != NOTHING or inspection.is_challenge:
        yield from ("", "A solution", f"  {'bought for':<{_WIDTH}}{inspection.purchase}")
        yield from (f"  {name:<{_WIDTH}}{value}" for name, value in _sending_values(inspection.sending))
    if inspection.remarks:
        yield from ("", "Mind this", *(f"  {remark}" for remark in inspection.remarks))
    if inspection.declaration:
        yield from ("", "A site class for it, to start from", "")
        yield from (f"    {line}".rstrip() for line in inspection.declaration.splitlines())


def _verdict_lines(inspection: Inspection) -> Iterator[str]:
    by = f"by the rules of the site {inspection.site}" if inspection.site else "by the built-in detection"
    yield from ("", f"Challenge page: {'yes' if inspection.is_challenge else 'no'}, {by}")
    yield from (f"  {_MARKS[finding.matched]}  {finding.rule}: {finding.seen}" for finding in inspection.findings)
    if inspection.overridden:
        yield f"  The site overrides {', '.join(inspection.overridden)}: what these do is not shown here."
    if not inspection.site and inspection.declared:
        names = " or ".join(f"--site {name}" for name in inspection.declared)
        yield f"  The URL belongs to a declared site, whose own rules decide in a crawl: try {names}."
    yield from ("", "What there is of GeeTest")
    yield from (f"  {_MARKS[finding.matched]}  {finding.rule}: {finding.seen}" for finding in inspection.signs)


def _widget_values(widget: Widget) -> Iterator[tuple[str, object]]:
    for name, value in asdict(widget).items():
        if name not in {"version", "brand", "unread"} and value is not None:
            yield name, value
    for expression in widget.unread:
        yield "not in the page", expression


def _sending_values(sending: Sending) -> Iterator[tuple[str, str]]:
    if sending.way is None:
        yield "sent", f"not at all: {sending.problem}"
    else:
        yield "sent", f"{_WAYS[sending.way]}: {sending.method} {sending.url}"
        if sending.way in {"page form", "query"}:
            yield "", "a request that has a body of its own (a form, JSON) gets them in that"
    if sending.fields:
        yield "as", ", ".join(sending.fields)
    if sending.kept:
        yield "beside", ", ".join(sending.kept)
    yield from (("scripts send to", url) for url in sending.script_urls)

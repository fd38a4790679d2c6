"""What ``scrapy geetest inspect`` finds out about a response: plain data. It fetches nothing and buys nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import asdict, evolve, frozen
from scrapy.http import TextResponse

from scrapy_geetest._pages import loose_json
from scrapy_geetest._pages.register import RegisterError, parse_register
from scrapy_geetest._pages.rules import Finding, Rules, widgets_of
from scrapy_geetest._pages.widget import Signs, Widget, find_signs, register_hints, submit_hints
from scrapy_geetest.challenge import Challenge, V3Challenge, V4Challenge
from scrapy_geetest.commands.inspect.advice import REGISTER_ANSWER, advise
from scrapy_geetest.commands.inspect.candidates import css_candidate, jmespath_candidate
from scrapy_geetest.commands.inspect.declaration import Seen, declare
from scrapy_geetest.commands.inspect.sending import Sending, find_sending, public
from scrapy_geetest.site import V3_FIELDS, V4_FIELDS, GeetestSite

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scrapy.http import Response

_HOOKS = (
    *("matches", "challenge_request", "parse_challenge", "submit_request"),
    *("is_challenge", "is_accepted", "session_key"),
)
_WIDTH = 17
_MARKS = {True: "+", False: "-", None: "o"}
NOTHING = "nothing"
"""There is nothing to buy a solution for."""
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
    is_challenge = bool(verdict.matched) if verdict else matched
    only_carries = bool(widgets) and not is_challenge and Rules().match(response) is None
    sends_itself = site is not None and "submit_request" in _overridden(site)
    sent_to = None if sends_itself or not (widgets or is_challenge) else sending.sent_to()
    if is_register_answer:
        remarks = (*remarks, REGISTER_ANSWER)
    elif (widgets or is_challenge) and not sends_itself:
        remarks = (*remarks, *advise(url, sending, sent_to, only_carries=only_carries))
    return Inspection(
        url=url,
        status=response.status,
        kind=type(response).__name__,
        size=len(response.body),
        site=site.name if site else None,
        overridden=_overridden(site) if site else (),
        declared=tuple(declared),
        is_challenge=is_challenge,
        findings=(verdict, *findings) if verdict else findings,
        signs=_sign_findings(find_signs(page)),
        widgets=widgets,
        register_urls=register_urls,
        purchase=_purchase(response, site, widgets, register_urls),
        sending=sending,
        remarks=tuple(remarks),
        declaration=_declaration(
            Seen(
                url=url,
                status=response.status,
                widgets=widgets,
                register_urls=register_urls,
                sent_to=sent_to,
                sent_in_query=sending.way == "request" and sending.method == "GET",
                only_carries=only_carries,
                shows_acceptance=not widgets or (sent_to is None and sending.shows_acceptance(url)),
                remarks=remarks,
            ),
            response,
            matched=matched,
        ),
    )


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
    hints = submit_hints(_page(response), public(response.url)) if widgets else ()
    script_urls = tuple(url for url in hints if url not in register_urls)
    known = Sending(fields=_field_names(response, site, widgets), script_urls=script_urls)
    return find_sending(response, site, known)


def _field_names(response: Response, site: GeetestSite | None, widgets: Sequence[Widget]) -> tuple[str, ...]:
    version = site.page_version(response) if site else None
    if version is None:
        version = widgets[0].version if widgets else 4 if _json_id(response) else None
    names = {3: V3_FIELDS, 4: V4_FIELDS}.get(version or 0, {})
    named: Mapping[str, str | None] = {**names, **(site.field_names if site else {})}
    return tuple(name for name in named.values() if name)


def _declaration(seen: Seen, response: Response, *, matched: bool) -> str:
    if seen.widgets:
        return declare(evolve(seen, css=css_candidate(response)))
    key, captcha_id = jmespath_candidate(response), _json_id(response)
    return declare(evolve(seen, jmespath=key, captcha_id=captcha_id)) if key or captcha_id or matched else ""


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
        yield from (f"  {name:<{_WIDTH}}{value}" for name, value in inspection.sending.lines())
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

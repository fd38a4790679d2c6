"""What ``scrapy geetest inspect`` finds out about a response: plain data. It fetches nothing and buys nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from attrs import asdict, evolve, frozen
from scrapy.http import TextResponse

from scrapy_geetest._pages import loose_json
from scrapy_geetest._pages.register import RegisterError, parse_register
from scrapy_geetest._pages.rules import Finding, Rules
from scrapy_geetest._pages.suspect import find_suspect
from scrapy_geetest._pages.withholding import ERROR_STATUS
from scrapy_geetest.challenge import Challenge, V3Challenge, V4Challenge
from scrapy_geetest.commands.inspect.advice import REGISTER_ANSWER, advise
from scrapy_geetest.commands.inspect.candidates import css_candidate, is_refusal, jmespath_candidate, xpath_candidate
from scrapy_geetest.commands.inspect.declaration import Seen, declare, public, relative, sends_itself
from scrapy_geetest.commands.inspect.reading import Reading, read
from scrapy_geetest.commands.inspect.sending import REGISTER_SENDING, Sending, page_sending, site_sending
from scrapy_geetest.commands.inspect.text import lines
from scrapy_geetest.exceptions import ChallengeNotNeeded, ChallengeNotReady
from scrapy_geetest.site import GeetestSite

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scrapy.http import Response

    from scrapy_geetest._pages.widget import Signs, Widget

__all__ = ["NOTHING", "Inspection", "inspect", "public"]

_HOOKS = (
    *("matches", "challenge_request", "parse_challenge", "submit_request", "verify_request"),
    *("is_challenge", "is_accepted", "session_key"),
)
_TOKEN = re.compile(r"csrf|xsrf|token|nonce|^_", re.IGNORECASE)
_JSON_REFUSAL = (
    "JSON is not a challenge page by the built-in detection; by the site class below it is one, and the request that got it is "
    "sent again with the solution."
)
NOTHING = "nothing"
"""There is nothing to solve."""


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
        signs: Signs of GeeTest in it, whether it counts or not.
        widgets: Those that it carries.
        register_urls: Candidates for the register endpoint, the likeliest first.
        purchase: What a solution would be bought for, or why none could be.
        sending: How it would be sent.
        remarks: What to note, in sentences.
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
            for character in "\n".join(lines(self)) + "\n"
        )

    @property
    def is_about_a_solution(self) -> bool:
        """Whether something could be bought, or should be."""
        return self.purchase != NOTHING or self.is_challenge


def inspect(
    response: Response,
    site: GeetestSite | None = None,
    *,
    verdict: Finding | None = None,
    declared: Sequence[str] = (),
    remarks: Sequence[str] = (),
    linked: Mapping[str, bytes] | None = None,
) -> Inspection:
    """Find out all that there is to know of *response* without asking anybody.

    Args:
        response: What was downloaded.
        site: A declared site whose rules are to be tried; ``None``: the built-in detection.
        verdict: What the site's own ``is_challenge`` said, where it overrides that hook; it decides.
        declared: Names of declared sites that the URL belongs to.
        remarks: What else is to be minded.
        linked: The scripts that it links, by their addresses, where they were fetched.
    """
    findings = (site.rules if site else Rules()).explain(response)
    matched = bool(verdict.matched) if verdict else any(finding.matched for finding in findings)
    url, found = public(response.url), read(response, linked)
    is_register_answer = site is None and _is_register_answer(response)
    register_urls = (url,) if is_register_answer else tuple(map(public, found.register_urls))
    sending = REGISTER_SENDING if is_register_answer else _sending(response, site, found)
    given = tuple(remarks)
    remarks = (
        *given,
        *((REGISTER_ANSWER,) if is_register_answer else _remarks(response, site, found, sending, matched=matched)),
    )
    return Inspection(
        url=url,
        status=response.status,
        kind=type(response).__name__,
        size=len(response.body),
        site=site.name if site else None,
        overridden=_overridden(site) if site else (),
        declared=tuple(declared),
        is_challenge=matched,
        findings=(verdict, *findings) if verdict else findings,
        signs=() if found.is_json and found.widgets else _sign_findings(found.signs),
        widgets=found.widgets,
        register_urls=register_urls,
        purchase=_purchase(response, site, found, register_urls),
        sending=sending,
        remarks=remarks,
        declaration=""
        if is_register_answer
        else _declaration(response, found, register_urls, sending, given, matched=matched),
    )


def _sending(response: Response, site: GeetestSite | None, found: Reading) -> Sending:
    if site is None:
        return page_sending(found.answer)
    return site_sending(response, site, found.answer, site.page_version(response) or found.version)


def _is_register_answer(response: Response) -> bool:
    """Whether it is nothing but what a register endpoint answers: a v3 challenge in JSON, or GeeTest's refusal of one."""
    data = loose_json.load(_text(response))
    if data is loose_json.ABSENT or is_refusal(response, data) or jmespath_candidate(response):
        return False
    try:
        return isinstance(_challenge(response, None), V3Challenge)
    except RegisterError as error:
        return error.transient
    except (ChallengeNotNeeded, ChallengeNotReady):
        return True


def _text(response: Response) -> str:
    return response.text if isinstance(response, TextResponse) else ""


def _remarks(
    response: Response, site: GeetestSite | None, found: Reading, sending: Sending, *, matched: bool
) -> Iterator[str]:
    if found.widgets and not found.own_widgets and not found.is_json:
        yield (
            "The widget shows only in linked scripts, which a crawl does not read: name detect_css, or another detect_..., "
            "that only withheld pages match."
        )
    elif not found.widgets and isinstance(response, TextResponse) and (why := find_suspect(response.body)):
        yield f"There may be a widget all the same: {why}."
    if site and "submit_request" in _overridden(site):
        return
    if not site and found.is_json and jmespath_candidate(response):
        yield _JSON_REFUSAL
        return
    if not site and matched and not found.is_json and not _returns(response, found.answer.form):
        yield from _gate_remark(response, sending)
    if found.widgets or matched:
        yield from advise(
            public(response.url),
            sending,
            is_challenge=matched,
            has_hook=not site and sends_itself(_seen(response, found, sending, matched=matched)),
        )


def _gate_remark(response: Response, sending: Sending) -> Iterator[str]:
    if response.status >= ERROR_STATUS or not sending.typed:
        seen = f"status {response.status}" if response.status >= ERROR_STATUS else "nothing but the widget to see"
        yield (
            f"Gate? The page is withheld as a whole ({seen}). If one solution opens it for a session, other addresses "
            'included, set mode = "gate"; check whether a browser is asked once or for each page.'
        )


def _overridden(site: GeetestSite) -> tuple[str, ...]:
    return tuple(hook for hook in _HOOKS if getattr(type(site), hook) is not getattr(GeetestSite, hook))


def _sign_findings(signs: Signs) -> tuple[Finding, ...]:
    idle = f"; {signs.idle} in comments, strings or text, which do not count" if signs.idle else ""
    namesakes = f"; {', '.join(signs.namesakes)} may be unrelated: the page mentions GeeTest nowhere else"
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


def _purchase(response: Response, site: GeetestSite | None, found: Reading, register_urls: Sequence[str]) -> str:
    widgets = found.own_widgets
    if site and site.challenge_url:
        return f"what {site.challenge_url} answers, fetched again for each solution"
    if site is None and not widgets and found.widgets and not found.is_json:
        return _linked_purchase(found.widgets[0], register_urls)
    try:
        challenge = _challenge(response, site)
    except (ChallengeNotNeeded, ChallengeNotReady) as answer:
        return f"{NOTHING}: {answer}"
    except RegisterError as error:
        if not site and not widgets:
            return f"{NOTHING}: {error}" if error.transient else NOTHING
        if site or not register_urls:
            return f"{NOTHING}: {error}"
    else:
        if site or widgets or not register_urls:
            return _described(challenge, is_json=found.is_json)
    return f"what {register_urls[0]} answers, fetched again for each solution"


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


def _linked_purchase(widget: Widget, register_urls: Sequence[str]) -> str:
    if widget.captcha_id:
        return f"v4, captcha_id {widget.captcha_id}"
    if register_urls:
        return f"what {register_urls[0]} answers, fetched again for each solution"
    return f"{NOTHING}: the linked scripts do not show what the widget is made with"


def _described(challenge: Challenge, *, is_json: bool) -> str:
    server = f", API server {challenge.api_server}" if challenge.api_server else ""
    if isinstance(challenge, V4Challenge):
        risk = f", risk type {challenge.risk_type}" if challenge.risk_type else ""
        return f"v4, captcha_id {challenge.captcha_id}{risk}{server}"
    if is_json:
        return (
            f"v3, gt {challenge.gt}{server}, and the challenge in the answer; another one comes from the same request"
        )
    return f"v3, gt {challenge.gt}{server}, and the challenge that the page shows when it is fetched again"


def _declaration(
    response: Response,
    found: Reading,
    register_urls: Sequence[str],
    sending: Sending,
    remarks: Sequence[str],
    *,
    matched: bool,
) -> str:
    key = jmespath_candidate(response) if found.is_json else None
    if not (found.widgets or key or matched):
        return ""
    seen = _seen(response, found, sending, matched=matched)
    is_page = bool(found.widgets) and not found.is_json
    css = css_candidate(response) if is_page else None
    xpath = xpath_candidate(response) if is_page and not css else None
    return declare(evolve(seen, register_urls=register_urls, css=css, xpath=xpath, jmespath=key, remarks=remarks))


def _seen(response: Response, found: Reading, sending: Sending, *, matched: bool) -> Seen:
    answer = found.answer
    return Seen(
        url=public(response.url),
        status=response.status,
        widgets=() if found.is_json else found.widgets,
        captcha_id=found.widgets[0].captcha_id if found.is_json and found.widgets else None,
        by=sending.by,
        sent_to=sending.url or None,
        method=sending.method,
        way=answer.way,
        fields=answer.fields,
        beside=answer.beside,
        jsonp=found.jsonp,
        accepted=answer.accepted,
        refused=answer.refused,
        is_withheld=matched,
        shows_acceptance=found.is_json or _shows_acceptance(response, sending),
        is_seen_in_crawls=bool(found.own_widgets),
        returns=_returns(response, answer.form),
    )


def _shows_acceptance(response: Response, sending: Sending) -> bool:
    """Whether the answer comes from the address of the page, so that the page's coming shows that it was accepted."""
    return sending.url.partition("?")[0] == public(response.url).partition("?")[0]


def _returns(response: Response, form: Any) -> bool:
    """Whether a hidden input of the form says which page it opens: the one that was withheld."""
    hidden = [] if form is None else form.xpath(".//input[@type='hidden'][@name]")
    pages = {
        relative(response.url, response.url),
        response.url,
        *(value for _, value in parse_qsl(urlsplit(response.url).query)),
    }
    others = [one for one in hidden if not _TOKEN.search(one.get("name"))]
    # What carries parameters of its own besides is the form of this one page.
    return (
        len(others) == 1
        and (others[0].get("value") or "").startswith(("/", "http"))
        and others[0].get("value") in pages
    )

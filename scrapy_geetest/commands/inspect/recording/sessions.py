"""What an accepted solution opened: nothing but its own request, a session, or the second of two steps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from attrs import field, frozen

from scrapy_geetest._redaction import is_telling
from scrapy_geetest.commands.inspect.paths import jmespath_of
from scrapy_geetest.commands.inspect.reading import site_of
from scrapy_geetest.commands.inspect.recording.answers import Reading, is_withheld, json_of, read_answer
from scrapy_geetest.commands.inspect.recording.fields import leaves, request_fields
from scrapy_geetest.commands.inspect.recording.origins import is_scheme, without_clock
from scrapy_geetest.commands.inspect.recording.submissions import distinct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from scrapy_geetest.commands.inspect.har import Exchange
    from scrapy_geetest.commands.inspect.recording.submissions import Submission

_STATIC = ("css", "javascript", "image/", "font", "video", "audio", "wasm")
_STATIC_KINDS = frozenset({"stylesheet", "script", "image", "font", "media", "manifest", "ping", "preflight"})
_BAD_STATUS = 400
_SEVERAL = 2
_TOKEN = re.compile(
    r"token|ticket|voucher|captcha|verif|pass|risk|cert|cookie|session|sid\b|auth|jwt|grant|clearance|key|sign",
    re.IGNORECASE,
)


@frozen(kw_only=True)
class Carried:
    """A value of the answer to a submission that a later request carried.

    Attributes:
        path: The JMESPath expression that leads to it.
        place: ``"query"``, ``"form"``, ``"json"``, ``"headers"`` or ``"cookie"``.
        name: Of the field, header or cookie.
        exchange: The first request that carried it.
        before: What that has before the value: ``"Bearer "``.
        value: As the request carried it; it is never printed.
    """

    path: str
    value: str = field(repr=False)
    place: str
    name: str
    exchange: Exchange
    before: str = ""

    @property
    def entry(self) -> tuple[str, str]:
        """What it is in ``verified_fields``."""
        path = f"join('', ['{self.before}', {self.path}])" if self.before else self.path
        prefix = {"cookie": "cookie:", "headers": "header:"}.get(self.place, "")
        return path, prefix + self.name


@frozen(kw_only=True)
class Session:
    """What a solution opened.

    Attributes:
        mode: ``"form"`` or ``"gate"``.
        why: Of the mode, in words.
        wanted: The request that a spider makes: the withheld one, the second step, or the submission itself.
        withheld: A request whose answer was withheld before, if one was recorded.
        carried: Values of the verification's answer in the wanted request: there are two steps.
        cookies: Names of the cookies that the answer set and later requests sent.
    """

    mode: str
    why: str
    wanted: Exchange
    withheld: Exchange | None = None
    carried: tuple[Carried, ...] = field(default=())
    cookies: tuple[str, ...] = field(default=())


@frozen(kw_only=True)
class Typed:
    """What a person typed into the request that carried the solution.

    Attributes:
        anything: Whether anything, as far as the log tells.
        by_control: Whether into a control of the page: then the request is for content, and no mere verification.
        password: Whether a password: a log-in needs a solution of its own each time.
    """

    anything: bool
    by_control: bool
    password: bool


def find_session(
    exchanges: Sequence[Exchange],
    submission: Submission,
    submissions: Sequence[Submission],
    page_url: str,
    typed: Typed,
) -> Session:
    """Find out what came after *submission*.

    Args:
        exchanges: Of the site.
        submission: The one that counts.
        submissions: All that carried a solution.
        page_url: The address of the page with the widget.
        typed: What a person typed into it.
    """
    if typed.password:
        why = "it is a log-in, which needs a solution of its own each time"
        return Session(mode="form", why=why, wanted=submission.exchange)
    sent = {one.exchange.number for one in submissions}
    contents = [one for one in exchanges if one.number not in sent and is_content(one)]
    sites = _sites(exchanges, submission, page_url)
    rest = [one for one in contents if site_of(one.url) in sites]
    later = [one for one in rest if one.number > submission.exchange.number]
    withheld = _own_page(_withheld(rest, submission, later), rest, later, page_url)
    counted = [one for one in distinct(submissions) if one.target == submission.target]
    accepted = [one for one in counted if one.reading is not Reading.REFUSED]
    carried = () if typed.by_control else _carried(submission, exchanges, contents, typed)
    if carried:
        is_wanted = withheld and (_target(withheld) == _target(carried[0].exchange) or _comes_again(withheld, later))
        return _two_steps(carried, withheld if is_wanted else None, len(accepted))
    if withheld and _comes_again(withheld, later, _address):
        cookies = _opened(submission, exchanges, later, typed)
        with_cookie = f"; the answer set the cookie {', '.join(cookies)}" if cookies else ""
        why = f"{without_clock(withheld.url)} was withheld before, and came without a solution afterwards{with_cookie}"
        return Session(mode="gate", why=why, wanted=withheld, withheld=withheld, cookies=cookies)
    if len(accepted) >= _SEVERAL:
        why = f"{len(accepted)} requests were accepted, each with a solution of its own"
        return Session(mode="form", why=why, wanted=submission.exchange, withheld=withheld)
    return _of_one(exchanges, submission, later, withheld, typed)


def _sites(exchanges: Sequence[Exchange], submission: Submission, page_url: str) -> frozenset[str]:
    """Those that the visit was to: a log has what other tabs did, too."""
    sent_here = [one.url for one in exchanges if one.is_redirect and one.leads_to == page_url]
    addresses = (page_url, submission.exchange.url, submission.final.url, *sent_here)
    return frozenset(site_of(url) for url in addresses)


def _of_one(
    exchanges: Sequence[Exchange],
    submission: Submission,
    later: Sequence[Exchange],
    withheld: Exchange | None,
    typed: Typed,
) -> Session:
    """Where nothing was seen withheld that came later, and only one solution was taken."""
    wanted = withheld or _first(later, submission)
    if cookies := _opened(submission, exchanges, later, typed):
        why = f"the answer set the cookie {', '.join(cookies)}, which later requests sent without a solution"
        return Session(mode="gate", why=why, wanted=wanted, withheld=withheld, cookies=cookies)
    has_cookies = any(one.cookies or one.set_cookies for one in exchanges)
    leads_on = submission.final is not submission.exchange and submission.final.status < _BAD_STATUS
    if leads_on and not has_cookies and not typed.anything:
        why = (
            f"the answer led on to {without_clock(submission.final.url)} (the log has no cookies, which would prove it)"
        )
        return Session(mode="gate", why=why, wanted=withheld or submission.final, withheld=withheld)
    why = "no later request of the log lives on a session that the answer opened"
    why += "" if has_cookies else " (the log has no cookies, which would show one)"
    return Session(mode="form", why=why, wanted=withheld or submission.exchange, withheld=withheld)


def is_content(exchange: Exchange) -> bool:
    """Whether an exchange is a page or a call of a script, and not a part of a page like a picture."""
    if exchange.method == "OPTIONS" or exchange.kind in _STATIC_KINDS:
        return False
    return not any(word in exchange.media_type for word in _STATIC)


def _first(later: Sequence[Exchange], submission: Submission) -> Exchange:
    return next((one for one in later if one.method == "GET"), submission.final)


def _two_steps(carried: tuple[Carried, ...], withheld: Exchange | None, accepted: int) -> Session:
    wanted = carried[0].exchange
    first = tuple({one.name: one for one in carried if one.exchange.number == wanted.number}.values())
    others = {one.exchange.number for one in carried}
    cookies = tuple(one.name for one in first if one.place == "cookie")
    names = ", ".join(one.name for one in first)
    if accepted < _SEVERAL and (cookies or len(others) >= _SEVERAL):
        why = f"{len(others)} requests carried {names} of one verification"
        return Session(mode="gate", why=why, wanted=wanted, withheld=withheld, carried=first)
    why = f"one request carried {names} of the verification"
    if accepted >= _SEVERAL:
        why = f"{accepted} verifications, each for a request of its own, which carried {names}"
    return Session(mode="form", why=why, wanted=wanted, withheld=withheld, carried=first)


def _carried(
    submission: Submission, exchanges: Sequence[Exchange], contents: Sequence[Exchange], typed: Typed
) -> tuple[Carried, ...]:
    """Values that are new in the submission's answer, and that later requests carried.

    What a list holds is content. Where something may have been typed, a value has to be called what tokens are.
    """
    data = json_of(submission.exchange)
    sent = {field.text for field in request_fields(submission.exchange)}
    fresh = {
        str(value): jmespath_of(keys)
        for keys, value in (leaves(data) if data is not None else ())
        if isinstance(value, str | int) and is_telling(str(value)) and str(value) not in sent
        if not any(isinstance(key, int) for key in keys)
    }
    earlier = [one for one in exchanges if one.number < submission.exchange.number]
    known = {text for text in fresh if _was_known(text, earlier)}
    values = {text: path for text, path in fresh.items() if text not in known}
    later = [one for one in contents if one.number > submission.exchange.number] if values else []
    found = [one for exchange in later for one in _in_request(exchange, values)]
    return tuple(one for one in found if not typed.anything or _TOKEN.search(f"{one.path} {one.name}"))


def _was_known(text: str, earlier: Sequence[Exchange]) -> bool:
    return any(text in one.text or text in one.url for one in earlier)


def _in_request(exchange: Exchange, values: dict[str, str]) -> Iterator[Carried]:
    for one in request_fields(exchange):
        for text, path in values.items():
            if one.text == text or (one.place == "headers" and one.text.endswith(text)):
                before = one.text[: -len(text)]
                if is_scheme(before):
                    yield Carried(
                        path=path, value=one.text, place=one.place, name=one.name, exchange=exchange, before=before
                    )
    for name, value in exchange.cookies:
        if found := values.get(value) or values.get(unquote(value)):
            yield Carried(path=found, value=value, place="cookie", name=name, exchange=exchange)


def _opened(
    submission: Submission, exchanges: Sequence[Exchange], later: Sequence[Exchange], typed: Typed
) -> tuple[str, ...]:
    """Names of the cookies that the answer set, redirects included, and that later requests sent.

    Many sites set their session's cookie anew in every answer: where something was typed, only a new name counts.
    """
    had = dict(submission.exchange.cookies)
    first, last = submission.exchange.number, submission.final.number
    before = {name for one in exchanges if one.number < first for name, _ in (*one.cookies, *one.set_cookies)}
    chain = [one for one in exchanges if first <= one.number <= last]
    of_chain = [one for one in chain if one.number in {first, last} or one.is_redirect]
    found: dict[str, None] = {}
    for setting in of_chain:
        for name, value in setting.set_cookies:
            is_new = name not in before or (not typed.anything and had.get(name) not in {value, unquote(value)})
            if value and is_new and any(one.number > setting.number and name in dict(one.cookies) for one in later):
                found[name] = None
    return tuple(name for name in found if not name.startswith(("_ga", "_gid", "_fbp", "_hj")))


def _withheld(exchanges: Sequence[Exchange], submission: Submission, later: Sequence[Exchange]) -> Exchange | None:
    """The latest request before the submission whose answer was withheld."""
    for one in reversed(exchanges):
        if one.number > submission.exchange.number:
            continue
        if json_of(one) is not None:
            is_refused = is_withheld(one) or read_answer(one) is Reading.REFUSED
            if is_refused and (_target(one) == _target(submission.exchange) or _comes_again(one, later, _target)):
                return one
        elif is_withheld(one):
            if first := _redirected(one, exchanges):
                return first
            return one if one.status >= _BAD_STATUS or _comes_again(one, later, _address) else None
    return None


def _own_page(
    withheld: Exchange | None, exchanges: Sequence[Exchange], later: Sequence[Exchange], page_url: str
) -> Exchange | None:
    """The page that the solution was sent from, where another tab loaded a page of the same site that is withheld, too."""
    if withheld is None or not withheld.is_page or withheld.url == page_url or _comes_again(withheld, later):
        return withheld
    own = [one for one in exchanges if one.url == page_url and one.number < withheld.number and is_withheld(one)]
    return next((one for one in own if one.status >= _BAD_STATUS or _comes_again(one, later)), withheld)


def _redirected(page: Exchange, exchanges: Sequence[Exchange]) -> Exchange | None:
    """The request that was redirected to a page which withholds it."""
    for one in reversed(exchanges):
        if one.number < page.number and one.is_redirect and one.leads_to == page.url:
            return one if urlsplit(one.url).path != urlsplit(page.url).path else None
    return None


def _target(exchange: Exchange) -> tuple[str, str]:
    return exchange.method, exchange.url.partition("?")[0]


def _address(exchange: Exchange) -> tuple[str, str]:
    return exchange.method, without_clock(exchange.url)


def _comes_again(
    withheld: Exchange, later: Sequence[Exchange], key: Callable[[Exchange], tuple[str, str]] = _address
) -> bool:
    """Whether the same request got something else afterwards."""
    return any(
        key(one) == key(withheld) and read_answer(one) is not Reading.REFUSED and not one.is_redirect for one in later
    )

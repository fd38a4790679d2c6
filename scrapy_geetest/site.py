"""What a project declares about one website, and which site a URL belongs to."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from attrs import evolve
from scrapy import FormRequest, Request

from scrapy_geetest._crawl.identity import browser_key, cookie_key, proxy_key
from scrapy_geetest._pages.register import RegisterError, parse_register
from scrapy_geetest._pages.rules import Rules, widgets_of
from scrapy_geetest._site_attributes import RULES
from scrapy_geetest._submission.plan import plan_submission
from scrapy_geetest._url_pattern import UrlPattern
from scrapy_geetest.challenge import Challenge, Solution, V3Solution, V4Challenge, solution_values

if TYPE_CHECKING:
    from scrapy.http import Response

    from scrapy_geetest._hooks import Hook

logger = logging.getLogger(__name__)


V3_FIELDS = {"challenge": "geetest_challenge", "validate": "geetest_validate", "seccode": "geetest_seccode"}
V4_FIELDS = {key: key for key in ("captcha_id", "lot_number", "pass_token", "gen_time", "captcha_output")}
_OF_SESSIONS = frozenset({"cookiejar", "dont_merge_cookies", "playwright", "proxy"})  # meta keys
_USUAL_SESSION = f"{None} {None}"  # no cookie jar and no proxy of its own


class GeetestSite:
    """One website whose pages a GeeTest CAPTCHA withholds. Subclass it, or make it from keyword arguments.

    Every hook (a method below) has a working default, may be overridden, and may be ``async def``.

    Raises:
        ValueError: On creation, where an attribute is unknown or its value breaks a rule; the message says which.
    """

    name: str = ""
    """Its name in logs; the class's name by default."""
    urls: Sequence[str] = ()
    """``"example.com"``, ``"shop.example.com/login"``, ``"127.0.0.1:8000/v3"``: a host with its subdomains, any port
    unless one is named, a path prefix by whole segments."""
    mode: str = "form"
    """``"form"``: every form request needs a solution of its own. ``"gate"``: one accepted solution opens a session."""
    version: int | None = None
    """3 or 4; ``None``: inferred from the other attributes, else from the page."""

    detect_css: str | Sequence[str] = ()
    detect_xpath: str | Sequence[str] = ()
    detect_re: str | Sequence[str] = ()
    detect_jmespath: str | Sequence[str] = ()
    detect_status: Sequence[int] = ()
    """Only responses with these statuses are looked at; empty means any status."""

    accepted_css: str | Sequence[str] = ()
    accepted_xpath: str | Sequence[str] = ()
    accepted_re: str | Sequence[str] = ()
    accepted_jmespath: str | Sequence[str] = ()
    """What shows that the site took a solution, whatever else its answer says ("wrong password")."""
    refused_css: str | Sequence[str] = ()
    refused_xpath: str | Sequence[str] = ()
    refused_re: str | Sequence[str] = ()
    refused_jmespath: str | Sequence[str] = ()
    """What shows that the site refused a solution; it counts before ``accepted_…``."""

    challenge_url: str | None = None
    """v3: where a fresh challenge can be fetched; relative to the page, ``{timestamp}`` stands for milliseconds."""
    challenge_path: str | None = None
    """JMESPath to the object with ``gt`` and ``challenge``; ``None``: found wherever they are."""
    gt: str | None = None
    captcha_id: str | None = None
    risk_type: str | None = None
    api_server: str | None = None
    get_lib: str | Mapping[str, Any] | None = None
    website_url: str | None = None
    """The page that the widget is on, where it is not the page that was met."""
    one_at_a_time: bool = False
    """The site keeps one challenge a session: attempts of one session wait for each other."""
    challenge_is_reusable: bool = False
    """The "challenge" is a constant word that names an operation, so that the same one may be bought many times."""
    services: Sequence[str] | None = None
    """This site's own order of preference, of the services in ``GEETEST_SERVICES``; ``None``: that of the setting."""

    submit_as: str = "auto"
    field_names: Mapping[str, str | None] = {}
    """Solution key -> field name (``"captcha.geetest_validate"`` nests in JSON; ``None``: leave it out). The key may
    also be one of the further values of the register answer (``token``), which is then posted back."""
    verify_url: str | None = None
    """Two-step sites: the solution goes there, relative to the page, and what that answers goes into the request."""
    verified_fields: Mapping[str, str] = {}
    """JMESPath in the answer of ``verify_url`` -> field name, sent as ``submit_as`` says; ``"cookie:NAME"`` and
    ``"header:NAME"`` go there in any case."""
    gate_max_age: float | None = None
    """Seconds after which a gate counts as closed again; ``None``: as long as the site lets requests through."""
    sessions: int = 1
    """Of a gate: how many sessions are kept open side by side, each with cookies of its own."""

    def __init__(self, **attributes: Any) -> None:
        refuse_unknown(attributes)
        _refuse_slips(type(self))
        for attribute, value in attributes.items():
            setattr(self, attribute, value)
        self.name = self.name or type(self).__name__
        if isinstance(self.urls, str):
            self.urls = (self.urls,)
        self._check()
        self._patterns = tuple(UrlPattern.parse(url, self.name) for url in self.urls)
        self._rules = self._own_rules("detect_", status=self.detect_status)
        self._accepted, self._refused = self._own_rules("accepted_"), self._own_rules("refused_")
        self._keeps_cookies = True

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} {list(self.urls)}>"

    def matches(self, url: str) -> Hook[bool]:
        """Whether *url* belongs to this site."""
        return any(pattern.matches(url) for pattern in self._patterns)

    def challenge_request(self, request: Request, response: Response | None) -> Hook[Request | None]:
        """Which request yields a fresh challenge.

        By default ``challenge_url``. Without one, ``None``: the page and the site's attributes hold everything (v4; a v3
        challenge that the server renders into the page). Where nothing was downloaded, a request for the page.

        Args:
            request: The request that waits.
            response: The challenge page, whose own challenge nobody has used, or ``None`` where nothing was downloaded.
        """
        page_url = self.page_url(request, response)
        if self.challenge_url:
            url = self.challenge_url.replace("{timestamp}", str(int(time.time() * 1000)))
            return Request(urljoin(page_url, url))
        if response is not None or self.page_version(response) == V4Challenge.version:
            return None
        return Request(page_url)

    def parse_challenge(self, response: Response) -> Hook[Challenge]:
        """Read the challenge out of the answer to :meth:`challenge_request`.

        Raises:
            ValueError: It holds no challenge that could be solved; the message says why.
        """
        return parse_register(
            getattr(response, "text", ""),
            path=self.challenge_path,
            version=self.version,
            gt=self.gt,
            captcha_id=self.captcha_id,
            risk_type=self.risk_type,
            api_server=self.api_server,
            get_lib=self.get_lib_text(),
            widgets=widgets_of(response),
        )

    def submit_request(self, request: Request, response: Response | None, solution: Solution) -> Hook[Request]:
        """Put a solution into the request.

        Args:
            request: The request as the spider made it. What is returned should come from its ``replace``, so that
                callback, meta and all else are kept.
            response: The challenge page, or ``None`` where nothing was downloaded before.
            solution: A :class:`~scrapy_geetest.V3Solution` or :class:`~scrapy_geetest.V4Solution`.
        """
        return plan_submission(request, response, self.submit_as).fill(self.fields(solution))

    def verify_request(self, request: Request, response: Response | None, solution: Solution) -> Hook[Request | None]:
        """The request that takes a solution to the verification of a two-step site; ``None``: it is not such a site.

        By default a POST of the solution's fields, as a form, to ``verify_url``.

        Args:
            request: The request as the spider made it.
            response: The challenge page, or ``None`` where nothing was downloaded before.
            solution: What was bought.
        """
        if not self.verify_url:
            return None
        url = urljoin(self._own_address(request, response), self.verify_url)
        return FormRequest(url, formdata=self.fields(solution))

    def is_challenge(self, response: Response) -> Hook[bool]:
        """Whether *response* withholds its content until GeeTest is passed."""
        return self._rules.match(response) is not None

    def is_accepted(self, response: Response) -> Hook[bool | None]:
        """Whether *response*, to a request that carried a solution, shows that the site took it, or that it did not.

        By default as ``refused_…`` and ``accepted_…`` say.

        Returns:
            ``None``: it shows neither; then the answer's status, address and words decide.
        """
        rule = self.verdict_rule(response)
        return None if rule is None else rule.startswith("accepted_")

    def session_key(self, request: Request) -> Hook[str]:
        """What tells the sessions of a site apart: by default the cookie jar, the proxy, and a Cookie header of the request's own.

        In a browser (scrapy-playwright) its context, too.
        """
        if self._keeps_cookies and _OF_SESSIONS.isdisjoint(request.meta):
            return _USUAL_SESSION  # that of nearly all requests
        own = cookie_key(request, keeps_cookies=self._keeps_cookies) + browser_key(request)
        return f"{request.meta.get('cookiejar')!r} {proxy_key(request)!r}{own}"

    def fields(self, solution: Solution) -> dict[str, str]:
        """The solution as field name -> value, by ``field_names`` and, for the rest, GeeTest's own names."""
        names = {**(V3_FIELDS if isinstance(solution, V3Solution) else V4_FIELDS), **self.field_names}
        return {name: value for key, value in solution_values(solution).items() if (name := names.get(key))}

    def page_url(self, request: Request, response: Response | None) -> str:
        """Where the widget is initialised: the address of the page."""
        return self.website_url or (request.url if response is None else response.url)

    def page_version(self, response: Response | None) -> int | None:
        """The version of GeeTest: as declared, else as the attributes imply, else as the page's widget tells."""
        if self.version is not None:
            return self.version
        if self.captcha_id:
            return 4
        if self.challenge_url or self.gt:
            return 3
        widgets = widgets_of(response) if response is not None else ()
        return widgets[0].version if widgets else None

    def known_challenge(self) -> V4Challenge:
        """The challenge that the attributes alone give, where nothing was downloaded.

        Raises:
            RegisterError: They do not.
        """
        if not self.captcha_id:
            raise RegisterError(
                "no downloaded page shows the captcha_id", cure=f"set captcha_id (or challenge_url) of {self.name}"
            )
        return V4Challenge(
            self.captcha_id, risk_type=self.risk_type, api_server=self.api_server, get_lib=self.get_lib_text()
        )

    def unfilled(self, challenge: Challenge) -> list[str]:
        """Keys of ``field_names`` that nothing will fill: neither a solution nor the further values of *challenge*."""
        known = {*V3_FIELDS, *V4_FIELDS, *challenge.extra}
        return [key for key, name in self.field_names.items() if name and key not in known]

    def get_lib_text(self) -> str | None:
        """``get_lib`` as the service wants it: JSON in a string."""
        return json.dumps(dict(self.get_lib)) if isinstance(self.get_lib, Mapping) else self.get_lib

    @property
    def rules(self) -> Rules:
        """What makes a response a challenge page of this site."""
        return self._rules

    @property
    def shared_name(self) -> str:
        """What the site is called in a storage: another project may call another website by the same name."""
        hosts = sorted({f"{pattern.host}:{pattern.port or ''}" for pattern in self._patterns})
        return f"{self.name}@{sha256(' '.join(hosts).encode()).hexdigest()[:8]}"

    @property
    def is_two_step(self) -> bool:
        """Whether a solution goes to a verification first."""
        return bool(self.verify_url) or type(self).verify_request is not GeetestSite.verify_request

    def _own_address(self, request: Request, response: Response | None) -> str:
        """Where relative addresses start from: the page, which ``website_url`` need not be."""
        return request.url if response is None else response.url

    def has_host(self, url: str) -> bool:
        """Whether *url* is on a host of ``urls``, whatever its path."""
        return any(pattern.matches_host(url) for pattern in self._patterns)

    def verdict_rule(self, response: Response) -> str | None:
        """The first of ``refused_…`` and ``accepted_…`` that *response* matches, by its name and value."""
        for kind, rules in (("refused_", self._refused), ("accepted_", self._accepted)):
            rule = rules.match(response) if rules.named else None
            if rule is not None:
                return kind + rule
        return None

    def use_settings(self, rules: Rules, *, keeps_cookies: bool) -> None:
        """Take over what the settings of a crawl say.

        Args:
            rules: The selectors of ``GEETEST_DETECT_…``, for a site that names none of its own.
            keeps_cookies: Whether Scrapy keeps cookie jars (``COOKIES_ENABLED``).
        """
        self._keeps_cookies = keeps_cookies
        if not self._rules.named:
            self._rules = evolve(rules, status=self._rules.status)

    def _own_rules(self, kind: str, status: Any = ()) -> Rules:
        selectors = {name: getattr(self, kind + name) for name in ("css", "xpath", "re", "jmespath")}
        return Rules.compile(**selectors, status=status, source=f"site {self.name}: {kind}")

    def _check(self) -> None:
        for attribute, (is_allowed, rule) in RULES.items():
            self._demand(attribute, is_allowed(getattr(self, attribute)), rule)
        self._demand("captcha_id", not (self.version == 3 and self.captcha_id), "it is v4's, and version is 3")  # noqa: PLR2004  # the versions of GeeTest
        self._demand("gt", not (self.version == 4 and self.gt), "it is v3's, and version is 4; v4's is captcha_id")  # noqa: PLR2004  # the versions of GeeTest

        has_pool = self.sessions > 1
        self._demand("sessions", not has_pool or self.mode == "gate", 'it is a gate\'s, and mode is "form"')
        has_own_key = type(self).session_key is not GeetestSite.session_key
        self._demand("sessions", not (has_pool and has_own_key), "it chooses sessions itself, and so does session_key")

    def _demand(self, attribute: str, holds: object, rule: str) -> None:
        if not holds:
            raise ValueError(f"site {self.name}: {attribute} = {getattr(self, attribute)!r} is invalid: {rule}.")


ATTRIBUTES = tuple(
    name
    for name, value in vars(GeetestSite).items()
    if not name.startswith("_") and not callable(value) and not isinstance(value, property | staticmethod)
)

_FOR_THE_PLUGIN = frozenset(
    {
        "get_lib_text",
        "has_host",
        "is_two_step",
        "known_challenge",
        "rules",
        "shared_name",
        "unfilled",
        "use_settings",
        "verdict_rule",
    }
)
_KNOWN = tuple(name for name in vars(GeetestSite) if not name.startswith("_") and name not in _FOR_THE_PLUGIN)
_SLIP = 0.8  # how alike a name has to be
# What Scrapy and other packages call the same, and no likeness of letters would find.
_OTHER_WORDS = {
    **dict.fromkeys(("allowed_domains", "domain", "domains", "host", "hosts", "start_urls"), "urls"),
    **dict.fromkeys(("register_url", "captcha_url", "gt_url"), "challenge_url"),
    **dict.fromkeys(("form_fields", "param_names"), "field_names"),
    **dict.fromkeys(("site_key", "sitekey", "website_key"), "gt"),
}


def refuse_unknown(attributes: Iterable[Any]) -> None:
    """Refuse the name of an attribute that no site has.

    Raises:
        ValueError: There is one; the message says what was meant, if that is likely.
    """
    for attribute in attributes:
        if attribute not in ATTRIBUTES:
            raise ValueError(_no_attribute(attribute))


def _refuse_slips(declared: type[GeetestSite]) -> None:
    """Refuse what a subclass names and nobody would read: an unknown attribute, or a method named nearly like a hook."""
    for parent in declared.__mro__:
        if parent in GeetestSite.__mro__:
            continue
        for name, value in vars(parent).items():
            if name.startswith("_") or hasattr(GeetestSite, name):
                continue
            is_own_code = callable(value) or isinstance(value, property | staticmethod | classmethod)
            if not is_own_code or get_close_matches(name, _KNOWN, 1, cutoff=_SLIP):
                close = _nearest(name, _KNOWN)
                meant = f"did you mean {close!r}? A" if close else "a"
                raise ValueError(
                    f"{declared.__name__}: {meant} GeetestSite has no attribute {name!r}. If it is your own, begin its name with "
                    f"an underscore: {'_' + name!r}."
                )


def _no_attribute(attribute: Any) -> str:
    if attribute in _KNOWN:
        return f"a GeetestSite has no attribute {attribute!r}: it is a method; override it in a subclass."
    close = _nearest(str(attribute), ATTRIBUTES)
    if close:
        return f"did you mean {close!r}? A GeetestSite has no attribute {attribute!r}."
    return f"a GeetestSite has no attribute {attribute!r}; it has: {', '.join(ATTRIBUTES)}."


def _nearest(name: str, known: Sequence[str]) -> str:
    """What *name* is probably meant for; empty: nothing like it is known."""
    return _OTHER_WORDS.get(name) or next(iter(get_close_matches(name, known, 1)), "")

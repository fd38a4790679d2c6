"""What a project declares about one website, and which site a URL belongs to."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from copy import copy
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from scrapy import Request
from scrapy.utils.misc import load_object

from scrapy_geetest._attempt.state import RequestState
from scrapy_geetest._crawl.identity import proxy_key
from scrapy_geetest._hooks import Hook, resolve
from scrapy_geetest._pages.register import RegisterError, parse_register
from scrapy_geetest._pages.rules import Rules, widgets_of
from scrapy_geetest._site_attributes import RULES
from scrapy_geetest._submission import plan
from scrapy_geetest._url_pattern import UrlPattern
from scrapy_geetest.challenge import Challenge, Solution, V3Solution, V4Challenge, solution_values

if TYPE_CHECKING:
    from scrapy.http import Response

logger = logging.getLogger(__name__)


V3_FIELDS = {"challenge": "geetest_challenge", "validate": "geetest_validate", "seccode": "geetest_seccode"}
V4_FIELDS = {key: key for key in ("captcha_id", "lot_number", "pass_token", "gen_time", "captcha_output")}


async def _negated(outcome: Hook[bool]) -> bool:
    return not await resolve(outcome)


class GeetestSite:
    """One website whose pages a GeeTest CAPTCHA withholds. Subclass it, or make it from keyword arguments.

    Every hook (a method below) has a working default, may be overridden, and may be ``async def``.

    Raises:
        ValueError: On creation, where an attribute is unknown or its value breaks a rule; the message says which.
    """

    name: str = ""
    """What logs call it; the class's name by default."""
    urls: Sequence[str] = ()
    """``"example.com"``, ``"shop.example.com/login"``, ``"127.0.0.1:8000/v3"``: a host with its subdomains, any port
    unless one is named, a path prefix by whole segments."""
    mode: str = "form"
    """``"form"``: every form request needs a solution of its own. ``"gate"``: one accepted solution opens a session."""
    version: int | None = None
    """3 or 4; ``None``: told by the page."""

    detect_css: str | Sequence[str] = ()
    detect_xpath: str | Sequence[str] = ()
    detect_re: str | Sequence[str] = ()
    detect_jmespath: str | Sequence[str] = ()
    detect_status: Sequence[int] = ()
    """Look only at responses with these statuses; empty: at all."""

    challenge_url: str | None = None
    """v3: where a fresh challenge is to be had; relative to the page, ``{timestamp}`` stands for milliseconds."""
    challenge_path: str | None = None
    """JMESPath to the object with ``gt`` and ``challenge``; ``None``: found wherever they are."""
    gt: str | None = None
    captcha_id: str | None = None
    risk_type: str | None = None
    api_server: str | None = None
    get_lib: str | Mapping[str, Any] | None = None
    website_url: str | None = None
    """The page that the widget is on, where it is not the page that was met."""

    submit_as: str = "auto"
    field_names: Mapping[str, str | None] = {}
    """Solution key -> field name (``"captcha.geetest_validate"`` nests in JSON; ``None``: leave it out). The key may
    also be one of the further values of the register answer (``token``), which is then posted back."""
    gate_max_age: float | None = None
    """Seconds after which a gate counts as closed again; ``None``: as long as the site lets requests through."""

    def __init__(self, **attributes: Any) -> None:
        _refuse_unknown(attributes)
        for attribute, value in attributes.items():
            setattr(self, attribute, value)
        self.name = self.name or type(self).__name__
        if isinstance(self.urls, str):
            self.urls = (self.urls,)
        self._check()
        self._patterns = tuple(UrlPattern.parse(url, self.name) for url in self.urls)
        self._rules = self._own_rules()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} {list(self.urls)}>"

    def matches(self, url: str) -> Hook[bool]:
        """Whether *url* belongs to this site."""
        return any(pattern.matches(url) for pattern in self._patterns)

    def challenge_request(self, request: Request, response: Response | None) -> Hook[Request | None]:
        """Which request yields a fresh challenge.

        By default ``challenge_url``; without one, the page itself again (its server renders a challenge into it). v4
        needs none: ``None`` says that the challenge page and the site's attributes tell everything.

        Args:
            request: The request that is held up.
            response: The challenge page, or ``None`` where nothing was downloaded before.
        """
        page_url = self.page_url(request, response)
        if self.challenge_url:
            url = self.challenge_url.replace("{timestamp}", str(int(time.time() * 1000)))
            return Request(urljoin(page_url, url))
        if self.page_version(response) == V4Challenge.version:
            return None
        return Request(page_url)

    def parse_challenge(self, response: Response) -> Hook[Challenge]:
        """Read the challenge out of the answer to :meth:`challenge_request`.

        Raises:
            ValueError: There is none in it that a solution could be bought for; the message says why.
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
        )

    def submit_request(self, request: Request, response: Response | None, solution: Solution) -> Hook[Request]:
        """Put a solution into the request.

        Args:
            request: The request as the spider made it. What is returned should come from its ``replace``, so that
                callback, meta and all else are kept.
            response: The challenge page, or ``None`` where nothing was downloaded before.
            solution: A :class:`~scrapy_geetest.V3Solution` or :class:`~scrapy_geetest.V4Solution`.
        """
        return plan(request, response, self.submit_as).fill(self.fields(solution))

    def is_challenge(self, response: Response) -> Hook[bool]:
        """Whether *response* withholds its content until GeeTest is passed."""
        return self._rules.match(response) is not None

    def is_accepted(self, response: Response) -> Hook[bool]:
        """Whether *response*, to a request that carried a solution, shows that the site took it."""
        outcome = self.is_challenge(response)
        return not outcome if isinstance(outcome, bool) else _negated(outcome)

    def session_key(self, request: Request) -> Hook[str]:
        """What tells the sessions of a gate site apart: by default the cookie jar and the proxy of a request."""
        return f"{request.meta.get('cookiejar')!r} {proxy_key(request)!r}"

    def fields(self, solution: Solution) -> dict[str, str]:
        """The solution as field name -> value, by ``field_names`` and, for the rest, GeeTest's own names."""
        names = {**(V3_FIELDS if isinstance(solution, V3Solution) else V4_FIELDS), **self.field_names}
        return {name: value for key, value in solution_values(solution).items() if (name := names.get(key))}

    def page_url(self, request: Request, response: Response | None) -> str:
        """Where the widget is initialised: the address of the page.

        A page that answers a refused form has the address of that form, perhaps with the solution in it: nothing to ask
        again, or to tell anybody. The page before it has that of the request.
        """
        if self.website_url:
            return self.website_url
        answers_form = RequestState.of(request).attempts > 0 and request.method == "GET"
        return request.url if response is None or answers_form else response.url

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
        """The challenge that the attributes alone tell, where nothing was downloaded.

        Raises:
            RegisterError: They do not.
        """
        if not self.captcha_id:
            raise RegisterError(
                f"no page was downloaded that could tell the captcha_id; set captcha_id (or challenge_url) of {self.name}",
                transient=False,
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

    def use_default_rules(self, rules: Rules) -> None:
        """Take the selectors of the ``GEETEST_DETECT_…`` settings, where the site names none of its own."""
        if not self._rules.named:
            self._rules = Rules(
                css=rules.css, xpath=rules.xpath, re=rules.re, jmespath=rules.jmespath, status=self._rules.status
            )

    @property
    def rules(self) -> Rules:
        """What makes a response a challenge page of this site."""
        return self._rules

    def _own_rules(self) -> Rules:
        return Rules.compile(
            css=self.detect_css,
            xpath=self.detect_xpath,
            re=self.detect_re,
            jmespath=self.detect_jmespath,
            status=self.detect_status,
            source=f"site {self.name}: detect_",
        )

    def _check(self) -> None:
        for attribute, (is_allowed, rule) in RULES.items():
            self._demand(attribute, is_allowed(getattr(self, attribute)), rule)
        self._demand("captcha_id", not (self.version == 3 and self.captcha_id), "it is v4's, and version is 3")  # noqa: PLR2004  # the versions of GeeTest
        self._demand("gt", not (self.version == 4 and self.gt), "it is v3's, and version is 4; v4's is captcha_id")  # noqa: PLR2004  # the versions of GeeTest

    def _demand(self, attribute: str, holds: object, rule: str) -> None:
        if not holds:
            raise ValueError(f"site {self.name}: {attribute} = {getattr(self, attribute)!r} is invalid: {rule}.")


ATTRIBUTES = tuple(
    name
    for name, value in vars(GeetestSite).items()
    if not name.startswith("_") and not callable(value) and not isinstance(value, property | staticmethod)
)


def load_sites(declared: Any, default_rules: Rules) -> tuple[GeetestSite, ...]:
    """Make the sites of ``GEETEST_SITES``: subclasses, their import paths, dicts of their attributes, or instances.

    Raises:
        ValueError: An entry is none of these, or two sites have one name.
    """
    if isinstance(declared, str | Mapping) or not isinstance(declared, Sequence):
        raise ValueError(f"GEETEST_SITES must be a list of sites, not {declared!r}.")
    try:
        sites = tuple(_load_site(entry) for entry in declared)
    except ValueError as error:
        raise ValueError(f"GEETEST_SITES: {error}") from error
    for site in sites:
        site.use_default_rules(default_rules)
    names = [site.name for site in sites]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"GEETEST_SITES: several sites are called {twice[0]!r}; give each a name of its own.")
    return sites


def _refuse_unknown(attributes: Iterable[Any]) -> None:
    for attribute in attributes:
        if attribute not in ATTRIBUTES:
            close = get_close_matches(str(attribute), ATTRIBUTES, 1)
            hint = f"; did you mean {close[0]!r}?" if close else "."
            raise ValueError(f"A GeetestSite has no attribute {attribute!r}{hint} It has: {', '.join(ATTRIBUTES)}.")


def _first_url(urls: Any) -> str:
    """What a site that was declared as a dict is called without a name of its own."""
    listed = [urls] if isinstance(urls, str) else urls if isinstance(urls, Iterable) else ()
    return next((url for url in listed if isinstance(url, str)), "")


def _load_site(entry: Any) -> GeetestSite:
    if isinstance(entry, Mapping):
        _refuse_unknown(entry)
        return GeetestSite(**{"name": _first_url(entry.get("urls")), **entry})
    if isinstance(entry, str):
        try:
            entry = load_object(entry)
        except (ImportError, NameError, ValueError) as error:
            raise ValueError(f"{entry!r} cannot be imported: {error}") from error
    if isinstance(entry, type) and issubclass(entry, GeetestSite):
        return entry()
    if isinstance(entry, GeetestSite):
        return copy(entry)  # which gets the selectors of this crawl's settings; another crawl may have others
    raise ValueError(
        f"{entry!r} is not a site: it takes GeetestSite subclasses, their import paths, or dicts of their attributes."
    )


async def find_site(sites: Sequence[GeetestSite], url: str) -> GeetestSite | None:
    """The first of *sites* that *url* belongs to."""
    for site in sites:
        if await belongs(url, site):
            return site
    return None


async def belongs(url: str, site: GeetestSite, settle: Callable[[Any], Awaitable[Any]] = resolve) -> bool:
    """Whether *url* belongs to *site*; where its ``matches`` fails, it does not.

    Args:
        url: Of a request or response.
        site: A declared one.
        settle: Awaits what the hook returned.
    """
    try:
        return bool(await settle(site.matches(url)))
    except Exception:
        logger.exception("GeeTest: matches of site %s failed on %s; it is taken for no", site.name, url[:200])
        return False

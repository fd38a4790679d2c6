"""Every setting, read and checked once, at the start of a crawl."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import field, fields, frozen
from limits import parse_many

from scrapy_geetest._pages.rules import Rules
from scrapy_geetest._service_settings import DEFAULT_SERVICES, First, check_sites, load_services
from scrapy_geetest._services.connections import HttpProxy
from scrapy_geetest._services.transport import check_base_url
from scrapy_geetest._sites import load_sites
from scrapy_geetest._storage.opening import check_uri

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limits import RateLimitItem
    from scrapy.settings import BaseSettings

    from scrapy_geetest._service_settings import ServiceConfig
    from scrapy_geetest.site import GeetestSite

_LONGEST_SHOWN = 200

_T = TypeVar("_T", int, float)

logger = logging.getLogger(__name__)


@frozen(kw_only=True)
class Config:
    """The ``GEETEST_…`` settings. Durations are seconds.

    Attributes are named as the settings are, in lower case and without the prefix; see the README for what they mean.
    """

    enabled: bool
    sites: tuple[GeetestSite, ...]
    services: tuple[ServiceConfig, ...]
    pass_proxy: bool
    user_agent: str | None
    request_timeout: float
    solve_timeout: float
    first_poll: float | None
    poll_interval: float | None
    max_connections: int
    api_proxy: HttpProxy | None
    max_attempts: int
    max_concurrent_solves: int
    max_parked: int
    solution_max_age: float
    on_failure: str
    max_solves: int
    budget: tuple[RateLimitItem, ...]
    site_budget: tuple[RateLimitItem, ...]
    storage_uri: str = field(repr=False)
    breaker_failures: int
    breaker_seconds: float
    close_on_fatal: bool
    report_rejected: bool
    keep_meta: tuple[str, ...]
    report: str | None

    @classmethod
    def from_settings(cls, settings: BaseSettings, environ: Mapping[str, str] = os.environ) -> Config:
        """Read the settings of a crawl.

        Args:
            settings: The crawler's settings.
            environ: Where keys may be instead (``CAPMONSTER_API_KEY``, …).

        Raises:
            ValueError: A value breaks its rule; the message names the setting, the value and the rule.
        """
        _warn_of_slips(settings)
        read = _Reader(settings)
        services = _services(read, settings, environ)
        return cls(
            enabled=read.flag("GEETEST_ENABLED", default=True),
            sites=_sites(read, settings, services),
            services=services,
            pass_proxy=read.flag("GEETEST_PASS_PROXY", default=False),
            user_agent=read.text("GEETEST_USER_AGENT"),
            request_timeout=read.number("GEETEST_REQUEST_TIMEOUT", 20.0, above=0),
            solve_timeout=read.number("GEETEST_SOLVE_TIMEOUT", 120.0, above=0),
            first_poll=read.optional_number("GEETEST_FIRST_POLL", at_least=0),
            poll_interval=read.optional_number("GEETEST_POLL_INTERVAL", at_least=0),
            max_connections=read.number("GEETEST_MAX_CONNECTIONS", 100, at_least=1),
            api_proxy=_api_proxy(settings),
            max_attempts=read.number("GEETEST_MAX_ATTEMPTS", 3, at_least=1),
            max_concurrent_solves=read.number("GEETEST_MAX_CONCURRENT_SOLVES", 32, at_least=1),
            max_parked=read.number("GEETEST_MAX_PARKED", 10_000, at_least=0),
            solution_max_age=read.number("GEETEST_SOLUTION_MAX_AGE", 300.0, above=0),
            on_failure=read.choice("GEETEST_ON_FAILURE", "raise", ("raise", "pass")),
            max_solves=read.number("GEETEST_MAX_SOLVES", 0, at_least=0),
            budget=read.budget("GEETEST_BUDGET"),
            site_budget=read.budget("GEETEST_SITE_BUDGET"),
            storage_uri=_storage_uri(settings),
            breaker_failures=read.number("GEETEST_BREAKER_FAILURES", 5, at_least=0),
            breaker_seconds=read.number("GEETEST_BREAKER_SECONDS", 600.0, above=0),
            close_on_fatal=read.flag("GEETEST_CLOSE_ON_FATAL", default=True),
            report_rejected=read.flag("GEETEST_REPORT_REJECTED", default=True),
            keep_meta=read.names("GEETEST_KEEP_META"),
            report=_report(settings),
        )


DETECT_SETTINGS = ("GEETEST_DETECT_CSS", "GEETEST_DETECT_XPATH", "GEETEST_DETECT_RE", "GEETEST_DETECT_JMESPATH")
"""Selectors for sites that name none of their own."""
FIRST_SERVICE_SETTINGS = ("GEETEST_API_KEY", "GEETEST_API_URL", "GEETEST_TASK_TYPE")
"""Of the first service."""
SETTINGS = (
    *(f"GEETEST_{attribute.name.upper()}" for attribute in fields(Config)),
    *DETECT_SETTINGS,
    *FIRST_SERVICE_SETTINGS,
)
"""The names of all settings."""


def invalid(setting: str, value: Any, rule: str) -> ValueError:
    """The error of a setting whose value breaks a rule."""
    return ValueError(f"The setting {setting} = {_shown(value)} is invalid: {rule}.")


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python writes out no number of thousands of digits
        text = f"a very large {type(value).__name__}"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


class _Reader:
    """Settings by kind; they come as Python values, and as text from the command line and the environment."""

    def __init__(self, settings: BaseSettings) -> None:
        self._settings = settings

    def text(self, name: str) -> str | None:
        value = self._settings.get(name)
        if value in (None, "", "None"):
            return None
        if not isinstance(value, str) or not value.isprintable():
            raise invalid(name, value, "it must be a string, or None")
        return value

    def entries(self, name: str, default: Sequence[Any] = ()) -> Any:
        """A list; as text, in JSON or with commas between its entries."""
        value = self._settings.get(name)
        if value in (None, "", "None"):
            return default
        if not isinstance(value, str):
            return value
        if not value.lstrip().startswith("["):
            return [entry.strip() for entry in value.split(",") if entry.strip()]
        try:
            return json.loads(value)
        except ValueError as error:
            # The value stays out of the message: it may hold a key.
            raise ValueError(f"The setting {name} is invalid: it must be a list ({error}).") from None

    def names(self, name: str) -> tuple[str, ...]:
        """A list of names."""
        value = self.entries(name)
        is_list = isinstance(value, Sequence | set | frozenset) and not isinstance(value, str | bytes)
        if not is_list or not all(isinstance(one, str) and one for one in value):
            raise invalid(name, value, 'it must be a list of names, like ["my_session"]')
        return tuple(value)

    def flag(self, name: str, *, default: bool) -> bool:
        try:
            return self._settings.getbool(name, default)
        except (TypeError, ValueError):
            raise invalid(name, self._settings.get(name), "it must be True or False") from None

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self._settings.get(name, default)
        if value not in allowed:
            raise invalid(name, value, f"it must be one of {', '.join(map(repr, allowed))}")
        return str(value)

    def number(self, name: str, default: _T, *, at_least: float = -math.inf, above: float = -math.inf) -> _T:
        value = self._settings.get(name, default)
        kind = type(default)
        try:
            number = kind(value)
            # A whole number that no float can hold is beyond anything that is counted here.
            readable = math.isfinite(number) and not isinstance(value, bool)
            readable = readable and (number == value or isinstance(value, str))
        except (TypeError, ValueError, OverflowError):
            number, readable = kind(0), False
        if not readable or number < at_least or number <= above:
            what = "a whole number" if kind is int else "a number of seconds"
            bound = (
                f" above {above:g}"
                if above > -math.inf
                else f" of {at_least:g} or more"
                if at_least > -math.inf
                else ""
            )
            raise invalid(name, value, f"it must be {what}{bound}")
        return number

    def optional_number(self, name: str, *, at_least: float) -> float | None:
        if self._settings.get(name) in (None, "", "None"):
            return None
        return self.number(name, 0.0, at_least=at_least)

    def budget(self, name: str) -> tuple[RateLimitItem, ...]:
        value = self._settings.get(name)
        if value in (None, "", "None"):
            return ()
        try:
            limits = tuple(parse_many(value)) if isinstance(value, str) else ()
        except ValueError:
            limits = ()
        if not limits or any(limit.amount < 1 for limit in limits):
            raise invalid(name, value, 'it must be a budget like "200/hour", or several like "200/hour; 1000/day"')
        return limits


def _warn_of_slips(settings: BaseSettings) -> None:
    """Warn of unknown ``GEETEST_`` settings: a limit whose name is misspelt limits nothing."""
    for name in sorted(settings.keys()):
        if name.startswith("GEETEST_") and name not in SETTINGS and not name.startswith("GEETEST_MONITOR_"):
            close = get_close_matches(name, SETTINGS, 1, cutoff=0.8)
            meant = f"did you mean {close[0]}? The" if close else "the"
            logger.warning("GeeTest: %s unknown setting %s is ignored", meant, name)


def _several(selector: str) -> Any:
    """Several selectors in JSON, as the command line has them; any other text is one selector."""
    try:
        selectors = json.loads(selector)
    except ValueError:
        return selector
    is_list = isinstance(selectors, list) and all(isinstance(one, str) for one in selectors)
    return selectors if is_list else selector


def _default_rules(settings: BaseSettings) -> Rules:
    def of(name: str) -> Any:
        value = settings.get(name) or ()
        return _several(value) if isinstance(value, str) else value

    css, xpath, re, jmespath = map(of, DETECT_SETTINGS)
    return Rules.compile(css=css, xpath=xpath, re=re, jmespath=jmespath, status=(), source="GEETEST_DETECT_")


def _storage_uri(settings: BaseSettings) -> str:
    uri = settings.get("GEETEST_STORAGE_URI") or "memory://"
    try:
        check_uri(uri if isinstance(uri, str) else "")
    except ValueError as error:
        # The value stays out of the message: it may hold a password.
        raise ValueError(f"The setting GEETEST_STORAGE_URI is invalid: {error}.") from None
    return str(uri)


def _report(settings: BaseSettings) -> str | None:
    name = "GEETEST_REPORT"
    value = settings.get(name)
    if value in (None, "", "None"):
        return None
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    try:
        named = path % {"name": "spider", "time": "now"} if isinstance(path, str) else ""
    except (KeyError, TypeError, ValueError):
        named = ""
    if not named.isprintable() or not named.strip():
        rule = (
            "it must be the path of a file; %(name)s in it is the spider's name, %(time)s its start, %% a percent sign"
        )
        if isinstance(path, str) and not path.isprintable():
            rule = r'write a backslash twice, or a raw string like r"C:\reports\geetest.html"'
        raise invalid(name, value, rule)
    return str(path)


def _services(read: _Reader, settings: BaseSettings, environ: Mapping[str, str]) -> tuple[ServiceConfig, ...]:
    first = First(
        api_key=settings.get("GEETEST_API_KEY") or "",
        api_url=_api_url(settings),
        task_type=read.text("GEETEST_TASK_TYPE"),
    )
    return load_services(read.entries("GEETEST_SERVICES", DEFAULT_SERVICES), first, environ)


def _sites(read: _Reader, settings: BaseSettings, services: Sequence[ServiceConfig]) -> tuple[GeetestSite, ...]:
    keeps_cookies = settings.getbool("COOKIES_ENABLED", default=True)
    sites = load_sites(read.entries("GEETEST_SITES"), _default_rules(settings), keeps_cookies=keeps_cookies)
    check_sites(sites, services)
    return sites


def _api_url(settings: BaseSettings) -> str | None:
    name = "GEETEST_API_URL"
    url = settings.get(name)
    if url in (None, "", "None"):
        return None
    if not isinstance(url, str):
        raise invalid(name, url, "it must be a string, or None")
    try:
        return check_base_url(url)
    except ValueError as error:
        if any(sign in url for sign in "@?#"):  # it may hold credentials
            raise ValueError(f"The setting {name} is invalid: {error}.") from None
        raise invalid(name, url, str(error)) from None


def _api_proxy(settings: BaseSettings) -> HttpProxy | None:
    name = "GEETEST_API_PROXY"
    url = settings.get(name)
    if url in (None, "", "None"):
        return None
    try:
        return HttpProxy.from_url(str(url))
    except ValueError as error:
        raise ValueError(f"The setting {name} is invalid: {error}.") from None  # it may hold credentials

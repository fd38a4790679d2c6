"""The solving services of a crawl: made from ``GEETEST_SERVICES``, with their keys and addresses."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from scrapy.utils.misc import load_object

from scrapy_geetest._services.adapters import SERVICES
from scrapy_geetest._services.choice import Services
from scrapy_geetest._services.engine import EngineOptions, Surroundings, make_engine
from scrapy_geetest._services.places import Member
from scrapy_geetest._services.secret import Secret
from scrapy_geetest._services.service import SolvingService
from scrapy_geetest._services.transport import check_base_url

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from twisted.internet.defer import Deferred

    from scrapy_geetest.settings import Config
    from scrapy_geetest.site import GeetestSite

DEFAULT_SERVICES = ("capmonster",)
_OPTIONS = ("service", "api_key", "api_url", "max_concurrent")
_SLIP = 0.6  # how alike a name has to be


@frozen(kw_only=True)
class ServiceConfig:
    """A service as a project configured it.

    Attributes:
        service: Which.
        api_key: Its client key; empty for a service of one's own, and where it is missing.
        api_url: Where its calls go; empty for a service of one's own.
        task_type: What it is to call tasks; ``None``: as it documents.
        max_concurrent: Most tasks at once; ``None``: no limit of its own.
        key_names: Where the key may be, for messages.
    """

    service: SolvingService
    api_key: Secret = field(factory=lambda: Secret(""))
    api_url: str = ""
    task_type: str | None = None
    max_concurrent: int | None = None
    key_names: str = ""

    @property
    def name(self) -> str:
        """In settings, statistics and messages."""
        return self.service.name

    @property
    def lacks_key(self) -> bool:
        """Whether it cannot be asked, since its key is nowhere."""
        return not self.api_key and not self.service.solves_itself()


@frozen(kw_only=True)
class First:
    """What settings of their own say of the first service."""

    api_key: Any
    api_url: str | None
    task_type: str | None


def load_services(declared: Any, first: First, environ: Mapping[str, str]) -> tuple[ServiceConfig, ...]:
    """Make the services of ``GEETEST_SERVICES``. No message shows a value that may be a key.

    Args:
        declared: The setting: names, import paths, classes, instances, or dicts.
        first: For the first of them, where its dict does not say it.
        environ: Where keys may be.

    Raises:
        ValueError: An entry is none of these, or has a value that breaks a rule.
    """
    if isinstance(declared, str | Mapping) or not isinstance(declared, Sequence) or not declared:
        raise ValueError(f"GEETEST_SERVICES must be a list of services, not {_kind(declared)}.")
    none = First(api_key=None, api_url=None, task_type=None)
    try:
        services = tuple(_load(entry, none if at else first, environ) for at, entry in enumerate(declared))
    except ValueError as error:
        told = str(error)
        raise ValueError(told if told.startswith("GEETEST_API_KEY") else f"GEETEST_SERVICES: {told}") from None
    names = [one.name for one in services]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"GEETEST_SERVICES: several services are called {twice[0]!r}; give each a name of its own.")
    return services


def make_services(
    config: Config,
    *,
    sleep: Callable[[float], Awaitable[None]],
    settle: Callable[[Deferred[Any]], Awaitable[Any]],
    on_poll: Callable[[], None] = lambda: None,
) -> Services:
    """The services that are configured.

    Args:
        config: The plugin's settings.
        sleep: Waits for some seconds.
        settle: Turns a Deferred into what the caller's coroutines can await.
        on_poll: Called for each getTaskResult that was sent.
    """
    options = EngineOptions(
        request_timeout=config.request_timeout,
        solve_timeout=config.solve_timeout,
        first_poll=config.first_poll,
        poll_interval=config.poll_interval,
        max_connections=config.max_connections,
        proxy=config.api_proxy,
        looks_again=not config.close_on_fatal,
    )
    surroundings = Surroundings(settle=settle, sleep=sleep, clock=time.monotonic, on_poll=on_poll)
    members = [
        Member(
            one.name,
            make_engine(one.service, options, surroundings, api_key=one.api_key, api_url=one.api_url),
            account=f"{one.name}/{one.api_key.digest}",
            keep_seconds=0.0 if one.service.solves_itself() else one.service.keep_seconds,
            currency=one.service.currency,
            task_type=one.task_type,
            max_concurrent=one.max_concurrent,
        )
        for one in config.services
    ]
    names = [one.name for one in config.services]
    used = frozenset(name for site in config.sites for name in site.services or names)
    return Services(members, sleep=sleep, used=used or None)


def check_sites(sites: Iterable[GeetestSite], services: Sequence[ServiceConfig]) -> None:
    """Look whether each site names services that there are.

    Raises:
        ValueError: One names another.
    """
    names = [one.name for one in services]
    for site in sites:
        for name in site.services or ():
            if name not in names:
                raise ValueError(
                    f"GEETEST_SITES: site {site.name}: services names {name!r}, which GEETEST_SERVICES does not have; it has "
                    f"{', '.join(names)}."
                )


def check_key(key: Any, where: str) -> Secret:
    """A client key.

    Raises:
        ValueError: It cannot be one. The value stays out of the message: it may be a mistyped key.
    """
    if not isinstance(key, str) or not key.isascii() or any(c.isspace() or not c.isprintable() for c in key):
        raise ValueError(f"{where} must be a string of visible ASCII characters without spaces.")
    return Secret(key)


def _load(entry: Any, first: First, environ: Mapping[str, str]) -> ServiceConfig:
    options = dict(entry) if isinstance(entry, Mapping) else {"service": entry}
    for option in options:
        if option not in _OPTIONS:
            raise ValueError(f"a service has no option {option!r}; it has {', '.join(_OPTIONS)}.")
    if "service" not in options:
        raise ValueError('a dict must name its "service".')
    service = _service(options["service"])
    most = options.get("max_concurrent")
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
        raise ValueError(f"max_concurrent of {service.name} must be a whole number of 1 or more, or None.")
    if service.solves_itself():
        if unknown := [option for option in ("api_key", "api_url") if options.get(option) is not None]:
            raise ValueError(f"{service.name} is a service of your own, and takes no {unknown[0]}.")
        return ServiceConfig(service=service, max_concurrent=most)
    variable = service.key_variable
    is_by_setting = first.api_key is not None and not options.get("api_key")
    named = "GEETEST_API_KEY" if is_by_setting else f"api_key of {service.name} in GEETEST_SERVICES"
    key = options.get("api_key") or first.api_key or environ.get(variable) or ""
    return ServiceConfig(
        service=service,
        api_key=check_key(key, f"{named} (or {variable})" if variable else named),
        api_url=_address(service, options.get("api_url"), first.api_url),
        task_type=first.task_type,
        max_concurrent=most,
        key_names=f"{named}, or {variable} in the environment" if variable else named,
    )


def _service(entry: Any) -> SolvingService:
    if isinstance(entry, str):
        entry = SERVICES.get(entry) or _imported(entry)
    if isinstance(entry, SolvingService):
        return entry
    if not isinstance(entry, type) or not issubclass(entry, SolvingService):
        raise ValueError(
            f"{_kind(entry)} is not a service: it takes names, SolvingService subclasses, their import paths, or dicts."
        )
    if entry is SolvingService:
        raise ValueError("SolvingService itself solves nothing; name a subclass.")
    try:
        return entry()
    except Exception as error:
        raise ValueError(f"{entry.__qualname__} cannot be made: {type(error).__name__}: {error}.") from error


def _imported(path: str) -> Any:
    if "." not in path:
        close = get_close_matches(path, SERVICES, 1, cutoff=_SLIP)
        hint = f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(SERVICES)}, and import paths."
        raise ValueError(f"there is no service {path!r}{hint}")
    try:
        return load_object(path)
    except (ImportError, NameError, TypeError, ValueError) as error:
        raise ValueError(f"{path!r} cannot be imported: {error}") from error


def _address(service: SolvingService, own: Any, of_first: str | None) -> str:
    if own is None and of_first:
        return of_first
    try:
        return check_base_url(service.base_url if own is None else str(own))
    except ValueError as error:
        what = "base_url" if own is None else "api_url"
        raise ValueError(f"{what} of {service.name} is invalid: {error}.") from None  # it may hold credentials


def _kind(value: Any) -> str:
    """A value in words that show nothing of it, for it may hold a key; a class by its name."""
    if isinstance(value, type):
        return f"the class {value.__qualname__}"
    return "an empty list" if isinstance(value, list) and not value else f"a {type(value).__name__}"

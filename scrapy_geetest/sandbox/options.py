"""What a sandbox can be told, checked once."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import Attribute, asdict, evolve, field, fields, frozen

from .dialects import CAPMONSTER, DIALECTS, Dialect
from .faults import CallFaults, Schedule
from .saved_page import SavedPage
from .troubles import options_of


def _span(value: Any) -> tuple[float, float]:
    low, high = value if isinstance(value, Sequence) and not isinstance(value, str) else (value, value)
    return float(low), float(high)


def _not_negative(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    del instance
    if value is not None and min(value if isinstance(value, tuple) else (value,)) < 0:
        raise ValueError(f"{attribute.name} ({value!r}) must not be negative")


def _span_in_order(instance: Any, attribute: Attribute[Any], value: tuple[float, float]) -> None:
    _not_negative(instance, attribute, value)
    if value[0] > value[1]:
        raise ValueError(f"{attribute.name} {value!r}: the lower bound comes first")


def _how_many(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value != "always" and (not isinstance(value, int) or value < 0):
        raise ValueError(f'{attribute.name} ({value!r}) is a number of answers, or "always"')
    del instance


def _always(value: Any) -> Any:
    return {True: "always", False: 0}[value] if isinstance(value, bool) else value


def _check_faults(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    del instance, attribute
    if not isinstance(value, Mapping):
        raise ValueError("faults: a mapping of calls to their faults")
    for call, wanted in value.items():
        Schedule.make(call, wanted)


def _check_pages(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    del instance, attribute
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        raise ValueError("pages: a list of pages, as scrapy_geetest.pytest_plugin.saved_page makes them")
    for page in value:
        SavedPage.make(page)


_OF_A_SERVICE = (
    *("solve_seconds", "api_key", "balance", "price", "poll_floor", "max_polls", "keep_seconds", "wrong", "faults"),
)


def _check_services(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    del attribute
    if not isinstance(value, Mapping):
        raise ValueError("services: a mapping of services to their options")
    for name, options in value.items():
        if name not in DIALECTS or name == CAPMONSTER.name:
            raise ValueError(f"services: there is no other service {name!r}; there are {', '.join(DIALECTS)}")
        if unknown := sorted(set(options) - set(_OF_A_SERVICE)):
            raise ValueError(f"services: {name} has no option {unknown[0]}; it has {', '.join(_OF_A_SERVICE)}")
        instance.replace({**options, "services": {}})


def _seconds(default: float | None, text: str) -> Any:
    return field(default=default, validator=_not_negative, metadata={"help": text})


@frozen(kw_only=True)
class Options:
    """What a sandbox can be told. Times are seconds, money is in the service's currency.

    Attributes:
        solve_seconds: How long the service takes for a task: a number, or a range that is drawn from (10 to 30 is real).
        seed: For the solve times that are drawn.
        api_key: The client key that the service accepts.
        balance: What the account holds at the start.
        price: What a task costs.
        challenge_seconds: How long a registered v3 challenge can be solved (GeeTest: ten minutes).
        solution_seconds: How long the sites accept a solution.
        poll_floor: The least time between two getTaskResult for one task (documented: 2 s).
        max_polls: How often one task may be asked for (documented: 120).
        keep_seconds: How long a finished task is kept (documented: 5 minutes).
        wrong: How many tasks, the first ones, get an answer that the site refuses; or ``"always"``.
        offline: How many registrations, the first ones, find GeeTest unreachable (``"success": 0``); or ``"always"``.
        tls: Whether the service speaks TLS, with a certificate of its own making.
        latency: How long each answer of the sites takes.
        robots: ``"allow"``, ``"challenge"`` (robots.txt is withheld by a gate), or the text of robots.txt.
        gate_seconds: How long a gate stays open; ``None``: for ever.
        drip_seconds: The time between two bytes of the fault ``drip``.
        port: Of the sites; 0: any free one.
        service_port: Of the solving service; 0: any free one.
        faults: What goes wrong: names of troubles, or calls with their faults (:mod:`scrapy_geetest.sandbox.faults`).
        services: Options of the other services, by name: those of a service alone, the rest is as above.
        pages: Saved pages to be served at their addresses: plain data of :class:`~scrapy_geetest.sandbox.saved_page.SavedPage`.
    """

    solve_seconds: tuple[float, float] = field(
        default=(1.0, 1.0),
        converter=_span,
        validator=_span_in_order,
        metadata={"help": "seconds for a task, or low,high"},
    )
    seed: int = field(default=0, metadata={"help": "for the solve times that are drawn"})
    api_key: str = field(default=CAPMONSTER.api_key, metadata={"help": "the key that is accepted"})
    balance: float = _seconds(10.0, "what the account holds")
    price: float = _seconds(0.0006, "of one task")
    challenge_seconds: float = _seconds(600.0, "a v3 challenge is fresh for so long")
    solution_seconds: float = _seconds(600.0, "a solution is accepted for so long")
    poll_floor: float = _seconds(2.0, "least seconds between two polls of a task")
    max_polls: int = field(default=120, validator=_not_negative, metadata={"help": "of one task"})
    keep_seconds: float = _seconds(300.0, "a finished task is kept for so long")
    wrong: int | str = field(
        default=0, converter=_always, validator=_how_many, metadata={"help": 'first N answers are wrong, or "always"'}
    )
    offline: int | str = field(
        default=0, converter=_always, validator=_how_many, metadata={"help": 'first N registrations fail, or "always"'}
    )
    tls: bool = field(default=False, metadata={"help": "the service speaks TLS"})
    latency: float = _seconds(0.0, "seconds that each page takes")
    robots: str = field(default="allow", metadata={"help": '"allow", "challenge" or a text'})
    gate_seconds: float | None = _seconds(None, "a gate stays open for so long (default: for ever)")
    drip_seconds: float = _seconds(1.0, "between two bytes of a dripping body")
    port: int = field(default=0, metadata={"help": "of the sites"})
    service_port: int = field(default=0, metadata={"help": "of the solving service"})
    faults: Mapping[str, CallFaults] = field(
        factory=dict,
        validator=_check_faults,
        metadata={"help": 'JSON, e.g. {"createTask": ["ERROR_NO_SLOT_AVAILABLE"]}'},
    )
    services: Mapping[str, Mapping[str, Any]] = field(
        factory=dict,
        validator=_check_services,
        metadata={"help": 'JSON, e.g. {"2captcha": {"balance": 0}}'},
    )
    pages: Sequence[Mapping[str, Any]] = field(
        factory=list, validator=_check_pages, metadata={"help": "JSON: saved pages as plain data"}
    )

    @classmethod
    def make(cls, values: Mapping[str, Any]) -> Options:
        """Options from outside values.

        Raises:
            ValueError: An unknown name, or a value that breaks the rule of its option.
        """
        return cls().replace(values)

    def replace(self, values: Mapping[str, Any]) -> Options:
        """These options with others in their places; errors as in :meth:`make`."""
        known = {attribute.name for attribute in fields(Options)}
        if unknown := sorted(values.keys() - known):
            raise ValueError(f"there is no option {', '.join(unknown)}; there are {', '.join(sorted(known))}")
        faults = values.get("faults")
        if isinstance(faults, Sequence) and not isinstance(faults, str):
            values = {**options_of(faults), **{name: value for name, value in values.items() if name != "faults"}}
        try:
            return evolve(self, **values)
        except TypeError as error:
            raise ValueError(f"an option has a value of the wrong type: {error}") from error

    def saved_pages(self) -> tuple[SavedPage, ...]:
        """The pages of a user's own."""
        return tuple(map(SavedPage.make, self.pages))

    def of_service(self, dialect: Dialect) -> Options:
        """The options of another service: its own, else the sandbox's, but for key, faults and documented limits."""
        limits = {
            name: getattr(dialect, name)
            for name in ("poll_floor", "keep_seconds")
            if getattr(self, name) == getattr(CAPMONSTER, name)
        }
        own = {"api_key": dialect.api_key, "faults": {}, **limits, **self.services.get(dialect.name, {})}
        return self.replace({**own, "services": {}})

    def to_json(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)


def parse_arguments(argv: Sequence[str] | None) -> tuple[Options, bool]:
    """Read a command line.

    Args:
        argv: The arguments without the program's name; ``None``: those of the process.

    Returns:
        The options, and whether the sandbox outlives its parent.

    Raises:
        SystemExit: The command line is wrong (status 2) or asks for help (status 0).
    """
    parser = _parser()
    values = vars(parser.parse_args(argv))
    detached = values.pop("detached")
    try:
        return Options.make({**json.loads(values.pop("options", "{}")), **values}), detached
    except ValueError as error:
        parser.error(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scrapy geetest sandbox",
        description="A local GeeTest-protected website and a local solving service, on 127.0.0.1 only.",
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--options", metavar="JSON", help="all options as one JSON object")
    parser.add_argument(
        "--detached", action="store_true", default=False, help="go on when the parent process has ended"
    )
    parser.add_argument("--tls", action="store_true", help="the service speaks TLS")
    for attribute in fields(Options):
        if attribute.name != "tls":
            flag = "--" + attribute.name.replace("_", "-")
            parser.add_argument(flag, type=_READERS.get(attribute.name, _number), help=attribute.metadata["help"])
    return parser


def _number(text: str) -> float | int | str:
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError:
        return text


def _numbers(text: str) -> Any:
    return [float(part) for part in text.split(",")] if "," in text else float(text)


_READERS: Mapping[str, Any] = {
    "solve_seconds": _numbers,
    "api_key": str,
    "robots": str,
    "faults": json.loads,
    "services": json.loads,
    "pages": json.loads,
}

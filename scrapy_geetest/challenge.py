"""Challenges (what goes to the solving service) and solutions (what comes back): plain frozen data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, TypeAlias

from attrs import field, frozen

EMPTY: Mapping[str, str] = {}


@frozen
class V3Challenge:
    """A GeeTest v3 challenge: single use, ten minutes old at most (GeeTest's glossary).

    Attributes:
        gt: The site's public GeeTest id.
        challenge: What the site's register endpoint handed out; no widget may have been shown it.
        api_server: Host of the widget's API server, where the site names one (``api-na.geetest.com``).
        get_lib: The answer of the widget's loader, as a JSON text, for the few sites that need it.
        extra: Further values of the register answer that a form may have to post back (``token``).
    """

    version: ClassVar[int] = 3
    gt: str
    challenge: str
    api_server: str | None = None
    get_lib: str | None = None
    extra: Mapping[str, str] = field(default=EMPTY)


@frozen
class V4Challenge:
    """A GeeTest v4 challenge: GeeTest makes the lot number itself, so the site's id is all it takes.

    Attributes:
        captcha_id: The site's public GeeTest id.
        risk_type: ``slide``, ``word``, ``ai``, …, where the widget is initialised with one.
        api_server: Host of the widget's API server, where the site names one.
        get_lib: The answer of the widget's loader, as a JSON text, for the few sites that need it.
        extra: Further values of the page's or the configuration's answer that a form may have to post back.
    """

    version: ClassVar[int] = 4
    captcha_id: str
    risk_type: str | None = None
    api_server: str | None = None
    get_lib: str | None = None
    extra: Mapping[str, str] = field(default=EMPTY)


@frozen(kw_only=True)
class V3Solution:
    """A solved v3 challenge. A slide's ``challenge`` is two characters longer than the one registered: submit this one.

    Attributes:
        challenge: ``geetest_challenge`` of the form.
        validate: ``geetest_validate`` of the form.
        seccode: ``geetest_seccode`` of the form.
        extra: Further values that the service or the register answer gave, by their own names.
    """

    version: ClassVar[int] = 3
    challenge: str
    validate: str
    seccode: str
    extra: Mapping[str, str] = field(default=EMPTY)


@frozen(kw_only=True)
class V4Solution:
    """A solved v4 challenge.

    Attributes:
        captcha_id: The site's public GeeTest id.
        lot_number: GeeTest's number of this verification.
        pass_token: The token of the pass.
        gen_time: When it was made: digits, as a string.
        captcha_output: What the widget computed.
        extra: Further values that the service or the site gave, by their own names.
    """

    version: ClassVar[int] = 4
    captcha_id: str
    lot_number: str
    pass_token: str
    gen_time: str
    captcha_output: str
    extra: Mapping[str, str] = field(default=EMPTY)


Challenge: TypeAlias = V3Challenge | V4Challenge
Solution: TypeAlias = V3Solution | V4Solution

_V3_KEYS = ("challenge", "validate", "seccode")
_V4_KEYS = ("captcha_id", "lot_number", "pass_token", "gen_time", "captcha_output")
_MAX_VALUE = 16_384


def solution_values(solution: Solution) -> dict[str, str]:
    """Every value of a solution by its key, further values included (the solution's own keys win)."""
    keys = _V3_KEYS if isinstance(solution, V3Solution) else _V4_KEYS
    return {**solution.extra, **{key: getattr(solution, key) for key in keys}}


def parse_solution(answer: Any, challenge: Challenge) -> Solution:
    """Read the ``solution`` object of the service's answer.

    The keys that came decide the version, not the one asked for: a site is known whose v3 tasks are answered with v4 keys.

    Args:
        answer: The decoded ``solution`` object.
        challenge: What was sent, for the id that a v4 answer may leave out and for its further values.

    Raises:
        ValueError: It is no object, or lacks a key, or a value is no usable text.
    """
    if not isinstance(answer, Mapping):
        raise ValueError(f"the solution is {type(answer).__name__}, not an object")
    values = dict(_texts(answer))
    if "lot_number" in values:
        values.setdefault("captcha_id", challenge.captcha_id if isinstance(challenge, V4Challenge) else challenge.gt)
        return V4Solution(**_pick(values, _V4_KEYS, challenge))
    return V3Solution(**_pick(values, _V3_KEYS, challenge))


def _texts(answer: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    for key, value in answer.items():
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value  # gen_time as a number
        if not isinstance(text, str) or not text:
            continue
        if len(text) > _MAX_VALUE:
            raise ValueError(f"a value of the solution is {len(text)} characters long")
        yield str(key), text


def _pick(values: Mapping[str, str], keys: tuple[str, ...], challenge: Challenge) -> dict[str, Any]:
    missing = [key for key in keys if key not in values]
    if missing:
        raise ValueError(f"the solution has no {', '.join(missing)}")
    extra = {**challenge.extra, **{key: value for key, value in values.items() if key not in keys}}
    return {**{key: values[key] for key in keys}, "extra": extra}

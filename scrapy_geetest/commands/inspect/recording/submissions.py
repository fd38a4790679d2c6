"""Which requests of a visit carried a solution, under which names, and whether the site took it."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

from attrs import frozen

from scrapy_geetest.commands.inspect.recording.answers import Reading, is_withheld, read_answer
from scrapy_geetest.commands.inspect.recording.fields import Field, request_fields
from scrapy_geetest.commands.inspect.recording.geetest_calls import V3, V4, V4_KEYS, Known, is_geetests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from scrapy_geetest.commands.inspect.har import Exchange

V3_KEYS = ("challenge", "validate", "seccode")
_JORDAN = "|jordan"
_LONGER = 2  # characters that a slide adds to its challenge
_MAX_REDIRECTS = 10
_PROOFS = frozenset({"validate", "seccode", "pass_token", "captcha_output"})
_SINGLE = _PROOFS | {"challenge", "lot_number"}  # what nothing but this solution has
_NAMES = {
    "challenge": re.compile(r"challenge"),
    "validate": re.compile(r"validate"),
    "seccode": re.compile(r"seccode"),
    "lot_number": re.compile(r"lotn(?:umber|o)"),
    "pass_token": re.compile(r"passtoken"),
    "gen_time": re.compile(r"gentime"),
    "captcha_output": re.compile(r"captchaoutput|^output$"),
    "captcha_id": re.compile(r"captchaid|^id$|^gt$"),
}
_SHAPES: Mapping[str, re.Pattern[str]] = {
    "challenge": re.compile(r"[0-9a-z]{32,40}"),
    "validate": re.compile(r"[0-9a-fA-F_]{32,}"),
    "seccode": re.compile(r"[0-9a-fA-F_]{32,}\|jordan"),
    "lot_number": re.compile(r"[0-9a-f]{32}"),
    "pass_token": re.compile(r"[0-9a-f]{40,128}"),
    "gen_time": re.compile(r"\d{9,13}"),
    "captcha_output": re.compile(r"[0-9A-Za-z+/_=-]{20,}"),
    "captcha_id": re.compile(r"[0-9a-f]{32}"),
}

Roles: TypeAlias = dict[str, Field]


@frozen(kw_only=True)
class Submission:
    """A request that carried a solution.

    Attributes:
        exchange: The request and its answer.
        version: Of the solution: 3 or 4.
        solution: Solution key -> the field that held it.
        others: All other values of the request.
        repeats: Fields beside these that held a value of the solution once more, under another name, with its key.
        final: What the answer's redirects led to in the end; the exchange itself without any.
        reading: What the answer says of the solution.
    """

    exchange: Exchange
    version: int
    solution: Mapping[str, Field]
    others: tuple[Field, ...]
    repeats: tuple[tuple[str, Field], ...]
    final: Exchange
    reading: Reading

    @property
    def way(self) -> str:
        """``"form"``, ``"json"``, ``"query"`` or ``"headers"``: where most of the solution was."""
        return Counter(field.place for field in self.solution.values()).most_common(1)[0][0]

    @property
    def field_names(self) -> dict[str, str | None]:
        """Solution key -> name, as ``field_names`` of a site takes it; ``None``: it was not sent."""
        keys = V3_KEYS if self.version == V3 else V4_KEYS  # the versions of GeeTest
        return {key: self.solution[key].name if key in self.solution else None for key in keys}

    @property
    def packed_in(self) -> str | None:
        """The field that holds the solution in a string of JSON, if it is in one."""
        return next(iter(self.solution.values())).packed_in

    @property
    def target(self) -> str:
        """Where it went, without the query."""
        return self.exchange.url.partition("?")[0]

    def is_like(self, other: Submission) -> bool:
        """Whether both went to one address with solutions of one version."""
        return (self.target, self.version) == (other.target, other.version)

    def values(self) -> frozenset[str]:
        """The values of the solution."""
        return frozenset(field.text for field in self.solution.values())


def find_submissions(exchanges: Sequence[Exchange], known: Known) -> tuple[Submission, ...]:
    """The requests that carried a solution to the site, in order."""
    return tuple(one for exchange in exchanges if (one := _submission(exchange, exchanges, known)))


def distinct(submissions: Sequence[Submission]) -> tuple[Submission, ...]:
    """Those that are not an earlier one once more."""
    found: list[Submission] = []
    for one in submissions:
        if not any(_is_again(one, earlier) for earlier in found):
            found.append(one)
    return tuple(found)


def _is_again(one: Submission, earlier: Submission) -> bool:
    """Whether it is an earlier one once more: as a redirect led on, or as a service worker made it for the page."""
    if one.values() != earlier.values():
        return False
    is_led_to = earlier.exchange.is_redirect and one.exchange.number <= earlier.final.number
    is_better = earlier.reading is Reading.REFUSED is not one.reading
    return is_led_to or (one.is_like(earlier) and not is_better)


def followed(exchange: Exchange, exchanges: Sequence[Exchange]) -> Exchange:
    """What the redirects that an answer begins led to in the end."""
    for _ in range(_MAX_REDIRECTS):
        if not exchange.is_redirect or not exchange.leads_to:
            break
        url = exchange.leads_to
        following = next((one for one in exchanges[exchange.number + 1 :] if _is_same(one.url, url)), None)
        if following is None:
            break
        exchange = following
    return exchange


def _is_same(url: str, other: str) -> bool:
    one, two = urlsplit(url), urlsplit(other)
    return (one.netloc, one.path or "/", one.query) == (two.netloc, two.path or "/", two.query)


def _submission(exchange: Exchange, exchanges: Sequence[Exchange], known: Known) -> Submission | None:
    if is_geetests(exchange.url):
        return None
    fields = request_fields(exchange)
    if not fields:
        return None
    version, solution = _solution(fields, known)
    if not _PROOFS & solution.keys():
        return None
    final = followed(exchange, exchanges)
    reading = read_answer(final)
    if final is not exchange and is_withheld(final):
        reading = Reading.REFUSED
    used = {id(field) for field in solution.values()}
    rest = [field for field in fields if id(field) not in used]
    repeats = {id(field): (key, field) for field in rest if (key := _repeated(field, solution))}
    names = {(field.place, field.keys, field.packed_in) for field in solution.values()}
    return Submission(
        exchange=exchange,
        version=version,
        solution=solution,
        others=tuple(field for field in rest if id(field) not in repeats),
        repeats=tuple(
            (key, field) for key, field in repeats.values() if (field.place, field.keys, field.packed_in) not in names
        ),
        final=final,
        reading=reading,
    )


def _repeated(field: Field, solution: Roles) -> str:
    """The key of the solution whose value *field* holds as well: the widget's inputs go along with what a script adds."""
    like = next(iter(solution.values()))
    if (field.place, field.packed_in) != (like.place, like.packed_in):
        return ""
    return next((key for key, one in solution.items() if key in _SINGLE and one.text == field.text), "")


def _solution(fields: Sequence[Field], known: Known) -> tuple[int, Roles]:
    """By the values that GeeTest answered with; where the log lacks these, by names and shapes."""
    v4 = _v4(fields, known)
    if v4:
        return V4, v4
    return V3, _v3(fields, known)


def _v3(fields: Sequence[Field], known: Known) -> Roles:
    def is_validate(field: Field) -> bool:
        return field.text in known.validates

    def is_seccode(field: Field) -> bool:
        return bool(_SHAPES["seccode"].fullmatch(field.text))

    seccode = _best("seccode", fields, is_seccode)
    proven = {field.text.removesuffix(_JORDAN) for field in fields if is_seccode(field)}
    validate = _best("validate", fields, lambda field: is_validate(field) or field.text in proven)
    if validate is None:
        validate = _named("validate", fields) if seccode or _named("challenge", fields) else None
    if validate is None and seccode is None:
        return {}
    if seccode is None and validate is not None:
        seccode = _named("seccode", fields)
    challenge = _best("challenge", fields, lambda field: _is_challenge_of(field.text, known.challenges))
    challenge = challenge or _named("challenge", fields)
    found = {"challenge": challenge, "validate": validate, "seccode": seccode}
    return {key: field for key, field in found.items() if field is not None}


def _is_challenge_of(text: str, challenges: frozenset[str]) -> bool:
    return any(text.startswith(one) and len(text) <= len(one) + _LONGER for one in challenges) or any(
        one.startswith(text) and len(text) >= len(one) - _LONGER for one in challenges if text
    )


def _v4(fields: Sequence[Field], known: Known) -> Roles:
    best: Roles = {}
    for seccode in known.seccodes:
        found = {
            key: field
            for key, value in seccode.items()
            if (field := _best(key, fields, lambda one, value=value: one.text == value))  # type: ignore[misc]
        }
        if _PROOFS & found.keys() and len(found) > len(best):
            best = found
    return best or _v4_by_names(fields, known)


def _v4_by_names(fields: Sequence[Field], known: Known) -> Roles:
    found = {key: field for key in V4_KEYS if (field := _named(key, fields))}
    knows_lot = found.get("lot_number") is not None and found["lot_number"].text in known.lot_numbers
    return found if {"lot_number", "pass_token"} <= found.keys() or (knows_lot and _PROOFS & found.keys()) else {}


def _named(key: str, fields: Sequence[Field]) -> Field | None:
    """The field whose name speaks of *key* and whose value can be one."""
    return next(
        (field for field in fields if _NAMES[key].search(_plain(field)) and _SHAPES[key].fullmatch(field.text)), None
    )


def _best(key: str, fields: Sequence[Field], is_it: Callable[[Field], bool]) -> Field | None:
    """The field that *is_it*; among several, the one whose name speaks of *key*."""
    found: Iterator[Field] = (field for field in fields if is_it(field))
    return min(found, key=lambda field: not _NAMES[key].search(_plain(field)), default=None)


def _plain(field: Field) -> str:
    return re.sub(r"[^a-z]", "", str(field.keys[-1]).lower())

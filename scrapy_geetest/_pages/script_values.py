"""What expressions of a page's script can hold, as far as literals tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from attrs import evolve, field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

V3_KEYS = ("geetest_challenge", "geetest_validate", "geetest_seccode")
V4_KEYS = ("lot_number", "captcha_output", "pass_token", "gen_time")
KEYS = frozenset({*V3_KEYS, *V4_KEYS})


@frozen
class Text:
    """A literal."""

    text: str


@frozen
class Number(Text):
    """A literal without quotes, of digits."""


@frozen
class Clock:
    """The time, or something at random."""


@frozen
class Joined:
    """Parts that are put together to a text."""

    parts: tuple[Value, ...]


@frozen
class Result:
    """All of the widget's answer: what ``getValidate`` returns."""


@frozen
class Key:
    """One value of the widget's answer."""

    name: str


@frozen
class Fields:
    """An object, or a form, by name.

    Attributes:
        entries: Names and values; a name may be empty: all that the value has.
        kind: ``"object"``, ``"form"`` (urlencoded), ``"multipart"``.
    """

    entries: tuple[tuple[str, Value], ...] = ()
    kind: str = "object"


@frozen
class Json:
    """A value as JSON in a text."""

    value: Value


@frozen
class PageForm:
    """A form of the page, with what is in it; the selector may be empty: the one at hand."""

    selector: str
    kind: str = "form"


@frozen
class Unknown:
    """What cannot be known."""


@frozen
class Unread(Unknown):
    """What a name holds that nothing in the script tells.

    Attributes:
        path: The name, with its members.
    """

    path: str = field(repr=False)  # some values are looked at as texts


Value: TypeAlias = "Text | Clock | Joined | Result | Key | Fields | Json | PageForm | Unknown"
UNKNOWN = Unknown()


def joined(parts: Sequence[Value]) -> Value:
    """The parts as one text, where all of them are texts."""
    flat: list[Value] = []
    for part in parts:
        for one in part.parts if isinstance(part, Joined) else (part,):
            if isinstance(one, Text) and flat and isinstance(flat[-1], Text):
                flat[-1] = Text(flat[-1].text + one.text)
            elif one != Text(""):
                flat.append(one)
    if not flat:
        return Text("")
    return flat[0] if len(flat) == 1 and isinstance(flat[0], Text) else Joined(tuple(flat))


def member_of(value: Value, member: str) -> Value:
    """What ``value.member`` is."""
    if isinstance(value, Result):
        return Key(member)
    if isinstance(value, Fields):
        named = [inner for name, inner in value.entries if name == member]
        if named:
            return named[-1]
        spread = [inner for name, inner in value.entries if not name]
        return member_of(spread[-1], member) if spread else UNKNOWN
    return UNKNOWN


def as_form(value: Value) -> Value:
    if isinstance(value, Fields):
        return evolve(value, kind="form")
    return Fields((("", value),), "form")


def named_entries(entries: Sequence[tuple[str, Value]]) -> Mapping[str, Value]:
    """The entries that have names, the last of each."""
    return {name: value for name, value in entries if name}

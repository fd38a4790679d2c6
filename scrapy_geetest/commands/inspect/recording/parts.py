"""The values of a recorded request beside the solution: typed, carried on from an earlier answer, constant, or the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from scrapy_geetest._redaction import is_telling
from scrapy_geetest.commands.inspect.recording.origins import Origin, Origins, is_clock, may_be_shown
from scrapy_geetest.commands.inspect.recording.page_forms import PageForm, find_form, visible_controls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scrapy_geetest.commands.inspect.har import Exchange
    from scrapy_geetest.commands.inspect.recording.fields import Field

TYPED, CARRIED, CONSTANT, CLOCK, HIDDEN = "typed", "carried", "constant", "clock", "hidden"
_KINDS = frozenset(
    {"text", "password", "email", "tel", "search", "url", "number", "textarea", "checkbox", "radio", "select"}
)
_SMALL = 100_000
_DIGITS, _DIGITS_OF_A_QUERY = 2, 5  # of a number that nobody types: a page, a kind
_CUSTOMARY = {"x-requested-with": "XMLHttpRequest"}


@frozen(kw_only=True)
class Part:
    """One value of a request.

    Attributes:
        field: It, with its place and name.
        role: ``"typed"``; ``"carried"``: from an earlier answer; ``"constant"``; ``"clock"``; ``"hidden"``: it looks like a secret
            that the log does not explain.
        origin: Of a carried one.
        control: The kind of the control that a person used, if the page has it.
    """

    field: Field
    role: str
    origin: Origin | None = None
    control: str = ""


@frozen(kw_only=True)
class Parts:
    """All values of a request beside the solution, and the form of the page that sent it, if one did."""

    all: tuple[Part, ...]
    form: PageForm | None

    @property
    def body(self) -> tuple[Part, ...]:
        """Those that are no headers."""
        return tuple(part for part in self.all if part.field.place != "headers")

    @property
    def headers(self) -> tuple[Part, ...]:
        """Those that are headers."""
        return tuple(part for part in self.all if part.field.place == "headers")

    def named(self, role: str) -> tuple[Part, ...]:
        """Those with a role."""
        return tuple(part for part in self.body if part.role == role)


@frozen(kw_only=True)
class Classifier:
    """Tells what the values of a request are.

    Attributes:
        origins: Of values.
        page: That the request was made from.
        scripts: Texts of the page and of its scripts, in which constants stand.
    """

    origins: Origins
    page: Exchange | None
    scripts: Sequence[str]

    def classify(self, exchange: Exchange, fields: Sequence[Field], others: Sequence[Mapping[str, str]] = ()) -> Parts:
        """Tell of each of *fields*.

        Args:
            exchange: The request.
            fields: Its values, without those of the solution.
            others: Values of other requests to the same address, by name: what differs was typed.
        """
        names = frozenset(field.name for field in fields)
        form = find_form(self.page, exchange.url, names) if self.page and exchange.method in {"GET", "POST"} else None
        controls = visible_controls(self.page) if self.page else {}
        return Parts(all=tuple(self._part(field, exchange, form, controls, others) for field in fields), form=form)

    def _part(
        self,
        field: Field,
        exchange: Exchange,
        form: PageForm | None,
        controls: Mapping[str, str],
        others: Sequence[Mapping[str, str]],
    ) -> Part:
        if field.place == "headers":
            return self._header(field, exchange)
        name = str(field.keys[-1])
        control = form.visible.get(field.name, "") if form else controls.get(name, "")
        if control in _KINDS:
            return Part(field=field, role=TYPED, control=control)
        if form and field.name in form.buttons:
            return Part(field=field, role=CONSTANT)
        if is_clock(field, exchange):
            return Part(field=field, role=CLOCK)
        if origin := self.origins.find(field, exchange.number):
            is_fixed = origin.kind == "script" and "script" in origin.exchange.media_type
            shown = is_fixed and may_be_shown(name, field.text)
            return Part(field=field, role=CONSTANT if shown else CARRIED, origin=None if shown else origin)
        differs = any(name_.get(field.name, field.text) != field.text for name_ in others)
        is_private = field.text != "" and not isinstance(field.value, bool) and not may_be_shown(name, field.text)
        is_constant = not (differs or is_private) and self._is_constant(field)
        return Part(field=field, role=CONSTANT if is_constant else TYPED)

    def _header(self, field: Field, exchange: Exchange) -> Part:
        if _CUSTOMARY.get(field.name.lower()) == field.value:
            return Part(field=field, role=CONSTANT)
        if is_clock(field, exchange):
            return Part(field=field, role=CLOCK)
        cookie = self._cookie(field, exchange)
        origin = cookie or self.origins.find(field, exchange.number)
        if origin and (is_telling(field.text) or origin.kind != "script"):
            return Part(field=field, role=CARRIED, origin=origin)
        return Part(field=field, role=CONSTANT if may_be_shown(field.name, field.text) else HIDDEN)

    def _cookie(self, field: Field, exchange: Exchange) -> Origin | None:
        """A header that repeats a cookie (a double-submit token): where the cookie was set."""
        sent = {name for name, value in exchange.cookies if value == field.text}
        origin = self.origins.find(field, exchange.number)
        return origin if origin and origin.kind == "cookie" and (origin.path in sent or not sent) else None

    def _is_constant(self, field: Field) -> bool:
        """Whether nobody typed it: a small number, a truth value, or a literal of the page or its scripts."""
        value = field.value
        if value is None or value == "" or isinstance(value, bool):
            return True
        if isinstance(value, int | float):
            return abs(value) < _SMALL
        if value.isdecimal() and len(value) <= (_DIGITS_OF_A_QUERY if field.place == "query" else _DIGITS):
            return True
        name = str(field.keys[-1])
        quoted = [f"{mark}{value}{mark}" for mark in "\"'`"]
        assigned = [f"{name}={value}", f"{name}:{value}", f"{name}: {value}", f'"{name}":{value}', f'"{name}": {value}']
        needles = (
            quoted if len(value) > 1 else [f"{name}:{one}" for one in quoted] + [f"{name}: {one}" for one in quoted]
        )
        return any(needle in text for text in self.scripts for needle in (*needles, *assigned))

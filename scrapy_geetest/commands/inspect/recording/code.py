"""Python text for the values and requests of a recorded visit."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from keyword import iskeyword
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from attrs import field, frozen
from scrapy import Spider

from scrapy_geetest.commands.inspect.declaration import literal
from scrapy_geetest.commands.inspect.recording.fields import json_body
from scrapy_geetest.commands.inspect.recording.origins import Origin, css_word, without_clock
from scrapy_geetest.commands.inspect.recording.parts import CARRIED, CLOCK, CONSTANT, TYPED, Part, Parts

if TYPE_CHECKING:
    from scrapy_geetest.commands.inspect.har import Exchange

UNKNOWN = '"..."'
"""Stands for a value that is not printed."""
WIDTH = 110
_SECONDS = 10  # digits of a clock that counts seconds
_MODULES = ("json", "re", "time")


@frozen
class Names:
    """What the code around an expression calls things.

    Attributes:
        answers: Address of an earlier answer, the clock left out -> the variable that holds it.
        extra: Place and keys of a field -> the key of the challenge's further values that holds it.
        meta: Place and keys of a field -> the key of the request's meta that holds it.
        typed: Whether ``self`` has what a person typed.
    """

    answers: Mapping[str, str] = field(factory=dict)
    extra: Mapping[tuple[str, tuple[str | int, ...]], str] = field(factory=dict)
    meta: Mapping[tuple[str, tuple[str | int, ...]], str] = field(factory=dict)
    typed: bool = False


def identifier(name: str) -> str:
    """An attribute of a spider for what was typed into the field *name*."""
    plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or "typed"
    plain = f"typed_{plain}" if plain[0].isdigit() else plain
    return f"{plain}_" if iskeyword(plain) or hasattr(Spider, plain) or plain in {"crawler", "settings"} else plain


def meta_key(part: Part) -> str:
    """Under which a spider hands the value of *part* to a hook."""
    return f"carried_{identifier(str(part.field.keys[-1]))}"


def expression(part: Part, names: Names) -> str:
    """The value of *part*."""
    if part.role == CONSTANT:
        return _constant(part.field.value)
    if part.role == CLOCK:
        return _clock(part)
    if part.role == TYPED:
        return f"self.{identifier(str(part.field.keys[-1]))}" if names.typed else UNKNOWN
    key = names.extra.get((part.field.place, part.field.keys))
    if key is not None:
        return f"solution.extra[{literal(key)}]"
    if (key := names.meta.get((part.field.place, part.field.keys))) is not None:
        return f"request.meta[{literal(key)}]"
    if (
        part.role == CARRIED
        and part.origin
        and (variable := names.answers.get(without_clock(part.origin.exchange.url)))
    ):
        return read(part.origin, variable)
    return UNKNOWN


def _constant(value: Any) -> str:
    return literal(value) if isinstance(value, str) else repr(value)


def _clock(part: Part) -> str:
    code = "int(time.time())" if len(part.field.text.partition(".")[0]) == _SECONDS else "int(time.time() * 1000)"
    return code if isinstance(part.field.value, int | float) else f"str({code})"


def read(origin: Origin, variable: str) -> str:
    """What stands in the place *origin* of an answer."""
    path = origin.path
    codes = {
        "hidden": f'{variable}.css({literal(f"input[name={css_word(path)}]::attr(value)")}).get("")',
        "meta": f'{variable}.css({literal(path)}).get("")',
        "attribute": f'{variable}.css({literal(path)}).get("")',
        "json": f"{variable}.json()"
        + "".join(f"[{literal(key) if isinstance(key, str) else key}]" for key in origin.keys),
        "header": f"{variable}.headers[{literal(path)}].decode()",
        "cookie": f're.search({literal(re.escape(path) + "=([^;]*)")}, str({variable}.headers.getlist("Set-Cookie")))[1]',
        "script": f"re.search({_raw(path)}, {variable}.text)[1]",
        "address": f"parse_qs(urlsplit({variable}.url).query)[{literal(path)}][0]",
    }
    code = f"unquote({codes[origin.kind]})" if origin.is_quoted else codes[origin.kind]
    return f"{literal(origin.before)} + {code}" if origin.before else code


def _raw(pattern: str) -> str:
    if not pattern.isprintable():
        return repr(pattern)
    if "'" not in pattern and not pattern.endswith("\\"):
        return f"r'{pattern}'"
    return f'r"{pattern}"' if '"' not in pattern and not pattern.endswith("\\") else repr(pattern)


def mapping(entries: Sequence[tuple[str, str]], indent: int, room: int = 0) -> str:
    """A dict of *entries* (key, code): in one line if that is short, else a line each."""
    one_line = "{" + ", ".join(f"{literal(key)}: {code}" for key, code in entries) + "}"
    if indent + room + len(one_line) <= WIDTH and "\n" not in one_line:
        return one_line
    lines = "".join(f"{' ' * (indent + 4)}{literal(key)}: {code},\n" for key, code in entries)
    return "{\n" + lines + " " * indent + "}"


def url_code(exchange: Exchange, parts: Parts, names: Names) -> str:
    """The address of a request, without what is no part of *parts*."""
    base = exchange.url.partition("?")[0]
    query = [part for part in parts.body if part.field.place == "query" and part.field.packed_in is None]
    if not query:
        return literal(base)
    if all(part.role == CONSTANT for part in query):
        return literal(f"{base}?{urlencode([(part.field.name, part.field.text) for part in query])}")
    entries = [(part.field.name, expression(part, names)) for part in query]
    return f"{literal(base + '?')} + urlencode({mapping(entries, 12, room=len(base))})"


def form_code(parts: Parts, names: Names, indent: int) -> str:
    """The fields of a form body; empty if there are none."""
    entries = [
        (one.field.name, expression(one, names))
        for one in parts.body
        if one.field.place == "form" and not one.field.packed_in
    ]
    return mapping(entries, indent) if entries else ""


def json_code(
    exchange: Exchange,
    parts: Parts,
    names: Names,
    indent: int,
    solution: Mapping[tuple[str | int, ...], str] | None = None,
) -> str:
    """The JSON body of a request.

    Args:
        exchange: The request.
        parts: What is known of its values.
        names: Of variables.
        indent: Of the line that it begins in.
        solution: The places of the solution's values -> the code for them; others of the solution are left out.
    """
    codes = {
        one.field.keys: expression(one, names)
        for one in parts.body
        if one.field.place == "json" and not one.field.packed_in
    }
    codes.update(solution or {})
    return _nested(json_body(exchange), (), codes.get, indent) or "{}"


def _nested(
    data: Any, keys: tuple[str | int, ...], code: Callable[[tuple[str | int, ...]], str | None], indent: int
) -> str:
    """Empty: nothing of it is left."""
    if isinstance(data, Mapping):
        inner = [(key, _nested(value, (*keys, key), code, indent + 4)) for key, value in data.items()]
        return (
            mapping([(key, text) for key, text in inner if text], indent)
            if any(text for _, text in inner) or not data
            else ""
        )
    if isinstance(data, list):
        found = [_nested(value, (*keys, number), code, indent + 4) for number, value in enumerate(data)]
        return "[" + ", ".join(filter(None, found)) + "]"
    return code(keys) or ""


def headers_code(parts: Parts, names: Names, indent: int) -> str:
    """The headers that a script set; empty if there are none."""
    entries = [(one.field.name, expression(one, names)) for one in parts.headers]
    return mapping(entries, indent) if entries else ""


def request_code(
    exchange: Exchange,
    parts: Parts,
    names: Names,
    arguments: Sequence[str],
    indent: int,
    solution: Mapping[Any, str] | None = None,
) -> str:
    """The call that makes a request.

    Args:
        exchange: As it was recorded.
        parts: Its values beside the solution.
        names: Of variables.
        arguments: Further ones of the call.
        indent: Of the line that it begins in.
        solution: Keys of fields in its JSON, or names in its form or query -> code, where the call is to have the solution.
    """
    inside = indent + 4
    kind, given = "Request", [url_code(exchange, parts, names)]
    if json_body(exchange) is not None:
        kind = "JsonRequest"
        given.append(f"data={json_code(exchange, parts, names, inside, solution)}")
        given += [f'method="{exchange.method}"'] if exchange.method != "POST" else []
    elif form := form_code(parts, names, inside):
        kind = "FormRequest"
        given.append(f"formdata={form}")
        given += [f'method="{exchange.method}"'] if exchange.method != "POST" else []
    elif exchange.method != "GET":
        given.append(f'method="{exchange.method}"')
    if headers := headers_code(parts, names, inside):
        given.append(f"headers={headers}")
    return call(kind, [*given, *arguments], indent)


def call(name: str, arguments: Sequence[str], indent: int) -> str:
    """A call: in one line if that is short, else an argument a line."""
    one_line = f"{name}({', '.join(arguments)})"
    if indent + len(one_line) <= WIDTH and "\n" not in one_line:
        return one_line
    return f"{name}(\n" + "".join(f"{' ' * (indent + 4)}{one},\n" for one in arguments) + " " * indent + ")"


def imports(code: str, *, of_package: Sequence[str] = ()) -> list[str]:
    """The lines that import what *code* uses.

    Args:
        code: Of a module.
        of_package: Names that it has from ``scrapy_geetest``.
    """
    standard = [f"import {name}" for name in _MODULES if re.search(rf"\b{name}\.", code)]
    parsing = [name for name in ("parse_qs", "unquote", "urlencode", "urlsplit") if re.search(rf"\b{name}\(", code)]
    standard += [f"from urllib.parse import {', '.join(parsing)}"] if parsing else []
    others = ["from attrs import evolve"] if "evolve(" in code else []
    others += ["from form2request import form2request"] if "form2request(" in code else []
    plain = [name for name in ("Request", "Spider") if re.search(rf"(?<![A-Za-z_]){name}\b", code)]
    others += [f"from scrapy import {', '.join(plain)}"] if plain else []
    http = [name for name in ("FormRequest", "JsonRequest") if re.search(rf"\b{name}\(", code)]
    others += [f"from scrapy.http import {', '.join(http)}"] if http else []
    own = [f"from scrapy_geetest import {', '.join(of_package)}"] if of_package else []
    blocks = [block for block in (standard, others, own) if block]
    return "\n\n".join("\n".join(block) for block in blocks).splitlines()


def spider_name(url: str) -> str:
    """A spider's name made from a URL's host."""
    return re.sub(r"[^a-z0-9]+", "_", (urlsplit(url).hostname or "site").removeprefix("www.").lower()).strip("_")

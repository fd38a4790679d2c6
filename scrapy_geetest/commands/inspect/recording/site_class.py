"""The site class for a recorded visit: Python text, ready to paste."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scrapy_geetest._redaction import shown_url
from scrapy_geetest._url_pattern import UrlPattern
from scrapy_geetest.commands.inspect.declaration import class_name, comment, literal
from scrapy_geetest.commands.inspect.recording.carrying import (
    Extra,
    challenge_exchange,
    extras,
    handed_on,
    needs_challenge_request,
)
from scrapy_geetest.commands.inspect.recording.code import (
    Names,
    call,
    expression,
    form_code,
    headers_code,
    imports,
    json_code,
    mapping,
    meta_key,
    read,
    request_code,
    url_code,
)
from scrapy_geetest.commands.inspect.recording.fields import json_body
from scrapy_geetest.commands.inspect.recording.origins import without_clock
from scrapy_geetest.commands.inspect.recording.parts import CARRIED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scrapy_geetest.commands.inspect.har import Exchange
    from scrapy_geetest.commands.inspect.recording.site import RecordedSite

_V3 = 3
_BODY = 8  # columns before a statement of a method


def class_code(site: RecordedSite) -> str:
    """A module with one subclass of ``GeetestSite``."""
    attributes = [f"    {line}" for line in _attributes(site)]
    hooks = [line for hook in _hooks(site) for line in ("", *hook.splitlines())]
    body = "\n".join((f"class {class_name(site.page_url)}(GeetestSite):", *attributes, *hooks, ""))
    return "\n".join((*imports(body, of_package=["GeetestSite"]), "", "", body))


def _attributes(site: RecordedSite) -> Iterator[str]:
    patterns = site_urls(site)
    yield f"urls = ({', '.join(map(literal, patterns))}{',' * (len(patterns) == 1)})"
    for gap in site.gaps:
        yield comment(f"What was answered to {gap.request} is not in the log: {gap.what}.")
    yield f'mode = "{site.session.mode}"'
    yield f"version = {site.source.version}"
    for attribute, selector in site.detect.items():
        yield f"{attribute} = {literal(selector)}"
    yield from _parameters(site)
    if site.plan in {"request", "steps"} and site.page_url != site.wanted_url:
        yield f"website_url = {literal(site.page_url)}"
    if way := submit_as(site):
        yield f"submit_as = {literal(way)}"
    if any(isinstance(key, int) for field in site.submission.solution.values() for key in field.keys):
        yield "# The solution is inside a list, which field_names cannot say: override submit_request (docs: recipes/answers)."
    elif site.submission.packed_in is None:
        names = [(key, literal(name) if name else "None") for key, name in site.submission.field_names.items()]
        names += [(one.key, literal(one.part.field.name)) for one in extras(site) if _is_named(one, site)]
        yield from f"field_names = {mapping(names, 4, room=14)}".replace("\n    ", "\n").splitlines()
    if site.session.carried:
        yield f"verify_url = {literal(without_clock(site.submission.exchange.url).partition('?')[0])}"
        fields = dict(one.entry for one in site.session.carried)
        yield from f"verified_fields = {mapping([(path, literal(name)) for path, name in fields.items()], 4, room=18)}".replace(
            "\n    ", "\n"
        ).splitlines()
    for attribute, selector in {**site.verdicts.accepted, **site.verdicts.refused}.items():
        yield f"{attribute} = {literal(selector)}"


def _parameters(site: RecordedSite) -> Iterator[str]:
    source = site.source
    if url := challenge_url(site):
        yield f"challenge_url = {literal(url)}"
    elif source.version == _V3 and source.exchange is not None and source.is_page:
        yield "# Every view of the page shows a fresh challenge: no challenge_url."
    elif source.version == _V3 and source.exchange is None:
        yield "# The log does not show where the challenge came from."
        yield '# challenge_url = "/...?t={timestamp}"'
    if source.challenge_path:
        yield f"challenge_path = {literal(source.challenge_path)}"
    if source.version == _V3 and source.needs_id:
        yield f"gt = {literal(source.id)}"
    if source.version != _V3 and source.id:
        yield f"captcha_id = {literal(source.id)}"
    if site.risk_type:
        yield f"risk_type = {literal(site.risk_type)}"
    if site.api_server:
        yield f"api_server = {literal(site.api_server)}"
    for version, other in site.others:
        yield comment(f"another widget of the visit: v{version}, {other}")


def challenge_url(site: RecordedSite) -> str | None:
    """v3's attribute; ``None``: the page or the withheld answer tells the challenge, or a hook asks for it."""
    source = site.source
    is_the_answer = source.exchange is not None and source.exchange is site.session.withheld
    if is_the_answer or source.challenge_url is None:
        return None
    carried = frozenset(part.field.text for part in site.source_parts.all if part.role == CARRIED)
    return shown_url(source.challenge_url, carried)


def submit_as(site: RecordedSite) -> str:
    """How the plugin is to put the fields into the request; empty: cookies and headers alone carry them."""
    if site.session.carried:
        return next((one.place for one in site.session.carried if one.place in {"query", "form", "json"}), "")
    return "form" if site.plan == "page form" else site.submission.way


def site_urls(site: RecordedSite) -> list[str]:
    """What belongs to the site: its host for a gate, the addresses of the visit for a form."""
    addresses = [site.wanted_url, site.page_url, site.submission.exchange.url]
    if site.session.mode == "gate":
        return list(dict.fromkeys(_netloc(url) for url in addresses))
    found: list[str] = []
    is_withheld = site.plan in {"page form", "same", "hook"}
    for url in dict.fromkeys(addresses):
        pattern = _pattern(url, is_withheld=is_withheld)
        if not any(UrlPattern.parse(one, "inspected").matches(url) for one in found):
            found = [*(one for one in found if not one.startswith(f"{pattern}/")), pattern]
    return found


def _netloc(url: str) -> str:
    return urlsplit(url).netloc.lower()


def _pattern(url: str, *, is_withheld: bool) -> str:
    """Host and path; of pages of which there are many, without the number that tells them apart."""
    parts = [part for part in urlsplit(url).path.split("/") if part]
    while is_withheld and parts and any(character.isdigit() for character in parts[-1]) and len(parts) > 1:
        parts.pop()
    pattern = "/".join((_netloc(url), *parts))
    try:
        UrlPattern.parse(pattern, "inspected")
    except ValueError:
        return _netloc(url)
    return pattern


def _is_named(extra: Extra, site: RecordedSite) -> bool:
    """Whether ``field_names`` can put it where it was."""
    return extra.part.field.place == site.submission.way and extra.part.field.packed_in is None


def _hooks(site: RecordedSite) -> Iterator[str]:
    if site.submission.packed_in or (site.submission.repeats and not site.session.carried):
        yield _fields(site)
    exchange = challenge_exchange(site)
    if exchange is not None and needs_challenge_request(site):
        yield _challenge_request(site, exchange)
    if unread := [one for one in extras(site) if not one.is_read]:
        yield _parse_challenge(unread)
    if site.plan == "hook":
        yield _submit_request(site)
    elif site.plan == "steps":
        yield _verify_request(site)
    elif moved := [one for one in extras(site) if one.part.field.place == "headers" != site.submission.way]:
        yield _added_headers(moved)


def _fields(site: RecordedSite) -> str:
    sent = [*site.submission.solution.items(), *site.submission.repeats]
    if not site.submission.packed_in:
        added = mapping([(field.name, f"solution.{key}") for key, field in site.submission.repeats], _BODY)
        return f"""    def fields(self, solution):
        return {{**super().fields(solution), {added[1:].lstrip()}"""
    packed = mapping([(field.name, f"solution.{key}") for key, field in sent], _BODY, room=30)
    return f"""    def fields(self, solution):
        return {{{literal(site.submission.packed_in or "")}: json.dumps({packed})}}"""


def _challenge_request(site: RecordedSite, exchange: Exchange) -> str:
    held = [one for one in (site.session.withheld, site.page) if one is not None and not _is_solved_first(site)]
    names = Names(answers={without_clock(one.url): "response" for one in held}, meta=_handed(site))
    code = request_code(exchange, site.source_parts, names, [], _BODY)
    return f"    def challenge_request(self, request, response):\n        return {code}"


def _parse_challenge(unread: Sequence[Extra]) -> str:
    entries = [(one.key, read(one.part.origin, "response")) for one in unread if one.part.origin]
    added = mapping([], _BODY)[:-1] + "**challenge.extra, " + mapping(entries, _BODY)[1:]
    return f"""    def parse_challenge(self, response):
        challenge = super().parse_challenge(response)
        return evolve(challenge, extra={added})"""


def _is_solved_first(site: RecordedSite) -> bool:
    """Whether the spider sends the request with ``geetest=True``: hooks are handed no page."""
    return site.session.withheld is None and site.plan in {"request", "steps"}


def _handed(site: RecordedSite) -> dict[tuple[str, tuple[str | int, ...]], str]:
    return {key: meta_key(part) for key, part in handed_on(site).items()}


def _own_answers(site: RecordedSite) -> Names:
    """What a hook can read from: the withheld page, or what the spider handed on."""
    pages = [one for one in (site.page, site.session.withheld) if one is not None and not _is_solved_first(site)]
    held = {(one.part.field.place, one.part.field.keys): one.key for one in extras(site)}
    return Names(answers={without_clock(one.url): "response" for one in pages}, extra=held, meta=_handed(site))


def _submit_request(site: RecordedSite) -> str:
    exchange, names = site.submission.exchange, _own_answers(site)
    given, withheld = [], site.withheld
    if withheld is None or (withheld.method, withheld.url.partition("?")[0]) != (
        exchange.method,
        site.submission.target,
    ):
        given += [f"url={url_code(exchange, site.parts, names)}", f'method="{exchange.method}"']
    headers = headers_code(site.parts, names, _BODY + 4)
    if json_body(exchange) is not None:
        given.append(f"body=json.dumps({json_code(exchange, site.parts, names, _BODY + 4)})")
        headers = _with_type(headers, "application/json")
    elif form := form_code(site.parts, names, _BODY + 4):
        given.append(f"body=urlencode({form})")
        headers = _with_type(headers, "application/x-www-form-urlencoded")
    if headers:  # those of the request stay: they are the visitor's
        given.append("headers={**request.headers, " + headers[1:].lstrip())
    return f"""    def submit_request(self, request, response, solution):
        opening = {call("request.replace", given, _BODY)}
        return super().submit_request(opening, response, solution)"""


def _with_type(headers: str, kind: str) -> str:
    entry = f'"Content-Type": {literal(kind)}'
    return "{" + entry + (", " + headers[1:].lstrip() if headers else "}")


def _verify_request(site: RecordedSite) -> str:
    exchange, names = site.submission.exchange, _own_answers(site)
    sent = [*site.submission.solution.items(), *site.submission.repeats]
    solution = {field.keys: f"solution.{key}" for key, field in sent}
    if json_body(exchange) is not None:
        code = request_code(exchange, site.parts, names, [], _BODY, solution)
        return f"    def verify_request(self, request, response, solution):\n        return {code}"
    others = [
        (one.field.name, expression(one, names)) for one in site.parts.body if one.field.place == site.submission.way
    ]
    entries = [*((str(keys[0]), code) for keys, code in solution.items()), *others]
    values = "json.dumps" if site.submission.packed_in else ""
    packed = (
        [(site.submission.packed_in, f"{values}({mapping(entries, _BODY + 4)})")]
        if site.submission.packed_in
        else entries
    )
    address = literal(site.submission.target)
    headers = headers_code(site.parts, names, _BODY + 4)
    more = [f"headers={headers}"] if headers else []
    fields = mapping([(str(name), code) for name, code in packed], _BODY + 4)
    if site.submission.way == "query":
        code = call("Request", [f"{literal(site.submission.target + '?')} + urlencode({fields})", *more], _BODY)
    elif site.submission.way == "headers":
        code = call("Request", [address, f'method="{exchange.method}"', f"headers={fields}"], _BODY)
    else:
        code = call("FormRequest", [address, f"formdata={fields}", *more], _BODY)
    return f"    def verify_request(self, request, response, solution):\n        return {code}"


def _added_headers(moved: Sequence[Extra]) -> str:
    lines = [
        f"        filled.headers[{literal(one.part.field.name)}] = solution.extra[{literal(one.key)}]" for one in moved
    ]
    return "\n".join(
        (
            "    def submit_request(self, request, response, solution):",
            "        filled = super().submit_request(request, response, solution)",
            *lines,
            "        return filled",
        )
    )

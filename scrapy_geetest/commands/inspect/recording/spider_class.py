"""The smallest spider that sends what a recorded visit sent: Python text, ready to paste."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from scrapy_geetest.commands.inspect.declaration import class_name, literal
from scrapy_geetest.commands.inspect.recording.answers import json_of
from scrapy_geetest.commands.inspect.recording.carrying import extras, fetched_before, handed_on, typed
from scrapy_geetest.commands.inspect.recording.code import (
    Names,
    call,
    expression,
    identifier,
    imports,
    mapping,
    meta_key,
    request_code,
    spider_name,
)
from scrapy_geetest.commands.inspect.recording.fields import request_fields
from scrapy_geetest.commands.inspect.recording.origins import css_word, without_clock
from scrapy_geetest.commands.inspect.recording.parts import Part, Parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scrapy_geetest.commands.inspect.har import Exchange
    from scrapy_geetest.commands.inspect.recording.page_forms import PageForm
    from scrapy_geetest.commands.inspect.recording.site import RecordedSite

_BAD_STATUS = 400
_BODY = 8  # columns before a statement of a method
_CHOSEN = frozenset({"checkbox", "radio", "select"})


def spider_code(site: RecordedSite) -> str:
    """A module with one spider."""
    body = "\n".join(_lines(site)) + "\n"
    return "\n".join((*imports(body), "", "", body))


def _lines(site: RecordedSite) -> Iterator[str]:
    yield f"class {class_name(site.page_url)}Spider(Spider):"
    yield f"    name = {literal(spider_name(site.page_url))}"
    parts, sent = _sent(site)
    is_plain = _is_plain(site, sent, parts)
    attributes = [] if is_plain else [identifier(str(part.field.keys[-1])) for part in _to_type(parts)]
    if attributes:
        options = " ".join(f"-a {one}=..." for one in dict.fromkeys(attributes))
        yield f"    # What a person types: scrapy crawl {spider_name(site.page_url)} {options}"
        yield from (f'    {one} = "..."' for one in dict.fromkeys(attributes))
    if is_plain:
        yield f"    start_urls = [{literal(site.wanted_url)}]"
        yield from ("", *_callback("parse", [], site))
        return
    yield from _requests(site, parts, sent)


def _sent(site: RecordedSite) -> tuple[Parts, Exchange]:
    """The request that the spider makes for the wanted one, and its values."""
    if site.plan == "request":
        held = {(one.part.field.place, one.part.field.keys) for one in extras(site)}
        kept = tuple(one for one in site.parts.all if (one.field.place, one.field.keys) not in held)
        return evolve(site.parts, all=kept), site.submission.exchange
    if site.plan == "steps":
        return site.wanted_parts, site.session.wanted
    if site.plan == "same":
        return site.parts, site.session.wanted
    return Parts(all=(), form=None), site.withheld or site.session.wanted


def _is_plain(site: RecordedSite, sent: Exchange, parts: Parts) -> bool:
    if site.plan == "request" or (site.plan == "steps" and site.session.withheld is None):
        return False
    if sent.method != "GET" or fetched_before(site, parts.all, sent):
        return False
    has_headers = any(one.place == "headers" for one in request_fields(sent))
    return not has_headers or site.plan in {"page form", "hook"}


def _to_type(parts: Parts) -> tuple[Part, ...]:
    """What the spider has to be told: of a page's form, what is chosen stays as the page has it."""
    return tuple(one for one in typed(parts.all) if not (parts.form and _is_left(one, parts.form)))


def _is_left(part: Part, form: PageForm) -> bool:
    """Whether a visible control of a form can stay as the page has it."""
    return part.control in _CHOSEN or form.preset.get(part.field.name) == part.field.text


def _requests(site: RecordedSite, parts: Parts, sent: Exchange) -> Iterator[str]:
    handed = tuple(handed_on(site).values())
    before = fetched_before(site, (*parts.all, *handed), sent)
    yield from ("", "    async def start(self):")
    variables: dict[str, str] = {}
    for number, exchange in enumerate(before):
        following = "" if number == 0 else f"self.parse_{number + 1}, "
        arguments = f", cb_kwargs={{{_held(variables)}}}" if variables else ""
        yield f"        yield Request({literal(without_clock(exchange.url))}, {following}{_meta(exchange)}{arguments})"
        taken = ", ".join(("self", "response", *variables.values()))
        yield from ("", f"    def parse{f'_{number + 1}' if number else ''}({taken}):")
        if number + 1 < len(before):
            variables[without_clock(exchange.url)] = f"answer_{number + 1}"
            yield f"        answer_{number + 1} = response"
    if before:
        variables[without_clock(before[-1].url)] = "response"
    names = Names(answers=variables, typed=True)
    callback = "parse_result" if before else "parse"
    needed = [("geetest", "True"), *((meta_key(one), expression(one, names)) for one in handed)]
    is_withheld = site.session.withheld is not None and site.plan in {"same", "steps"}
    meta = [] if is_withheld else [f"meta={mapping(needed, _BODY + 4)}"]
    if (
        site.plan == "request"
        and parts.form is not None
        and before
        and not parts.headers
        and "multipart" not in sent.body_type
    ):
        yield from _form(parts, parts.form, names, ", ".join((f"self.{callback}", *meta)))
    else:
        given = [f"callback=self.{callback}", *meta] if before else meta
        yield f"        yield {request_code(sent, parts, names, given, _BODY)}"
    yield from ("", *_callback(callback, [], site))


def _held(variables: dict[str, str]) -> str:
    return ", ".join(f'"{one}": {one}' for one in variables.values())


def _meta(exchange: Exchange) -> str:
    allowed = f', "handle_httpstatus_list": [{exchange.status}]' if exchange.status >= _BAD_STATUS else ""
    return f'meta={{"geetest": False{allowed}}}'


def _form(parts: Parts, form: PageForm, names: Names, given_on: str) -> Iterator[str]:
    """The page's form, filled in: hidden inputs and what is chosen from the start stay as the page has them."""
    entries = []
    for part in parts.body:
        name = part.field.name
        if part.control in {"checkbox", "radio"}:
            if name not in form.checked:
                css = literal(f"[name={css_word(name)}]::attr(value)")
                entries.append((name, f'response.css({css}).get("on")'))
        elif not _is_left(part, form) and name not in form.hidden | form.buttons:
            entries.append((name, expression(part, names)))
    pressed = next((part.field.name for part in parts.body if part.field.name in form.buttons), None)
    click = f"response.css({literal(f'[name={css_word(pressed)}]')})[0]" if pressed else "False"
    data = [mapping(entries, _BODY + 4)] if entries else []
    given = [f"response.css({literal(form.css)})[0]", *data, f"click={click}"]
    yield f"        form = {call('form2request', given, _BODY + 7)}".replace(f"\n{' ' * 7}", "\n")
    yield f"        yield form.to_scrapy({given_on})"


def _callback(name: str, arguments: Sequence[str], site: RecordedSite) -> Iterator[str]:
    yield f"    def {name}({', '.join(('self', 'response', *arguments))}):"
    is_second = bool(site.session.carried) or site.session.mode == "gate"
    if json_of(site.session.wanted if is_second else site.submission.final) is not None:
        yield '        yield {"url": response.url, "answer": response.json()}'
    else:
        yield '        yield {"url": response.url, "title": response.css("title::text").get()}'

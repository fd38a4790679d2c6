"""What was found out about a response, for a terminal: the conclusion first, on one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import asdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy_geetest._pages.widget import Widget
    from scrapy_geetest.commands.inspect.report import Inspection
    from scrapy_geetest.commands.inspect.sending import Sending

_WIDTH = 17
_MARKS = {True: "+", False: "-", None: "o"}
_WAYS = {
    "page form": "with the page's form",
    "form": "in a form body",
    "multipart": "in a multipart form",
    "json": "in a JSON body",
    "query": "in the query",
    "headers": "in headers",
}
_MAX_REGISTER_URLS = 3


def lines(inspection: Inspection) -> Iterator[str]:
    """The lines of the report."""
    yield f"{inspection.url}: status {inspection.status}, {inspection.kind}, {inspection.size} bytes"
    yield from _verdict(inspection)
    if inspection.signs:
        yield from ("", "Signs of GeeTest")
        yield from (f"  {_MARKS[finding.matched]}  {finding.rule}: {finding.seen}" for finding in inspection.signs)
    for number, widget in enumerate(inspection.widgets, 1):
        yield from ("", f"Widget {number} of {len(inspection.widgets)}: {widget.brand} v{widget.version}")
        yield from (f"  {name:<{_WIDTH}}{value}" for name, value in _widget_values(widget))
    if inspection.register_urls:
        yield from ("", "Register endpoint, the likeliest first")
        yield from (f"  {url}" for url in inspection.register_urls[:_MAX_REGISTER_URLS])
    if inspection.is_about_a_solution:
        yield from ("", "A solution", f"  {'bought for':<{_WIDTH}}{inspection.purchase}")
        yield from (f"  {name:<{_WIDTH}}{value}" for name, value in _sending_values(inspection.sending))
    if inspection.remarks:
        yield from ("", "Note", *(f"  {remark}" for remark in inspection.remarks))
    if inspection.declaration:
        yield from ("", "A site class for it, to start from", "")
        yield from inspection.declaration.splitlines()


def _verdict(inspection: Inspection) -> Iterator[str]:
    by = f"by the rules of the site {inspection.site}" if inspection.site else "by the built-in detection"
    yield from ("", f"Challenge page: {'yes' if inspection.is_challenge else 'no'}, {by}")
    yield from (f"  {_MARKS[finding.matched]}  {finding.rule}: {finding.seen}" for finding in inspection.findings)
    if inspection.overridden:
        yield f"  The site overrides {', '.join(inspection.overridden)}: what these do is not shown here."
    if not inspection.site and inspection.declared:
        names = " or ".join(f"--site {name}" for name in inspection.declared)
        yield f"  The URL belongs to a declared site, whose own rules decide in a crawl: try {names}."


def _widget_values(widget: Widget) -> Iterator[tuple[str, object]]:
    for name, value in asdict(widget).items():
        if name not in {"version", "brand", "register_url", "unread", "is_called"} and value is not None:
            yield name, value
    for expression in widget.unread:
        yield "not in the page", expression


def _sending_values(sending: Sending) -> Iterator[tuple[str, str]]:
    if sending.way is None and not sending.url:
        yield "sent", f"not known: {sending.problem}"
    else:
        by = " by the page's script" if sending.by == "script" else ""
        yield "sent", f"{_WAYS.get(sending.way or '', 'somehow')}{by}: {sending.method} {sending.url}"
    if sending.fields:
        yield "as", ", ".join(sending.fields)
    if sending.kept:
        yield "beside", ", ".join(sending.kept)
    if sending.accepted:
        yield "accepted if", sending.accepted
    yield from (("scripts send to", url) for url in sending.script_urls if url != sending.url)

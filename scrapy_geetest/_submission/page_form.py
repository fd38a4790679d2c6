"""The form of a challenge page, sent as a browser would send it when its widget was passed."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import lxml.html
from form2request import form2request
from scrapy.http import HtmlResponse, Response
from scrapy.utils.response import get_base_url
from w3lib.encoding import resolve_encoding

from scrapy_geetest._pages.forms import WidgetForm, widget_form
from scrapy_geetest._submission.pairs import multipart, urlencoded
from scrapy_geetest._submission.target import resolve_action
from scrapy_geetest._submission.types import Fields, NoWayError, Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy import Request

_FORM_TYPE = b"application/x-www-form-urlencoded"
# What the request said of its own body and origin does not hold for the form, which goes out from the page.
_OWN_HEADERS = (b"Content-Type", b"Content-Length", b"Referer", b"Origin")
_NO_PAGE = "there is no page whose form could be sent"


def form_to_send(page: Response | None) -> WidgetForm:
    """The form of *page* that its widget belongs to, if the plugin may send it, or why there is none."""
    if not isinstance(page, HtmlResponse):
        return WidgetForm(
            None, _NO_PAGE if page is None else f"the answer is not an HTML page but {type(page).__name__}"
        )
    return widget_form(page)


def plan_page_form(request: Request, page: Response, form: Any) -> Plan:
    """*form*, an lxml element of *page*, sent in place of *request*: all its successful controls, in its character set.

    Raises:
        ValueError: It cannot be sent, or leads nowhere.
    """
    assert isinstance(page, HtmlResponse)  # noqa: S101  # forms are looked for in such only
    copy = _as_submitted(form, page)
    try:
        read = form2request(copy, enctype=_FORM_TYPE.decode()) if _method(copy) == "POST" else form2request(copy)
    except (NotImplementedError, ValueError) as error:
        raise NoWayError(
            f"the form of the challenge page cannot be submitted ({error})", cure="override submit_request"
        ) from error
    encoded = urlsplit(read.url).query if read.method == "GET" else read.body.decode()
    pairs = [(_crlf(name), _crlf(value)) for name, value in parse_qsl(encoded, keep_blank_values=True)]
    charset, is_multipart = _charset(form, page), _enctype(copy) == "multipart/form-data"
    url = urlsplit(read.url)._replace(query="", fragment="").geturl() if read.method == "GET" else read.url

    def fill(fields: Fields) -> Request:
        sent = [*((name, value) for name, value in pairs if name not in fields), *fields.items()]
        headers = request.headers.copy()
        for name in _OWN_HEADERS:
            headers.pop(name, None)
        if read.method == "GET":
            query = urlencoded(sent, charset).decode()
            return request.replace(url=f"{url}?{query}", method="GET", headers=headers, body=b"")
        headers[b"Content-Type"], body = (
            multipart(sent, charset) if is_multipart else (_FORM_TYPE, urlencoded(sent, charset))
        )
        return request.replace(url=url, method="POST", headers=headers, body=body)

    return Plan(fill({}).url if read.method != "GET" else url, fill, is_page_form=True)


def _as_submitted(form: Any, page: HtmlResponse) -> Any:
    """A copy of *form* that holds just what counts in a submission, with absolute addresses.

    form2request knows neither the ``form`` attribute of controls elsewhere nor disabled ones, and joins addresses as
    ``urllib`` does.
    """
    copy = deepcopy(form)
    copy.tail = None
    _drop_what_does_not_count(copy, form.get("id"))
    for control in _controls_elsewhere(form):
        copy.append(deepcopy(control))
    for button in _buttons(copy):
        if button.get("value") is None:
            button.set("value", "")
        if button.get("formaction") is not None:
            button.set("formaction", _address(button.get("formaction"), page))
    copy.set("action", _address(copy.get("action"), page))
    # Parsed again, so that it is a form of a document with an address, as form2request wants it.
    return lxml.html.document_fromstring(lxml.html.tostring(copy, encoding="unicode"), base_url=page.url).forms[0]


def _drop_what_does_not_count(copy: Any, identifier: str | None) -> None:
    for control in list(copy.iter("input", "button", "select", "textarea")):
        is_of_another = control.get("form") not in (None, identifier)
        is_button = control.tag == "input" and (control.get("type") or "").lower() in {"button", "reset"}
        if is_of_another or is_button or _is_disabled(control, copy):
            control.drop_tree()


def _controls_elsewhere(form: Any) -> Iterator[Any]:
    """The controls outside of *form* that name it in their ``form`` attribute."""
    identifier = form.get("id")
    if not identifier:
        return
    root = form.getroottree().getroot()
    for control in root.xpath("//*[@form=$id]", id=identifier):
        is_inside = any(parent is form for parent in control.iterancestors())
        if (
            control.tag in {"input", "button", "select", "textarea"}
            and not is_inside
            and not _is_disabled(control, root)
        ):
            yield control


def _is_disabled(control: Any, top: Any) -> bool:
    """By its own attribute, or by a fieldset around it, whose first legend is exempt (the HTML standard)."""
    if control.get("disabled") is not None:
        return True
    child = control
    for parent in control.iterancestors():
        if parent.tag == "fieldset" and parent.get("disabled") is not None:
            legend = next(parent.iterchildren("legend"), None)
            if legend is None or legend is not child:
                return True
        if parent is top:
            return False
        child = parent
    return False


def _address(action: str | None, page: HtmlResponse) -> str:
    """An empty address is that of the page itself, whatever its ``<base>`` says."""
    if action is None or not action.strip():
        return page.url
    return resolve_action(get_base_url(page), action)


def _buttons(form: Any) -> Iterator[Any]:
    for control in form.iter("button", "input"):
        kind = (control.get("type") or ("submit" if control.tag == "button" else "")).lower()
        if kind in {"submit", "image"}:
            yield control


def _of_button_or_form(form: Any, on_button: str, on_form: str) -> str:
    button = next(_buttons(form), None)
    told = (button.get(on_button) if button is not None else None) or form.get(on_form) or ""
    return str(told).strip().lower()


def _method(form: Any) -> str:
    return _of_button_or_form(form, "formmethod", "method").upper()


def _enctype(form: Any) -> str:
    return _of_button_or_form(form, "formenctype", "enctype")


def _charset(form: Any, page: HtmlResponse) -> str:
    """``accept-charset`` or the page's own.

    A page in UTF-16 sends its forms in UTF-8 (the HTML standard). Scrapy says gb18030 of a page that is in GBK, as nearly all
    of those are, and a browser writes what GBK lacks as a numeric reference.
    """
    named = (form.get("accept-charset") or "").replace(",", " ").split()
    charset = next((known for name in named if (known := resolve_encoding(name))), None) or page.encoding
    charset = charset.lower()
    return "utf-8" if charset.startswith(("utf-16", "utf16")) else "gbk" if charset == "gb18030" else charset


def _crlf(text: str) -> str:
    return "\r\n".join(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))

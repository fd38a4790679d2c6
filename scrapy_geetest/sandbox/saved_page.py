"""A page of a user's own, saved as a file, as a site of the sandbox: plain data, checked once."""

from __future__ import annotations

import json
from email import message_from_bytes
from fnmatch import fnmatchcase
from hashlib import md5
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from attrs import field, fields, frozen

from .captchas import V3_FIELDS, V4_FIELDS, Captcha
from .web import HTML, Call

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OWN_HOST = "sandbox.test"
"""A name of the sandbox itself, for spiders whose requests are led to it: it serves its own sites there."""

HOST_HEADER = "x-sandbox-host"
"""Names the host that a request was made for, which is not the sandbox's."""

_VERSIONS = (3, 4)


@frozen(kw_only=True)
class Check:
    """What withholds a page: a saved challenge page, and what it says of GeeTest.

    Attributes:
        html: The challenge page, or the JSON in its place.
        version: Of its widget.
        submit_url: Where the answer goes.
        names: Names of the fields that carry it, each with its key (``challenge``, ``lot_number``, …); empty: all of it as JSON.
        status: HTTP status of the challenge page.
        content_type: Of the challenge page.
        captcha_id: The public id (``gt`` or ``captcha_id``).
        challenge: v3: the challenge that stands in the saved page; every view gets a fresh one in its place.
        register_url: Where the page's script asks for a challenge; empty: nowhere.
        register_path: Keys that lead to the challenge in the register answer.
        register_callback: Parameter that names the callback, where the register endpoint answers JSONP.
        hidden: Hidden fields of the form, by which checks that go to one address are told apart.
        accepted: What a right answer gets, as JSON, where no page is said to come.
        refused: What a wrong answer gets, as JSON; ``None``: the page below.
        refused_page: What a wrong answer gets, as content type and body; empty: the challenge page again.
        is_gate: Whether one right answer opens all pages of this host that are gates.
    """

    html: str
    version: int
    submit_url: str
    names: Mapping[str, str]
    captcha_id: str
    status: int = 200
    content_type: str = HTML
    challenge: str = ""
    register_url: str = ""
    register_path: Sequence[str] = ()
    register_callback: str = ""
    hidden: Mapping[str, str] = field(factory=dict)
    accepted: Any = None
    refused: Any = None
    refused_page: Sequence[str] = ()
    is_gate: bool = False

    @property
    def captcha(self) -> Captcha:
        """Its id, with a private key made up for it."""
        return Captcha(self.captcha_id, self.version, self.captcha_id, md5(self.captcha_id.encode()).hexdigest())

    def values(self, call: Call) -> dict[str, Any] | None:
        """The answer that a request carries, by plain names; ``None`` where a part of it is missing."""
        sent = _sent_values(call)
        found: dict[str, Any] = {}
        for name, key in self.names.items():
            value = sent.get(name.lower() if name.lower() in call.headers else name)
            found.update({key: value} if key else _json_object(value))
        wanted = V3_FIELDS if self.version == _VERSIONS[0] else V4_FIELDS
        plain = {key.removeprefix("geetest_"): value for key, value in found.items()}
        values = {key: plain.get(key) for key in wanted}
        return values if all(isinstance(value, str) and value for value in values.values()) else None

    def likeness(self, call: Call) -> int:
        """How many of its form's hidden fields a request carries unchanged."""
        sent = _sent_values(call)
        return sum(sent.get(name) == value for name, value in self.hidden.items())


@frozen(kw_only=True)
class SavedPage:
    """A saved page at its address.

    Attributes:
        url: Its address; ``*`` in it stands for anything. Without a query it holds for any query.
        body: What comes there, after the check where there is one.
        content_type: Of the body.
        status: HTTP status of the body.
        check: What withholds it, if anything does.
    """

    url: str
    body: str = ""
    content_type: str = HTML
    status: int = 200
    check: Check | None = None

    @classmethod
    def make(cls, value: Mapping[str, Any]) -> SavedPage:
        """A page from plain data.

        Raises:
            ValueError: A name is unknown or missing.
        """
        try:
            check = value.get("check")
            return cls(**{**value, "check": check if check is None else Check(**check)})
        except TypeError as error:
            known = ", ".join(attribute.name for attribute in fields(cls))
            raise ValueError(
                f"pages: a page has {known}; make it with scrapy_geetest.pytest_plugin.saved_page: {error}"
            ) from error


def is_at(url: str, call: Call) -> bool:
    """Whether a request goes to *url*, whatever the scheme."""
    wanted, sent = urlsplit(url), urlsplit(call.target)
    if not fnmatchcase(host_of(call), wanted.netloc or OWN_HOST) or not fnmatchcase(sent.path, wanted.path or "/"):
        return False
    query = parse_qsl(sent.query, keep_blank_values=True)
    return all(pair in query for pair in parse_qsl(wanted.query, keep_blank_values=True) if "*" not in pair[1])


def host_of(call: Call) -> str:
    """The host that a request was made for, where it was led here; else the sandbox itself."""
    return call.headers.get(HOST_HEADER, OWN_HOST)


def _sent_values(call: Call) -> dict[str, Any]:
    """All that a request carries by name: headers, query, form or JSON body, nested keys joined by dots."""
    return {**call.headers, **call.query, **call.form, **_multipart(call), **_flat(call.json_object())}


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, inner in value.items():
        flat.update(_flat(inner, f"{prefix}{name}.") if isinstance(inner, dict) else {prefix + name: inner})
    return flat


def _multipart(call: Call) -> dict[str, str]:
    content_type = call.headers.get("content-type", "")
    if not content_type.startswith("multipart/form-data"):
        return {}
    message = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + call.body)
    parts: Any = message.get_payload()
    return {
        str(part.get_param("name", "", "content-disposition")): part.get_payload(decode=True).decode("utf-8", "replace")
        for part in (parts if isinstance(parts, list) else ())
    }


def _json_object(value: Any) -> dict[str, Any]:
    try:
        found = json.loads(value)
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}

"""What each attribute of a site may be. What breaks a rule here would cost a solution later, or fail in mid-crawl."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import urljoin, urlsplit

import jmespath
from jmespath.exceptions import JMESPathError

from scrapy_geetest._pages.values import host, word
from scrapy_geetest._submission.plan import SUBMIT_AS

MODES = ("form", "gate")

Check: TypeAlias = Callable[[Any], bool]

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_ID_RULE = "it must be a GeeTest id (letters, digits, - and _; usually 32 hexadecimal digits) or None"
_ANY_PAGE = "https://site.invalid/page"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _are_verified_fields(value: Any) -> bool:
    return isinstance(value, Mapping) and all(_is_jmespath(path) and _is_text(name) for path, name in value.items())


def _are_services(value: Any) -> bool:
    is_list = isinstance(value, Sequence) and not isinstance(value, str | bytes) and bool(value)
    return is_list and all(map(_is_text, value)) and len(set(value)) == len(value)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and bool(_ID.fullmatch(value))


def _is_list_of_urls(value: Any) -> bool:  # each of which is looked at where it is parsed
    return isinstance(value, Sequence | set | frozenset) and not isinstance(value, str | bytes) and bool(value)


def _is_version(value: Any) -> bool:
    return type(value) is int and value in {3, 4}


def _is_host(value: Any) -> bool:
    return isinstance(value, str) and host(value) == value.lower()


def _is_word(value: Any) -> bool:
    return word(value) is not None


def _is_jmespath(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(jmespath.compile(value))
    except (JMESPathError, ValueError, OverflowError, RecursionError):
        return False


def _is_page_url(value: Any) -> bool:
    return isinstance(value, str) and _leads_to_a_host(value)


def _is_challenge_url(value: Any) -> bool:
    return _is_text(value) and _leads_to_a_host(value, _ANY_PAGE)


def _leads_to_a_host(url: str, base: str = "") -> bool:
    try:
        parts = urlsplit(urljoin(base, url))
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0  # ValueError: it is none
    except ValueError:
        return False


def _is_json_object(value: Any) -> bool:
    try:
        if isinstance(value, str):
            return isinstance(json.loads(value), Mapping)
        return isinstance(value, Mapping) and bool(json.dumps(dict(value)))
    except (TypeError, ValueError, RecursionError):
        return False


def _are_field_names(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        _is_text(key) and (name is None or _is_text(name)) for key, name in value.items()
    )


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 1


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


RULES: Mapping[str, tuple[Check, str]] = {
    "name": (_is_text, "it must be a string"),
    "urls": (_is_list_of_urls, 'name at least one, e.g. "example.com/login", in a list'),
    "mode": (lambda value: value in MODES, f"it must be one of {', '.join(MODES)}"),
    "version": (_or_none(_is_version), "it must be 3, 4 or None"),
    "challenge_url": (
        _or_none(_is_challenge_url),
        'it must be an http or https URL, absolute or relative to the page, like "/gt/register?t={timestamp}", or None',
    ),
    "challenge_path": (_or_none(_is_jmespath), 'it must be a JMESPath expression like "data.geetest", or None'),
    "gt": (_or_none(_is_id), _ID_RULE),
    "captcha_id": (_or_none(_is_id), _ID_RULE),
    "risk_type": (_or_none(_is_word), 'it must be a word like "slide", or None'),
    "api_server": (
        _or_none(_is_host),
        'it must be a host like "api-na.geetest.com", without a scheme, a port and a path, or None',
    ),
    "get_lib": (_or_none(_is_json_object), "it must be a dict that can be written as JSON, a string of JSON, or None"),
    "website_url": (
        _or_none(_is_page_url),
        "it must begin with http:// or https:// and name a host, or be None",
    ),
    "submit_as": (lambda value: value in SUBMIT_AS, f"it must be one of {', '.join(SUBMIT_AS)}"),
    "field_names": (
        _are_field_names,
        "it must be a dict: solution key -> field name, both non-empty strings; None as a name leaves the value out",
    ),
    "one_at_a_time": (_is_flag, "it must be True or False"),
    "challenge_is_reusable": (_is_flag, "it must be True or False"),
    "services": (
        _or_none(_are_services),
        'it must be a list of services of GEETEST_SERVICES, like ["2captcha"], none of them twice, or None',
    ),
    "verify_url": (
        _or_none(_is_challenge_url),
        'it must be an http or https URL, absolute or relative to the page, like "/gt/validate", or None',
    ),
    "verified_fields": (
        _are_verified_fields,
        'it must be a dict: JMESPath in the answer -> field name, like {"data.token": "captcha_token"}',
    ),
    "sessions": (_is_count, "it must be a whole number of 1 or more"),
    "gate_max_age": (_or_none(_is_seconds), "it must be seconds above 0, or None"),
}
"""Attribute -> whether a value is one that it may have, and the rule in words. The selectors have their own."""

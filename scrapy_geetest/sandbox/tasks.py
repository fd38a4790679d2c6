"""Which tasks the solving service takes: field by field what its documentation says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from .captchas import Captcha

USER_AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)
"""The one user agent that the service takes, as its ``/api/useragent/actual`` tells."""

TASK_TYPES = ("GeeTestTask", "GeeTestTaskProxyless")
RISK_TYPES = ("slide", "icon", "match", "winlinze", "word", "nine", "phrase", "ai", "space")
_PROXY_FIELDS = ("proxyType", "proxyAddress", "proxyPort", "proxyLogin", "proxyPassword")
_PORTS = range(1, 65_536)
_PROXY_TYPES = ("http", "https", "socks4", "socks5")
_LOCAL = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
        "::1/128", "fc00::/7", "fe80::/10",
    )
)  # fmt: skip
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.IGNORECASE)


class Refusal(Exception):  # noqa: N818  # an answer of the service, no error of the program
    """The service says no: an error code, a description, an HTTP status."""

    def __init__(self, code: str, description: str | None = None, status: int = 200) -> None:
        super().__init__(code)
        self.code = code
        self.description = description
        self.status = status


def check_task(task: Any, captchas: Mapping[str, Captcha]) -> Captcha:
    """Check a task as the service does.

    Args:
        task: The decoded ``task`` of createTask.
        captchas: Those that there are, by public id.

    Returns:
        The captcha that its ``gt`` names.

    Raises:
        Refusal: ``ERROR_TASK_ABSENT``, ``ERROR_TASK_NOT_SUPPORTED``, ``ERROR_INVALID_TASK`` with the field in its description,
            ``ERROR_WRONG_USERAGENT`` or ``ERROR_PROXY_CREDENTIALS_INVALID_CHARACTER``.
    """
    if not isinstance(task, dict) or not task:
        raise Refusal("ERROR_TASK_ABSENT", "there is no task")
    if task.get("type") not in TASK_TYPES:
        raise Refusal("ERROR_TASK_NOT_SUPPORTED", f"type: {json.dumps(task.get('type'))[:60]}")
    version = task.get("version")
    if version not in (3, 4) or isinstance(version, (bool, float)):
        raise _invalid("version", "3 or 4, a number")
    for name in task.keys() - _FIELDS[version].keys():
        raise _invalid(name, f"unknown for version {version}")
    for name, check in _FIELDS[version].items():
        if name in task or name in _REQUIRED[version]:
            check(name, task.get(name))
    _check_proxy(task)
    return _captcha_of(captchas.get(task["gt"]), version)


def _invalid(name: str, rule: str) -> Refusal:
    return Refusal("ERROR_INVALID_TASK", f"{name}: {rule}")


def _captcha_of(captcha: Captcha | None, version: int) -> Captcha:
    if captcha is None:
        raise _invalid("gt", "unknown")
    if captcha.version != version:
        raise _invalid("version", f"this gt is one of version {captcha.version}")
    return captcha


def _text(name: str, value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise _invalid(name, "a string, not empty")


def _anything(name: str, value: Any) -> None:
    """``type`` and ``version`` have been checked before the fields are known."""


def _url(name: str, value: Any) -> None:
    _text(name, value)
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _invalid(name, "an http or https address")
    if "#" in value:
        raise _invalid(name, "no fragment")


def _challenge(name: str, value: Any) -> None:
    _text(name, value)
    if not re.fullmatch(r"[0-9a-z]{32,34}", value):
        raise _invalid(name, "32 to 34 characters of 0-9 and a-z")


def _json_text(name: str, value: Any) -> None:
    _text(name, value)
    try:
        json.loads(value)
    except ValueError:
        raise _invalid(name, "JSON as a string") from None


def _host(name: str, value: Any) -> None:
    _text(name, value)
    if not _HOST.fullmatch(value):
        raise _invalid(name, "a host name")


def _init_parameters(name: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise _invalid(name, "an object")
    if "riskType" in value and value["riskType"] not in RISK_TYPES:
        raise _invalid(f"{name}.riskType", f"one of {', '.join(RISK_TYPES)}")


def _user_agent(name: str, value: Any) -> None:
    _text(name, value)
    if value != USER_AGENT:
        raise Refusal("ERROR_WRONG_USERAGENT", f"{name}: only the current one for Windows")


def _port(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value not in _PORTS:
        raise _invalid(name, "a number from 1 to 65535")


def _proxy_type(name: str, value: Any) -> None:
    if value not in _PROXY_TYPES:
        raise _invalid(name, f"one of {', '.join(_PROXY_TYPES)}")


def _proxy_address(name: str, value: Any) -> None:
    _text(name, value)
    try:
        address = ip_address(value)
    except ValueError:
        if value == "localhost" or not _HOST.fullmatch(value):
            raise _invalid(name, "an address or host name, not a local one") from None
        return
    if any(address in network for network in _LOCAL):
        raise _invalid(name, "not a local one")


def _credential(name: str, value: Any) -> None:
    _text(name, value)
    if "%" in value:
        raise Refusal("ERROR_PROXY_CREDENTIALS_INVALID_CHARACTER", f"{name}: %")


def _check_proxy(task: Mapping[str, Any]) -> None:
    given = [name for name in _PROXY_FIELDS if name in task]
    if given and task["type"] == "GeeTestTaskProxyless":
        raise _invalid(given[0], "not in a task of this type")
    for name in _PROXY_FIELDS:
        if given and name not in task:
            raise _invalid(name, "missing; authorisation by address is not supported")


Check = Callable[[str, Any], None]
_COMMON: Mapping[str, Check] = {
    "type": _anything,
    "version": _anything,
    "websiteURL": _url,
    "gt": _text,
    "geetestApiServerSubdomain": _host,
    "geetestGetLib": _json_text,
    "userAgent": _user_agent,
    "proxyType": _proxy_type,
    "proxyAddress": _proxy_address,
    "proxyPort": _port,
    "proxyLogin": _credential,
    "proxyPassword": _credential,
}
_FIELDS: Mapping[int, Mapping[str, Check]] = {
    3: {**_COMMON, "challenge": _challenge},
    4: {**_COMMON, "initParameters": _init_parameters},
}
_REQUIRED = {3: ("websiteURL", "gt", "challenge"), 4: ("websiteURL", "gt")}

"""The options that say what is inspected or tried: an address with a request for it, or a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from scrapy import Request

from scrapy_geetest.commands.inspect.curl import cookie_pairs, request_arguments, without_own

if TYPE_CHECKING:
    import argparse

_FORM_TYPE = "application/x-www-form-urlencoded"
_JSON_TYPE = "application/json"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add those of an address or a file."""
    parser.add_argument(
        "target", nargs="?", metavar="URL-or-file", help="an http(s) address, a saved page, or a HAR file"
    )
    add_request_options(parser)


def add_request_options(parser: argparse.ArgumentParser) -> None:
    """Add those of the request for an address."""
    parser.add_argument(
        "--curl", metavar="COMMAND", help="instead of a URL: a curl command, as browsers copy it (bash)"
    )
    parser.add_argument("--method", help="of the request; default: GET, with --data POST")
    parser.add_argument(
        "--header", action="append", default=[], metavar="'NAME: VALUE'", help="of the request; may be repeated"
    )
    parser.add_argument("--data", help="the body of the request: a form or JSON")


def is_address(options: argparse.Namespace) -> bool:
    """Whether something is to be downloaded.

    Raises:
        ValueError: The options contradict each other.
    """
    if (options.target is None) == (options.curl is None):
        raise ValueError("give either a URL or a file, or --curl")
    if options.curl is not None or options.target.lower().startswith(("http://", "https://")):
        return True
    if options.method or options.header or options.data is not None:
        raise ValueError("--method, --header and --data are of a request; a file needs none")
    return False


def make_request(options: argparse.Namespace) -> Request:
    """The request that the options describe.

    Raises:
        ValueError: They describe none.
    """
    arguments = request_arguments(options.curl) if options.curl is not None else {"url": options.target}
    headers: list[tuple[str, Any]] = list(arguments.pop("headers", ()))
    cookies: dict[Any, Any] = dict(arguments.pop("cookies", {}))
    for line in options.header:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise ValueError("a header is given as 'NAME: VALUE'")
        if name.strip().lower() == "cookie":  # by themselves, Scrapy would drop them
            cookies.update(cookie_pairs(value))
            continue
        headers = [(key, old) for key, old in headers if key.lower() != name.strip().lower()]
        headers.append((name.strip(), value.strip()))
    if options.data is not None:
        arguments.update(body=options.data, method=arguments["method"] if _has_body(arguments) else "POST")
    if options.method:
        arguments["method"] = options.method.upper()
    if arguments.get("body") and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", _type(arguments["body"])))
    return Request(**arguments, headers=without_own(headers), cookies=cookies, dont_filter=True)


def _has_body(arguments: dict[str, Any]) -> bool:
    return arguments.get("method", "GET") not in {"GET", "HEAD"}


def _type(body: str) -> str:
    try:
        return _JSON_TYPE if isinstance(json.loads(body), dict | list) else _FORM_TYPE
    except ValueError:
        return _FORM_TYPE

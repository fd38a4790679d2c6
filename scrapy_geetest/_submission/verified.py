"""Two-step sites: what a verification answers, and how the request that is wanted carries it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jmespath
from jmespath.exceptions import JMESPathError
from scrapy.http import TextResponse

from scrapy_geetest._pages import loose_json
from scrapy_geetest._submission.plan import plan_submission
from scrapy_geetest._submission.types import Fields, Plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy import Request
    from scrapy.http import Response

COOKIE, HEADER = "cookie:", "header:"


def read_verified(answer: Response, paths: Mapping[str, str]) -> dict[str, str] | None:
    """The values that a verification answers, by the names that the request has for them.

    Args:
        answer: Of the verification.
        paths: JMESPath in its JSON -> name.

    Returns:
        ``None``: one of them is missing or empty, so that the solution was refused.
    """
    data = loose_json.load(answer.text) if isinstance(answer, TextResponse) else loose_json.ABSENT
    values: dict[str, str] = {}
    for path, name in paths.items():
        value = _search(path, data)
        if isinstance(value, bool | None) or not isinstance(value, str | int | float) or value == "":
            return None
        values[name] = str(value)
    return values


def plan_verified(request: Request, page: Response | None, submit_as: str, names: Mapping[str, str]) -> Plan:
    """How *request* is to carry the values of a verification.

    Args:
        request: As the spider made it.
        page: The page that it got, if any.
        submit_as: The site's; ``"cookie:NAME"`` and ``"header:NAME"`` go there whatever it says.
        names: JMESPath -> name, as the site declares them.

    Raises:
        ValueError: There is no such way.
    """
    is_carried = any(not name.startswith((COOKIE, HEADER)) for name in names.values())
    plan = plan_submission(request, page, submit_as) if is_carried else None

    def fill(fields: Fields) -> Request:
        rest = {name: value for name, value in fields.items() if not name.startswith((COOKIE, HEADER))}
        filled = request if plan is None else plan.fill(rest)
        headers = filled.headers.copy()
        for name, value in fields.items():
            if name.startswith(HEADER):
                headers[name.removeprefix(HEADER)] = value
        own_cookies = [f"{name}={value}" for name, value in cookies_of(fields).items()]
        if own_cookies and filled.meta.get("dont_merge_cookies"):  # else they are for the cookie jar
            own = [value.decode("latin-1") for value in headers.getlist("Cookie")]
            headers["Cookie"] = "; ".join([*own, *own_cookies])
        return filled.replace(headers=headers)

    return Plan(request.url if plan is None else plan.url, fill)


def cookies_of(values: Fields) -> dict[str, str]:
    """Those of the values that are cookies, by their names."""
    return {name.removeprefix(COOKIE): value for name, value in values.items() if name.startswith(COOKIE)}


def _search(path: str, data: Any) -> Any:
    if data is loose_json.ABSENT:
        return None
    try:
        return jmespath.search(path, data)
    except (JMESPathError, RecursionError, TypeError, ValueError, ArithmeticError):
        return None

"""Two tables of how real sites use GeeTest, and a case for each row: where the parameters come from, how the answer is sent."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

from attrs import frozen
from scrapy import FormRequest, Request
from scrapy.http import JsonRequest
from table_site import Case

from scrapy_geetest import GeetestSite
from scrapy_geetest.challenge import solution_values
from scrapy_geetest.site import V3_FIELDS, V4_FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scrapy.http import Response
    from table_site import Sent

    from scrapy_geetest.challenge import Solution


# The rows, by what they say.
XHR_FLAT = "v3: XHR to a register endpoint, flat keys"
XHR_NESTED = "v3: the same, nested"
JSONP = "v3: JSONP from another host"
RENDERED_V3 = "v3: rendered into the page"
GLOBAL = "v3: JS global, page query, server property"
STORED = "v3: gt literally in the stored page: never"
LITERAL = "v4: captchaId literally in the page"
RENDERED_V4 = "v4: rendered by the server into the page"
LINKED = "v4: only in a linked script"
CONFIG = "v4: from a config API"
URLENCODED = "urlencoded by XHR"
FORM = "an HTML form"
JSON_TOP = "JSON, top level"
JSON_NESTED = "JSON, nested"
UNPREFIXED = "names without prefix"
QUERY = "query string"
JSON_STRING = "one field that holds a JSON string"
BRACKETED = "bracketed"
CAMEL = "camelCase"
HEADERS = "headers"
PACKED = "custom packing"
WHERE = (XHR_FLAT, XHR_NESTED, JSONP, RENDERED_V3, GLOBAL, STORED, LITERAL, RENDERED_V4, LINKED, CONFIG)
HOW_V3 = (URLENCODED, FORM, JSON_TOP, JSON_NESTED, UNPREFIXED, QUERY, JSON_STRING, HEADERS)
HOW_V4 = (URLENCODED, FORM, JSON_TOP, JSON_NESTED, QUERY, JSON_STRING, BRACKETED, CAMEL, PACKED)

CAMEL_NAMES = {
    "captcha_id": None,
    "lot_number": "geeTestLotNumber",
    "captcha_output": "geeTestCaptchaOutput",
    "pass_token": "geeTestPassToken",
    "gen_time": "geeTestGenTime",
}
RPC_NAMES = {key: f"x-rpc-{key}" for key in V3_FIELDS}


@frozen(kw_only=True)
class Row:
    """One case.

    Attributes:
        where: Which row of the first table it is.
        how: Which row of the second table it is.
        case: What it is to the test's own site.
        request: What the spider sends, given the site's address.
        declared: Attributes of its site.
        cls: The class of its site.
    """

    where: str
    how: str
    case: Case
    request: Callable[[str], Request]
    declared: Mapping[str, Any] = {}
    cls: type[GeetestSite] = GeetestSite


class JsonString(GeetestSite):
    """The whole solution as JSON in one field of the form."""

    def submit_request(self, request: Request, response: Response | None, solution: Solution) -> Request:
        del response
        body = (
            request.body + b"&" + FormRequest("http://x", formdata={"captcha": json.dumps(self.fields(solution))}).body
        )
        return request.replace(body=body)


class Packed(GeetestSite):
    """The values in an order of the site's own, joined and encoded, in one field of the query."""

    def submit_request(self, request: Request, response: Response | None, solution: Solution) -> Request:
        del response
        values = solution_values(solution)
        token = b64encode("|".join(values[key] for key in V4_FIELDS).encode()).decode()
        return FormRequest(request.url, method="GET", formdata={"token": token}).replace(
            callback=request.callback, errback=request.errback, meta=request.meta, dont_filter=True
        )


def _unprefixed(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: fields[name] for key, name in V3_FIELDS.items()}


def _renamed(names: Mapping[str, str | None], fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: fields[name] for key, name in names.items() if name}


def _unpacked(sent: Sent) -> dict[str, str]:
    return dict(zip(V4_FIELDS, b64decode(sent.query["token"]).decode().split("|"), strict=True))


def _as_json(**shape: Any) -> Callable[[str, str], tuple[str, str]]:
    """A register answer, served as text/html; GT and CHALLENGE stand for the values."""

    def register(gt: str, challenge: str) -> tuple[str, str]:
        return "text/html", json.dumps(shape).replace("GT", gt).replace("CHALLENGE", challenge)

    return register


def _form(path: str, **fields: str) -> Callable[[str], Request]:
    return lambda url: FormRequest(url + path, formdata={"page": "1", **fields})


def _first(path: str, **fields: str) -> Callable[[str], Request]:
    """A form that asks a person to fill something in, and so is the spider's to send."""
    return lambda url: FormRequest(url + path, formdata=fields, meta={"geetest": True})


def _json(path: str) -> Callable[[str], Request]:
    return lambda url: JsonRequest(url + path, data={"page": 1})


def _get(path: str) -> Callable[[str], Request]:
    return lambda url: Request(url + path)


OWN = {
    "v3-flat-urlencoded": Row(
        where=XHR_FLAT,
        how=URLENCODED,
        case=Case(
            name="flat",
            version=3,
            page="comments-v3-nested.html",
            register=_as_json(success=1, gt="GT", challenge="CHALLENGE", new_captcha=True),
            answer=lambda sent: _unprefixed(sent.form),
        ),
        request=_form("/flat/list"),
        declared={"challenge_url": "/flat/register?t={timestamp}"},
    ),
    "v3-sdk-object-json": Row(
        where=XHR_NESTED,
        how=JSON_TOP,
        case=Case(
            name="sdk",
            version=3,
            page="comments-v3-nested.html",
            register=_as_json(GtSdk={"gt": "GT", "challenge": "CHALLENGE", "success": 1}),
            answer=lambda sent: _unprefixed(sent.json),
        ),
        request=_json("/sdk/list"),
        declared={"challenge_url": "/sdk/register"},
    ),
    "v3-captcha-object-nested-json": Row(
        where=XHR_NESTED,
        how=JSON_NESTED,
        case=Case(
            name="captcha",
            version=3,
            page="comments-v3-nested.html",
            register=_as_json(captcha={"gt": "GT", "challenge": "CHALLENGE"}),
            answer=lambda sent: _unprefixed(sent.json["geetest"]),
        ),
        request=_json("/captcha/list"),
        declared={
            "challenge_url": "/captcha/register",
            "field_names": {key: f"geetest.{name}" for key, name in V3_FIELDS.items()},
        },
    ),
    "v3-result-object-unprefixed": Row(
        where=XHR_NESTED,
        how=UNPREFIXED,
        case=Case(
            name="result",
            version=3,
            page="comments-v3-nested.html",
            register=_as_json(code=0, data={"result": {"gt": "GT", "challenge": "CHALLENGE"}}),
            answer=lambda sent: sent.form,
        ),
        request=_form("/result/list"),
        declared={"challenge_url": "/result/register", "field_names": {key: key for key in V3_FIELDS}},
    ),
    "v3-global-urlencoded": Row(
        where=GLOBAL,
        how=URLENCODED,
        case=Case(name="ticket", version=3, page="ticket-v3-global.html", answer=lambda sent: _unprefixed(sent.form)),
        request=_form("/ticket/order", line="4"),
    ),
    "v3-rendered-json-string": Row(
        where=RENDERED_V3,
        how=JSON_STRING,
        case=Case(
            name="tides",
            version=3,
            page="article-v3-rendered.html",
            answer=lambda sent: _unprefixed(json.loads(sent.form["captcha"])),
        ),
        request=_form("/tides/table"),
        cls=JsonString,
    ),
    "v3-rendered-headers": Row(
        where=RENDERED_V3,
        how=HEADERS,
        case=Case(
            name="rpc",
            version=3,
            page="article-v3-rendered.html",
            answer=lambda sent: _renamed(RPC_NAMES, sent.headers),
        ),
        request=_get("/rpc/table"),
        declared={"submit_as": "headers", "field_names": RPC_NAMES},
    ),
    "v4-rendered-html-form": Row(
        where=RENDERED_V4,
        how=FORM,
        case=Case(
            name="booking",
            version=4,
            page="booking-v4-rendered.html",
            answer=lambda sent: {**sent.form, "x": sent.form["csrf"]},
        ),
        request=_first("/booking/berths", csrf="77aa", harbour="Wick"),
        declared={"accepted_css": ".content"},
    ),
    "v4-linked-script-bracketed": Row(
        where=LINKED,
        how=BRACKETED,
        case=Case(
            name="forum",
            version=4,
            page="forum-v4-linked-script.html",
            register=lambda gt, _: ("text/javascript", f'if(1<2)initGeetest4({{captchaId:"{gt}"}},start);'),
            answer=lambda sent: _renamed({key: f"geetest[{key}]" for key in V4_FIELDS}, sent.form),
        ),
        request=_form("/forum/post"),
        declared={
            "version": 4,
            "challenge_url": "/forum/register",
            "field_names": {key: f"geetest[{key}]" for key in V4_FIELDS},
        },
    ),
    "v4-config-json": Row(
        where=CONFIG,
        how=JSON_TOP,
        case=Case(
            name="stock",
            version=4,
            page="stock-v4-config.html",
            register=_as_json(code=0, data={"gt": "GT"}),
            answer=lambda sent: sent.json,
        ),
        request=_json("/stock/api/items"),
        declared={"version": 4, "challenge_url": "/stock/register"},
    ),
    "v4-json-answer-json-string": Row(
        where=CONFIG,
        how=JSON_STRING,
        case=Case(name="api", version=4, answer=lambda sent: json.loads(sent.form["captcha"])),
        request=_form("/api/items"),
        declared={"detect_jmespath": "need_captcha", "version": 4},
        cls=JsonString,
    ),
    "v4-literal-query": Row(
        where=LITERAL,
        how=QUERY,
        case=Case(name="archive", version=4, page="archive-v4-literal.html", answer=lambda sent: sent.query),
        request=_get("/archive/volume?n=7"),
        declared={"submit_as": "query"},
    ),
    "v4-literal-urlencoded": Row(
        where=LITERAL,
        how=URLENCODED,
        case=Case(name="volumes", version=4, page="archive-v4-literal.html", answer=lambda sent: sent.form),
        request=_form("/volumes/list"),
    ),
    "v4-literal-camel-case": Row(
        where=LITERAL,
        how=CAMEL,
        case=Case(
            name="camel",
            version=4,
            page="archive-v4-literal.html",
            answer=lambda sent: _renamed(CAMEL_NAMES, sent.json),
        ),
        request=_json("/camel/list"),
        declared={"field_names": CAMEL_NAMES},
    ),
    "v4-literal-packed": Row(
        where=LITERAL,
        how=PACKED,
        case=Case(name="packed", version=4, page="archive-v4-literal.html", answer=_unpacked),
        request=_get("/packed/list"),
        declared={"accepted_css": ".content"},
        cls=Packed,
    ),
}
"""Cases of the test's own site."""

SANDBOX: Mapping[str, tuple[str, str, int, Mapping[str, Any], Callable[[str], Request]]] = {
    "v3-search": (
        XHR_FLAT,
        FORM,
        3,
        {"challenge_url": "/v3/gt/register-slide?t={timestamp}", "accepted_css": ".query"},
        _get("/v3/search?q=rope"),
    ),
    "nested": (
        XHR_NESTED,
        URLENCODED,
        3,
        {"challenge_url": "/nested/captcha", "field_names": {"token": "token"}},
        _form("/nested/login", username="bo"),
    ),
    "jsonp": (
        JSONP,
        QUERY,
        3,
        {
            "challenge_url": "/jsonp/register?callback=cb",
            "field_names": {key: key for key in V3_FIELDS},
            "submit_as": "query",
        },
        _get("/jsonp/data?id=7"),
    ),
    "inline": (RENDERED_V3, FORM, 3, {"accepted_css": ".article"}, _get("/inline/article/9")),
    "v4-form": (
        LITERAL,
        FORM,
        4,
        {"accepted_css": ".keyword"},
        _first("/v4/form", source="form", keyword="rope", town="Wick"),
    ),
    "v4-api": (
        CONFIG,
        JSON_NESTED,
        4,
        {
            "detect_jmespath": "need_captcha",
            "version": 4,
            "field_names": {key: f"captcha.{key}" for key in V4_FIELDS},
        },
        _json("/v4/api/items"),
    ),
}
"""Cases of the sandbox's sites, by the name that they have in its books: both rows, version, attributes, request."""

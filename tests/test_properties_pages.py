"""Whatever a page holds: a request gets past it, or is refused before it is paid for; nothing else, and never for long."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scrapy import Request
from scrapy.http import HtmlResponse, Response, TextResponse, XmlResponse
from service_stub import now

from scrapy_geetest import GeetestSite, V3Solution, V4Solution
from scrapy_geetest._attempt.context import Context
from scrapy_geetest._attempt.verdict import Outcome, is_withheld, judge
from scrapy_geetest._crawl.identity import Visitor
from scrapy_geetest._submission.page_form import form_to_send
from scrapy_geetest._submission.plan import SUBMIT_AS, plan_submission
from scrapy_geetest._submission.target import check_target

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.exhaustive

URL = "https://shop.test/account/start?page=1"
V3 = V3Solution(challenge="c" * 34, validate="v" * 32, seccode="v" * 32 + "|jordan")
V4 = V4Solution(captcha_id="i" * 32, lot_number="l" * 32, pass_token="p" * 64, gen_time="1", captcha_output="o")
SOLUTIONS = st.sampled_from([V3, V4])
SECONDS = 10.0  # for a page of some hundred kilobytes, on a loaded machine

ACTIONS = st.sampled_from(
    [
        *("", "/go", "?a=1", "#", "//shop.test/x", "https://shop.test:443/x", "https://shop.test/\t x\n", "..//../"),
        *(
            "https://evil.test/x",
            "//evil.test",
            "http://shop.test/x",
            "https://shop.test@evil.test/",
            "https://shop.test.evil/",
        ),
        *(
            "javascript:void(0)",
            "mailto:a@b",
            "data:text/html,x",
            "file:///etc/passwd",
            "about:blank",
            "\\\\evil.test\\x",
        ),
        *(
            "https://[",
            "https://[::1",
            "https://shop.test:99999/",
            "https://shop.test:x/",
            "https:///x",
            "http:",
            "://",
            "\x00",
        ),
    ]
)
WORDS = st.text(max_size=12) | st.sampled_from(
    ["q", "geetest_challenge", "lot_number", "csrf", "a[b]", "%", "&=", "é", "\x00"]
)
KINDS = ("hidden", "text", "checkbox", "radio", "submit", "image", "file", "reset", "password", "\x00", "")
METHODS = ("get", "post", "POST", "dialog", "put", "", "\x00")
ENCODINGS = ("", "multipart/form-data", "text/plain", "application/x-www-form-urlencoded", "application/json", "x")
INPUTS = st.builds("<input type='{}' name='{}' value='{}' checked>".format, st.sampled_from(KINDS), WORDS, WORDS)
OTHERS = st.sampled_from(
    [
        *(
            "<select name=s><option value=1 selected>a<option>b</select>",
            "<select name=t></select>",
            "<select multiple name=u><option>",
        ),
        *(
            "<textarea name=n>x</textarea>",
            "<textarea>",
            "<button name=b value=1 formaction='https://evil.test/'>",
            "<label>",
            "</form>",
        ),
        *(
            "<input>",
            "<input name>",
            "<select name=v><optgroup><option selected value>",
            "<!--",
            "<script>",
            "<div class=geetest>",
            "<p>",
        ),
    ]
)
FORMS = st.builds(
    "<form action='{}' method='{}' enctype='{}'>{}</form>".format,
    ACTIONS,
    st.sampled_from(METHODS),
    st.sampled_from(ENCODINGS),
    st.lists(INPUTS | OTHERS, max_size=5).map("".join),
)
BASES = st.sampled_from(["", "<base href='https://evil.test/'>", "<base href='https://['>", "<base href=''>", "<base>"])
PAGES = st.builds("{}{}".format, BASES, st.lists(FORMS | OTHERS, max_size=3).map("".join))
BODIES = PAGES.map(lambda text: text.encode("utf-8", "replace")) | st.binary(max_size=300)
RESPONSES = st.builds(
    lambda kind, body, encoding: kind(URL, body=body, **({} if kind is Response else {"encoding": encoding})),
    st.sampled_from([HtmlResponse, HtmlResponse, HtmlResponse, TextResponse, XmlResponse, Response]),
    BODIES,
    st.sampled_from(["utf-8", "utf-16", "latin-1", "gb18030", "ascii"]),
)
REQUESTS = st.builds(
    lambda method, body, headers: Request(URL, method=method, body=body, headers=headers),
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH"]),
    st.binary(max_size=60)
    | st.sampled_from([b"", b"{}", b'{"a": {"b": 1}}', b"[1]", b"{", b"a=1&b=%ff", b'{"a": ' * 2_000]),
    st.dictionaries(
        st.sampled_from(["Content-Type", "X-A"]),
        st.sampled_from(["application/json", "application/x-www-form-urlencoded", "multipart/form-data", "\xff", ""]),
    ),
)
NAMES = st.dictionaries(
    st.sampled_from(["challenge", "validate", "lot_number"]),
    st.none() | st.sampled_from(["a", "a.b", "a.b.c", ".", "..", "x y", "é", "a[b]"]),
)


def _site(**attributes: Any) -> GeetestSite:
    return GeetestSite(urls=["shop.test"], **attributes)


def _context(site: GeetestSite, request: Request, page: Response | None) -> Context:
    return Context(site, request, page, Visitor(request, request), request, was_sent=page is not None)


@settings(deadline=None)
@given(REQUESTS, st.none() | RESPONSES, st.sampled_from(SUBMIT_AS))
def test_a_plan_is_made_or_refused(request: Any, page: Response | None, way: str) -> None:
    """With any request and any page: a ``ValueError`` says why not, and nothing else is raised."""
    with suppress(ValueError):
        assert isinstance(plan_submission(request, page, way).url, str)


@settings(deadline=None)
@given(REQUESTS, st.none() | RESPONSES, st.sampled_from(SUBMIT_AS), NAMES, SOLUTIONS)
@example(Request(URL), HtmlResponse(URL, body=b"<base href='https://['><form action=x>"), "auto", {}, V3)
@example(Request(URL), HtmlResponse(URL, body=b"<form action='https://evil.test/'>"), "auto", {}, V3)
@example(Request(URL), HtmlResponse(URL, body=b"<base href='https://evil.test/'><form action=x>"), "auto", {}, V3)
def test_what_was_found_fit_to_be_paid_for_can_be_sent(
    request: Any, page: Response | None, way: str, names: dict[str, str | None], solution: V3Solution | V4Solution
) -> None:
    """The plan that passed the check fills the request, which goes where the check said, and stays at the site."""
    site = _site(submit_as=way, field_names=names)
    try:
        plan = plan_submission(request, page, way)
        now(check_target(plan.url, request.url, request.url if page is None else page.url, site))
    except ValueError:
        return
    submission = plan.fill(site.fields(solution))
    assert urlsplit(submission.url)._replace(query="", fragment="").geturl() in {
        urlsplit(plan.url)._replace(query="", fragment="").geturl(),
        urlsplit(Request(plan.url).url)._replace(query="", fragment="").geturl(),
    }
    assert urlsplit(submission.url)._replace(query="", path="", fragment="").geturl() in {
        "https://shop.test",
        "https://shop.test:443",
    }
    assert not {"javascript", "file"} & {urlsplit(submission.url).scheme}


@settings(deadline=None)
@given(RESPONSES, st.sampled_from([{}, {"detect_css": "form"}, {"detect_xpath": "//form"}, {"detect_jmespath": "a.b"}]))
@example(HtmlResponse(URL, body=b"<base href='https://['><form>"), {"detect_css": "form"})
def test_any_page_can_be_judged(page: Response, selectors: dict[str, str]) -> None:
    """It gets one of three verdicts, and a challenge page is never accepted."""
    context = _context(_site(**selectors), Request(URL), page)
    verdict = now(judge(context, page, is_page_form=True))
    assert not (now(is_withheld(context, page)) and verdict.outcome is Outcome.ACCEPTED)


@settings(deadline=None)
@given(RESPONSES)
@example(HtmlResponse(URL, body=b"<base href='https://['><form action=x>"))
def test_any_page_has_a_form_or_none(page: Response) -> None:
    """And no other page than HTML has one."""
    form = form_to_send(page)
    assert bool(form.problem) is (form.element is None)
    assert form.element is None or (isinstance(page, HtmlResponse) and form.element.tag == "form")


@pytest.mark.parametrize(
    "make",
    [
        lambda times: "<form action=/x><div>" * times,
        lambda times: "<form action=/x><input type=hidden name=a></form>" * times,
        lambda times: "<form action=/x>" + "<input name=a value=b>" * times,
        lambda times: "<form action=/x><select name=a multiple>" + "<option selected>b" * times,
        lambda times: "<form action=/x>" + "<select name=a><option>1</select>" * times,
        lambda times: "<form action=/x>" + "<textarea name=a>" * times,
        lambda times: "<div>" * times + "<form action=/x><input name=a></form>",
        lambda times: "<form action=/x><input name='" + "a" * 20 * times + "'>",
        lambda times: "<form action='" + "/x" * 10 * times + "'><input name=a>",
    ],
    ids=["nested", "many", "inputs", "options", "selects", "textareas", "deep", "long-name", "long-action"],
)
def test_no_page_takes_long(make: Callable[[int], str]) -> None:
    """Planning and filling take a moment for what is built to make them take for ever."""
    page = HtmlResponse(URL, body=make(10_000).encode(), encoding="utf-8")
    started = time.monotonic()
    with suppress(ValueError):
        plan_submission(Request(URL), page).fill({"geetest_challenge": "c" * 34})
    assert time.monotonic() - started < SECONDS

"""What is found out about a response: plain data, as text, as JSON, and as a site class that works."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from crawl import crawl
from scrapy import FormRequest, Request
from scrapy.http import HtmlResponse, JsonResponse, Response, TextResponse
from table_site import Case, TableSite

from scrapy_geetest import GeetestSite, V4Solution
from scrapy_geetest._pages.rules import Finding
from scrapy_geetest._pages.script_values import V4_KEYS
from scrapy_geetest._pages.widget import Widget, find_signs, find_widgets, submit_hints
from scrapy_geetest.commands.inspect.candidates import css_candidate, jmespath_candidate
from scrapy_geetest.commands.inspect.declaration import Seen, class_name, comment, declare, literal, relative
from scrapy_geetest.commands.inspect.report import inspect, public
from scrapy_geetest.site import V3_FIELDS

if TYPE_CHECKING:
    from scrapy_geetest.sandbox import Sandbox

PAGES = Path(__file__).parent / "pages"
URL = "https://shop.example.com/login"
ID = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
V3_FORM = """<html><body><form action="/login?next=1" method="post"><input name="user" value="ann">
<input type="hidden" name="csrf" value="s3cret"><div id="captcha-box"></div></form>
<script>$.get("/gt/register?t=" + Date.now(), function (data) {
  initGeetest({gt: data.gt, challenge: data.challenge, offline: !data.success}, show);
});</script></body></html>"""
REGISTER_ANSWER = json.dumps(
    {"success": 1, "gt": ID, "challenge": "5e9f3c1d7a2b4e6f8091a2b3c4d5e6f7", "new_captcha": True}
)


def page(body: str, url: str = URL, **kwargs: Any) -> HtmlResponse:
    return HtmlResponse(url, body=body, encoding="utf-8", **kwargs)


def declared(text: str) -> GeetestSite:
    """The site that a pasted declaration makes."""
    names: dict[str, Any] = {}
    exec(text, names)
    [cls] = [
        value
        for value in names.values()
        if isinstance(value, type) and issubclass(value, GeetestSite) and value is not GeetestSite
    ]
    return cls()


def test_a_v3_page_with_a_form() -> None:
    """Why it is a challenge page, where a challenge comes from, how a solution is sent; values of inputs stay secret."""
    found = inspect(page(V3_FORM, status=403))
    assert found.is_challenge
    assert [finding.matched for finding in found.findings] == [True]
    assert [finding.matched for finding in found.signs] == [True, True, False]
    assert found.register_urls == ("https://shop.example.com/gt/register?t={timestamp}",)
    assert found.purchase.startswith("what https://shop.example.com/gt/register?t={timestamp} answers")
    sending = found.sending
    assert (sending.way, sending.method, sending.url) == (
        "page form",
        "POST",
        "https://shop.example.com/login?next=1",
    )
    assert sending.fields == tuple(V3_FIELDS.values())
    assert sending.kept == ("user", "csrf")
    assert "s3cret" not in found.to_text() + json.dumps(found.to_json())


def test_the_text_of_a_v3_page() -> None:
    """The whole of it, as the command prints it."""
    assert (
        inspect(page(V3_FORM)).to_text()
        == """\
https://shop.example.com/login: status 200, HtmlResponse, 348 bytes

Challenge page: no, by the built-in detection
  -  built-in detection: a GeeTest v3 widget: GeeTest v3: a call of initGeetest in a script; it only carries the widget: a person types 'user'

What there is of GeeTest
  +  GeeTest is named: 1 time in the whole text
  +  a live script calls GeeTest's function: initGeetest
  -  GeeTest's loader is linked, loaded or inside: none

Widget 1 of 1: GeeTest v3
  evidence         a call of initGeetest in a script
  not in the page  gt: data.gt
  not in the page  challenge: data.challenge

Register endpoint, the likeliest first
  https://shop.example.com/gt/register?t={timestamp}

A solution
  bought for       what https://shop.example.com/gt/register?t={timestamp} answers, asked for anew for each solution
  sent             with the page's form: POST https://shop.example.com/login?next=1
  as               geetest_challenge, geetest_validate, geetest_seccode
  beside           user, csrf

Note
  The form asks a person for user: let the spider get the page with geetest=False in its meta and send that request with geetest=True, or override submit_request (docs: recipes/answers).

A site class for it, to start from

    from scrapy_geetest import GeetestSite


    class ShopExampleCom(GeetestSite):
        urls = ("shop.example.com/login",)
        website_url = "https://shop.example.com/login"
        # No detect_...: the page only carries the widget. The request that sends the answer needs geetest=True.
        challenge_url = "/gt/register?t={timestamp}"
"""
    )


def test_the_declaration_works_when_pasted() -> None:
    """It belongs to the page's URL, takes the page for a challenge page, and asks the register endpoint."""
    response = page(V3_FORM, status=412)
    site = declared(inspect(response).declaration)
    assert site.matches(URL)
    assert site.is_challenge(response)
    assert not site.is_challenge(page(V3_FORM))  # another status
    query = site.challenge_request(Request(URL), response)
    assert isinstance(query, Request)
    assert query.url.startswith("https://shop.example.com/gt/register?t=1")


@pytest.mark.parametrize("name", sorted(path.name for path in PAGES.iterdir()))
def test_every_page_of_the_tests_gets_a_declaration_that_works(name: str) -> None:
    """Where there is a widget: valid Python, and the site takes the page for a challenge page; else there is none."""
    response = HtmlResponse(f"https://www.example.com:8443/a/{name}", body=(PAGES / name).read_bytes())
    found = inspect(response)
    json.dumps(found.to_json())
    if not found.widgets:
        assert (found.is_challenge, found.declaration) == (False, "")
        return
    site = declared(found.declaration)
    assert site.is_challenge(response) is (found.is_challenge or "detect_" in re.sub("#.*", "", found.declaration))
    assert site.page_version(response) == found.widgets[0].version


def test_a_v4_page_without_a_form() -> None:
    """Everything is in the page; where its own script sends the answer is told, and the class does the same."""
    script = (
        f'initGeetest4({{captchaId: "{ID}", riskType: "slide", apiServers: ["gcaptcha4.geevisit.com"]}},'
        ' function (c) { c.onSuccess(function () { $.post("/api/check", c.getValidate()); }); });'
    )
    response = page(f"<script src='https://static.geetest.com/v4/gt4.js'></script><script>{script}</script>")
    found = inspect(response)
    assert found.purchase == f"v4, captcha_id {ID}, risk type slide, API server gcaptcha4.geevisit.com"
    place = "https://shop.example.com/api/check"
    assert (found.sending.by, found.sending.way, found.sending.method) == ("script", "form", "POST")
    assert (found.sending.url, found.sending.fields) == (place, V4_KEYS)
    assert f"in a form body by the page's script: POST {place}" in found.to_text()
    solution = V4Solution(captcha_id=ID, lot_number="l", pass_token="p", gen_time="1", captcha_output="o")
    sent = declared(found.declaration).submit_request(Request(URL), response, solution)
    assert isinstance(sent, Request)
    assert (sent.method, sent.url) == ("POST", place)
    assert b"lot_number=l" in sent.body
    site = declared(found.declaration)
    assert (site.captcha_id, site.risk_type, site.api_server) == (ID, "slide", "gcaptcha4.geevisit.com")
    assert "No detect_" in found.declaration


def test_a_v4_page_whose_id_is_elsewhere() -> None:
    """A configuration endpoint is offered where one shows; else the declaration says what is missing."""
    config = 'var s = JSON.parse($.ajax("/api/config").responseText); initGeetest4({captchaId: s.id}, f);'
    site = declared(inspect(page(f"<script>{config}</script>")).declaration)
    assert (site.version, site.challenge_url) == (4, "/api/config")
    found = inspect(page("<script>initGeetest4({captchaId: settings.id}, f);</script>"))
    assert found.purchase.startswith("nothing: the page has a v4 widget but does not show its captcha_id")
    assert (declared(found.declaration).version, declared(found.declaration).captcha_id) == (4, None)
    assert "(captchaId: settings.id)" in found.declaration


def test_a_v3_page_that_shows_its_challenge() -> None:
    """It is fetched again for each solution; an offline one is worth nothing, and said to be."""
    call = f'initGeetest({{gt: "{ID}", challenge: "5e9f3c1d7a2b4e6f8091a2b3c4d5e6f7", offline: %s}}, f);'
    found = inspect(page(f"<script>{call % 'false'}</script>"))
    assert found.purchase == f"v3, gt {ID}, and the challenge that the page shows when it is fetched again"
    assert "no challenge_url" in found.declaration
    assert inspect(page(f"<script>{call % 'true'}</script>")).purchase.startswith("nothing: the site could not reach")


def test_a_v3_page_without_any_hint() -> None:
    """What is missing is said where it is to be filled in."""
    found = inspect(page("<script>initGeetest({gt: a.b, challenge: a.c}, f);</script>"))
    assert "Where does the page's script get gt and challenge? (gt: a.b; challenge: a.c)" in found.declaration
    assert declared(found.declaration).challenge_url is None


def test_several_widgets() -> None:
    """The first is declared, the others are mentioned."""
    text = inspect(HtmlResponse(URL, body=(PAGES / "account-several.html").read_bytes())).declaration
    assert 'challenge_url = "/pc/gt/register?t={timestamp}"' in text
    assert '# or: challenge_url = "/mobile/gt/register?t={timestamp}"' in text
    assert "# another widget of the page: v3, mobile/gt/register?t={timestamp}" in text
    assert "# another widget of the page: v4, f0e1d2c3b4a5968778695a4b3c2d1e0f" in text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<p>Nothing</p>", "GeeTest is named: 0 times"),
        ("<!-- initGeetest({gt: a}) --><script>/* initGeetest4( */</script>", "2 in comments, strings or text"),
        ("<script src='/js/gt.js'></script>", "/js/gt.js may be anybody's"),
    ],
)
def test_why_a_page_is_none(body: str, words: str) -> None:
    """The signs say what is missing, and what does not count."""
    found = inspect(page(body))
    assert (found.is_challenge, found.purchase, found.declaration) == (False, "nothing", "")
    assert words in found.to_text()
    assert "A solution" not in found.to_text()


def test_a_json_answer_is_no_page_but_can_be_declared() -> None:
    """The key that tells is offered, and the id that it brings."""
    body = json.dumps({"data": {"list": [], "Need-Captcha": 1}, "captcha_id": ID}).encode()
    response = JsonResponse("https://shop.example.com/api/items", body=body, status=403)
    found = inspect(response)
    assert not found.is_challenge
    assert (found.sending.by, found.widgets[0].captcha_id) == (None, ID)
    site = declared(found.declaration)
    assert site.is_challenge(response)
    assert (site.detect_jmespath, site.captcha_id, list(site.detect_status)) == ("captcha_id", ID, [403])


def test_a_json_answer_that_tells_nothing_but_need() -> None:
    """Which fields a solution would have is not known yet, and nothing is said of them."""
    response = JsonResponse(URL, body=b'{"need_captcha": true}')
    found = inspect(response, GeetestSite(urls="example.com", detect_jmespath="need_captcha"))
    assert (found.is_challenge, found.sending.fields) == (True, ())
    assert found.sending.problem.startswith("nobody knows where its answer goes")
    assert "\n  as  " not in found.to_text()
    assert declared(found.declaration).detect_jmespath == "need_captcha"


@pytest.mark.parametrize(
    ("body", "purchase"),
    [
        (REGISTER_ANSWER, "what https://shop.example.com/login answers, asked for anew for each solution"),
        (f"cb({REGISTER_ANSWER})", "what https://shop.example.com/login answers, asked for anew for each solution"),
        (REGISTER_ANSWER.replace('"success": 1', '"success": 0'), "nothing: the site could not reach GeeTest"),
        ('{"status": "error", "error": "old challenge"}', "nothing: GeeTest says 'old challenge'"),
    ],
)
def test_a_register_answer_is_called_one(body: str, purchase: str) -> None:
    """It is where a challenge comes from, not what a site withholds: its URL is what to take from it."""
    found = inspect(TextResponse(URL, body=body.encode(), encoding="utf-8"))
    assert found.remarks == ("This looks like a register answer: use its URL as challenge_url.",)
    assert found.purchase.startswith(purchase)
    assert (found.is_challenge, found.register_urls, found.sending.way) == (False, (URL,), None)
    assert found.declaration == ""
    assert "  This looks like a register answer" in found.to_text()


def test_an_answer_that_withholds_and_registers() -> None:
    """A key that speaks of a captcha makes it one that can be declared; why nothing could be bought is told."""
    body = REGISTER_ANSWER.replace('"success": 1', '"success": 0, "need_captcha": true')
    found = inspect(JsonResponse(URL, body=body.encode()))
    assert found.purchase.startswith("nothing: the site could not reach GeeTest")
    assert (found.remarks, declared(found.declaration).detect_jmespath) == ((), "need_captcha")


def test_a_declared_site_is_tried_by_its_own_rules() -> None:
    """Each selector is told of; the site's attributes decide what is bought and how it is sent."""
    site = GeetestSite(
        name="login",
        urls="example.com",
        detect_css=["#captcha-box", "#nothing"],
        detect_status=403,
        challenge_url="/other/register",
        submit_as="json",
        field_names={"seccode": None, "validate": "captcha.validate"},
    )
    found = inspect(page(V3_FORM, status=403), site)
    assert [(finding.rule, finding.matched) for finding in found.findings] == [
        ("status 403", None),
        ("css '#captcha-box'", True),
        ("css '#nothing'", False),
    ]
    assert (found.site, found.overridden) == ("login", ())
    assert found.purchase == "what /other/register answers, asked for anew for each solution"
    assert (found.sending.way, found.sending.method) == ("json", "POST")
    assert found.sending.fields == ("geetest_challenge", "captcha.validate")
    text = found.to_text()
    assert "Challenge page: yes, by the rules of the site login" in text
    assert "a request that has a body" not in text
    assert "  o  status 403" in text
    assert not inspect(page(V3_FORM), site).is_challenge


def test_a_sites_own_hooks_are_named_and_its_verdict_decides() -> None:
    """Hooks that are not run are said to exist; ``is_challenge`` counts for more than the selectors."""

    class Own(GeetestSite):
        urls = ("example.com",)

        def is_challenge(self, response: Response) -> bool:
            return response.status == 403

        async def submit_request(self, request: Request, response: Any, solution: Any) -> Request:
            del response, solution
            return request

    found = inspect(page(V3_FORM), Own(), verdict=Finding("is_challenge of site Own", matched=False, seen="so"))
    assert (found.is_challenge, found.overridden) == (False, ("submit_request", "is_challenge"))
    assert "The site overrides submit_request, is_challenge" in found.to_text()


def test_sites_that_the_url_belongs_to_are_mentioned() -> None:
    """Without ``--site``, what decides in a crawl is pointed to."""
    assert "try --site login or --site all" in inspect(page(V3_FORM), declared=["login", "all"]).to_text()


def test_a_form_that_cannot_be_sent() -> None:
    """The reason stands where the way would."""
    form = "<form method='dialog'></form><script>initGeetest4({}, f)</script>"
    found = inspect(page(form))
    assert found.sending.way is None
    assert "sent             not known: the widget's form has the method DIALOG" in found.to_text()


def test_a_get_form_does_not_tell_its_values() -> None:
    """They would stand in the query."""
    form = (
        "<form action='/go'><input type=hidden name='token' value='s3cret'></form><script>initGeetest4({}, f)</script>"
    )
    found = inspect(page(form))
    assert (found.sending.method, found.sending.url) == ("GET", "https://shop.example.com/go")


@pytest.mark.parametrize("response", [Response(URL, body=b"\x00\x01"), TextResponse(URL, body=b"plain")])
def test_what_is_no_page(response: Response) -> None:
    """An image or a text: no challenge page, and nothing is said of sending."""
    found = inspect(response)
    assert (found.is_challenge, found.widgets, found.sending.way) == (False, (), None)


def test_a_page_cannot_steer_the_terminal_or_the_declaration() -> None:
    """Control characters are replaced, and a quote or a line break ends no literal."""
    evil = 'initGeetest4({captchaId: "\x1b[2J" + a}, f); $.get("/gt/register\\"\\n;import os#?t=" + Date.now())'
    response = page(
        f"<script>{evil}</script><a href=x>\x1b]0;x\x07</a>", url="https://ann:s3cret@shop.example.com/\"'*"
    )
    found = inspect(response)
    assert "\x1b" not in found.to_text()
    assert "s3cret" not in found.to_text() + json.dumps(found.to_json())
    assert "os" not in vars(declared(found.declaration))


def test_no_credentials_of_the_page_url_are_told() -> None:
    """They are left out before any address of the page is made absolute, so that the declaration is none the longer."""
    sends = '<script>function send(c) { $.post("gt/check", c.getValidate()) }</script>'
    found = inspect(page(V3_FORM + sends, url="https://bob:hunter2@shop.example.com/login"))
    assert "hunter2" not in found.to_text() + json.dumps(found.to_json())
    assert found == inspect(page(V3_FORM + sends))
    assert declared(found.declaration).challenge_url == "/gt/register?t={timestamp}"


def test_a_script_that_sends_the_answer_elsewhere() -> None:
    """It is said, and the declaration covers both addresses, and tells the service of the page with the widget."""
    sends = "<script>function send(c) { $.post('%s', c.getValidate()) }</script>"
    response = page(V3_FORM + sends % "/gt/check?v=1")
    found = inspect(response)
    [remark] = found.remarks
    assert remark == (
        "The page's script sends the answer to /gt/check?v=1: let the spider get the page with geetest=False in its meta "
        "and send that request with geetest=True, or override submit_request (docs: recipes/answers)."
    )
    assert f"Note\n  {remark}\n" in found.to_text()
    assert max(map(len, found.declaration.splitlines())) <= 120
    site = declared(found.declaration)
    assert site.matches(URL)
    assert site.matches("https://shop.example.com/gt/check")
    assert site.website_url == URL
    query = site.challenge_request(Request("https://shop.example.com/gt/check", method="POST"), None)
    assert isinstance(query, Request)
    assert query.url.startswith("https://shop.example.com/gt/register?t=1")


async def test_what_is_declared_and_advised_for_such_a_script_works(sandbox: Sandbox) -> None:
    """The class as it is pasted, the requests as they are advised: one task, accepted."""
    case = Case(
        name="ticket",
        version=3,
        page="ticket-v3-global.html",
        answer=lambda sent: {key: sent.form[name] for key, name in V3_FIELDS.items()},
    )
    with TableSite.of(sandbox, [case]) as site:
        url = f"{site.url}/ticket/buy"
        found = inspect(HtmlResponse(url, body=(PAGES / case.page).read_bytes(), status=403))
        assert (found.sending.by, found.sending.url) == ("script", f"{site.url}/ticket/order")
        outcome = await crawl(
            lambda _: [
                Request(url, meta={"geetest": False, "handle_httpstatus_list": [403]}),
                FormRequest(f"{site.url}/ticket/order", formdata={"seats": "2"}, meta={"geetest": True}),
            ],
            GEETEST_SITES=[declared(found.declaration)],
            GEETEST_API_KEY=sandbox.api_key,
            GEETEST_API_URL=sandbox.service_url,
        )
    assert (outcome.errors, outcome.texts(".content::text")) == ([], ["ticket"])
    assert (outcome.stats["tasks_created"], outcome.stats["unverified"], outcome.stats["rejected"]) == (1, 1, 0)
    assert [task["task"]["websiteURL"] for task in sandbox.books()["tasks"]] == [url]


def test_scripts_whose_address_needs_no_remark_or_another() -> None:
    """The form goes there, too; the site sends it itself; an address of another host is not added to the declaration."""
    sends = "<script>function send(c) { $.post('%s', c.getValidate()) }</script>"

    class Own(GeetestSite):
        urls = ("example.com",)

        def submit_request(self, request: Request, response: Any, solution: Any) -> Request:
            del response, solution
            return request

    [same] = inspect(page(V3_FORM + sends % "/login")).remarks
    assert same.startswith("The page's script sends the answer to /login: let the spider")
    assert inspect(page(V3_FORM + sends % "/gt/check"), Own()).remarks == ()
    found = inspect(page(V3_FORM + sends % "https://other.example/check"))
    assert (
        "to https://other.example/check (add its host to urls if you know that it is the site's): let"
        in found.remarks[0]
    )
    assert declared(found.declaration).urls == ("shop.example.com/login",)
    beneath = inspect(page(V3_FORM + sends % "/login/check"))
    assert declared(beneath.declaration).urls == ("shop.example.com/login",)


def test_further_remarks_are_told() -> None:
    """In the text."""
    found = inspect(page(V3_FORM), remarks=["The address is made up."])
    assert "Note\n  The address is made up.\n" in found.to_text()


def test_public_urls() -> None:
    """User and password are left out, all else stays."""
    assert public("http://u:p@h.example:80/a?b#c") == "http://h.example:80/a?b#c"


def test_class_names() -> None:
    """Valid identifiers, whatever the host is."""
    hosts = ("www.shop-1.example", "127.0.0.1", "none", "[::1]")
    names = [class_name(f"http://{host}/") for host in hosts]
    assert names == ["Shop1Example", "Site127001", "SiteNone", "Site1"]
    assert class_name("file:///x") == "Site"


def test_literals_and_comments_are_one_line() -> None:
    """Whatever text they are made of."""
    for text in ('a"b', "a\\b", "a\nb", "\x1b", "港", "\u2028"):
        assert eval(literal(text)) == text
        assert len(comment(text).splitlines()) == 1
    assert relative("http://other.example/a", URL) == "http://other.example/a"


def test_a_declaration_without_anything_known() -> None:
    """It says what to fill in, and an address that is no pattern is declared by its host."""
    text = declare(Seen(url="https://example.com/a*b"))
    assert declared(text).urls == ("example.com",)
    assert '# detect_css = "#..."' in text
    api = declare(Seen(url=URL, widgets=(Widget(version=3, api_server="api-na.geetest.com"),)))
    assert declared(api).api_server == "api-na.geetest.com"


@pytest.mark.parametrize(
    ("body", "selector"),
    [
        ("<div id='login'><p class='a geetest_box b'></p></div>", ".geetest_box"),
        ("<input id='captcha'><div id='Captcha:1'></div>", None),
        ("<div class='x'><div id='theCaptcha'></div></div>", "#theCaptcha"),
    ],
)
def test_selectors_offered_for_pages(body: str, selector: str | None) -> None:
    """An element named after the captcha, by an id or class that CSS can name as it is."""
    assert css_candidate(page(f"<body>{body}</body>")) == selector
    assert css_candidate(TextResponse(URL, body=body.encode())) is None


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"need_captcha": True}, "need_captcha"),
        ({"need_captcha": False}, None),
        ({"new_captcha": True, "geetest_challenge": "x", "geetest_gt": "x"}, None),
        ({"new_captcha": True, "data": {"need_captcha": 1}}, "data.need_captcha"),
        ({"a": {"b": {"captcha": "x"}}}, "a.b.captcha"),
        ({"a": {"b": {"c": {"captcha": "x"}}}}, None),
        ({"the captcha": 1}, '"the captcha"'),
        ({"": {"geetest": 1}}, '"".geetest'),
    ],
)
def test_keys_offered_for_json(data: dict[str, Any], path: str | None) -> None:
    """The first true value whose key speaks of a captcha, not too deep."""
    assert jmespath_candidate(JsonResponse(URL, body=json.dumps(data).encode())) == path


def test_signs_of_bytes_in_utf16() -> None:
    """A byte order mark tells, as for the widgets."""
    signs = find_signs("<script>initGeetest4({}, f)</script>".encode("utf-16"))
    assert (signs.calls, signs.named) == (("initGeetest4",), 1)


def test_where_scripts_send_the_result() -> None:
    """A request with the widget's result in its arguments, or taken just before; not one in a comment or for a challenge."""
    script = """
    $.get("/gt/register?t=" + Date.now(), start);
    function done() { var result = captcha.getValidate(); axios.post("/a/login", {u: 1, r: result}); }
    """
    padding = "/* nothing of interest stands in these lines, which keep the two parts of the script apart */\n" * 12
    later = (
        'fetch("/b/check", {body: JSON.stringify({lot_number: r.lot_number})}); $.post("/c/count", {}) // pass_token'
    )
    found = submit_hints(f"<base href='/x/'><script>{script}{padding}{later}</script>", URL)
    assert found == ("https://shop.example.com/a/login", "https://shop.example.com/b/check")


def test_a_request_with_many_arguments() -> None:
    """They are looked at up to their end."""
    script = "$.post('/a/login', {a: [" + "1," * 3000 + "], r: pass_token});"
    assert submit_hints(f"<script>{script}</script>", URL) == ("https://shop.example.com/a/login",)
    assert submit_hints("<script>$.post('/a/login', {r: pass_token</script>", URL) == ()


def test_a_request_that_is_an_argument() -> None:
    """The call of the widget behind it in the same block may be what it is for; in another block it is not."""
    script = 'var s = use($.ajax("/api/config")); %s initGeetest4({captchaId: s.id}, f);'
    [near] = find_widgets(f"<script>{script % ''}</script>")
    [far] = find_widgets(f"<script>function g() {{ {script % '}'}</script>")
    assert (near.register_url, far.register_url) == ("/api/config", None)

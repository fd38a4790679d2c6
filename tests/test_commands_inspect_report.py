"""What is found out about a response: plain data, as text and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from inspected_pages import HIDDEN_FORM, ID, REGISTER_ANSWER, URL, V3_FORM, declared, page
from scrapy.http import HtmlResponse, JsonResponse, Response, TextResponse
from table_site import PAGES

from scrapy_geetest import GeetestSite
from scrapy_geetest._pages.rules import Finding
from scrapy_geetest._pages.script_values import V4_KEYS
from scrapy_geetest.commands.inspect.report import inspect
from scrapy_geetest.site import V3_FIELDS

if TYPE_CHECKING:
    from scrapy import Request

pytestmark = pytest.mark.exhaustive


def test_a_v3_page_with_a_form() -> None:
    """Why it is a challenge page, where a challenge comes from, how a solution is sent; values of inputs stay secret."""
    found = inspect(page(HIDDEN_FORM, status=403))
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
        inspect(page(HIDDEN_FORM)).to_text()
        == """\
https://shop.example.com/login: status 200, HtmlResponse, 362 bytes

Challenge page: yes, by the built-in detection
  +  built-in detection: a GeeTest v3 widget: GeeTest v3: a call of initGeetest in a script; it leaves a person nothing to type, and shows hardly any text

Signs of GeeTest
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
  bought for       what https://shop.example.com/gt/register?t={timestamp} answers, fetched again for each solution
  sent             with the page's form: POST https://shop.example.com/login?next=1
  as               geetest_challenge, geetest_validate, geetest_seccode
  beside           user, csrf

Note
  Gate? The page is withheld as a whole (nothing but the widget to see). If one solution opens it for a session, other addresses included, set mode = "gate"; check whether a browser is asked once or for each page.

A site class for it, to start from

from scrapy_geetest import GeetestSite


class ShopExampleCom(GeetestSite):
    urls = ("shop.example.com/login",)
    # Any page with this is treated as a challenge page: name what pages with content do not have.
    detect_css = "#captcha-box"
    challenge_url = "/gt/register?t={timestamp}"
"""
    )


def test_a_page_that_only_carries_a_widget() -> None:
    """It is no challenge page, and the request that the spider is to send in its place is named, with its fields."""
    found = inspect(page(V3_FORM))
    assert (found.is_challenge, found.sending.way, found.sending.method) == (False, "page form", "POST")
    assert found.sending.typed == ("user",)
    assert (found.sending.url, found.sending.kept) == ("https://shop.example.com/login?next=1", ("user", "csrf"))
    assert found.remarks == (
        (
            "This is not a challenge page; it only carries the widget. The form of the page asks a person to fill in 'user', and "
            "sends POST /login?next=1: let the spider send that request with geetest=True in its meta, or override "
            "submit_request (docs: recipes/answers)."
        ),
    )
    assert "  sent             with the page's form: POST https://shop.example.com/login?next=1\n" in found.to_text()
    assert "Challenge page: no, by the built-in detection\n  -  " in found.to_text()
    assert "s3cret" not in found.to_text() + json.dumps(found.to_json())
    site = declared(found.declaration)
    assert not site.rules.named
    assert not site.is_challenge(page(V3_FORM))
    assert site.matches("https://shop.example.com/login?next=1")


def test_a_page_with_text_beside_its_widget() -> None:
    """Nothing is typed, but it is read: none of its requests is known to need a solution."""
    found = inspect(page(HIDDEN_FORM.replace("<body>", f"<body><p>{'It rained all day. ' * 30}</p>")))
    assert (found.is_challenge, found.sending.way) == (False, "page form")
    assert found.remarks == (
        (
            "This is not a challenge page; it only carries the widget. Send the request that needs a solution with geetest=True in "
            "its meta (docs: recipes/answers)."
        ),
    )


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
        ("<script src='/js/gt.js'></script>", "/js/gt.js may be unrelated"),
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
    assert found.remarks[0].startswith("It is not known where its answer goes")
    assert found.remarks[0].count("submit_request") == 1
    assert "\n  as  " not in found.to_text()
    assert declared(found.declaration).detect_jmespath == "need_captcha"


@pytest.mark.parametrize(
    ("body", "purchase"),
    [
        (REGISTER_ANSWER, "what https://shop.example.com/login answers, fetched again for each solution"),
        (f"cb({REGISTER_ANSWER})", "what https://shop.example.com/login answers, fetched again for each solution"),
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
    assert declared(found.declaration).detect_jmespath == "need_captcha"
    [remark] = found.remarks
    assert remark.startswith(
        "JSON is not a challenge page by the built-in detection; by the site class below it is one"
    )


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
    assert found.purchase == "what /other/register answers, fetched again for each solution"
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

"""The site class that is printed for a page: it works when it is pasted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from crawl import crawl
from inspected_pages import ID, URL, V3_FORM, declared, page
from scrapy import FormRequest, Request
from scrapy.http import HtmlResponse
from table_site import PAGES, Case, TableSite

from scrapy_geetest._pages.widget import Widget
from scrapy_geetest.commands.inspect.declaration import Seen, class_name, comment, declare, literal, relative
from scrapy_geetest.commands.inspect.report import inspect
from scrapy_geetest.site import V3_FIELDS

if TYPE_CHECKING:
    from scrapy_geetest.sandbox import Sandbox


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
    """Where there is a widget: valid Python, and the site takes the page for what it was said to be; else there is none."""
    response = HtmlResponse(f"https://www.example.com:8443/a/{name}", body=(PAGES / name).read_bytes())
    found = inspect(response)
    json.dumps(found.to_json())
    if not found.widgets:
        assert (found.is_challenge, found.declaration) == (False, "")
        return
    site = declared(found.declaration)
    assert site.is_challenge(response) == found.is_challenge
    assert site.page_version(response) == found.widgets[0].version
    is_the_page = found.sending.url == response.url
    assert ("accepted_" in found.declaration) != is_the_page


@pytest.mark.parametrize(
    ("html", "request_"),
    [
        ("booking-v4-rendered.html", ("/booking/berths", {"csrf": "77aa", "harbour": "Wick"})),
    ],
)
async def test_what_is_declared_for_a_page_that_only_carries_a_widget_works(
    html: str, request_: tuple[str, dict[str, str]], sandbox: Sandbox
) -> None:
    """The class as it is pasted, and what it says to name filled in: the page as it is, one task, accepted."""
    path, fields = request_
    name = path.split("/")[1]
    case = Case(name=name, version=4, page=html, status=200, answer=lambda sent: sent.form)
    with TableSite.of(sandbox, [case]) as served:
        url = f"{served.url}/{name}/page"
        body = (PAGES / html).read_text(encoding="utf-8").replace(ID, sandbox.captchas["v4-form"])
        found = inspect(HtmlResponse(url, body=body, encoding="utf-8"))
        assert (found.is_challenge, found.sending.method, found.sending.url) == (False, "POST", served.url + path)
        outcome = await crawl(
            lambda _: [
                Request(url),
                FormRequest(served.url + path, formdata=fields, meta={"geetest": True}),
            ],
            GEETEST_SITES=[declared(found.declaration.replace('# accepted_css = "..."', 'accepted_css = ".content"'))],
            GEETEST_API_KEY=sandbox.api_key,
            GEETEST_API_URL=sandbox.service_url,
        )
    assert (outcome.errors, len(outcome.pages), outcome.texts(".content::text")) == ([], 2, [name])
    assert (outcome.stats["tasks_created"], outcome.stats["accepted"], outcome.stats["detected"]) == (1, 1, 0)
    assert [task["task"]["websiteURL"] for task in sandbox.books()["tasks"]] == [url]


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


async def test_what_is_declared_and_advised_for_such_a_script_works(sandbox: Sandbox) -> None:
    """The class as it is pasted, what it asks for named, the requests as they are advised: one task, accepted."""
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
            GEETEST_SITES=[declared(found.declaration.replace('# accepted_css = "..."', 'accepted_css = ".content"'))],
            GEETEST_API_KEY=sandbox.api_key,
            GEETEST_API_URL=sandbox.service_url,
        )
    assert (outcome.errors, outcome.texts(".content::text")) == ([], ["ticket"])
    assert (outcome.stats["tasks_created"], outcome.stats["accepted"], outcome.stats["rejected"]) == (1, 1, 0)
    assert [task["task"]["websiteURL"] for task in sandbox.books()["tasks"]] == [url]


def test_what_is_to_be_named_where_nothing_shows_acceptance() -> None:
    """Only a form that is answered at the address of the page shows it by itself, unless the spider sends something else."""
    form = "<form method='post' action='%s'></form><script>initGeetest4({captchaId: a}, f)</script>"
    sends = "<script>function send(c) { $.post('/check', c.getValidate()) }</script>"
    assert "accepted_" not in inspect(page(form % "")).declaration
    assert "accepted_" not in inspect(page(form % URL)).declaration
    assert '    # accepted_css = "..."' in inspect(page(form % "/verify")).declaration
    assert '    # accepted_css = "..."' in inspect(page(form % "" + sends)).declaration


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

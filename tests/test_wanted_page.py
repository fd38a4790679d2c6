"""What comes from a page's own address is accepted only where it can be that page, and not a line about how it went."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from scrapy import Request
from scrapy.http import HtmlResponse, TextResponse
from small_world import Answer, challenge_page, data, page, redirect

from scrapy_geetest._pages.wanted_page import lacks_content

if TYPE_CHECKING:
    from small_world import Asked, SmallWorld

URL = "https://shop.example/page"
WIDGET = HtmlResponse(URL, status=403, body=b"<div id=captcha></div>")
NO_PAGE = {
    "204": Answer("", 204, "text/html"),
    "empty": Answer(" \n", 200, "text/html"),
    "no text": Answer("<html><body></body></html>", 200, "text/html"),
    "empty object": data({}),
    "null": Answer("null", 200, "application/json"),
    "flag in an object": data({"code": 0, "data": {"is_valid": 0}}),
    "verify": data({"code": 0, "data": {"verify": False}}),
    "isSuccess": data({"isSuccess": False}),
    "no": data({"success": "N"}),
    "status as text": data({"status": "400"}),
    "status in words": data({"status": "captcha_required"}),
    "in a list": data([{"success": False}]),
    "list": data([0, "captcha"]),
    "as html": Answer('{"state": 4003}', 200, "text/html"),
    "jsonp": Answer('cb({"passed": 0})', 200, "text/html"),
    "query": Answer("ok=0&msg=captcha", 200, "text/plain"),
    "German": page("<p>Die Prüfung war leider nicht erfolgreich.</p>"),
    "Spanish": page("<p>Código incorrecto</p>"),
    "French": page("<p>La vérification a échoué</p>"),
    "Portuguese": page("<p>Verificação inválida</p>"),
    "Russian": page("<p>Неверный код</p>"),
    "Turkish": page("<p>Doğrulama geçersiz</p>"),
    "Korean": page("<p>인증에 실패했습니다</p>"),
    "Japanese": page("<p>認証が正しくありません</p>"),
    "names it": page("<p>Please do the CAPTCHA first</p>"),
    "alert": page("<script>alert('验证失败');history.back();</script>"),
    "goes back": page("<script>alert('hm');history.go(-1);</script>"),
    "leads away": page("<script>location.href = '/login'</script>"),
}
PAGES = {
    "text": page("<h1>content</h1>"),
    "speaks of it": page("<h1>Captcha 12</h1>"),
    "application": page('<div id="app"></div><script src="/app.js"></script>'),
    "data in a script": page("<div id=app></div><script>window.state = {rows: [1, 2]}</script>"),
    "picture": page('<img src="/scan.png">'),
    "choices": page("<select><option>oak</option></select>"),
    "captcha passed": page("<p>CAPTCHA passed, welcome</p>"),
    "file": Answer("%PDF-1.7", 200, "application/pdf"),
    "success": data({"success": True}),
    "code": data({"code": 0, "data": {"n": 1}}),
    "rows": data({"rows": [{"n": 1}]}),
    "long text": Answer("word " * 100, 200, "text/plain"),
    "long page": page("<p>An invalid argument is wrong, and an error.</p>" * 20),
}


_lacks = partial(lacks_content, is_page_form=True)


@pytest.mark.parametrize("accept", ["application/json, */*", "application/json"])
def test_who_asks_for_json_gets_it(accept: str) -> None:
    """Then any JSON can be the page."""
    answer = TextResponse(URL, headers={"Content-Type": "application/json"}, body=b'{"temperature": 7}')
    assert _lacks(Request(URL), WIDGET, answer) == "JSON came where a page was withheld"
    assert _lacks(Request(URL, headers={"Accept": accept}), WIDGET, answer) == ""


def test_the_spiders_own_request_may_ask_for_data() -> None:
    """An endpoint may withhold its data by a page; sent again with the solution, it answers as the spider expects."""
    for text, kind in (('{"temperature": 7}', "application/json"), ("a,b\n1,2", "text/csv")):
        answer = TextResponse(URL, headers={"Content-Type": kind}, body=text.encode())
        assert _lacks(Request(URL), WIDGET, answer, is_page_form=False) == ""
        assert _lacks(Request(URL), WIDGET, answer)


def test_json_in_place_of_json() -> None:
    """An endpoint that withholds its answer says so in JSON."""
    withheld = TextResponse(URL, headers={"Content-Type": "application/json"}, body=b'{"code": -352}')
    assert _lacks(Request(URL), withheld, withheld.replace(body=b'{"temperature": 7}')) == ""


async def test_the_address_alone_shows_nothing(world: SmallWorld) -> None:
    """Each form is sent to the address of its page, with a wrong solution: never accepted; with a right one it is."""
    kinds = {
        f"/{'no' if kinds is NO_PAGE else 'yes'}/{n}": answer
        for kinds in (NO_PAGE, PAGES)
        for n, answer in enumerate(kinds.values())
    }

    @world.route("/")
    def site(asked: Asked) -> Answer:
        return challenge_page(asked.path) if asked.method == "GET" else kinds[asked.path]

    outcome = await world.crawl([f"{world.site.url}{path}" for path in kinds], RETRY_ENABLED=False)
    flagged = {answer.url.removeprefix(world.site.url) for answer in outcome.pages if answer.flags}
    assert flagged == {path for path in kinds if path.startswith("/no/")}
    assert (outcome.stats["accepted"], outcome.stats["unverified"]) == (len(PAGES), len(NO_PAGE))


async def test_what_comes_at_a_gate_is_judged_as_well(world: SmallWorld) -> None:
    """A site that keeps a visitor out after a wrong solution may do without the widget."""
    behind = {
        "denied": page("<h1>Access denied</h1>"),
        "refused": redirect("/told/refused"),
        "login": redirect("/told/login"),
        "empty": Answer("", 204),
        "json": data({"code": -1}),
        "back": page("<script>alert('no')</script>"),
    }
    told = {"refused": "<p>Your access was refused.</p>", "login": '<p>Sign in</p><input type="password" name="p">'}
    tried: set[str] = set()

    @world.route("/told/")
    def tell(asked: Asked) -> Answer:
        return page(told[asked.path.rpartition("/")[2]])

    @world.route("/gate/")
    def gate(asked: Asked) -> Answer:
        name = asked.path.rpartition("/")[2]
        if asked.method == "POST":
            tried.add(name)
            return page("thanks")
        return behind[name] if name in tried else challenge_page(asked.path)

    urls = [f"{world.site.url}/gate/{name}" for name in behind]
    sites = [{"name": name, "urls": [f"{world.site.host}/gate/{name}"], "mode": "gate"} for name in behind]
    outcome = await world.crawl(urls, *sites, RETRY_ENABLED=False)
    assert (outcome.stats["accepted"], outcome.stats["unverified"]) == (0, len(behind))
    assert all("geetest-unverified" in answer.flags for answer in outcome.pages)
    assert len(outcome.pages) == len(behind)

"""Pages in a real browser, whose own scripts send the answer: what a spider gets, what is bought, what the books say."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import pytest
from browser_crawl import GEETEST_SCRIPT, MARKS, SETTINGS, bind_site, browse, form_site, slow, v3, v4, visit
from scrapy import Request
from small_world import GT, Answer, Asked, data, page

from scrapy_geetest import ChallengeError, SolutionRejected, SubmissionError

if TYPE_CHECKING:
    from pathlib import Path

    from small_world import SmallWorld

try:
    from scrapy_playwright.page import PageMethod
except ImportError:  # then every test here is skipped
    PageMethod = None

APPEND = 'o.appendTo("#captcha");'

pytestmark = MARKS


async def test_a_form_that_a_script_submits(world: SmallWorld) -> None:
    """The page behind, of one task, with the status of the document that is shown then."""
    form_site(world)
    outcome = await browse(world, [visit(f"{world.site.url}/form/1")])
    assert outcome.texts("h1::text") == ["/form/1"]
    assert [one.status for one in outcome.pages] == [200]
    assert len(world.tasks) == 1
    assert (outcome.stats["accepted"], outcome.stats["unused"], outcome.stats["gave_up"]) == (1, 0, 0)


async def test_a_bind_widget_whose_script_sends_json(world: SmallWorld) -> None:
    """A 403 page that loads itself again ends as 200."""
    bind_site(world)
    outcome = await browse(world, [visit(f"{world.site.url}/bind/1")])
    assert outcome.texts("h1::text") == ["/bind/1"]
    assert [one.status for one in outcome.pages] == [200]
    assert (len(world.tasks), outcome.stats["accepted"]) == (1, 1)


async def test_what_only_stands_on_a_page_costs_nothing(world: SmallWorld) -> None:
    """A page without a widget, a login page with one, and one of no declared site: delivered as they are."""

    @world.route("/plain")
    def plain(_: Asked) -> Answer:
        return page("<h1>plain</h1>")

    @world.route("/login")
    def login(_: Asked) -> Answer:
        body = '<form><input name="user"><div id="captcha"></div></form>'
        return page(f"<h1>login</h1>{body}{GEETEST_SCRIPT}{v4('o.appendTo(document.body)')}")

    elsewhere = world.another(lambda _: page("<h1>elsewhere</h1>"))
    wanted = [visit(f"{world.site.url}/plain"), visit(f"{world.site.url}/login"), visit(f"{elsewhere.url}/")]
    outcome = await browse(world, wanted)
    assert sorted(outcome.texts("h1::text")) == ["elsewhere", "login", "plain"]
    assert all("playwright_page" not in one.meta for one in outcome.pages)
    assert outcome.all_stats["playwright/page_count"] == outcome.all_stats["playwright/page_count/closed"] == 3
    assert (world.tasks, outcome.stats["detected"]) == ([], 0)


def _login(world: SmallWorld, *, product: str = "bind", after: str = "", action: str = "") -> None:
    """v4: a login page; its button calls for a solution, and a script sends it as form data."""
    send = """var data = new FormData(document.getElementById("login")), v = o.getValidate();
      for (var name in v) data.append(name, v[name]);
      fetch("/enter", {method: "POST", body: data}).then(r => r.text()).then(function (text) {
        document.getElementById("said").innerHTML = text;
      });"""
    script = f"""{after} o.onSuccess(function () {{ {send} }});
      document.getElementById("go").onclick = function () {{ {action or "o.showCaptcha();"} }};"""

    @world.route("/login")
    def login(_: Asked) -> Answer:
        form = '<form id="login"><input name="user"><div id="captcha"></div></form><button id="go">Enter</button>'
        return page(f'{form}<p id="said"></p>{GEETEST_SCRIPT}{v4(script, product=product)}')

    @world.route("/enter")
    def enter(asked: Asked) -> Answer:
        fields = dict(re.findall(r'name="(\w+)"\r\n\r\n(.*?)\r\n', asked.body.decode()))
        return page(f"<h1>in {fields.get('user')}</h1>" if world.geetest.takes(fields) else "captcha failed")


async def test_a_page_method_that_brings_up_a_widget(world: SmallWorld) -> None:
    """The method after it waits for what comes of it, though solving takes longer than its time-out."""
    _login(world)
    world.first = slow(1.5)
    methods = [
        PageMethod("fill", "[name=user]", "ann"),
        PageMethod("click", "#go"),
        PageMethod("wait_for_selector", "h1", timeout=700),
    ]
    outcome = await browse(
        world, [visit(f"{world.site.url}/login", playwright_page_methods=methods)], {"accepted_css": "h1"}
    )
    assert outcome.texts("h1::text") == ["in ann"]
    assert (len(world.tasks), outcome.stats["accepted"], outcome.stats["detected"]) == (1, 1, 1)
    assert methods == outcome.pages[0].meta["playwright_page_methods"]
    assert methods[2].result is not None


async def test_a_page_method_that_waits_in_vain(world: SmallWorld) -> None:
    """What it waits for does not come, since the solution was refused: the page is loaded again, and another one bought."""
    _login(world)
    world.wrong = True

    def right_from_now_on(method: str, _: Any) -> None:
        world.wrong = world.wrong and not (method == "createTask" and world.tasks)

    world.first = right_from_now_on
    methods = [PageMethod("click", "#go"), PageMethod("wait_for_selector", "h1", timeout=1500)]
    outcome = await browse(
        world,
        [visit(f"{world.site.url}/login", playwright_page_methods=methods)],
        {"accepted_css": "h1", "refused_re": "captcha failed"},
    )
    assert len(outcome.texts("h1::text")) == 1
    assert (len(world.tasks), outcome.stats["rejected"], outcome.stats["accepted"]) == (2, 1, 1)


async def test_a_widget_that_stands_on_a_page_is_passed_first(world: SmallWorld) -> None:
    """``geetest=True``: the page method that sends the form finds it solved."""
    _login(world, product="float", after='o.appendTo("#captcha"); window.o = o;', action="")
    methods = [
        PageMethod("fill", "[name=user]", "bea"),
        PageMethod("wait_for_function", "window.o.getValidate()"),
        PageMethod("wait_for_selector", "h1"),
    ]
    meta = {"playwright_page_methods": methods, "geetest": True}
    outcome = await browse(world, [visit(f"{world.site.url}/login", **meta)], {"accepted_css": "h1"})
    assert len(outcome.texts("h1")) == 1
    assert (len(world.tasks), outcome.stats["accepted"]) == (1, 1)


async def test_a_click_on_the_box_of_a_widget(world: SmallWorld) -> None:
    """Is as good as a call."""
    _login(world, product="popup", after='o.appendTo("#captcha");')
    methods = [PageMethod("click", "#captcha .geetest_holder"), PageMethod("wait_for_selector", "h1")]
    outcome = await browse(world, [visit(f"{world.site.url}/login", playwright_page_methods=methods)])
    assert len(outcome.texts("h1")) == 1
    assert len(world.tasks) == 1


async def test_a_refused_solution(world: SmallWorld) -> None:
    """The page is loaded again, and another one bought, as often as is allowed."""
    form_site(world)
    world.wrong = True
    outcome = await browse(world, [visit(f"{world.site.url}/form/1")], {"refused_css": "b.no"}, GEETEST_MAX_ATTEMPTS=2)
    assert [type(error) for error in outcome.errors] == [SolutionRejected]
    assert (len(world.tasks), outcome.stats["rejected"], world.count("GET", "/form")) == (2, 2, 2)
    assert len(world.reports) == 2
    assert outcome.all_stats["playwright/page_count"] == 1


async def test_a_refusal_that_a_script_hears_of(world: SmallWorld) -> None:
    """The page goes on standing there; the second solution is taken."""
    bind_site(world)
    world.wrong = True

    def right_from_now_on(method: str, _: Any) -> None:
        world.wrong = world.wrong and not (method == "createTask" and world.tasks)

    world.first = right_from_now_on
    outcome = await browse(world, [visit(f"{world.site.url}/bind/1")])
    assert outcome.texts("h1::text") == ["/bind/1"]
    assert (len(world.tasks), outcome.stats["rejected"], outcome.stats["accepted"]) == (2, 1, 1)


async def test_a_solution_that_the_page_does_not_send(world: SmallWorld) -> None:
    """It is unused, and the error says what to do."""

    @world.route("/wall")
    def wall(_: Asked) -> Answer:
        return page(f'<div id="captcha"></div>{GEETEST_SCRIPT}{v4(APPEND, product="popup")}', 403)

    outcome = await browse(world, [visit(f"{world.site.url}/wall")])
    [error] = outcome.errors
    assert isinstance(error, SubmissionError)
    assert "popup" in str(error)
    assert f"{world.site.url}/wall" in str(error)
    assert "PageMethod" in str(error)
    assert (outcome.stats["unused"], outcome.stats["tasks_solved"]) == (1, 1)


async def test_a_page_that_says_that_geetest_is_away(world: SmallWorld) -> None:
    """``offline: true``: nothing is bought; it is loaded again later."""

    @world.route("/wall")
    def wall(_: Asked) -> Answer:
        return page(f'<div id="captcha"></div>{v3(APPEND)}', 403)

    @world.route("/register")
    def answer(_: Asked) -> Answer:
        if world.count("GET", "/register") == 1:
            return data({"success": 0, "gt": GT, "challenge": "0" * 34})
        return Answer("", 500)

    outcome = await browse(world, [visit(f"{world.site.url}/wall")])
    assert [type(error) for error in outcome.errors] == [ChallengeError]
    assert world.tasks == []
    assert world.count("GET", "/wall") == 2


async def test_the_page_that_a_spider_wants(world: SmallWorld) -> None:
    """``playwright_include_page``: that of the response, open."""
    bind_site(world)
    seen: list[str] = []

    async def parse(response: Any) -> None:
        opened = response.meta["playwright_page"]
        seen.append(await opened.inner_text("h1"))
        await opened.close()

    request = visit(f"{world.site.url}/bind/1", playwright_include_page=True).replace(callback=parse)
    outcome = await browse(world, [request])
    assert seen == ["/bind/1"]
    assert outcome.stats["accepted"] == 1


@pytest.mark.parametrize("included", [False, True])
async def test_many_pages_and_few_places(world: SmallWorld, included: bool) -> None:  # noqa: FBT001  # a parameter
    """No request waits for ever; ordinary pages go on while solutions are waited for."""
    bind_site(world)
    world.first = slow(1.0)

    @world.route("/plain")
    def plain(_: Asked) -> Answer:
        return page("<h2>plain</h2>")

    async def parse(response: Any) -> None:
        pages.append(response.css("h1::text").get())
        if included:
            await response.meta["playwright_page"].close()

    def note(response: Any) -> None:
        ordinary.append((len(pages), response.url))

    pages: list[str] = []
    ordinary: list[Any] = []
    meta = {"playwright_include_page": True} if included else {}
    wanted = [visit(f"{world.site.url}/bind/{number}", **meta).replace(callback=parse) for number in range(12)]
    wanted += [Request(f"{world.site.url}/plain/{number}", note) for number in range(20)]
    outcome = await browse(
        world, wanted, PLAYWRIGHT_MAX_PAGES_PER_CONTEXT=3, CONCURRENT_REQUESTS=4, CONCURRENT_REQUESTS_PER_DOMAIN=4
    )
    assert sorted(pages) == sorted(f"/bind/{number}" for number in range(12))
    assert len(ordinary) == 20
    assert all(count < 12 for count, _ in ordinary), "ordinary pages come before the last of those that wait"
    assert outcome.all_stats["playwright/page_count/max_concurrent"] <= 3
    assert (len(world.tasks), outcome.reason) == (12, "finished")


async def test_no_request_leaves_for_geetest(world: SmallWorld) -> None:
    """Measured where it would arrive."""
    geetest = world.another(lambda _: page("GeeTest"))

    @world.route("/wall")
    def wall(asked: Asked) -> Answer:
        if asked.method == "POST":
            return page("<h1>in</h1>")
        script = 'o.appendTo("#f"); o.onSuccess(function () { document.getElementById("f").submit(); });'
        loader = "http://static.geetest.com/v4/gt4.js"
        linked = f"""<script src="{loader}" onload="window.loaded = 1"></script>
          <script>fetch("http://api.geetest.com/x"); new Image().src = "http://monitor.geetest.com/y.png";
          if (!window.loaded) document.title = "not loaded";</script>"""
        return page(f'<form method="post" id="f"></form>{linked}{v4(script)}', 403)

    rules = f"MAP *.geetest.com {geetest.host}"
    options = {**SETTINGS["PLAYWRIGHT_LAUNCH_OPTIONS"]}
    options["args"] = [*options["args"], f"--host-resolver-rules={rules}"]
    outcome = await browse(world, [visit(f"{world.site.url}/wall")], PLAYWRIGHT_LAUNCH_OPTIONS=options)
    assert outcome.texts("h1::text") == ["in"]
    assert geetest.asked == []


async def test_a_page_that_crashes_buys_nothing_twice(world: SmallWorld) -> None:
    """What was bought for it goes into the page that is loaded in its place."""
    _login(world)
    world.first = slow(1.0)
    crashes: list[bool] = []

    async def enter(opened: Any) -> None:
        await opened.click("#go")
        if not crashes:
            crashes.append(True)
            await asyncio.sleep(0.3)
            session = await opened.context.new_cdp_session(opened)
            await session.send("Page.crash")

    methods = [PageMethod(enter), PageMethod("wait_for_selector", "h1", timeout=5000)]
    outcome = await browse(world, [visit(f"{world.site.url}/login", playwright_page_methods=methods)])
    assert len(outcome.texts("h1")) == 1
    assert (crashes, len(world.tasks), outcome.stats["unused"]) == ([True], 1, 0)
    assert outcome.all_stats["playwright/page_count"] == 2


async def test_a_gate(world: SmallWorld) -> None:
    """One opener for each context; the others load their page again."""

    @world.route("/gate")
    def gate(asked: Asked) -> Answer:
        if asked.cookies.get("open"):
            return page(f"<h1>{asked.path}</h1>")
        script = 'o.appendTo("#f"); o.onSuccess(function () { document.getElementById("f").submit(); });'
        return page(f'<form method="post" action="/enter" id="f"></form>{GEETEST_SCRIPT}{v4(script)}', 403)

    @world.route("/enter")
    def enter(asked: Asked) -> Answer:
        return page("thanks", Set_Cookie="open=1; Path=/") if world.geetest.takes(asked.fields) else page("no", 403)

    contexts = ("one", "two")
    wanted = [visit(f"{world.site.url}/gate/{number}", playwright_context=contexts[number % 2]) for number in range(8)]
    outcome = await browse(world, wanted, {"mode": "gate"}, PLAYWRIGHT_MAX_PAGES_PER_CONTEXT=2)
    assert sorted(outcome.texts("h1::text")) == sorted(f"/gate/{number}" for number in range(8))
    assert (len(world.tasks), outcome.stats["accepted"]) == (2, 2)


async def test_what_a_spider_has_set_keeps_its_meaning(world: SmallWorld) -> None:
    """Its own callback for a new page, and its headers for the first request and, as credentials, for its own origin."""
    form_site(world)
    called: list[str] = []

    async def init(opened: Any, request: Request) -> None:
        called.append(request.url)
        await opened.add_init_script("window.mine = 1")

    request = visit(f"{world.site.url}/form/1", playwright_page_init_callback=init)
    request.headers["X-Mine"] = "1"
    outcome = await browse(world, [request])
    assert called == [f"{world.site.url}/form/1"]
    assert outcome.pages[0].meta["playwright_page_init_callback"] is init
    assert "_geetest" not in outcome.pages[0].meta
    assert {asked.headers.get("x-mine") for asked in world.site.asked if asked.path.startswith("/form")} == {"1"}


async def test_a_challenge_page_that_is_passed_on(world: SmallWorld) -> None:
    """``GEETEST_ON_FAILURE = "pass"``."""
    form_site(world)
    world.wrong = True
    settings = {"GEETEST_ON_FAILURE": "pass", "GEETEST_MAX_ATTEMPTS": 1}
    outcome = await browse(world, [visit(f"{world.site.url}/form/1")], {"refused_css": "b.no"}, **settings)
    assert [one.flags for one in outcome.pages] == [["playwright", "geetest-unsolved"]]
    assert outcome.pages[0].css("#captcha")


async def test_a_stored_challenge_page(world: SmallWorld, tmp_path: Path) -> None:
    """HttpCache: what is stored at last is the page behind."""
    form_site(world)
    settings = {"HTTPCACHE_ENABLED": True, "HTTPCACHE_DIR": str(tmp_path)}
    for _ in range(2):
        outcome = await browse(world, [visit(f"{world.site.url}/form/1")], **settings)
        assert outcome.texts("h1::text") == ["/form/1"]
    assert len(world.tasks) == 1


async def test_a_widget_that_is_called_for_too_late(world: SmallWorld, caplog: pytest.LogCaptureFixture) -> None:
    """The spider has the page: the widget hears an error, nothing is bought, and the log says so."""
    said: list[str] = []
    _login(world, after='o.onError(function (error) { document.getElementById("said").textContent = error.msg; });')

    async def parse(response: Any) -> None:
        opened = response.meta["playwright_page"]
        await opened.click("#go")
        await opened.wait_for_selector("#said:not(:empty)", timeout=5000)
        said.append(await opened.inner_text("#said"))
        await opened.close()

    await browse(world, [visit(f"{world.site.url}/login", playwright_include_page=True).replace(callback=parse)])
    assert ["handed to the spider" in text for text in said] == [True]
    assert world.tasks == []
    assert "asks for a solution after it was handed to the spider" in caplog.text


async def test_a_page_that_never_comes_to_rest(world: SmallWorld) -> None:
    """An ordinary page is delivered all the same."""

    @world.route("/busy")
    def busy(_: Asked) -> Answer:
        return page('<h1>busy</h1><script>fetch("/never");</script>')

    @world.route("/never")
    def never(_: Asked) -> Answer:
        return Answer("", cut="hang")

    outcome = await browse(world, [visit(f"{world.site.url}/busy")])
    assert outcome.texts("h1::text") == ["busy"]
    assert outcome.stats["detected"] == 0

"""Pages with more than one widget, or whose script fails, in a real browser: what is bought, and what the spider is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from browser_crawl import GEETEST_SCRIPT, MARKS, browse, v3, v4, visit
from small_world import Answer, Asked, page

from scrapy_geetest import ChallengeError, SubmissionError

if TYPE_CHECKING:
    from small_world import SmallWorld

try:
    from scrapy_playwright.page import PageMethod
except ImportError:  # then every test here is skipped
    PageMethod = None

pytestmark = MARKS


async def test_two_widgets_of_a_challenge_page(world: SmallWorld) -> None:
    """A task for each."""

    @world.route("/two")
    def two(asked: Asked) -> Answer:
        if asked.query:
            taken = [world.geetest.takes({"lot_number": asked.query[name]}) for name in ("a", "b")]
            return page("<h1>both</h1>" if all(taken) else "no")
        script = """o.appendTo("#captcha"); o.onSuccess(function () {
          window.lots = (window.lots || []).concat(o.getValidate().lot_number);
          if (window.lots.length == 2) location.href = "/two?a=" + window.lots[0] + "&b=" + window.lots[1];
        });"""
        return page(f'<div id="captcha"></div>{GEETEST_SCRIPT}{v4(script)}{v4(script)}', 403)

    outcome = await browse(world, [visit(f"{world.site.url}/two")], {"accepted_css": "h1"})
    assert outcome.texts("h1::text") == ["both"]
    assert (len(world.tasks), outcome.stats["accepted"]) == (2, 2)


async def test_a_component_that_makes_its_widget_twice(world: SmallWorld) -> None:
    """With one challenge, as React does in its strict mode: one task, whose solution both have."""

    @world.route("/twice")
    def twice(asked: Asked) -> Answer:
        if asked.query:
            return page("<h1>in</h1>" if world.geetest.takes(asked.query) else "no")
        script = """o.appendTo("#captcha"); o.onSuccess(function () {
          window.passed = (window.passed || 0) + 1;
          if (window.passed == 2) location.href = "/twice?" + new URLSearchParams(o.getValidate());
        });"""
        widget = v3(script, challenge=challenge)
        return page(f'<div id="captcha"></div>{GEETEST_SCRIPT}{widget}{widget}', 403)

    challenge = world.geetest.issue()
    outcome = await browse(world, [visit(f"{world.site.url}/twice")], {"accepted_css": "h1"})
    assert outcome.texts("h1::text") == ["in"]
    assert (len(world.tasks), outcome.stats["accepted"]) == (1, 1)


async def test_one_of_two_widgets_that_is_not_sent(world: SmallWorld) -> None:
    """A page with two forms, ``geetest=True``: a page method sends one of them; its answer is the page that the spider gets."""

    @world.route("/forms")
    def forms(asked: Asked) -> Answer:
        if asked.method == "POST":
            return page("<h1>in</h1>" if world.geetest.takes(asked.fields) else "no")
        body = '<form method="post"><input name="user"><div id="%s"></div><button id="send-%s">Go</button></form>'
        widgets = "".join(v4(f'o.appendTo("#{name}");', product="popup") for name in ("one", "two"))
        return page("".join(body % (name, name) for name in ("one", "two")) + GEETEST_SCRIPT + widgets)

    request = visit(f"{world.site.url}/forms", geetest=True, playwright_page_methods=[PageMethod("click", "#send-two")])
    outcome = await browse(world, [request], {"accepted_css": "h1"})
    assert outcome.texts("h1::text") == ["in"]
    assert (len(world.tasks), outcome.stats["accepted"], outcome.stats["unused"]) == (2, 1, 1)


@pytest.mark.parametrize("where", ["before the widget", "in onSuccess"])
async def test_a_script_that_fails(world: SmallWorld, where: str) -> None:
    """The error that the spider gets names it, without the solution that it may show."""
    before = "nowhere.ready(); " if where == "before the widget" else ""
    after = 'nowhere.send("secret"); throw new Error(o.getValidate().lot_number);'

    @world.route("/wall")
    def wall(_: Asked) -> Answer:
        make = v4(f'o.appendTo("#captcha"); o.onSuccess(function () {{ {after} }});')
        return page(
            f'<div id="captcha"></div>{GEETEST_SCRIPT}{make.replace("initGeetest4", f"{before}initGeetest4")}', 403
        )

    outcome = await browse(world, [visit(f"{world.site.url}/wall")])
    [error] = outcome.errors
    assert type(error) is (ChallengeError if before else SubmissionError)
    assert str(error).endswith("The first error of its scripts is 'ReferenceError: nowhere is not defined'")


def _answering(world: SmallWorld, then: str) -> None:
    """A withheld page whose script sends the solution, and does *then* with ``show``, which shows what is behind."""

    @world.route("/wall")
    def wall(asked: Asked) -> Answer:
        if asked.query:
            return page("<h1>in</h1>" if world.geetest.takes(asked.query) else "no")
        show = 'function show() { document.body.innerHTML = "<h1>in</h1>"; }'
        send = f'var query = "/wall?" + new URLSearchParams(o.getValidate()); {show} {then}'
        make = v4(f'o.appendTo("#captcha"); o.onSuccess(function () {{ {send} }});')
        return page(f'<div id="captcha"></div>{GEETEST_SCRIPT}{make}', 403)


@pytest.mark.parametrize(
    "then",
    [
        "navigator.sendBeacon(query); setTimeout(show, 1200);",
        "fetch(query).then(function () { setTimeout(show, 1200); });",
        "fetch(query).then(function () { setTimeout(function () { location.replace('/behind'); }, 1200); });",
    ],
    ids=["beacon", "same page", "another page"],
)
async def test_a_page_that_takes_its_time(world: SmallWorld, then: str) -> None:
    """One that looks as before is waited for, though nothing is on its way: many show that it worked, and then go on."""

    @world.route("/behind")
    def behind(_: Asked) -> Answer:
        return page("<h1>in</h1>")

    _answering(world, then)
    outcome = await browse(world, [visit(f"{world.site.url}/wall")])
    assert outcome.texts("h1::text") == ["in"]
    assert (len(world.tasks), outcome.stats["unused"]) == (1, 0)


async def test_a_page_that_opens_another_window(world: SmallWorld) -> None:
    """What is shown there is not seen: the solution may have been taken, and the error says so."""
    _answering(world, "window.open(query);")
    outcome = await browse(world, [visit(f"{world.site.url}/wall")])
    [error] = outcome.errors
    assert isinstance(error, SubmissionError)
    assert "has opened another window" in str(error)
    assert (len(world.tasks), outcome.stats["unverified"], outcome.stats["unused"]) == (1, 1, 0)


async def test_a_page_that_calls_for_nothing(world: SmallWorld, caplog: pytest.LogCaptureFixture) -> None:
    """``geetest=True``: the spider gets it, and the log says once why nothing was bought."""

    @world.route("/login")
    def login(asked: Asked) -> Answer:
        widget = v4("", product="bind") if asked.path == "/login/1" else "<script>nowhere();</script>"
        return page(f'<form><input name="user"></form>{GEETEST_SCRIPT}{widget}')

    bind, none = visit(f"{world.site.url}/login/1", geetest=True), visit(f"{world.site.url}/login/2", geetest=True)
    outcome = await browse(world, [bind, none], {"urls": [f"{world.site.host}/login/1"]}, {"name": "other"})
    told = sorted(line.partition("geetest=True: ")[2] for line in caplog.messages if "geetest=True" in line)
    assert [line.partition(".")[0] for line in told] == [
        "its scripts made no GeeTest widget",
        "its widget (bind) was not called for",
    ]
    assert told[0].endswith("The first error of its scripts is 'ReferenceError: nowhere is not defined'")
    assert (len(outcome.pages), world.tasks) == (2, [])


@pytest.mark.parametrize("first", ["o.destroy();", "frameElement.remove();"], ids=["destroyed", "its frame removed"])
async def test_a_widget_that_is_gone_before_its_solution_is_sent(world: SmallWorld, first: str) -> None:
    """As components do that are not shown any more: the page is the same one, and its status does not keep it from the callback."""

    @world.route("/wall")
    def wall(asked: Asked) -> Answer:
        send = """var query = "/check?" + new URLSearchParams(o.getValidate());
          top.fetch(query).then(r => r.text()).then(function (text) { top.document.body.innerHTML = text; });"""
        make = v4(f'o.appendTo("#captcha"); o.onSuccess(function () {{ var top = window.top; {send} {first} }});')
        widget = f'<div id="captcha"></div>{GEETEST_SCRIPT}{make}'
        if "frame" not in first or asked.path == "/wall/frame":
            return page(widget, 403)
        return page('<iframe src="/wall/frame"></iframe>', 403)

    @world.route("/check")
    def check(asked: Asked) -> Answer:
        return Answer("<h1>in</h1>" if world.geetest.takes(asked.query) else "no")

    outcome = await browse(world, [visit(f"{world.site.url}/wall")], HTTPERROR_ALLOW_ALL=False)
    assert outcome.texts("h1::text") == ["in"]
    assert (len(world.tasks), outcome.stats["accepted"]) == (1, 1)

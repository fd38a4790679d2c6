"""The stand-in in a real Chromium: each member of the widget that GeeTest documents, as a page's script meets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from standin_page import (
    CAPTCHA_ID,
    CHALLENGE,
    FIELDS,
    GT,
    SHOP,
    V3,
    V4,
    Desk,
    Shop,
    document,
    log,
    open_page,
    shop_with,
    v3,
    v3_solution,
    v4,
)

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = pytest.mark.browser

EVENTS = ("onReady", "onNextReady", "onBoxShow", "onSuccess", "onFail", "onError", "onClose")
NEVER = ("onRefresh", "onStatusChange", "setInfos")  # registered, and not called
ACTIONS = ("verify", "showCaptcha", "showBox", "hideCaptcha", "enable", "disable", "reset", "refresh", "destroy")


async def test_what_is_handed_over(chromium: Browser) -> None:
    """Each widget tells the crawl what the page's script gave to GeeTest, and the address of its frame."""
    desk = Desk()
    more = 'product: "popup", api_server: "api-na.geetest.com", lang: "en", width: "100%"'
    script = f"""
      initGeetest({V3}, {more}}}, note); initGeetest({{gt: "{GT}", challenge: "", offline: true}}, note);
      initGeetest4({V4}, riskType: "slide", apiServers: ["a.test"], language: "eng"}}, note);
      initGeetest4({V4}, product: "bind"}}, note); initGeetest4({{}}, note);
      function note() {{}}"""
    async with open_page(chromium, shop_with(script), desk):
        await desk.heard(*["made"] * 5)
    made = desk.of_kind("made")
    assert len({message.pop("widget") for message in made}) == 5
    common = {"kind": "made", "round": 1, "url": f"{SHOP}/", "apiServer": ""}
    old = {**common, "version": 3, "gt": GT, "challenge": CHALLENGE, "offline": False, "new_captcha": True}
    new = {**common, "version": 4, "product": "float", "captchaId": CAPTCHA_ID, "riskType": ""}
    assert made == [
        {**old, "product": "popup", "apiServer": "api-na.geetest.com"},
        {**old, "product": "popup", "challenge": "", "offline": True, "new_captcha": None},
        {**new, "riskType": "slide", "apiServer": "a.test"},
        {**new, "product": "bind"},
        {**new, "captchaId": ""},
    ]


@pytest.mark.parametrize("make", ["initGeetest(%s, note)", "initGeetest4(%s, note)", "new Geetest(%s)"])
async def test_whose_widget_it_is(chromium: Browser, make: str) -> None:
    """Loaders of both versions have used the same name: what is handed over tells the version."""
    desk = Desk()
    script = f"function note() {{}} {make % f'{V3}}}'}; {make % f'{V4}}}'};"
    async with open_page(chromium, shop_with(script), desk):
        await desk.heard("made", "made")
    assert [message["version"] for message in desk.of_kind("made")] == [3, 4]


@pytest.mark.parametrize("make", ["initGeetest", "initGeetest4"])
async def test_the_callback_comes_later(chromium: Browser, make: str) -> None:
    """It never runs inside the call, and finds the elements that stand behind the script."""
    config = V3 if make == "initGeetest" else V4
    call = f'var order = []; {make}({config}}}, function () {{ order.push(!!document.querySelector("#box")); }}); order.push(0);'
    shop = Shop()
    shop.add("/", document("", head=f"<script>{call}</script>"))
    async with open_page(chromium, shop, Desk()) as page:
        await page.wait_for_function("order.length == 2")
        assert await page.evaluate("order") == [0, True]


@pytest.mark.parametrize("script", [v3(), v4()])
async def test_methods_can_be_chained(chromium: Browser, script: str) -> None:
    """Whatever registers, places or acts returns the widget; the solution is asked for without it."""
    async with open_page(chromium, shop_with(script), Desk()) as page:
        await log(page)
        chained = f"{[*EVENTS, *NEVER]}.every(name => captcha[name](function () {{}}) === captcha)"
        assert await page.evaluate(chained)
        assert await page.evaluate("captcha.appendTo('#box') === captcha && captcha.bindForm('#none') === captcha")
        assert await page.evaluate(f"{[*ACTIONS]}.every(name => captcha[name]() === captcha)")


@pytest.mark.parametrize(
    ("script", "solution"), [(v3(product="bind"), v3_solution()), (v4(product="bind"), FIELDS)], ids=["v3", "v4"]
)
@pytest.mark.parametrize("action", ["verify", "showCaptcha", "showBox"])
async def test_bind(chromium: Browser, action: str, script: str, solution: dict[str, str]) -> None:
    """Nothing is wanted until the page asks; then getValidate, false before, has the solution, and onSuccess runs."""
    desk = Desk()
    async with open_page(chromium, shop_with(script), desk) as page:
        await log(page, until="onNextReady")
        await desk.heard("made")
        assert await page.evaluate("captcha.getValidate()") is False
        assert await page.evaluate("document.querySelector('#box').children.length") == 0
        await page.evaluate(f"captcha.{action}().{action}()")
        assert await log(page, until="onSuccess") == ["onReady", "onNextReady", "onBoxShow", "onSuccess"]
        assert await page.evaluate("captcha.getValidate()") == solution
        await page.evaluate(f"captcha.{action}()")
        await desk.heard("made", "wanted", "passed")
        assert desk.of_kind("wanted")[0]["because"] == action


async def test_a_check_of_the_page(chromium: Browser) -> None:
    """``validate``: what the page wants to see before it is worth a solution."""
    desk = Desk()
    script = v3("c.validate(function () { return Boolean(window.filled); }).setInfos(note);", product="bind")
    async with open_page(chromium, shop_with(script), desk) as page:
        await log(page)
        await page.evaluate("captcha.verify()")
        await page.evaluate("window.filled = 1")
        await page.evaluate("captcha.verify()")
        assert await log(page, until="onSuccess") == ["onReady", "onNextReady", "onBoxShow", "onSuccess"]
        await desk.heard("made", "wanted", "passed")


@pytest.mark.parametrize(
    ("script", "button", "done"),
    [
        (v3(), ".geetest_radar_tip", ".geetest_holder.geetest_radar_success"),
        (v3(product="popup"), ".geetest_btn", ".geetest_success_radar_tip .geetest_success_radar_tip_content"),
        (v4(), ".geetest_btn_click", ".geetest_captcha.geetest_lock_success"),
        (v4(product="popup"), ".geetest_holder", ".geetest_captcha.geetest_popup.geetest_lock_success"),
    ],
)
async def test_a_box_to_click(chromium: Browser, script: str, button: str, done: str) -> None:
    """The box is where appendTo wants it, and a click on it asks for the solution."""
    desk = Desk()
    async with open_page(chromium, shop_with(script), desk) as page:
        await page.click(f"#box {button}")
        await page.wait_for_selector(f"#box {done}")
        await desk.heard("made", "wanted", "passed")
        assert desk.of_kind("wanted")[0]["because"] == "click"


@pytest.mark.parametrize(
    "place", ["'#box'", "document.getElementById('box')", "{0: box, length: 1}", "'#a:b'", "'.later'"]
)
async def test_append_to(chromium: Browser, place: str) -> None:
    """A selector, an element, a jQuery object, an id that is no selector, an element that is still being built."""
    script = f"""var box = document.getElementById("box");
      setTimeout(function () {{ document.body.insertAdjacentHTML("beforeend", "<p class='later'></p>"); }}, 100);
      initGeetest({V3}}}, function (c) {{ c.appendTo({place}); }});"""
    shop = shop_with(script, '<div id="box"></div><div id="a:b"></div>')
    async with open_page(chromium, shop, Desk()) as page:
        await page.wait_for_selector(".geetest_holder")
        parent = await page.evaluate("(e => e.id || e.className)(document.querySelector('.geetest_holder').parentNode)")
        assert parent == {"'#a:b'": "a:b", "'.later'": "later"}.get(place, "box")


async def test_solved_without_a_click(chromium: Browser) -> None:
    """The crawl may solve at once; callbacks that are registered afterwards run, too, but only where none ran before."""
    script = f"""var log = [];
      initGeetest4({V4}}}, function (c) {{
        c.appendTo("#box");
        var timer = setInterval(function () {{
          if (!c.getValidate()) {{ return; }}
          clearInterval(timer);
          c.onReady(function () {{ log.push("ready"); }}).onSuccess(function () {{ log.push(this === c); }});
          setTimeout(function () {{ c.onSuccess(function () {{ log.push("again"); }}); log.push("end"); }}, 100);
        }}, 10);
      }});"""
    async with open_page(chromium, shop_with(script), Desk("at once")) as page:
        await page.wait_for_function("log.includes('end')")
        await page.wait_for_timeout(50)
        assert await page.evaluate("log") == ["ready", True, "end"]


async def test_every_callback_runs(chromium: Browser) -> None:
    """One that throws is reported as the page's own error, and stops neither the others nor the widget."""
    then = "c.onReady(note('set up')).onSuccess(function () { throw new Error('own'); }).onSuccess(note('second'));"
    desk = Desk("at once")
    async with open_page(chromium, shop_with(v3(then)), desk, errors=("own",)) as page:
        assert await log(page, until="second") == ["onReady", "set up", "onNextReady", "onSuccess", "second"]
        await page.wait_for_timeout(100)
    await desk.heard("made", "passed")


@pytest.mark.parametrize("method", ["reset", "refresh"])
async def test_reset(chromium: Browser, method: str) -> None:
    """What was given is forgotten; a further solution is another round, which begins with another click."""
    desk = Desk()
    async with open_page(chromium, shop_with(v3()), desk) as page:
        await page.click("#box .geetest_radar_tip")
        await log(page, until="onSuccess")
        await page.evaluate(f"captcha.{method}()")
        assert await page.evaluate("captcha.getValidate()") is False
        assert await page.evaluate("document.querySelector('[name=geetest_validate]').value") == ""
        await page.click("#box .geetest_radar_tip")
        await page.wait_for_function("captcha.getValidate()")
        assert await page.evaluate("captcha.getValidate()") == v3_solution(2)
    told = [(message["kind"], message["round"]) for message in desk.messages]
    once = [("made", 1), ("wanted", 1), ("passed", 1), (method, 1)]
    assert told == [*once, ("again", 2), ("wanted", 2), ("passed", 2)]
    made, again = desk.of_kind("made")[0], desk.of_kind("again")[0]
    assert again == {**made, "kind": "again", "round": 2}


async def test_reset_inside_on_success(chromium: Browser) -> None:
    """Pages send, and reset for the next time: the round that has passed is the first one."""
    then = "c.onSuccess(function () { window.sent = c.getValidate(); c.reset(); });"
    desk = Desk()
    async with open_page(chromium, shop_with(v4(then, "bind")), desk) as page:
        await log(page)
        await page.evaluate("captcha.showCaptcha()")
        await page.wait_for_function("window.sent")
        assert await page.evaluate("[sent, captcha.getValidate()]") == [FIELDS, False]
    told = [(message["kind"], message["round"]) for message in desk.messages]
    assert told == [("made", 1), ("wanted", 1), ("reset", 1), ("again", 2), ("passed", 1)]


async def test_reset_while_a_solution_is_under_way(chromium: Browser) -> None:
    """It is not bought again: what is under way comes all the same."""
    desk = Desk("never")
    async with open_page(chromium, shop_with(v4(product="bind")), desk) as page:
        await log(page)
        await page.evaluate("captcha.showCaptcha().reset().showCaptcha()")
        desk.solve(desk.messages[0])
        await log(page, until="onSuccess")
    await desk.heard("made", "wanted", "passed")


async def test_hide_captcha(chromium: Browser) -> None:
    """onClose runs, and the solution waits until the page shows the CAPTCHA again: it is not bought a second time."""
    desk = Desk("never")
    async with open_page(chromium, shop_with(v4(product="bind")), desk) as page:
        await log(page)
        await page.evaluate("captcha.showCaptcha().hideCaptcha()")
        assert "onClose" in await log(page, until="onClose")
        desk.solve(desk.messages[0])
        await page.wait_for_timeout(50)
        assert await page.evaluate("captcha.reset().getValidate()") is False
        await page.evaluate("captcha.showCaptcha()")
        assert (await log(page, until="onSuccess"))[-1] == "onSuccess"
    await desk.heard("made", "wanted", "passed")


async def test_destroy(chromium: Browser) -> None:
    """The box and its inputs are gone, and no callback runs any more, whatever arrives."""
    desk = Desk("never")
    async with open_page(chromium, shop_with(v4("c.destroy(); c.verify(); c.reset();")), desk) as page:
        await page.wait_for_function("window.captcha")
        desk.solve(desk.messages[0])
        await page.wait_for_timeout(50)
        assert await page.evaluate("[log, captcha.getValidate(), document.querySelector('#box').innerHTML]") == [
            [],
            False,
            "",
        ]
    await desk.heard("made", "destroy")


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (v3(), {"code": "E1", "error_code": "E1", "msg": "no slot", "user_error": "no slot"}),
        (v4(), {"code": "E1", "msg": "no slot", "desc": {"detail": "no slot"}}),
    ],
    ids=["v3", "v4"],
)
async def test_error(chromium: Browser, script: str, error: dict[str, Any]) -> None:
    """onError gets what GeeTest gives to it; a click tries again."""
    desk = Desk("never")
    async with open_page(chromium, shop_with(script), desk) as page:
        await log(page)
        desk.answer(desk.messages[0], {"error": {"code": "E1", "msg": "no slot"}})
        assert (await log(page, until="onError"))[-1] == ["onError", error]
        assert await page.evaluate("captcha.getValidate()") is False
        await page.click("#box .geetest_holder")
        await desk.heard("made", "again", "wanted")


async def test_untouched(chromium: Browser) -> None:
    """A page that is not to be solved keeps its widget; a click on it is another round."""
    desk = Desk("never")
    async with open_page(chromium, shop_with(v3()), desk) as page:
        await log(page)
        desk.answer(desk.messages[0], {"untouched": True})
        await page.wait_for_timeout(50)
        assert await page.evaluate("[log, captcha.getValidate()]") == [["onReady", "onNextReady"], False]
        await page.click("#box .geetest_radar_tip")
        await desk.heard("made", "again", "wanted")
        desk.solve(desk.of_kind("again")[0])
        await log(page, until="onSuccess")
    await desk.heard("made", "again", "wanted", "passed")


async def test_the_crawl_that_fails_is_an_error(chromium: Browser) -> None:
    """Not a page that waits for ever."""

    class Broken(Desk):
        async def take(self, source: Any, message: dict[str, Any]) -> Any:
            del source, message
            raise RuntimeError("closed")

    async with open_page(chromium, shop_with(v4()), Broken()) as page:
        assert (await log(page, until="onError"))[-1][1]["msg"] == "the crawl does not answer"


async def test_several_widgets(chromium: Browser) -> None:
    """Each has its own box, form and solution."""
    script = f"""
      function put(place) {{ return function (c) {{ c.appendTo(place); c.onSuccess(function () {{ window[place] = c; }}); }}; }}
      initGeetest({V3}}}, put("#one")); initGeetest4({V4}}}, put("#two")); initGeetest4({V4}}}, put("#three"));"""
    desk = Desk()
    body = '<p id="one"></p><p id="two"></p><p id="three"></p>'
    async with open_page(chromium, shop_with(script, body), desk) as page:
        await page.click("#three .geetest_btn_click")
        await page.wait_for_function("window['#three']")
        await page.click("#one .geetest_radar_tip")
        await page.wait_for_function("window['#one']")
        assert await page.evaluate("[window['#three'].getValidate(), window['#one'].getValidate()]") == [
            FIELDS,
            v3_solution(2),
        ]
    assert sorted(desk.kinds()) == ["made"] * 3 + ["passed"] * 2 + ["wanted"] * 2


async def test_an_error_of_the_configuration(chromium: Browser) -> None:
    """v4 pages may give onError with the configuration only."""
    script = f"""initGeetest4({V4}, onError: function (error) {{ window.failed = error.msg; }}}}, function () {{}});"""
    desk = Desk("never")
    async with open_page(chromium, shop_with(script), desk) as page:
        await desk.heard("made")
        desk.answer(desk.messages[0], {"error": {"code": "E1", "msg": "no slot"}})
        await page.wait_for_function("window.failed == 'no slot'")


FRAMES = {
    "a page": '<iframe src="/frame"></iframe>',
    "srcdoc": """<iframe srcdoc='<script src="/own.js"></script><div id=box></div>'></iframe>""",
    "written": """<iframe></iframe><script>
        var inner = document.querySelector("iframe").contentDocument;
        inner.open(); inner.write('<div id="box"></div><script src="/own.js"><\\/script>'); inner.close();
      </script>""",
}


@pytest.mark.parametrize("kind", FRAMES)
async def test_in_a_frame(chromium: Browser, kind: str) -> None:
    """A widget in an iframe is the stand-in's as well, with the address of the frame."""
    shop, desk = Shop(), Desk("at once")
    shop.add("/", f"<h1>Shop</h1>{FRAMES[kind]}")
    shop.add("/frame", document(v3()))
    shop.add("/own.js", v3())
    async with open_page(chromium, shop, desk) as page:
        await page.frame_locator("iframe").locator(".geetest_radar_success").wait_for()
    [made] = desk.of_kind("made")
    assert made["url"] == {"a page": f"{SHOP}/frame", "srcdoc": "about:srcdoc"}.get(kind, f"{SHOP}/")

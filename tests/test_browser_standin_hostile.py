"""The stand-in against pages that assign, declare, lock or replace what it lives on, in a real Chromium."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from standin_page import ASK, CAPTCHA_ID, CHALLENGE, GT, SHOP, V3, V4, Desk, Shop, document, open_page, v3_solution

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = pytest.mark.browser

LOADER = '"use strict"; window.initGeetest = window.initGeetest4 = function () { throw new Error("the loader\'s"); };'
USE = f"""
  initGeetest({V3}}}, function (c) {{
    window.captcha = c;
    c.appendTo("#box").onSuccess(function () {{ window.passed = c.getValidate(); }});
  }});"""


async def passed(page: Page) -> Any:
    """What the page got."""
    await page.wait_for_function("window.passed")
    return await page.evaluate("passed")


HOSTILE = {
    "a loader that assigns": LOADER,
    "a loader that assigns what it finds": "window.initGeetest = window.initGeetest || function () { throw 1; };",
    "var": "var initGeetest = function () { throw new Error('own'); }; var initGeetest4;",
    "a constant": "const initGeetest = window.initGeetest; let initGeetest4 = window.initGeetest4;",
    "a declared function": "function initGeetest() { throw new Error('declared'); } function initGeetest4() {}",
    "deleted": "delete window.initGeetest; delete window.initGeetest4;",
    "redefined": "Object.defineProperty(window, 'initGeetest', {value: function () { throw new Error('own'); }});",
    "frozen": "Object.freeze(window.initGeetest); Object.freeze(Object.prototype); Object.freeze(Array.prototype);",
    "its own Geetest": "var Geetest = {own: true}; function Geetest4() {}",
    "replaced functions": """
        window.setTimeout = window.setInterval = function () {}; document.createElement = function () { return null; };
        document.addEventListener = function () {}; window.crypto.getRandomValues = null;
        Element.prototype.addEventListener = function () {};""",
    "an old library's toJSON": """
        Array.prototype.toJSON = function () { return "[" + this.join() + "]"; };
        String.prototype.toJSON = function () { return "'" + this + "'"; };""",
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
async def test_the_globals_stay(chromium: Browser, hostile: str) -> None:
    """Whatever a script before does to them, the next one talks to the stand-in."""
    shop, desk = Shop(), Desk("at once")
    shop.add("/own.js", hostile)
    shop.add("/", document(USE, '<div id="box"></div><script src="/own.js"></script>'))
    async with open_page(chromium, shop, desk) as page:
        assert await passed(page) == v3_solution()
    await desk.heard("made", "passed")


@pytest.mark.parametrize("name", [name for name in HOSTILE if name not in {"a constant", "an old library's toJSON"}])
async def test_an_inline_script_is_no_exception(chromium: Browser, name: str) -> None:
    """The same, with the widget made by the same script, later; only its own constant hides the global from a page."""
    shop, desk = Shop(), Desk("at once")
    shop.add("/", document(f"{HOSTILE[name]}; addEventListener('load', function () {{ {USE} }});"))
    async with open_page(chromium, shop, desk) as page:
        assert await passed(page) == v3_solution()
    await desk.heard("made", "passed")


async def test_a_loader_that_comes_late(chromium: Browser) -> None:
    """A script that the page adds long after loading, and its onload handler, which makes the widget."""
    shop, desk = Shop(), Desk("at once")
    shop.add("/gt.js", f"function initGeetest4() {{ throw new Error('declared'); }} {LOADER}")
    shop.add(
        "/",
        document(f"""setTimeout(function () {{
            var tag = document.createElement("script");
            tag.src = "/gt.js"; tag.onload = function () {{ {USE} initGeetest4({V4}}}, function () {{}}); }};
            document.head.appendChild(tag);
        }}, 300);"""),
    )
    async with open_page(chromium, shop, desk) as page:
        assert await passed(page) == v3_solution()
    assert [message["version"] for message in desk.of_kind("made")] == [3, 4]


async def test_a_function_of_the_page_of_that_name(chromium: Browser) -> None:
    """A call that is none of GeeTest's is for the page's own function, which makes the widget with GeeTest's."""
    own = f"function initGeetest() {{ setTimeout(function () {{ {USE.replace('initGeetest', 'window.initGeetest')} }}, 50); }}"
    shop, desk = Shop(), Desk("at once")
    shop.add("/", document("initGeetest();", f'<div id="box"></div><script>{own}</script>'))
    async with open_page(chromium, shop, desk) as page:
        assert await passed(page) == v3_solution()
    await desk.heard("made", "passed")


async def test_a_wrapper_around_the_global(chromium: Browser) -> None:
    """A page that wraps what it finds neither hides the stand-in nor makes it call itself for ever."""
    own = "var found = window.initGeetest; window.initGeetest = function () { return found.apply(this, arguments); };"
    shop, desk = Shop(), Desk("at once")
    shop.add("/", document(f"{own} initGeetest(); {USE}"))
    async with open_page(chromium, shop, desk) as page:
        assert await passed(page)


async def test_a_locked_global_is_told(chromium: Browser) -> None:
    """Nothing can be done about a property that the page has locked: the crawl is told, once."""
    own = "Object.defineProperty(window, 'initGeetest', {value: function () {}, writable: false, configurable: false});"
    shop, desk = Shop(), Desk()
    shop.add("/", document("", f"<script>{own}</script><p>1</p><script>1</script><p>2</p>"))
    async with open_page(chromium, shop, desk):
        await desk.heard("shadowed")
    assert desk.messages == [{"kind": "shadowed", "widget": "", "name": "initGeetest"}]


@pytest.mark.parametrize(
    "policy",
    [
        "default-src 'none'; script-src 'nonce-n'; form-action 'self'",
        "script-src 'strict-dynamic' 'nonce-n'; style-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        "sandbox allow-scripts; script-src 'nonce-n'",
    ],
)
async def test_content_security_policy(chromium: Browser, policy: str) -> None:
    """The stand-in needs nothing that a policy can forbid."""
    shop, desk = Shop(), Desk()
    body = f'<div id="box"></div><script nonce="n">{USE}</script>'
    shop.add("/", document("", body).replace("<script></script>", ""), content_security_policy=policy)
    async with open_page(chromium, shop, desk) as page:
        await page.click(".geetest_radar_tip")
        assert await passed(page) == v3_solution()


async def test_a_frozen_widget(chromium: Browser) -> None:
    """A page may freeze the object, copy it, or take single functions of it."""
    script = f"""initGeetest({V3}}}, function (c) {{
      var copy = Object.assign({{}}, Object.freeze(c)), get = c.getValidate, on = c.onSuccess;
      new Proxy(copy, {{}}).appendTo("#box"); on(function () {{ window.passed = get(); }});
    }});"""
    shop = Shop()
    shop.add("/", document(script))
    async with open_page(chromium, shop, Desk("at once")) as page:
        assert await passed(page) == v3_solution()


async def test_the_way_out_is_not_seen(chromium: Browser) -> None:
    """No script of the page finds the function that leads to the crawl."""
    shop = Shop()
    shop.add("/", document("window.names = Object.getOwnPropertyNames(window);"))
    async with open_page(chromium, shop, Desk()) as page:
        names = await page.evaluate("names")
    assert ASK not in names
    assert {"initGeetest", "initGeetest4"} <= set(names)


async def test_document_write(chromium: Browser) -> None:
    """A page that writes another one in its place makes its widget with the stand-in as well."""
    page_behind = json.dumps(document(USE)).replace("</", "<\\/")
    shop, desk = Shop(), Desk("at once")
    shop.add(
        "/", document(f"addEventListener('load', function () {{ document.write({page_behind}); document.close(); }});")
    )
    async with open_page(chromium, shop, desk) as page:
        assert await passed(page) == v3_solution()


# A loader as sites bundle it: nothing of it is global but what GeeTest's own script brings. Written for this test.
BUNDLED = """
  function fetchScript(url, done) {
    const tag = document.createElement("script");
    tag.src = url; tag.onload = done; tag.onerror = function () { window.failed = url; };
    document.head.append(tag);
  }
  function jsonp(url, done) {
    const name = "geetest_" + Date.now();
    window[name] = function (answer) { delete window[name]; done(answer.data); };
    fetchScript(url + "&callback=" + name, function () {});
  }
  function three(config, callback) {
    jsonp("http://api.geetest.com/gettype.php?gt=" + config.gt, function (told) {
      fetchScript("http://" + told.static_servers[0] + told[told.type].slice(1), function () {
        callback(new window.Geetest({...config, ...told}));
      });
    });
  }
  function four(config, callback) {
    jsonp("http://gcaptcha4.geetest.com/load?captcha_id=" + config.captchaId, function (told) {
      fetchScript("http://" + told.static_servers[0] + told.static_path + told.js, function () {
        callback(new window.Geetest4({...config, ...told}));
      });
    });
  }"""


@pytest.mark.parametrize(("make", "config"), [("three", V3), ("four", V4)])
async def test_a_bundled_loader(chromium: Browser, make: str, config: str) -> None:
    """Its requests to GeeTest are answered inside the browser, and the widget that it ends with is the stand-in's."""
    shop, desk = Shop(), Desk()
    use = f"""{make}({config}}}, function (c) {{
      c.appendTo("#box").onReady(function () {{ c.verify(); }}).onSuccess(function () {{ window.passed = c.getValidate(); }});
    }});"""
    shop.add("/bundle.js", BUNDLED + use)
    shop.add("/", '<div id="box"></div><script type="module" src="/bundle.js"></script>')
    async with open_page(chromium, shop, desk) as page:
        assert await passed(page)
    [made] = desk.of_kind("made")
    told = {"gt": GT, "challenge": CHALLENGE} if make == "three" else {"captchaId": CAPTCHA_ID}
    assert {name: made[name] for name in told} == told
    await desk.heard("made", "wanted", "passed")
    assert len(shop.elsewhere) == 2


async def test_without_the_crawl(chromium: Browser) -> None:
    """In a page of a context that the crawl does not watch, nothing changes."""
    from scrapy_geetest._browser.standin import make_script

    context = await chromium.new_context()
    try:
        await context.add_init_script(make_script(ASK))
        page = await context.new_page()
        await page.route("**/*", lambda route: route.fulfill(body="<p>1</p>", content_type="text/html"))
        await page.goto(SHOP)
        assert await page.evaluate("[typeof initGeetest, typeof Geetest]") == ["undefined", "undefined"]
    finally:
        await context.close()

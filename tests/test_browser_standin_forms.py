"""The stand-in in a real Chromium: the inputs that forms get, and what is sent then."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest
from standin_page import FIELDS, SHOP, Desk, log, open_page, shop_with, v3, v3_solution, v4

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.async_api import Browser

pytestmark = pytest.mark.browser

FORM = '<form id="form" action="/send" method="post"><input name="user" value="ann"><div id="box"></div>{}</form>'


@pytest.mark.parametrize(
    ("place", "bind"),
    [("", True), ('c.bindForm("#form");', True), ("c.bindForm({0: document.forms[0], length: 1});", True), ("", False)],
)
async def test_inputs_of_v3(chromium: Browser, place: str, *, bind: bool) -> None:
    """They are in the form by the time onSuccess runs, once, and empty before."""
    then = f"{place} c.onSuccess(function () {{ document.forms[0].submit(); }});"
    script = v3(then, "bind") if bind and place else v3(then)
    shop = shop_with(script, FORM.format(""))
    async with open_page(chromium, shop, Desk()) as page:
        await log(page)
        names = "Array.from(document.forms[0].elements, e => [e.name, e.value]).filter(e => e[0] != 'user')"
        assert await page.evaluate(names) == [[name, ""] for name in v3_solution()]
        await page.evaluate("captcha.verify()")
        await page.wait_for_url("**/send")
    assert parse_qsl(shop.sent[0][2]) == [("user", "ann"), *v3_solution().items()]


@pytest.mark.parametrize(
    "how",
    [
        "document.forms[0].submit();",
        "setTimeout(function () { document.forms[0].requestSubmit(); }, 50);",
        "fetch('/send', {method: 'POST', body: new URLSearchParams(new FormData(document.forms[0]))}).then(leave);",
        "setTimeout(function () { fill(document.forms[0]); document.forms[0].submit(); }, 50);",
        "fill(document.forms[0]); document.forms[0].submit();",
        "c.bindForm(document.forms[0]); document.forms[0].submit();",
    ],
)
@pytest.mark.parametrize("own", ["", "".join(f'<input type="hidden" name="{name}">' for name in FIELDS)])
async def test_inputs_of_v4(chromium: Browser, how: str, own: str) -> None:
    """The form around the box sends each field once, whether the page has inputs, adds them, or leaves it to the widget."""
    script = """
      function leave() { location.href = "/gone"; }
      function fill(form) {
        Object.entries(captcha.getValidate()).forEach(function (pair) {
          if (form[pair[0]] && "value" in form[pair[0]]) { form[pair[0]].value = pair[1]; return; }
          var input = document.createElement("input");
          input.type = "hidden"; input.name = pair[0]; input.value = pair[1]; form.appendChild(input);
        });
      }""" + v4(f"c.onSuccess(function () {{ {how} }});")
    shop = shop_with(script, FORM.format(own))
    async with open_page(chromium, shop, Desk("at once")) as page:
        await page.wait_for_url(lambda url: url != f"{SHOP}/")
    expected = {"user": "ann", **FIELDS}
    if own and "bindForm" in how:  # inputs of the page's own that nobody fills stay empty: the widget's follow
        assert dict(parse_qsl(shop.sent[0][2])) == expected
    else:
        assert sorted(parse_qsl(shop.sent[0][2])) == sorted(expected.items())


async def test_bind_form_after_success(chromium: Browser) -> None:
    """Some pages name the form only once there is something to put into it."""
    script = v3('c.onSuccess(function () { c.bindForm("#other"); });')
    body = '<div id="box"></div><form id="other" action="/send"><button id="send">Send</button></form>'
    shop = shop_with(script, body)
    async with open_page(chromium, shop, Desk("at once")) as page:
        await log(page, until="onSuccess")
        await page.click("#send")
        await page.wait_for_url("**/send?*")
    assert dict(parse_qsl(shop.sent[0][1])) == v3_solution()


@pytest.mark.parametrize("script", [v3, v4], ids=["v3", "v4"])
@pytest.mark.parametrize(
    "where", ['target="_blank" action', 'action="/none"><input type="submit" formtarget="_BLANK" formaction']
)
async def test_a_form_for_another_window(chromium: Browser, where: str, script: Callable[..., str]) -> None:
    """Its answer is shown in this one, which the crawl looks at."""
    body = FORM.format('<button id="send" formtarget="_top">Send</button>').replace("action", where, 1)
    button = "input[type=submit]" if "formtarget" in where else "#send"
    shop = shop_with(script(f'c.onSuccess(function () {{ document.querySelector("{button}").click(); }});'), body)
    async with open_page(chromium, shop, Desk("at once")) as page:
        await page.wait_for_url("**/send*")
        assert len(page.context.pages) == 1
    [(_, query, sent)] = shop.sent
    assert dict(parse_qsl(query or sent))["user"] == "ann"

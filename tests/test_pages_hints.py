"""Hints that a page gives: where challenges come from, where scripts send the result, signs of a widget."""

from __future__ import annotations

import pytest
from stored_pages import script, the_widget

from scrapy_geetest._pages.widget import register_hints


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (
            "$.get('/gt/register?t=' + Date.now(), function (d) { initGeetest({gt: d.gt}) })",
            "/gt/register?t={timestamp}",
        ),
        ("$.getJSON('api/captcha', d => initGeetest({gt: d.gt}))", "api/captcha"),
        (
            "$.ajax({type: 'get', url: '/x/y?t=' + (new Date()).getTime(), success(d) { initGeetest({gt: d.gt}) }})",
            "/x/y?t={timestamp}",
        ),
        ("$.ajax('/x/y.php', {success: function (d) { initGeetest({gt: d.gt}) }})", "/x/y.php"),
        (
            "fetch(`/x/y?_=${+new Date}`).then(r => r.json()).then(d => { initGeetest({gt: d.gt}) })",
            "/x/y?_={timestamp}",
        ),
        ("const r = await fetch('/x/y'); const d = await r.json(); initGeetest({gt: d.gt})", "/x/y"),
        ("axios.get('/x/y', {params: {}}).then(({data}) => initGeetest({gt: data.gt}))", "/x/y"),
        ("axios({method: 'get', url: '/x/y'}).then(({data}) => initGeetest({gt: data.gt}))", "/x/y"),
        (
            "var x = new XMLHttpRequest(); x.open('GET', '/x/y?rand=' + Math.random()); x.onload = function () { initGeetest({gt: d.gt}) }",
            "/x/y?rand={timestamp}",
        ),
        ("function a() { $.post('/other/z') } fetch('\\/x\\/y').then(d => initGeetest({gt: d.gt}))", "/x/y"),
        ("$.get('/x?mobile=' + mobile, function (d) { initGeetest({gt: d.gt}) })", None),
        ("$.get(url, function (d) { initGeetest({gt: d.gt}) })", None),
        ("$.get(base + '/x', function (d) { initGeetest({gt: d.gt}) })", None),
        ("$.get('a b', function (d) { initGeetest({gt: d.gt}) })", None),
        ("x.open('GET'); initGeetest({gt: d.gt})", None),
        ("$.ajax({type: 'get'}); initGeetest({gt: d.gt})", None),
        ("function a() { fetch('/x/y') } function b() { initGeetest({gt: d.gt}) }", None),
        ("initGeetest({gt: d.gt}, function () { $.post('/x/y') })", None),
    ],
)
def test_register_url(code: str, hint: str | None) -> None:
    """The request whose answer the widget is initialised with, by its literal."""
    assert the_widget(script(code)).register_url == hint


def test_register_hints() -> None:
    """Told by their call first, then by their name; other steps, other schemes and pages' own scripts left out."""
    page = "<base href='/deep/'>" + script(
        """$.post('/captcha/validate'); fetch('/api/captcha/config'); $.get("gt/start", load);
        var u = '/geetest/register'; // '/geetest/register-old'
        $.get('javascript:geetest/1'); $.get("https://[geetest/"); $.get("/plain"); var text = 'to register with geetest';
        x = "register"; """
    )
    assert register_hints(page.encode(), "https://site.test/a/b") == (
        "https://site.test/api/captcha/config",
        "https://site.test/deep/gt/start",
        "https://site.test/geetest/register",
    )
    assert register_hints("<p>nothing</p>", "https://site.test/") == ()
    many = script("".join(f"$.get('/captcha/{number}');" for number in range(300)))
    assert len(register_hints(many, "https://site.test/")) == 8
    calls = script("".join(f"$.get('/x/{number}',d=>initGeetest({{gt:d.gt}}));" for number in range(30)))
    assert register_hints(calls, "https://site.test/")[0] == "https://site.test/x/0"

"""Calls of GeeTest are read from scripts, without being fooled by what merely looks like one."""

from __future__ import annotations

import pytest
from stored_pages import CHALLENGE, GEETEST, ID, OTHER_ID, PAGES, script, the_widget

from scrapy_geetest._pages.widget import Widget, find_widgets


@pytest.mark.parametrize(
    "call",
    [
        "initGeetest4({captchaId: '%s'}, cb)",
        "window.initGeetest4({captchaId: '%s'}, cb)",
        "window.initGeetest4 && window.initGeetest4({captchaId: '%s'})",
        "initGeetest4&&initGeetest4({captchaId:'%s',product:'bind'},function(e){e.showCaptcha()})",
        "window.initGeetest4?.({captchaId: '%s'}, cb)",
        'window["initGeetest4"]({captchaId: "%s"}, cb)',
        "window['initGeetest4']?.({captchaId: `%s`}, cb)",
        "(0, sdk.initGeetest4)({captchaId: '%s'})",
        "(initGeetest4)({captchaId: '%s'}, cb)",
        "var shown=(window.initGeetest4)({captchaId: '%s'}, cb)",
        "initGeetest4.call(null, {captchaId: '%s'}, cb)",
        "window.initGeetest4.apply(window, [{captchaId: '%s'}, cb])",
        "self . initGeetest4({captchaId: '%s'}, cb)",
        "frame.contentWindow?.initGeetest4({captchaId: '%s'}, cb)",
        "!function(e){e.initGeetest4({captchaId: '%s'}, cb)}(window)",
        "shown = [initGeetest4({captchaId: '%s'}, cb)]",
        "if(e)/[\"/]'/i.test(f);initGeetest4({captchaId: '%s'}, cb)",
        "while (more(e)) /`\\//.exec(f); initGeetest4({captchaId: '%s'}, cb)",
        "var half = (a + b) / 2, path = '/a/b'.length; initGeetest4({captchaId: '%s'}, cb)",
        "var part = (a)/b/c.test('d'); initGeetest4({captchaId: '%s'}, cb)",
        "if(window.initGeetest4){new Promise(r=>initGeetest4 ( {'captchaId':\"%s\"}, r))}",
        "async function init() { await load(); initGeetest4({ captchaId: '%s' }, h) }",
        "var captchaId = '%s';\n initGeetest4({captchaId: captchaId}, cb)",
        "const captchaId = `%s`\n initGeetest4({captchaId}, cb)",
        "window.CAPTCHA = '%s'; initGeetest4({captchaId: window.CAPTCHA}, function (gt) {})",
        "var config = {captchaId: '%s', product: 'popup'}; initGeetest4(config, cb)",
        "var site = {geetest: {captcha_id: '%s'}}; initGeetest4({captchaId: site.geetest.captcha_id}, cb)",
        'window.__GEETEST__ = {"captcha_id": "%s"}; initGeetest4({captchaId: __GEETEST__.captcha_id}, cb)',
        "var conf = {}; conf.captchaId = '%s'; initGeetest4({captchaId: conf.captchaId}, cb)",
        "initGeetest4({gt: '%s'}, cb)",
        "initGeetest({captchaId: '%s', apiServers: ['captcha-api.vendor.test']}, cb)",
        "var re = /[\"'/*]/g; initGeetest4({captchaId: '%s'}, cb)",
        "var half = 1 / 2; var s = 'it\\'s'; initGeetest4({captchaId: '%s'}, cb) // ' done",
        "var t = `a ${b ? `c ${'}'}` : {d: 1}.d} /*`; initGeetest4({captchaId: '%s'}, cb)",
        "<!--\n initGeetest4({captchaId: '%s'}, cb)\n//-->",
        "//<![CDATA[\n initGeetest4({captchaId: '%s'}, cb)\n//]]>",
        "initGeetest4({/* the id */ captchaId: /* here: */ '%s' /* ! */, // end\n product: 'float'}, cb)",
        "initGeetest4({captchaId: '\\x%s'}, cb)",
    ],
)
def test_calls_that_are_one(call: str) -> None:
    """Every way in which a visitor's browser is told to show a v4 widget, with its literal id."""
    code = call.replace("\\x%s", f"\\x{ord(ID[0]):x}{ID[1:]}").replace("%s", ID)
    widget = the_widget(script(code))
    assert (widget.version, widget.captcha_id, widget.gt) == (4, ID, None)


@pytest.mark.parametrize(
    "page",
    [
        f"<!-- <script>initGeetest4({{captchaId: '{ID}'}})</script> --><p>geetest</p>",
        script(f"// initGeetest4({{captchaId: '{ID}'}})"),
        script(f"/* initGeetest4({{captchaId: '{ID}'}}) */"),
        script("/* unclosed initGeetest({gt: data.gt})"),
        script("var doc = 'call initGeetest({gt: data.gt}, handler)'"),
        script("var doc = `call\n initGeetest({gt: data.gt}, handler)`"),
        script("function initGeetest(data) { return data }"),
        script("var page = {initGeetest: function (data) {}, methods: {initGeetest4(options) { return 1 }}}"),
        script("this.initGeetest(data)"),
        script(
            f"that.initGeetest({{gt: '{ID}'}}); _this . initGeetest4({{captcha: '{ID}'}}); (that.initGeetest4)({{}})"
        ),
        script(f"that['initGeetest']({{gt: '{ID}'}}); shop.captcha?.initGeetest.call(shop, {{gt: '{ID}'}})"),
        script("$('#captcha').initGeetest({gt: data.gt}); $.initGeetest({gt: data.gt}); all[0].initGeetest4({})"),
        script("watch(initGeetest)({gt: data.gt}); initGeetest.call(window); initGeetest.apply(null, rest)"),
        script("start(initGeetest()); myinitGeetest({gt: 1}); initGeetest4x({}); $initGeetest({})"),
        script("if (typeof initGeetest === 'undefined') { report() }"),
        script(f"initGeetest4({{captchaId: '{ID}'}})", ' type="text/template"'),
        script(f"initGeetest4({{captchaId: '{ID}'}})", ' type="text/plain"'),
        script(f'{{"html": "initGeetest4({{captchaId: {ID}}})"}}', ' type="application/json"'),
        script(f"initGeetest4({{captchaId: '{ID}'}})", ' src="/app.js"'),
        f"<pre>initGeetest4({{captchaId: '{ID}'}})</pre><code>initGeetest({{gt: data.gt}})</code>",
        f"<pre><code><script>initGeetest4({{captchaId: '{ID}'}})</script></code></pre>",
        f"<textarea><script>initGeetest4({{captchaId: '{ID}'}})</script></textarea>",
        f"<template><script>initGeetest4({{captchaId: '{ID}'}})</script></template>",
        f"<button data-copy=\"<script>initGeetest4({{captchaId: '{ID}'}})</script>\">copy</button>",
        '<p>GeeTest explained</p><script src="/js/gt.js"></script>',
        '<a href="https://www.geetest.com">geetest</a>',
        '<script src="/js/gt.js"></script><p>A car dealer: Audi GT</p>',
        f'<!-- geetest --><!--[if IE]><script src="{GEETEST}/v4/gt4.js"></script><![endif]-->',
        script("// geetest\nvar a = 1; /* geetest */") + '<script src="/js/gt.js"></script>',
        script(f"var help = 'put <script src=\"{GEETEST}/v4/gt4.js\"> into the page'"),
        script(f'push("<pre><script src=\\"{GEETEST}/v4/gt4.js\\"></pre>")'),
        f'<script src="{GEETEST}/www/js/site.js"></script>',
        '<script src="http://[geetest/gt4.js"></script>',
        "",
        "geetest",
        "<script",
        "<script>initGeetest4",
    ],
)
def test_pages_without_a_widget(page: str) -> None:
    """Comments, strings, documentation, definitions, unrelated scripts: no false alarm."""
    assert find_widgets(page) == ()


@pytest.mark.parametrize(
    ("page", "version", "brand"),
    [
        (f'<script src="{GEETEST}/static/tools/gt.js"></script>', 3, "GeeTest"),
        ('<script src="//static.geetest.com/static/js/gt.0.4.9.js?x=1"></script>', 3, "GeeTest"),
        (f'<SCRIPT SRC={GEETEST}/v4/gt4.js ASYNC></SCRIPT><script src="/app.js"></script>', 4, "GeeTest"),
        ('<script src="https://static.geevisit.com/v4/gt4.js"></script>', 4, "GeeTest"),
        ('<script src="https://static.alicaptcha.com/v4/ct4.js"></script>', 4, "Alibaba Cloud"),
        ('<script src="https://static.geelabapi.com/v4/gt4.js"></script>', 4, "Geelab"),
        (f'<link rel="preload" as="script" href="{GEETEST}/v4/gt4.js">', 4, "GeeTest"),
        ('<div class="geetest-box"></div><script src="/js/gt4.js?v=2"></script>', 4, "GeeTest"),
        ('<script src="/vendor/geetest/gt.js"></script>', 3, "GeeTest"),
        ('<script src="/js/gt.min.js"></script>' + script("send({geetest_challenge: x})"), 3, "GeeTest"),
        (script(f"load('{GEETEST}/v4/gt4.js')"), 4, "GeeTest"),
        (script(f"document.write('<script src=\"{GEETEST}/static/tools/gt.js\"><\\/script>')"), 3, "GeeTest"),
        (script("window.initGeetest=function(e,t){}"), 3, "GeeTest"),
        (script("!function(e){e.initGeetest4=function(a,b){}}(window)"), 4, "GeeTest"),
        (script("var s=['cap-eu.geelabapi.com'];window.initGeetest4=(a,b)=>{}"), 4, "Geelab"),
        (script("initAlicom4({captchaId: id}, cb)"), 4, "Alibaba Cloud"),
        (script("initGeetest4({captchaId: id, apiServers: ['cap-na.geelabapi.com']}, cb)"), 4, "Geelab"),
        (
            '<script src="https://captcha-stat.engagelab.com/www/gt4.js"></script>' + script("initGeetest(config, cb)"),
            4,
            "EngageLab",
        ),
        ('<script src="/gt4.js"></script>' + script("initGeetest(config, cb)"), 4, "GeeTest"),
        ('<script src="/gt4.js"></script>' + script("initGeetest({gt: d.gt, challenge: d.challenge})"), 3, "GeeTest"),
        (script("initGeetest({gt: d.gt}, function (gt4) {})"), 3, "GeeTest"),
        ('<button onclick="initGeetest({gt: &quot;x&quot;}, cb)">go</button>', 3, "GeeTest"),
    ],
)
def test_version_and_brand(page: str, version: int, brand: str) -> None:
    """Linked, loaded and inlined loaders count where they are GeeTest's; white labels are named."""
    widget = the_widget(page)
    assert (widget.version, widget.brand) == (version, brand)
    assert widget.evidence


@pytest.mark.parametrize(
    "value",
    [
        "data.gt",
        "gt",
        "res['gt']",
        "'{{ gt }}'",
        "'${gt}'",
        "`${gt}`",
        "'<%= gt %>'",
        "{ Python_Interface: GT }",
        f"'{ID}' + suffix",
        f"debug ? '{ID}' : data.gt",
        f"data.gt || '{ID}'",
        f"decode('{ID}')",
        f"'{ID}'.slice(1)",
        f"['{ID}'].pop()",
        "'YOUR_CAPTCHA_ID_1234'",
        "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'",
        "'aaaaaaaaaaaaaaaaaaaaaaa1'",
        "'1'",
        "''",
        "123",
        "null",
    ],
)
def test_an_expression_is_never_a_value(value: str) -> None:
    """Nor is a placeholder that was left unrendered, nor what no id can look like."""
    for name, key in (("initGeetest", "gt"), ("initGeetest4", "captchaId")):
        widget = the_widget(script(f"{name}({{{key}: {value}, challenge: {value}}}, handler)"))
        assert (widget.gt, widget.captcha_id, widget.challenge) == (None, None, None)
        assert widget.unread[0].startswith(f"{key}: ")


@pytest.mark.parametrize(
    "code",
    [
        "var id = '%s'; id = data.id; initGeetest4({captchaId: id})",
        "var id = '%s'; id = '{other}'; initGeetest4({captchaId: id})".replace("{other}", OTHER_ID),
        "var id = '%s' + x; initGeetest4({captchaId: id})",
        "var id = '%s'\n .trim(); initGeetest4({captchaId: id})",
        "var id = '%s'; function start(id) { initGeetest4({captchaId: id}) }",
        "var id = '%s'; load().then(id => initGeetest4({captchaId: id}))",
        "var id = '%s'; load().then(({id}) => initGeetest4({captchaId: id}))",
        "var id = '%s'; { const {id} = data; initGeetest4({captchaId: id}) }",
        "other.id = '%s'; initGeetest4({captchaId: id})",
        "var myid = '%s'; initGeetest4({captchaId: id})",
        "if (id == '%s') { initGeetest4({captchaId: id}) }",
        "// id = '%s'\n initGeetest4({captchaId: id})",
        "var c = {id: '%s'}; c = load(); initGeetest4({captchaId: c.id})",
        "var c = {id: '%s'}; c.id = data.id; initGeetest4({captchaId: c.id})",
        "var c = {id: '%s'}; initGeetest4({captchaId: c.key})",
        "var c = {d: load('%s')}; initGeetest4({captchaId: c.d.id})",
        "var c = {key: '%s', captchaId: d.id}; function f(c) { initGeetest4(c, cb) }",
        "var c = load('%s'); initGeetest4(c, cb)",
        "initGeetest4(load('%s'), cb)",
    ],
)
def test_a_name_that_could_hold_something_else_is_no_value(code: str) -> None:
    """Only a name to which nothing but one literal is ever given stands for that literal."""
    assert the_widget(script(code.replace("%s", ID))).captcha_id is None


def test_everything_that_a_v3_call_tells() -> None:
    """A challenge rendered into the page, with the parameters around it."""
    widget = the_widget((PAGES / "article-v3-rendered.html").read_bytes())
    assert widget == Widget(
        version=3,
        gt=ID,
        challenge=CHALLENGE,
        api_server="api-na.geetest.com",
        product="embed",
        new_captcha=True,
        offline=False,
        evidence="a call of initGeetest in a script",
        is_called=True,
    )


def test_everything_that_a_v4_call_tells() -> None:
    """The id, the kind of risk, the server, however they are written."""
    widget = the_widget((PAGES / "signup-v4-minified.html").read_bytes())
    assert widget == Widget(
        version=4,
        captcha_id=ID,
        api_server="gcaptcha4.geevisit.com",
        risk_type="slide",
        product="bind",
        evidence="a call of initGeetest4 in a script",
        is_called=True,
    )


def test_limits_of_what_is_looked_at() -> None:
    """Names, attributes, mentions and values beyond any real page's are left out, and raise nothing."""
    calls = "".join(
        f"initGeetest4({{captchaId: a{n}.b.c, riskType: r{n}, product: p{n}, apiServer: s{n}}});" for n in range(16)
    )
    assert len(find_widgets(script(calls))) == 16
    parameters = "".join(f"function(p{n}){{}}" for n in range(20_100))
    assert the_widget(script(parameters + "initGeetest4({captchaId: id})")).captcha_id is None
    assignments = f"id = '{ID}';" * 80
    assert the_widget(script(assignments + "initGeetest4({captchaId: id})")).captcha_id == ID
    attributes = " ".join(f"a{n}=1" for n in range(80))
    assert find_widgets(f"<div {attributes} class=geetest></div><script src=gt4.js></script>") == ()
    assert find_widgets(script("'a b geetest c';" * 1100) + "<script src=gt4.js></script>") == ()
    loader = f'<script src="{GEETEST}/v4/gt4.js"></script>'
    assert the_widget(loader + script("ab='b';" * 100_100 + f"captchaId='{ID}'")).captcha_id is None


@pytest.mark.parametrize(
    "code",
    [
        "var c = {a: {b: '%s'}}; initGeetest4({captchaId: c.a.b})",
        "var t = `\\\\` + `a\\`b`; initGeetest4({captchaId: '%s'})",
        "var t = 'a\\\nb'; initGeetest4({captchaId: '%s'})",
        "var t = 'never closed\n initGeetest4({captchaId: '%s'})",
        "var t = [/ never closed\n, 1]; initGeetest4({captchaId: '%s'})",
        "var t = ` last; \n initGeetest4({captchaId: '%s'})",
        "var t = `${{a: {}}.a}`; initGeetest4({captchaId: '%s'})",
    ],
)
def test_scripts_that_are_hard_to_read(code: str) -> None:
    """Escapes, line continuations, nested braces, and what is never closed."""
    assert the_widget(script(code.replace("%s", ID))).captcha_id == ID


@pytest.mark.parametrize(
    "attributes",
    [
        "",
        ' type="module"',
        ' type="litespeed/javascript"',
        ' type="a1b2c3-text/javascript"',
        ' type="rocketlazyloadscript" data-rocket-type="text/javascript"',
        ' type="text/plain" data-cookieconsent="statistics"',
    ],
)
def test_scripts_that_are_run_late(attributes: str) -> None:
    """Those that speed up a page, or ask for consent first, run them in the end."""
    assert the_widget(script(f"initGeetest4({{captchaId: '{ID}'}})", attributes)).captcha_id == ID


@pytest.mark.parametrize(
    "code",
    [
        "initGeetest4({captchaId: c.a.b.d})",
        "var c = {a: 1}; initGeetest4({captchaId: c.a.b})",
        "var c = {}; initGeetest4({captchaId: c.a.b})",
        "var t = `never ${ closed; initGeetest4({captchaId: `a",
        "initGeetest4({captchaId: id",
        "initGeetest4(id",
        "initGeetest4({a: {b: 1}, ['c']: 2, 'd e': 3, ...f})",
    ],
)
def test_calls_without_an_id(code: str) -> None:
    """The widget is there; what it is initialised with is not."""
    assert the_widget(script(code)).captcha_id is None

"""Widgets are read from pages as they are, without being fooled by what merely looks like one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrapy_geetest._pages.calls import brand_of, linked_loader
from scrapy_geetest._pages.prefilter import MAX_READ, may_be_live
from scrapy_geetest._pages.values import host, is_challenge, is_site_id, word
from scrapy_geetest._pages.widget import Widget, find_widgets, may_carry, register_hints, submit_hints

PAGES = Path(__file__).parent / "pages"
ID = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
OTHER_ID = "f0e1d2c3b4a5968778695a4b3c2d1e0f"
CHALLENGE = "5e9f3c1d7a2b4e6f8091a2b3c4d5e6f7"
GEETEST = "https://static.geetest.com"


def script(code: str, attributes: str = "") -> str:
    return f"<html><body><p>Welcome</p><script{attributes}>{code}</script></body></html>"


def the_widget(page: str | bytes) -> Widget:
    widgets = find_widgets(page)
    assert len(widgets) == 1, widgets
    return widgets[0]


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
    "before", ["<p>Flour, water, salt.</p>", '<li class="item geetest"><a href=/>Bread</a></li>' + " " * 80]
)
def test_a_long_page_is_read_where_it_matters(before: str) -> None:
    """Its beginning, and the scripts behind it that name a function or a loader; what stands elsewhere is no script."""
    call = f"initGeetest4({{captchaId: '{ID}'}})"
    long = before * (3 * MAX_READ // len(before))
    for start in ("", "<div class=geetest></div>"):
        assert the_widget(start + long + script(call)).captcha_id == ID
        assert the_widget(start + long + f"<script src={GEETEST}/v4/gt4.js></script>").version == 4
        assert find_widgets(start + long + f"<pre>{call}</pre>") == ()
        assert find_widgets(start + long + f"<!-- {script(call)} -->") == ()
    assert the_widget(script("var geetest=1;" * (MAX_READ // 5) + call)).captcha_id == ID


_COMMENTED = "/* initGeetest4({captchaId: 1}) gt4.js */"


@pytest.mark.parametrize(
    "mention",
    [
        f"<p>Call initGeetest({{gt: 1}}) of {GEETEST}/v4/gt4.js</p>",
        f"<!-- initGeetest({{}}); <script src='{GEETEST}/v4/gt4.js'></script> -->",
        "<a href='/blog/geetest'>GeeTest</a><img alt=geetest src=/geetest.png>",
        script(_COMMENTED),
        script(f"// initGeetest4() by {GEETEST}/v4/gt4.js\nvar a = 1"),
        script("var a = 'GeeTest', b = 'geetest'"),
        "<script src=//cdn.test/app.js>var gt = 'geetest'</script>",
    ],
)
def test_mentions_are_told_without_reading_the_page(mention: str) -> None:
    """Prose, comments and names in scripts are no reason to read all of a page's markup."""
    assert not may_be_live(f"<html><body>{mention}<script>var b = 2</script>geetest</body></html>".encode())


@pytest.mark.parametrize(
    "live",
    [
        script(_COMMENTED + "initGeetest4({captchaId: 1})"),
        f"<script src=//{GEETEST[8:]}/v4/gt4.js></script>",
        "<script src='/js/gt.js' data-a='>'></script>",
        "<button onclick='load().then(d => initGeetest({gt: d.gt}))'>",
        "<!--><script>initGeetest({gt: d.gt})</script>",
        "<a title='<!--'></a><script>initGeetest({gt: d.gt})</script>",
        "<link rel=preload href=/gt4.js>",
        "initGeetest " * 1_100,
        "<script>initGeetest(",
    ],
)
def test_what_may_be_live_is_read(live: str) -> None:
    """Rather too much than too little."""
    assert may_be_live(live.encode())


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


def test_widgets_are_kept_apart() -> None:
    """Two widgets of two versions with what belongs to each, in the page's order; one endpoint each."""
    page = (PAGES / "account-several.html").read_bytes()
    first, second, third = find_widgets(page)
    assert (first.version, first.product, first.register_url) == (3, "float", "/pc/gt/register?t={timestamp}")
    assert (second.version, second.register_url) == (3, "mobile/gt/register?t={timestamp}")
    assert (third.version, third.captcha_id, third.risk_type) == (4, OTHER_ID, "nine")
    assert register_hints(page, "https://site.test/account/") == (
        "https://site.test/pc/gt/register?t={timestamp}",
        "https://site.test/account/mobile/gt/register?t={timestamp}",
    )


def test_a_documentation_page_is_none() -> None:
    """It links an unrelated gt.js, shows calls in every way that is not run, and speaks of GeeTest throughout."""
    assert find_widgets((PAGES / "documentation.html").read_bytes()) == ()


def test_ids_shown_outside_of_the_call() -> None:
    """In a data attribute, a hidden input, JSON or a variable, where the page shows one only."""
    loader = f'<script src="{GEETEST}/v4/gt4.js"></script>'
    shown = [
        f'<div id="c" data-captcha-id="{ID}"></div>' + script("initGeetest4({captchaId: c.dataset.captchaId})"),
        f'<div data-geetest-id="{ID}"></div>{loader}',
        f'<input type="hidden" name="captcha_id" value="{ID}">{loader}',
        f'<meta name="geetest-captcha-id" content="{ID}">{loader}',
        loader + script(f'{{"a": 1, "captcha_id": "{ID}"}}', ' type="application/json"'),
        loader + script(f'window.__GEETEST__ = {{"captcha_id": "{ID}"}}'),
        loader + script(f"window.GEETEST_ID = '{ID}'"),
    ]
    assert [the_widget(page).captcha_id for page in shown] == [ID] * len(shown)
    other = f'<div data-captcha-id="{OTHER_ID}"></div>'
    assert [the_widget(page + other).captcha_id for page in shown] == [None] * len(shown)


def test_v3_values_shown_outside_of_the_call() -> None:
    """Hidden inputs that the script reads."""
    page = f"""<input type="hidden" id="gt" value="{ID}"><input type="hidden" id="challenge" value="{CHALLENGE}">"""
    widget = the_widget(page + script("initGeetest({gt: $('#gt').val(), challenge: $('#challenge').val()}, cb)"))
    assert (widget.gt, widget.challenge) == (ID, CHALLENGE)


def test_the_id_of_another_vendor_is_not_taken() -> None:
    """NetEase Yidun has a captchaId, too."""
    yidun = script(f"initNECaptcha({{captchaId: '{OTHER_ID}', element: '#c'}})")
    assert find_widgets(yidun) == ()
    assert the_widget(yidun + script("initGeetest4({captchaId: data.id}, cb)")).captcha_id is None


def test_comparisons_in_an_inlined_loader_are_no_values() -> None:
    """The loader compares ``gt`` with the ids of certain customers."""
    page = script(f"window.initGeetest=function(c){{if(c.gt==='{ID}'||'{ID}'==c.gt){{c.api_server='x.test'}}}}")
    assert the_widget(page).gt is None


def test_encodings() -> None:
    """UTF-16 by its byte order mark, text, and bytes that are no text at all."""
    page = script(f"initGeetest4({{captchaId: '{ID}'}}, cb)")
    for body in (page.encode("utf-16"), b"\xff\xfe\x00" + page.encode("utf-16-le"), page.encode() + b"\xff\xfe\x80"):
        assert len(find_widgets(body)) <= 1
    assert the_widget(page.encode("utf-16")).captcha_id == ID
    assert the_widget(page + "\ud800").captcha_id == ID


def test_markup_that_browsers_repair() -> None:
    """Unclosed elements, comments of odd length, quotes in odd places, apostrophes in text."""
    call = f"<script>initGeetest4({{captchaId: '{ID}'}}, cb)"
    pages = [
        call,
        f"<pre>never closed {call}</script>",
        f"<!-->{call}</script>-->",
        f"<!--->{call}</script>",
        f"<!-- a -- b --!>{call}</script>",
        f"<!DOCTYPE html><?php echo 1 ?>{call}</SCRIPT >",
        f"<p title=don't>it's</p>{call}</script>",
        f"<a href='x>y' title=\"a > b\">{call}</script>",
        f"<p {'=' * 300}>{call}</script>",
        f"<p {'a=b ' * 300} title='>'>{call}</script>",
        f"<p {'a=b ' * 300} x>{call}</script>",
        f"<script type='text/javascript; charset=utf-8'>{call.removeprefix('<script>')}</script>",
    ]
    assert [the_widget(page).captcha_id for page in pages] == [ID] * len(pages)
    assert find_widgets(f"<!-- {call}</script>") == find_widgets(f'<a title="{call}</script>') == ()


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


def test_values() -> None:
    """What an id, a challenge, a host and a word may be."""
    assert is_site_id(ID)
    assert is_site_id("shop-4711_Login-id")
    assert not any(map(is_site_id, (None, 1, "", "short1", ID + "!", "x" * 65, "no-digits-in-here-at-all")))
    assert is_challenge(CHALLENGE)
    assert is_challenge(CHALLENGE + "9c")
    assert not any(map(is_challenge, (None, "", CHALLENGE[1:], CHALLENGE * 2, "x" * 32, ID[:-1] + "-")))
    assert host("https://API.geetest.com/gettype.php") == "api.geetest.com"
    assert [host(one) for one in (None, "localhost", "a b.test", "1.2.3.4", "x." * 300 + "test", "api.test:80")] == [
        None
    ] * 6
    assert [word(one) for one in ("slide", "two words", 1)] == ["slide", None, None]
    assert [brand_of(one) for one in (None, "notgeetest.com", "api.geetest.com.")] == [None, None, "GeeTest"]
    assert linked_loader("/gt.js", is_about_geetest=False) is None


def test_the_number_of_widgets_is_bounded() -> None:
    """At most sixteen, however many calls there are."""
    assert len(find_widgets(script(f"initGeetest4({{captchaId: '{ID}'}});" * 100))) == 16
    assert len(find_widgets(script("initGeetest({gt: a.gt});") * 100)) == 16


@pytest.mark.parametrize(
    "unit",
    [
        b"initGeetest ",
        b"<!--initGeetest4(",
        b"<script>initGeetest({",
        b"<script>initGeetest({gt:a.b",
        b"<pre><code><script>",
        b'<a ="geetest',
        b"<script>/(['\"`${/*initGeetest4({",
        b"a=b={a:",
        b"$.ajax({url:'/gt/register?t='+",
        b")/[",
        b"if(a)/b/.test(",
        b"'\"`",
        b'"\\',
        b"`${",
        b"'a",
        b"</script><script>'eetest '",
        b"</script><input name=a value=b>",
        b"</script><!-- -->",
        b"function(a,b){}",
        b"initGeetest4({captchaId:a.b});",
        b"gt='a';",
    ],
)
def test_hostile_markup_takes_little_time(unit: bytes) -> None:
    """Four million bytes of it: a fifth of a second, on a loaded machine somewhat more."""
    body = b"<script>initGeetest4({captchaId:a})" + unit * (4_000_000 // len(unit))
    begin = time.process_time()
    assert len(find_widgets(body)) <= 16
    assert time.process_time() - begin < 1.0
    register_hints(body, "https://site.test/")
    submit_hints(body, "https://site.test/")
    assert time.process_time() - begin < 3.0


_PIECES = st.sampled_from(
    [
        "<script>",
        "</script>",
        "<!--",
        "-->",
        "initGeetest",
        "initGeetest4",
        "({",
        "captchaId:",
        f"'{ID}'",
        '"',
        "'",
        "`",
        "${",
        "}",
        "/*",
        "*/",
        "//",
        "\n",
        "\\",
        "/",
        ")",
        "gt:",
        "a.b",
        "=",
        "<pre>",
        "$.get(",
        "geetest",
        "<a x='",
        ">",
        "[",
        "]",
        ",",
        "function",
    ]
)


@settings(deadline=None)
@given(st.one_of(st.text(), st.binary(), st.lists(_PIECES, max_size=60).map("".join)))
def test_anything_may_be_a_page(body: Any) -> None:
    """Whatever the page is, reading it raises nothing, and what is read is checked."""
    page = body if isinstance(body, str) else body + b"geetest"
    for widget in find_widgets(page):
        assert widget.version in {3, 4}
        assert widget.captcha_id in {None, ID}
    for hint in register_hints(page, "https://site.test/"):
        assert hint.startswith(("http://", "https://"))
    assert isinstance(may_carry(b"" if isinstance(page, str) else page), bool)

"""What the rest of a page says of the answer: its forms, words of success, gates, and what is said to be unknown."""

from __future__ import annotations

from typing import Any

import pytest
from page_answers import ID, START3, START4, URL, V3, V4, look, sent
from scrapy import Request

from scrapy_geetest import GeetestSite, V4Solution

FORMS = '<form action="/search"><input name="q"></form><form id="login" action="/login" method="post"><input type="hidden" name="csrf" value="1"><div id="box"></div><button>Go</button></form>'


@pytest.mark.parametrize(
    ("script", "markup", "expected"),
    [
        (START3 % "", FORMS, ("POST", "/login", V3, "page form")),
        (START4 % "captcha.bindForm('#login');", FORMS, ("POST", "/login", V4, "page form")),
        (
            START4.replace("'#box'", "document.getElementById('box')") % "",
            FORMS,
            ("POST", "/login", V4, "page form"),
        ),
        (
            START3 % "$('#login').on('submit', function (e) { if (!captcha.getValidate()) { e.preventDefault(); } });",
            FORMS,
            ("POST", "/login", V3, "page form"),
        ),
        (
            START3 % "",
            '<form method="post"><div id="box"></div></form>',
            ("POST", "/dir/page.html", V3, "page form"),
        ),
        (
            START3
            % "var r = captcha.getValidate(); $('#c').val(r.geetest_challenge); $('#v').val(r.geetest_validate); $('#s').val(r.geetest_seccode);",
            '<form method="post" action="/in"><div id="box"></div><input type="hidden" id="c" name="in.c"><input type="hidden" id="v" name="in.v"><input type="hidden" id="s" name="in.s"></form>',
            ("POST", "/in", ("in.c", "in.v", "in.s"), "page form"),
        ),
        (
            START4 % "document.querySelector('#l').value = captcha.getValidate().lot_number;",
            '<form method="post" action="/in"><div id="box"></div><input type="hidden" id="l" name="lot"></form>',
            ("POST", "/in", ("lot",), "page form"),
        ),
        # a script adds the inputs, and has the form sent
        (
            START4
            % "captcha.onSuccess(function () { var r = captcha.getValidate(); $.each(r, function (n, v) { $('<input>').attr('name', n).val(v).appendTo('#login'); }); $('#login').submit(); });",
            FORMS.replace('<div id="box"></div>', "") + '<div id="box"></div>',
            ("POST", "/login", V4, "page form"),
        ),
        (
            START4
            % "captcha.onSuccess(() => { const r = captcha.getValidate(); const f = document.getElementById('login'); for (const k in r) { add(f, k, r[k]); } f.submit(); });",
            FORMS,
            ("POST", "/login", V4, "page form"),
        ),
        (
            START3
            % """captcha.onSuccess(function () { var r = captcha.getValidate(); $('#login').append('<input type="hidden" name="c" value="' + r.geetest_challenge + '"><input name="v" value="' + r.geetest_validate + '"><input name="s" value="' + r.geetest_seccode + '">'); $('#login').submit(); });""",
            FORMS,
            ("POST", "/login", ("c", "v", "s"), "page form"),
        ),
        (
            START3
            % "captcha.onSuccess(function () { var r = captcha.getValidate(); $('<input>').attr('name', 'gee_c').val(r.geetest_challenge).appendTo('#login'); $('<input>').attr('name', 'gee_v').val(r.geetest_validate).appendTo('#login'); $('#login')[0].submit(); });",
            FORMS,
            ("POST", "/login", ("gee_c", "gee_v"), "page form"),
        ),
        # a script sends the form
        (
            START3 % "captcha.onSuccess(function () { $.post('/ajax', $('#login').serialize()); });",
            FORMS,
            ("POST", "/ajax", V3, "form"),
        ),
        (
            START3
            % "$('#login').submit(function (e) { e.preventDefault(); fetch('/fd', {method: 'POST', body: new FormData(this)}); });",
            FORMS,
            ("POST", "/fd", V3, "multipart"),
        ),
    ],
)
def test_by_form(script: str, markup: str, expected: tuple[Any, ...]) -> None:
    """The form that the widget is put into, or bound to: not the first, nor the fullest."""
    assert sent(script, markup) == expected


@pytest.mark.parametrize(
    ("script", "markup"),
    [
        (START4 % "captcha.onSuccess(() => $.post(api + '/x', captcha.getValidate()));", '<div id="box"></div>'),
        (
            START4
            % "captcha.onSuccess(() => fetch(window.API, {method: 'POST', body: new URLSearchParams(captcha.getValidate())}));",
            FORMS,
        ),
        (START4 % "captcha.onSuccess(() => $.post(`/u/${id}/x`, captcha.getValidate()));", '<div id="box"></div>'),
        (START4 % "captcha.onSuccess(() => $.post('/x?id=' + id, captcha.getValidate()));", '<div id="box"></div>'),
        (START4 % "captcha.onSuccess(() => $.post('{{ route }}', captcha.getValidate()));", '<div id="box"></div>'),
        (
            START4 % "captcha.onSuccess(() => $.ajax({url: '/x', type: how, data: captcha.getValidate()}));",
            '<div id="box"></div>',
        ),
        (START4 % "captcha.onSuccess(() => save(captcha.getValidate()));", '<div id="box"></div>'),
        (
            START4
            % "captcha.onSuccess(() => { $.post('/a', captcha.getValidate()); $.post('/b', captcha.getValidate()); });",
            '<div id="box"></div>',
        ),
        (START4 % "", '<div id="box"></div>'),
        (START4 % "", '<form action="/search"><input name="q"></form><div id="box"></div>'),
        (START4 % "", '<form action="javascript:;" method="post"><div id="box"></div></form>'),
        (START4 % "", '<form action="{{ url }}" method="post"><div id="box"></div></form>'),
        (START4 % "captcha.onSuccess(() => { var r = captcha.getValidate(); $.post('/x', pack(r)); });", FORMS),
        (
            START4
            % "captcha.onSuccess(() => { admin.req({path: '/x', lot: captcha.getValidate()}); store(captcha.getValidate()); });",
            FORMS,
        ),
        (
            START4
            % "captcha.onSuccess(() => { const r = captcha.getValidate(); const f = new FormData(); for (const k in r) f.append(k, r[k]); fetch('/x', {method: 'POST', body: f}); });",
            FORMS,
        ),
        (
            START3
            % "captcha.onSuccess(function () { var v = captcha.getValidate(); vm.token = v.geetest_validate; });",
            FORMS,
        ),
    ],
)
def test_unknown(script: str, markup: str) -> None:
    """A host, an end, a method, a function of the site's own: nothing is claimed, and why is said."""
    found = look(script, markup)
    assert (found.sending.by, found.sending.method, found.sending.url, found.sending.fields) == (None, "", "", ())
    assert found.sending.problem
    assert found.widgets


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (
            "const API = 'https://api.site.test/v1'; $.get(API + '/reg?t=' + Date.now(), d => %s)",
            "https://api.site.test/v1/reg?t={timestamp}",
        ),
        (
            "const c = {base: '/api'}; fetch(`${c.base}/reg?_=${Date.now()}`).then(r => r.json()).then(d => %s)",
            "https://site.test/api/reg?_={timestamp}",
        ),
        ("function start(url) { $.getJSON(url, function (d) { %s }) } start('/x/reg')", "https://site.test/x/reg"),
        (
            "var o = {url: '/o/reg?t=' + (new Date()).getTime(), success: function (d) { %s }}; $.ajax(o)",
            "https://site.test/o/reg?t={timestamp}",
        ),
        ("$.ajax({url: location.origin + '/l/reg', success: function (d) { %s }})", "https://site.test/l/reg"),
        ("$.get(window.host + '/reg', d => %s)", None),
        ("$.get('/reg?scene=' + scene, d => %s)", None),
        ("$.get(Config.get('geetest.url', 'geetest'), d => %s)", None),
        ("$.get(`/reg/${user}`, d => %s)", None),
        ("function start(url) { $.getJSON(url, function (d) { %s }) } start('/x/reg'); start('/y/reg')", None),
        ("$.get('{{ url }}/reg', d => %s)", None),
    ],
)
def test_register_urls(code: str, expected: str | None) -> None:
    """Whole, or none: a host from elsewhere, a computed end, a key of a configuration are no address."""
    found = look(code.replace("%s", "initGeetest({gt: d.gt, challenge: d.challenge, offline: !d.success}, f)"))
    assert next(iter(found.register_urls), None) == expected


@pytest.mark.parametrize(
    ("reply", "accepted"),
    [
        ("function (d) { if (d.status === 'success') { go(); } }", "status == 'success'"),
        ("d => { if (d.code == 0) go(); else alert(d.msg) }", "code == `0`"),
        ("function (res) { if (res.data.ok) { go() } }", "data.ok"),
        ("function (d) { if (d.result !== 'success') { alert() } }", "result == 'success'"),
        ("function (d) { if (d.code == 17) go() }", None),
        ("function (d) { if (other.status === 'success') go() }", None),
        ("function (d) { show(d) }", None),
    ],
)
def test_words_of_success(reply: str, accepted: str | None) -> None:
    """The first thing that the script asks the reply for, where it is clear what it means."""
    found = look(START4 % f"captcha.onSuccess(() => $.post('/x', captcha.getValidate(), {reply}))")
    assert found.sending.accepted == accepted
    assert ("    accepted_jmespath" in found.declaration) is (accepted is not None)


GATE = '<form id="f" action="/gate/open" method="post"><input type="hidden" name="%s" value="%s"><div id="box"></div></form>'


@pytest.mark.parametrize(
    ("name", "value", "is_gate"),
    [
        ("next", "/dir/page.html", True),
        ("return", URL, True),
        ("id", "7", False),
        ("csrf_token", "/dir/page.html", False),
    ],
)
def test_gates(name: str, value: str, is_gate: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """A form that names nothing but the page that it opens is a gate's; else it is asked whether it is one."""
    found = look(START4 % "", GATE % (name, value), status=403)
    assert ('mode = "gate"' in found.declaration) is is_gate
    assert any(remark.startswith("Gate?") for remark in found.remarks) is not is_gate
    assert ('urls = ("site.test",)' in found.declaration) is is_gate


@pytest.mark.parametrize(
    ("script", "by"),
    [
        (START4 % "captcha.onSuccess(() => $.post('/x', captcha.getValidate()))", "script"),
        (
            START4
            % "captcha.onSuccess(() => fetch('/x', {method: 'POST', body: JSON.stringify({c: captcha.getValidate()})}))",
            "script",
        ),
        (START4 % "captcha.onSuccess(() => fetch('/x?' + new URLSearchParams(captcha.getValidate())))", "script"),
    ],
)
def test_a_withheld_page_whose_script_sends_gets_a_hook(script: str, by: str) -> None:
    """The class sends the answer as the script does: pasted, without an edit."""
    found = look(script, status=403)
    assert found.sending.by == by
    names: dict[str, Any] = {}
    exec(found.declaration, names)
    [cls] = [
        one
        for one in names.values()
        if isinstance(one, type) and issubclass(one, GeetestSite) and one is not GeetestSite
    ]
    solution = V4Solution(captcha_id=ID, lot_number="L", pass_token="P", gen_time="1", captcha_output="O")
    sent_request: Any = cls().submit_request(Request(URL), None, solution)
    assert (sent_request.method, sent_request.url.partition("?")[0]) == (found.sending.method, found.sending.url)
    assert b"L" in sent_request.body + sent_request.url.encode()

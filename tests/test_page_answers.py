"""What a page's script says of the answer: where it sends it, under which names, and how."""

from __future__ import annotations

from typing import Any

import pytest
from page_answers import START3, START4, V3, V4, look, sent


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        # fetch
        (
            (
                "captcha.onSuccess(async () => { const r = captcha.getValidate(); await fetch(`/a`, {method: 'post', "
                "body: JSON.stringify(r), headers: {'Content-Type': 'application/json'}}); })"
            ),
            ("POST", "/a", V4, "json"),
        ),
        (
            (
                "captcha.onSuccess(() => { const o = {method: 'PUT', body: JSON.stringify({...captcha.getValidate(), u: 1})};"
                " fetch('/a/b', o); })"
            ),
            ("PUT", "/a/b", V4, "json"),
        ),
        (
            "captcha.onSuccess(() => fetch('/q?' + new URLSearchParams(captcha.getValidate())))",
            ("GET", "/q", V4, "query"),
        ),
        (
            (
                "captcha.onSuccess(function () { var q = new URLSearchParams(); var r = captcha.getValidate();"
                " q.append('lot', r.lot_number); q.set('out', r.captcha_output); q.append('tok', r.pass_token);"
                " q.append('gen', r.gen_time); fetch('/s', {method: 'POST', body: q}); })"
            ),
            ("POST", "/s", ("lot", "out", "tok", "gen"), "form"),
        ),
        # jQuery
        (
            (
                "captcha.onSuccess(function () { var r = captcha.getValidate(); r.captcha_id = 'x'; $.ajax({url: '/login',"
                " data: r, type: 'POST'}); })"
            ),
            ("POST", "/login", V4, "form"),
        ),
        (
            (
                "captcha.onSuccess(function () { $.ajax('/p', {method: 'POST', contentType: 'application/json',"
                " data: JSON.stringify({captcha: captcha.getValidate()})}); })"
            ),
            ("POST", "/p", tuple(f"captcha.{key}" for key in V4), "json"),
        ),
        (
            "captcha.onSuccess(function () { $.getJSON('/g', captcha.getValidate(), done); })",
            ("GET", "/g", V4, "query"),
        ),
        # axios and others
        (
            (
                "captcha.onSuccess(() => { const v = captcha.getValidate(); axios.post('/api/x', {geetest: {lotNumber: "
                "v.lot_number, captchaOutput: v.captcha_output, passToken: v.pass_token, genTime: v.gen_time}}) })"
            ),
            (
                "POST",
                "/api/x",
                ("geetest.lotNumber", "geetest.captchaOutput", "geetest.passToken", "geetest.genTime"),
                "json",
            ),
        ),
        (
            "captcha.onSuccess(() => this.$http.post('/api/x', {v: JSON.stringify(captcha.getValidate())}))",
            ("POST", "/api/x", ("v",), "json"),
        ),
        (
            "captcha.onSuccess(() => axios({method: 'post', url: '/api/y', data: qs.stringify(captcha.getValidate())}))",
            ("POST", "/api/y", V4, "form"),
        ),
        (
            (
                "captcha.onSuccess(() => { const {lot_number, captcha_output: out, pass_token, gen_time} = "
                "captcha.getValidate(); axios.get('/api/z', {params: {lot_number, out, pass_token, gen_time}}) })"
            ),
            ("GET", "/api/z", ("lot_number", "out", "pass_token", "gen_time"), "query"),
        ),
        (
            "captcha.onSuccess(() => ky.post('/ky', {json: captcha.getValidate()}))",
            ("POST", "/ky", V4, "json"),
        ),
        (
            "captcha.onSuccess(() => axios.post('/pp', null, {params: captcha.getValidate()}))",
            ("POST", "/pp", V4, "query"),
        ),
        (
            "captcha.onSuccess(() => $.post({url: '/po', data: captcha.getValidate()}))",
            ("POST", "/po", V4, "form"),
        ),
        (
            "captcha.onSuccess(() => this.$axios.$post('/nuxt', {captcha: captcha.getValidate()}))",
            ("POST", "/nuxt", tuple(f"captcha.{key}" for key in V4), "json"),
        ),
        (
            (
                "captcha.onSuccess(() => { const r = captcha.getValidate(); $.post('/i', {a: r['lot_number'], b: r['captcha_output'],"
                " c: r['pass_token'], d: r['gen_time']}) })"
            ),
            ("POST", "/i", ("a", "b", "c", "d"), "form"),
        ),
        (
            "captcha.onSuccess(() => { window.location.href = '/next?' + $.param(captcha.getValidate()); })",
            ("GET", "/next", V4, "query"),
        ),
        (
            (
                "captcha.onSuccess(() => { const v = captcha.getValidate(); fetch('/h', {headers: {'X-Lot': v.lot_number, "
                "'X-Out': v.captcha_output, 'X-Pass': v.pass_token, 'X-Gen': v.gen_time}}) })"
            ),
            ("GET", "/h", ("X-Lot", "X-Out", "X-Pass", "X-Gen"), "headers"),
        ),
        # XHR
        (
            (
                "captcha.onSuccess(function () { var x = new XMLHttpRequest(); var r = captcha.getValidate();"
                " x.open('POST', '/xhr'); x.send('a=1&lot_number=' + r.lot_number + '&captcha_output=' + "
                "encodeURIComponent(r.captcha_output) + '&pass_token=' + r.pass_token + '&gen_time=' + r.gen_time); })"
            ),
            ("POST", "/xhr", V4, "form"),
        ),
        (
            (
                "captcha.onSuccess(function () { const x = new XMLHttpRequest(); x.open('POST', `/x/y`, true);"
                " x.setRequestHeader('Content-Type', 'application/json'); x.send(JSON.stringify({r: captcha.getValidate()})); })"
            ),
            ("POST", "/x/y", tuple(f"r.{key}" for key in V4), "json"),
        ),
        # handed over
        (
            (
                "function send(result) { fetch('/fn', {method: 'POST', body: new URLSearchParams(result)}) }"
                " captcha.onSuccess(() => send(captcha.getValidate()))"
            ),
            ("POST", "/fn", V4, "form"),
        ),
        (
            (
                "let result = null; captcha.onSuccess(() => { result = captcha.getValidate(); });"
                " $('#go').click(() => $.post('/later', result))"
            ),
            ("POST", "/later", V4, "form"),
        ),
        (
            (
                "const data = {phone: p}; captcha.onSuccess(() => { Object.assign(data, captcha.getValidate());"
                " $.post('/merged', data) })"
            ),
            ("POST", "/merged", V4, "form"),
        ),
    ],
)
def test_v4_by_script(code: str, expected: tuple[Any, ...]) -> None:
    """The method, the address, the names, and how they are encoded."""
    assert sent(START4 % code) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (
            (
                "captcha.onSuccess(function () { var r = captcha.getValidate(); $.post('/v', {challenge: r.geetest_challenge,"
                " validate: r.geetest_validate, seccode: r.geetest_seccode}); })"
            ),
            ("POST", "/v", ("challenge", "validate", "seccode"), "form"),
        ),
        (
            (
                "$('#go').click(function () { $.ajax({type: 'post', url: 'sub/check.php', data: {name: $('#n').val(),"
                " geetest_challenge: $('.geetest_challenge').val(), geetest_validate: $('input[name=geetest_validate]').val(),"
                " geetest_seccode: $('#geetest_seccode').val()}}); })"
            ),
            ("POST", "/dir/sub/check.php", V3, "form"),
        ),
        (
            (
                "captcha.onSuccess(function () { var v = captcha.getValidate(); location.search; "
                "$.get('/v?challenge=' + v.geetest_challenge + '&validate=' + v.geetest_validate + '&seccode=' + v.geetest_seccode); })"
            ),
            ("GET", "/v", ("challenge", "validate", "seccode"), "query"),
        ),
    ],
)
def test_v3_by_script(code: str, expected: tuple[Any, ...]) -> None:
    """The same for v3, whose values the page's own inputs may hold."""
    found = look(START3 % code)
    assert found.register_urls == ("https://site.test/gt/start?t={timestamp}",)
    assert sent(START3 % code) == expected

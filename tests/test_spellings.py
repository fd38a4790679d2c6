"""The ways in which scripts spell the call that makes a widget, each with siblings that are none."""

from __future__ import annotations

import pytest

from scrapy_geetest._pages.widget import find_widgets

ID = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
V4 = f"{{captchaId: '{ID}', product: 'bind'}}"
V3 = "{gt: data.gt, challenge: data.challenge, offline: !data.success}"


def versions(code: str) -> list[tuple[int, str | None]]:
    return [(widget.version, widget.captcha_id) for widget in find_widgets(f"<body><script>{code}</script></body>")]


@pytest.mark.parametrize(
    "code",
    [
        f"this.geetester.initGeetest4({V4}, cb)",
        f"gt.initGeetest4({V4}, cb)",
        f"a.default.initGeetest4({V4}, cb)",
        f"self.$refs.box.initGeetest4({V4}, cb)",
        f"getSdk().initGeetest4({V4}, cb)",
        f"const o = {V4}; this.sdk.initGeetest4(o, cb)",
        f"sdk['initGeetest4']({V4}, cb)",
        # aliases
        f"const init = window.initGeetest4; init({V4}, cb)",
        f"var start; start = window['initGeetest4']; start({V4}, cb)",
        f"let make = window.initGeetest4.bind(window); make({V4}, cb)",
        f"const fn: any = (window as any).initGeetest4; fn({V4}, cb)",
        f"const create = initGeetest4 || window.other; create({V4}, cb)",
        f"const f = v === 3 ? window.initGeetest : window.initGeetest4; f({V4}, cb)",
        f"import {{ initGeetest4 as make }} from './gt4'; make({V4}, cb)",
        f"const root = window; root.initGeetest4({V4}, cb)",
        # destructuring
        f"const {{ initGeetest4: createCaptcha }} = window; createCaptcha({V4}, cb)",
        f"const {{ a, initGeetest4: make, b }} = await load(); make({V4}, cb)",
        f"let {{initGeetest4}} = window; initGeetest4({V4}, cb)",
        # as a value
        f"mount(window.initGeetest4, {V4}, cb)",
        f"this.load(initGeetest4, {V4})",
        f"run(null, window.initGeetest4, {V4})",
        f"const o = {V4}; wrap(window['initGeetest4'], o, cb)",
        f"promisify(window.initGeetest4)({V4}).then(cb)",
        # optional chaining
        f"window?.initGeetest4?.({V4}, cb)",
        f"initGeetest4?.({V4}, cb)",
        f"window.parent?.initGeetest4({V4}, cb)",
        # TypeScript
        f"(window as any).initGeetest4({V4}, cb)",
        f"(<any>window).initGeetest4({V4}, cb)",
        f"(window as unknown as Win).initGeetest4!({V4}, cb)",
        f"window.initGeetest4!({V4}, cb)",
        f"initGeetest4<Options>({V4}, cb)",
        f"(globalThis as any)['initGeetest4']({V4}, cb)",
        # in parentheses
        f"(typeof window !== 'undefined' ? window : global).initGeetest4({V4}, cb)",
        f"(v === 3 ? window.initGeetest : window.initGeetest4)({V4}, cb)",
        f"(0, sdk.initGeetest4)({V4}, cb)",
        # a loader in a bundle
        f"!function(n,t){{var r=function(e,o){{}};n.initGeetest4=r;r({V4},cb)}}(window)",
    ],
)
def test_v4(code: str) -> None:
    """One widget, with its id."""
    assert versions(code) == [(4, ID)]


@pytest.mark.parametrize(
    "code",
    [
        f"this.geetester.initGeetest({V3}, cb)",
        f"a.default.initGeetest({V3}, cb)",
        f"const init = window.initGeetest; init({V3}, cb)",
        f"const {{initGeetest: make}} = window; make({V3}, cb)",
        f"this.load(window.initGeetest, {V3})",
        "this.load(window.initGeetest, {phone: this.phone, done: () => {}})",
        f"window.initGeetest!({V3}, (captcha: Captcha) => {{}})",
        f"(typeof window.x).y; (<any>window).initGeetest({V3}, cb)",
        f"const f = v === 3 ? window.initGeetest : window.initGeetest4; f({V3}, cb)",
        f"!function(n,t){{var r=function(e,o){{}};n.initGeetest=r;n.$.get('/b',function(e){{r({V3},cb)}})}}(window)",
    ],
)
def test_v3(code: str) -> None:
    """The same with what v3 takes."""
    assert versions(code) == [(3, None)]


@pytest.mark.parametrize(
    "code",
    [
        "class Login { initGeetest(options) { this.o = options } open() { this.initGeetest({theme: 'dark'}) } }",
        "$('#captcha').initGeetest({gt: 1}); app.methods.initGeetest4(config)",
        "const init = window.initGeetest4; other({captchaId: 1}); init()",
        "const init = window.initGeetest4; init({theme: 'dark'})",
        "const {initGeetest: make} = window; take({gt: a, challenge: b})",
        "export { initGeetest4 as make }; make({theme: 1})",
        "n.initGeetest = r; s({gt: a.gt, challenge: a.challenge})",
        "mount(initGeetest, {theme: 'dark'}); mount(this.initGeetest4, {size: 1})",
        "log(typeof initGeetest, {gt: 1}); list.push(initGeetest, other)",
        "promisify(initGeetest)({theme: 'dark'})",
        "// const init = window.initGeetest4; init({captchaId: 1})",
        "var help = 'window.initGeetest4({captchaId: 1})'",
    ],
)
def test_none(code: str) -> None:
    """Own methods of that name, aliases that are not called, arguments that GeeTest does not take."""
    assert versions(code) == []


def test_a_script_is_read_as_one() -> None:
    """What a page links: its comparison signs and strings of markup begin no tags."""
    script = f"if (a<script.length) b = '<script>'; initGeetest4({V4}, cb)"
    assert [widget.captcha_id for widget in find_widgets(script, is_script=True)] == [ID]
    assert find_widgets("var page = '<script src=https://static.geetest.com/v4/gt4.js></script>'", is_script=True)
    quoted = "it('<html>', () => test('<script src=\"/js/gt.js\"></script> geetest'))"
    assert find_widgets(quoted, is_script=True) == ()

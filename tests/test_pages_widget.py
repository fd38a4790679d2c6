"""Widgets are read from pages as they are, whatever the markup."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_pages import CHALLENGE, GEETEST, ID, OTHER_ID, PAGES, script, the_widget

from scrapy_geetest._pages.answers import script_answers
from scrapy_geetest._pages.prefilter import MAX_READ, may_be_live
from scrapy_geetest._pages.widget import PageReading, find_widgets, may_carry, register_hints


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


def test_a_page_that_is_all_handlers() -> None:
    """So many are read and no more; a script behind them is found all the same, a handler is not."""
    call = f"initGeetest4({{captchaId: '{ID}'}})"
    many = '<a onclick="geetest(1)">x</a>' * 600
    assert the_widget(many + script(call)).captcha_id == ID
    assert the_widget(f'<a onclick="{call}">x</a>' + many).captcha_id == ID
    assert find_widgets(many + f'<a onclick="{call}">x</a>') == ()


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
    script_answers(PageReading.of(body).read_scripts, 4)
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

"""What the scripts of a page hint at: signs of GeeTest, and where they send the widget's result."""

from __future__ import annotations

from scrapy_geetest._pages.answers import script_answers
from scrapy_geetest._pages.widget import PageReading, find_widgets


def _sent_to(page: str) -> list[str | None]:
    return [answer.url for answer in script_answers(PageReading.of(page).read_scripts, None)]


def test_signs_of_bytes_in_utf16() -> None:
    """A byte order mark tells, as for the widgets."""
    body = "<script>initGeetest4({}, f)</script>"
    signs = PageReading.of(body.encode("utf-16")).signs(body.encode())
    assert (signs.calls, signs.named) == (("initGeetest4",), 1)


def test_where_scripts_send_the_result() -> None:
    """A request with the widget's result in its arguments, or taken just before; not one in a comment or for a challenge."""
    script = """
    $.get("/gt/register?t=" + Date.now(), start);
    function done() { var result = captcha.getValidate(); axios.post("/a/login", {u: 1, r: result}); }
    """
    padding = "/* nothing of interest stands in these lines, which keep the two parts of the script apart */\n" * 12
    later = (
        'fetch("/b/check", {body: JSON.stringify({lot_number: r.lot_number})}); $.post("/c/count", {}) // pass_token'
    )
    assert _sent_to(f"<script>{script}{padding}{later}</script>") == ["/a/login", "/b/check"]


def test_a_request_that_is_long_or_has_no_end() -> None:
    """Its arguments are read whole; without an end there are none."""
    script = "$.post('/a/login', {a: [" + "1," * 3000 + "], r: pass_token});"
    assert _sent_to(f"<script>{script}</script>") == ["/a/login"]
    assert _sent_to("<script>$.post('/a/login', {r: pass_token</script>") == []


def test_a_request_that_is_an_argument() -> None:
    """The call of the widget behind it in the same block may be what it is for; in another block it is not."""
    script = 'var s = use($.ajax("/api/config")); %s initGeetest4({captchaId: s.id}, f);'
    [near] = find_widgets(f"<script>{script % ''}</script>")
    [far] = find_widgets(f"<script>function g() {{ {script % '}'}</script>")
    assert (near.register_url, far.register_url) == ("/api/config", None)

"""Register answers of every shape become a challenge, or an error that says what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jmespath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrapy_geetest._pages import loose_json
from scrapy_geetest._pages.register import RegisterError, parse_register
from scrapy_geetest.challenge import V3Challenge, V4Challenge

GT = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
CHALLENGE = "5e9f3c1d7a2b4e6f8091a2b3c4d5e6f7"
PAGES = Path(__file__).parent / "pages"
PAIR = {"gt": GT, "challenge": CHALLENGE}


@pytest.mark.parametrize(
    ("answer", "extra"),
    [
        ({"success": 1, **PAIR, "new_captcha": True}, {}),
        (PAIR, {}),
        ({"success": True, **PAIR, "new_captcha": 0}, {}),
        ({"success": "1", **PAIR}, {}),
        ({"code": 0, "data": {"token": "tok", "geetest": PAIR}}, {"token": "tok", "code": "0"}),
        ({"data": {"result": {**PAIR, "key": "k"}}}, {"key": "k"}),
        ({"captcha": {**PAIR, "success": 1}, "user_id": 7}, {"user_id": "7"}),
        ({"GtSdk": PAIR}, {}),
        ([{"a": [PAIR]}], {}),
        ({"data": json.dumps(PAIR)}, {"data": json.dumps(PAIR)}),
        ({"key_of_site": GT, "challenge": CHALLENGE}, {"key_of_site": GT}),
        ({"captchaId": GT, "challenge": CHALLENGE}, {}),
        ({"geetest_gt": GT, "geetest_challenge": CHALLENGE}, {}),
        ({"old": {"gt": "", "challenge": ""}, "new": PAIR}, {}),
        ({"wide": {"challenge": "not-one"}, "inner": {"deep": PAIR}}, {}),
        ({"token": "outer", "data": {"token": "inner", **PAIR}}, {"token": "inner"}),
        ({"ok": True, "rate": 1.5, "nothing": None, "empty": "", "list": [1], **PAIR}, {"ok": "true", "rate": "1.5"}),
        ({"long": "x" * 5000, "k" * 70: "v", **PAIR}, {}),
    ],
)
def test_json_of_every_shape(answer: Any, extra: dict[str, str]) -> None:
    """Flat or nested, with or without ``success``; single values beside and above are kept, the nearest wins."""
    assert parse_register(json.dumps(answer)) == V3Challenge(gt=GT, challenge=CHALLENGE, extra=extra)


@pytest.mark.parametrize(
    "frame",
    [
        "%s",
        "\ufeff%s\n",
        ")]}',\n%s",
        ")]}'%s",
        "while(1);%s",
        "for (;;);%s",
        "{}&& %s",
        "geetest_1700000000000(%s)",
        "jQuery1124(%s);",
        "/**/cb(%s);\n",
        "/**/ typeof cb === 'function' && cb(%s);",
        "window.cb && window.cb(%s)",
        'a.b["c"](%s)',
        "<html><head></head><body><pre style='white-space: pre-wrap'>%s</pre></body></html>",
        "<pre>cb(%s);</pre>",
        "<pre>%s",
    ],
)
def test_json_in_every_frame(frame: str) -> None:
    """JSONP, guards, byte order marks, and the page that a browser or a proxy puts around a text."""
    assert parse_register(frame.replace("%s", json.dumps(PAIR))) == V3Challenge(gt=GT, challenge=CHALLENGE)


@pytest.mark.parametrize(
    ("answer", "options", "expected"),
    [
        ({"captcha_id": GT}, {}, V4Challenge(captcha_id=GT)),
        (
            {"data": {"captchaId": GT, "riskType": "ai"}},
            {},
            V4Challenge(captcha_id=GT, risk_type="ai", extra={"riskType": "ai"}),
        ),
        (
            {"geetest": {"captcha_id": GT}, "risk_type": "no word"},
            {},
            V4Challenge(captcha_id=GT, extra={"risk_type": "no word"}),
        ),
        ({"gt": GT}, {"version": 4}, V4Challenge(captcha_id=GT)),
        ({"need_captcha": True}, {"captcha_id": GT}, V4Challenge(captcha_id=GT, extra={"need_captcha": "true"})),
        ([], {"captcha_id": GT}, V4Challenge(captcha_id=GT)),
        ({"captcha_id": GT, "success": False}, {}, V4Challenge(captcha_id=GT)),
        ({**PAIR, "captcha_id": "f" * 32}, {"version": 4}, V4Challenge(captcha_id="f" * 32)),
        ({"a": {"captcha_id": "short"}, "b": {"captcha_id": GT}}, {}, V4Challenge(captcha_id=GT)),
        (
            {"captcha_id": GT, "api_server": "https://gcaptcha4.geevisit.com"},
            {},
            V4Challenge(
                captcha_id=GT,
                api_server="gcaptcha4.geevisit.com",
                extra={"api_server": "https://gcaptcha4.geevisit.com"},
            ),
        ),
        (
            {"captcha_id": "f" * 32},
            {"captcha_id": GT, "risk_type": "slide", "api_server": "a.test", "get_lib": "{}"},
            V4Challenge(captcha_id=GT, risk_type="slide", api_server="a.test", get_lib="{}"),
        ),
    ],
)
def test_v4(answer: Any, options: dict[str, Any], expected: V4Challenge) -> None:
    """A captcha_id by any of its names, or a ``gt`` where the site is declared to be v4; fixed values win."""
    assert parse_register(json.dumps(answer), **options) == expected


@pytest.mark.parametrize("path", ["data.geetest", jmespath.compile("data.geetest"), "[data.geetest]", "data"])
def test_path(path: Any) -> None:
    """``challenge_path`` picks one of several; ``success`` and values beside it count all the same."""
    answer: dict[str, Any] = {"first": {"gt": "f" * 32, "challenge": "e" * 32}, "data": {"geetest": PAIR}, "token": "t"}
    found = parse_register(json.dumps(answer), path=path)
    assert isinstance(found, V3Challenge)
    assert (found.gt, found.challenge, found.extra) == (GT, CHALLENGE, {"token": "t"})
    answer["success"] = 0
    with pytest.raises(RegisterError, match="could not reach GeeTest"):
        parse_register(json.dumps(answer), path=path)


def test_fixed_values_and_bare_challenges() -> None:
    """A ``gt`` of the site's declaration fills in for one that the answer lacks, or wins over it."""
    fixed: dict[str, Any] = {"gt": GT, "api_server": "api-na.geetest.com", "get_lib": "{}"}
    expected = V3Challenge(gt=GT, challenge=CHALLENGE, api_server="api-na.geetest.com", get_lib="{}")
    for text in (CHALLENGE, f'"{CHALLENGE}"', f" {CHALLENGE}\n", json.dumps({"challenge": CHALLENGE})):
        assert parse_register(text, **fixed) == expected
    assert parse_register(json.dumps({"gt": "f" * 32, "challenge": CHALLENGE}), **fixed) == expected


@pytest.mark.parametrize("no", [0, "0", False, "false", "fail"])
def test_offline_answers_are_never_bought(no: Any) -> None:
    """``success: 0`` is a challenge made up locally, whatever it looks like and wherever the key stands."""
    inside = {**PAIR, "success": no}
    for answer in (inside, {"data": inside}, {"success": no, "data": PAIR}, {"offline": True, **PAIR}):
        with pytest.raises(RegisterError, match="none is bought; register again") as caught:
            parse_register(json.dumps(answer))
        assert caught.value.transient


@pytest.mark.parametrize(
    ("text", "options", "words", "transient"),
    [
        ("", {}, "but empty", False),
        ("Service Unavailable\x1b[0m", {}, "'Service Unavailable \\[0m'", False),
        ('{"gt": ', {}, "neither JSON nor a page", False),
        ("cb({)", {}, "neither JSON", False),
        ("cb({}", {}, "neither JSON", False),
        (CHALLENGE, {}, "neither JSON", False),
        ("{}", {}, "without gt and challenge, or captcha_id", False),
        ("[1, null]", {"version": 4}, "without captcha_id", False),
        ('{"error": "log in first"}', {"version": 3}, "without gt and challenge: .*log in first", False),
        (json.dumps({"gt": GT}), {}, "set version = 4", False),
        (json.dumps({"gt": GT}), {"version": 3}, "a gt but no challenge; set challenge_path", False),
        ('{"gt": "", "challenge": "", "success": 1}', {}, "gt and challenge are empty", False),
        ('{"challenge": ""}', {}, "gt and challenge are empty", False),
        (json.dumps({"gt": "data.gt", "challenge": CHALLENGE}), {}, "gt is 'data.gt'", False),
        (json.dumps({"gt": None, "challenge": CHALLENGE}), {}, "gt is 'None'", False),
        (json.dumps({"gt": GT, "challenge": "{{ challenge }}"}), {}, "challenge is '{{ challenge }}'", False),
        (json.dumps({"gt": GT, "challenge": 12}), {}, "challenge is '12'", False),
        (json.dumps({"captcha_id": "${id}"}), {}, "captcha_id is", False),
        (json.dumps(PAIR), {"path": "data.geetest"}, "challenge_path 'data.geetest' leads to no object", False),
        (json.dumps(PAIR), {"path": "length(gt, gt)"}, "challenge_path cannot be applied", False),
        (json.dumps(PAIR), {"path": "a["}, "challenge_path cannot be applied", False),
        ('{"status": "error", "error": "old challenge"}', {}, "used before", True),
        ('{"status": "error", "error": "old challenge"}', {"path": "data"}, "used before", True),
        ('geetest_1({"status": "error", "error_code": "error_02", "error": "old challenge"})', {}, "used before", True),
        ('{"status": "error", "error_code": "error_21", "error": "not proof"}', {}, "'not proof'", True),
        ("<html><title>Log in</title></html>", {}, "a page without a GeeTest widget", False),
        ("<html><title>Log in</title></html>", {"version": 3}, "without a GeeTest v3 widget", False),
        ("<script>initGeetest4({captchaId: id})</script>", {}, "captchaId: id", False),
        ("<script>initGeetest4({captchaId: id})</script>", {"version": 3}, "without a GeeTest v3", False),
        ("<script src='//static.geetest.com/v4/gt4.js'></script>", {}, "v4 widget but does not show", False),
        (
            "<script>$.get('/x/reg?t=' + Date.now(), d => initGeetest({gt: d.gt}))</script>",
            {},
            "set challenge_url, perhaps to '/x/reg\\?t={timestamp}'",
            False,
        ),
        (
            "<script>initGeetest({gt: d.gt}); x = '/geetest/register'</script>",
            {},
            "perhaps to '/geetest/register'",
            False,
        ),
        ("<script>initGeetest({gt: d.gt})</script>", {}, "where its script gets them", False),
        (
            f"<script>initGeetest({{gt: '{GT}', challenge: '{CHALLENGE}', offline: true}})</script>",
            {},
            "offline: true",
            True,
        ),
        ("<pre>no json</pre>", {}, "a page without", False),
        ("<p>x</p>", {"path": "data"}, "neither JSON", False),
    ],
)
def test_refusals(text: str, options: dict[str, Any], words: str, transient: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """Each says what came and what to do, and whether to ask again."""
    with pytest.raises(RegisterError, match=words) as caught:
        parse_register(text, **options)
    assert caught.value.transient is transient
    assert len(str(caught.value)) < 600
    assert str(caught.value).isprintable()


def test_pages() -> None:
    """A challenge that is rendered into the page, a v4 id in a page, and an id that the declaration knows."""
    article = (PAGES / "article-v3-rendered.html").read_text()
    assert parse_register(article) == V3Challenge(gt=GT, challenge=CHALLENGE, api_server="api-na.geetest.com")
    signup = (PAGES / "signup-v4-minified.html").read_text()
    expected = V4Challenge(captcha_id=GT, risk_type="slide", api_server="gcaptcha4.geevisit.com")
    assert parse_register(signup) == expected
    several = (PAGES / "account-several.html").read_text()
    assert parse_register(several).version == 4
    with pytest.raises(RegisterError, match="v3 widget"):
        parse_register(several, version=3)
    assert parse_register("<p>nothing</p>", captcha_id=GT) == V4Challenge(captcha_id=GT)
    assert parse_register("nothing", captcha_id=GT) == V4Challenge(captcha_id=GT)
    assert parse_register(f"<script>initGeetest({{gt: g, challenge: '{CHALLENGE}'}})</script>", gt=GT).version == 3


def test_sizes_are_bounded() -> None:
    """A million values, a nest of a million brackets, a hundred further values: little of it is looked at."""
    wide = {str(number): {"a": 1} for number in range(40_000)}
    assert parse_register(json.dumps({**PAIR, **wide})) == V3Challenge(gt=GT, challenge=CHALLENGE)
    deep: Any = PAIR
    for _ in range(60):
        deep = {"d": deep}
    for text in (
        json.dumps(deep),
        "[" * 500_000,
        '{"a":' * 100_000,
        " " * 2_000_000 + "{}",
        json.dumps({"a": "{" * 900}),
    ):
        with pytest.raises(RegisterError):
            parse_register(text)
    many = {**{f"k{number}": number for number in range(100)}, **PAIR, "huge": 1e400}
    assert len(parse_register(json.dumps(many)).extra) == 32


def test_an_answer_of_ten_thousand_objects() -> None:
    """So many objects are not looked through; one that comes early is found."""
    answer = [PAIR, *({"a": {"b": number}} for number in range(10_000))]
    assert parse_register(json.dumps(answer)) == V3Challenge(gt=GT, challenge=CHALLENGE)


def test_loose_json_that_is_none() -> None:
    """What is no JSON is told from JSON that says nothing."""
    assert loose_json.load("null and void") is loose_json.ABSENT
    assert loose_json.load("[]") == []


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([GT, CHALLENGE, "0", "error"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["gt", "challenge", "captcha_id", "success", "data", "status", "error", "error_code", "token"]
            )
            | st.text(),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@settings(deadline=None)
@given(
    st.one_of(st.text(), _VALUES.map(json.dumps), _VALUES.map(lambda value: f"cb({json.dumps(value)});")),
    st.sampled_from([None, 3, 4]),
)
def test_anything_may_be_an_answer(text: str, version: int | None) -> None:
    """A checked challenge or a RegisterError, nothing else."""
    try:
        challenge = parse_register(text, version=version)
    except RegisterError:
        return
    assert challenge.version == version or version is None
    assert all(isinstance(value, str) for value in challenge.extra.values())


@pytest.mark.parametrize("before", ["", "if(a<b)run();", "\ufeff/* <b>bundle</b> */ "])
def test_a_linked_script(before: str) -> None:
    """Where only a script that the page links has the id: its literals count as those in a page do."""
    script = f'{before}initGeetest4({{captchaId:"{GT}",riskType:"slide"}},start)'
    assert parse_register(script) == V4Challenge(GT, risk_type="slide")


def test_a_page_is_not_read_as_a_script() -> None:
    """A call in a page's text is no call, whatever it would be in a script."""
    with pytest.raises(RegisterError, match="without a GeeTest widget"):
        parse_register(f' <pre>initGeetest4({{captchaId: "{GT}"}}, start)</pre>')

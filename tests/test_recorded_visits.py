"""Visits of kinds that no file holds: each is made in the test, read, and its request made again from what is printed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from attrs import evolve
from har_replay import Replay

from scrapy_geetest.commands.inspect.recording.report import read_visit

if TYPE_CHECKING:
    from pathlib import Path
from recorded_visits import (
    CHALLENGE,
    GEETEST_V3,
    GT,
    HOST,
    V4,
    WIDGET,
    answer,
    form,
    geetest,
    made_again,
    page,
    posted,
    told,
    visit,
)

pytestmark = pytest.mark.exhaustive


async def test_a_gate_opened_by_a_get(tmp_path: Path) -> None:
    """The solution in a query, a cookie in the answer, the page again."""
    url = "/pass?" + urlencode({"scene": "gate", **V4})
    said = await made_again(
        tmp_path,
        page("/list", WIDGET + "<script>go('/pass?', {scene: \"gate\"})</script>", 403),
        geetest(),
        answer(url, {"status": "ok"}, set_cookies=(("pass", "p-99c1"),), headers=(("Referer", HOST + "/list"),)),
        page("/list", "rows", cookies=(("pass", "p-99c1"),)),
    )
    assert (said["mode"], said["submit"]["way"], said["submit"]["url"]) == ("gate", "query", f"{HOST}/pass")
    assert "the answer set the cookie pass" in said["why_mode"]
    assert said["wanted"] == {"url": f"{HOST}/list", "method": "GET"}


async def test_a_gate_opened_by_a_form_that_a_script_sends(tmp_path: Path) -> None:
    """With a value of a script, a header with one of a meta tag, and one that the page has in an attribute."""
    withheld = (
        '<meta name="nonce" content="mn-40e1a2"><div data-view="dv-71f0c2"></div>'
        + WIDGET
        + "<script>var s = 'sc-10b7e4'</script>"
    )
    said = await made_again(
        tmp_path,
        page("/list", withheld, 403),
        geetest(),
        form("/open", {"s": "sc-10b7e4", "view": "dv-71f0c2", **V4}, {"ok": 1}, headers=(("X-Nonce", "mn-40e1a2"),)),
        page("/list", "rows"),
    )
    assert said["posted_back"] == {"s": "a script of the page", "view": "[data-view]::attr(data-view) of the page"}
    assert said["headers"] == {"X-Nonce": "meta[name=nonce] of the page"}


async def test_a_double_submit_cookie(tmp_path: Path) -> None:
    """A header that repeats a cookie, percent-decoded as Angular and axios do it."""
    said = await made_again(
        tmp_path,
        page("/x", WIDGET, set_cookies=(("XSRF-TOKEN", "ab12%3D%3D"),)),
        geetest(),
        posted(
            "/api/x", V4, {"ok": True}, headers=(("X-XSRF-TOKEN", "ab12=="),), cookies=(("XSRF-TOKEN", "ab12%3D%3D"),)
        ),
    )
    assert said["headers"] == {"X-XSRF-TOKEN": "the cookie XSRF-TOKEN, set by the page"}


async def test_a_token_behind_a_word(tmp_path: Path) -> None:
    """``Bearer`` and what another request answered: the spider fetches that first."""
    said = await made_again(
        tmp_path,
        page("/x", WIDGET),
        answer("/api/guest", {"data": {"access": "gst-5510aa77"}}),
        geetest(),
        posted("/api/x", {**V4, "n": 1}, {"ok": True}, headers=(("Authorization", "Bearer gst-5510aa77"),)),
    )
    assert said["headers"] == {
        "Authorization": f"data.access of the answer to GET {HOST}/api/guest, behind 'Bearer ', another one for each solution"
    }
    assert "gst-5510aa77" not in json.dumps(said)


async def test_several_answers_before(tmp_path: Path) -> None:
    """The page, and a header of another answer, each fetched in its turn."""
    said = await made_again(
        tmp_path,
        page("/x", '<meta name="m" content="mt-8812bb">' + WIDGET),
        answer("/ping", {}, answer_headers=(("X-Session-Ref", "ref-19ac20"),)),
        geetest(),
        form("/send", V4, {"ok": True}, headers=(("X-M", "mt-8812bb"), ("X-Ref", "ref-19ac20"))),
    )
    assert said["headers"]["X-Ref"] == f"the header X-Session-Ref of the answer to GET {HOST}/ping"
    assert said["spider"].count('meta={"geetest": False}') == 2


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"gt": GT, "challenge": CHALLENGE}, None),
        ({"data": {"gt": GT, "challenge": CHALLENGE}}, "data"),
        ({"data": {"geetest": {"gt": GT}, "token": CHALLENGE}}, "{gt: data.geetest.gt, challenge: data.token}"),
        ({"gee_gt": GT, "gee_challenge": CHALLENGE}, None),
        ([{"gt": GT, "challenge": CHALLENGE}], "[0]"),
        ({"result": {"my-key": GT, "challenge": CHALLENGE}}, "result"),
        (f"cb({json.dumps({'gt': GT, 'challenge': CHALLENGE})});", None),
    ],
)
async def test_where_the_challenge_stands(data: Any, path: str | None, tmp_path: Path) -> None:
    """A path is printed that the plugin reads just this challenge with; none where none is needed."""
    said = await made_again(
        tmp_path,
        page("/x", "a page"),
        answer("/reg?t=1791191701000", data),
        geetest(3),
        form("/send", {"name": "someone", **GEETEST_V3}, {"success": True}),
    )
    assert (said["challenge_path"], said["challenge_url"]) == (path, f"{HOST}/reg?t={{timestamp}}")
    assert said["typed"] == ["name"]


def test_an_answer_that_does_not_tell_gt() -> None:
    """The class names it."""
    said = told(
        page("/x", f"<script>var gt = '{GT}'</script>"),
        answer("/reg", {"challenge": CHALLENGE}),
        geetest(3),
        form("/send", GEETEST_V3, {"success": True}),
    )
    assert f'gt = "{GT}"' in said["declaration"]
    assert said["gt_from"] == "the page"


def test_a_challenge_in_the_answer_that_withholds() -> None:
    """No request for another one: the same request brings it."""
    said = told(
        posted("/api/x", {"q": 1}, {"code": -7, "data": {"gt": GT, "challenge": CHALLENGE}}, status=403),
        geetest(3),
        posted("/api/x", {"q": 1, **GEETEST_V3}, {"code": 0, "rows": []}),
    )
    assert (said["challenge_url"], said["challenge_path"], said["mode"]) == (None, "data", "form")
    assert said["detect"] == {"detect_jmespath": "code == `-7`"}
    assert '"geetest": True' not in said["spider"]


@pytest.mark.parametrize("solution", [GEETEST_V3, {key: value for key, value in V4.items() if key != "captcha_id"}])
def test_a_log_without_geetests_answers(solution: dict[str, str]) -> None:
    """Solutions are told by names and shapes."""
    said = told(page("/x", WIDGET), form("/send", {"a": "1", **solution}, {"success": True}))
    assert {key: name for key, name in said["field_names"].items() if name} == {
        key.removeprefix("geetest_"): key for key in solution
    }


def test_a_log_without_the_page() -> None:
    """Its address is told by the Referer, or by the log's own title of it."""
    sent = form("/send", V4, {"ok": True}, headers=(("Referer", HOST + "/from"),))
    assert told(geetest(), sent)["page"] == f"{HOST}/from"
    log = visit(geetest(), form("/send", V4, {"ok": True}))
    assert read_visit(evolve(log, titles=("A title", f"{HOST}/titled"))).to_json()["page"] == f"{HOST}/titled"
    assert read_visit(log).to_json()["page"] == f"{HOST}/send"
    assert told(geetest(), evolve(sent, headers=(("Referer", "about:blank"),)))["page"] == f"{HOST}/send"


def test_two_steps_each_time() -> None:
    """Two verifications, each for a request of its own: no gate. A token behind a word is joined to it."""
    steps = [
        one
        for ticket in ("tk-1100aa", "tk-2200bb")
        for one in (
            geetest(),
            posted("/verify", V4, {"data": {"ticket": ticket}}),
            answer("/rows", {"code": 0}, headers=(("Authorization", f"Bearer {ticket}"),)),
        )
    ]
    said = told(page("/x", WIDGET), *steps)
    assert said["mode"] == "form"
    assert said["verified_fields"] == {"join('', ['Bearer ', data.ticket])": "header:Authorization"}
    assert said["verify_url"] == f"{HOST}/verify"


@pytest.mark.parametrize("way", ["query", "headers", "form"])
async def test_verifications_of_other_ways(way: str, tmp_path: Path) -> None:
    """The verification by GET, in headers, as a form with a value of its own."""
    verified = {"ticket": "tk-1100aa"}
    sent = {
        "query": answer("/verify?" + urlencode({"k": "12", **V4}), verified),
        "headers": answer("/verify", verified, headers=tuple((f"x-{key}", value) for key, value in V4.items())),
        "form": form("/verify", {"k": "12", **V4}, verified, headers=(("X-Requested-With", "XMLHttpRequest"),)),
    }[way]
    said = await made_again(
        tmp_path,
        page("/x", WIDGET),
        geetest(),
        sent,
        answer("/rows?ticket=tk-1100aa", {"code": 0}),
        answer("/more?ticket=tk-1100aa", {"code": 0}),
    )
    assert (said["mode"], said["verified_fields"], said["submit_as"]) == ("gate", {"ticket": "ticket"}, "query")
    assert "tk-1100aa" not in json.dumps(said)


async def test_a_verification_packed_into_json(tmp_path: Path) -> None:
    """One field with a string of JSON."""
    said = await made_again(
        tmp_path,
        page("/x", WIDGET),
        geetest(),
        form("/verify", {"captcha": json.dumps(V4)}, {"ticket": "tk-1100aa"}),
        form("/rows", {"ticket": "tk-1100aa", "kind": "7"}, {"code": 0}),
    )
    assert (said["mode"], said["packed_in"], said["submit_as"]) == ("form", "captcha", "form")


def test_a_session_cookie_that_every_answer_sets() -> None:
    """It opens nothing: where something was typed, the cookie was there before."""
    rolling = [(("app_session", f"s-{number}"),) for number in range(4)]
    exchanges = [
        page("/x", WIDGET + '<input name="q">', set_cookies=rolling[0]),
        geetest(),
        posted("/api/x", {"q": "something", **V4}, {"ok": True}, cookies=rolling[0], set_cookies=rolling[1]),
        answer("/api/y", {"ok": True}, cookies=rolling[1], set_cookies=rolling[2]),
    ]
    assert told(*exchanges)["mode"] == "form"
    exchanges[2] = posted("/api/x", V4, {"ok": True}, cookies=rolling[0], set_cookies=rolling[1])
    assert told(*exchanges)["mode"] == "gate"


def test_a_redirect_in_a_log_without_cookies() -> None:
    """It led on to a page: a gate, as far as such a log can tell; with something typed, or with cookies, it is none."""
    check = page("/check", '<form action="/pass" method="post"><div id="captcha"></div></form>' + WIDGET)
    sent = form("/pass", V4, "", status=302, location="/list")
    said = told(check, geetest(), sent, page("/list", "rows"))
    assert (said["mode"], said["wanted"]["url"]) == ("gate", f"{HOST}/list")
    assert "which would prove it" in said["why_mode"]
    with_cookies = told(evolve(check, set_cookies=(("a", "1"),)), geetest(), sent, page("/list", "rows"))
    assert with_cookies["mode"] == "form"


def test_a_page_behind_a_redirect_to_the_captcha() -> None:
    """What was redirected is wanted."""
    said = told(
        page("/list", "", 302, location="/check?to=list"),
        page("/check?to=list", '<form action="/pass" method="post"></form>' + WIDGET),
        geetest(),
        form("/pass", V4, "", status=302, location="/list", set_cookies=(("ok", "o-1"),)),
        page("/list", "rows", cookies=(("ok", "o-1"),)),
    )
    assert (said["mode"], said["wanted"]["url"], said["detect"]) == ("gate", f"{HOST}/list", {"detect_css": "#captcha"})


async def test_values_that_come_with_the_challenge_in_a_header(tmp_path: Path) -> None:
    """v3: a token of the register answer that the script sent in a header."""
    said = await made_again(
        tmp_path,
        page("/x", "a page"),
        answer("/reg", {"gt": GT, "challenge": CHALLENGE, "ticket": "rg-77120a"}),
        geetest(3),
        form("/send", GEETEST_V3, {"success": True}, headers=(("X-Reg", "rg-77120a"),)),
    )
    assert said["headers"]["X-Reg"].startswith("ticket of the answer to GET")
    assert 'filled.headers["X-Reg"] = solution.extra["ticket"]' in said["declaration"]


def test_secrets_in_addresses() -> None:
    """They are left out by their names."""
    said = told(
        page("/x?token=abc&id=5", WIDGET),
        geetest(),
        form("/send?access_token=abc", V4, {"ok": True}, headers=(("Referer", HOST + "/x?token=abc&id=5"),)),
    )
    assert said["page"] == f"{HOST}/x?id=5"
    assert "abc" not in json.dumps(said)


def test_answers_that_only_their_absence_of_complaints_tells() -> None:
    """A bare word, a list, an empty answer: no rule is made of them, and none is guessed."""
    for data in ("ok", [1], ""):
        said = told(page("/x", WIDGET), geetest(), form("/send", V4, data, media_type="text/plain"))
        assert said["accepted"] == {}
    refused = told(page("/x", WIDGET), geetest(), form("/send", V4, "fail", media_type="text/plain"))
    assert refused["submit"]["answered"] == "200"


async def test_a_multipart_form(tmp_path: Path) -> None:
    """It is sent as a plain one: the fields are the same."""
    parts = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in {"k": "1", **V4}.items()
    )
    sent = answer("/send", {"ok": True}, "POST", body=parts + "--b--", body_type="multipart/form-data; boundary=b")
    said = await made_again(tmp_path, page("/x", WIDGET), geetest(), sent)
    assert said["submit"]["way"] == "form"


async def test_a_log_in_with_a_verification_before_it(tmp_path: Path) -> None:
    """The solution goes to the verification, its ticket into the log-in, which a person fills in."""
    recording = visit(
        page("/login", '<input name="user"><input type="password" name="pass">' + WIDGET),
        geetest(),
        posted("/verify", V4, {"data": {"ticket": "tk-1100aa"}}),
        posted("/api/login", {"user": "someone", "pass": "not-one", "ticket": "tk-1100aa"}, {"code": 0}),
    )
    said = read_visit(recording).to_json()
    assert (said["mode"], said["verified_fields"], said["submit_as"]) == ("form", {"data.ticket": "ticket"}, "json")
    assert '"ticket"' not in said["spider"]
    wanted = await Replay.of(recording, tmp_path).wanted()
    assert json.loads(wanted.body) == {"user": "...", "pass": "..."}
    assert "not-one" not in json.dumps(said)


def test_content_that_leads_on_is_no_second_step() -> None:
    """A row of the results, and an order's number, which later requests ask for."""
    for typed, data, following in (
        ('<input name="q">', {"order": "ord-20261122"}, "/order?number=ord-20261122"),
        ("", {"rows": [{"id": "row-20261122"}]}, "/row?id=row-20261122"),
    ):
        sent = posted("/api/find", {"q": "something", **V4}, data)
        said = told(page("/x", typed + WIDGET), geetest(), sent, answer(following, {"ok": True}))
        assert (said["mode"], said["verify_url"]) == ("form", None)


async def test_a_value_of_the_pages_own_address(tmp_path: Path) -> None:
    """A script repeats it."""
    said = await made_again(
        tmp_path,
        page("/x?ref=rf-55%2F01ab", WIDGET),
        geetest(),
        posted("/api/x", {**V4, "ref": "rf-55/01ab"}, {"ok": True}),
    )
    assert said["posted_back"] == {"ref": "ref in the address of the page"}


def test_a_solution_inside_a_list() -> None:
    """``field_names`` cannot say it, and the class says that."""
    said = told(page("/x", WIDGET), geetest(), posted("/api/x", {"checks": [V4]}, {"ok": True}))
    assert "# The solution is inside a list" in said["declaration"]
    assert "field_names = " not in said["declaration"]


@pytest.mark.parametrize("name", ["password", "userPwd", "pwd", "passcode"])
def test_a_log_in_is_no_gate(name: str) -> None:
    """Told by the name of the password, too, where no page shows the control; the session is the visitor's own."""
    said = told(
        page("/login", WIDGET),
        geetest(),
        posted("/api/login", {"user": "someone", name: "not-one", **V4}, {"ok": True}, set_cookies=(("me", "m-1"),)),
        answer("/api/me", {"ok": True}, cookies=(("me", "m-1"),)),
    )
    assert (said["mode"], said["typed"]) == ("form", ["user", name])

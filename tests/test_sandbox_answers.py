"""Sites that answer as real servers do: each says yes and no in its own way, and the books know what it meant."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sandbox_visitor import WRONG_V3, WRONG_V4, Visitor, hidden, prefixed, submissions

from scrapy_geetest.sandbox.answer_kinds import KINDS
from scrapy_geetest.sandbox.captchas import CONSTANT

if TYPE_CHECKING:
    from requests import Response

pytestmark = pytest.mark.exhaustive

VERSIONS = ("v3", "v4")
WRONG = {"v3": prefixed(WRONG_V3), "v4": WRONG_V4}
REFUSALS: dict[str, tuple[int, str]] = {
    "status-fail": (200, '{"status": "fail"}'),
    "login-fail": (200, '{"login": "fail"}'),
    "result-fail": (200, '{"result": "fail"}'),
    "success-0": (200, '{"success": 0, "info": "验证码错误"}'),
    "code-minus-1": (200, '{"code": -1, "msg": "captcha error"}'),
    "result-false": (200, '{"result": false}'),
    "page": (200, "登录失败"),
    "page-en": (200, "login fail"),
    "text-fail": (200, "fail"),
    "http-400": (400, '{"error": "captcha"}'),
    "http-429": (429, "slow down"),
    "redirect": (200, "The captcha was wrong."),
    "form-again": (200, "The check was not passed."),
}
ACCEPTANCES: dict[str, dict[str, Any]] = {
    "status-fail": {"status": "success"},
    "login-fail": {"login": "success"},
    "result-fail": {"result": "success"},
    "success-0": {"success": 1, "info": "登录成功"},
    "code-minus-1": {"code": 0, "msg": "ok"},
    "result-false": {"result": True},
    "http-400": {"error": None},
}


def right(visitor: Visitor, version: str) -> dict[str, str]:
    """The fields of a fresh solution."""
    if version == "v4":
        return visitor.solve("answers-v4")
    registered = visitor.register("/answers/v3/register?t=1700000000000")
    return prefixed(visitor.solve("answers-v3", registered["challenge"]))


def check_refusal(response: Response, kind: str, again: int = 200) -> None:
    """``again``: the status of a form that comes again."""
    status, words = REFUSALS[kind]
    status = again if kind == "form-again" else status
    assert (response.status_code, words in response.text) == (status, True)
    assert ('id="guarded"' in response.text) == (kind == "form-again")
    assert response.url.endswith("/answers/login?error=captcha") == (kind == "redirect")
    if kind == "text-fail":
        assert (response.text, response.headers["content-type"]) == ("fail", "text/plain; charset=utf-8")


def test_every_kind_is_tested_and_documented() -> None:
    """The tables of this module and of the reference name them all."""
    page = (Path(__file__).parents[1] / "docs" / "reference" / "sandbox.rst").read_text(encoding="utf-8")
    section = page.partition("Answering sites\n")[2].partition("Faults\n")[0]
    assert list(KINDS) == list(REFUSALS) == re.findall(r"^    \* - ``(.*?)``$", section, re.MULTILINE)
    assert [kind for kind, says in KINDS.items() if says.accepted is not None] == list(ACCEPTANCES)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", VERSIONS)
def test_forms(visitor: Visitor, version: str, kind: str) -> None:
    """The form is withheld; it takes the right answer once, and says no to others in its own way."""
    path, book = f"/answers/{version}/{kind}", f"answers/{version}/{kind}"
    page = visitor.get(f"{path}?q=rope")
    assert (page.status_code, f'action="{path}"' in page.text, 'type="text"' in page.text) == (403, True, False)
    form = hidden(page.text)
    assert form == {"q": "rope"}
    answer = right(visitor, version)
    taken = visitor.post(path, data={**form, **answer})
    if kind in ACCEPTANCES:
        assert taken.json().items() >= {**ACCEPTANCES[kind], "query": "rope"}.items()
    else:
        assert '<span class="query">rope</span>' in taken.text
    assert taken.status_code == 200
    for refused in ({}, WRONG[version], answer):
        check_refusal(visitor.post(path, data={**form, **refused}), kind)
    assert submissions(visitor, book) == {"accepted": 1, "missing": 1, "refused": 2}
    assert visitor.sandbox.books()["pages"][book]["content"] == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", VERSIONS)
def test_gates(visitor: Visitor, version: str, kind: str) -> None:
    """A refusal opens nothing; an acceptance opens all pages, whether or not it leads back to one."""
    book = f"answers/{version}/{kind}/gate"
    path = f"/{book}/verify"
    page = visitor.get(f"/{book}/page/3")
    assert (page.status_code, f'action="{path}"' in page.text) == (403, True)
    form = hidden(page.text)
    assert form == {"next": f"/{book}/page/3"}
    refused = visitor.post(path, data={**form, **WRONG[version]})
    check_refusal(refused, kind, again=403)
    assert visitor.get(f"/{book}/page/3").status_code == 403
    opened = visitor.post(path, data={**form, **right(visitor, version)})
    if kind in ACCEPTANCES:
        assert opened.json() == ACCEPTANCES[kind]
    else:
        assert opened.url.endswith(f"/{book}/page/3")
    for number in (3, 4):
        assert f'<h1 class="title">Page {number}</h1>' in visitor.get(f"/{book}/page/{number}").text
    assert submissions(visitor, book) == {"accepted": 1, "refused": 1}
    assert visitor.sandbox.books()["gates_opened"] == {book: 1}


def test_the_session_of_a_gate_opens_no_other(visitor: Visitor) -> None:
    """Even where a visitor sends it there."""
    mine, other = "answers/v4/page/gate", "answers/v4/page-en/gate"
    visitor.post(f"/{mine}/verify", data=right(visitor, "v4"))
    [session] = visitor.session.cookies.get_dict().values()
    sent = {name.replace("/", "-") + "_pass": session for name in (mine, other)}
    assert visitor.get(f"/{mine}/page/1", cookies=sent).status_code == 200
    assert visitor.get(f"/{other}/page/1", cookies=sent).status_code == 403


@pytest.mark.parametrize("version", VERSIONS)
def test_a_wrong_password_is_told_from_a_wrong_solution(visitor: Visitor, version: str) -> None:
    """Both show the login page with its widget; the words and the books differ."""
    path, book = f"/answers/{version}/wrong-password", f"answers/{version}/wrong-password"
    page = visitor.get(path)
    assert (page.status_code, 'type="password"' in page.text, "error" in page.text) == (200, True, False)
    for answer, password, words in (
        (WRONG[version], "sandbox", "captcha wrong"),
        (right(visitor, version), "guessed", "wrong password"),
    ):
        again = visitor.post(path, data={"user": "ann", "password": password, **answer})
        assert (again.status_code, 'id="guarded"' in again.text) == (200, True)
        assert f'<p class="error">{words}</p>' in again.text
    assert submissions(visitor, book) == {"accepted": 1, "refused": 1}
    welcome = visitor.post(path, data={"user": "ann", "password": "sandbox", **right(visitor, version)})
    assert '<span class="user">ann</span>' in welcome.text


def test_a_token_belongs_to_the_challenge_of_its_view(visitor: Visitor) -> None:
    """Challenge and token of one page go together, once, to the address that the form names."""
    path, book = "/answers/v3/page-token", "answers/v3/page-token"
    pages = [visitor.get(f"{path}?q=rope").text for _ in range(2)]
    assert all(f'action="{path}/verify"' in page for page in pages)
    forms = [hidden(page) for page in pages]
    challenges = [re.findall(r'challenge: "(\w{32})"', page)[0] for page in pages]
    assert len({form["token"] for form in forms}) == len(set(challenges)) == 2
    answers = [prefixed(visitor.solve("answers-v3", challenge)) for challenge in challenges]
    crossed = visitor.post(f"{path}/verify", data={**forms[0], **answers[1]})
    assert crossed.status_code == 403
    assert hidden(crossed.text)["token"] not in {form["token"] for form in forms}
    taken = visitor.post(f"{path}/verify", data={**forms[1], **answers[0]})
    assert taken.status_code == 403
    page = visitor.get(f"{path}?q=oar").text
    answer = prefixed(visitor.solve("answers-v3", re.findall(r'challenge: "(\w{32})"', page)[0]))
    assert '<span class="query">oar</span>' in visitor.post(f"{path}/verify", data={**hidden(page), **answer}).text
    assert submissions(visitor, book) == {"accepted": 1, "refused": 2}


@pytest.mark.parametrize("version", VERSIONS)
def test_an_article_withholds_nothing(visitor: Visitor, version: str) -> None:
    """It comes whole, with a widget beside the form for comments."""
    path, book = f"/answers/{version}/article", f"answers/{version}/article"
    page = visitor.get(path)
    assert (page.status_code, page.text.count("The harbour was dredged"), "<textarea" in page.text) == (200, 20, True)
    assert ("initGeetest4(" if version == "v4" else "initGeetest(") in page.text
    form = {**hidden(page.text), "comment": "Good.", "author": "ann"}
    said = [
        visitor.post(f"{path}/comment", data={**form, **answer}).text
        for answer in (WRONG[version], right(visitor, version))
    ]
    assert ["Thank you" in text for text in said] == [False, True]
    assert submissions(visitor, book) == {"accepted": 1, "refused": 1}
    assert visitor.sandbox.books()["pages"][book] == {"content": 1}


def test_a_constant_challenge_is_solved_again_and_again(visitor: Visitor) -> None:
    """The same word in every view; each of its solutions is good once, and it is good for no other site."""
    path, book = "/answers/v3/constant", "answers/v3/constant"
    pages = [visitor.get(f"{path}?q=rope").text for _ in range(2)]
    assert [re.findall(r'challenge: "(\w+)"', page) for page in pages] == [[CONSTANT], [CONSTANT]]
    answers = [prefixed(visitor.solve("constant", CONSTANT)) for _ in range(2)]
    for answer in answers:
        assert '<span class="query">rope</span>' in visitor.post(path, data={**hidden(pages[0]), **answer}).text
    for refused in (answers[0], WRONG["v3"], {}):
        assert visitor.post(path, data={**hidden(pages[0]), **refused}).status_code == 403
    assert submissions(visitor, book) == {"accepted": 2, "missing": 1, "refused": 2}
    expired = visitor.call("createTask", task=visitor.task("answers-v3", CONSTANT)).json()["taskId"]
    assert visitor.call("getTaskResult", taskId=expired).json()["errorCode"] == "ERROR_TOKEN_EXPIRED"


def test_the_index_leads_to_all_of_them(visitor: Visitor) -> None:
    """Every link is a page; the login page that a refusal leads to has no widget."""
    links = re.findall(r'<li><a href="(/answers/.*?)">', visitor.get("/answers/").text)
    assert len(links) == 2 * (2 * len(KINDS) + 2) + 2
    assert {visitor.get(link).status_code for link in links} == {200, 403}
    assert "initGeetest" not in visitor.get("/answers/login").text


def test_register_is_a_call_that_can_fail(visitor: Visitor) -> None:
    """The faults ``register`` and ``submit`` befall these sites as well."""
    visitor.sandbox.reset(solve_seconds=0, poll_floor=0, faults={"register": ["http-500"], "submit": ["http-503"]})
    assert visitor.get("/answers/v3/register").status_code == 500
    assert visitor.post("/answers/v4/page", data=WRONG_V4).status_code == 503

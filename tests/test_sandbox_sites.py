"""Every site of the sandbox over sockets: the right answer is accepted once; none, a wrong and a used one are refused."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from sandbox_visitor import AT_ONCE, WRONG_V3, WRONG_V4, Visitor, as_headers, hidden, prefixed, submissions

from scrapy_geetest.sandbox.checks import HEADER_NAMES


def log_in(visitor: Visitor, answer: dict[str, str], **changes: str) -> requests.Response:
    form = hidden(visitor.get("/v3/login").text)
    return visitor.post("/v3/login", data={**form, "user": "ann", "password": "sandbox", **answer, **changes})


def solve_login(visitor: Visitor) -> dict[str, str]:
    registered = visitor.register("/v3/gt/register-slide?t=1700000000000")
    assert registered["success"] == 1
    assert registered["gt"] == visitor.sandbox.captchas["v3"]
    return prefixed(visitor.solve("v3", registered["challenge"]))


def test_v3_login(visitor: Visitor) -> None:
    """The right answer and password lead to the account's page."""
    page = visitor.get("/v3/login")
    assert "initGeetest({" in page.text
    assert "/v3/gt/register-slide?t=" in page.text
    response = log_in(visitor, solve_login(visitor))
    assert urlsplit(response.url).path == "/v3/account"
    assert response.text.count('<li class="order">') == 3
    assert submissions(visitor, "v3-login") == {"accepted": 1}


def test_v3_login_refuses_no_wrong_and_used_answers(visitor: Visitor) -> None:
    """Each gets the login page again, with an error and the widget."""
    answer = solve_login(visitor)
    log_in(visitor, answer)
    for refused in ({}, prefixed(WRONG_V3), answer):
        response = log_in(visitor, refused)
        assert response.status_code == 200
        assert 'class="error"' in response.text
        assert "initGeetest(" in response.text
    assert submissions(visitor, "v3-login") == {"accepted": 1, "missing": 1, "refused": 2}


def test_v3_login_csrf_rotates_and_belongs_to_the_session(visitor: Visitor) -> None:
    """Every view has another token; one of another session is refused before the answer is looked at."""
    first, second = (hidden(visitor.get("/v3/login").text)["csrf"] for _ in range(2))
    assert first != second
    assert log_in(visitor, {}, csrf="0" * 32).status_code == 403
    assert visitor.sandbox.books()["submissions"] == {}
    assert log_in(visitor, solve_login(visitor), csrf=first).url.endswith("user=ann")


def test_v3_login_registration_and_submission_share_a_session(visitor: Visitor) -> None:
    """An answer whose challenge was registered by somebody else's session is refused; so is the account's page."""
    with requests.Session() as other:
        answer = solve_login(Visitor(visitor.sandbox, other))
    assert 'class="error"' in log_in(visitor, answer).text
    assert urlsplit(visitor.get("/v3/account?user=ann").url).path == "/v3/login"


@pytest.mark.parametrize("changes", [{"password": "guess"}, {"user": ""}])
def test_v3_login_wrong_password_has_a_page_of_its_own(visitor: Visitor, changes: dict[str, str]) -> None:
    """The answer is used up, and the page has no widget."""
    response = log_in(visitor, solve_login(visitor), **changes)
    assert "User or password is wrong" in response.text
    assert "initGeetest" not in response.text


def test_v3_search_needs_an_answer_for_every_query(visitor: Visitor) -> None:
    """The challenge page's form leads to the results, once."""
    page = visitor.get("/v3/search?q=blue%20rope")
    assert page.status_code == 403
    form = hidden(page.text)
    assert form.keys() == {"q", "csrf", "next"}
    form |= solve_login(visitor)
    response = visitor.post("/v3/search/verify", data=form)
    assert response.status_code == 200
    assert '<span class="query">blue rope</span>' in response.text
    assert visitor.post("/v3/search/verify", data=form).status_code == 403
    assert visitor.post("/v3/search/verify", data={**form, "q": "other"}).status_code == 400
    assert visitor.get("/v3/search?q=blue%20rope").status_code == 403
    assert submissions(visitor, "v3-search") == {"accepted": 1, "refused": 1}


def test_nested_needs_the_token_back(visitor: Visitor) -> None:
    """The register answer is nested, has no success, is served as text/html; its token is posted back, once."""
    outcomes = []
    changes: tuple[dict[str, str], ...] = ({}, {"token": "x"}, prefixed(WRONG_V3))
    for change in changes:
        response = visitor.get("/nested/captcha")
        assert response.headers["content-type"].startswith("text/html")
        assert "success" not in response.text
        inner = response.json()["data"]
        answer = prefixed(visitor.solve("nested", inner["geetest"]["challenge"]))
        form = {"username": "bo", "token": inner["token"], **answer, **change}
        outcomes.append(visitor.post("/nested/login", data=form))
    assert [response.status_code for response in outcomes] == [200, 412, 412]
    assert '<span class="user">bo</span>' in outcomes[0].text
    assert visitor.post("/nested/login", data={"username": "bo"}).status_code == 412
    assert "initGeetest({" in visitor.get("/nested/login").text
    assert submissions(visitor, "nested") == {"accepted": 1, "refused": 2, "missing": 1}


def test_nested_token_belongs_to_its_challenge(visitor: Visitor) -> None:
    """A token that came with another challenge is refused."""
    inner = visitor.get("/nested/captcha").json()["data"]
    other = visitor.get("/nested/captcha").json()["data"]
    answer = prefixed(visitor.solve("nested", inner["geetest"]["challenge"]))
    assert visitor.post("/nested/login", data={**answer, "token": other["token"]}).status_code == 412


def test_jsonp_takes_plain_names_in_the_query(visitor: Visitor) -> None:
    """The register answer is JSONP on the callback given; names have no prefix."""
    response = visitor.get("/jsonp/register?callback=geetest_17&t=1")
    assert response.headers["content-type"].startswith("application/javascript")
    found = re.fullmatch(r"geetest_17\((.*)\);", response.text)
    assert found
    registered = json.loads(found[1])
    assert registered["new_captcha"] is True
    answer = visitor.solve("jsonp", registered["challenge"])
    assert visitor.get("/jsonp/data?id=7", params=answer).json()["id"] == "7"
    for refused in ({}, WRONG_V3, answer):
        page = visitor.get("/jsonp/data?id=7", params=refused)
        assert page.status_code == 403
        assert 'dataType: "jsonp"' in page.text
    assert visitor.get("/jsonp/register?callback=alert(1)").status_code == 400
    assert submissions(visitor, "jsonp") == {"accepted": 1, "refused": 2}


def test_inline_has_a_fresh_challenge_in_every_view(visitor: Visitor) -> None:
    """gt and challenge are literals in the page; its form leads to the article."""
    pages = [visitor.get("/inline/article/12").text for _ in range(2)]
    challenges = [re.findall(r'challenge: "([0-9a-f]{32})"', page)[0] for page in pages]
    assert challenges[0] != challenges[1]
    assert f'gt: "{visitor.sandbox.captchas["inline"]}"' in pages[0]
    form = {**hidden(pages[0]), **prefixed(visitor.solve("inline", challenges[0]))}
    assert "tide tables of 12" in visitor.post("/inline/verify", data=form).text
    for refused in (form, hidden(pages[0]), {**form, **prefixed(WRONG_V3)}):
        assert "initGeetest({" in visitor.post("/inline/verify", data=refused).text
    assert submissions(visitor, "inline") == {"accepted": 1, "missing": 1, "refused": 2}


def test_v4_api_takes_nested_names(visitor: Visitor) -> None:
    """Without a right answer: 403 and need_captcha; with it the items; each request needs its own."""
    answer = visitor.solve("v4-api")
    response = visitor.post("/v4/api/items", json={"page": 2, "captcha": answer})
    assert (response.status_code, response.json()["page"], len(response.json()["items"])) == (200, 2, 3)
    for refused in (
        {},
        {"captcha": "x"},
        {"captcha": WRONG_V4},
        {"captcha": answer},
        {"captcha": {**answer, "gen_time": 1}},
    ):
        response = visitor.post("/v4/api/items", json={"page": 2, **refused})
        assert response.status_code == 403
        assert response.json()["need_captcha"] is True
        assert response.json()["captcha_id"] == visitor.sandbox.captchas["v4-api"]
    assert visitor.post("/v4/api/items", data="[").status_code == 403
    assert visitor.post("/v4/api/items", json={"page": 99, "captcha": visitor.solve("v4-api")}).status_code == 400
    assert submissions(visitor, "v4-api") == {"accepted": 2, "missing": 4, "refused": 2}


def test_v4_api_has_a_page_that_asks_for_its_configuration(visitor: Visitor) -> None:
    """The page's id is an expression; the endpoint has the value."""
    assert "captchaId: settings.captcha_id" in visitor.get("/v4/").text
    assert visitor.get("/v4/api/config").json()["captcha_id"] == visitor.sandbox.captchas["v4-api"]


def test_v4_form(visitor: Visitor) -> None:
    """The page has id and risk type as literals and keeps the query's keyword; the form leads to the result, once."""
    page = visitor.get("/v4/form?keyword=oak").text
    assert f'captchaId: "{visitor.sandbox.captchas["v4-form"]}", riskType: "slide"' in page
    assert 'name="keyword" type="text" value="oak"' in page
    answer = visitor.solve("v4-form")
    form = {**hidden(page), "keyword": "oak", "town": "Wick", **answer}
    assert (
        '<span class="keyword">oak</span> in <span class="town">Wick</span>' in visitor.post("/v4/form", data=form).text
    )
    for refused in (form, {"keyword": "oak"}, {**form, **WRONG_V4}, {**form, "captcha_id": "0" * 32}):
        response = visitor.post("/v4/form", data=refused)
        assert 'class="error"' in response.text
        assert "initGeetest4(" in response.text
    assert submissions(visitor, "v4-form") == {"accepted": 1, "missing": 2, "refused": 2}


def test_headers(visitor: Visitor) -> None:
    """The answer goes into headers."""
    answer = visitor.solve("headers")
    assert visitor.get("/headers/data/5", headers=as_headers(answer)).json()["id"] == 5
    assert HEADER_NAMES["lot_number"] == "x-captcha-lot-number"
    for refused in ({}, as_headers(WRONG_V4), as_headers(answer)):
        page = visitor.get("/headers/data/5", headers=refused)
        assert page.status_code == 403
        assert "initGeetest4(" in page.text
    assert submissions(visitor, "headers") == {"accepted": 1, "refused": 2}


def test_a_solution_of_one_site_is_none_for_another(visitor: Visitor) -> None:
    """Each site has an id and a key of its own."""
    response = visitor.post(
        "/v4/form", data=visitor.solve("v4-api") | {"captcha_id": visitor.sandbox.captchas["v4-form"]}
    )
    assert 'class="error"' in response.text


def gate_answer(visitor: Visitor, gate: str) -> dict[str, str]:
    if gate == "gate3":
        return prefixed(visitor.solve(gate, visitor.register("/gate3/register?t=1")["challenge"]))
    return visitor.solve(gate)


@pytest.mark.parametrize("gate", ["gate", "gate3", "gater"])
def test_gates_open_a_session_for_all_pages(visitor: Visitor, gate: str) -> None:
    """One accepted answer opens every page of the session, and leads back to where the visitor came from."""
    page = visitor.get(f"/{gate}/page/3?x=1")
    assert page.status_code == (200 if gate == "gater" else 403)
    form = hidden(page.text)
    assert form == {"return" if gate == "gater" else "next": f"/{gate}/page/3?x=1"}
    wrong = prefixed(WRONG_V3) if gate == "gate3" else WRONG_V4
    for refused in ({}, wrong):
        assert hidden(visitor.post(f"/{gate}/verify", data={**form, **refused}).text) == form
    answer = gate_answer(visitor, gate)
    opened = visitor.post(f"/{gate}/verify", data={**form, **answer})
    assert opened.url.endswith(f"/{gate}/page/3?x=1")
    assert '<h1 class="title">Page 3</h1>' in opened.text
    assert '<h1 class="title">Page 4</h1>' in visitor.get(f"/{gate}/page/4").text
    assert "POST a=1" in visitor.post(f"/{gate}/page/5", data={"a": "1"}).text
    with requests.Session() as other:
        assert 'id="guarded"' in Visitor(visitor.sandbox, other).get(f"/{gate}/page/4").text
    books = visitor.sandbox.books()
    assert books["gates_opened"] == {gate: 1}
    assert books["submissions"][gate] == {"accepted": 1, "missing": 1, "refused": 1}
    assert books["pages"][gate]["content"] == 3


def test_a_redirecting_gate_names_where_it_was(visitor: Visitor) -> None:
    """A closed gate of this kind answers 302 to its captcha page, with the address to return to."""
    response = visitor.get("/gater/page/8?y=2", allow_redirects=False)
    assert response.status_code == 302
    target = urlsplit(response.headers["location"])
    assert (target.path, parse_qs(target.query)) == ("/gater/captcha", {"return": ["/gater/page/8?y=2"]})


def test_a_gate_sends_nowhere_else(visitor: Visitor) -> None:
    """An address outside the gate is not redirected to."""
    form = {"next": "https://elsewhere.example/", **visitor.solve("gate")}
    assert visitor.post("/gate/verify", data=form).url.endswith("/gate/page/1")


def test_a_v4_gate_has_no_register_endpoint(visitor: Visitor) -> None:
    """Only v3 registers."""
    assert visitor.get("/gate/register").status_code == 404


def test_gates_close_again(visitor: Visitor) -> None:
    """With ``gate_seconds`` a gate is open for so long only."""
    visitor.sandbox.reset(**AT_ONCE, gate_seconds=0)
    assert visitor.post("/gate/verify", data={"next": "/gate/page/2", **visitor.solve("gate")}).status_code == 403


@pytest.mark.parametrize(
    ("path", "site"),
    [("/v3/gt/register-slide", "v3"), ("/gate3/register", "gate3"), ("/jsonp/register?callback=f", "jsonp")],
)
def test_offline_registration_is_what_the_sdk_makes_of_it(visitor: Visitor, path: str, site: str) -> None:
    """success is 0 and the challenge has 34 digits; the service knows nothing of it, so a task for it expires."""
    visitor.sandbox.reset(**AT_ONCE, offline="always")
    text = visitor.get(path).text
    registered = json.loads(re.sub(r"^f\(|\);$", "", text))
    assert (registered["success"], len(registered["challenge"])) == (0, 34)
    task_id = visitor.call("createTask", task=visitor.task(site, registered["challenge"])).json()["taskId"]
    assert visitor.call("getTaskResult", taskId=task_id).json()["errorCode"] == "ERROR_TOKEN_EXPIRED"


def test_offline_answers_are_checked_by_the_sdk_fallback(visitor: Visitor) -> None:
    """After an offline registration the SDK's own fallback judges; ill-formed answers are refused."""
    visitor.sandbox.reset(**AT_ONCE, offline="always")
    visitor.get("/v3/login")
    registered = visitor.register("/v3/gt/register-slide")
    for validate in ("x", "a_b_c", "0" * 32):
        fields = {"challenge": registered["challenge"], "validate": validate, "seccode": "s"}
        assert log_in(visitor, prefixed(fields)).status_code == 200
    assert submissions(visitor, "v3-login")["refused"] == 3


def test_plain_pages_have_no_widget(visitor: Visitor) -> None:
    """Neither here nor at the other address; their size can be asked for."""
    for base in (visitor.sandbox.url, visitor.sandbox.other_url):
        page = visitor.session.get(f"{base}/plain/4?size=100000", timeout=20)
        assert '<h1 class="title">Plain 4</h1>' in page.text
        assert "geetest" not in page.text.lower()
        assert len(page.content) > 100_000
    assert len(visitor.get("/plain/4?size=x").content) < 2000
    assert visitor.session.get(f"{visitor.sandbox.other_url}/v3/login", timeout=20).status_code == 404


@pytest.mark.parametrize(
    ("robots", "status", "said"),
    [("allow", 200, "Disallow:\n"), ("challenge", 403, "initGeetest4("), ("User-agent: *\nDisallow: /v3", 200, "/v3")],
)
def test_robots(visitor: Visitor, robots: str, status: int, said: str) -> None:
    """robots.txt allows all, is withheld itself, or says what it is told to; the other host allows all."""
    visitor.sandbox.reset(robots=robots)
    response = visitor.get("/robots.txt")
    assert (response.status_code, said in response.text) == (status, True)
    other = visitor.session.get(f"{visitor.sandbox.other_url}/robots.txt", timeout=20)
    assert other.text == "User-agent: *\nDisallow:\n"


@pytest.mark.parametrize("path", ["/static/gt.js", "/static/gt4.js", "/static/jquery.min.js", "/static/site.css", "/"])
def test_what_pages_load_is_there(visitor: Visitor, path: str) -> None:
    """Scripts, style and the list of sites."""
    assert visitor.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/nowhere", "/static/gtxjs", "/v3", "/v34/login"])
def test_other_addresses_are_404(visitor: Visitor, path: str) -> None:
    """There is nothing else, and cookies that are none do no harm."""
    assert visitor.get(path, headers={"cookie": "a]=;;\x01=,"}).status_code == 404


def test_pages_can_be_slow(visitor: Visitor) -> None:
    """``latency`` is what each page takes."""
    visitor.sandbox.reset(latency=0.2)
    assert visitor.get("/plain/1").elapsed.total_seconds() >= 0.2


def test_hundreds_of_registrations_at_once(visitor: Visitor) -> None:
    """GeeTest's SDK blocks, and the sandbox serves them all: nobody is told that GeeTest is offline."""

    def register(_: int) -> int:
        return int(requests.get(f"{visitor.sandbox.url}/gate3/register", timeout=30).json()["success"])

    with ThreadPoolExecutor(100) as pool:
        assert sum(pool.map(register, range(200))) == 200
    assert len(visitor.sandbox.books()["registers"]) >= 200

"""The rules of the sandbox's service and of its GeeTest, on a clock that the test moves."""

from __future__ import annotations

import itertools
from hashlib import md5
from typing import Any

import pytest
from attrs import define, field

from scrapy_geetest.sandbox import USER_AGENT, Options
from scrapy_geetest.sandbox.captchas import CAPTCHAS, sign_token
from scrapy_geetest.sandbox.service import Service
from scrapy_geetest.sandbox.tasks import Refusal, check_task
from scrapy_geetest.sandbox.world import World

V3, V4 = CAPTCHAS["v3"], CAPTCHAS["v4-form"]
PROXY = {
    "proxyType": "socks5",
    "proxyAddress": "203.0.113.9",
    "proxyPort": 1080,
    "proxyLogin": "ann",
    "proxyPassword": "pw",
}


@define
class Desk:
    """A world whose time stands still until it is told to move."""

    now: float = 1000.0
    world: World = field(init=False)

    @classmethod
    def make(cls, **options: Any) -> Desk:
        desk = cls()

        async def unused(*_: Any) -> Any:
            """The service neither blocks nor posts."""

        made = Options.make({"solve_seconds": 10, **options})
        desk.world = World(made, "", unused, unused, itertools.count(1), lambda: desk.now, lambda: desk.now)
        return desk

    @property
    def service(self) -> Service:
        return self.world.service

    @property
    def key(self) -> dict[str, str]:
        return {"clientKey": self.world.options.api_key}

    def challenge(self) -> str:
        return md5((self.world.geetest.register(V3.id) + V3.key).encode()).hexdigest()

    def create(self, **task: Any) -> int:
        return int(self.service.create({**self.key, "task": {**v4_task(), **task}})["taskId"])

    def create_v3(self, challenge: str) -> int:
        return int(self.service.create({**self.key, "task": v3_task(challenge=challenge)})["taskId"])

    def ask(self, task_id: Any) -> dict[str, Any]:
        return self.service.result({**self.key, "taskId": task_id})

    def refused(self, task_id: Any) -> str:
        with pytest.raises(Refusal) as caught:
            self.ask(task_id)
        return caught.value.code

    @property
    def books(self) -> dict[str, Any]:
        return self.world.books.to_json()


def v3_task(**changes: Any) -> dict[str, Any]:
    task = {"type": "GeeTestTask", "websiteURL": "https://shop.example/", "gt": V3.id, "version": 3}
    return {**task, "challenge": "0" * 32, **changes}


def v4_task(**changes: Any) -> dict[str, Any]:
    return {"type": "GeeTestTask", "websiteURL": "https://shop.example/", "gt": V4.id, "version": 4, **changes}


@pytest.mark.parametrize(
    "task",
    [
        v3_task(),
        v3_task(type="GeeTestTaskProxyless"),
        v3_task(geetestApiServerSubdomain="api-na.geetest.com", geetestGetLib='{"gt": 1}', userAgent=USER_AGENT),
        v3_task(**PROXY),
        v3_task(**{**PROXY, "proxyAddress": "proxy.example"}),
        v4_task(),
        v4_task(initParameters={"riskType": "slide"}),
        v4_task(**PROXY),
    ],
)
def test_documented_tasks_are_taken(task: dict[str, Any]) -> None:
    """Every documented field is taken in a task that may have it."""
    assert check_task(task) is (V3 if task["version"] == 3 else V4)


@pytest.mark.parametrize(
    ("task", "code", "named"),
    [
        (None, "ERROR_TASK_ABSENT", ""),
        ({}, "ERROR_TASK_ABSENT", ""),
        ("task", "ERROR_TASK_ABSENT", ""),
        (v3_task(type="NoCaptchaTask"), "ERROR_TASK_NOT_SUPPORTED", "type"),
        (v3_task(type=["GeeTestTask"]), "ERROR_TASK_NOT_SUPPORTED", "type"),
        (v3_task(version="3"), "ERROR_INVALID_TASK", "version"),
        (v3_task(version=3.0), "ERROR_INVALID_TASK", "version"),
        (v3_task(version=None), "ERROR_INVALID_TASK", "version"),
        (v4_task(gt=V3.id), "ERROR_INVALID_TASK", "version"),
        (v3_task(gt="0" * 32), "ERROR_INVALID_TASK", "gt"),
        (v3_task(gt=5), "ERROR_INVALID_TASK", "gt"),
        (v3_task(challenge=""), "ERROR_INVALID_TASK", "challenge"),
        (v3_task(challenge="data.challenge"), "ERROR_INVALID_TASK", "challenge"),
        ({**v3_task(), "softId": 5}, "ERROR_INVALID_TASK", "softId"),
        (v3_task(initParameters={}), "ERROR_INVALID_TASK", "initParameters"),
        (v4_task(challenge="0" * 32), "ERROR_INVALID_TASK", "challenge"),
        (v4_task(initParameters="slide"), "ERROR_INVALID_TASK", "initParameters"),
        (v4_task(initParameters={"riskType": "dance"}), "ERROR_INVALID_TASK", "riskType"),
        (v3_task(websiteURL="ftp://shop.example"), "ERROR_INVALID_TASK", "websiteURL"),
        (v3_task(websiteURL="https://"), "ERROR_INVALID_TASK", "websiteURL"),
        (v3_task(websiteURL="https://[x"), "ERROR_INVALID_TASK", "websiteURL"),
        (v3_task(websiteURL="https://shop.example/#top"), "ERROR_INVALID_TASK", "websiteURL"),
        (
            v3_task(geetestApiServerSubdomain="https://api.geetest.com"),
            "ERROR_INVALID_TASK",
            "geetestApiServerSubdomain",
        ),
        (v3_task(geetestGetLib={"gt": 1}), "ERROR_INVALID_TASK", "geetestGetLib"),
        (v3_task(geetestGetLib="{"), "ERROR_INVALID_TASK", "geetestGetLib"),
        (v3_task(userAgent="curl/8"), "ERROR_WRONG_USERAGENT", "userAgent"),
        (v3_task(proxyType="http"), "ERROR_INVALID_TASK", "proxyAddress"),
        (v3_task(**{**PROXY, "type": "GeeTestTaskProxyless"}), "ERROR_INVALID_TASK", "proxyType"),
        (v3_task(**{**PROXY, "proxyType": "ftp"}), "ERROR_INVALID_TASK", "proxyType"),
        (v3_task(**{**PROXY, "proxyAddress": "192.168.1.5"}), "ERROR_INVALID_TASK", "proxyAddress"),
        (v3_task(**{**PROXY, "proxyAddress": "localhost"}), "ERROR_INVALID_TASK", "proxyAddress"),
        (v3_task(**{**PROXY, "proxyAddress": "::1"}), "ERROR_INVALID_TASK", "proxyAddress"),
        (v3_task(**{**PROXY, "proxyPort": "1080"}), "ERROR_INVALID_TASK", "proxyPort"),
        (v3_task(**{**PROXY, "proxyPort": 0}), "ERROR_INVALID_TASK", "proxyPort"),
        (v3_task(**{**PROXY, "proxyLogin": ""}), "ERROR_INVALID_TASK", "proxyLogin"),
        (v3_task(**{**PROXY, "proxyLogin": "a%b"}), "ERROR_PROXY_CREDENTIALS_INVALID_CHARACTER", "proxyLogin"),
        (v3_task(**{**PROXY, "proxyPassword": "%"}), "ERROR_PROXY_CREDENTIALS_INVALID_CHARACTER", "proxyPassword"),
    ],
)
def test_other_tasks_are_refused_with_the_field_named(task: Any, code: str, named: str) -> None:
    """What breaks a documented rule is refused with its code, and the description names the field."""
    with pytest.raises(Refusal) as caught:
        check_task(task)
    assert caught.value.code == code
    assert named in str(caught.value.description)


@pytest.mark.parametrize("method", [Service.create, Service.result, Service.balance, Service.report])
@pytest.mark.parametrize("key", [None, "", "another", 5])
def test_a_bad_key_is_403(method: Any, key: Any) -> None:
    """Every call needs the key."""
    with pytest.raises(Refusal) as caught:
        method(Desk.make().service, {"clientKey": key})
    assert (caught.value.code, caught.value.status) == ("ERROR_KEY_DOES_NOT_EXIST", 403)


def test_a_task_is_processing_then_ready() -> None:
    """The solution comes when the solve time is over, and the same one again for later polls."""
    desk = Desk.make()
    task_id = desk.create()
    assert desk.ask(task_id) == {"errorId": 0, "status": "processing"}
    desk.now += 10
    answer = desk.ask(task_id)
    assert answer["status"] == "ready"
    assert answer["cost"] == 0.0006
    assert (answer["createTime"], answer["endTime"], answer["solveCount"]) == (1000, 1010, 1)
    assert answer["solution"].keys() == {"captcha_id", "lot_number", "pass_token", "gen_time", "captcha_output"}
    assert answer["solution"]["gen_time"] == "1010"
    desk.now += 5
    assert desk.ask(task_id)["solution"] == answer["solution"]
    assert desk.books["outcomes"] == {"solved": 1}
    assert desk.books["polls"] == 3


def test_polls_below_the_floor_are_429() -> None:
    """Two seconds between two polls of a task; a refused one does not count as the last; other tasks are not concerned."""
    desk = Desk.make()
    first, second = desk.create(), desk.create()
    desk.ask(first)
    desk.now += 1.9
    assert desk.refused(first) == "ERROR_TOO_MUCH_REQUESTS"
    desk.ask(second)
    desk.now += 0.1
    desk.ask(first)
    assert desk.books["floor_violations"] == 1
    assert [entry["polls"] for entry in desk.books["tasks"]] == [3, 1]


def test_at_most_120_polls() -> None:
    """The 121st poll of a task is refused, however slowly they come."""
    desk = Desk.make(solve_seconds=1000)
    task_id = desk.create()
    for _ in range(120):
        desk.ask(task_id)
        desk.now += 2
    assert desk.refused(task_id) == "ERROR_TOO_MUCH_REQUESTS"
    assert desk.books["floor_violations"] == 0


def test_results_are_kept_for_five_minutes() -> None:
    """A finished task is forgotten 300 s later."""
    desk = Desk.make()
    task_id = desk.create()
    desk.now += 310
    assert desk.ask(task_id)["status"] == "ready"
    desk.now += 2
    assert desk.refused(task_id) == "ERROR_NO_SUCH_CAPCHA_ID"


@pytest.mark.parametrize("task_id", [None, 5, "5", True, [1], {"id": 1}])
def test_unknown_tasks_are_refused(task_id: Any) -> None:
    """An id that was never handed out, of whatever type."""
    assert Desk.make().refused(task_id) == "ERROR_NO_SUCH_CAPCHA_ID"


def test_old_challenges_expire() -> None:
    """A challenge older than ten minutes ends in ERROR_TOKEN_EXPIRED, billed; the books know its age at createTask."""
    desk = Desk.make()
    old, fresh = desk.challenge(), desk.challenge()
    desk.now += 0.25
    fresh_task = desk.create_v3(fresh)
    desk.now += 600
    old_task = desk.create_v3(old)
    desk.now += 10
    assert desk.refused(old_task) == "ERROR_TOKEN_EXPIRED"
    assert desk.refused(fresh_task) == "ERROR_NO_SUCH_CAPCHA_ID"
    books = desk.books
    assert books["charged_millionths"] == 2 * 600
    assert books["challenge_age_ms"] == [250, 600_250]


def test_a_challenge_is_used_up_by_the_first_task() -> None:
    """The second task with the same challenge expires, the first does not."""
    desk = Desk.make()
    challenge = desk.challenge()
    first, second, unknown = desk.create_v3(challenge), desk.create_v3(challenge), desk.create_v3("e" * 32)
    desk.now += 10
    assert desk.ask(first)["status"] == "ready"
    assert desk.refused(second) == desk.refused(unknown) == "ERROR_TOKEN_EXPIRED"
    assert desk.books["outcomes"] == {"solved": 1, "expired": 2}


def test_a_v3_solution_is_what_geetest_makes() -> None:
    """Two more hexadecimal digits, the documented md5, and GeeTest takes it once."""
    desk = Desk.make()
    challenge = desk.challenge()
    task_id = desk.create_v3(challenge)
    desk.now += 10
    solution = desk.ask(task_id)["solution"]
    assert solution["challenge"][:32] == challenge
    assert len(solution["challenge"]) == 34
    assert int(solution["challenge"], 16)
    assert solution["validate"] == md5(f"{V3.key}geetest{solution['challenge']}".encode()).hexdigest()
    assert solution["seccode"] == f"{solution['validate']}|jordan"
    validate = desk.world.geetest.validate_v3
    assert not validate(solution["challenge"], "another")
    assert validate(solution["challenge"], solution["seccode"])
    assert not validate(solution["challenge"], solution["seccode"])
    assert not validate("unknown", solution["seccode"])
    assert desk.books["validations"] == {"v3": {"failed": 2, "passed": 1}, "unknown": {"failed": 1}}


def test_v4_validation_wants_signature_all_four_and_single_use() -> None:
    """Each of the values is checked, and the site's key must have signed the lot number."""
    desk = Desk.make()
    task_id = desk.create()
    desk.now += 10
    solution = desk.ask(task_id)["solution"]
    lot_number = solution["lot_number"]
    fields = {**{name: value for name, value in solution.items() if name != "captcha_id"}}
    fields["sign_token"] = sign_token(V4, lot_number)
    check = desk.world.geetest.validate_v4
    other = CAPTCHAS["headers"]
    assert check("0" * 32, fields) == ("fail", "captcha_id error")
    assert check(V3.id, fields) == ("fail", "captcha_id error")
    assert check(V4.id, {**fields, "sign_token": "0" * 64}) == ("fail", "sign_token error")
    assert check(other.id, {**fields, "sign_token": sign_token(other, lot_number)}) == ("fail", "lot_number error")
    for name in ("pass_token", "gen_time", "captcha_output"):
        assert check(V4.id, {**fields, name: "x"}) == ("fail", "pass_token error")
    assert check(V4.id, fields) == ("success", "")
    assert check(V4.id, fields) == ("fail", "pass_token expire")
    seen = desk.books["v4_validates"]
    assert len(seen) == 9
    assert seen[-2] == {"captcha_id": V4.id, **fields, "result": "success", "reason": ""}


def test_solutions_grow_old() -> None:
    """A solution is refused ``solution_seconds`` after it was made."""
    desk = Desk.make(solution_seconds=100)
    challenge = desk.challenge()
    task_id = desk.create_v3(challenge)
    desk.now += 10
    solution = desk.ask(task_id)["solution"]
    desk.now += 101
    assert not desk.world.geetest.validate_v3(solution["challenge"], solution["seccode"])


@pytest.mark.parametrize(("wrong", "outcomes"), [(1, [False, True]), ("always", [False, False]), (0, [True, True])])
def test_wrong_answers_are_well_formed_and_refused(wrong: int | str, outcomes: list[bool]) -> None:
    """The first ``wrong`` answers look like the others, and GeeTest does not know them."""
    desk = Desk.make(wrong=wrong)
    tasks = [desk.create_v3(desk.challenge()) for _ in outcomes]
    desk.now += 10
    solutions = [desk.ask(task_id)["solution"] for task_id in tasks]
    validate = desk.world.geetest.validate_v3
    assert [validate(solution["challenge"], solution["seccode"]) for solution in solutions] == outcomes
    assert [not entry["wrong"] for entry in desk.books["tasks"]] == outcomes


def test_wrong_v4_answers_are_refused() -> None:
    """GeeTest does not know the lot number of a wrong answer."""
    desk = Desk.make(wrong="always")
    task_id = desk.create()
    desk.now += 10
    fields = desk.ask(task_id)["solution"]
    fields["sign_token"] = sign_token(V4, fields["lot_number"])
    assert desk.world.geetest.validate_v4(V4.id, fields) == ("fail", "lot_number error")


def test_an_empty_account_is_402() -> None:
    """What the balance allows is sold, and no more."""
    desk = Desk.make(balance=0.0012)
    desk.create()
    desk.create()
    with pytest.raises(Refusal) as caught:
        desk.create()
    assert (caught.value.code, caught.value.status) == ("ERROR_ZERO_BALANCE", 402)
    assert desk.service.balance(desk.key) == {"errorId": 0, "balance": 0.0}
    assert desk.books["created"] == {"total": 2, "v4": 2}


def test_reports_are_in_the_books() -> None:
    """A task can be reported; an unknown one cannot; no money comes back."""
    desk = Desk.make()
    task_id = desk.create()
    assert desk.service.report({**desk.key, "taskId": task_id}) == {"errorId": 0, "status": "success"}
    with pytest.raises(Refusal):
        desk.service.report({**desk.key, "taskId": 5})
    assert desk.books["reports"] == [task_id]
    assert desk.books["tasks"][0]["reported"] == 1
    assert desk.books["charged_millionths"] == 600


@pytest.mark.parametrize(
    ("fault", "outcome", "charged"),
    [
        ("ERROR_CAPTCHA_UNSOLVABLE", "failed", 0),
        ("ERROR_TOKEN_EXPIRED@200", "failed", 600),
        ("solution-missing-keys", "failed", 0),
        ("CAPTCHA_NOT_READY", "unfetched", 600),
        ("ERROR_TOO_MUCH_REQUESTS", "unfetched", 600),
        ("http-500", "unfetched", 600),
        ("hang", "unfetched", 600),
    ],
)
def test_faults_of_polls_are_in_the_books(fault: str, outcome: str, charged: int) -> None:
    """An error that ends the task is its outcome, once, and paid back unless it is the one documented as billed."""
    desk = Desk.make()
    task_id = desk.create()
    for _ in range(2):
        desk.service.spoil({"taskId": task_id}, fault)
    desk.service.spoil({"taskId": 5}, fault)
    books = desk.books
    assert (books["outcomes"], books["charged_millionths"]) == ({outcome: 1}, charged)
    assert books["balance"] == 10 - charged / 1_000_000
    assert books["polls"] == 2


def test_solve_times_are_drawn_from_the_range() -> None:
    """The same seed draws the same times, within the range."""
    times = []
    for _ in range(2):
        desk = Desk.make(solve_seconds=(10, 30), seed=3, poll_floor=0, max_polls=10_000)
        task_id = desk.create()
        started = desk.now
        while desk.ask(task_id)["status"] == "processing":
            desk.now += 0.1
        times.append(desk.now - started)
    assert 10 <= times[0] <= 30.1
    assert times[0] == times[1]


@pytest.mark.parametrize(("offline", "registered"), [(0, 3), (2, 1), ("always", 0), (True, 0), (False, 3)])
def test_geetest_can_be_offline(offline: Any, registered: int) -> None:
    """The first registrations find nobody, or all of them."""
    desk = Desk.make(offline=offline)
    answers = [desk.world.geetest.register(V3.id) for _ in range(3)]
    assert sum(len(answer) == 32 for answer in answers) == registered
    assert sum(1 for entry in desk.books["registers"] if entry["challenge"]) == registered


def test_unknown_ids_are_not_registered() -> None:
    """GeeTest hands no challenge to an id that it does not know."""
    assert not Desk.make().world.geetest.register("0" * 32)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"colour": "red"}, "there is no option colour"),
        ({"balance": -1}, "balance"),
        ({"balance": "much"}, "wrong type"),
        ({"solve_seconds": (3, 2)}, "solve_seconds"),
        ({"solve_seconds": -1}, "solve_seconds"),
        ({"solve_seconds": "soon"}, "soon"),
        ({"wrong": "often"}, "wrong"),
        ({"offline": -1}, "offline"),
        ({"faults": ["hang"]}, "faults"),
        ({"faults": {"createTask": "hang"}}, "list"),
        ({"faults": {"makeTask": ["hang"]}}, "makeTask"),
        ({"faults": {"createTask": ["hiccup"]}}, "hiccup"),
        ({"faults": {"createTask": ["hang@500"]}}, "hang@500"),
        ({"faults": {"register": ["ERROR_ZERO_BALANCE"]}}, "register"),
        ({"faults": {"submit": {"random": ["hang"], "probability": 2}}}, "probability"),
        ({"faults": {"submit": {"names": ["hang"]}}}, "random"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], said: str) -> None:
    """The message names what is wrong."""
    with pytest.raises(ValueError, match=said):
        Options.make(options)

"""The rules of the sandbox's GeeTest, on a clock that the test moves."""

from __future__ import annotations

from hashlib import md5
from typing import Any

import pytest
from sandbox_desk import V3, V4, Desk

from scrapy_geetest.sandbox import Options
from scrapy_geetest.sandbox.captchas import CAPTCHAS, sign_token


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

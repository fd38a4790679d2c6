"""Logs that hold something twice: a solution under two names, one request of two parties, two widgets, two tabs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from recorded_visits import (
    GEETEST_V3,
    REGISTER,
    V3,
    V4,
    WIDGET,
    answer,
    form,
    geetest,
    made_again,
    page,
    posted,
    told,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.exhaustive


async def test_a_solution_that_widget_and_script_put_into_one_form(tmp_path: Path) -> None:
    """v3's widget has inputs of its own; a script that adds the same ones sends them twice."""
    twice = [("q", "rope"), *GEETEST_V3.items(), *GEETEST_V3.items()]
    said = await made_again(
        tmp_path, page("/x", '<input name="q">'), REGISTER, geetest(3), form("/send", twice, {"ok": 1})
    )
    assert (said["typed"], "def fields" in said["declaration"]) == (["q"], False)


@pytest.mark.parametrize("way", ["form", "json", "steps"])
async def test_a_solution_under_two_names(way: str, tmp_path: Path) -> None:
    """Which of them the site reads, the log does not tell: both are sent."""
    sent = {**GEETEST_V3, **V3, "kind": "7"}
    made = form if way == "form" else posted
    steps = [made("/send", sent, {"ticket": "tk-1100aa"})]
    if way == "steps":
        steps += [answer("/rows?ticket=tk-1100aa", {"code": 0})]
    said = await made_again(tmp_path, page("/x", "a page"), REGISTER, geetest(3), *steps)
    assert said["typed"] == []
    assert [name for name in said["field_names"].values() if name] == list(GEETEST_V3)
    assert "solution.challenge" in said["declaration"]


async def test_a_repeated_value_inside_packed_json(tmp_path: Path) -> None:
    """All of it is in the string."""
    lot = V4["lot_number"]
    body = {"captcha": json.dumps({"lot_number": lot, "lot": lot, "pass_token": V4["pass_token"]})}
    said = await made_again(tmp_path, page("/x", WIDGET), geetest(), form("/send", body, {"ok": 1}))
    assert (said["packed_in"], said["typed"]) == ("captcha", [])


def test_two_steps_that_begin_at_another_page_that_is_withheld() -> None:
    """The wanted request is the one that carried the ticket; the page that showed the widget would not come with it."""
    said = told(
        page("/check", WIDGET, 403),
        geetest(3),
        form("/verify", GEETEST_V3, {"ticket": "tk-1100aa"}),
        page("/result?ticket=tk-1100aa", "rows"),
    )
    assert (said["mode"], said["verified_fields"], said["detect"]) == ("form", {"ticket": "ticket"}, {})
    assert said["wanted"]["url"].endswith("/result")
    assert 'meta={"geetest": True}' in said["spider"]


def test_two_widgets_that_go_to_one_address() -> None:
    """What differs between v3's request and v4's was not typed."""
    said = told(
        page("/x", WIDGET + '<script>load("prices"); load("stock")</script>', 403),
        geetest(3),
        answer("/items?" + urlencode({"list": "prices", **GEETEST_V3}), {"rows": [1]}),
        geetest(),
        answer("/items?" + urlencode({"list": "stock", **V4}), {"rows": [2]}),
    )
    assert (said["version"], said["typed"]) == (4, [])
    assert "list=stock" in said["spider"] + said["declaration"]

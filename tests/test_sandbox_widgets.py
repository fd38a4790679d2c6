"""What a browser gets from the sandbox in GeeTest's place: scripts with a button, and solutions that the sites take."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from scrapy_geetest.sandbox.captchas import CAPTCHAS

if TYPE_CHECKING:
    from sandbox_visitor import Visitor


def _called(visitor: Visitor, call: str, **query: str) -> dict[str, Any]:
    text = visitor.get(f"/geetest/{call}", params={**query, "callback": "geetest_1"}).text
    [answer] = re.fullmatch(r"geetest_1\((.*)\);", text).groups()  # type: ignore[union-attr]  # then it fails
    told: dict[str, Any] = json.loads(answer)
    return told


def test_a_v3_widget_is_passed(visitor: Visitor) -> None:
    """As the script of the page does it; the challenge is good once."""
    registered = visitor.get("/v3/gt/register-slide").json()
    query = {"gt": registered["gt"], "challenge": registered["challenge"]}
    shown = _called(visitor, "get.php", **query)["data"]["challenge"]
    assert shown.startswith(query["challenge"])
    validate = _called(visitor, "ajax.php", gt=query["gt"], challenge=shown)["data"]["validate"]
    assert _called(visitor, "get.php", **query) == {"status": "error", "msg": "old challenge"}
    page = visitor.get("/v3/search?q=rope").text
    hidden = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page))
    fields = {"geetest_challenge": shown, "geetest_validate": validate, "geetest_seccode": f"{validate}|jordan"}
    assert "Results" in visitor.post("/v3/search/verify", data={**hidden, **fields}).text


def test_a_v4_widget_is_passed(visitor: Visitor) -> None:
    """The whole solution comes with the second call."""
    captcha_id = CAPTCHAS["v4-api"].id
    lot = _called(visitor, "load", captcha_id=captcha_id)["data"]["lot_number"]
    seccode = _called(visitor, "verify", captcha_id=captcha_id, lot_number=lot)["data"]["seccode"]
    assert seccode["captcha_id"] == captcha_id
    assert visitor.post("/v4/api/items", json={"page": 1, "captcha": seccode}).status_code == 200


@pytest.mark.parametrize("call", ["get.php", "ajax.php", "load", "verify"])
def test_what_nobody_issued(visitor: Visitor, call: str) -> None:
    """No solution, and a word; without a callback there is no answer at all."""
    assert _called(visitor, call)["status"] == "error"
    assert _called(visitor, call, gt="x", captcha_id="x", challenge="x", lot_number="x")["status"] == "error"
    assert visitor.get(f"/geetest/{call}").status_code == 400


@pytest.mark.parametrize(("name", "calls"), [("gt.js", "ajax.php"), ("gt4.js", "verify"), ("jquery.min.js", "$.ajax")])
def test_scripts_are_whole(visitor: Visitor, name: str, calls: str) -> None:
    """Nothing is left to be filled in."""
    text = visitor.get(f"/static/{name}").text
    assert calls in text
    assert "[[" not in text

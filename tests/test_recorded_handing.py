"""Values of a page that a hook needs for a request that is solved before it is sent: the spider hands them on."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from recorded_visits import (
    CHALLENGE,
    GEETEST_V3,
    GT,
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
TOKEN = "cs-77a0b1c2d3"
HIDDEN = f'<form action="/verify" method="post"><input type="hidden" name="csrf" value="{TOKEN}"></form>'


@pytest.mark.parametrize("status", [200, 403])
@pytest.mark.parametrize("way", ["form", "json", "headers"])
async def test_a_verification_that_repeats_a_value_of_the_page(way: str, status: int, tmp_path: Path) -> None:
    """The wanted request is another one than the page's."""
    verified = {"data": {"ticket": "tk-1100aa22"}}
    sent = {
        "form": form("/verify", {"csrf": TOKEN, **V4}, verified),
        "json": posted("/verify", {"csrf": TOKEN, **V4}, verified),
        "headers": posted("/verify", V4, verified, headers=(("X-CSRF", TOKEN),)),
    }[way]
    said = await made_again(
        tmp_path,
        page("/x", HIDDEN + WIDGET, status),
        geetest(),
        sent,
        answer("/rows?ticket=tk-1100aa22", {"rows": [1]}),
    )
    assert said["verified_fields"] == {"data.ticket": "ticket"}
    assert 'request.meta["carried_' in said["declaration"]
    assert said["spider"].count('"carried_') == 1


@pytest.mark.parametrize("way", ["steps", "script", "form"])
def test_a_register_request_that_repeats_a_value_of_the_page(way: str) -> None:
    """v3: the challenge is asked for with a token of the page that the spider fetched."""
    register = answer("/register?" + urlencode({"csrf": TOKEN}), {"success": 1, "gt": GT, "challenge": CHALLENGE})
    last = {
        "steps": [
            form("/verify", GEETEST_V3, {"ticket": "tk-1100aa22"}),
            answer("/rows?ticket=tk-1100aa22", {"rows": [1]}),
        ],
        "script": [form("/send", {"q": "rope", **GEETEST_V3}, {"ok": 1})],
        "form": [form("/verify", {"csrf": TOKEN, "q": "rope", **GEETEST_V3}, {"ok": 1})],
    }[way]
    start = HIDDEN.replace("</form>", '<input name="q"></form>')
    said = told(page("/x", start), register, geetest(3), *last)
    assert '"csrf": request.meta["carried_csrf"]' in said["declaration"]
    assert "/register" in said["declaration"]
    assert 'meta={"geetest": True, "carried_csrf": response.css(' in said["spider"]
    assert '"..."' not in said["declaration"]

"""Logs with more in them than one visit to one site: GeeTest behind the site's own host, service workers, other tabs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from attrs import evolve
from recorded_visits import (
    CHALLENGE,
    GEETEST_V3,
    GT,
    HOST,
    REGISTER,
    V4,
    VALIDATE,
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

    from scrapy_geetest.commands.inspect.har import Exchange

pytestmark = pytest.mark.exhaustive
OTHER = "https://other.example"


def _own_call(name: str, **data: str) -> Exchange:
    query = urlencode({"gt": GT, "challenge": CHALLENGE, "w": "1", "callback": "geetest_1"})
    return answer(f"/captcha/{name}?{query}", {"status": "success", "data": data}, media_type="text/javascript")


async def test_the_widget_asks_a_host_of_the_sites_own(tmp_path: Path) -> None:
    """Its calls are no register requests, and the site's own /ajax.php is none of its calls."""
    said = await made_again(
        tmp_path,
        page("/x", "a page"),
        REGISTER,
        _own_call("get.php", challenge=CHALLENGE + "k2"),
        _own_call("ajax.php", validate=VALIDATE),
        form("/ajax.php", {"gt": GT, "kind": "7", **GEETEST_V3}, {"success": True}),
    )
    assert (said["challenge_url"], said["submit"]["url"]) == (f"{HOST}/register", f"{HOST}/ajax.php")
    assert said["api_server"] == HOST.partition("//")[2]


@pytest.mark.parametrize("kind", ["worker", "redirect"])
def test_a_submission_that_the_log_has_twice(kind: str) -> None:
    """A service worker's own request, a redirect that keeps the method: one solution, which opened a gate."""
    first = posted("/open", V4, {"ok": True}, set_cookies=(("pass", "p-1"),))
    second = first
    if kind == "redirect":
        first = posted("/open", V4, "", status=307, location="/v2/open")
        second = posted("/v2/open", V4, {"ok": True}, set_cookies=(("pass", "p-1"),))
    said = told(
        page("/list", WIDGET, 403),
        geetest(),
        first,
        second,
        page("/list", "rows", cookies=(("pass", "p-1"),)),
    )
    assert (said["mode"], said["submit"]["url"]) == ("gate", f"{HOST}/open")
    without_return = told(page("/x", WIDGET), geetest(), first, second, page("/rows", "rows"))
    assert "2 requests were accepted" not in without_return["why_mode"]


def test_a_request_with_the_solution_in_its_headers_twice() -> None:
    """The second is no content that came without a solution."""
    sent = answer("/rows", {"rows": [1]}, headers=tuple((f"x-{key}", value) for key, value in V4.items()))
    said = told(page("/rows", WIDGET, 403), geetest(), sent, sent)
    assert (said["mode"], said["submit_as"]) == ("form", "headers")


@pytest.mark.parametrize("status", [403, 200])
def test_a_page_of_another_tab(status: int) -> None:
    """Another site's page with a widget, loaded in between, is not what was withheld."""
    other = evolve(page("/news", WIDGET, status), url=f"{OTHER}/news")
    said = told(
        page("/x", '<input name="q">' + WIDGET),
        geetest(),
        other,
        posted("/api/x", {"q": "rope", **V4}, {"ok": True}, headers=(("Referer", f"{HOST}/x"),)),
        evolve(other, text="<html>news</html>", status=200),
    )
    assert (said["mode"], said["page"], said["wanted"]["url"]) == ("form", f"{HOST}/x", f"{HOST}/api/x")
    assert OTHER not in said["declaration"] + said["spider"]


def test_a_withheld_page_of_the_same_site_in_another_tab() -> None:
    """The one counts whose script sent the solution."""
    said = told(
        page("/list", WIDGET, 403),
        geetest(),
        page("/other", WIDGET, 403),
        form("/open", V4, {"ok": 1}, headers=(("Referer", f"{HOST}/list"),), set_cookies=(("pass", "p-1"),)),
        page("/list", "rows", cookies=(("pass", "p-1"),)),
    )
    assert (said["mode"], said["wanted"]["url"]) == ("gate", f"{HOST}/list")


def test_content_of_another_tab_after_a_gate() -> None:
    """It is not what the gate opened."""
    said = told(
        page("/check", '<form action="/pass" method="post"><div id="captcha"></div></form>' + WIDGET),
        geetest(),
        form("/pass", V4, {"ok": True}, set_cookies=(("ok", "o-1"),)),
        evolve(page("/news", "news"), url=f"{OTHER}/news"),
        page("/list", "rows", cookies=(("ok", "o-1"),)),
    )
    assert (said["mode"], said["wanted"]["url"]) == ("gate", f"{HOST}/list")
    assert said["urls"] == ["a.example"]

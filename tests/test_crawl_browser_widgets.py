"""Pages with more than one widget, in a real browser: a task for each that needs one of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from browser_crawl import GEETEST_SCRIPT, MARKS, browse, v3, v4, visit
from small_world import Answer, Asked, page

if TYPE_CHECKING:
    from small_world import SmallWorld

pytestmark = MARKS


async def test_two_widgets_of_a_challenge_page(world: SmallWorld) -> None:
    """A task for each."""

    @world.route("/two")
    def two(asked: Asked) -> Answer:
        if asked.query:
            taken = [world.geetest.takes({"lot_number": asked.query[name]}) for name in ("a", "b")]
            return page("<h1>both</h1>" if all(taken) else "no")
        script = """o.appendTo("#captcha"); o.onSuccess(function () {
          window.lots = (window.lots || []).concat(o.getValidate().lot_number);
          if (window.lots.length == 2) location.href = "/two?a=" + window.lots[0] + "&b=" + window.lots[1];
        });"""
        return page(f'<div id="captcha"></div>{GEETEST_SCRIPT}{v4(script)}{v4(script)}', 403)

    outcome = await browse(world, [visit(f"{world.site.url}/two")], {"accepted_css": "h1"})
    assert outcome.texts("h1::text") == ["both"]
    assert (len(world.tasks), outcome.stats["accepted"]) == (2, 2)


async def test_a_component_that_makes_its_widget_twice(world: SmallWorld) -> None:
    """With one challenge, as React does in its strict mode: one task, whose solution both have."""

    @world.route("/twice")
    def twice(asked: Asked) -> Answer:
        if asked.query:
            return page("<h1>in</h1>" if world.geetest.takes(asked.query) else "no")
        script = """o.appendTo("#captcha"); o.onSuccess(function () {
          window.passed = (window.passed || 0) + 1;
          if (window.passed == 2) location.href = "/twice?" + new URLSearchParams(o.getValidate());
        });"""
        widget = v3(script, challenge=challenge)
        return page(f'<div id="captcha"></div>{GEETEST_SCRIPT}{widget}{widget}', 403)

    challenge = world.geetest.issue()
    outcome = await browse(world, [visit(f"{world.site.url}/twice")], {"accepted_css": "h1"})
    assert outcome.texts("h1::text") == ["in"]
    assert (len(world.tasks), outcome.stats["accepted"]) == (1, 1)

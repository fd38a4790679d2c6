"""A challenge is bought once; a site may want none, or later, or one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from scrapy import FormRequest, Request
from small_world import GT, challenge_page, data, page

from scrapy_geetest import ChallengeNotNeeded, ChallengeNotReady, GeetestSite

if TYPE_CHECKING:
    from scrapy.http import Response
    from small_world import Answer, Asked, SmallWorld

    from scrapy_geetest import V3Challenge

SITE = {"challenge_url": "/register"}


def _form_site(world: SmallWorld) -> None:
    @world.route("/page")
    def view(asked: Asked) -> Answer:
        is_right = world.geetest.takes(asked.fields)
        return page("<h1>content</h1>") if is_right else challenge_page(asked.path, register="/register")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause between two tries."""
    monkeypatch.setattr("scrapy_geetest._attempt.tries.CHALLENGE_PAUSE", 0.01)


@pytest.mark.usefixtures("quick")
async def test_later_costs_no_budget(world: SmallWorld) -> None:
    """The site says "later" twice: one task, and room for the next page's."""
    moods = iter(["busy", "busy"])

    @world.route("/register")
    def register(_: Asked) -> Answer:
        return data({"success": 0, "gt": GT, "challenge": "a" * 32}) if next(moods, None) else world.geetest.register()

    _form_site(world)
    urls = [f"{world.site.url}/page/{n}" for n in range(2)]
    outcome = await world.crawl(urls, SITE, GEETEST_BUDGET="2/hour", CONCURRENT_REQUESTS=1)
    assert (len(outcome.pages), len(world.tasks), outcome.errors) == (2, 2, [])


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("rendered", [True, False])
async def test_the_same_challenge_is_not_bought_twice(world: SmallWorld, rendered: bool) -> None:  # noqa: FBT001  # a parameter
    """A cache answers for the register endpoint, or for the page: one page, and errors that name what may help."""
    same = world.geetest.issue()
    world.route("/register")(lambda _: data({"success": 1, "gt": GT, "challenge": same}))

    @world.route("/page")
    def view(asked: Asked) -> Answer:
        if world.geetest.takes(asked.fields):
            return page("<h1>content</h1>")
        return challenge_page(asked.path, challenge=same * rendered, register="/register" * (not rendered))

    urls = [f"{world.site.url}/page/{n}" for n in range(4)]
    outcome = await world.crawl(urls, {} if rendered else SITE, GEETEST_BREAKER_FAILURES=0)
    assert len(world.tasks) == len(outcome.pages) == 1
    assert outcome.stats["challenges_repeated"] == 9
    assert len(outcome.errors) == 3
    assert all("one_at_a_time" in str(error) for error in outcome.errors)


async def test_a_constant_word_may_be_bought_again(world: SmallWorld) -> None:
    """The site says so."""

    class Word(GeetestSite):
        urls = (world.site.host,)
        challenge_is_reusable = True
        gt = GT

        def parse_challenge(self, response: Response) -> V3Challenge:  # noqa: ARG002  # a hook's
            from scrapy_geetest import V3Challenge

            return V3Challenge(GT, "SendVerifyCode")

    states = world.geetest.states

    @world.route("/page")
    def view(asked: Asked) -> Answer:
        is_right = asked.fields.get("geetest_challenge") == "SendVerifyCode"
        states.pop("SendVerifyCode", None)
        return page("<h1>content</h1>") if is_right else challenge_page(asked.path, challenge=world.geetest.issue())

    outcome = await world.crawl([f"{world.site.url}/page/{n}" for n in range(3)], Word)
    assert outcome.texts("h1::text") == ["content"] * 3
    assert outcome.stats["challenges_repeated"] == 0


@pytest.mark.usefixtures("quick")
async def test_a_challenge_that_the_service_never_got_is_still_fresh(world: SmallWorld) -> None:
    """Nothing was sent: a second attempt may buy it."""
    _form_site(world)
    world.route("/register")(lambda _: world.geetest.register())
    outcome = await world.crawl(
        [f"{world.site.url}/page"], SITE, GEETEST_API_URL="http://127.0.0.1:9", GEETEST_SOLVE_TIMEOUT=1
    )
    assert [error.code for error in outcome.errors] == ["NOT_SENT"]  # type: ignore[attr-defined]  # a SolveError
    assert outcome.stats["tasks_created"] == outcome.stats["tasks_refused"] == 0


class _Moody(GeetestSite):
    """A site whose hook says what the test wants."""

    name = "moody"
    _moods: Any = None

    def challenge_request(self, request: Request, response: Response | None) -> Any:
        mood = next(self._moods, None)
        if mood is not None:
            raise mood
        return super().challenge_request(request, response)


async def test_a_site_that_wants_no_captcha_this_time(world: SmallWorld) -> None:
    """The form goes out as it is, and nothing is bought."""
    world.route("/login")(lambda asked: page(f"<h1>{asked.body.decode()}</h1>"))
    site = _Moody(urls=[world.site.host])
    site._moods = iter([ChallengeNotNeeded("trusted")])
    form = FormRequest(f"{world.site.url}/login", formdata={"user": "a"}, meta={"geetest": True})
    outcome = await world.crawl([form], site)
    assert outcome.texts("h1::text") == ["user=a"]
    assert world.calls == []
    assert outcome.stats["not_needed"] == 1


async def test_a_site_that_says_later_is_asked_later(world: SmallWorld) -> None:
    """Twice, and then it gives one."""
    _form_site(world)
    world.route("/register")(lambda _: world.geetest.register())
    site = _Moody(urls=[world.site.host], challenge_url="/register")
    site._moods = iter([ChallengeNotReady(retry_after=0.05), ChallengeNotReady("too often", retry_after=0.05)])
    outcome = await world.crawl([f"{world.site.url}/page"], site)
    assert outcome.texts("h1::text") == ["content"]
    assert len(world.tasks) == 1


async def test_later_for_ever_ends(world: SmallWorld) -> None:
    """After GEETEST_SOLVE_TIMEOUT in all."""
    _form_site(world)
    site = _Moody(urls=[world.site.host])
    site._moods = iter([ChallengeNotReady("come back", retry_after=0.4)] * 99)
    outcome = await world.crawl([f"{world.site.url}/page"], site, GEETEST_SOLVE_TIMEOUT=1)
    assert "come back" in str(outcome.errors[0])
    assert "GEETEST_SOLVE_TIMEOUT" in str(outcome.errors[0])
    assert world.calls == []


async def test_one_at_a_time(world: SmallWorld) -> None:
    """A second register call makes the first challenge worthless: attempts of one session wait for each other."""
    latest: list[str] = []

    @world.route("/register")
    def register(_: Asked) -> Answer:
        latest[:] = [world.geetest.issue()]
        return data({"success": 1, "gt": GT, "challenge": latest[0]})

    @world.route("/page")
    def view(asked: Asked) -> Answer:
        fields = asked.fields
        is_right = world.geetest.takes(fields) and latest == [fields["geetest_challenge"]]
        return page("<h1>content</h1>") if is_right else challenge_page(asked.path, register="/register")

    urls = [f"{world.site.url}/page/{n}" for n in range(4)]
    outcome = await world.crawl(urls, {**SITE, "one_at_a_time": True})
    assert outcome.texts("h1::text") == ["content"] * 4
    assert len(world.tasks) == 4


async def test_a_hook_that_fails_after_the_purchase_opens_the_breaker(world: SmallWorld) -> None:
    """At most as many solutions are bought as failures are allowed, and those under way."""

    class Buggy(GeetestSite):
        urls = (world.site.host,)

        def submit_request(self, request: Request, response: Response | None, solution: Any) -> Request:  # noqa: ARG002  # a hook's
            return request.replace(body=solution.validate)  # a v3 attribute, and the solution is v4's

    world.route("/")(lambda _: challenge_page("/verify"))
    urls = [f"{world.site.url}/{n}" for n in range(40)]
    outcome = await world.crawl(urls, Buggy, GEETEST_BREAKER_FAILURES=5, GEETEST_MAX_CONCURRENT_SOLVES=4)
    assert len(world.tasks) <= 9
    assert len(outcome.errors) == 40
    assert outcome.stats["unused"] == outcome.stats["tasks_solved"] == len(world.tasks)

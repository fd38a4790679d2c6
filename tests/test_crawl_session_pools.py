"""Several sessions of one gate side by side: requests are spread over them, and one that is refused is replaced."""

from __future__ import annotations

import secrets
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field
from sandbox_crawl import crawl_sandbox, gate_pages, gate_site
from scrapy import Request
from small_world import Answer, challenge_page, page

from scrapy_geetest import GeetestSite

if TYPE_CHECKING:
    from pathlib import Path

    from small_world import Asked, SmallWorld

    from scrapy_geetest.sandbox import Sandbox


@define
class _Gate:
    """A gate whose sessions are good for the User-Agent that opened them, and for so many pages."""

    world: SmallWorld
    pages: int = 10_000
    openers: dict[str, str] = field(factory=dict)
    served: Counter[str] = field(factory=Counter)
    bounced: list[str] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.world.route("/verify")(self._verify)
        self.world.route("/page")(self._view)

    def _verify(self, asked: Asked) -> Answer:
        if not self.world.geetest.takes(asked.fields):
            return challenge_page("/verify")
        session = secrets.token_hex(8)
        self.openers[session] = asked.headers["user-agent"]
        return page("<h1>welcome</h1>", Set_Cookie=f"pass={session}; Path=/")

    def _view(self, asked: Asked) -> Answer:
        session = asked.cookies.get("pass", "")
        if self.openers.get(session) != asked.headers["user-agent"] or self.served[session] >= self.pages:
            self.bounced.append(session)
            return challenge_page("/verify")
        self.served[session] += 1
        return Answer(page(f"<h1>{asked.path}</h1>").body, seconds=0.01)

    def requests(self, number: int) -> list[Request]:
        """Each with another User-Agent."""
        return [
            Request(f"{self.world.site.url}/page/{at}", headers={"User-Agent": f"Browser {at % 7}"})
            for at in range(number)
        ]


def _site(sessions: int = 3) -> dict[str, Any]:
    return {"mode": "gate", "sessions": sessions}


async def test_requests_are_spread_over_the_sessions(world: SmallWorld) -> None:
    """Three sessions, three tasks, whatever the User-Agents of the requests; the spider sees nothing of it."""
    gate = _Gate(world)
    outcome = await world.crawl(gate.requests(60), _site(), CONCURRENT_REQUESTS=8, CONCURRENT_REQUESTS_PER_DOMAIN=8)
    assert (len(outcome.pages), outcome.errors, len(world.tasks)) == (60, [], 3)
    assert all({"cookiejar", "_geetest"}.isdisjoint(answer.meta) for answer in outcome.pages)
    assert min(gate.served[session] for session in gate.openers) >= 10


async def test_a_refused_session_is_replaced_and_the_others_go_on(world: SmallWorld) -> None:
    """Each is good for twenty pages: as many tasks as it takes, every page, and hardly anybody is bounced."""
    gate = _Gate(world, pages=20)
    outcome = await world.crawl(gate.requests(90), _site(), CONCURRENT_REQUESTS=6, CONCURRENT_REQUESTS_PER_DOMAIN=6)
    assert (len(outcome.pages), outcome.errors) == (90, [])
    assert 5 <= len(world.tasks) == len(gate.openers) <= 7
    replaced = [gate.openers[session] for session in gate.openers]
    assert outcome.stats["accepted"] == len(replaced)


async def test_the_next_crawl_has_the_same_sessions(world: SmallWorld, tmp_path: Path) -> None:
    """All three of them, with the User-Agents that they belong to."""
    gate = _Gate(world)
    for _ in range(2):
        outcome = await world.crawl(gate.requests(30), _site(), GEETEST_STORAGE_URI=f"file://{tmp_path / 'geetest.db'}")
        assert (len(outcome.pages), len(world.tasks)) == (30, 3)


async def test_a_jar_of_the_spiders_own_is_left_out(sandbox: Sandbox) -> None:
    """It is a session of its own, and stays in the meta."""
    own = [Request(f"{sandbox.url}/gate/page/{number}", meta={"cookiejar": "own"}) for number in range(5)]
    outcome = await crawl_sandbox(sandbox, own, gate_site(sandbox, sessions=4))
    assert (len(outcome.pages), outcome.stats["tasks_created"]) == (5, 1)
    assert {answer.meta["cookiejar"] for answer in outcome.pages} == {"own"}


async def test_a_gate_that_redirects_has_a_pool_as_well(sandbox: Sandbox) -> None:
    """A request keeps its session on the way to the captcha page and back."""
    outcome = await crawl_sandbox(
        sandbox, gate_pages(sandbox, range(24), "gater"), gate_site(sandbox, "gater", sessions=2)
    )
    assert (len(outcome.pages), outcome.errors, outcome.stats["tasks_created"]) == (24, [], 2)
    assert all("cookiejar" not in answer.meta for answer in outcome.pages)


class _OwnKey(GeetestSite):
    urls = ("a.test",)
    mode = "gate"
    sessions = 2

    def session_key(self, request: Request) -> str:
        return request.url


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda: GeetestSite(urls=["a.test"], mode="gate", sessions=0), "a whole number of 1 or more"),
        (lambda: GeetestSite(urls=["a.test"], sessions=2), "it is a gate's"),
        (_OwnKey, "so does session_key"),
    ],
)
def test_what_a_pool_does_not_go_with(make: Any, rule: str) -> None:
    """Said at start."""
    with pytest.raises(ValueError, match=rule):
        make()

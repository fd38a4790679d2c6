"""``scrapy geetest try`` against the sandbox: what it tells of each kind of attempt, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from attempt_trial import attempt
from sandbox_crawl import api_site, gate_site, host, items, search_site
from scrapy import FormRequest, Request, Spider
from scrapy.settings import Settings
from twisted.internet.defer import Deferred, succeed

from scrapy_geetest.commands.trial import question
from scrapy_geetest.commands.trial.endings import Ending
from scrapy_geetest.commands.trial.question import NO_TERMINAL, Consent
from scrapy_geetest.commands.trial.spider import spider_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from scrapy_geetest.sandbox import Sandbox

ROPE = "/v3/search?q=rope"


def _answering(answer: str, asked: list[str] | None = None) -> Callable[[str], Deferred[str]]:
    def ask(words: str) -> Deferred[str]:
        if asked is not None:
            asked.append(words)
        return succeed(answer)

    return ask


async def test_a_v3_form(sandbox: Sandbox) -> None:
    """From the page to the verdict; the names of cookies and fields, and no value as a whole."""
    tried = await attempt(sandbox, ROPE, search_site(sandbox))
    assert tried.ending is Ending.ACCEPTED
    assert tried.steps == [
        *("page", "withheld", "register", "challenge", "task", "solution"),
        *("request", "answer", "verdict", "bought"),
    ]
    assert (tried.step("page")["status"], tried.step("withheld")["site"]) == (403, "search")
    assert tried.step("register")["cookies"] == ["shop_session"]
    request = tried.step("request")
    assert request["fields"] == ["geetest_challenge", "geetest_validate", "geetest_seccode"]
    assert request["other_fields"] == ["q", "csrf", "next"]
    assert tried.step("verdict")["why"] == "accepted_css '.query, .user'"
    assert "css '#captcha-holder': 1 found" in tried.text
    assert "cookies: shop_session" in tried.text
    assert tried.text.endswith("Bought      1 task, cost 0.000600\n")
    assert sandbox.books()["calls"]["createTask"] == 1


async def test_a_v4_form_that_is_solved_first(sandbox: Sandbox) -> None:
    """Nothing shows whether the solution was taken: what to declare, and the words of the answer."""
    request = FormRequest(
        f"{sandbox.url}/v4/form", formdata={"keyword": "rope", "town": "Oslo"}, meta={"geetest": True}, dont_filter=True
    )
    tried = await attempt(sandbox, request, {"name": "club", "urls": host(sandbox)})
    assert tried.ending is Ending.UNVERIFIED
    assert tried.step("verdict")["why"] == "nothing in it shows whether the solution was accepted"
    assert tried.told["advice"][-2:] == [
        '    accepted_css = "..."',
        '    refused_css = "..."  # or refused_re, for plain text',
    ]
    assert "for rope in Oslo" in tried.told["advice"][1]


async def test_a_json_api(sandbox: Sandbox) -> None:
    """The keys of the answer are told with their values; the fields go into the JSON body."""
    tried = await attempt(sandbox, items(sandbox, 1)[0], api_site(sandbox))
    assert tried.ending is Ending.ACCEPTED
    assert "need_captcha = true" in tried.step("page")["text"][1]
    assert "captcha.lot_number" in tried.step("request")["fields"]
    assert tried.step("request")["other_fields"] == ["page"]
    assert "items = [" in tried.step("answer")["text"][0]


async def test_a_gate(sandbox: Sandbox) -> None:
    """The redirect, the cookie of the session, and the page that came as the evidence."""
    tried = await attempt(sandbox, "/gate/page/1", gate_site(sandbox))
    assert (tried.ending, tried.told["why"]) == (Ending.ACCEPTED, "the page that was withheld came")
    assert f"302, redirected to GET {sandbox.url}/gate/page/1" in tried.text
    assert tried.step("answer")["cookies"] == ["gate_pass"]


async def test_a_page_that_withholds_nothing(sandbox: Sandbox) -> None:
    """Of a declared site: what its rules said."""
    tried = await attempt(sandbox, "/plain/1", {"name": "plain", "urls": host(sandbox)})
    assert (tried.ending, tried.steps) == (Ending.NOT_WITHHELD, ["page", "verdict", "bought"])
    assert "by site plain: built-in detection: no GeeTest widget in the page" in tried.told["why"]
    assert (tried.told["tasks"], sandbox.books()["calls"]) == (0, {})


async def test_a_page_that_only_carries_a_widget(sandbox: Sandbox) -> None:
    """Which request needs a solution is said."""
    tried = await attempt(sandbox, "/v4/form", {"name": "club", "urls": host(sandbox)})
    assert tried.ending is Ending.NOT_WITHHELD
    assert "Send the request that needs a solution with geetest=True" in " ".join(tried.told["advice"])
    assert "scrapy geetest try --solve-first" in tried.told["advice"][-1]


async def test_an_error_page_of_an_undeclared_address(sandbox: Sandbox) -> None:
    """The command that explains it, and the class to begin with."""
    tried = await attempt(sandbox, ROPE, gate_site(sandbox))
    assert (tried.ending, tried.steps) == (Ending.INCOMPLETE, ["page", "verdict", "bought"])
    assert "no site in GEETEST_SITES matches the address" in tried.told["why"]
    assert f'scrapy geetest inspect "{sandbox.url}{ROPE}"' in tried.told["advice"][0]
    assert f'        urls = ("{host(sandbox)}/v3/search",)' in tried.told["advice"]
    assert sandbox.books()["calls"] == {}


async def test_an_undeclared_page_without_a_widget(sandbox: Sandbox) -> None:
    """No class is made up."""
    tried = await attempt(sandbox, "/plain/1", gate_site(sandbox))
    assert tried.ending is Ending.INCOMPLETE
    assert "The page shows no sign of a widget" in tried.told["advice"][1]


async def test_a_refused_solution(sandbox: Sandbox) -> None:
    """One purchase, and what to compare."""
    sandbox.reset(solve_seconds=0.1, wrong="always")
    tried = await attempt(sandbox, ROPE, search_site(sandbox), GEETEST_MAX_ATTEMPTS=5)
    assert (tried.ending, tried.told["tasks"]) == (Ending.REFUSED, 1)
    assert tried.told["why"] == "it is a challenge page again, by detect_css '#captcha-holder'"
    assert "field_names" in tried.told["advice"][0]
    assert sandbox.books()["calls"]["createTask"] == 1


async def test_no_money(sandbox: Sandbox) -> None:
    """The service's code and what to do, once."""
    sandbox.reset(solve_seconds=0.1, balance=0)
    tried = await attempt(sandbox, ROPE, search_site(sandbox))
    assert (tried.ending, tried.told["tasks"], tried.step("bought")["text"]) == (Ending.NOT_SOLVED, 0, ["nothing"])
    assert "ERROR_ZERO_BALANCE" in tried.told["why"]


async def test_a_task_that_failed(sandbox: Sandbox) -> None:
    """The service bills it, and does not say how much: no figure is made up."""
    sandbox.reset(solve_seconds=0.1, faults={"getTaskResult": ["ERROR_TOKEN_EXPIRED"]})
    tried = await attempt(sandbox, ROPE, search_site(sandbox))
    assert (tried.ending, tried.told["tasks"], tried.told["cost"]) == (Ending.NOT_SOLVED, 1, None)
    assert tried.step("bought")["text"] == ["1 task; the service does not report its cost"]


async def test_a_wrong_key(sandbox: Sandbox) -> None:
    """What to check; the key is not shown."""
    tried = await attempt(sandbox, ROPE, search_site(sandbox), GEETEST_API_KEY="a-wrong-key-of-a-user")
    assert tried.ending is Ending.NOT_SOLVED
    assert "Check GEETEST_API_KEY" in tried.told["why"]
    assert "a-wrong-key" not in tried.text


@pytest.mark.parametrize("answer", ["n\n", "", "\n", "maybe\n"])
async def test_an_answer_that_is_no_yes(sandbox: Sandbox, answer: str) -> None:
    """Nothing is bought; the free part was shown."""
    tried = await attempt(sandbox, ROPE, search_site(sandbox), consent=Consent(given=False, ask=_answering(answer)))
    assert (tried.ending, tried.told["why"]) == (Ending.NOT_BOUGHT, "it was declined")
    assert tried.steps == ["page", "withheld", "register", "challenge", "verdict", "bought"]
    assert sandbox.books()["calls"] == {}


async def test_yes(sandbox: Sandbox) -> None:
    """Asked once; the question names who is paid."""
    asked: list[str] = []
    consent = Consent(given=False, ask=_answering("Yes\n", asked))
    tried = await attempt(sandbox, ROPE, search_site(sandbox), consent=consent)
    assert tried.ending is Ending.ACCEPTED
    assert asked == [f"Buy one solution from {sandbox.service_url.partition('//')[2]}? [y/N] "]


async def test_a_yes_after_a_while(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page and the challenge are fetched again, which would have grown old; it is not asked again."""
    monkeypatch.setattr(question, "MAX_THINKING", -1.0)
    asked: list[str] = []
    consent = Consent(given=False, ask=_answering("y", asked))
    tried = await attempt(sandbox, ROPE, search_site(sandbox), consent=consent)
    assert (tried.ending, len(asked), tried.told["tasks"]) == (Ending.ACCEPTED, 1, 1)
    again = ["page again", "register", "challenge"]
    assert tried.steps[2:8] == ["register", "challenge", *again, "task"]


async def test_no_terminal(sandbox: Sandbox) -> None:
    """Nobody can be asked: nothing is bought."""
    tried = await attempt(sandbox, ROPE, search_site(sandbox), consent=Consent(given=False, ask=None))
    assert (tried.ending, tried.told["why"]) == (Ending.NOT_BOUGHT, NO_TERMINAL)


async def test_robots_txt(sandbox: Sandbox) -> None:
    """It forbids the page, or the challenge."""
    sandbox.reset(robots="User-agent: *\nDisallow: /v3/search\n")
    tried = await attempt(sandbox, ROPE, search_site(sandbox), ROBOTSTXT_OBEY=True)
    assert (tried.ending, "Forbidden by robots.txt" in tried.told["why"]) == (Ending.FAILED, True)
    sandbox.reset(robots="User-agent: *\nDisallow: /v3/gt/\n")
    tried = await attempt(sandbox, ROPE, search_site(sandbox), ROBOTSTXT_OBEY=True)
    assert (tried.ending, "dont_obey_robotstxt" in tried.told["why"]) == (Ending.INCOMPLETE, True)
    assert sandbox.books()["calls"] == {}


async def test_no_challenge_url(sandbox: Sandbox) -> None:
    """The page's own register request is what is missing."""
    tried = await attempt(sandbox, ROPE, search_site(sandbox, challenge_url=None))
    assert tried.ending is Ending.INCOMPLETE
    assert tried.told["advice"] == ['    challenge_url = "/v3/gt/register-slide?t={timestamp}"']


async def test_a_wrong_challenge_url(sandbox: Sandbox) -> None:
    """What it was answered with is shown."""
    tried = await attempt(sandbox, ROPE, search_site(sandbox, challenge_url="/plain/1"))
    assert (tried.ending, tried.step("register")["status"]) == (Ending.INCOMPLETE, 200)
    assert "challenge_path" in tried.told["advice"][0]


async def test_no_way_to_send(sandbox: Sandbox) -> None:
    """Nothing is fetched or bought; the ways out are named."""
    tried = await attempt(sandbox, "/v4/form", {"name": "club", "urls": host(sandbox), "detect_css": "form"})
    assert (tried.ending, tried.steps) == (Ending.INCOMPLETE, ["page", "withheld", "verdict", "bought"])
    assert "get this page with geetest=False" in " ".join(tried.told["advice"])


async def test_the_site_that_is_named(sandbox: Sandbox) -> None:
    """It comes first; where the address is none of its, that is said before anything is fetched."""
    sites = ({"name": "all", "urls": host(sandbox), "detect_re": "nothing like this"}, search_site(sandbox))
    assert (await attempt(sandbox, ROPE, *sites)).ending is Ending.NOT_WITHHELD
    assert (await attempt(sandbox, ROPE, *sites, site="search")).ending is Ending.ACCEPTED
    tried = await attempt(sandbox, "/plain/1", *sites, site="search")
    assert (tried.ending, tried.steps) == (Ending.INCOMPLETE, ["verdict", "bought"])
    assert f"the address does not belong to site search, whose urls are {host(sandbox)}/v3" in tried.told["why"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ADDONS": {}}, 'add ADDONS = {"scrapy_geetest.Addon": 500}'),
        ({"GEETEST_ENABLED": False}, "GEETEST_ENABLED = False"),
        ({"GEETEST_SITES": []}, "no site is declared: run scrapy geetest inspect"),
    ],
)
async def test_a_plugin_that_is_not_at_work(sandbox: Sandbox, settings: dict[str, Any], words: str) -> None:
    """Said before anything is fetched."""
    tried = await attempt(sandbox, ROPE, search_site(sandbox), **settings)
    assert (tried.ending, tried.steps, words in tried.text) == (Ending.FAILED, ["verdict", "bought"], True)


async def test_a_host_that_is_down(sandbox: Sandbox) -> None:
    """Retries are told; credentials of the address are not."""
    request = Request("http://bob:hunter2@127.0.0.1:1/v3", dont_filter=True)
    tried = await attempt(sandbox, request, {"name": "down", "urls": "127.0.0.1:1"})
    assert (tried.ending, "bob" in tried.text) == (Ending.FAILED, False)
    tried = await attempt(sandbox, "/", {"name": "down", "urls": "127.0.0.1:1"}, DOWNLOAD_TIMEOUT=5)
    request = Request("http://127.0.0.1:1/v3", dont_filter=True)
    tried = await attempt(sandbox, request, {"name": "down", "urls": "127.0.0.1:1"})
    assert "no answer, sent again by Scrapy's Retry" in tried.text
    assert "Connection was refused" in tried.told["why"]


async def test_a_warning_of_the_plugin_is_a_step(sandbox: Sandbox) -> None:
    """What a crawl would log, where it happens."""
    tried = await attempt(sandbox, ROPE, search_site(sandbox), COOKIES_ENABLED=False)
    assert "Note        leave Scrapy's cookies on" in tried.text
    assert "tie challenge and answer together by a session cookie" in tried.step("note")["text"][0]


class Shop(Spider):
    """A spider of a project."""

    name = "shop"
    allowed_domains = ["127.0.0.1"]  # noqa: RUF012  # Scrapy's attribute
    custom_settings = {"USER_AGENT": "shop/1.0", "GEETEST_MAX_SOLVES": 50}  # noqa: RUF012

    async def start(self) -> AsyncIterator[Any]:
        """Its own code does not run."""
        yield Request("http://127.0.0.1:1/")


async def test_the_settings_of_a_spider(sandbox: Sandbox) -> None:
    """They hold, but for how much may be bought; its own code does not run."""
    settings: dict[str, Any] = {"SPIDER_MODULES": [__name__], "GEETEST_SITES": []}
    made, own = spider_settings(Settings(settings), "shop", None)
    assert (own["USER_AGENT"], own.getint("GEETEST_MAX_SOLVES"), made.name) == ("shop/1.0", 1, "geetest-try")
    assert vars(made)["allowed_domains"] == ["127.0.0.1"]
    tried = await attempt(sandbox, "/plain/1", search_site(sandbox), spider="shop", SPIDER_MODULES=[__name__])
    assert tried.steps == ["page", "verdict", "bought"]
    with pytest.raises(ValueError, match="no spider called 'other'"):
        spider_settings(Settings(settings), "other", None)

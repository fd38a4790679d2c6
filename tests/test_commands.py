"""``scrapy geetest …`` as a user runs it: in a project, by its exit codes and what it prints."""

from __future__ import annotations

import ast
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from scrapy.settings import Settings

from scrapy_geetest import GeetestSite
from scrapy_geetest.commands import Command, inspect, sandbox, trial
from scrapy_geetest.settings import Config

if TYPE_CHECKING:
    from command_project import Project

    from scrapy_geetest.sandbox import Sandbox

PAGES = Path(__file__).parent / "pages"
V4_PAGE = str(PAGES / "archive-v4-literal.html")
CARRIES = str(PAGES / "signup-v4-minified.html")
V3_PAGE = str(PAGES / "article-v3-rendered.html")
NO_WIDGET = str(PAGES / "documentation.html")


def _inspect(*arguments: str, **settings: Any) -> int:
    return inspect.run(arguments, Settings(settings))


def test_a_file_with_a_widget(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0; the declaration is ready to paste, for the address that the file is from."""
    assert _inspect(V4_PAGE, "--url", "https://club.example/join") == 0
    text = capsys.readouterr().out
    assert "https://club.example/join: status 200, HtmlResponse" in text
    assert "Challenge page: yes" in text
    code = text[text.index("\nfrom scrapy_geetest") :]
    assert [type(node).__name__ for node in ast.parse(code).body] == ["ImportFrom", "ClassDef"]


def test_a_file_that_only_carries_a_widget(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1; which request is to be sent instead, and a class for it, are printed all the same."""
    assert _inspect(CARRIES, "--url", "https://club.example/join") == 1
    text = capsys.readouterr().out
    assert "it only carries the widget: a person types 'mail'" in text
    assert "Send the request that needs a solution with geetest=True in its meta" in text
    assert "class ClubExample(GeetestSite):" in text


def test_a_file_without_a_widget(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, and why."""
    assert _inspect(NO_WIDGET) == 1
    assert "which do not count" in capsys.readouterr().out


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """All that was found, as one object; ``file://`` is a file, too."""
    assert _inspect(Path(V3_PAGE).as_uri(), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["is_challenge"], found["url"]) == (True, "https://example.com/")
    assert found["widgets"][0]["gt"] == "0a1b2c3d4e5f60718293a4b5c6d7e8f9"


def test_a_file_without_an_address(capsys: pytest.CaptureFixture[str]) -> None:
    """What is declared for it is made up, and said to be, in the class as well."""
    assert _inspect(V4_PAGE) == 0
    text = capsys.readouterr().out
    assert "\n  The address https://example.com/ is made up: give --url.\n" in text
    assert "(GeetestSite):\n    # The address https://example.com/ is made up: give --url.\n" in text
    assert _inspect(V4_PAGE, "--url", "https://example.com/") == 0
    assert "made up" not in capsys.readouterr().out


def test_an_output_that_lacks_characters(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They are escaped; the exit code is that of the page."""
    path = tmp_path / "page.html"
    path.write_text("<script>initGeetest({gt: data.gt, challenge: 中}, f)</script>", encoding="utf-8")
    output = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr("sys.stdout", output)
    assert _inspect(str(path)) == 0
    output.flush()
    assert b"challenge: \\u4e2d" in output.buffer.getvalue()


def test_a_site_whose_matches_fails_is_passed_over(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """As in a crawl: logged, and treated as no match."""

    class Failing(GeetestSite):
        urls = ("club.example",)

        def matches(self, url: str) -> bool:
            raise KeyError(url)

    sites = [Failing, {"name": "club", "urls": "club.example"}]
    assert _inspect(V4_PAGE, "--url", "https://club.example/join", GEETEST_SITES=sites) == 0
    assert "try --site club." in capsys.readouterr().out
    assert (
        "correct matches of site Failing: it failed on https://club.example/join, which is treated as no match"
        in caplog.text
    )


def test_any_other_failure_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2, whatever a project's code raises, and without the credentials of the address."""

    def fail(*_: Any) -> None:
        raise KeyError("of\nthe project")

    monkeypatch.setattr(Config, "from_settings", fail)
    assert _inspect("https://bob:hunter2@club.example/") == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == (
        "",
        "scrapy geetest inspect: https://club.example/: KeyError: 'of\\nthe project'\n",
    )


def test_a_site_that_is_declared(capsys: pytest.CaptureFixture[str]) -> None:
    """``--site`` tries its own selectors; without it, it is mentioned where the address is its."""
    sites = [{"name": "club", "urls": "club.example", "detect_css": "#nothing"}]
    arguments = (V4_PAGE, "--url", "https://club.example/join")
    assert _inspect(*arguments, "--site", "club", GEETEST_SITES=sites) == 1
    assert "css '#nothing': none found" in capsys.readouterr().out
    assert _inspect(*arguments, GEETEST_SITES=sites) == 0
    assert "try --site club" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "settings", "words"),
    [
        (("no-such-file",), {}, "No such file or directory; an address begins with http:// or https://"),
        ((str(PAGES),), {}, "Is a directory"),
        ((V4_PAGE, "--site", "other"), {}, "no site called 'other'; it has: none"),
        ((V4_PAGE,), {"GEETEST_MAX_ATTEMPTS": 0}, "GEETEST_MAX_ATTEMPTS = 0 is invalid"),
        (("http://[",), {}, "Invalid"),
    ],
)
def test_what_cannot_be_read(
    arguments: tuple[str, ...], settings: dict[str, Any], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, one line on stderr, nothing on stdout."""
    assert _inspect(*arguments, **settings) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert words in shown.err


def test_an_address_is_downloaded_through_the_projects_settings(project: Project, sandbox: Sandbox) -> None:
    """One page, 403 and all, with the plugin off: nothing is bought, no export is written, no key is needed."""
    project.set(FEEDS={"out.json": {"format": "json"}}, JOBDIR="job", LOG_LEVEL="ERROR")
    code, text, messages = project.run("inspect", f"{sandbox.url}/v3/search?q=rope", "--json")
    assert (code, messages) == (0, "")
    found = json.loads(text)
    assert (found["status"], found["declared"]) == (403, ["club"])
    assert found["sending"]["kept"] == ["q", "csrf", "next"]
    books = sandbox.books()
    assert books["calls"] == {}
    assert books["pages"]["v3-search"]["challenge"] == 1
    assert sorted(path.name for path in project.root.iterdir()) == ["scrapy.cfg", "shop"]


def test_robots_txt_is_obeyed_as_the_project_says(project: Project, sandbox: Sandbox) -> None:
    """Forbidden: exit code 2 and the reason; not asked: downloaded."""
    sandbox.reset(robots="User-agent: *\nDisallow: /plain/\n")
    project.set(ROBOTSTXT_OBEY=True)
    code, text, messages = project.run("inspect", f"{sandbox.url}/plain/1")
    assert (code, text) == (2, "")
    assert "Forbidden by robots.txt" in messages
    assert project.run("inspect", f"{sandbox.url}/plain/1", "-s", "ROBOTSTXT_OBEY=False")[0] == 1


def test_another_reactor_will_do(project: Project, sandbox: Sandbox) -> None:
    """The project's choice; a declared site's selectors are tried on what came."""
    project.set(TWISTED_REACTOR="twisted.internet.selectreactor.SelectReactor", REMOTE_CONTROL_ENABLED=False)
    code, text, messages = project.run("inspect", f"{sandbox.url}/v4/form", "--site", "club")
    assert (code, messages) == (0, "")
    assert "css '#join, #captcha-holder': 1 found" in text


def test_a_host_that_is_down(project: Project) -> None:
    """Exit code 2 and one line."""
    code, text, messages = project.run("inspect", "http://127.0.0.1:1/")
    assert (code, text, messages.count("\n")) == (2, "", 1)
    assert "Connection was refused" in messages


@pytest.mark.parametrize("reactor", ["asyncioreactor.AsyncioSelectorReactor", "selectreactor.SelectReactor"])
def test_a_project_that_cannot_be_started(project: Project, reactor: str) -> None:
    """A middleware that is not there: exit code 2 and one line."""
    project.set(DOWNLOADER_MIDDLEWARES={"shop.nowhere.Middleware": 5}, TWISTED_REACTOR=f"twisted.internet.{reactor}")
    project.set(REMOTE_CONTROL_ENABLED=False)
    code, text, messages = project.run("inspect", "http://127.0.0.1:1/")
    assert (code, text) == (2, "")
    assert (
        messages == "scrapy geetest inspect: http://127.0.0.1:1/: ModuleNotFoundError: No module named 'shop.nowhere'\n"
    )


def test_a_page_that_cannot_be_looked_at(project: Project, sandbox: Sandbox) -> None:
    """What the site's rules raise on a page that was downloaded is told in the same way."""
    (project.root / "shop" / "sites.py").write_text(
        "from scrapy_geetest import GeetestSite\n\n"
        "class Odd(GeetestSite):\n    urls = ('127.0.0.1',)\n    rules = property(lambda self: {}['rules'])\n"
    )
    project.set(GEETEST_SITES=["shop.sites.Odd"])
    code, text, messages = project.run("inspect", f"{sandbox.url}/v3/search?q=rope", "--site", "Odd")
    assert (code, text, messages.count("\n")) == (2, "", 1)
    assert "KeyError: 'rules'" in messages


def test_a_sites_own_is_challenge_decides(project: Project) -> None:
    """It may be a coroutine or return a Deferred; that one fails is said."""
    code, text, _ = project.run("inspect", CARRIES, "--site", "Deferring")
    assert (code, "+  is_challenge of site Deferring: the hook's own decision" in text) == (0, True)
    code, text, _ = project.run("inspect", CARRIES, "--site", "Broken")
    assert (code, "-  is_challenge of site Broken: it failed: JSONDecodeError" in text) == (1, True)


def test_help(project: Project) -> None:
    """All subcommands are named with the help, and where none of them was named."""
    code, text, _ = project.run("--help")
    assert code == 0
    assert all(name in text for name in Command.subcommands)
    assert "Exit codes: 0" in project.run("balance", "-h")[1]
    code, text, messages = project.run("unknown")
    assert (code, "name one of: inspect, try, balance, sandbox" in text + messages) == (2, True)
    assert Command().short_desc()


@pytest.mark.parametrize(
    ("module", "told"),
    [
        (inspect, "Exit codes: 0 it is a challenge page, 1 it is not, 2"),
        (sandbox, "--solve-seconds"),
        (trial, "Exit codes: 0 the site accepted the solution"),
    ],
)
def test_help_of_a_subcommand(capsys: pytest.CaptureFixture[str], module: Any, told: str) -> None:
    """Each has its own, the exit codes included."""
    with pytest.raises(SystemExit, match="0"):
        module.run(["--help"], Settings())
    assert told in capsys.readouterr().out


def test_the_sandbox_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without its extra: exit code 1, and one line that says how to install it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "geetest" else object())
    assert sandbox.run([], Settings()) == 1
    assert capsys.readouterr().err == "the sandbox needs geetest: pip install 'scrapy-geetest[sandbox]'\n"


HARS = Path(__file__).parent / "hars"


def test_a_recorded_visit(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0, the whole class and a spider; the same as JSON."""
    path = str(HARS / "v3-form-gate.har")
    assert _inspect(path) == 0
    text = capsys.readouterr().out
    assert text.startswith("A GeeTest v3 CAPTCHA was passed on https://fares.example.com/fares?from=OSL (")
    assert all(part in text for part in ("class FaresExampleCom(GeetestSite):", "class FaresExampleComSpider(Spider):"))
    assert _inspect(path, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["kind"], told["mode"], told["gt_from"]) == (
        "recording",
        "gate",
        "GET https://fares.example.com/check/register, gt",
    )


def test_a_visit_without_a_captcha(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Exit code 1; a HAR file that is none: 2."""
    path = tmp_path / "visit.har"
    path.write_text('{"log": {"entries": []}}')
    assert _inspect(str(path)) == 1
    assert "No GeeTest CAPTCHA was passed in this log" in capsys.readouterr().out
    assert _inspect(str(path), "--url", "https://club.example/") == 2
    assert "a HAR file has addresses of its own" in capsys.readouterr().err
    path.write_text("nothing")
    assert _inspect(str(path)) == 2
    assert "this is no HAR file" in capsys.readouterr().err


def test_a_request_with_a_body(project: Project, sandbox: Sandbox) -> None:
    """By options, and by a curl command: a JSON API that withholds its items."""
    url = f"{sandbox.url}/v4/api/items"
    code, text, messages = project.run("inspect", url, "--data", '{"page": 2}', "--header", "X-Any: thing", "--json")
    assert (code, messages) == (1, "")
    assert json.loads(text)["status"] == 403
    assert sandbox.books()["submissions"]["v4-api"] == {"missing": 1}
    command = f"curl '{url}' -X POST -H 'Content-Type: application/json' --data-raw $'{{\"page\": 2}}'"
    code, text, messages = project.run("inspect", "--curl", command)
    assert (code, messages) == (1, "")
    assert "need_captcha" in text
    assert sandbox.books()["submissions"]["v4-api"] == {"missing": 2}


def test_a_command_that_cannot_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing of it is in the message."""
    assert _inspect("--curl", "curl https://club.example/ -F secret=1") == 2
    assert capsys.readouterr().err == (
        "scrapy geetest inspect: --curl: the curl command sends a file or a multipart form, which cannot be replayed\n"
    )

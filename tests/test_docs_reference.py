"""The reference names everything that there is, and nothing that there is not."""

from __future__ import annotations

import ast
import inspect
import re
import runpy
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from attrs import fields
from scrapy.settings import Settings

import scrapy_geetest
from scrapy_geetest import GeetestSite, exceptions, signals
from scrapy_geetest._services.errors import CLOSE_REASONS, REACTIONS, Reaction
from scrapy_geetest._site_attributes import RULES
from scrapy_geetest.commands import Command
from scrapy_geetest.sandbox import FAULTS, Options
from scrapy_geetest.sandbox.faults import ERROR_CODES
from scrapy_geetest.settings import Config
from scrapy_geetest.site import ATTRIBUTES
from scrapy_geetest.stats import NAMES, OF_A_SERVICE, PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "scrapy_geetest"
PAGES = [*sorted(DOCS.rglob("*.rst")), ROOT / "README.md"]


def _read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def _documented(page: str, directive: str) -> list[str]:
    return re.findall(rf"^ *\.\. {directive}:: (.+)$", _read(page), re.MULTILINE)


def _settings() -> set[str]:
    named = set(re.findall(r'"(GEETEST_[A-Z_]+[A-Z])"', (PACKAGE / "settings.py").read_text(encoding="utf-8")))
    return named | {f"GEETEST_DETECT_{kind}" for kind in ("CSS", "XPATH", "RE", "JMESPATH")}


def _monitor_settings() -> set[str]:
    return set(re.findall(r"GEETEST_MONITOR_[A-Z_]+", (PACKAGE / "monitors.py").read_text(encoding="utf-8")))


def test_every_setting_with_its_default() -> None:
    """None is missing, none is made up, and the default is the one that holds."""
    assert set(_documented("reference/settings.rst", "confval")) == _settings()
    assert set(_documented("operations.rst", "confval")) == _monitor_settings()
    config = Config.from_settings(Settings(), environ={})
    pattern = r"\.\. confval:: GEETEST_(\w+)\n +:type: .+\n +:default: ``(.+)``\n"
    defaults = dict(re.findall(pattern, _read("reference/settings.rst")))
    assert {f"GEETEST_{name}" for name in defaults} == _settings()
    [first] = config.services
    shown_of = {"SERVICES": [first.name], "API_URL": first.api_url}
    for name, shown in defaults.items():
        actual = shown_of.get(name) or getattr(config, name.lower(), ())
        default = ast.literal_eval(shown)
        assert (default or None) == (actual or None) or default == actual, name


def test_the_overview_can_be_made_of_every_setting() -> None:
    """Each has a first sentence of its own, which the table at the top of the page shows."""
    overview = runpy.run_path(str(DOCS / "settings_overview.py"))
    rows = list(overview["rows"](_read("reference/settings.rst")))
    assert {name for name, _, _ in rows} == _settings()
    assert [name for name, _, said in rows if not 12 < len(said) < 250] == []


def test_every_statistic() -> None:
    """All of ``NAMES``, and every reason for giving up."""
    assert {PREFIX + name for name in NAMES} == {
        name for name in _documented("reference/stats.rst", "stat") if "<" not in name
    }
    of_a_service = {f"{PREFIX}{name}/service/<name>" for name in OF_A_SERVICE}
    assert of_a_service <= set(_documented("reference/stats.rst", "stat"))
    for reason in {error.reason for error in _errors()}:
        assert f"``{reason}``" in _read("reference/stats.rst")
        assert f"``{reason}``" in _read("reference/errors.rst")


def _errors() -> list[type[exceptions.GeetestError]]:
    return [
        value
        for value in vars(exceptions).values()
        if isinstance(value, type) and issubclass(value, exceptions.GeetestError)
    ]


def test_every_signal_and_error_class() -> None:
    """By their names."""
    named = {name for name, value in vars(signals).items() if type(value) is object}
    assert set(_documented("reference/signals.rst", "py:data")) == named
    raised_by_hooks = {"ChallengeNotNeeded", "ChallengeNotReady"}
    documented = {error.__name__ for error in _errors()} | raised_by_hooks
    assert set(_documented("reference/errors.rst", "py:exception")) == documented


# Nothing that a site calls or overrides.
FOR_THE_PLUGIN = {"unfilled", "get_lib_text", "use_settings", "has_host", "verdict_rule"}


def test_every_attribute_and_hook_of_a_site() -> None:
    """Attributes, and methods with their parameters."""
    shown = {name.removeprefix("GeetestSite.") for name in _documented("reference/site.rst", "py:attribute")}
    assert shown == set(ATTRIBUTES)
    methods = {
        f"GeetestSite.{name}({', '.join(list(inspect.signature(value).parameters)[1:])})"
        for name, value in vars(GeetestSite).items()
        if inspect.isfunction(value) and not name.startswith("_") and name not in FOR_THE_PLUGIN
    }
    assert set(_documented("reference/site.rst", "py:method")) == methods


def test_every_public_name() -> None:
    """Whatever can be imported from the package is in the reference."""
    reference = "".join(page.read_text(encoding="utf-8") for page in sorted((DOCS / "reference").glob("*.rst")))
    for name in set(scrapy_geetest.__all__) - {"__version__"}:
        assert re.search(rf"\b{name}\b", reference), name


SECTIONS = {
    Reaction.STOP_CRAWL: "The whole crawl stops calling the service",
    Reaction.STOP_SITE: "Nothing more is bought for this site",
    Reaction.STOP_REQUEST: "This request is given up: the task as configured is wrong",
    Reaction.FRESH_CHALLENGE: "A fresh challenge is tried, within GEETEST_MAX_ATTEMPTS",
    Reaction.SAME_CALL_LATER: "The same call is made again, later",
    Reaction.FAILED: "The task has failed",
}


def test_every_error_code_and_close_reason() -> None:
    """Each code under what the crawl does about it; each reason with its codes."""
    page = _read("reference/errors.rst")
    for code, reaction in REACTIONS.items():
        section = re.split(r"\n~{10,}\n", page.partition(f"{SECTIONS[reaction]}\n~")[2].lstrip("~\n"))[0]
        if not re.fullmatch(r"HTTP_(?!300|599)\d\d\d", code):
            assert f"``{code}``" in section, code
    for code, reason in CLOSE_REASONS.items():
        row = page.partition(f"* - ``{reason}``")[2].partition("* - ")[0]
        assert f"``{code}``" in row, code


def test_every_sandbox_option_and_fault() -> None:
    """By their names; error codes are faults by the list of codes."""
    page = _read("reference/sandbox.rst")
    names = [attribute.name for attribute in fields(Options)]
    assert _documented("reference/sandbox.rst", "sandbox-option") == names
    known = page + "".join(f"``{code}``" for code in REACTIONS)
    assert [name for name in FAULTS if f"``{name}``" not in known] == []
    assert set(ERROR_CODES) <= FAULTS.keys()


def test_every_subcommand() -> None:
    """``scrapy geetest …``."""
    for subcommand in Command.subcommands:
        assert f"\nscrapy geetest {subcommand}\n---" in _read("reference/commands.rst"), subcommand


def test_no_setting_or_statistic_is_made_up() -> None:
    """Whatever the pages call a setting or a statistic is one."""
    known = _settings() | _monitor_settings()
    statistics = {PREFIX + name for name in NAMES} | {f"{PREFIX}balance_millionths"}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        named = set(re.findall(r"\bGEETEST_[A-Z_]+(?![A-Z_])", text))
        assert {name for name in named if not name.endswith("_")} <= known, page
        for name in re.findall(r"\bgeetest/([a-z_]+(?:/v\d)?)", text):
            assert PREFIX + name in statistics, (page, name)


# What is left out: the sandbox, the commands and the pytest plugin are no part of a crawl. The rest says in its own words what a service sent or
# what a caller in this package got wrong, and a person meets it as a part of a message that is listed, or as a code.
_WITHOUT_MESSAGES = ("sandbox/", "commands/", "_services/adapters/", "_testing/", "pytest_plugin.py")
_LOGGED_ONLY = {
    "_services/client.py",
    "_services/account.py",
    "_services/choice.py",
    "_services/creating.py",
    "monitors.py",
}
_LOW_LEVEL = {
    "_services/answers.py",
    "_services/errors.py",
    "_services/exchange.py",
    "_services/call_queue.py",
    "_services/connections.py",
    "_services/pacing.py",
    "_services/polling.py",
    "_services/secret.py",
    "_services/service.py",
    "_services/solve_times.py",
    "_services/transport.py",
}
MODULES = [
    name
    for path in sorted(PACKAGE.rglob("*.py"))
    if not (name := path.relative_to(PACKAGE).as_posix()).startswith(_WITHOUT_MESSAGES)
]
_PLACEHOLDER = re.compile(r"%[\d.]*[sdgf]|\0")
_SHORTEST = 12


def _template(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _messages(module: str, *, raised: bool) -> Iterator[str]:
    tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        call = node.exc if isinstance(node, ast.Raise) and raised else node
        if not isinstance(call, ast.Call) or not call.args:
            continue
        is_logged = isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "logger"
        if is_logged or call is not node:
            # The level comes first in logger.log.
            yield _template(call.args[ast.unparse(call.func) == "logger.log"])


@pytest.mark.parametrize("module", [name for name in MODULES if name not in _LOW_LEVEL])
def test_every_message(module: str) -> None:
    """What is logged or raised is listed with its cause and its cure."""
    page = " ".join(_read("reference/messages.rst").replace("``", " ").split())
    missing = []
    for message in _messages(module, raised=module not in _LOGGED_ONLY):
        longest = max((part.strip(" :;,.") for part in _PLACEHOLDER.split(message)), key=len)
        if len(longest) >= _SHORTEST and " ".join(longest.split()) not in page:
            missing.append(message)
    assert missing == []


def test_no_message_is_made_up() -> None:
    """What is listed, by its beginning in double backticks, is said somewhere in the package."""
    said = [
        re.compile(".*".join(map(re.escape, parts)))
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.expr) and len("".join(parts := _PLACEHOLDER.split(_template(node)))) >= _SHORTEST
    ]
    listed = re.findall(r"^``(.+?)``", _read("reference/messages.rst"), re.MULTILINE)
    assert [message for message in listed if not any(one.search(message) for one in said)] == []


def test_messages_are_looked_for_in_every_module() -> None:
    """What is left out is there, so that no renaming lets a module escape."""
    assert set(MODULES) >= _LOW_LEVEL | _LOGGED_ONLY
    assert {"_attempt/loop.py", "_crawl/undeclared.py", "_submission/plan.py", "middleware.py"} <= set(MODULES)


def test_every_rule_of_a_site() -> None:
    """Word for word; of those that list what is allowed, the beginning."""
    page = " ".join(_read("reference/messages.rst").split())
    for attribute, (_, rule) in RULES.items():
        assert f"``{attribute}``" in page
        assert f"``{rule.partition('one of')[0]}" in page, attribute

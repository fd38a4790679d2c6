"""``GEETEST_SERVICES``: what it takes, where keys come from, and what is wrong with it, in one line without a key."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from scrapy.settings import Settings

from scrapy_geetest import SolvingService
from scrapy_geetest.settings import Config

if TYPE_CHECKING:
    from command_project import Project

    from scrapy_geetest._service_settings import ServiceConfig
    from scrapy_geetest.sandbox import Sandbox

KEY = "0123456789abcdef-secret"
SITE = {"urls": ["shop.test"], "name": "shop"}


class Person(SolvingService):
    """Asks somebody."""

    async def solve(self, task: Any) -> Any:
        """Not asked here."""


class Picky(SolvingService):
    """Cannot be made without an argument."""

    def __init__(self, address: str) -> None:
        self.address = address

    async def solve(self, task: Any) -> Any:
        """Not asked here."""


def services(declared: Any, environ: dict[str, str] | None = None, **settings: Any) -> tuple[ServiceConfig, ...]:
    return Config.from_settings(Settings({"GEETEST_SERVICES": declared, **settings}), environ=environ or {}).services


PATH = f"{__name__}.Person"


@pytest.mark.parametrize(
    ("declared", "names"),
    [
        (["2captcha", "capmonster"], ["2captcha", "capmonster"]),
        ("2captcha, capsolver", ["2captcha", "capsolver"]),
        (json.dumps(["anticaptcha", {"service": "rucaptcha", "max_concurrent": 3}]), ["anticaptcha", "rucaptcha"]),
        ([Person, "scrapy_geetest._services.adapters.CapMonster"], ["Person", "capmonster"]),
        ([PATH], ["Person"]),
        ([{"service": Person}], ["Person"]),
        ([Picky("10.0.0.1")], ["Picky"]),
    ],
)
def test_names_paths_classes_instances_and_dicts(declared: Any, names: list[str]) -> None:
    """In order of preference; on the command line as JSON, or with commas."""
    assert [one.name for one in services(declared)] == names


def test_keys_and_addresses() -> None:
    """Of the first one by settings of their own; of each by its dict, which comes first, or by the environment."""
    environ = {
        "CAPMONSTER_API_KEY": "e1",
        "TWOCAPTCHA_API_KEY": "e2",
        "ANTICAPTCHA_API_KEY": "e3",
        "CAPSOLVER_API_KEY": "e4",
    }
    names = ["capmonster", "2captcha", "anticaptcha", "capsolver"]
    assert [one.api_key.reveal() for one in services(names, environ)] == ["e1", "e2", "e3", "e4"]
    first = {"GEETEST_API_KEY": "k", "GEETEST_API_URL": "http://127.0.0.1:5/", "GEETEST_TASK_TYPE": "GeeTestTask"}
    made = services(names[::-1], environ, **first)
    assert [one.api_key.reveal() for one in made] == ["k", "e3", "e2", "e1"]
    assert [one.api_url for one in made][::3] == ["http://127.0.0.1:5", "https://api.capmonster.cloud"]
    assert [one.task_type for one in made] == ["GeeTestTask", None, None, None]
    own = {"service": "2captcha", "api_key": "own", "api_url": " https://two.test/ ", "max_concurrent": 7}
    [only] = services([own], environ, **first)
    assert (only.api_key.reveal(), only.api_url, only.max_concurrent) == ("own", "https://two.test", 7)
    assert "own" not in repr(only).replace("own=", "")
    assert [one.lacks_key for one in services([Person, "2captcha", "capmonster"], {"CAPMONSTER_API_KEY": "k"})] == [
        *(False, True, False),
    ]


WRONG = [
    ({"service": "2captcha", "api_key": KEY}, "GEETEST_SERVICES must be a list of services, not a dict."),
    ([], "GEETEST_SERVICES must be a list of services, not an empty list."),
    (5, "GEETEST_SERVICES must be a list of services, not a int."),
    (f'["2captcha", {KEY}]', "The setting GEETEST_SERVICES is invalid: it must be a list ("),
    (["2captach"], "GEETEST_SERVICES: there is no service '2captach'; did you mean '2captcha'?"),
    (["other"], "GEETEST_SERVICES: there is no service 'other'; there are capmonster, 2captcha"),
    (["no.such.module"], "GEETEST_SERVICES: 'no.such.module' cannot be imported: "),
    ([Config], "GEETEST_SERVICES: the class Config is not a service: it takes names"),
    ([SolvingService], "GEETEST_SERVICES: SolvingService itself solves nothing; name a subclass."),
    ([Picky], "GEETEST_SERVICES: Picky cannot be made: TypeError: "),
    ([{"api_key": KEY}], 'GEETEST_SERVICES: a dict must name its "service".'),
    ([{"service": "2captcha", "key": KEY}], "GEETEST_SERVICES: a service has no option 'key'; it has service, api_key"),
    (
        [{"service": "2captcha", "api_key": KEY + " "}],
        "api_key of 2captcha in GEETEST_SERVICES (or TWOCAPTCHA_API_KEY)",
    ),
    ([{"service": "2captcha", "api_url": f"https://a:{KEY}@b"}], "api_url of 2captcha is invalid: the service's URL"),
    ([{"service": "2captcha", "max_concurrent": 0}], "max_concurrent of 2captcha must be a whole number of 1 or more"),
    ([{"service": Person, "api_key": KEY}], "Person is a service of your own, and takes no api_key."),
    (["2captcha", {"service": "2captcha"}], "several services are called '2captcha'; give each a name of its own."),
]


@pytest.mark.parametrize(("declared", "told"), WRONG)
def test_what_is_wrong_is_said_in_one_line(declared: Any, told: str) -> None:
    """Without the value, which may hold a key."""
    with pytest.raises(ValueError, match="GEETEST_SERVICES") as caught:
        services(declared)
    assert told in str(caught.value)
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("named", "told"),
    [
        (
            ["capsolver"],
            "site shop: services names 'capsolver', which GEETEST_SERVICES does not have; it has capmonster",
        ),
        ("2captcha", "site shop: services = '2captcha' is invalid: it must be a list of services"),
        ([], "site shop: services = [] is invalid: it must be a list of services"),
        (["2captcha", "2captcha"], "is invalid: it must be a list of services of GEETEST_SERVICES"),
    ],
)
def test_a_site_names_services_that_there_are(named: Any, told: str) -> None:
    """Checked at the start."""
    with pytest.raises(ValueError, match="GEETEST_SITES") as caught:
        services(["capmonster", "2captcha"], GEETEST_SITES=[{**SITE, "services": named}])
    assert told in str(caught.value)
    assert services(["capmonster", "2captcha"], GEETEST_SITES=[{**SITE, "services": ["2captcha"]}])


def test_a_crawl_does_not_start_without_the_keys(project: Project) -> None:
    """One line says which is missing, and where it may be."""
    project.set(GEETEST_SERVICES=["capmonster", "2captcha"], GEETEST_API_KEY="k")
    _, _, messages = project.run("balance")
    assert messages == (
        "scrapy geetest balance: there is no key: set api_key of 2captcha in GEETEST_SERVICES, or TWOCAPTCHA_API_KEY in "
        "the environment\n"
    )


def test_the_balances_side_by_side(project: Project, sandbox: Sandbox) -> None:
    """One line each; what one does not tell is on stderr, and the exit code says so. A person has none."""
    sandbox.reset(balance=12.25, services={"rucaptcha": {"balance": 3}, "capsolver": {"balance": 4}})
    keys = {
        name: {"service": name, "api_key": one["api_key"], "api_url": one["url"]}
        for name, one in sandbox.services.items()
    }
    mine = {"GEETEST_API_KEY": sandbox.api_key, "GEETEST_API_URL": sandbox.service_url}
    project.set(GEETEST_SERVICES=["capmonster", keys["rucaptcha"]], **mine)
    assert project.run("balance") == (0, "capmonster 12.25 USD\nrucaptcha 3.0 RUB\n", "")
    wrong = {**keys["capsolver"], "api_key": KEY}
    project.set(GEETEST_SERVICES=["capmonster", wrong], **mine)
    code, shown, messages = project.run("balance")
    assert (code, shown) == (1, "capmonster 12.25 USD\n")
    assert messages.startswith("scrapy geetest balance: capsolver: ERROR_KEY_DENIED_ACCESS: ")
    assert KEY not in messages

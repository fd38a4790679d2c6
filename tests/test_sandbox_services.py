"""The sandbox's four dialects, spoken to by this package's own adapters, and their limits and errors."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from reactor import settle as settle_on_loop

from scrapy_geetest import Task, V3Challenge, V4Challenge
from scrapy_geetest._services.adapters import SERVICES
from scrapy_geetest._services.client import ServiceClient
from scrapy_geetest._services.engine import EngineOptions, Surroundings, make_engine
from scrapy_geetest._services.errors import Reaction, ServiceError
from scrapy_geetest.sandbox.captchas import CAPTCHAS, sign_token

if TYPE_CHECKING:
    from scrapy_geetest._services.polling import Result
    from scrapy_geetest.sandbox import Sandbox

V4_SITE = "v4-form"
PAGE = "https://shop.example/login"
OTHERS = ("2captcha", "rucaptcha", "anticaptcha", "capsolver")
NAMES = ("capmonster", *OTHERS)


def engine_of(sandbox: Sandbox, name: str, api_key: str = "") -> ServiceClient:
    """The plugin's own engine for a service of the sandbox."""
    service = (
        {"url": sandbox.service_url, "api_key": sandbox.api_key} if name == "capmonster" else sandbox.services[name]
    )
    engine = make_engine(
        SERVICES[name](),
        EngineOptions(first_poll=0.15, solve_timeout=10.0),
        Surroundings(settle=settle_on_loop, sleep=asyncio.sleep, clock=time.monotonic, on_poll=lambda: None),
        api_key=api_key or service["api_key"],
        api_url=service["url"],
    )
    assert isinstance(engine, ServiceClient)
    return engine


def books_of(sandbox: Sandbox, name: str) -> dict[str, Any]:
    books = sandbox.books()
    mine: dict[str, Any] = books if name == "capmonster" else books["services"][name]
    return mine


def fetch(url: str, form: dict[str, str] | None = None) -> Any:
    with urlopen(Request(url, urlencode(form).encode() if form else None)) as answer:
        return json.loads(answer.read())


def challenge_of(sandbox: Sandbox, version: int) -> V3Challenge | V4Challenge:
    if version == 4:
        return V4Challenge(sandbox.captchas[V4_SITE])
    return V3Challenge(sandbox.captchas["v3"], fetch(f"{sandbox.url}/v3/gt/register-slide")["challenge"])


async def solve(engine: ServiceClient, challenge: V3Challenge | V4Challenge) -> tuple[int | str, Result]:
    try:
        task_id = await engine.create_task(Task(challenge, PAGE))
        return task_id, await engine.result(task_id, challenge)
    finally:
        await engine.close()


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("name", NAMES)
async def test_every_service_solves(sandbox: Sandbox, name: str, version: int) -> None:
    """The solution is one that GeeTest takes; cost and task are in the books of this service alone."""
    challenge = challenge_of(sandbox, version)
    task_id, result = await solve(engine_of(sandbox, name), challenge)
    assert result.solution.version == version
    books = books_of(sandbox, name)
    assert (books["created"]["total"], books["outcomes"], books["floor_violations"]) == (1, {"solved": 1}, 0)
    assert result.cost_millionths == (0 if name == "capsolver" else 600)
    assert isinstance(task_id, str if name == "capsolver" else int)
    assert sum(books_of(sandbox, other)["created"]["total"] for other in NAMES) == 1
    if version == 4:
        solution: Any = result.solution
        form = {
            "lot_number": solution.lot_number,
            "captcha_output": solution.captcha_output,
            "pass_token": solution.pass_token,
            "gen_time": solution.gen_time,
            "sign_token": sign_token(CAPTCHAS[V4_SITE], solution.lot_number),
        }
        validate = f"{sandbox.geetest_url}/validate?captcha_id={sandbox.captchas[V4_SITE]}"
        assert fetch(validate, form)["result"] == "success"


@pytest.mark.parametrize("name", NAMES)
async def test_each_has_its_own_key_and_money(sandbox: Sandbox, name: str) -> None:
    """The key of another is a bad key; the reaction is the same whatever the words and the status."""
    other = "2captcha" if name != "2captcha" else "capsolver"
    engine = engine_of(sandbox, name, sandbox.services[other]["api_key"])
    with pytest.raises(ServiceError) as failure:
        await engine.balance()
    await engine.close()
    assert failure.value.close_reason == "geetest_bad_key"
    if name == "capmonster":
        sandbox.reset(balance=0.0)
    else:
        sandbox.reset(services={name: {"balance": 0.0}})
    with pytest.raises(ServiceError) as failure:
        await solve(engine_of(sandbox, name), challenge_of(sandbox, 4))
    assert failure.value.close_reason == "geetest_zero_balance"
    engine = engine_of(sandbox, other)
    assert await engine.balance() == (0 if name == "capmonster" else 10)
    await engine.close()


@pytest.mark.parametrize("name", OTHERS)
async def test_each_has_faults_of_its_own(sandbox: Sandbox, name: str) -> None:
    """The others go on as usual."""
    sandbox.reset(solve_seconds=0.1, services={name: {"faults": {"getTaskResult": ["ERROR_CAPTCHA_UNSOLVABLE"]}}})
    with pytest.raises(ServiceError, match="ERROR_CAPTCHA_UNSOLVABLE"):
        await solve(engine_of(sandbox, name), challenge_of(sandbox, 3))
    await solve(engine_of(sandbox, "capmonster"), challenge_of(sandbox, 3))


async def test_a_challenge_is_good_at_one_service_only(sandbox: Sandbox) -> None:
    """GeeTest is the same for all of them."""
    challenge = challenge_of(sandbox, 3)
    await solve(engine_of(sandbox, "anticaptcha"), challenge)
    with pytest.raises(ServiceError) as failure:
        await solve(engine_of(sandbox, "2captcha"), challenge)
    assert (failure.value.code, failure.value.reaction) == ("ERROR_CAPTCHA_UNSOLVABLE", Reaction.FRESH_CHALLENGE)


def ask(service: dict[str, str], call: str, **fields: Any) -> tuple[int, dict[str, Any]]:
    body = json.dumps({"clientKey": service["api_key"], **fields}).encode()
    try:
        with urlopen(Request(f"{service['url']}/{call}", body)) as answer:
            return answer.status, json.loads(answer.read())
    except HTTPError as error:
        return error.code, json.loads(error.read())


GT = {"gt": "a" * 32}
BAD = [
    ("capsolver", {"type": "GeeTestTask"}, "ERROR_INVALID_TASK_DATA", 400, 1),
    ("capsolver", {"type": "GeeTestTaskProxyLess", **GT, "version": 3}, "ERROR_INVALID_TASK_DATA", 400, 1),
    ("2captcha", {"type": "GeeTestTaskProxyless", **GT, "version": 4}, "ERROR_BAD_PARAMETERS", 200, 1),
    ("rucaptcha", {"type": "Other"}, "ERROR_TASK_NOT_SUPPORTED", 200, 23),
    ("anticaptcha", {}, "ERROR_TASK_ABSENT", 200, 22),
    ("anticaptcha", {"type": "GeeTestTask", "proxyAddress": "proxy.example"}, "ERROR_BAD_PARAMETERS", 200, 1),
    ("anticaptcha", {"type": "GeeTestTask", "proxyAddress": "203.0.113.8"}, "ERROR_BAD_PARAMETERS", 200, 1),
]


@pytest.mark.parametrize(("name", "task", "code", "status", "number"), BAD)
def test_a_task_that_is_wrong_is_refused_in_its_own_words(
    sandbox: Sandbox, name: str, task: dict[str, Any], code: str, status: int, number: int
) -> None:
    """Code, number and status as documented."""
    got, answer = ask(sandbox.services[name], "createTask", task=task)
    assert (answer["errorCode"], got, answer["errorId"]) == (code, status, number)


def test_capsolver_tells_a_status_at_once(sandbox: Sandbox) -> None:
    """Its own client reads it in the answer to createTask; that of the others has none."""
    task = {"type": "GeeTestTaskProxyLess", "websiteURL": PAGE, "captchaId": sandbox.captchas[V4_SITE]}
    assert ask(sandbox.services["capsolver"], "createTask", task=task)[1]["status"] == "idle"
    other = {**task, "type": "GeeTestTaskProxyless", "gt": task.pop("captchaId"), "version": 4, "challenge": ""}
    del other["captchaId"]
    assert "status" not in ask(sandbox.services["anticaptcha"], "createTask", task={**other, "initParameters": {}})[1]


def test_only_two_captcha_takes_reports(sandbox: Sandbox) -> None:
    """Beside CapMonster Cloud, whose call has another name."""
    for name, call, code in (
        ("2captcha", "reportIncorrect", "ERROR_NO_SUCH_CAPCHA_ID"),
        ("capsolver", "reportIncorrect", "ERROR_NO_SUCH_METHOD"),
        ("anticaptcha", "reportIncorrectTokenCaptcha", "ERROR_NO_SUCH_METHOD"),
    ):
        assert ask(sandbox.services[name], call, taskId=5)[1]["errorCode"] == code


@pytest.mark.parametrize("services", [{"nobody": {}}, {"2captcha": {"port": 5}}, {"2captcha": {"price": -1}}, []])
def test_options_of_services_are_checked(sandbox: Sandbox, services: Any) -> None:
    """Like those of the sandbox."""
    with pytest.raises(ValueError, match=r"services|price|wrong type"):
        sandbox.reset(services=services)

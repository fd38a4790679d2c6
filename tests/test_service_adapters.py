"""Services beside CapMonster Cloud: what each is sent for the same task, and what is refused before paying."""

from __future__ import annotations

import asyncio
import json
import textwrap
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from attrs import evolve
from reactor import settle as settle_on_loop
from service_servers import refused_port
from service_stub import BALANCE, CREATED, READY, Service, error, now

from scrapy_geetest import Reaction, SolvingService, Task, V3Challenge, V3Solution, V4Challenge, V4Solution
from scrapy_geetest._services import adapters
from scrapy_geetest._services.adapters import SERVICES, AntiCaptcha, CapMonster, CapSolver, RuCaptcha, TwoCaptcha
from scrapy_geetest._services.client import ServiceClient
from scrapy_geetest._services.engine import EngineOptions, Surroundings, make_engine
from scrapy_geetest._services.errors import ServiceError
from scrapy_geetest._services.task import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.exhaustive

PAGE = "https://example.com/login"
V3 = V3Challenge("a" * 32, "b" * 32, api_server="api-na.geetest.com")
V4 = V4Challenge("c" * 32)
RISKY = V4Challenge("c" * 32, risk_type="slide")
PROXY = Proxy("http", "203.0.113.8", 3128, "ann", "secret")
PROXY_FIELDS = {
    "proxyType": "http",
    "proxyAddress": "203.0.113.8",
    "proxyPort": 3128,
    "proxyLogin": "ann",
    "proxyPassword": "secret",
}
SITE = {"websiteURL": PAGE}
SERVER = {"geetestApiServerSubdomain": "api-na.geetest.com"}
WIDGET = {"gt": "a" * 32, "challenge": "b" * 32}


def sent(service: SolvingService, task: Task) -> dict[str, Any]:
    """The task object of createTask."""
    made: dict[str, Any] = service.create(task, service.task_types(task)[0]).fields["task"]
    return made


@pytest.mark.parametrize(
    ("service", "task", "wanted"),
    [
        (CapMonster(), Task(V3, PAGE), {"type": "GeeTestTaskProxyless", **SITE, **SERVER, **WIDGET, "version": 3}),
        (CapMonster(), Task(V4, PAGE), {"type": "GeeTestTaskProxyless", **SITE, "gt": "c" * 32, "version": 4}),
        (
            CapMonster(),
            Task(RISKY, PAGE, proxy=PROXY),
            {
                "type": "GeeTestTask",
                **SITE,
                "gt": "c" * 32,
                "version": 4,
                "initParameters": {"riskType": "slide"},
                **PROXY_FIELDS,
            },
        ),
        (TwoCaptcha(), Task(V3, PAGE), {"type": "GeeTestTaskProxyless", **SITE, **SERVER, **WIDGET}),
        (
            RuCaptcha(),
            Task(V4, PAGE, proxy=PROXY),
            {
                "type": "GeeTestTask",
                **SITE,
                "version": 4,
                "initParameters": {"captcha_id": "c" * 32},
                **PROXY_FIELDS,
            },
        ),
        (AntiCaptcha(), Task(V4, PAGE), {"type": "GeeTestTaskProxyless", **SITE, "gt": "c" * 32, "version": 4}),
        (
            AntiCaptcha(),
            Task(V3, PAGE, proxy=PROXY, user_agent="Agent/1"),
            {"type": "GeeTestTask", **SITE, **SERVER, **WIDGET, "version": 3, "userAgent": "Agent/1", **PROXY_FIELDS},
        ),
        (CapSolver(), Task(V3, PAGE), {"type": "GeeTestTaskProxyLess", **SITE, **SERVER, **WIDGET}),
        (CapSolver(), Task(V4, PAGE), {"type": "GeeTestTaskProxyLess", **SITE, "captchaId": "c" * 32}),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_each_service_gets_the_task_in_its_own_words(
    service: SolvingService, task: Task, wanted: dict[str, Any]
) -> None:
    """Field by field what its documentation says."""
    assert sent(service, task) == wanted


LIBRARY = V3Challenge("a" * 32, "b" * 32, get_lib="{}")
NAMED_PROXY = Proxy("http", "proxy.example", 3128, "ann", "secret")


@pytest.mark.parametrize(
    ("service", "task", "told"),
    [
        (TwoCaptcha(), Task(RISKY, PAGE), "2Captcha documents no field for risk_type"),
        (TwoCaptcha(), Task(LIBRARY, PAGE), "2Captcha documents no field for get_lib"),
        (AntiCaptcha(), Task(V3, PAGE, proxy=NAMED_PROXY), "'proxy.example' is a name"),
        (AntiCaptcha(), Task(V3, PAGE, proxy=PROXY), "wants a User-Agent with a proxy"),
        (CapSolver(), Task(V3, PAGE, proxy=PROXY), "no GeeTest task with a proxy"),
        (CapSolver(), Task(RISKY, PAGE), "no GeeTest task with a risk_type"),
        (CapSolver(), Task(LIBRARY, PAGE), "no field for get_lib"),
    ],
)
def test_what_a_service_does_not_document_is_refused_before_paying(
    service: SolvingService, task: Task, told: str
) -> None:
    """With a message that says what it is."""
    stub = Service([CREATED], service=service)
    with pytest.raises(ValueError, match=told):
        now(stub.client.create_task(task))
    assert stub.calls == []


@pytest.mark.parametrize(
    ("service", "method"),
    [
        (CapMonster(), "reportIncorrectTokenCaptcha"),
        (TwoCaptcha(), "reportIncorrect"),
        (AntiCaptcha(), None),
        (CapSolver(), None),
    ],
)
def test_a_refused_solution_is_reported_where_there_is_a_report(service: SolvingService, method: str | None) -> None:
    """Elsewhere nothing is sent."""
    stub = Service([{"errorId": 0, "status": "success"}], service=service)
    if method:
        now(stub.client.report_incorrect(7))
        assert stub.methods == [method]
    else:
        with pytest.raises(ServiceError, match="accepts no reports"):
            now(stub.client.report_incorrect(7))
        assert stub.calls == []


def test_a_task_that_is_ready_at_once_is_not_asked_for() -> None:
    """CapSolver may answer createTask with the solution; its ids are UUIDs."""
    uuid = "61138bb6-19fb-11ec-a9c8-0242ac110006"
    stub = Service([{**READY, "taskId": uuid}], service=CapSolver())
    assert now(stub.client.create_task(Task(V3, PAGE))) == uuid
    assert now(stub.client.result(uuid, V3)).solution.version == 3
    assert stub.methods == ["createTask"]


def test_costs_are_numbers_or_texts() -> None:
    """In the service's own currency."""
    stub = Service([{**READY, "cost": "0.00299"}], service=RuCaptcha())
    assert now(stub.client.result(1, V3)).cost_millionths == 2990
    assert (RuCaptcha.currency, TwoCaptcha.currency) == ("RUB", "USD")
    assert now(Service([{"errorId": 0, "balance": "12.5"}], service=RuCaptcha()).client.balance()) == Decimal("12.5")


def test_who_bills_what_came_to_nothing() -> None:
    """Anti-Captcha bills unsolvable tasks, CapMonster Cloud expired challenges, 2Captcha neither."""
    for service, code, billed in (
        (AntiCaptcha(), "ERROR_CAPTCHA_UNSOLVABLE", True),
        (TwoCaptcha(), "ERROR_CAPTCHA_UNSOLVABLE", False),
        (CapMonster(), "ERROR_CAPTCHA_UNSOLVABLE", False),
        (CapMonster(), "ERROR_TOKEN_EXPIRED", True),
    ):
        with pytest.raises(ServiceError) as failure:
            now(Service([error(code)], service=service).client.result(1, V3))
        assert failure.value.billed is billed


@pytest.mark.parametrize("code", ["ERROR_TASK_NOT_SUPPORTED", "ERROR_TASK_ABSENT"])
def test_a_type_that_is_not_known_is_followed_by_the_other_name(code: str) -> None:
    """Once, for the rest of the crawl, with the same challenge, since nothing was taken; a type that was set is final."""
    stub = Service([(400, error(code)), CREATED])
    for _ in range(3):
        assert now(stub.client.create_task(Task(V3, PAGE))) == 407533072
    types = [call.body["task"]["type"] for call in stub.calls]
    assert types == ["GeeTestTaskProxyless", *["GeeTestTask"] * 3]
    stub = Service([error(code), CREATED])
    with pytest.raises(ServiceError, match=code):
        now(stub.client.create_task(Task(V3, PAGE, type="GeeTestTaskProxyless")))
    stub = Service([error(code), error(code), CREATED])
    with pytest.raises(ServiceError, match=code):
        now(stub.client.create_task(Task(V3, PAGE)))
    with pytest.raises(ServiceError) as again:
        now(stub.client.create_task(Task(V3, PAGE)))
    assert (again.value.sent, len(stub.calls)) == (False, 2)


def test_services_by_name() -> None:
    """Each has an address, a variable for its key, a floor; an adapter is a short file that speaks no HTTP."""
    assert set(SERVICES) == {"capmonster", "2captcha", "rucaptcha", "anticaptcha", "capsolver"}
    for name, service in SERVICES.items():
        assert service.base_url.startswith("https://")
        assert service.key_variable.endswith("_API_KEY")
        assert service.poll_floor >= 2.0
        assert service.name == name
    for file in Path(str(adapters.__file__)).parent.glob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert len(text.splitlines()) < 150
        assert not {"import treq", "import time", "sleep(", "await "} & set(text.split("\n"))


def test_another_floor_is_kept() -> None:
    """Of the engine that is made for a service."""
    engine = make_engine(CapSolver(), EngineOptions(), surroundings(), api_key="k" * 32)
    assert isinstance(engine, ServiceClient)
    assert engine._pacing.interval == 3.0
    assert engine._transport.base_url == "https://api.capsolver.com"
    with pytest.raises(ValueError, match="key is empty"):
        make_engine(CapSolver(), EngineOptions(), surroundings())


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ({}, "needs async def solve"),
        ({"base_url": "https://x.example"}, "needs async def solve"),
        ({"task": lambda *_: {}}, "needs async def solve"),
        ({"solve": lambda *_: None}, "solve must be a coroutine function"),
        ({"name": 5}, "name must be a string"),
        ({"name": ""}, "name must be 1 to 64"),
        ({"name": "a b"}, "name must be 1 to 64"),
        ({"poll_floor": "2"}, "poll_floor must be a number above 0"),
        ({"poll_floor": float("nan")}, "poll_floor must be a number above 0"),
        ({"max_polls": 0}, "max_polls must be a whole number of 1 or more"),
        ({"max_polls": 60.0}, "max_polls must be a whole number of 1 or more"),
        ({"key_field": None}, "key_field must be a string"),
        ({"reactions": {"ERROR_X": "later"}}, "reactions must be a mapping"),
    ],
)
def test_a_class_that_cannot_work_is_refused_when_it_is_made(attributes: dict[str, Any], told: str) -> None:
    """Not when its first task comes."""
    with pytest.raises(TypeError, match=f"the service Odd.*{told}"):
        type("Odd", (SolvingService,), attributes)


def test_a_code_may_mean_something_else() -> None:
    """By the service's own table."""

    class Other(SolvingService):
        base_url: ClassVar[str] = "https://other.example"
        reactions: ClassVar[dict[str, Reaction]] = {"ERROR_ODD": Reaction.SAME_CALL_LATER}

        def task(self, task: Task) -> dict[str, Any]:
            return {"site": task.website_url}

    stub = Service([error("ERROR_ODD"), CREATED], balances=[BALANCE], service=Other())
    assert now(stub.client.create_task(Task(V3, PAGE))) == 407533072
    assert Other.name == "Other"


def surroundings(sleep: Callable[[float], Any] | None = None) -> Surroundings:
    return Surroundings(
        settle=settle_on_loop,
        sleep=sleep or (lambda seconds: asyncio.sleep(seconds / 10)),
        clock=time.monotonic,
        on_poll=lambda: None,
    )


class Person(SolvingService):
    """Asks somebody."""

    answer: Any = V3Solution(challenge="c", validate="v", seccode="s")
    seconds = 0.02

    async def solve(self, task: Task) -> Any:
        assert task.website_url == PAGE
        await asyncio.sleep(self.seconds)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_a_service_of_ones_own_needs_only_solve() -> None:
    """No key, no address, no HTTP: the task goes in, the solution comes out."""
    engine = make_engine(Person(), EngineOptions(), surroundings())
    await engine.ready()
    engine.check()
    task_id = await engine.create_task(Task(V3, PAGE))
    result = await engine.result(task_id, V3)
    assert (task_id, result.solution, result.cost_millionths) == ("Person-1", Person.answer, 0)
    assert engine.trouble == ""
    for call in (engine.balance(), engine.report_incorrect(task_id)):
        with pytest.raises(ServiceError, match="ERROR_NO_SUCH_METHOD"):
            await call
    await engine.close()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (KeyError("who"), "UNKNOWN: Person.solve failed: KeyError: 'who'"),
        (None, "UNKNOWN: Person.solve returned NoneType"),
        (V3Solution(challenge="c", validate="", seccode="s"), "cannot be submitted: .* has no validate"),
        (V3Solution(challenge="c", validate=None, seccode="s"), "cannot be submitted: .* has no validate"),  # type: ignore[arg-type]
        (V3Solution(challenge="c", validate="\ud800", seccode="s"), "cannot be submitted: .* not valid text"),
        (V3Solution(challenge="c", validate="v", seccode="s", extra=None), "cannot be submitted"),  # type: ignore[arg-type]
        (ServiceError("ERROR_CAPTCHA_UNSOLVABLE"), "ERROR_CAPTCHA_UNSOLVABLE"),
    ],
)
async def test_what_it_does_wrong_is_an_error_of_the_service(answer: Any, told: str) -> None:
    """Its own ServiceError comes through."""
    person = Person()
    person.answer = answer
    engine = make_engine(person, EngineOptions(), surroundings())
    with pytest.raises(ServiceError, match=told):
        await engine.result(await engine.create_task(Task(V3, PAGE)), V3)


async def test_its_solution_is_completed() -> None:
    """With the values of the challenge that a form may have to post back, and numbers as digits."""
    person = Person()
    person.answer = V4Solution(captcha_id="i", lot_number="l", pass_token="p", gen_time=17, captcha_output="o")  # type: ignore[arg-type]
    engine = make_engine(person, EngineOptions(), surroundings())
    challenge = V4Challenge("i", extra={"token": "t"})
    solution = (await engine.result(await engine.create_task(Task(challenge, PAGE)), challenge)).solution
    assert solution == evolve(person.answer, gen_time="17", extra={"token": "t"})


async def test_it_is_ended_in_time_and_at_the_end_of_a_crawl() -> None:
    """Its coroutine is cancelled."""
    person = Person()
    person.seconds = 60.0
    engine = make_engine(person, EngineOptions(solve_timeout=0.05), surroundings())
    with pytest.raises(ServiceError, match="SOLVE_TIMEOUT: not solved within"):
        await engine.result(await engine.create_task(Task(V3, PAGE)), V3)

    class StoppingError(Exception):
        """The crawl is ending."""

    async def stop(_: float) -> None:
        raise StoppingError

    engine = make_engine(person, EngineOptions(), surroundings(stop))
    with pytest.raises(StoppingError):
        await engine.result(await engine.create_task(Task(V3, PAGE)), V3)


def test_without_asyncio_it_runs_as_well() -> None:
    """On a reactor that is not asyncio's."""

    class Direct(SolvingService):
        async def solve(self, task: Task) -> Any:
            assert task.website_url == PAGE
            return Person.answer

    engine = make_engine(Direct(), EngineOptions(), surroundings())
    assert now(engine.result(now(engine.create_task(Task(V3, PAGE))), V3)).solution == Person.answer


@pytest.mark.parametrize("challenge", [V3, V4], ids=["v3", "v4"])
async def test_the_documented_service_asks_a_person(challenge: Any) -> None:
    """The example of the docs: a page on this machine, and what a browser posts from there."""
    text = (Path(__file__).parents[1] / "docs" / "reference" / "services.rst").read_text(encoding="utf-8")
    code = textwrap.dedent(text.partition(":caption: myproject/services.py\n")[2])
    namespace: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, "services.rst", "exec"), namespace)
    person = namespace["Person"]()
    person.port = refused_port()
    engine = make_engine(person, EngineOptions(), surroundings())
    solving = asyncio.ensure_future(engine.result(await engine.create_task(Task(challenge, PAGE)), challenge))

    async def browse(request: str) -> str:
        for _ in range(100):
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", person.port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.write(request.encode())
                shown = (await reader.read()).decode()
                writer.close()
                return shown
        raise AssertionError("nobody listens")

    shown = await browse("GET / HTTP/1.1\r\n\r\n")
    assert (challenge.gt if challenge is V3 else challenge.captcha_id) in shown
    v3 = {"geetest_challenge": "c", "geetest_validate": "v", "geetest_seccode": "s"}
    v4 = dict.fromkeys(("captcha_id", "lot_number", "pass_token", "gen_time", "captcha_output"), "x")
    body = json.dumps(v3 if challenge is V3 else v4)
    await browse(f"POST /done HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n{body}")
    assert (await solving).solution.version == challenge.version

"""The sandbox's process: how it starts, tells its addresses, and ends; options, TLS, and books over its control port."""

from __future__ import annotations

import ast
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from graphlib import TopologicalSorter
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests
from sandbox_visitor import Visitor

import scrapy_geetest.sandbox
from scrapy_geetest.sandbox import USER_AGENT, Options, Sandbox, checks, handle, main
from scrapy_geetest.sandbox.options import parse_arguments
from scrapy_geetest.sandbox.web import carry_out
from scrapy_geetest.sandbox.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.exhaustive

PACKAGE = Path(str(scrapy_geetest.sandbox.__file__)).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PACKAGE.parents[1]), "http_proxy": "http://127.0.0.1:9"}


@contextmanager
def launch(*arguments: str, **kwargs: Any) -> Iterator[subprocess.Popen[str]]:
    """Start a sandbox; one that a failed test leaves running is killed."""
    command = [sys.executable, "-m", "scrapy_geetest.sandbox", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT, **kwargs) as process:
        try:
            yield process
        finally:
            process.kill()


def free_ports() -> Iterator[int]:
    """Ports below those that the system hands out itself, so that nobody takes one between the look and its use."""
    for port in random.sample(range(10_000, 32_000), 1000):
        with suppress(OSError):
            socket.create_server(("127.0.0.1", port)).close()
            yield port


def ready(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout
    return dict(json.loads(process.stdout.readline()))


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for whoever inherited it does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + 20
    while is_alive(pid):
        assert time.monotonic() < deadline, "still running"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_tells_its_addresses_and_ends_on_a_signal(number: signal.Signals) -> None:
    """One line of JSON when ready; a proxy in the environment does no harm; exit status 0."""
    with launch("--solve-seconds", "0.1,0.2", "--poll-floor", "0", stdin=subprocess.DEVNULL) as process:
        addresses = ready(process)
        assert addresses["pid"] == process.pid
        assert all(addresses[name].startswith("http://127.0.0.1:") for name in addresses if name.endswith("url"))
        answer = requests.get(f"{addresses['url']}/gate3/register", timeout=20, proxies={"http": ""})
        assert answer.json()["success"] == 1
        process.send_signal(number)
        assert process.wait(20) == 0
        assert process.stdout
        assert process.stdout.read() == ""


def test_it_ends_with_its_input() -> None:
    """The end of standard input, when that is a pipe, is the end; input itself is ignored."""
    with launch(stdin=subprocess.PIPE) as process:
        ready(process)
        assert process.stdin
        process.stdin.write("hello\n")
        process.stdin.flush()
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(20) == 0


def _start_and_leave(*arguments: str) -> int:
    """Start a sandbox in a process that ends at once; the sandbox's pid."""
    program = textwrap.dedent(
        f"""
        import subprocess, sys
        child = subprocess.Popen(
            [sys.executable, "-m", "scrapy_geetest.sandbox", *{arguments!r}],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )
        print(child.stdout.readline(), flush=True)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT, check=True, timeout=60
    )
    return int(json.loads(done.stdout)["pid"])


def test_it_ends_with_its_parent() -> None:
    """A sandbox whose parent has gone ends by itself."""
    wait_for_end(_start_and_leave())


def test_a_detached_one_outlives_its_parent() -> None:
    """``--detached``: it goes on until it is told to end."""
    pid = _start_and_leave("--detached")
    assert is_alive(pid)
    os.kill(pid, signal.SIGTERM)
    wait_for_end(pid)


def test_it_ends_in_the_midst_of_work() -> None:
    """Threads that wait for the sandbox's own GeeTest do not keep it from ending."""

    def register(url: str) -> int:
        try:
            return requests.get(f"{url}/gate3/register", timeout=20).status_code
        except requests.ConnectionError:
            return 0

    with ThreadPoolExecutor(50) as pool, Sandbox() as sandbox:
        requests.get(f"{sandbox.url}/gate3/register", timeout=20)
        answers = [pool.submit(register, sandbox.url) for _ in range(300)]
        os.kill(sandbox.pid, signal.SIGTERM)
        wait_for_end(sandbox.pid)
        assert {answer.result(20) for answer in answers} <= {0, 200}


def test_a_port_that_is_taken_is_told() -> None:
    """Exit status 1 and the port in the message."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with launch("--port", port, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            _, message = process.communicate(timeout=20)
    assert (process.returncode, port in message) == (1, True)


def test_ports_can_be_chosen() -> None:
    """``port`` and ``service_port`` are those asked for."""
    wanted = list(islice(free_ports(), 2))
    with Sandbox(port=wanted[0], service_port=wanted[1]) as sandbox:
        assert [urlsplit(url).port for url in (sandbox.url, sandbox.service_url)] == wanted


def test_flags_are_options() -> None:
    """Every option has a flag; ``--options`` takes all of them as JSON, and flags go before it."""
    arguments = [
        "--options",
        '{"balance": 3, "seed": 1}',
        "--seed",
        "2",
        "--solve-seconds",
        "10,30",
        "--wrong",
        "always",
    ]
    arguments += [
        "--faults",
        '{"createTask": ["hang"]}',
        "--tls",
        "--offline",
        "2",
        "--gate-seconds",
        "1.5",
        "--robots",
        "x",
    ]
    options, detached = parse_arguments(arguments)
    assert not detached
    assert options == Options(
        balance=3,
        seed=2,
        solve_seconds=(10, 30),
        wrong="always",
        faults={"createTask": ["hang"]},
        tls=True,
        offline=2,
        gate_seconds=1.5,
        robots="x",
    )
    assert Options.make(json.loads(json.dumps(options.to_json()))) == options


@pytest.mark.parametrize(
    "arguments", [["--colour", "red"], ["--wrong", "often"], ["--options", "{"], ["--balance", "-1.5"]]
)
def test_a_wrong_command_line_is_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2 and a message."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Both ways to start name the extra that is to be installed."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "geetest" else object())
    assert checks.missing_extra() == "the sandbox needs geetest: pip install 'scrapy-geetest[sandbox]'"
    assert main([]) == 1
    assert "scrapy-geetest[sandbox]" in capsys.readouterr().err
    with pytest.raises(RuntimeError, match="pip install"):
        Sandbox().start()


def test_a_process_that_does_not_get_ready_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """No ready line: an error, and nothing left behind."""
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    sandbox = Sandbox()
    with pytest.raises(RuntimeError, match="did not start"):
        sandbox.start()
    sandbox.stop()


def test_a_process_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopping takes no longer than its limit."""
    sandbox = Sandbox().start()
    os.kill(sandbox.pid, signal.SIGSTOP)
    monkeypatch.setattr(handle, "_STOP_SECONDS", 0.1)
    sandbox.stop()
    assert not Path(f"/proc/{sandbox.pid}").exists()


def test_tls_with_a_certificate_of_its_own() -> None:
    """A client that trusts the certificate is served; another one is not."""
    with Sandbox(tls=True, api_key="k") as sandbox:
        assert sandbox.service_url.startswith("https://127.0.0.1:")
        url, body = f"{sandbox.service_url}/getBalance", {"clientKey": "k"}
        assert requests.post(url, json=body, verify=str(sandbox.ca), timeout=20).json()["balance"] == 10
        with pytest.raises(requests.exceptions.SSLError):
            requests.post(url, json=body, timeout=20)
        with pytest.raises(ValueError, match="tls cannot be changed"):
            sandbox.reset(tls=False)
        ca = Path(str(sandbox.ca))
    assert not ca.exists()


def test_reset_forgets_and_takes_new_options(visitor: Visitor) -> None:
    """Books are empty, tasks unknown, the options those given; a bad one changes nothing."""
    task_id = visitor.call("createTask", task=visitor.task("v4-form")).json()["taskId"]
    assert visitor.sandbox.books()["created"] == {"total": 1, "v4": 1}
    visitor.sandbox.reset(balance=3, api_key="another")
    assert visitor.sandbox.api_key == "another"
    assert visitor.call("getBalance").json()["balance"] == 3
    assert visitor.call("getTaskResult", taskId=task_id).json()["errorCode"] == "ERROR_NO_SUCH_CAPCHA_ID"
    with pytest.raises(ValueError, match="no option colour"):
        visitor.sandbox.reset(colour="red")
    with pytest.raises(ValueError, match="port"):
        visitor.sandbox.reset(port=5)
    assert visitor.sandbox.books()["created"] == {"total": 0}
    visitor.sandbox.reset()
    assert visitor.sandbox.api_key == Options().api_key


def test_control_refuses_bad_options(visitor: Visitor) -> None:
    """Also for callers that check nothing themselves."""
    control = visitor.sandbox._control
    response = visitor.session.post(f"http://{control}/__sandbox__/reset", json={"balance": -1}, timeout=20)
    assert (response.status_code, "balance" in response.json()["error"]) == (400, True)


def test_books_tell_what_the_service_saw(visitor: Visitor) -> None:
    """The task as it came, calls, connections, refusals."""
    task = visitor.task("v4-form", initParameters={"riskType": "slide"})
    visitor.call("createTask", task=task, softId=55)
    visitor.call("createTask", task={"type": "NoCaptchaTask"})
    with requests.Session() as other:
        Visitor(visitor.sandbox, other).call("getBalance")
    books = visitor.sandbox.books()
    assert [(entry["task"], entry["beside"]) for entry in books["tasks"]] == [(task, {"softId": 55})]
    assert books["calls"] == {"createTask": 2, "getBalance": 1}
    assert books["refused"] == {"ERROR_TASK_NOT_SUPPORTED": 1}
    assert books["connections"] == 2
    assert (books["balance"], books["outcomes"]) == (9.9994, {"unfetched": 1})


def test_the_service_knows_its_documented_calls_only(visitor: Visitor) -> None:
    """Other calls are ERROR_NO_SUCH_METHOD; a body that is no object has no key; the user agent is told."""
    service = visitor.sandbox.service_url
    for response in (
        visitor.call("createTasks"),
        visitor.session.get(f"{service}/getBalance", timeout=20),
    ):
        assert (response.status_code, response.json()["errorCode"]) == (404, "ERROR_NO_SUCH_METHOD")
    response = visitor.session.post(f"{service}/getBalance", data="[1]", timeout=20)
    assert (response.status_code, response.json()["errorCode"]) == (403, "ERROR_KEY_DOES_NOT_EXIST")
    assert visitor.session.get(f"{service}/api/useragent/actual", timeout=20).text == USER_AGENT


def test_statuses_of_the_service(visitor: Visitor) -> None:
    """402 without balance, 429 below the floor, which is 2 s unless told otherwise."""
    visitor.sandbox.reset(balance=0.0006)
    task_id = visitor.call("createTask", task=visitor.task("v4-form")).json()["taskId"]
    assert visitor.call("createTask", task=visitor.task("v4-form")).status_code == 402
    assert [visitor.call("getTaskResult", taskId=task_id).status_code for _ in range(2)] == [200, 429]
    assert visitor.sandbox.books()["floor_violations"] == 1


async def test_a_defect_is_in_the_books() -> None:
    """A handler that raises answers 500, and its traceback can be read."""

    async def broken(*_: Any) -> Any:
        raise KeyError("defect")

    world = World(Options(), "", broken, broken, iter(range(9)))
    assert (await carry_out(broken, world.books)).status == 500
    assert "KeyError: 'defect'" in world.books.errors[0]


async def test_a_slow_machine_is_not_taken_for_an_offline_geetest() -> None:
    """The SDK's registration is tried three times before its "offline" is believed."""
    tried: list[int] = []

    async def at_once(function: Any, *arguments: Any) -> Any:
        tried.append(1)
        return function(*arguments)

    world = World(Options(), "http://127.0.0.1:9", at_once, at_once, iter(range(9)))
    assert (await checks.register(world, "v3"))["success"] == 0
    assert len(tried) == 3


def test_it_imports_nothing_of_the_rest_of_the_package() -> None:
    """The sandbox stands alone: its imports from this package are its own modules."""
    own = {path.stem for path in PACKAGE.glob("*.py")}
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.level < 2, path
                assert node.level == 0 or (node.module or "").partition(".")[0] in {*own, ""}, path
                assert node.level or not str(node.module).startswith("scrapy"), path
            elif isinstance(node, ast.Import):
                assert not any(alias.name.startswith("scrapy") for alias in node.names), path


def test_its_modules_are_layers() -> None:
    """No module imports, not even for its types, what is built on it."""
    own = {path.stem for path in PACKAGE.glob("*.py")}
    imports: dict[str, set[str]] = {}
    for name in own:
        tree = ast.walk(ast.parse((PACKAGE / f"{name}.py").read_text()))
        found = [node for node in tree if isinstance(node, ast.ImportFrom) and node.level]
        names = {each for node in found for each in ([node.module] if node.module else [a.name for a in node.names])}
        imports[name] = {each if each in own else "__init__" for each in names}
    assert set(TopologicalSorter(imports).static_order()) == own

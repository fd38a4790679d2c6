"""Proof from outside: PyPI's ``unicaptcha`` 0.2.0, unmodified, solves v3 and v4 at all four services of the sandbox.

``python tests/peer/unicaptcha_client.py`` makes a temporary environment with it, has it solve tasks at the sandbox's services,
checks the solutions at GeeTest's validate, and compares the task JSON that it sent with that of this package's adapters, field
by field. Exit status 1: a solution was refused, or a difference is unexplained.

``--environment DIRECTORY`` keeps the environment there for the next run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from official_client import PAGE, Case, fetch, is_accepted, say

from scrapy_geetest import Task, V3Challenge, V4Challenge
from scrapy_geetest._services.adapters import SERVICES
from scrapy_geetest.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HERE = Path(__file__).resolve().parent
CLIENT = "unicaptcha==0.2.0"
NAMES = ("capmonster", "2captcha", "anticaptcha", "capsolver")
SITES = {3: Case("v3", "v3"), 4: Case("v4", "v4-form")}
EXPLAINED = {
    (
        "capmonster",
        "type",
    ): "ours says GeeTestTaskProxyless, and GeeTestTask where that is not known; the service takes both",
    ("anticaptcha", "version"): "theirs leaves it out for v3; it is documented, and the service takes both",
}


def make_environment(directory: Path, *clients: str) -> Path:
    """An environment with clients in it; one that is there already is kept. Returns its interpreter."""
    python = directory / "bin" / "python"
    if not python.exists():
        venv.create(directory, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *clients], check=True)
    return python


def tasks_of(sandbox: Sandbox, names: Sequence[str]) -> list[dict[str, Any]]:
    """A v3 and a v4 task for each service, each challenge fresh."""
    tasks = []
    for name in names:
        for version, case in SITES.items():
            registered = json.loads(fetch(f"{sandbox.url}/v3/gt/register-slide"))["challenge"] if version == 3 else ""
            tasks.append(
                {
                    "service": name,
                    "version": version,
                    "id": sandbox.captchas[case.site],
                    "challenge": registered,
                    "page": PAGE,
                }
            )
    return tasks


def ours(task: dict[str, Any]) -> dict[str, Any]:
    """The task JSON of this package's adapter."""
    service = SERVICES[task["service"]]()
    challenge = V4Challenge(task["id"]) if not task["challenge"] else V3Challenge(task["id"], task["challenge"])
    wanted = Task(challenge, task["page"])
    made: dict[str, Any] = service.create(wanted, service.task_types(wanted)[0]).fields["task"]
    return made


def theirs(sandbox: Sandbox, name: str) -> list[dict[str, Any]]:
    """What a service of the sandbox got."""
    books = sandbox.books()
    mine = books if name == "capmonster" else books["services"][name]
    return [entry["task"] for entry in mine["tasks"]]


def compare(task: dict[str, Any], sent: dict[str, Any], explained: Mapping[tuple[str, str], str]) -> int:
    """Print the fields of both, and return the number of differences that nothing explains."""
    made, unexplained = ours(task), 0
    say(f"\n{task['service']}, v{task['version']}")
    for name in sorted({*made, *sent}):
        mine, other = (json.dumps(fields[name]) if name in fields else "(absent)" for fields in (made, sent))
        note = "" if mine == other else explained.get((task["service"], name))
        unexplained += note is None
        say(f"  {name:26} {mine[:44]:46} {other[:44]:46} {'UNEXPLAINED' if note is None else note}".rstrip())
    return unexplained


def run(
    python: Path, script: str, names: Sequence[str], explained: Mapping[tuple[str, str], str], **options: Any
) -> int:
    """Solve, check, compare; the number of things that are wrong.

    Args:
        python: The interpreter of the environment.
        script: What solves there; it reads and writes JSON.
        names: The services that are asked.
        explained: Why a field of a service differs.
        options: Of the sandbox.
    """
    with Sandbox(**options) as sandbox:
        tasks = tasks_of(sandbox, names)
        services = {"capmonster": {"url": sandbox.service_url, "api_key": sandbox.api_key}, **sandbox.services}
        order = json.dumps({"services": services, "tasks": tasks, "poll_interval": 2.1})
        command = [str(python), str(HERE / script)]
        done = subprocess.run(command, input=order, stdout=subprocess.PIPE, text=True, check=True, timeout=300)
        wrong = 0
        for task, solution in zip(tasks, json.loads(done.stdout), strict=True):
            accepted = is_accepted(sandbox, SITES[task["version"]], solution)
            wrong += not accepted
            name = f"{task['service']}, v{task['version']}"
            say(f"{name:26} {'accepted by validate' if accepted else 'REFUSED'}")
        sent = {name: theirs(sandbox, name) for name in names}
    say(f"\n  {'field':26} {'ours':46} {'theirs':46} difference")
    for task in tasks:
        wrong += compare(task, sent[task["service"]].pop(0), explained)
    say(f"\n{wrong} unexplained differences or refused solutions")
    return wrong


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--environment", type=Path, help="keep the client's environment in this directory")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="unicaptcha-") as temporary:
        python = make_environment(arguments.environment or Path(temporary), CLIENT)
        return 1 if run(python, "solve_with_unicaptcha.py", NAMES, EXPLAINED, solve_seconds=1.0) else 0


if __name__ == "__main__":
    sys.exit(main())

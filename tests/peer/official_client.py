"""Proof from outside: CapMonster Cloud's own client works with the sandbox, and sends the same tasks as this package.

``python tests/peer/official_client.py`` makes a temporary environment with PyPI's ``capmonstercloudclient`` 4.3.1 (unmodified),
has it solve v3 and v4 tasks at the sandbox's service, checks the solutions at GeeTest's validate, and compares the task JSON
that it sent with ours for the same input, field by field. Exit status 1: a solution was refused, or a difference is unexplained.

``--environment DIRECTORY`` keeps the environment there for the next run, ``--poll-floor SECONDS`` changes the sandbox's floor:
this client polls every second, so the documented 2 s would refuse it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from attrs import frozen

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))  # the package of this checkout

from scrapy_geetest._services.task import Proxy, Task  # noqa: E402  # found through the line above
from scrapy_geetest.challenge import Challenge, V3Challenge, V4Challenge  # noqa: E402  # found through the line above
from scrapy_geetest.sandbox import USER_AGENT, Sandbox  # noqa: E402  # found through the line above
from scrapy_geetest.sandbox.captchas import CAPTCHAS, V4_FIELDS, sign_token  # noqa: E402  # found through the line above

CLIENT = "capmonstercloudclient==4.3.1"
NEEDS = ("pydantic>=2", "aiohttp>=3.9")
PAGE = "https://shop.example/login?from=peer"
API_SERVER = "api-na.geetest.com"
GET_LIB = '{"slide": "/static/js/slide.js"}'
PROXY = Proxy("http", "203.0.113.8", 3128, "ann", "secret")
TYPE_EXPLAINED = "without a proxy ours says GeeTestTaskProxyless and theirs GeeTestTask; the service takes both, and GEETEST_TASK_TYPE sets it"
BESIDE = "(beside the task) "
SOFT_ID_EXPLAINED = "the vendor's number for its own client; this package has none"


@frozen
class Case:
    """One input for both clients.

    Attributes:
        name: For the table.
        site: Whose captcha it is.
        full: Whether the optional fields are given.
        proxy: The proxy, if any.
    """

    name: str
    site: str
    full: bool = False
    proxy: Proxy | None = None

    def challenge(self, sandbox: Sandbox) -> Challenge:
        """A fresh challenge of the sandbox."""
        api_server, get_lib = (API_SERVER, GET_LIB) if self.full else (None, None)
        public_id = sandbox.captchas[self.site]
        if CAPTCHAS[self.site].is_v3:
            registered = fetch(f"{sandbox.url}/v3/gt/register-slide")
            return V3Challenge(public_id, json.loads(registered)["challenge"], api_server, get_lib)
        return V4Challenge(public_id, "slide" if self.full else None, api_server, get_lib)

    def ours(self, challenge: Challenge) -> dict[str, Any]:
        """The task JSON of this package."""
        return Task(
            challenge=challenge,
            website_url=PAGE,
            type=None,
            proxy=self.proxy,
            user_agent=USER_AGENT if self.full else None,
        ).to_json()

    def theirs(self, challenge: Challenge) -> dict[str, Any]:
        """The same input for their client."""
        if isinstance(challenge, V3Challenge):
            values: dict[str, Any] = {"gt": challenge.gt, "challenge": challenge.challenge, "version": 3}
        else:
            values = {"gt": challenge.captcha_id, "version": 4}
            if challenge.risk_type:
                values["initParameters"] = {"riskType": challenge.risk_type}
        if self.full:
            values |= {"geetestApiServerSubdomain": API_SERVER, "geetestGetLib": GET_LIB, "user_agent": USER_AGENT}
        if self.proxy:
            values["proxy"] = self.proxy.to_json()
        return {"websiteUrl": PAGE, **values}


CASES = (
    Case("v3", "v3"),
    Case("v3, all fields, proxy", "v3", full=True, proxy=PROXY),
    Case("v4", "v4-form"),
    Case("v4, all fields, proxy", "v4-form", full=True, proxy=PROXY),
)


def fetch(url: str, form: dict[str, str] | None = None) -> str:
    """GET an address of the sandbox, or POST a form to it."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=20)
    try:
        body = urlencode(form) if form is not None else None
        headers = {"content-type": "application/x-www-form-urlencoded"} if form is not None else {}
        target = parts._replace(scheme="", netloc="").geturl()
        connection.request("GET" if form is None else "POST", target, body, headers)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def make_environment(directory: Path) -> Path:
    """An environment with their client in it; one that is there already is kept. Returns its interpreter."""
    python = directory / "bin" / "python"
    if not python.exists():
        venv.create(directory, with_pip=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, *NEEDS], check=True)
        # It pins each of its dependencies to one old version.
        subprocess.run([*install, "--no-deps", CLIENT], check=True)
    return python


def solve_with_theirs(python: Path, sandbox: Sandbox, wanted: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Their client's solutions."""
    order = {"service_url": sandbox.service_url, "api_key": sandbox.api_key, "requests": wanted}
    command = [str(python), str(HERE / "solve_with_official_client.py")]
    done = subprocess.run(command, input=json.dumps(order), stdout=subprocess.PIPE, text=True, check=True, timeout=300)
    return list(json.loads(done.stdout))


def is_accepted(sandbox: Sandbox, case: Case, solution: dict[str, str]) -> bool:
    """Whether GeeTest's validate takes a solution."""
    if CAPTCHAS[case.site].is_v3:
        form = {"challenge": solution["challenge"], "seccode": solution["seccode"]}
        return fetch(f"{sandbox.geetest_url}/validate.php", form) != "false"
    form = {name: solution[name] for name in V4_FIELDS}
    form["sign_token"] = sign_token(CAPTCHAS[case.site], form["lot_number"])
    answer = fetch(f"{sandbox.geetest_url}/validate?captcha_id={CAPTCHAS[case.site].id}", form)
    return bool(json.loads(answer)["result"] == "success")


def compare(case: Case, ours: dict[str, Any], theirs: dict[str, Any]) -> int:
    """Print the fields of both, and return the number of differences that nothing explains."""
    unexplained = 0
    say(f"\n{case.name}")
    for name in sorted({*ours, *theirs}):
        mine, other = (json.dumps(task[name]) if name in task else "(absent)" for task in (ours, theirs))
        note = "" if mine == other else explain(name, case)
        unexplained += note is None
        say(f"  {name:26} {mine[:44]:46} {other[:44]:46} {'UNEXPLAINED' if note is None else note}".rstrip())
    return unexplained


def explain(name: str, case: Case) -> str | None:
    """Why a field differs; ``None``: it should not."""
    if name == "type" and case.proxy is None:
        return TYPE_EXPLAINED
    return SOFT_ID_EXPLAINED if name == BESIDE + "softId" else None


def say(line: str) -> None:
    """A line of the report."""
    sys.stdout.write(f"{line}\n")


def run(python: Path, poll_floor: float) -> int:
    """Solve, check, compare; the number of things that are wrong."""
    with Sandbox(solve_seconds=1.5, poll_floor=poll_floor) as sandbox:
        challenges = [case.challenge(sandbox) for case in CASES]
        wanted = [case.theirs(challenge) for case, challenge in zip(CASES, challenges, strict=True)]
        solutions = solve_with_theirs(python, sandbox, wanted)
        wrong = 0
        for case, solution in zip(CASES, solutions, strict=True):
            accepted = is_accepted(sandbox, case, solution)
            wrong += not accepted
            say(f"{case.name:26} {'accepted by validate' if accepted else 'REFUSED'}")
        sent = [
            {**entry["task"], **{BESIDE + name: value for name, value in entry["beside"].items()}}
            for entry in sandbox.books()["tasks"]
        ]
    say(f"\n  {'field':26} {'ours':46} {'theirs':46} difference")
    for case, challenge, theirs in zip(CASES, challenges, sent, strict=True):
        wrong += compare(case, case.ours(challenge), theirs)
    say(f"\n{wrong} unexplained differences or refused solutions")
    return wrong


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--environment", type=Path, help="keep the client's environment in this directory")
    parser.add_argument("--poll-floor", type=float, default=0.9, help="of the sandbox, in seconds (default: 0.9)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="official-client-") as temporary:
        python = make_environment(arguments.environment or Path(temporary))
        return 1 if run(python, arguments.poll_floor) else 0


if __name__ == "__main__":
    sys.exit(main())

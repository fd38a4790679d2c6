"""Solve tasks with the services' own clients, unmodified. Runs in the environment that ``service_clients.py`` makes.

Reads a JSON object from standard input: ``services`` (name -> ``url``, ``api_key``) and ``tasks`` (``service``, ``version``,
``id``, ``challenge``, ``page``). Writes the solutions as a JSON list to standard output.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

V4 = 4


def _cap_solver(service: dict[str, str], task: dict[str, Any]) -> dict[str, str]:
    os.environ.update(CAPSOLVER_API_BASE=service["url"], CAPSOLVER_API_KEY=service["api_key"])
    own = {"captchaId": task["id"]} if task["version"] == V4 else {"gt": task["id"], "challenge": task["challenge"]}
    solved: dict[str, str] = importlib.import_module("capsolver").solve(
        {"type": "GeeTestTaskProxyLess", "websiteURL": task["page"], **own}
    )
    return solved


def _anti_captcha(service: dict[str, str], task: dict[str, Any]) -> dict[str, str]:
    networking = importlib.import_module("anticaptchaofficial.antinetworking")
    post = type(networking.session).post  # of the session, whose address is fixed

    def redirected(url: str, **values: Any) -> Any:
        return post(networking.session, service["url"] + url.removeprefix("https://api.anti-captcha.com"), **values)

    networking.session.post = redirected
    solver = importlib.import_module("anticaptchaofficial.geetestproxyless").geetestProxyless()
    solver.set_key(service["api_key"])
    solver.set_website_url(task["page"])
    solver.set_gt_key(task["id"])
    solver.set_challenge_key(task["challenge"])
    solver.set_version(task["version"])
    solved: dict[str, str] = solver.solve_and_return_solution()
    if not solved:
        raise RuntimeError(solver.err_string)
    return solved


def _two_captcha(service: dict[str, str], task: dict[str, Any]) -> dict[str, str]:
    package = importlib.import_module("python_rucaptcha.gee_test")
    is_v4 = task["version"] == V4
    solver = package.GeeTest(
        rucaptcha_key=service["api_key"],
        websiteURL=task["page"],
        method="GeeTestTaskProxyless",
        gt="" if is_v4 else task["id"],
        version=task["version"],
        initParameters={"captcha_id": task["id"]} if is_v4 else None,
    )
    solver.params.url_request = f"{service['url']}/createTask"
    solver.params.url_response = f"{service['url']}/getTaskResult"
    answer: dict[str, Any] = solver.captcha_handler(challenge=task["challenge"])
    solved: dict[str, str] = answer["solution"]
    return solved


CLIENTS = {"capsolver": _cap_solver, "anticaptcha": _anti_captcha, "2captcha": _two_captcha}


if __name__ == "__main__":
    order = json.load(sys.stdin)
    solutions = [CLIENTS[task["service"]](order["services"][task["service"]], task) for task in order["tasks"]]
    json.dump(solutions, sys.stdout)

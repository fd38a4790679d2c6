"""Solve tasks with PyPI's ``unicaptcha``, unmodified. Runs in the environment that ``unicaptcha_client.py`` makes.

Reads a JSON object from standard input: ``services`` (name -> ``url``, ``api_key``), ``tasks`` (``service``, ``version``, ``id``,
``challenge``, ``page``) and ``poll_interval``. Writes the solutions as a JSON list to standard output.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

PREFIXES = {
    "capmonster": "CapMonster",
    "2captcha": "TwoCaptcha",
    "anticaptcha": "AntiCaptcha",
    "capsolver": "Capsolver",
}
FIELDS = {
    3: ("challenge", "validate", "seccode"),
    4: ("captcha_id", "lot_number", "pass_token", "gen_time", "captcha_output"),
}


def solve(order: dict[str, Any]) -> list[dict[str, str]]:
    """Solve one task after the other."""
    package = importlib.import_module("unicaptcha")
    solutions = []
    for wanted in order["tasks"]:
        prefix = PREFIXES[wanted["service"]]
        provider = importlib.import_module(f"unicaptcha.provider.{prefix.lower()}")
        service = order["services"][wanted["service"]]
        adapter = getattr(provider, f"{prefix}Adapter")(service["api_key"], base_url=service["url"])
        times = package.TimeConfig(poll_delay=0.5, poll_interval=order["poll_interval"], total_timeout=60.0)
        values = {
            "pageurl": wanted["page"],
            **(
                {"gt_key": wanted["id"], "challenge": wanted["challenge"]}
                if wanted["version"] == 3
                else {"captcha_id": wanted["id"]}
            ),
        }
        kind = getattr(provider, f"{prefix}GeeTestV{wanted['version']}Challenge")
        with package.Solver([adapter], time=times) as solver:
            solution = solver.solve(kind(**values)).solution
        solutions.append({name: getattr(solution, name) for name in FIELDS[wanted["version"]]})
    return solutions


if __name__ == "__main__":
    json.dump(solve(json.load(sys.stdin)), sys.stdout)

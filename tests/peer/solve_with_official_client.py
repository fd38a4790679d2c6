"""Solve tasks with CapMonster Cloud's own client, unmodified. Runs in the environment that ``official_client.py`` makes.

Reads a JSON object from standard input: ``service_url``, ``api_key`` and ``requests`` (keyword arguments of the client's
``GeetestRequest``, with ``proxy`` as those of its ``ProxyInfo``). Writes the solutions as a JSON list to standard output.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from typing import Any


async def solve(order: dict[str, Any]) -> list[Any]:
    """Solve one task after the other."""
    package = importlib.import_module("capmonstercloudclient")
    requests = importlib.import_module("capmonstercloudclient.requests")
    proxies = importlib.import_module("capmonstercloudclient.requests.proxy_info")
    options = package.ClientOptions(api_key=order["api_key"], service_url=order["service_url"])
    client = package.CapMonsterClient(options=options)
    solutions = []
    for wanted in order["requests"]:
        proxy = proxies.ProxyInfo(**wanted["proxy"]) if wanted.get("proxy") else None
        solutions.append(await client.solve_captcha(requests.GeetestRequest(**{**wanted, "proxy": proxy})))
    return solutions


if __name__ == "__main__":
    json.dump(asyncio.run(solve(json.load(sys.stdin))), sys.stdout)

"""The sandbox's world without a server, on a clock that the test moves."""

from __future__ import annotations

import itertools
from hashlib import md5
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field

from scrapy_geetest.sandbox import Options
from scrapy_geetest.sandbox.captchas import CAPTCHAS
from scrapy_geetest.sandbox.tasks import Refusal
from scrapy_geetest.sandbox.world import World

if TYPE_CHECKING:
    from scrapy_geetest.sandbox.service import Service

V3, V4 = CAPTCHAS["v3"], CAPTCHAS["v4-form"]
PROXY = {
    "proxyType": "socks5",
    "proxyAddress": "203.0.113.9",
    "proxyPort": 1080,
    "proxyLogin": "ann",
    "proxyPassword": "pw",
}


@define
class Desk:
    """A world whose time stands still until it is told to move."""

    now: float = 1000.0
    world: World = field(init=False)

    @classmethod
    def make(cls, **options: Any) -> Desk:
        desk = cls()

        async def unused(*_: Any) -> Any:
            """The service neither blocks nor posts."""

        made = Options.make({"solve_seconds": 10, **options})
        desk.world = World(made, "", unused, unused, itertools.count(1), lambda: desk.now, lambda: desk.now)
        return desk

    @property
    def service(self) -> Service:
        return self.world.service

    @property
    def key(self) -> dict[str, str]:
        return {"clientKey": self.world.options.api_key}

    def challenge(self) -> str:
        return md5((self.world.geetest.register(V3.id) + V3.key).encode()).hexdigest()

    def create(self, **task: Any) -> int:
        return int(self.service.create({**self.key, "task": {**v4_task(), **task}})["taskId"])

    def create_v3(self, challenge: str) -> int:
        return int(self.service.create({**self.key, "task": v3_task(challenge=challenge)})["taskId"])

    def ask(self, task_id: Any) -> dict[str, Any]:
        return self.service.result({**self.key, "taskId": task_id})

    def refused(self, task_id: Any) -> str:
        with pytest.raises(Refusal) as caught:
            self.ask(task_id)
        return caught.value.code

    @property
    def books(self) -> dict[str, Any]:
        return self.world.books.to_json()


def v3_task(**changes: Any) -> dict[str, Any]:
    task = {"type": "GeeTestTask", "websiteURL": "https://shop.example/", "gt": V3.id, "version": 3}
    return {**task, "challenge": "0" * 32, **changes}


def v4_task(**changes: Any) -> dict[str, Any]:
    return {"type": "GeeTestTask", "websiteURL": "https://shop.example/", "gt": V4.id, "version": 4, **changes}

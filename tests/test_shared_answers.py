"""Register answers gathered from public sources: each shape is read, or refused for the right reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scrapy_geetest._pages.register import RegisterError, parse_register
from scrapy_geetest.challenge import V3Challenge

FILE = Path(__file__).parents[2] / "shared" / "reference" / "register-responses.json"
BODIES: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))["bodies"] if FILE.is_file() else []
REFUSED = {
    "offline-34": "could not reach GeeTest",
    "offline-32-alnum": "could not reach GeeTest",
    "nested-mihoyo": "gt and challenge are empty",
    "jsonp-old-challenge": "old challenge",
}
EXTRA = {
    "nested-bilibili": {
        "type": "geetest",
        "token": "4e7a80b18bce4182b92dcf98e26991d0",
        "code": "0",
        "message": "OK",
        "ttl": "1",
    }
}

pytestmark = pytest.mark.skipif(not BODIES, reason="the gathered answers are not beside the project")


@pytest.mark.parametrize("entry", BODIES, ids=lambda entry: entry["id"])
def test_answer(entry: dict[str, Any]) -> None:
    """A challenge with the answer's own values, or a refusal that says why."""
    if words := REFUSED.get(entry["id"]):
        with pytest.raises(RegisterError, match=words):
            parse_register(entry["body"])
        return
    challenge = parse_register(entry["body"])
    assert isinstance(challenge, V3Challenge)
    assert f'"{challenge.gt}"' in entry["body"]
    assert f'"{challenge.challenge}"' in entry["body"]
    assert challenge.extra == EXTRA.get(entry["id"], {})

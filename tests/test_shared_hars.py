"""Recorded visits that are no part of the project: what is on record beside each is read from it.

Where they are missing, so is this test.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from har_replay import Replay, as_exchange, values_of

from scrapy_geetest.commands.inspect.har import load_har
from scrapy_geetest.commands.inspect.recording.report import read_visit

SHARED = Path(__file__).parents[2] / "shared" / "har"
HARS = sorted(SHARED.glob("*.har"))
WORDS = (
    "version",
    "gt",
    "captcha_id",
    "captcha_id_from",
    "challenge_url",
    "challenge_path",
    "mode",
    "submit",
    "field_names",
    "typed",
)

pytestmark = pytest.mark.skipif(not HARS, reason="the recorded visits are not beside the project")


@pytest.mark.parametrize("path", HARS, ids=lambda path: path.stem)
def test_visit(path: Path) -> None:
    """Word for word; of what was carried along, the places in the answers."""
    expected: dict[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    recording = load_har(path)
    assert recording is not None
    told = read_visit(recording).to_json()
    assert {key: told[key] for key in WORDS if key in expected} == {
        key: expected[key] for key in WORDS if key in expected
    }
    assert told["page"] == expected["page"]
    for kind in ("posted_back", "headers"):
        assert told[kind].keys() == expected[kind].keys()
        for name, origin in expected[kind].items():
            assert told[kind][name].startswith(origin.split(",")[0].split(" of the config answer")[0])


@pytest.mark.parametrize("path", HARS, ids=lambda path: path.stem)
async def test_the_recorded_request_is_made_again(path: Path, tmp_path: Path) -> None:
    """By the printed class and the printed spider, from the recorded answers."""
    recording = load_har(path)
    assert recording is not None
    replay = Replay.of(recording, tmp_path)
    recorded = replay.recorded.submission.exchange
    made = as_exchange(await replay.sent(), recorded.seconds)
    assert (made.method, made.url.partition("?")[0]) == (recorded.method, recorded.url.partition("?")[0])
    assert values_of(made) == values_of(recorded)

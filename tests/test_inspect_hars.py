"""HAR files, made up by hand, one of each kind: what inspect reads from them, and what it must not print."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from har_replay import Replay, as_exchange, values_of

from scrapy_geetest.commands.inspect.har import load_har
from scrapy_geetest.commands.inspect.recording.report import RecordedVisit, read_visit

pytestmark = pytest.mark.exhaustive

HARS = sorted((Path(__file__).parent / "hars").glob("*.har"))


def _read(path: Path) -> RecordedVisit:
    recording = load_har(path)
    assert recording is not None
    return read_visit(recording)


@pytest.mark.parametrize(
    "path", [path for path in HARS if path.with_suffix(".json").exists()], ids=lambda path: path.stem
)
def test_what_is_read(path: Path) -> None:
    """Everything in the file beside it, and nothing else under those names."""
    expected: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
    told = _read(path).to_json()
    assert {key: told[key] for key in expected} == expected
    for code in (told["declaration"], told["spider"]):
        ast.parse(code)
        assert max(map(len, code.splitlines())) <= 140


def _secrets(path: Path) -> set[str]:
    """Values of cookies, of what was typed, of solutions and tokens in a log, as far as they can be told from words."""
    recording = load_har(path)
    assert recording is not None
    site = read_visit(recording).site
    assert site is not None
    found = {value for one in recording.exchanges for _, value in (*one.cookies, *one.set_cookies)}
    found |= {part.field.text for part in site.parts.all if part.role in {"typed", "carried", "hidden"}}
    found |= site.submission.values() - {site.source.id}
    found |= {carried.value for carried in site.session.carried}
    return {value for value in found if len(value) > 4 and value not in site.page_url}


@pytest.mark.parametrize("path", HARS, ids=lambda path: path.stem)
def test_no_secret_is_printed(path: Path) -> None:
    """Neither in the text nor in the JSON."""
    secrets = _secrets(path)
    assert secrets
    visit = _read(path)
    printed = visit.to_text() + json.dumps(visit.to_json())
    assert [value for value in sorted(secrets) if value in printed] == []


@pytest.mark.parametrize("path", HARS, ids=lambda path: path.stem)
def test_all_that_is_told_is_in_the_text_too(path: Path) -> None:
    """Addresses, ids, names of fields, origins, the rules: whatever the JSON has."""
    told, text = _read(path).to_json(), _read(path).to_text()
    wanted = [told["page"], told.get("gt") or told["captcha_id"], told["mode"], told["submit"]["answered"]]
    wanted += [name for name in told["field_names"].values() if name]
    wanted += [f"{name}: {told[kind][name]}" for kind in ("posted_back", "headers") for name in told[kind]]
    wanted += [*told["typed"], *told["verified_fields"], *told["verified_fields"].values(), told["submit"]["url"]]
    wanted += [selector for kind in ("accepted", "refused") for selector in told[kind].values()]
    wanted += [value for key in ("challenge_url", "challenge_path", "risk_type", "api_server") if (value := told[key])]
    assert [one for one in wanted if one not in text] == []
    assert len(text.splitlines()) < 110


UNKNOWN = {"v4-json-camel": {("headers", "", "authorization")}, "two-step-cookie": {("form", "", "referer")}}
"""What a log does not explain, and what is therefore left for a person to fill in."""


@pytest.mark.parametrize("path", HARS, ids=lambda path: path.stem)
async def test_the_recorded_request_is_made_again(path: Path, tmp_path: Path) -> None:
    """By the printed class and the printed spider, from the recorded answers: method, address, every value."""
    recording = load_har(path)
    assert recording is not None
    replay = Replay.of(recording, tmp_path)
    recorded = replay.recorded.submission.exchange
    made = as_exchange(await replay.sent(), recorded.seconds)
    assert (made.method, made.url.partition("?")[0]) == (recorded.method, recorded.url.partition("?")[0])
    found, expected = values_of(made), values_of(recorded)
    assert found.keys() == expected.keys()
    assert {key for key in expected if found[key] != expected[key]} == UNKNOWN.get(path.stem, set())

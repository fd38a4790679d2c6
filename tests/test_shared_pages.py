"""Pages saved from public repositories: every widget is found, nothing else is, and what was read is on record.

The pages are no part of the project; where they are missing, so is this test. The records in ``golden`` were compared
with the pages by hand.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import asdict

from scrapy_geetest._pages.widget import find_widgets, register_hints

SHARED = Path(__file__).parents[2] / "shared"
GOLDEN = json.loads((Path(__file__).parent / "golden" / "shared-pages.json").read_text(encoding="utf-8"))
MANIFEST: list[dict[str, Any]] = (
    json.loads((SHARED / "pages" / "manifest.json").read_text(encoding="utf-8")) if (SHARED / "pages").is_dir() else []
)
BASE = "https://site.test/page/"

pytestmark = pytest.mark.skipif(not MANIFEST, reason="the saved pages are not beside the project")


def read(page: bytes) -> dict[str, Any]:
    """What is read from a page, as its record has it: what is unknown is left out."""
    widgets = [
        {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(widget).items()
            if value not in (None, ())
        }
        for widget in find_widgets(page)
    ]
    return {"widgets": widgets, "register_hints": list(register_hints(page, BASE))}


def test_every_page_has_its_record() -> None:
    """One record for each page with a widget, none for the others."""
    assert sorted(GOLDEN) == sorted(entry["file"] for entry in MANIFEST if entry["widget"])


@pytest.mark.parametrize("entry", MANIFEST, ids=lambda entry: entry["file"].rpartition("/")[2][:60])
def test_page(entry: dict[str, Any]) -> None:
    """Found with its version and its id where it is literal, or not found where there is none."""
    page = (SHARED / "pages" / entry["file"]).read_bytes()
    found = read(page)
    if not entry["widget"]:
        assert found["widgets"] == []
        return
    assert {str(widget["version"]) for widget in found["widgets"]} == {entry["version"]}
    assert {widget.get("captcha_id") for widget in found["widgets"]} == {entry["captcha_id"]}
    assert found == GOLDEN[entry["file"]]
    if entry["register_url"]:
        path = entry["register_url"].split(" ")[0].replace("{ms}", "{timestamp}").lstrip("./")
        assert any(hint.endswith(path) for hint in found["register_hints"])

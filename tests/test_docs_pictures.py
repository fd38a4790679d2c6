"""The pictures of the documentation are those that its command draws, and each of them is shown."""

from __future__ import annotations

import runpy
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCS = Path(__file__).parents[1] / "docs"
DRAWN: Mapping[str, str] = runpy.run_path(str(DOCS / "pictures.py"))["PICTURES"]
SCREENSHOTS = ("report.png", *(f"browser-{moment}.png" for moment in ("before", "waiting", "after")))
PAGES = "".join(page.read_text(encoding="utf-8") for page in sorted(DOCS.rglob("*.rst")))


def test_every_picture_is_there() -> None:
    """As it is drawn; others are screenshots."""
    others = {"phone.css", "visit.har"}
    assert {path.name for path in (DOCS / "_static").iterdir()} == {*DRAWN, *SCREENSHOTS, *others}
    for name, drawing in DRAWN.items():
        assert (DOCS / "_static" / name).read_text(encoding="utf-8") == drawing, "run python docs/pictures.py"


@pytest.mark.parametrize("name", [*DRAWN, *SCREENSHOTS])
def test_every_picture_is_shown_with_words_for_it(name: str) -> None:
    """For those who do not see it."""
    assert PAGES.count(f"_static/{name}\n    :alt: ") == 1


@pytest.mark.parametrize("name", DRAWN)
def test_every_word_is_inside_its_picture(name: str) -> None:
    """Also where the font is wide."""
    drawing = ET.fromstring(DRAWN[name])
    width = float(drawing.attrib["width"])
    for text in drawing.iter("{http://www.w3.org/2000/svg}text"):
        letter = (
            7.9 if text.get("class", "") in {"", "mid", "head"} else 7.6 if "code" in text.get("class", "") else 7.0
        )
        reach = len(text.text or "") * letter / (2 if "mid" in text.get("class", "") else 1)
        assert float(text.attrib["x"]) + reach <= width, text.text

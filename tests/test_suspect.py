"""Pages whose widget, if there is one, is made by a linked script: suspects, never widgets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scrapy_geetest._pages.suspect import find_suspect
from scrapy_geetest._pages.widget import find_widgets

SHARED = Path(__file__).parents[2] / "shared" / "pages"
OWN = '<script src="/js/%s"></script><script src="/js/login.js"></script>'


@pytest.mark.parametrize(
    "page",
    [
        '<div id="captcha"></div>' + OWN % "gt.js",
        "<p>Pass the captcha</p>" + OWN % "gt.min.js?v=3",
        '<img alt="Captcha">' + OWN % "gt.0.4.9.js",
        OWN % "gt4.js",
        OWN % "gt4-3f2a9c11.js".replace("-", "."),
    ],
)
def test_suspects(page: str) -> None:
    """An own loader on a page that speaks of a captcha, or v4's, whose name hardly anything else has."""
    assert find_widgets(page) == ()
    assert "may be GeeTest's loader" in str(find_suspect(page.encode()))


@pytest.mark.parametrize(
    "page",
    [
        "<p>A car dealer: Audi GT</p>" + OWN % "gt.js",
        '<div id="captcha"></div>' + OWN % "captcha.js",
        '<div id="captcha"></div><!-- ' + OWN % "gt.js" + " -->",
        '<div id="captcha"></div><a href="/js/gt.js">captcha</a>' + OWN % "x.js",
        '<script src="gt4.js"></script>',
        OWN % "agt4.js",
        "",
    ],
)
def test_no_suspects(page: str) -> None:
    """Cars, comments, links, other captchas, and a loader that nothing could call."""
    assert find_suspect(page.encode()) is None


@pytest.mark.skipif(not SHARED.is_dir(), reason="the saved pages are not beside the project")
def test_saved_pages() -> None:
    """All whose widget is made by a linked script, none of those without a widget."""
    for name in ("manifest.json", "manifest-2.json"):
        for entry in json.loads((SHARED / name).read_text(encoding="utf-8")):
            body = (SHARED / entry["file"]).read_bytes()
            if not entry["widget"] and not entry["file"].endswith(".js"):  # scripts are no pages
                assert find_suspect(body) is None, entry["file"]
            if "linked-init" in entry.get("kinds", ()):
                assert find_suspect(body), entry["file"]
                assert find_widgets(body) == ()

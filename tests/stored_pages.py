"""The stored pages of the tests, and small ones around a script."""

from __future__ import annotations

from pathlib import Path

from scrapy_geetest._pages.widget import Widget, find_widgets

PAGES = Path(__file__).parent / "pages"
ID = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
OTHER_ID = "f0e1d2c3b4a5968778695a4b3c2d1e0f"
CHALLENGE = "5e9f3c1d7a2b4e6f8091a2b3c4d5e6f7"
GEETEST = "https://static.geetest.com"


def script(code: str, attributes: str = "") -> str:
    return f"<html><body><p>Welcome</p><script{attributes}>{code}</script></body></html>"


def the_widget(page: str | bytes) -> Widget:
    widgets = find_widgets(page)
    assert len(widgets) == 1, widgets
    return widgets[0]

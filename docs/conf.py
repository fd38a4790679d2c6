"""Sphinx configuration: ``sphinx-build -n -W --keep-going docs docs/_build/html`` in the root of the checkout."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_VERSION = Path(__file__).parents[1] / "scrapy_geetest" / "_version.py"

project = "scrapy-geetest"
author = "scrapy-geetest developers"
copyright = author  # noqa: A001  # Sphinx's name
release = re.findall(r'"(.+?)"', _VERSION.read_text(encoding="utf-8"))[-1]
version = release

extensions: list[str] = []
exclude_patterns = ["_build"]
nitpicky = True
highlight_language = "python"

html_theme = "furo"
html_title = f"scrapy-geetest {release}"
html_show_sphinx = False
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["phone.css"]


def setup(app: Sphinx) -> None:
    """Kinds of things that the reference describes and other pages link to."""
    app.add_object_type("stat", "stat", "pair: %s; statistic")
    app.add_object_type("meta-key", "meta-key", "pair: %s; meta key")
    app.add_object_type("sandbox-option", "sandbox-option", "pair: %s; sandbox option")

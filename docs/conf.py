"""Sphinx configuration: ``sphinx-build -n -W --keep-going docs docs/_build/html`` in the root of the checkout."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))

from settings_overview import table  # beside this file

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


class SettingsTable(SphinxDirective):
    """``.. settings-table::``: every setting of this page with its default and its first sentence."""

    def run(self) -> list[nodes.Node]:
        """Write the table from the descriptions below it."""
        page = Path(self.env.doc2path(self.env.docname)).read_text(encoding="utf-8")
        return self.parse_text_to_nodes(StringList(table(page), source=self.env.docname))


def setup(app: Sphinx) -> None:
    """Kinds of things that the reference describes and other pages link to."""
    app.add_directive("settings-table", SettingsTable)
    app.add_object_type("stat", "stat", "pair: %s; statistic")
    app.add_object_type("meta-key", "meta-key", "pair: %s; meta key")
    app.add_object_type("sandbox-option", "sandbox-option", "pair: %s; sandbox option")

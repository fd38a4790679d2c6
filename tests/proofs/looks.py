"""How the report and the documentation look in a browser, and whether everybody can read them.

Usage: ``python tests/proofs/looks.py FOLDER [--docs HTML] [--axe axe.min.js] [--picture]``: screenshots of a report that is full, of one that
is empty and of a crawl that went wrong, each light, dark and 400 pixels wide; of seven pages of the documentation that ``sphinx-build``
made in HTML; and with ``--picture`` the picture of the report in ``docs/_static``. With axe-core (npm) every page is checked. It exits
with 1 if axe finds a violation, if a page is wider than the window, if a report asks the network for anything, or if one with 20,000
attempts takes 2 s to open.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import report_examples as examples
from attrs import define, field, frozen
from har_recorder import ARGUMENTS, CHROMIUM
from playwright.sync_api import sync_playwright

from scrapy_geetest._report.page import page_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import Browser, Page

DOCS = ("index", "attempt", "browser-tutorial", "report", "recipes/network-tab", "recipes/gates", "reference/settings")
PICTURE = Path(__file__).parents[2] / "docs" / "_static" / "report.png"
ATTEMPTS, SECONDS = 20_000, 2.0
WIDE, NARROW, HIGH = 1_100, 400, 900
_EVERYTHING = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']"
# The rest of the documentation's pages is its theme's.
_HEADINGS_AND_CONTRAST = (
    "{type: 'rule', values: ['color-contrast', 'heading-order', 'empty-heading', 'page-has-heading-one']}"
)
_PATIENCE = 120_000  # milliseconds, on a loaded machine
_OPEN = "document.querySelectorAll('details').forEach(one => { one.open = true })"


@frozen
class View:
    """How a page is looked at."""

    name: str
    width: int
    scheme: Any


VIEWS = (View("light", WIDE, "light"), View("dark", WIDE, "dark"), View("narrow", NARROW, "light"))


@define
class Looks:
    """Looks at pages, one after the other."""

    browser: Browser
    folder: Path
    axe: str
    problems: list[str] = field(factory=list)

    def look(self, name: str, url: str, view: View, *, is_report: bool) -> None:
        """Take a picture, and check what can be checked."""
        context = self.browser.new_context(
            viewport={"width": view.width, "height": HIGH}, color_scheme=view.scheme, reduced_motion="reduce"
        )
        context.set_default_timeout(_PATIENCE)
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        page.screenshot(path=str(self.folder / f"{name}-{view.name}.png"), full_page=True)
        if len(asked) > 1 and is_report:
            self.problems.append(f"{name}: asks for {asked[1:]}")
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            self.problems.append(f"{name}, {view.name}: wider than the window")
        if is_report:
            page.evaluate(_OPEN)
        if self.axe:
            rules = _EVERYTHING if is_report else _HEADINGS_AND_CONTRAST
            self.problems += [f"{name}, {view.name}: {told}" for told in self._violations(page, rules)]
        context.close()

    def open(self, path: Path) -> float:
        """Seconds until a page is laid out."""
        page = self.browser.new_page(viewport={"width": WIDE, "height": HIGH})
        began = time.monotonic()
        page.goto(path.as_uri())
        page.evaluate("document.body.getBoundingClientRect().height")
        seconds = time.monotonic() - began
        page.close()
        return seconds

    def picture(self, url: str) -> None:
        """The top of a report, for the documentation."""
        page = self.browser.new_page(
            viewport={"width": 900, "height": 655}, color_scheme="light", device_scale_factor=1
        )
        page.goto(url)
        page.screenshot(path=str(PICTURE))
        page.close()

    def _violations(self, page: Page, rules: str) -> Iterator[str]:
        page.evaluate(self.axe)
        for found in page.evaluate(f"axe.run(document, {{runOnly: {rules}}})")["violations"]:
            where = "; ".join(" ".join(node["target"]) for node in found["nodes"][:3])
            yield f"{found['id']}: {found['help']} ({len(found['nodes'])}: {where})"


def _reports(folder: Path) -> Mapping[str, Path]:
    made = {"full": examples.full(), "empty": examples.empty(), "bad": examples.bad()}
    paths = {}
    for name, history in made.items():
        paths[name] = folder / f"report-{name}.html"
        paths[name].write_text(page_of(history, examples.START + 2_000), encoding="utf-8")
    return paths


def main() -> int:
    """Look at everything."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--docs", type=Path, help="where sphinx-build has put the HTML")
    parser.add_argument("--axe", type=Path, help="axe.min.js of the npm package axe-core")
    parser.add_argument("--picture", action="store_true", help=f"write {PICTURE.name} of the documentation anew")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        axe = arguments.axe.read_text(encoding="utf-8") if arguments.axe else ""
        looks = Looks(browser, arguments.folder, axe)
        reports = _reports(arguments.folder)
        for name, path in reports.items():
            for view in VIEWS:
                looks.look(f"report-{name}", path.absolute().as_uri(), view, is_report=True)
        for name in DOCS if arguments.docs else ():
            for view in VIEWS:
                url = (arguments.docs / f"{name}.html").absolute().as_uri()
                looks.look(f"docs-{name.replace('/', '-')}", url, view, is_report=False)
        if arguments.picture:
            looks.picture(reports["full"].absolute().as_uri())
        long = arguments.folder / "report-long.html"
        long.write_text(page_of(examples.many(ATTEMPTS), examples.START + 86_400), encoding="utf-8")
        seconds = looks.open(long.absolute())
        browser.close()
    print(f"{ATTEMPTS} attempts: {long.stat().st_size} bytes, open after {seconds:.2f} s")
    if seconds > SECONDS:
        looks.problems.append(f"a report with {ATTEMPTS} attempts takes {seconds:.1f} s to open")
    for problem in looks.problems:
        print(problem)
    return int(bool(looks.problems))


if __name__ == "__main__":
    sys.exit(main())

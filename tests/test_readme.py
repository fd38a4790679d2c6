"""The README tells the truth: what it shows of commands is what they print, and what it offers to make can be made."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = ROOT.parent / "shared" / "pages"
# The README shortens the names of the saved pages.
SAVED = {
    "click.html": "with-widget/GeeTeam__gt3-node-sdk__demo__static__click.html",
    "slide-popup.html": "with-widget/geetestweb__gt4-public-client-demo__slide-popup.html",
    "api-doc.html": "without-widget/Pimeng__cloudblack_FE__API_DOC.md.html",
}
SHOWN = re.findall(r"```console\n\$ scrapy (geetest inspect (\S+\.html) \S+ \S+)\n(.*?)```", README, re.DOTALL)


def test_three_pages_are_shown() -> None:
    """The pattern of this test still finds what the README shows."""
    assert [name for _, name, _ in SHOWN] == list(SAVED)


@pytest.mark.parametrize(("command", "name", "output"), SHOWN, ids=list(SAVED))
def test_inspect_prints_what_is_shown(command: str, name: str, output: str, tmp_path: Path) -> None:
    """Word for word, on the saved page."""
    if not PAGES.exists():
        pytest.skip("the saved pages are not beside this checkout")
    shutil.copy(PAGES / SAVED[name], tmp_path / name)
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", *command.split()], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == output.strip()
    assert done.returncode == (0 if "Challenge page: yes" in output else 1)


def test_what_can_be_made_can_be_made() -> None:
    """Every ``make`` target that the README names is in the Makefile."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"make ([a-z]+)", README))
    assert targets >= {"demo", "test", "bench"}
    for target in targets:
        assert f"\n{target}:" in makefile


def test_links_lead_somewhere() -> None:
    """Every page of the documentation that the README links to is there; PyPI, too, shows it, and knows no relative links."""
    assert re.findall(r"\]\((?!http)", README) == []
    home = re.search(r"^url = (\S+)$", (ROOT / "setup.cfg").read_text(), re.MULTILINE)
    assert home is not None
    pages = re.findall(rf"\]\({re.escape(home[1])}en/latest/([^)#]+)\.html\)", README)
    assert len(pages) > 5
    for page in pages:
        assert (ROOT / "docs" / f"{page}.rst").exists(), page

"""Builds sdist and wheel twice, checks that they are the same and clean, and uses the wheel in an empty environment.

There the test that docs/testing.rst begins with runs word for word, beside pytest-asyncio, pytest-twisted and pytest-xdist.

Usage: ``python tests/proofs/package.py [FOLDER]`` (needs ``build`` and ``twine``, and a package index); with a folder,
what was built and checked is put there.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from docs_blocks import DOCS, blocks  # noqa: E402  # found through the line above

EPOCH = "1767225600"  # of all files in the packages; any moment does, as long as it is the same
SMOKE = """
import importlib.metadata, scrapy_geetest
from scrapy_geetest import *
from urllib.request import urlopen
from scrapy_geetest._browser.standin import make_script
from scrapy_geetest.sandbox import Sandbox
assert "initGeetest4" in make_script("ask")
with Sandbox(solve_seconds=0.1) as sandbox:
    assert b"captcha.verify" in urlopen(sandbox.url + "/browser/bind").read()
    assert sandbox.books()["created"]["total"] == 0
print(importlib.metadata.version("scrapy-geetest"), scrapy_geetest.__version__)
"""


TEST_PACKAGES = ("pytest", "pytest-asyncio", "pytest-twisted", "pytest-xdist")
ASYNC_TESTS = """
import asyncio
import pytest
import pytest_twisted
from scrapy_geetest.pytest_plugin import solved
from test_search import Search, SearchSite
from twisted.internet.threads import deferToThread

@pytest.mark.asyncio
async def test_asyncio(geetest_crawl):
    assert solved(geetest_crawl(Search, sites=[SearchSite]), tasks=1)
    assert solved(await asyncio.to_thread(geetest_crawl, Search, sites=[SearchSite]), tasks=1)

@pytest_twisted.inlineCallbacks
def test_twisted(geetest_crawl):
    assert solved(geetest_crawl(Search, sites=[SearchSite]), tasks=1)
    crawl = yield deferToThread(geetest_crawl, Search, sites=[SearchSite])
    assert solved(crawl, tasks=1)
"""


def try_tests(python: str, folder: Path) -> None:
    """Run the test of the documentation, and asynchronous ones, as somebody who has only installed the package."""
    install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *TEST_PACKAGES]
    subprocess.run(install, check=True)
    folder.mkdir()
    [test] = [block.text for block in blocks(DOCS / "testing.rst") if block.caption == "tests/test_search.py"]
    (folder / "test_search.py").write_text(test)
    subprocess.run([python, "-m", "pytest", "-q"], cwd=folder, check=True)
    (folder / "test_async.py").write_text(ASYNC_TESTS)
    subprocess.run([python, "-m", "pytest", "-q", "-n", "2"], cwd=folder, check=True)


def build(target: Path) -> dict[str, str]:
    """Build both into *target*; returns file name -> SHA-256."""
    environ = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        files = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
        for name in files:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
            os.utime(source / name, (int(EPOCH), int(EPOCH)))
            (source / name).chmod(0o644)
        command = [sys.executable, "-m", "build", "--outdir", str(target), str(source)]
        subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL)
    for sdist in target.glob("*.tar.gz"):
        level(sdist)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(target.iterdir())}


def level(sdist: Path) -> None:
    """Pack an sdist again with nothing in it of when and by whom it was built: setuptools writes the present moment."""
    with tarfile.open(sdist) as archive:
        members = [(member, archive.extractfile(member)) for member in archive.getmembers()]
        contents = [(member, file.read() if file is not None else b"") for member, file in members]
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member, content in sorted(contents, key=lambda item: item[0].name):
            member.mtime, member.uid, member.gid, member.uname, member.gname = int(EPOCH), 0, 0, "", ""
            member.pax_headers = {}
            archive.addfile(member, io.BytesIO(content))
    sdist.write_bytes(gzip.compress(packed.getvalue(), mtime=int(EPOCH)))


def main() -> int:
    """Run all checks; the first that fails ends it."""
    with tempfile.TemporaryDirectory() as folder:
        first, second, empty = Path(folder, "1"), Path(folder, "2"), Path(folder, "empty")
        hashes, again = build(first), build(second)
        for name, digest in hashes.items():
            print(f"{name}: {'the same twice' if again[name] == digest else 'DIFFERS'} {digest[:16]}")
        [wheel] = first.glob("*.whl")
        subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *map(str, first.iterdir())], check=True)
        names = zipfile.ZipFile(wheel).namelist()
        strangers = [name for name in names if not name.startswith(("scrapy_geetest/", "scrapy_geetest-"))]
        print(
            f"{wheel.name}: {len(names)} files, {len(strangers)} outside the package, py.typed {'scrapy_geetest/py.typed' in names}"
        )
        venv.create(empty, with_pip=True)
        python = str(empty / "bin" / "python")
        subprocess.run(
            [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", f"{wheel}[sandbox]"], check=True
        )
        subprocess.run([python, "-c", SMOKE], cwd=folder, check=True)
        subprocess.run([python, "-m", "scrapy", "geetest", "-h"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        try_tests(python, Path(folder, "tests"))
        if sys.argv[1:]:
            shutil.copytree(first, sys.argv[1], dirs_exist_ok=True)
    return 1 if strangers or hashes != again or "scrapy_geetest/py.typed" not in names else 0


if __name__ == "__main__":
    sys.exit(main())

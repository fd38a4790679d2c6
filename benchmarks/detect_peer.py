"""The detector of another package, which is installed for the benchmark only, in a folder and a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAME = "unicaptcha"
REQUIREMENT = f"{NAME} == 0.2.0"
_ROUNDS = 3
_ID = re.compile(r"[0-9A-Za-z_-]{16,64}")
_LONGEST = 300.0  # seconds for its installation, and for its rounds
_ROOT = Path(__file__).resolve().parents[1]


@frozen
class Peer:
    """What the other detector did.

    Attributes:
        times: Microseconds a page, by group.
        found: In how many pages of a group it found a GeeTest widget.
        expressions: How many ids it took there that are no ids.
        words: What was measured, or why nothing was.
    """

    times: Mapping[str, float] = {}
    found: Mapping[str, int] = {}
    expressions: Mapping[str, int] = {}
    words: str = ""


def looks_like_id(text: str) -> bool:
    """Whether *text* can be a GeeTest id, rather than an expression of a script."""
    return bool(_ID.fullmatch(text))


def look(groups: Mapping[str, Sequence[bytes]]) -> Peer:
    """Install the other detector, and have it look at the pages of all groups."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            _install(Path(folder) / "packages")
            found = _run(Path(folder), groups)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            return Peer(words=f"`{NAME}` could not be measured: {_reason(error)}.")
    words = f"`{REQUIREMENT}` was given the decoded text; it looks for the CAPTCHAs of other vendors, too."
    return Peer(words=words, **found)


def _install(folder: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--target",
        str(folder),
    ]
    subprocess.run([*command, REQUIREMENT], check=True, capture_output=True, text=True, timeout=_LONGEST)


def _run(folder: Path, groups: Mapping[str, Sequence[bytes]]) -> dict[str, Any]:
    texts = {name: [page.decode("utf-8", "replace") for page in pages] for name, pages in groups.items()}
    (folder / "pages.json").write_text(json.dumps(texts), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.detect_peer", str(folder / "pages.json")],
        check=True,
        capture_output=True,
        text=True,
        timeout=_LONGEST,
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(folder / "packages")},
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _reason(error: Exception) -> str:
    lines = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
    return lines[-1][:200].rstrip(".") if lines else type(error).__name__


def main(pages: str) -> None:
    """Measure in this process, and print what was found as JSON."""
    detect = import_module(f"{NAME}.detect").detect
    groups: dict[str, list[str]] = json.loads(Path(pages).read_text(encoding="utf-8"))
    told: dict[str, dict[str, float]] = {"times": {}, "found": {}, "expressions": {}}
    for name, texts in groups.items():
        best = float("inf")
        for _ in range(_ROUNDS):
            began = process_time()
            found = [detect(text, "https://example.com/") for text in texts]
            best = min(best, process_time() - began)
        told["times"][name] = best / len(texts) * 1e6
        ids = [[_id(one.challenge) for one in page if one.kind.startswith("geetest")] for page in found]
        told["found"][name] = sum(map(bool, ids))
        told["expressions"][name] = sum(not looks_like_id(one) for page in ids for one in page)
    sys.stdout.write(json.dumps(told))


def _id(challenge: Any) -> str:
    return str(getattr(challenge, "captcha_id", None) or getattr(challenge, "gt_key", ""))


if __name__ == "__main__":
    main(*sys.argv[1:])

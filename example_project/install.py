"""Installs what the demonstration needs, and names each package as it comes: pip is either silent or talks a lot.

Usage: python install.py REQUIREMENT
"""

from __future__ import annotations

import re
import subprocess
import sys

WIDTH = 100
_COLLECTING = re.compile(r"Collecting ([\w.-]+)")


def main() -> int:
    """Install the packages into the environment of this interpreter.

    Returns:
        pip's exit code.
    """
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"]
    said: list[str] = []
    column = 0
    with subprocess.Popen(
        [*command, "--editable", sys.argv[1]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        for line in pip.stdout or ():
            said.append(line)
            if found := _COLLECTING.match(line):
                column = _show(f" {found[1]}", column)
            elif line.startswith("Installing collected"):
                _show("\n unpacking them …\n", 0)
    if pip.returncode:
        print("\n" + "".join(said[-20:]))
    return pip.returncode


def _show(words: str, column: int) -> int:
    start = "\n" if column + len(words) > WIDTH else ""
    print(start + words, end="", flush=True)
    return len(words) if start else column + len(words)


if __name__ == "__main__":
    sys.exit(main())

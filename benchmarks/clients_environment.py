"""The environments of the compared clients: made once, kept under ``.cache``."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

from attrs import frozen

CACHE = Path(__file__).resolve().parents[1] / ".cache" / "clients"


@frozen
class Client:
    """One of the compared clients.

    Attributes:
        name: Of its module (``benchmarks.clients_…``), and of its tasks' websites.
        column: What it is called in the table.
        without_dependencies: What is installed as it is.
        requirements: What is installed with all that it needs.
        floor: Seconds that the service may ask for between two polls without losing its solutions.
    """

    name: str
    column: str
    without_dependencies: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    floor: float = 2.0

    def python(self) -> str:
        """The interpreter to run it with; its environment is made if there is none yet.

        Raises:
            RuntimeError: It could not be made: the first time, it takes a package index.
        """
        wanted = self.without_dependencies + self.requirements
        if not wanted:
            return sys.executable
        told = " ".join((sys.version, *wanted))
        place = CACHE / f"{self.name}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
        complete, python = place / "complete", place / "bin" / "python"
        if not complete.exists():
            sys.stderr.write(f"  installing {' '.join(wanted)} …\n")
            venv.EnvBuilder(with_pip=True, clear=True).create(place)
            self._install(python, "--no-deps", *self.without_dependencies)
            self._install(python, *self.requirements)
            complete.touch()
        return str(python)

    def _install(self, python: Path, *what: str) -> None:
        command = [str(python), "-m", "pip", "install", "-qq", "--no-warn-conflicts", *what]
        if not [word for word in what if not word.startswith("-")]:
            return
        if subprocess.run(command, check=False).returncode:
            raise RuntimeError(
                f"{' '.join(what)} could not be installed for {self.column}; pip's messages are on stderr"
            )


PLUGIN = Client("plugin", "plugin")
OFFICIAL = Client(
    "official",
    "capmonstercloudclient",
    # It pins each of its dependencies to one version.
    without_dependencies=("capmonstercloudclient==4.3.1",),
    requirements=("aiohttp", "pydantic"),
    floor=0.0,
)
POLLER = Client("poller", "aiohttp", requirements=("aiohttp",))
CLIENTS = (PLUGIN, OFFICIAL, POLLER)

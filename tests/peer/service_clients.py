"""Proof from outside: the services' own clients, unmodified, solve v3 and v4 at the sandbox's services.

``python tests/peer/service_clients.py`` makes a temporary environment with PyPI's ``capsolver`` 1.0.7 (pointed at the sandbox by
``CAPSOLVER_API_BASE``), ``anticaptchaofficial`` 1.0.72 and ``python-rucaptcha`` 6.8.2, has each solve tasks at the sandbox's
service, checks the solutions at GeeTest's validate, and compares the task JSON that it sent with that of this package's
adapter, field by field. Exit status 1: a solution was refused, or a difference is unexplained.

``--environment DIRECTORY`` keeps the environment there for the next run. ``capsolver`` and ``anticaptchaofficial`` poll every
second, so that the sandbox's floor is lower for them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from unicaptcha_client import make_environment, run

CLIENTS = ("capsolver==1.0.7", "anticaptchaofficial==1.0.72", "python-rucaptcha==6.8.2")
NAMES = ("capsolver", "anticaptcha", "2captcha")
_UNSET = "theirs sends it unset: it has no way to leave it out, and the service takes that"
_IN_PARAMETERS = "theirs asks for it whatever the version; the id is in initParameters"
EXPLAINED = {
    ("anticaptcha", "geetestApiServerSubdomain"): _UNSET,
    ("anticaptcha", "geetestGetLib"): _UNSET,
    ("anticaptcha", "challenge"): _UNSET,
    ("anticaptcha", "initParameters"): _UNSET,
    ("2captcha", "initParameters"): _UNSET,
    ("2captcha", "challenge"): _UNSET,
    ("2captcha", "gt"): _IN_PARAMETERS,
    ("2captcha", "version"): "ours leaves it out for v3, where it is not documented; the service takes both",
}
POLLED_EVERY_SECOND = {"poll_floor": 0.9}


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--environment", type=Path, help="keep the clients' environment in this directory")
    arguments = parser.parse_args()
    options = dict.fromkeys(("capsolver", "anticaptcha"), POLLED_EVERY_SECOND)
    with tempfile.TemporaryDirectory(prefix="service-clients-") as temporary:
        python = make_environment(arguments.environment or Path(temporary), *CLIENTS)
        return (
            1
            if run(python, "solve_with_service_clients.py", NAMES, EXPLAINED, solve_seconds=1.0, services=options)
            else 0
        )


if __name__ == "__main__":
    sys.exit(main())

"""Hands spiders, sites and settings from a test to the process of its crawl, and what became of them back."""

from __future__ import annotations

import importlib.util
import io
import pickle
import sys
from typing import IO, TYPE_CHECKING, Any

from attrs import define, field

if TYPE_CHECKING:
    from pathlib import Path

_BUILT_IN = "builtins"


@define
class _Files:
    """The modules that a pickle names, with their files."""

    known: dict[str, str] = field(factory=dict)

    def note(self, value: Any) -> None:
        name = getattr(value, "__module__", None) or _BUILT_IN
        path = getattr(sys.modules.get(name), "__file__", None)
        if path:
            self.known[name] = path


class _Pickler(pickle.Pickler):
    """Notes where classes and functions come from: a module of tests need not be importable by its name elsewhere."""

    def __init__(self, file: IO[bytes], files: _Files) -> None:
        super().__init__(file)
        self._files = files

    def reducer_override(self, value: Any) -> Any:
        """Change nothing."""
        self._files.note(value if isinstance(value, type) or callable(value) else type(value))
        return NotImplemented


def pack(path: Path, job: Any) -> None:
    """Write a job to a file.

    Raises:
        ValueError: A part of it cannot be handed to another process.
    """
    files, body = _Files(), io.BytesIO()
    try:
        _Pickler(body, files).dump(job)
    except (AttributeError, TypeError, pickle.PicklingError) as error:
        raise ValueError(
            "geetest_crawl runs in another process, to which only spiders and sites at the top of a module and plain values can be "
            f"handed: {error}"
        ) from error
    with path.open("wb") as file:
        pickle.dump({"path": sys.path, "files": files.known}, file)
        file.write(body.getvalue())


def unpack(path: Path) -> Any:
    """Read a job, in its process."""
    with path.open("rb") as file:
        surroundings = pickle.load(file)  # noqa: S301  # written by the test that started this process
        sys.path[:] = surroundings["path"]
        for name, origin in surroundings["files"].items():
            _import(name, origin)
        return pickle.load(file)  # noqa: S301  # as above


def _import(name: str, origin: str) -> None:
    """Have the module *name* of the file *origin*, whether it can be found by its name or not."""
    if name in sys.modules or _found_at(name) == origin:
        return
    spec = importlib.util.spec_from_file_location(name, origin)
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


def _found_at(name: str) -> str | None:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    return spec.origin if spec else None

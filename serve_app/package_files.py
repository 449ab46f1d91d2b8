"""Files that ship inside a package, found wherever the package is installed."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

PREFIX = "package:"


def package_file(name: str) -> Path:
    """The path of `profiles/golden/starter.jsonl`: a package, then a file or folder in it.

    Raises `ModuleNotFoundError` when the package is not installed.
    """
    package, _, within = name.partition("/")
    return Path(str(files(package).joinpath(within)))


def locate(path: str) -> str:
    """The path of `package:NAME/...`, which is inside the package NAME. Others stay as they are.

    Raises `ModuleNotFoundError` when the package is not installed.
    """
    return str(package_file(path.removeprefix(PREFIX))) if path.startswith(PREFIX) else path

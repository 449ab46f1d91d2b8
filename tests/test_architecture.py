"""Which way imports may point, checked as code."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "serve_app" / "core").glob("*.py"))
CORE_MAY_IMPORT = {*sys.stdlib_module_names, "annotated_types", "serve_app"}
IMPURE = {
    "asyncio",
    "datetime",
    "logging",
    "os",
    "pathlib",
    "random",
    "socket",
    "threading",
    "time",
}


def test_imports_keep_to_the_contracts() -> None:
    # In a process of its own: it switches off the loggers of the one it runs in.
    lint = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]

    done = subprocess.run(lint, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_the_core_is_pure(path: Path) -> None:
    imported = {name.split(".")[0] for name in _imports(path)}

    assert imported - CORE_MAY_IMPORT == set()
    assert imported & IMPURE == set()


def _imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names.add(node.module)
    return names

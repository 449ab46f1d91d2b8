"""`__all__` of the modules that users import names what is public there, in order."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from types import ModuleType

import pytest

import serve_app
from tests.paths import REPOSITORY

# Packages that only gather names. What they import is what they offer.
GATHERING = (
    "serve_app.core",
    "serve_app.settings",
    "serve_app.testing",
    "profiles.checkpoints",
    "profiles.evaluation",
    "profiles.reports",
)
# What a command imports only when it runs.
HEAVY = {"httpx2", "numpy", "pydantic", "ray", "rich", "scipy", "sklearn", "torch", "yaml"}


def public_names(module: ModuleType) -> set[str]:
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, ModuleType) and name != "annotations"
    }


@pytest.mark.parametrize("name", GATHERING)
def test_a_package_offers_every_name_that_it_gathers(name: str) -> None:
    module = importlib.import_module(name)

    assert set(module.__all__) == public_names(module)


def test_the_application_offers_its_own_functions() -> None:
    app = importlib.import_module("serve_app.app")
    own = {name for name in public_names(app) if getattr(app, name).__module__ == app.__name__}

    assert set(app.__all__) == own


@pytest.mark.parametrize("name", ["serve_app", "serve_app.app", *GATHERING])
def test_names_are_sorted_and_named_once(name: str) -> None:
    names = importlib.import_module(name).__all__

    # Constants, classes and functions stand apart, as ruff sorts them.
    assert names == sorted(set(names), key=lambda each: (not each.isupper(), each.islower(), each))


def test_the_version_is_a_version() -> None:
    assert serve_app.__all__ == ["__version__"]
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", serve_app.__version__)


def test_importing_the_command_imports_nothing_heavy() -> None:
    code = "import sys, profiles.cli; print(*{name.partition('.')[0] for name in sys.modules})"

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )

    assert set(done.stdout.split()) & HEAVY == set()

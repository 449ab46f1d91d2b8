"""A module that an extra brings is named with the extra."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions

import pytest

from profiles.cli.missing_extra import MODULES, missing_extra
from tests.paths import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def required(extra: str) -> Iterator[str]:
    """The packages of an extra. `gpu` and `serve` share Ray, which `serve` names."""
    for requirement in PROJECT["optional-dependencies"][extra]:
        name = re.match(r"[\w.-]+", requirement)
        assert name is not None
        if (extra, name[0]) != ("gpu", "ray"):
            yield name[0].lower()


def test_every_extra_is_known() -> None:
    assert set(MODULES) == set(PROJECT["optional-dependencies"])


@pytest.mark.parametrize("extra", sorted(MODULES))
def test_every_package_of_an_extra_is_known_by_what_it_is_imported_as(extra: str) -> None:
    distributions = {
        (module, name.lower().replace("_", "-"))
        for module, names in packages_distributions().items()
        for name in names
    }
    # A machine may lack a whole extra, as the one for benchmarks.
    installed = {name for _, name in distributions}
    known = {name for module, name in distributions if module in MODULES[extra]}

    assert set(required(extra)) & installed <= known


@pytest.mark.parametrize(
    ("module", "extras"),
    [
        ("ray.serve.deployment", "serve"),
        ("vllm", "gpu"),
        ("lm_eval", "harness"),
        ("torch", "offline"),
        ("psutil", "offline,serve"),
    ],
)
def test_what_to_install_is_named(module: str, extras: str) -> None:
    message = missing_extra(ModuleNotFoundError(f"No module named {module!r}", name=module))

    assert message is not None
    assert f"pip install 'quantroute[{extras}]'" in message


def test_a_module_of_no_extra_is_a_fault_of_its_own() -> None:
    assert missing_extra(ModuleNotFoundError("No module named 'typo'", name="typo")) is None

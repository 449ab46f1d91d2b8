"""Makes quantized checkpoints by GPTQ with llmcompressor, in a virtual environment of its own.

llmcompressor pins versions that the engine cannot run with. The environment stands on the one
that runs this module: it holds only the packages that differ, and torch is not among them.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import shutil
import sys
import sysconfig
from importlib.resources import as_file, files
from pathlib import Path

from profiles.checkpoints import tools
from profiles.checkpoints.disk import staged
from profiles.checkpoints.manifest import Origin
from profiles.checkpoints.progress import Progress
from profiles.checkpoints.recipe import Quantized

CONSTRAINTS = "quantize-constraints.txt"
SCRIPT = "compress.py"
CALIBRATION = "calibration.jsonl"
PREFIX = "llmcompressor-"
# Read by Python at its start: folders to look for packages in, after the environment's own.
PARENT = "parent.pth"
ENVIRONMENT_BYTES = 500_000_000


class LlmCompressor:
    """Keeps its environment in `root`, under a name that changes with what it is made of."""

    def __init__(self, root: Path) -> None:
        self._root = root
        made_of = (_pins(), sys.prefix, sys.version, importlib.metadata.version("torch"))
        digest = hashlib.sha256("\n".join(made_of).encode()).hexdigest()
        self._environment = root / f"{PREFIX}{digest[:12]}"

    @property
    def set_up_bytes(self) -> int:
        """What has to be free before the environment is made; nothing once it is there."""
        return 0 if self._environment.is_dir() else ENVIRONMENT_BYTES

    def quantize(self, recipe: Quantized, parent: Path, folder: Path, progress: Progress) -> Origin:
        if not self._environment.is_dir():
            self._make_environment(progress)
        options = [f"--scheme={recipe.scheme}"]
        if recipe.group_size:
            options.append(f"--group-size={recipe.group_size}")
        with (
            progress.step(f"Quantizing {recipe.parent} to {recipe.scheme}") as step,
            as_file(files(__package__).joinpath(SCRIPT)) as script,
            as_file(files(__package__).joinpath(CALIBRATION)) as texts,
        ):
            # Threads that wait by spinning stand still for minutes on a machine that is busy.
            # -I: neither this package's modules nor the caller's environment leak in.
            python = ["env", "OMP_WAIT_POLICY=PASSIVE", self._python(self._environment), "-I"]
            folders = [str(parent), str(folder), f"--calibration={texts}"]
            tools.run("llmcompressor", [*python, str(script), *folders, *options], step)
        pinned = _versions_pinned()
        versions = {tool: pinned[tool] for tool in ("llmcompressor", "compressed-tensors")}
        versions["torch"] = _public(importlib.metadata.version("torch"))
        return Origin(source="quantized", detail=recipe.parent, tools=versions)

    def _make_environment(self, progress: Progress) -> None:
        remove_orphans(self._root)
        with (
            progress.step("Installing llmcompressor in an environment of its own") as step,
            staged(self._environment) as stage,
        ):
            tools.run("venv", [sys.executable, "-m", "venv", str(stage)], step)
            folders = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
            variables = {"base": str(stage), "platbase": str(stage)}
            (Path(sysconfig.get_path("purelib", "venv", variables)) / PARENT).write_text(
                "".join(f"{folder}\n" for folder in folders)
            )
            python = self._python(stage)
            newer = f"pip=={_versions_pinned()['pip']}"
            tools.run("pip", [python, "-m", "pip", "install", newer], step)
            wanted = stage / "requirements.txt"
            wanted.write_text("".join(f"{line}\n" for line in differing(_pins())))
            install = ["install", "--no-deps", "--ignore-installed", f"--requirement={wanted}"]
            tools.pip(python, install, step)

    @staticmethod
    def _python(environment: Path) -> str:
        return str(environment / "bin" / "python")


def differing(pins: str) -> list[str]:
    """The lines of `pins` that this environment does not satisfy already, torch left out."""
    lines = []
    for line in pins.splitlines():
        name, _, rest = line.partition("==")
        if line.startswith("#") or name in ("pip", "torch"):
            continue
        try:
            found = _public(importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            found = None
        if found != rest.partition(" ;")[0]:
            lines.append(line)
    return lines


def remove_orphans(root: Path) -> None:
    """Removes environments whose parent is gone, as after a deleted clone. They cannot run."""
    for file in root.glob(f"{PREFIX}*/lib/python*/site-packages/{PARENT}"):
        if not any(Path(folder).is_dir() for folder in file.read_text().splitlines()):
            shutil.rmtree(file.parents[3])


def _pins() -> str:
    return files(__package__).joinpath(CONSTRAINTS).read_text()


def _versions_pinned() -> dict[str, str]:
    """By name, of the packages that have one version on every Python."""
    return dict(line.split("==") for line in _pins().splitlines() if line.count("==") == 1)


def _public(version: str) -> str:
    """`2.13.0` of `2.13.0+cpu`."""
    return version.partition("+")[0]

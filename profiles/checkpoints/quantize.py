"""Makes quantized checkpoints with llmcompressor, in a virtual environment of its own.

llmcompressor pins versions that the engine cannot run with.
"""

from __future__ import annotations

import hashlib
import sys
from importlib.resources import as_file, files
from pathlib import Path

from profiles.checkpoints import tools
from profiles.checkpoints.disk import staged
from profiles.checkpoints.manifest import Origin
from profiles.checkpoints.progress import Progress
from profiles.checkpoints.recipe import Quantized

REQUIREMENTS = "quantize-requirements.txt"
CONSTRAINTS = "quantize-constraints.txt"
SCRIPT = "compress.py"
CALIBRATION = "calibration.jsonl"
ENVIRONMENT_BYTES = 3_500_000_000


class LlmCompressor:
    """Keeps its environment in `root`, under a name that changes with the pinned versions."""

    def __init__(self, root: Path) -> None:
        pins = files(__package__).joinpath(CONSTRAINTS).read_bytes()
        self._environment = root / f"llmcompressor-{hashlib.sha256(pins).hexdigest()[:12]}"

    @property
    def set_up_bytes(self) -> int:
        """What has to be free before the environment is made; nothing once it is there."""
        return 0 if self._environment.is_dir() else ENVIRONMENT_BYTES

    def quantize(self, recipe: Quantized, parent: Path, folder: Path, progress: Progress) -> Origin:
        if not self._environment.is_dir():
            self._make_environment(progress)
        options = [f"--scheme={recipe.scheme}", f"--method={recipe.method}"]
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
        return Origin(source="quantized", detail=recipe.parent, tools=self._versions())

    def _make_environment(self, progress: Progress) -> None:
        package = files(__package__)
        with (
            progress.step("Installing llmcompressor in an environment of its own") as step,
            staged(self._environment) as stage,
            as_file(package.joinpath(REQUIREMENTS)) as wanted,
            as_file(package.joinpath(CONSTRAINTS)) as pins,
        ):
            tools.run("venv", [sys.executable, "-m", "venv", str(stage)], step)
            python = self._python(stage)
            tools.run("pip", [python, "-m", "pip", "install", "-c", str(pins), "pip"], step)
            tools.pip(python, ["install", "-r", str(wanted), "-c", str(pins)], step)

    def _versions(self) -> dict[str, str]:
        pins = files(__package__).joinpath(CONSTRAINTS).read_text().splitlines()
        versions = dict(line.split("==") for line in pins if "==" in line)
        return {tool: versions[tool] for tool in ("llmcompressor", "compressed-tensors", "torch")}

    @staticmethod
    def _python(environment: Path) -> str:
        return str(environment / "bin" / "python")

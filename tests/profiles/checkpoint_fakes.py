"""Sources, a quantizer and a progress display that work in milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from profiles.checkpoints.build import Workshop
from profiles.checkpoints.errors import SourceUnavailable
from profiles.checkpoints.manifest import Origin
from profiles.checkpoints.progress import Progress, Step
from profiles.checkpoints.recipe import Base, Quantized

BF16 = "smollm2-135m-instruct-bf16"
W8A8 = "smollm2-135m-instruct-w8a8"
PLENTY_BYTES = 10**12


def nothing(_: Path) -> None:
    """What a source does besides writing, by default."""


def write_checkpoint(folder: Path, weights: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)


@dataclass
class WorkingSource:
    """Writes a checkpoint; `midway` happens when half of it is there."""

    weights: bytes = b"bf16"
    midway: Callable[[Path], object] = nothing
    name: str = "working source"
    fetched: int = 0

    def fetch(self, recipe: Base, folder: Path, kept: Path, progress: Progress) -> Origin:
        self.fetched += 1
        (folder / "config.json").write_text("{}")
        self.midway(folder)
        write_checkpoint(folder, self.weights)
        return Origin(source="hub", detail=self.name, tools={})


@dataclass
class UnreachableSource:
    name: str = "unreachable source"

    def fetch(self, recipe: Base, folder: Path, kept: Path, progress: Progress) -> Origin:
        (folder / "half a file").write_text("")
        raise SourceUnavailable(self.name, "name or service not known")


@dataclass
class MarkingQuantizer:
    """'Quantizes' by writing its parent's weights with a mark in front."""

    made_from: list[Path] = field(default_factory=list)
    set_up_bytes: int = 0

    def quantize(self, recipe: Quantized, parent: Path, folder: Path, progress: Progress) -> Origin:
        self.made_from.append(parent)
        write_checkpoint(folder, b"int8 of " + (parent / "model.safetensors").read_bytes())
        return Origin(source="quantized", detail=recipe.parent, tools={})


class _NoStep:
    def at(self, done: int, total: int | None) -> None:
        """Nothing is drawn."""


@dataclass
class RecordedProgress:
    """Keeps what a user would have read; `on_step` happens when a step begins, `when_noted` with
    a line between steps."""

    on_step: Callable[[str], object] = lambda _: None
    when_noted: Callable[[str], object] = lambda _: None
    lines: list[str] = field(default_factory=list)

    @contextmanager
    def step(self, text: str) -> Iterator[Step]:
        self.lines.append(text)
        self.on_step(text)
        yield _NoStep()

    def note(self, text: str) -> None:
        self.lines.append(text)
        self.when_noted(text)


def a_workshop(
    *sources: WorkingSource | UnreachableSource,
    quantizer: MarkingQuantizer | None = None,
    free_bytes: int = PLENTY_BYTES,
) -> Workshop:
    return Workshop(
        sources=sources or (WorkingSource(),),
        quantizers=dict.fromkeys(("rtn", "gptq"), quantizer or MarkingQuantizer()),
        free=lambda _: free_bytes,
    )

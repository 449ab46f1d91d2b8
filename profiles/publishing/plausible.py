"""Whether a profile's speeds can be: against its hardware's limits, and against each other.

Limits are from the vendors' data sheets. Rates are dense, without structured sparsity. Where a name
covers several boards, the fastest counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import ceil
from types import MappingProxyType

from profiles.publishing.finding import Finding
from serve_app.core.fleet import CPU
from serve_app.core.profile import ErrorGrid, Grid, Hardware, Profile

BITS_PER_BYTE = 8
# A prompt passes through no input embedding, and its last token alone through the output one.
COMPUTED_SHARE = 0.5
OPS_PER_WEIGHT = 2
# What a median may fall by where its surface does not say how sure it is, and where it does.
FALL_WITHOUT_ERROR = 0.20
FALL_WITH_ERROR = 0.05
# Tokens per second are a mean and latencies medians: they need not agree to the digit.
RATE_SLACK = 0.25


@dataclass(frozen=True, slots=True)
class Limits:
    """GB per second read from memory, and 10^12 multiplications and additions per second."""

    gb_per_s: float
    tera_ops_16_bit_per_s: float
    tera_ops_8_bit_per_s: float
    source: str


LIMITS: Mapping[str, Limits] = MappingProxyType(
    {
        "A10G": Limits(600, 70, 140, "NVIDIA A10G data sheet"),
        "A100": Limits(2039, 312, 624, "NVIDIA A100 data sheet, 80 GB SXM"),
        "A100-40G": Limits(1555, 312, 624, "NVIDIA A100 data sheet, 40 GB"),
        "A100-80G": Limits(2039, 312, 624, "NVIDIA A100 data sheet, 80 GB SXM"),
        "B200": Limits(8000, 2250, 4500, "NVIDIA DGX B200 data sheet, one of eight GPUs"),
        "B300": Limits(8000, 2500, 5000, "NVIDIA DGX B300 data sheet, one of eight GPUs"),
        "GB200": Limits(8000, 2500, 5000, "NVIDIA GB200 NVL72 data sheet, one of 72 GPUs"),
        "GB300": Limits(8000, 2500, 5000, "NVIDIA GB300 NVL72 data sheet, one of 72 GPUs"),
        "H100": Limits(3350, 989, 1979, "NVIDIA H100 data sheet, SXM"),
        "H20": Limits(4000, 148, 296, "NVIDIA HGX H20 product brief"),
        "H200": Limits(4800, 989, 1979, "NVIDIA H200 data sheet, SXM"),
        "L4": Limits(300, 121, 242, "NVIDIA L4 data sheet"),
        "L40S": Limits(864, 362, 733, "NVIDIA L40S data sheet"),
        "RTX-PRO-6000": Limits(1792, 504, 1008, "NVIDIA RTX PRO 6000 Blackwell white paper"),
        "T4": Limits(320, 65, 130, "NVIDIA Turing white paper, T4"),
        "V100": Limits(1134, 130, 130, "NVIDIA V100 data sheet, V100S"),
        # Processors differ by a factor of a hundred. This is above what the memory of any server
        # with two of them gives (24 channels of MRDIMM-8800: 1.7 TB/s), doubled because a small
        # model may lie in their caches, and above what their matrix units compute.
        CPU: Limits(4000, 1500, 3000, "our own bound, above any two-socket server"),
    }
)


def limits_of(hardware: Hardware) -> Limits | None:
    """The limits of all its accelerators together; `None` for an unknown one.

    A share of an accelerator may have all of it for itself while the others rest.
    """
    one, count = LIMITS.get(hardware.accelerator), ceil(hardware.count)
    if one is None:
        return None
    return Limits(
        one.gb_per_s * count,
        one.tera_ops_16_bit_per_s * count,
        one.tera_ops_8_bit_per_s * count,
        one.source,
    )


def faster_than_memory(profile: Profile) -> Iterator[Finding]:
    """Every step of an engine reads the weights once, and gives each request one token."""
    limits, memory = limits_of(profile.hardware), profile.memory
    if limits is None:
        return
    # An engine may quantize, or split, what lies on disk.
    read_gb = 1e-9 * min(
        memory.weights_bytes,
        memory.weights_loaded_bytes or memory.weights_bytes,
        memory.read_bytes_per_token or memory.weights_bytes,
    )
    least_ms = read_gb / limits.gb_per_s * 1e3
    medians = profile.latency.tpot_ms.p50
    places = product(range(len(medians)), range(len(medians[0])))
    impossible = [place for place in places if medians[place[0]][place[1]] < least_ms]
    if not impossible:
        return
    row, column = min(impossible, key=lambda place: medians[place[0]][place[1]])
    others = f", and less than that at {len(impossible) - 1} other loads"
    yield Finding(
        pair=profile.pair,
        field=f"latency.tpot_ms.p50[{row}][{column}]",
        got=f"{medians[row][column]:g} ms per token {_place(profile, (row, column))}",
        allowed=(
            f"it should be at least {least_ms:.3g} ms, in which {_hardware(profile)} reads "
            f"{read_gb:.3g} GB of weights at {limits.gb_per_s:g} GB/s "
            f"({limits.source})" + (others if len(impossible) > 1 else "")
        ),
        advice=(
            "measure again on this accelerator; where a token reads fewer weights, as in a "
            "mixture of experts, say so in memory.read_bytes_per_token"
        ),
    )


def faster_than_arithmetic(profile: Profile) -> Iterator[Finding]:
    """Prompt tokens per second, stated or implied by TTFT, against peak arithmetic."""
    limits = limits_of(profile.hardware)
    surface, memory = profile.latency, profile.memory
    if limits is None or not memory.weights_bytes:
        return
    # Quantized checkpoints keep some layers in 16 bits: counted as if all were, no weight is
    # counted that is not there.
    bits = max(16.0, profile.quantization.weight_bits)
    used_bytes = min(memory.weights_bytes, memory.read_bytes_per_token or memory.weights_bytes)
    ops_per_token = OPS_PER_WEIGHT * COMPUTED_SHARE * used_bytes * BITS_PER_BYTE / bits
    eight_bit = profile.quantization.activations in {"fp8", "int8"}
    tera_ops = limits.tera_ops_8_bit_per_s if eight_bit else limits.tera_ops_16_bit_per_s
    most = tera_ops * 1e12 / ops_per_token
    claims = {"throughput.prefill_tokens_per_s": profile.throughput.prefill_tokens_per_s}
    for column, tokens in enumerate(surface.prompt_tokens):
        claims[f"latency.ttft_ms.p50[0][{column}]"] = tokens / surface.ttft_ms.p50[0][column] * 1e3
    for field, rate in claims.items():
        if rate > most:
            yield Finding(
                pair=profile.pair,
                field=field,
                got=f"{rate:.4g} prompt tokens per second",
                allowed=(
                    f"it should be at most {most:.4g}, the peak arithmetic of "
                    f"{_hardware(profile)} for these weights ({limits.source})"
                ),
                advice="measure again with prompts that are not in the engine's prefix cache",
            )


def falls_under_load(profile: Profile) -> Iterator[Finding]:
    """Medians that get better with more requests or longer prompts, by more than noise."""
    error = profile.latency.median_error
    surface = profile.latency
    for name, grid, errors in (
        ("ttft_ms", surface.ttft_ms.p50, error.ttft_ms if error else None),
        ("tpot_ms", surface.tpot_ms.p50, error.tpot_ms if error else None),
    ):
        rows, columns = len(surface.concurrency), len(surface.prompt_tokens)
        for row, column in product(range(rows), range(columns)):
            earlier = [(above, column) for above in range(row)]
            earlier += [(row, before) for before in range(column)]
            fallen = [place for place in earlier if _fell(grid, errors, place, (row, column))]
            if fallen:
                above, before = max(fallen, key=lambda place: grid[place[0]][place[1]])
                yield Finding(
                    pair=profile.pair,
                    field=f"latency.{name}.p50[{row}][{column}]",
                    got=f"{grid[row][column]:g} ms {_place(profile, (row, column))}",
                    allowed=(
                        f"it should not be below {grid[above][before]:g} ms "
                        f"{_place(profile, (above, before))} by more than noise"
                    ),
                    advice="less load cannot take longer: measure again on a quiet machine",
                )


def more_than_its_latency_allows(profile: Profile) -> Iterator[Finding]:
    """No level can give more tokens per second than its requests at one token per TPOT."""
    surface, rates = profile.latency, profile.throughput.decode_tokens_per_s
    for row, (level, rate) in enumerate(zip(surface.concurrency, rates, strict=True)):
        most = level * 1e3 / min(surface.tpot_ms.p50[row])
        if rate > most * (1 + RATE_SLACK):
            yield Finding(
                pair=profile.pair,
                field=f"throughput.decode_tokens_per_s[{row}]",
                got=f"{rate:g} tokens per second",
                allowed=(
                    f"it should be at most about {most:.4g}: {level} at once, each a token every "
                    f"{min(surface.tpot_ms.p50[row]):g} ms"
                ),
                advice="its price would be too low: measure throughput and latency together",
            )


def _fell(
    grid: Grid, errors: ErrorGrid | None, earlier: tuple[int, int], later: tuple[int, int]
) -> bool:
    before, after = grid[earlier[0]][earlier[1]], grid[later[0]][later[1]]
    if errors is None:
        return before - after > before * FALL_WITHOUT_ERROR
    noise = errors[earlier[0]][earlier[1]] + errors[later[0]][later[1]]
    return before - after > max(noise, before * FALL_WITH_ERROR)


def _place(profile: Profile, place: tuple[int, int]) -> str:
    surface = profile.latency
    level, length = surface.concurrency[place[0]], surface.prompt_tokens[place[1]]
    return f"at {level} at once with {length} prompt tokens"


def _hardware(profile: Profile) -> str:
    return f"{profile.hardware.count:g} x {profile.hardware.accelerator}"

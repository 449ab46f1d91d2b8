"""What an accelerator can do at most, from its vendor's data sheet: no profile may claim more.

Rates are dense, without structured sparsity. Where a name covers several boards, the fastest
counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from types import MappingProxyType

from serve_app.accelerators import CPU
from serve_app.core.profile import Activations, Hardware

GB = 1e9
TERA = 1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bytes per second read from memory, and multiplications and additions per second."""

    bytes_per_s: float
    ops_16_bit_per_s: float
    ops_8_bit_per_s: float
    source: str

    def ops_per_s(self, activations: Activations) -> float:
        return self.ops_8_bit_per_s if activations in {"fp8", "int8"} else self.ops_16_bit_per_s


def _board(gb_per_s: float, tera_16_bit: float, tera_8_bit: float, source: str) -> Limits:
    return Limits(
        bytes_per_s=gb_per_s * GB,
        ops_16_bit_per_s=tera_16_bit * TERA,
        ops_8_bit_per_s=tera_8_bit * TERA,
        source=source,
    )


LIMITS: Mapping[str, Limits] = MappingProxyType(
    {
        "A10G": _board(600, 70, 140, "NVIDIA A10G data sheet"),
        "A100": _board(2039, 312, 624, "NVIDIA A100 data sheet, 80 GB SXM"),
        "A100-40G": _board(1555, 312, 624, "NVIDIA A100 data sheet, 40 GB"),
        "A100-80G": _board(2039, 312, 624, "NVIDIA A100 data sheet, 80 GB SXM"),
        "B200": _board(8000, 2250, 4500, "NVIDIA DGX B200 data sheet, one of eight GPUs"),
        "B300": _board(8000, 2500, 5000, "NVIDIA DGX B300 data sheet, one of eight GPUs"),
        "GB200": _board(8000, 2500, 5000, "NVIDIA GB200 NVL72 data sheet, one of 72 GPUs"),
        "GB300": _board(8000, 2500, 5000, "NVIDIA GB300 NVL72 data sheet, one of 72 GPUs"),
        "H100": _board(3350, 989, 1979, "NVIDIA H100 data sheet, SXM"),
        "H20": _board(4000, 148, 296, "NVIDIA HGX H20 product brief"),
        "H200": _board(4800, 989, 1979, "NVIDIA H200 data sheet, SXM"),
        "L4": _board(300, 121, 242, "NVIDIA L4 data sheet"),
        "L40S": _board(864, 362, 733, "NVIDIA L40S data sheet"),
        "RTX-PRO-6000": _board(1792, 504, 1008, "NVIDIA RTX PRO 6000 Blackwell white paper"),
        "T4": _board(320, 65, 130, "NVIDIA Turing white paper, T4"),
        "V100": _board(1134, 130, 130, "NVIDIA V100 data sheet, V100S"),
        # Processors differ by a factor of a hundred. This is above what the memory of any server
        # with two of them gives (24 channels of MRDIMM-8800: 1.7 TB/s), doubled because a small
        # model may lie in their caches, and above what their matrix units compute.
        CPU: _board(4000, 1500, 3000, "our own bound, above any two-socket server"),
    }
)


def limits_of(hardware: Hardware) -> tuple[Limits, int] | None:
    """The limits of one accelerator and how many there are; `None` for an unknown one.

    A share of an accelerator may have all of it for itself while the others rest.
    """
    limits = LIMITS.get(hardware.accelerator)
    return None if limits is None else (limits, ceil(hardware.count))

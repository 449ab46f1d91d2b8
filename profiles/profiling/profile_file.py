"""Where a profile is written, its author, and where its figures come from.

Its graded answers are next to it, where pairs made from it find them, and so is the last verdict
of the golden gate.
"""

from __future__ import annotations

import fcntl
import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
from pydantic import TypeAdapter

from profiles.errors import MeasurementUnusable, PairBusy
from profiles.evaluation import Outcome, OutcomesInvalid, read_outcomes
from profiles.profiling.engine import EngineSpec
from profiles.publishing.verdicts import failed_gate, standing_verdict
from serve_app.atomic_write import write_atomically
from serve_app.core.errors import CatalogInvalid
from serve_app.core.fleet import Pair
from serve_app.core.profile import GoldenResult, Profile
from serve_app.store.codec import decode_profile, encode_profile

CPU_INFO = Path("/proc/cpuinfo")
_VERDICT = TypeAdapter(GoldenResult)


def profile_path(out: Path, pair: Pair) -> Path:
    return out / pair.model / f"{pair.id}@{pair.hardware.accelerator}.json"


def raw_folder(raw: Path, pair: Pair) -> Path:
    """The folder of a pair's raw results and logs, made if need be."""
    folder = raw / pair.id
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def read_profile(path: Path) -> Profile | None:
    """The profile at `path`, `None` when there is none. Raises `CatalogInvalid`."""
    if not path.exists():
        return None
    return decode_profile(path.read_bytes(), str(path))


def kept_failure(path: Path) -> GoldenResult | None:
    """The failed verdict of the golden gate that a new profile at `path` has to carry."""
    earlier = None
    # Nothing of a damaged profile is kept. Its verdict has a file of its own.
    with suppress(CatalogInvalid):
        profile = read_profile(path)
        earlier = profile.golden if profile is not None else None
    recorded = None
    with suppress(FileNotFoundError):
        recorded = _VERDICT.validate_json(verdict_path(path).read_bytes(), strict=True)
    verdict = standing_verdict(earlier, recorded)
    return verdict if failed_gate(verdict) else None


def write_verdict(path: Path, verdict: GoldenResult) -> Path:
    """Keeps the last verdict next to the profile at `path`, where there may be none yet."""
    kept = verdict_path(path)
    write_atomically(kept, _VERDICT.dump_json(verdict) + b"\n")
    return kept


def verdict_path(profile: Path) -> Path:
    """`<pair>@<accelerator>.verdict.jsonl` next to the profile of that name."""
    return profile.with_name(f"{profile.stem}.verdict.jsonl")


def write_profile(path: Path, profile: Profile) -> None:
    """Replaces the file in one step, once its text has been read back as a sound profile."""
    text = encode_profile(profile)
    decode_profile(text, str(path))
    write_atomically(path, text)


@contextmanager
def sole_profiler(path: Path, pair: str) -> Iterator[None]:
    """Raises `PairBusy` when another process is about to write the same profile.

    The lock is the kernel's, so a killed profiler leaves none behind; the file names the holder.
    """
    lock_path = path.with_name(f".{path.name}.lock")
    lock_path.parent.mkdir(parents=True, exist_ok=True)
    with lock_path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            lock.seek(0)
            raise PairBusy(pair, lock.read().strip()) from exc
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        try:
            yield
        finally:
            lock_path.unlink(missing_ok=True)


def machine(engine_version: str) -> str:
    """This machine in a line: processor, cores, memory, system, versions."""
    memory_gib = psutil.virtual_memory().total / 2**30
    cpu_info = CPU_INFO.read_text() if CPU_INFO.exists() else ""
    processor = re.search(r"^model name\s*: *(.*)$", cpu_info, re.MULTILINE)
    try:
        torch = version("torch")
    except PackageNotFoundError:
        torch = "not installed"
    parts = [
        processor[1].strip() if processor else platform.machine(),
        f"{psutil.cpu_count()} logical cores",
        f"{memory_gib:.1f} GiB memory",
        f"{platform.system()} {platform.release()}",
        f"Python {platform.python_version()}",
        f"vLLM {engine_version}",
        f"torch {torch}",
    ]
    return ", ".join(parts)


def outcomes_path(profile: Path) -> Path:
    """`<pair>@<accelerator>.outcomes.jsonl` next to the profile of that name."""
    return profile.with_name(f"{profile.stem}.outcomes.jsonl")


def parent_outcomes(profile: Path, spec: EngineSpec, *, items_digest: str) -> tuple[Outcome, ...]:
    """The parent's answers to the same questions; none where it has no such answers here.

    Raises `MeasurementUnusable` when its file is damaged.
    """
    if spec.parent is None:
        return ()
    path = outcomes_path(profile.with_name(f"{spec.parent}@{spec.pair.hardware.accelerator}.json"))
    if not path.exists():
        return ()
    try:
        digest, outcomes = read_outcomes(path)
    except OutcomesInvalid as exc:
        raise MeasurementUnusable(
            f"{exc}; profile {spec.parent!r} again, then use --resume"
        ) from exc
    return outcomes if digest == items_digest else ()

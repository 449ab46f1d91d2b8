"""GPU memory, counted by a stand-in for NVML: there is no GPU here."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass, field

import pytest

from profiles.errors import EngineUnsuitable
from profiles.processes.gpu_memory import GpuMemory, gpu_memory

OWN, STRANGER = os.getpid(), 1


@dataclass
class Process:
    pid: int
    usedGpuMemory: int | None


@dataclass
class Totals:
    used: int


@dataclass
class Gpu:
    used: int = 0
    processes: list[Process] = field(default_factory=list)


class FakeNvml:
    """Two GPUs by default, as NVML would answer for them."""

    def __init__(self, *gpus: Gpu) -> None:
        self.gpus = gpus or (Gpu(), Gpu())

    def nvmlDeviceGetCount(self) -> int:
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Gpu:
        return self.gpus[index]

    def nvmlDeviceGetComputeRunningProcesses(self, handle: object) -> list[Process]:
        assert isinstance(handle, Gpu)
        return handle.processes

    def nvmlDeviceGetMemoryInfo(self, handle: object) -> Totals:
        assert isinstance(handle, Gpu)
        return Totals(handle.used)


def test_a_replica_over_two_gpus_holds_the_sum_and_strangers_do_not_count() -> None:
    nvml = FakeNvml(
        Gpu(used=900, processes=[Process(OWN, 100), Process(STRANGER, 700)]),
        Gpu(used=60, processes=[Process(OWN, 50)]),
    )

    assert GpuMemory(nvml).used_bytes(OWN) == 150


def test_where_nvml_names_no_process_of_ours_the_rise_since_the_start_counts() -> None:
    first, second = Gpu(used=1000), Gpu(used=10)
    memory = GpuMemory(FakeNvml(first, second))

    first.used, second.used = 1400, 40

    assert memory.used_bytes(OWN) == 430


def test_a_process_whose_share_nvml_does_not_tell_counts_by_the_rise() -> None:
    gpu = Gpu(used=0, processes=[Process(OWN, None)])
    memory = GpuMemory(FakeNvml(gpu))

    gpu.used = 300

    assert memory.used_bytes(OWN) == 300


def test_gpus_that_others_emptied_meanwhile_are_no_negative_memory() -> None:
    gpu = Gpu(used=500)
    memory = GpuMemory(FakeNvml(gpu))

    gpu.used = 100

    assert memory.used_bytes(OWN) == 0


def test_without_a_driver_or_the_package_the_pair_is_refused_with_what_to_do() -> None:
    advice = "nvidia-ml-py" if importlib.util.find_spec("pynvml") is None else "NVIDIA driver"

    with pytest.raises(EngineUnsuitable, match=advice):
        gpu_memory()

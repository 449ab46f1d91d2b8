"""GPU memory of a process tree, as NVML counts it. Knows NVML's Python names, no engine."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from profiles.errors import EngineUnsuitable
from profiles.processes.process_group import tree_pids


def gpu_memory() -> Callable[[int], int]:
    """A reader of the bytes that a process tree holds on this machine's GPUs.

    Raises `EngineUnsuitable` when NVML cannot be asked.
    """
    try:
        # By name: only a machine with a GPU needs it.
        pynvml = importlib.import_module("pynvml")
    except ImportError as exc:
        raise EngineUnsuitable(
            "GPU memory is read through NVML and the package nvidia-ml-py is not installed: "
            "pip install nvidia-ml-py"
        ) from exc
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as exc:
        raise EngineUnsuitable(
            f"NVML, which reads GPU memory, reports {exc}: run where the NVIDIA driver is"
        ) from exc
    return GpuMemory(pynvml).used_bytes


class GpuMemory:
    """Bytes that a process tree holds, summed over all GPUs.

    In a container NVML may name processes by the host's ids, or none at all. What the GPUs hold
    more than when watching began counts then: nothing else may start on them meanwhile. `nvml` is
    the module `pynvml`, which the package nvidia-ml-py brings and which has no types.
    """

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        self._gpus = [
            nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())
        ]
        self._before = self._held()

    def used_bytes(self, pid: int) -> int:
        own = tree_pids(pid)
        named = [
            process.usedGpuMemory
            for gpu in self._gpus
            for process in self._nvml.nvmlDeviceGetComputeRunningProcesses(gpu)
            if process.pid in own and process.usedGpuMemory is not None
        ]
        return sum(named) if named else max(0, self._held() - self._before)

    def _held(self) -> int:
        return sum(self._nvml.nvmlDeviceGetMemoryInfo(gpu).used for gpu in self._gpus)

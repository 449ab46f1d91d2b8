"""Why a pair could not be profiled. Every one ends up as one line of the run's summary.

* ProfilingError
  + EngineDidNotLoad         the engine process ended, or sent nothing, before its first token
  + EngineUnsuitable         this machine cannot run the pair, or a running engine is not the pair
  + LoadGeneratorFailed      the load generator ended before it wrote a result
  + MeasurementUnusable      the samples cannot become a profile
  + PairBusy                 another profiler has the pair
  + ResumeRefused            what an earlier run left was measured with other settings
"""

from __future__ import annotations

from pathlib import Path

from serve_app.validation_errors import shortened


class ProfilingError(Exception):
    """One pair could not be profiled."""


class EngineDidNotLoad(ProfilingError):
    """`cause` is one line; `tail` the last lines of the engine's log."""

    def __init__(self, pair: str, cause: str, log_path: Path, tail: str) -> None:
        super().__init__(pair, cause, log_path, tail)
        self.pair = pair
        self.cause = cause
        self.log_path = log_path
        self.tail = tail

    def __str__(self) -> str:
        return f"the engine of {self.pair!r} did not load: {self.cause}; its log: {self.log_path}"


class EngineUnsuitable(ProfilingError):
    """What the engine or the machine is or lacks, and what to do."""


class LoadGeneratorFailed(ProfilingError):
    """`cause` is the last error in the load generator's log."""

    def __init__(self, cause: str, log_path: Path) -> None:
        super().__init__(cause, log_path)
        self.cause = cause
        self.log_path = log_path

    def __str__(self) -> str:
        return f"the load generator failed: {self.cause}; its log: {self.log_path}"


class MeasurementUnusable(ProfilingError):
    """What is wrong with the samples, and what to do."""


class PairBusy(ProfilingError):
    """Process `pid` is profiling the same pair."""

    def __init__(self, pair: str, pid: str) -> None:
        super().__init__(pair, pid)
        self.pair = pair
        self.pid = pid

    def __str__(self) -> str:
        return (
            f"pair {self.pair!r} is being profiled by process {self.pid}: two at once would "
            f"measure each other; wait for it or stop it"
        )


class ResumeRefused(ProfilingError):
    """`differences` has one line for each setting that is not what it was."""

    def __init__(self, folder: Path, differences: tuple[str, ...]) -> None:
        super().__init__(folder, differences)
        self.folder = folder
        self.differences = differences

    def __str__(self) -> str:
        return (
            f"the run in {self.folder} cannot go on: {'; '.join(shortened(self.differences))}. Use "
            f"the settings it began with, or leave --resume out to start again"
        )

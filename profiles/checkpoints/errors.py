"""What can go wrong while checkpoints are made, each saying what came and what to do.

* CheckpointError
  x UnknownCheckpoint        no recipe has this name
  x LocalCheckpointInvalid   the given folder is not a checkpoint
  x SourceUnavailable        one source cannot deliver: the next one is tried
  x NoSource                 none of them could
  x WrongDigest              the bytes are not the published ones: nothing of them is kept
  x DiskFull
  x ToolFailed               a program that was run for this ended with an error
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path


class CheckpointError(Exception):
    """A checkpoint cannot be had. Nothing half-made is left where a finished one would be."""


class UnknownCheckpoint(CheckpointError):
    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(name, tuple(known))
        self.name = name
        self.known = tuple(known)

    def __str__(self) -> str:
        names = ", ".join(repr(name) for name in self.known)
        return f"checkpoint {self.name!r} does not exist; known: {names}"


class LocalCheckpointInvalid(CheckpointError):
    def __init__(self, name: str, path: Path, missing: str) -> None:
        super().__init__(name, path, missing)
        self.name = name
        self.path = path
        self.missing = missing

    def __str__(self) -> str:
        return (
            f"the folder given for {self.name!r}, {str(self.path)!r}, has no {self.missing}; name "
            "a folder with config.json, tokenizer.json and *.safetensors, or give none"
        )


class SourceUnavailable(CheckpointError):
    def __init__(self, source: str, cause: str) -> None:
        super().__init__(source, cause)
        self.source = source
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.source}: {self.cause}"


class NoSource(CheckpointError):
    def __init__(self, name: str, tried: Sequence[SourceUnavailable]) -> None:
        super().__init__(name, tuple(tried))
        self.name = name
        self.tried = tuple(tried)

    def __str__(self) -> str:
        causes = "".join(f"\n  {failure}" for failure in self.tried)
        return (
            f"no source has the weights of {self.name!r}:{causes}\nConnect this machine to one of "
            "them, or name a folder that holds the checkpoint"
        )


class WrongDigest(CheckpointError):
    def __init__(self, file: str, source: str, expected: str, got: str) -> None:
        super().__init__(file, source, expected, got)
        self.file = file
        self.source = source
        self.expected = expected
        self.got = got

    def __str__(self) -> str:
        return (
            f"{self.file!r} from {self.source} was refused: its digest is {self.got}, the "
            f"published one {self.expected}; run again, and if it stays so, name another source"
        )


class DiskFull(CheckpointError):
    """`needed_bytes` is `None` when the disk filled up although enough had seemed free."""

    def __init__(self, folder: Path, free_bytes: int, needed_bytes: int | None = None) -> None:
        super().__init__(folder, free_bytes, needed_bytes)
        self.folder = folder
        self.free_bytes = free_bytes
        self.needed_bytes = needed_bytes

    def __str__(self) -> str:
        free = f"the disk of {str(self.folder)!r} has {self.free_bytes / 1e9:.1f} GB free"
        if self.needed_bytes is None:
            return f"{free} and filled up; free some space, then run again"
        return f"{free}, {self.needed_bytes / 1e9:.1f} GB are needed; free some, then run again"


class ToolFailed(CheckpointError):
    def __init__(self, tool: str, exit_code: int, output: str) -> None:
        super().__init__(tool, exit_code, output)
        self.tool = tool
        self.exit_code = exit_code
        self.output = output

    def __str__(self) -> str:
        tail = "\n  ".join(self.output.splitlines()[-12:])
        return f"{self.tool} ended with exit code {self.exit_code}; its last lines:\n  {tail}"

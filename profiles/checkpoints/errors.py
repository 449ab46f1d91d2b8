"""What can go wrong while checkpoints are made, each saying what came and what to do.

* CheckpointError
  x UnknownCheckpoint        no recipe has this name
  x LocalCheckpointInvalid   the given folder is not a checkpoint
  x SourceUnavailable        one source cannot deliver: the next one is tried
  x DownloadFailed           a server did not send a whole file
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


class DownloadFailed(CheckpointError):
    """The server refused, or attempts ended without a new byte. Bytes that came are kept."""

    def __init__(self, host: str, cause: str, kept_bytes: int) -> None:
        super().__init__(host, cause, kept_bytes)
        self.host = host
        self.cause = cause
        self.kept_bytes = kept_bytes

    def __str__(self) -> str:
        kept = f"; {self.kept_bytes / 1e6:.1f} MB are kept, run again to go on"
        return f"{self.host}: {self.cause}{kept if self.kept_bytes else ''}"


class NoSource(CheckpointError):
    def __init__(self, name: str, tried: Sequence[SourceUnavailable]) -> None:
        super().__init__(name, tuple(tried))
        self.name = name
        self.tried = tuple(tried)

    def __str__(self) -> str:
        causes = "".join(f"\n  {failure}" for failure in self.tried)
        return (
            f"no source has the weights of {self.name!r}:\n  local path: none was given{causes}\n"
            "Connect this machine to one of them, or give a folder that holds the checkpoint: "
            f"--local {self.name}=FOLDER"
        )


class WrongDigest(CheckpointError):
    """`expected` and `got` are hexadecimal digests; `got` may give the reason for having none."""

    def __init__(self, file: str, source: str, expected: str, got: str) -> None:
        super().__init__(file, source, expected, got)
        self.file = file
        self.source = source
        self.expected = expected
        self.got = got

    def __str__(self) -> str:
        return (
            f"{self.file} from the {self.source} was refused: its digest is {self.got}, and "
            f"{self.expected} is expected; run again, and if it stays so, give a folder that "
            "holds the checkpoint: --local NAME=FOLDER"
        )


class DiskFull(CheckpointError):
    """`needed_bytes` is what all of the work needs, what is there of it included."""

    def __init__(self, folder: Path, free_bytes: int, needed_bytes: int) -> None:
        super().__init__(folder, free_bytes, needed_bytes)
        self.folder = folder
        self.free_bytes = free_bytes
        self.needed_bytes = needed_bytes

    def __str__(self) -> str:
        return (
            f"the disk of {str(self.folder)!r} has {self.free_bytes / 1e9:.1f} GB free, "
            f"{self.needed_bytes / 1e9:.1f} GB are needed; free some, then run again"
        )


class ToolFailed(CheckpointError):
    def __init__(self, tool: str, exit_code: int, output: str) -> None:
        super().__init__(tool, exit_code, output)
        self.tool = tool
        self.exit_code = exit_code
        self.output = output

    def __str__(self) -> str:
        tail = "\n  ".join(self.output.splitlines()[-12:])
        return f"{self.tool} ended with exit code {self.exit_code}; its last lines:\n  {tail}"

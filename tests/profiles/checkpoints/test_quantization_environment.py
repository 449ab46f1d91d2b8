"""Which packages the quantization environment holds, and when it is removed."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from profiles.checkpoints.quantize import PARENT, PREFIX, LlmCompressor, differing, remove_orphans


def test_a_package_that_its_parent_has_is_left_out() -> None:
    assert differing(f"pydantic=={version('pydantic')}\nrich=={version('rich')}") == []


def test_a_package_in_another_version_is_kept_with_its_marker() -> None:
    lines = ['numpy==0.0.1 ; python_version == "3.11"', "rich==0.0.2"]
    assert differing("# made\n" + "\n".join(lines)) == lines


def test_a_package_that_its_parent_lacks_is_kept() -> None:
    assert differing("no-such-package==1.0") == ["no-such-package==1.0"]


def test_torch_is_its_parents() -> None:
    assert differing("torch==0.0.1\npip==1.0") == []


def test_an_environment_whose_parent_is_gone_is_removed(tmp_path: Path) -> None:
    parent = tmp_path / "parent" / "site-packages"
    parent.mkdir(parents=True)
    kept, orphan = (_environment(tmp_path, name) for name in ("kept", "orphan"))
    (kept / PARENT).write_text(f"{parent}\n")
    (orphan / PARENT).write_text(f"{tmp_path / 'deleted'}\n")

    remove_orphans(tmp_path)

    assert [path.name for path in tmp_path.glob(f"{PREFIX}*")] == [f"{PREFIX}kept"]


def test_its_environment_needs_space_only_until_it_is_there(tmp_path: Path) -> None:
    compressor = LlmCompressor(tmp_path)
    assert compressor.set_up_bytes > 0
    compressor._environment.mkdir()
    assert compressor.set_up_bytes == 0


def _environment(root: Path, name: str) -> Path:
    packages = root / f"{PREFIX}{name}" / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    return packages

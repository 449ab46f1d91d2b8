"""The model hub as a source, against a hub that runs here."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from profiles.checkpoints.download import PARTIAL_SUFFIX
from profiles.checkpoints.errors import SourceUnavailable, WrongDigest
from profiles.checkpoints.hub import HubSource
from profiles.checkpoints.recipe import Base, recipe_of
from tests.paths import REPOSITORY
from tests.profiles.checkpoint_fakes import BF16, RecordedProgress
from tests.profiles.model_hub import COMMIT, model_hub

FILES = {
    "config.json": b"{}",
    "tokenizer.json": b'{"a": 1}',
    "model.safetensors": b"weights",
    "README.md": b"about",
    "onnx/model.safetensors": b"another format",
}

ASK_OFFLINE = """
import sys
from pathlib import Path
from profiles.checkpoints.hub import HubSource
from profiles.checkpoints.recipe import recipe_of
from tests.profiles.checkpoint_fakes import BF16, RecordedProgress

made = Path(sys.argv[1])
HubSource().fetch(recipe_of(BF16), made, made / "kept", RecordedProgress())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "made"
    made.mkdir()
    return made


def smollm2() -> Base:
    recipe = recipe_of(BF16)
    assert isinstance(recipe, Base)
    return recipe


def test_the_checkpoints_files_are_fetched_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    with model_hub(smollm2().hub_repo, FILES) as endpoint:
        origin = HubSource(endpoint).fetch(smollm2(), folder, tmp_path / "kept", RecordedProgress())
    fetched = {path.name: path.read_bytes() for path in folder.iterdir()}
    expected = ("config.json", "tokenizer.json", "model.safetensors")
    assert fetched == {name: FILES[name] for name in expected}
    assert origin.detail == f"HuggingFaceTB/SmolLM2-135M-Instruct@{COMMIT}"


def test_a_file_goes_on_where_a_killed_run_stopped(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept" / f"hub-{COMMIT}"
    kept.mkdir(parents=True)
    (kept / f"model.safetensors{PARTIAL_SUFFIX}").write_bytes(FILES["model.safetensors"][:3])
    asked: list[str] = []
    with model_hub(smollm2().hub_repo, FILES, ranges=asked) as endpoint:
        HubSource(endpoint).fetch(smollm2(), folder, tmp_path / "kept", RecordedProgress())
    assert (folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert asked == ["bytes=3-"]


@pytest.mark.parametrize(
    ("file", "sent"), [("model.safetensors", b"w3ights"), ("tokenizer.json", b'{"a": 2}')]
)
def test_bytes_that_are_not_the_published_ones_are_refused(
    folder: Path, tmp_path: Path, file: str, sent: bytes
) -> None:
    with (
        model_hub(smollm2().hub_repo, FILES, served={file: sent}) as endpoint,
        pytest.raises(WrongDigest, match=file),
    ):
        HubSource(endpoint).fetch(smollm2(), folder, tmp_path / "kept", RecordedProgress())
    assert not list((tmp_path / "kept").rglob(file))


def test_a_hub_that_lacks_a_file_it_lists_is_unavailable(folder: Path, tmp_path: Path) -> None:
    with (
        model_hub(smollm2().hub_repo, FILES, missing="model.safetensors") as endpoint,
        pytest.raises(SourceUnavailable, match="the server answered 404"),
    ):
        HubSource(endpoint).fetch(smollm2(), folder, tmp_path / "kept", RecordedProgress())


def test_an_offline_switch_is_obeyed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ASK_OFFLINE, str(tmp_path)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    said = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert "SourceUnavailable: model hub: " in said.stderr
    assert "HF_HUB_OFFLINE" in said.stderr


def test_a_hub_that_nobody_runs_is_unavailable(folder: Path, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(SourceUnavailable, match="model hub"):
            HubSource(endpoint).fetch(smollm2(), folder, tmp_path / "kept", RecordedProgress())


def test_a_hub_that_never_answers_is_unavailable_after_its_time_limit(
    folder: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        source = HubSource(endpoint, reach_timeout_s=0.2)
        with pytest.raises(SourceUnavailable, match="model hub"):
            source.fetch(smollm2(), folder, tmp_path / "kept", RecordedProgress())

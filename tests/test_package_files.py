"""Files that ship are found in the installed packages, wherever a command runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiles.bench.prompts import GOLDEN
from profiles.bench.tokens import SAMPLES
from profiles.cli import options
from profiles.router_eval.prices import KNOWN_PRICES
from profiles.schema import SCHEMA_FILE
from profiles.validation.probe_set import SHIPPED
from serve_app.classifier.classifiers import open_classifier
from serve_app.classifier.request_text import segment
from serve_app.classifier.success_model import ORIGIN
from serve_app.package_files import locate, package_file
from serve_app.settings import StoreSettings
from serve_app.store.open_store import open_store
from serve_app.testing import RecordingEvents
from serve_app.tokens.estimate import WEIGHTS
from tests.paths import REPOSITORY


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (options.GOLDEN, "profiles/golden/starter.jsonl"),
        (GOLDEN, "profiles/golden/starter.jsonl"),
        (SHIPPED, "profiles/golden/probes.jsonl"),
        (SAMPLES, "profiles/bench/token_samples"),
        (KNOWN_PRICES, "profiles/router_eval/prices.json"),
        (SCHEMA_FILE, "profiles/schema.json"),
        (WEIGHTS, "serve_app/tokens/weights.json"),
    ],
)
def test_each_file_that_ships_is_in_its_package(file: Path, name: str) -> None:
    assert file.is_absolute()
    assert file.samefile(REPOSITORY / name)


async def test_the_shipped_catalog_is_read_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    catalog = await open_store(locate(StoreSettings().fallback_url)).load()

    assert "qwen2.5-0.5b-bf16" in catalog.profiles


async def test_the_shipped_success_model_is_read_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = "package:profiles/success/embedded.npz"

    classification = await open_classifier(model, events=RecordingEvents()).classify(
        segment("What?")
    )

    assert classification.origin == ORIGIN


def test_other_paths_stay_as_they_are() -> None:
    assert locate("profiles/data") == "profiles/data"
    assert locate("redis://host:6379/0") == "redis://host:6379/0"


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match="not_installed"):
        package_file("not_installed/data")
